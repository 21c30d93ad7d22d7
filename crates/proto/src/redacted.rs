//! `Debug` for messages that carry a secret: the type's name and nothing of its content.

macro_rules! redacted {
    ($($message:path),+ $(,)?) => {$(
        impl std::fmt::Debug for $message {
            fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
                f.write_str(concat!(stringify!($message), " { redacted }"))
            }
        }
    )+};
}

redacted!(
    crate::change_feed::HeartbeatResponse,
    crate::token_registry::CreateTokenResponse,
    crate::token_registry::AuthenticateTokenRequest,
    crate::token_registry::UpdateTokenResponse,
    crate::token_registry::RotateTokenResponse,
    crate::token_registry::CreateApiTokenResponse,
    crate::token_registry::VerifyApiTokenRequest,
    crate::token_registry::RollApiTokenResponse,
    crate::session_issuer::ExchangeResponse,
    crate::session_issuer::IntrospectSessionRequest,
    crate::session_issuer::exchange_request::ServiceTokenCredential,
    crate::notifier::CreateWebhookRequest,
    crate::notifier::UpdateWebhookRequest,
    crate::ext_authz::HeaderValue,
    crate::ext_authz::attribute_context::HttpRequest,
);
