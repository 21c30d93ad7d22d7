//! What a session says and how long it lives. Pure.

use model::{SessionDuration, Timestamp};
use proto::change_feed as feed;
use proto::session_issuer as wire;
use session_token::{AsOf, Claims, KeyId, Thumbprint};
use std::time::Duration;

/// How long a session for one request alone lives: the time that its JWT may take to reach the application.
pub const FOR_THIS_REQUEST: Duration = Duration::from_mins(1);

/// The end of a session that starts now, in seconds since 1970: after the policy's duration (0: [`FOR_THIS_REQUEST`]),
/// never after its credential. None: the credential ends within this second.
pub fn expiry(now: Timestamp, duration_s: i64, credential_until: Option<Timestamp>) -> Option<i64> {
    let duration = match u64::try_from(duration_s) {
        Ok(seconds @ 1..) => Duration::from_secs(seconds).min(SessionDuration::LONGEST),
        Ok(0) | Err(_) => FOR_THIS_REQUEST,
    };
    let until = now.after(duration).min(credential_until.unwrap_or(Timestamp::FAR_FUTURE));
    Some(until.as_seconds()).filter(|until| *until > now.as_seconds())
}

/// How long a session that starts now and ends then lives, in full seconds.
pub fn life(now: Timestamp, expires_at_s: i64) -> Duration {
    Duration::from_secs(u64::try_from(expires_at_s - now.as_seconds()).unwrap_or_default())
}

/// The same facts as the claims, for callers.
pub fn to_wire(claims: Claims, kid: KeyId) -> wire::Session {
    let Claims {
        audience,
        expires_at_s,
        issuer: _,
        common_name,
        issued_at_s,
        session,
        account,
        token,
        secret_version,
        certificate,
        // The caller's own: it has the secret.
        binding: _,
        as_of,
    } = claims;
    wire::Session {
        id: session.to_string(),
        account_id: account.to_string(),
        aud: audience.to_string(),
        token_id: token.map(|token| token.to_string()).unwrap_or_default(),
        // Without a token the common name is a certificate's.
        client_id: token.map(|_| common_name).unwrap_or_default(),
        client_secret_version: secret_version,
        issued_at_s,
        expires_at_s,
        kid: kid.to_string(),
        certificate_sha256: certificate.map(|Thumbprint(it)| it.to_vec()).unwrap_or_default(),
        as_of: Some(positions(as_of)),
    }
}

const fn positions(as_of: AsOf) -> feed::AsOf {
    let AsOf { token_registry, policy_evaluator, session_issuer } = as_of;
    feed::AsOf { token_registry, policy_evaluator, session_issuer }
}

#[cfg(test)]
mod tests {
    use super::*;

    const NOW: Timestamp = Timestamp::from_millis(1_000_500);

    #[test]
    fn a_session_ends_with_its_duration_or_its_credential() {
        let ms = |millis| Some(Timestamp::from_millis(millis));
        for (duration_s, credential_until, expected) in [
            (3600, None, Some(1000 + 3600)),
            (3600, ms(2_000_999), Some(2000)),
            (3600, ms(9_000_000), Some(1000 + 3600)),
            // For this request only.
            (0, None, Some(1060)),
            (-5, None, Some(1060)),
            (0, ms(1_030_000), Some(1030)),
            // Never longer than revocations are remembered.
            (i64::MAX, None, Some(1000 + 720 * 3600)),
            // The credential ends within this second, or has ended.
            (3600, ms(1_000_900), None),
            (3600, ms(0), None),
        ] {
            assert_eq!(
                expiry(NOW, duration_s, credential_until),
                expected,
                "{duration_s} {credential_until:?}"
            );
        }
    }
}
