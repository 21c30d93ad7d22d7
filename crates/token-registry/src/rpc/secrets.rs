//! Which secrets of a token work, and when each was last used.

use super::{Rpc, checked_ids};
use crate::store::Used;
use crate::token::Token;
use model::{Error, Timestamp};
use proto::token_registry::token_secret::State;
use proto::token_registry::{ListTokenSecretsRequest, ListTokenSecretsResponse, TokenSecret};

/// Secrets of one answer.
const MOST: usize = 50;

impl Rpc {
    pub(super) async fn list_token_secrets(
        &self,
        request: ListTokenSecretsRequest,
    ) -> Result<ListTokenSecretsResponse, Error> {
        checked_ids(&request.account_id, &request.id)?;
        let (token, uses) = self.store.secrets(&request.account_id, &request.id).await?;
        let now = self.clock.now();
        Ok(ListTokenSecretsResponse { secrets: secrets(&token, uses, now), read_at_ms: now.as_millis() })
    }
}

fn secrets(token: &Token, uses: Vec<Used>, now: Timestamp) -> Vec<TokenSecret> {
    let restored = token.restored_version.unwrap_or_default();
    let mut current = TokenSecret {
        restored_from_version: restored,
        ..working(State::Current, token.secret_version, token.expires_at_ms)
    };
    let previous = token.previous_version.filter(|_| token.overlaps(now)).zip(token.previous_expires_at_ms);
    let mut previous =
        previous.map(|(version, ends)| working(State::Previous, version, ends.min(token.expires_at_ms)));
    let mut ended = Vec::new();
    for used in uses {
        let version = used.secret_version;
        match &mut previous {
            // Sessions of the version before are sessions of the same secret.
            _ if version == current.client_secret_version || (version == restored && restored > 0) => {
                add(&mut current, used);
            }
            Some(previous) if version == previous.client_secret_version => add(previous, used),
            _ => {
                let mut secret = TokenSecret {
                    client_secret_version: version,
                    state: State::Ended.into(),
                    ..TokenSecret::default()
                };
                add(&mut secret, used);
                ended.push(secret);
            }
        }
    }
    std::iter::once(current).chain(previous).chain(ended).take(MOST).collect()
}

fn working(state: State, version: i64, valid_until_ms: i64) -> TokenSecret {
    TokenSecret {
        client_secret_version: version,
        state: state.into(),
        valid_until_ms: Some(valid_until_ms),
        ..TokenSecret::default()
    }
}

fn add(secret: &mut TokenSecret, used: Used) {
    secret.uses = secret.uses.saturating_add(used.uses);
    if secret.last_used_at_ms.is_none_or(|known| used.last_seen_at_ms > known) {
        secret.last_used_at_ms = Some(used.last_seen_at_ms);
        secret.last_used_at_gateway = used.gateway;
        secret.last_used_from = i32::try_from(used.source).unwrap_or_default();
    }
}
