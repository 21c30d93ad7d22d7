//! Identifiers. Each is its own type, so that none can be taken for another.

use crate::error::Error;
use std::fmt;
use std::str::FromStr;
use uuid::Uuid;

macro_rules! id {
    ($(#[$doc:meta])* $name:ident, $form:ident, $field:literal, $rule:literal) => {
        $(#[$doc])*
        #[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
        pub struct $name(Uuid);

        impl $name {
            /// A new random one.
            pub fn random() -> Self {
                Self(Uuid::new_v4())
            }

            pub const fn as_bytes(&self) -> &[u8; 16] {
                self.0.as_bytes()
            }

            pub const fn from_bytes(bytes: [u8; 16]) -> Self {
                Self(Uuid::from_bytes(bytes))
            }
        }

        impl fmt::Display for $name {
            fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                write!(f, "{}", self.0.$form())
            }
        }

        impl fmt::Debug for $name {
            fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                fmt::Display::fmt(self, f)
            }
        }

        impl FromStr for $name {
            type Err = Error;

            /// Only the canonical form: lowercase, and with or without dashes as it is written.
            fn from_str(text: &str) -> Result<Self, Error> {
                let canonical = |id: &Uuid| id.$form().encode_lower(&mut Uuid::encode_buffer()) == text;
                Uuid::try_parse(text)
                    .ok()
                    .filter(canonical)
                    .map(Self)
                    .ok_or_else(|| Error::invalid($field, $rule))
            }
        }
    };
}

id!(
    /// An account: the tenant that owns everything else.
    AccountId, simple, "account_id", "must be 32 lowercase hex digits"
);
id!(
    /// A service token.
    TokenId, hyphenated, "token_id", "must be a service token's id (a UUID), not its name or Client ID"
);
id!(
    /// An API token.
    ApiTokenId, simple, "api_token_id", "must be 32 lowercase hex digits"
);
id!(
    /// An application.
    ApplicationId, hyphenated, "app_id", "must be an application's id (a UUID)"
);
id!(
    /// A policy, reusable or an application's own.
    PolicyId, hyphenated, "policy_id", "must be a policy's id (a UUID)"
);
id!(
    /// A group of rules.
    GroupId, hyphenated, "group_id", "must be a group's id (a UUID)"
);
id!(
    /// A session.
    SessionId, simple, "session_id", "must be 32 lowercase hex digits"
);

/// An application's audience tag: 64 lowercase hex digits.
#[derive(Clone, PartialEq, Eq, Hash, Debug)]
pub struct Audience(String);

impl Audience {
    pub fn random() -> Self {
        Self(format!("{}{}", Uuid::new_v4().simple(), Uuid::new_v4().simple()))
    }

    pub fn as_str(&self) -> &str {
        &self.0
    }
}

impl fmt::Display for Audience {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}

impl FromStr for Audience {
    type Err = Error;

    fn from_str(text: &str) -> Result<Self, Error> {
        let well_formed =
            text.len() == 64 && text.bytes().all(|b| b.is_ascii_digit() || (b'a'..=b'f').contains(&b));
        if well_formed {
            Ok(Self(text.to_owned()))
        } else {
            Err(Error::invalid("aud", "must be 64 lowercase hex digits"))
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_the_canonical_form_is_an_id() {
        let id = TokenId::random();
        assert_eq!(id.to_string().parse::<TokenId>().unwrap(), id);
        for text in
            [id.to_string().to_uppercase(), id.to_string().replace('-', ""), "x".into(), String::new()]
        {
            assert!(text.parse::<TokenId>().is_err(), "{text}");
        }
        let account = AccountId::random().to_string();
        assert_eq!(account.len(), 32);
        assert!(account.parse::<AccountId>().is_ok());
    }
}
