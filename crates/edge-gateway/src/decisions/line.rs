//! The log line of a decision: target `decision`, level info. The README names its fields.

use super::words;
use crate::decide::Fallback;
use crate::decisions::Event;
use crate::decisions::event::CredentialKind;
use policy::CountryCode;

pub fn write(event: &Event) {
    let text = |it: Option<String>| it.unwrap_or_default();
    let application = event.application.as_deref();
    let session = event.session();
    tracing::info!(
        target: "decision",
        ray = %event.ray,
        allowed = event.is_allowed(),
        reason = event.refused.as_deref().unwrap_or_default(),
        account = text(application.map(|it| it.account.to_string())),
        application = text(application.map(|it| it.id.to_string())),
        domain = application.map(|it| &*it.domain).unwrap_or_default(),
        policy = text(event.policy.map(|id| id.to_string())),
        credential = event.credential.as_str(),
        token = text(session.and_then(|session| session.token).map(|id| id.to_string())),
        client_id = event.who.client_id.as_deref().map(words::client_id).unwrap_or_default(),
        secret_version = session.map(|session| session.secret_version).unwrap_or_default(),
        address = text(event.address.map(|it| it.to_string())),
        country = event.country.as_ref().map(CountryCode::as_str).unwrap_or_default(),
        method = event.method.as_str(),
        host = words::host(&event.host),
        path = words::path(&event.path),
        fallback = event.fallback.map(Fallback::as_str).unwrap_or_default(),
        duration_us = event.duration_us,
        "decided"
    );
}

/// Instead of so many lines that would say the same.
pub fn write_sum(application: Option<&directory::Application>, reason: &str, count: u64) {
    let text = |it: Option<String>| it.unwrap_or_default();
    tracing::info!(
        target: "decision",
        allowed = false,
        reason,
        account = text(application.map(|it| it.account.to_string())),
        application = text(application.map(|it| it.id.to_string())),
        domain = application.map(|it| &*it.domain).unwrap_or_default(),
        count,
        "refused"
    );
}

impl CredentialKind {
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::None => "none",
            Self::Pair => "pair",
            Self::Session => "session",
        }
    }
}
