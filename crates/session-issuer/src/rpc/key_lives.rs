use super::Rpc;
use crate::keys::Life;
use model::{AccountId, Error, Timestamp};
use proto::session_issuer::signing_key::Use;
use proto::session_issuer::{KeyLife, ListKeysRequest, ListKeysResponse};

impl From<Life> for KeyLife {
    fn from(life: Life) -> Self {
        let Life { key, known_outside_at, activated_at, verifies_until } = life;
        let ms = |at: Option<Timestamp>| at.map(Timestamp::as_millis);
        let usage = if key.revoked_at.is_some() { Use::Revoked } else { Use::from(key.usage) };
        Self {
            kid: key.kid.to_string(),
            algorithm: key.algorithm.name().to_owned(),
            r#use: usage.into(),
            created_at_ms: key.created_at.as_millis(),
            known_outside_at_ms: ms(known_outside_at),
            activated_at_ms: ms(activated_at),
            verifies_until_ms: ms(verifies_until),
            revoked_at_ms: ms(key.revoked_at),
        }
    }
}

impl Rpc {
    pub(super) async fn list_keys(&self, request: ListKeysRequest) -> Result<ListKeysResponse, Error> {
        let account: AccountId = request.account_id.parse()?;
        let lives = self.keys.lives(account).await?;
        Ok(ListKeysResponse { keys: lives.into_iter().map(KeyLife::from).collect() })
    }
}
