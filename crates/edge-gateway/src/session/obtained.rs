//! A session that an exchange brought.

use super::{Binding, Session};
use crate::answer;
use crate::request::cookie;
use bytes::Bytes;
use directory::{Application, Cookie};
use http::HeaderValue;
use std::sync::Arc;

/// A session with its text, which the request that is answered with it does not bring.
pub struct Obtained {
    pub session: Arc<Session>,
    /// The JWT, as the application gets it.
    pub assertion: HeaderValue,
    cookie: Option<Kept>,
    /// The secret that it is bound to, as the client gets it.
    binding: Option<Box<str>>,
}

/// A cookie, and what it was made from.
struct Kept {
    attributes: Cookie,
    path: Box<str>,
    /// Holds the text of the assertion too.
    value: HeaderValue,
}

impl Obtained {
    /// `token` is the text that was verified. `application`: where it was obtained by a Client ID and Client Secret.
    /// `binding`: what it is bound to.
    pub fn new(
        session: Arc<Session>,
        token: &str,
        application: Option<(&Application, bool)>,
        binding: Option<&Binding>,
    ) -> Option<Arc<Self>> {
        let with_cookie = application.and_then(|(application, is_https)| {
            // Most applications have one domain; of several another may match.
            let path = answer::cookie_path(application, application.domains.first());
            let value = session_cookie(&session, token, application, path, is_https)?;
            // The one copy of the text is the cookie's.
            let text = Bytes::from(value.into_boxed_str().into_boxed_bytes());
            let begin = cookie::SESSION.len() + 1;
            let assertion = sensitive(text.slice(begin..begin + token.len()))?;
            let kept =
                Kept { attributes: application.settings.cookie, path: path.into(), value: sensitive(text)? };
            Some((assertion, Some(kept)))
        });
        let without = || Some((sensitive(Bytes::copy_from_slice(token.as_bytes()))?, None));
        let (assertion, cookie) = with_cookie.or_else(without)?;
        let binding = binding.map(|binding| binding.text().into_boxed_str());
        Some(Arc::new(Self { session, assertion, cookie, binding }))
    }

    pub const fn is_bound(&self) -> bool {
        self.binding.is_some()
    }

    /// What the client gets beside the session.
    pub fn binding(&self, path: &str, is_https: bool) -> Option<HeaderValue> {
        let secret = self.binding.as_deref()?;
        answer::binding_cookie(path, secret, self.session.expires_at(), is_https)
    }

    /// What the client gets: made once, and again if the attributes are others by now. `path`: see [`answer::cookie_path`].
    pub fn cookie(&self, application: &Application, path: &str, is_https: bool) -> Option<HeaderValue> {
        match &self.cookie {
            Some(kept) if kept.attributes == application.settings.cookie && *kept.path == *path => {
                Some(kept.value.clone())
            }
            Some(_) | None => {
                let token = self.assertion.to_str().ok()?;
                let text = session_cookie(&self.session, token, application, path, is_https)?;
                sensitive(Bytes::from(text))
            }
        }
    }
}

fn session_cookie(
    session: &Session,
    token: &str,
    application: &Application,
    path: &str,
    is_https: bool,
) -> Option<String> {
    answer::session_cookie(application, path, token, session.expires_at(), is_https)
}

fn sensitive(text: Bytes) -> Option<HeaderValue> {
    let mut value = HeaderValue::from_maybe_shared(text).ok()?;
    value.set_sensitive(true);
    Some(value)
}
