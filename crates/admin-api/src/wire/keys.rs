//! The signing key's rotation, and its revocation.

use super::fields::Fields;
use super::time;
use model::{Error, Timestamp};
use proto::session_issuer::signing_key::Use;
use proto::session_issuer::{KeyLife, KeySettings, RevokeKeyResponse, UpdateKeySettingsRequest};
use serde_json::{Value, json};

const DAY_MS: i64 = 24 * 3600 * 1000;

pub fn read(account_id: String, fields: &mut Fields) -> Result<UpdateKeySettingsRequest, Error> {
    const FIELD: &str = "key_rotation_interval_days";
    let days = fields.integer(FIELD)?.ok_or_else(|| fields.missing(FIELD))?;
    let days = u32::try_from(days).map_err(|_| Error::invalid(FIELD, "must be between 21 and 365"))?;
    Ok(UpdateKeySettingsRequest { account_id, key_rotation_interval_days: days })
}

pub fn view(settings: KeySettings, now: Timestamp) -> Value {
    let KeySettings { key_rotation_interval_days, last_key_rotation_at_ms } = settings;
    let next = last_key_rotation_at_ms.saturating_add(i64::from(key_rotation_interval_days) * DAY_MS);
    let left = next.saturating_sub(now.as_millis()).max(0);
    json!({
        "key_rotation_interval_days": key_rotation_interval_days,
        "last_key_rotation_at": time(last_key_rotation_at_ms),
        "days_until_next_rotation": left / DAY_MS + i64::from(left % DAY_MS > 0),
    })
}

/// A key, without anything of its private part.
pub fn life(life: KeyLife) -> Value {
    let status = match life.r#use() {
        Use::Current => "current",
        Use::Next => "next",
        Use::Previous => "previous",
        Use::Revoked | Use::Unspecified => "revoked",
    };
    let KeyLife {
        kid,
        algorithm,
        r#use: _,
        created_at_ms,
        known_outside_at_ms,
        activated_at_ms,
        verifies_until_ms,
        revoked_at_ms,
    } = life;
    json!({
        "kid": kid,
        "algorithm": algorithm,
        "status": status,
        "created_at": time(created_at_ms),
        "known_outside_at": known_outside_at_ms.map(time),
        "signs_since": activated_at_ms.map(time),
        "verifies_until": verifies_until_ms.map(time),
        "revoked_at": revoked_at_ms.map(time),
    })
}

/// Validators outside that keep the key set follow later than the enforcement points, and the answer says when.
pub fn revoked(revoked: RevokeKeyResponse) -> Value {
    let RevokeKeyResponse {
        kid,
        revoked_at_ms,
        signing_kid,
        signing_kid_known_outside_at_ms,
        dropped_outside_at_ms,
        propagation: _,
    } = revoked;
    json!({
        "kid": kid,
        "revoked_at": time(revoked_at_ms),
        "dropped_outside_at": time(dropped_outside_at_ms),
        "signing_kid": signing_kid,
        "signing_kid_known_outside_at": time(signing_kid_known_outside_at_ms),
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_begun_day_counts() {
        let days = |now: i64| {
            let settings = KeySettings { key_rotation_interval_days: 42, last_key_rotation_at_ms: 0 };
            view(settings, Timestamp::from_millis(now))["days_until_next_rotation"].clone()
        };
        assert_eq!(days(0), 42);
        assert_eq!(days(1), 42);
        assert_eq!(days(41 * DAY_MS), 1);
        assert_eq!(days(43 * DAY_MS), 0);
    }
}
