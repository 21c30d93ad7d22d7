//! Requests through a gateway, and what came of them.

use crate::http::{Call, Client, Reply};
use crate::objects::{App, Token};
use crate::secrets::Secrets;
use crate::upstream::{MARK, Seen};
use http::Method;
use std::net::SocketAddr;
use std::sync::Arc;

#[derive(Clone)]
pub struct Gateway {
    pub address: SocketAddr,
    pub client: Client,
    pub secrets: Arc<Secrets>,
}

impl Gateway {
    pub fn get(&self, host: &str) -> Call {
        self.call(Method::GET, host, "/")
    }

    pub fn call(&self, method: Method, host: &str, path: &str) -> Call {
        self.client.call(self.address, method, path).header("host", host)
    }

    /// A new session, by the token's pair.
    pub async fn session(&self, app: &App, token: &Token) -> String {
        let reply = self.get(&app.domain).pair(token).send().await;
        let jwt = reply.cookie().unwrap_or_else(|| panic!("no session at {}: {reply:?}", app.domain));
        self.secrets.note_session(&jwt);
        jwt
    }
}

impl Call {
    #[must_use]
    pub fn pair(self, token: &Token) -> Self {
        self.header("cf-access-client-id", &token.client_id)
            .header("cf-access-client-secret", &token.client_secret)
    }

    #[must_use]
    pub fn cookie(self, jwt: &str) -> Self {
        self.header("cookie", &format!("CF_Authorization={jwt}"))
    }

    /// `Cf-Access-Token`.
    #[must_use]
    pub fn session(self, jwt: &str) -> Self {
        self.header("cf-access-token", jwt)
    }

    /// As a trusted proxy says it.
    #[must_use]
    pub fn from_address(self, address: &str) -> Self {
        self.header("x-forwarded-for", address)
    }

    /// As a trusted proxy says it.
    #[must_use]
    pub fn from_country(self, code: &str) -> Self {
        self.header(crate::world::COUNTRY_HEADER, code)
    }
}

impl Reply {
    /// The new session in `Set-Cookie`.
    pub fn cookie(&self) -> Option<String> {
        let (value, _) = self.cookie_line()?.split_once(';')?;
        Some(value.strip_prefix("CF_Authorization=")?.to_owned())
    }

    pub fn cookie_line(&self) -> Option<&str> {
        let mut lines = self.headers.get_all("set-cookie").iter().filter_map(|line| line.to_str().ok());
        let line = lines.find(|line| line.starts_with("CF_Authorization="));
        assert!(lines.next().is_none(), "several cookies: {self:?}");
        line
    }

    pub fn is_from_upstream(&self) -> bool {
        self.headers.contains_key(MARK)
    }

    /// What the upstream received.
    pub fn admitted(&self) -> Seen {
        assert!(self.status == 200 && self.is_from_upstream(), "not admitted: {self:?}");
        Seen::from_json(&self.json())
    }

    /// The stable reason of a refusal, which is the same in body and header.
    pub fn refused(&self, status: u16) -> String {
        assert!(self.status == status && !self.is_from_upstream(), "not refused with {status}: {self:?}");
        let body = self.json();
        let text = |name: &str| body.get(name).and_then(|it| it.as_str()).unwrap_or_default().to_owned();
        assert!(!text("message").is_empty(), "no message: {self:?}");
        assert_eq!(self.header("cf-access-error"), Some(text("error").as_str()), "{self:?}");
        assert!(self.cookie_line().is_none(), "a refusal sets no session: {self:?}");
        text("error")
    }
}
