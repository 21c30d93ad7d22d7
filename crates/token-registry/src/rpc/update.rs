use super::{Rpc, checked_ids, wait};
use crate::pepper::Peppers;
use crate::token::{LAST_VERSION, Token, checked_name};
use model::{ClientSecret, Error, Timestamp, TokenDuration};
use proto::token_registry::{UpdateTokenRequest, UpdateTokenResponse};

impl Rpc {
    pub(super) async fn update_token(
        &self,
        request: UpdateTokenRequest,
    ) -> Result<UpdateTokenResponse, Error> {
        checked_ids(&request.account_id, &request.id)?;
        let now = self.clock.now();
        let change = |token: &mut Token, position| update(token, &request, position, &self.peppers, now);
        let (secret, token, appended) =
            self.store.modify("update", &request.account_id, &request.id, change).await?;
        let propagation = self.feed.announce(appended, wait(request.wait)).await;
        Ok(UpdateTokenResponse {
            token: Some(token.into()),
            client_secret: secret.map(|secret| secret.expose().to_owned()),
            propagation: Some(propagation),
        })
    }
}

/// Changes the given fields. The new secret, if that rotated.
fn update(
    token: &mut Token,
    request: &UpdateTokenRequest,
    position: i64,
    peppers: &Peppers,
    now: Timestamp,
) -> Result<Option<ClientSecret>, Error> {
    let before = token.clone();
    if let Some(name) = &request.name {
        checked_name(name)?.clone_into(&mut token.name);
    }
    if let Some(duration) = &request.duration {
        token.extend(&TokenDuration::parse(duration)?, now);
    }
    if let Some(enabled) = request.enabled {
        token.set_enabled(enabled, position);
    }
    let overlap_until = request.previous_client_secret_expires_at_ms;
    let version = request.client_secret_version.unwrap_or(token.secret_version);
    let mut secret = None;
    if version < token.secret_version {
        let rule = format!("must not be lower than the stored version {}", token.secret_version);
        return Err(Error::invalid("client_secret_version", rule));
    }
    if version > token.secret_version {
        if version > LAST_VERSION {
            return Err(Error::invalid("client_secret_version", "must be at most 2147483647"));
        }
        secret = Some(token.rotate(version, overlap_until, peppers, now)?);
    } else if let Some(until) = overlap_until {
        token.set_overlap(until, now);
    }
    if *token != before {
        token.updated_at_ms = now.as_millis();
    }
    Ok(secret)
}
