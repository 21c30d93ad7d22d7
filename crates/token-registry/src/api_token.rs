//! An API token and everything that may happen to it.

mod scopes;

pub use scopes::Scopes;

use crate::pepper::Peppers;
use model::{ApiTokenId, ApiTokenValue, Error, Timestamp};
use proto::token_registry as wire;
use proto::token_registry::verify_api_token_response::Standing;

/// Most API tokens of one account.
pub const MOST: i64 = 1_000;
const LONGEST_NAME: usize = 120;

database::row! {
    /// The stored token. Times in milliseconds.
    #[derive(Clone, PartialEq)]
    pub struct ApiToken {
        id: String,
        account_id: String,
        name: String,
        scopes: String,
        enabled: bool,
        issued_at_ms: i64,
        modified_at_ms: i64,
        expires_at_ms: Option<i64>,
        digest: Vec<u8>,
        pepper_id: String,
        last_used_at_ms: Option<i64>,
    }
}

impl ApiToken {
    /// A new token and its value.
    pub fn create(
        request: &wire::CreateApiTokenRequest,
        peppers: &Peppers,
        now: Timestamp,
    ) -> Result<(Self, ApiTokenValue), Error> {
        let name = checked_name(&request.name)?.to_owned();
        let scopes = Scopes::of(&request.scopes)?.to_string();
        if request.expires_at_ms.is_some_and(|at| at <= now.as_millis()) {
            return Err(Error::invalid("expires_on", "must be in the future"));
        }
        let value = ApiTokenValue::generate()?;
        let token = Self {
            id: ApiTokenId::random().to_string(),
            account_id: request.account_id.clone(),
            name,
            scopes,
            enabled: request.enabled.unwrap_or(true),
            issued_at_ms: now.as_millis(),
            modified_at_ms: now.as_millis(),
            expires_at_ms: request.expires_at_ms,
            digest: peppers.digest_of_api_token(&value),
            pepper_id: peppers.current_id().to_owned(),
            last_used_at_ms: None,
        };
        Ok((token, value))
    }

    /// Changes the given fields.
    pub fn update(&mut self, request: &wire::UpdateApiTokenRequest, now: Timestamp) -> Result<(), Error> {
        let before = self.clone();
        if let Some(name) = &request.name {
            checked_name(name)?.clone_into(&mut self.name);
        }
        if !request.scopes.is_empty() {
            self.scopes = Scopes::of(&request.scopes)?.to_string();
        }
        if let Some(at) = request.expires_at_ms {
            self.expires_at_ms = (at != 0).then_some(at);
        }
        self.enabled = request.enabled.unwrap_or(self.enabled);
        if *self != before {
            self.modified_at_ms = now.as_millis();
        }
        Ok(())
    }

    /// A new value; the one before stops.
    pub fn roll(&mut self, peppers: &Peppers, now: Timestamp) -> Result<ApiTokenValue, Error> {
        let value = ApiTokenValue::generate()?;
        self.digest = peppers.digest_of_api_token(&value);
        peppers.current_id().clone_into(&mut self.pepper_id);
        self.modified_at_ms = now.as_millis();
        Ok(value)
    }

    /// Disabled before expired: that is what somebody has decided.
    pub fn standing(&self, now: Timestamp) -> Standing {
        if !self.enabled {
            Standing::Disabled
        } else if self.expires_at_ms.is_some_and(|at| at <= now.as_millis()) {
            Standing::Expired
        } else {
            Standing::Active
        }
    }

    /// Whether it is good and has every one of `scopes`.
    pub fn may_give(&self, scopes: &Scopes, now: Timestamp) -> bool {
        self.standing(now) == Standing::Active && Scopes::stored(&self.scopes).cover(scopes)
    }
}

/// 1-120 characters without control characters.
fn checked_name(name: &str) -> Result<&str, Error> {
    let length = name.chars().count();
    if length == 0 || length > LONGEST_NAME {
        return Err(Error::invalid("name", format!("must have 1-{LONGEST_NAME} characters, has {length}")));
    }
    if name.chars().any(char::is_control) {
        return Err(Error::invalid("name", "must have no control characters"));
    }
    Ok(name)
}

impl From<ApiToken> for wire::ApiToken {
    fn from(token: ApiToken) -> Self {
        let scopes = Scopes::stored(&token.scopes).wire();
        let ApiToken {
            id,
            account_id,
            name,
            scopes: _,
            enabled,
            issued_at_ms,
            modified_at_ms,
            expires_at_ms,
            digest: _,
            pepper_id: _,
            last_used_at_ms,
        } = token;
        Self {
            id,
            account_id,
            name,
            scopes,
            enabled,
            issued_at_ms,
            modified_at_ms,
            expires_at_ms,
            last_used_at_ms,
        }
    }
}
