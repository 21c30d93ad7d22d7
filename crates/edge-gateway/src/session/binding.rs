//! The secret that a session is bound to.

use aws_lc_rs::digest::{SHA256, digest};
use aws_lc_rs::rand;
use session_token::Thumbprint;

/// 256 random bits, which the client alone gets; the session carries their digest.
pub struct Binding(Thumbprint);

impl Binding {
    /// `None`: there is no randomness to be had.
    pub fn draw() -> Option<Self> {
        let mut bytes = [0; 32];
        rand::fill(&mut bytes).ok()?;
        Some(Self(Thumbprint(bytes)))
    }

    /// As it stands in the cookie: 43 characters of base64url.
    pub fn text(&self) -> String {
        self.0.to_string()
    }

    /// What a session says that is bound to this text.
    pub fn digest(text: &str) -> Thumbprint {
        let mut bytes = [0; 32];
        bytes.iter_mut().zip(digest(&SHA256, text.as_bytes()).as_ref()).for_each(|(to, from)| *to = *from);
        Thumbprint(bytes)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn no_two_are_alike() {
        let (one, two) = (Binding::draw().unwrap().text(), Binding::draw().unwrap().text());
        assert_eq!((one.len(), two.len()), (43, 43));
        assert_ne!(Binding::digest(&one), Binding::digest(&two));
        assert_eq!(Binding::digest(&one), Binding::digest(&one.clone()));
    }
}
