use super::{Rpc, wait};
use crate::keys::Revocation;
use model::{AccountId, Error};
use proto::session_issuer::{RevokeKeyRequest, RevokeKeyResponse};
use session_token::KeyId;

impl Rpc {
    /// It calls no other service: nothing that is away keeps a leaked key alive.
    pub(super) async fn revoke_key(&self, request: RevokeKeyRequest) -> Result<RevokeKeyResponse, Error> {
        let account: AccountId = request.account_id.parse()?;
        let kid = match request.kid.as_str() {
            "" => None,
            // A name that cannot be one is simply not there.
            kid => Some(KeyId::parse(kid).ok_or_else(|| Error::not_found("signing key"))?),
        };
        let revocation = self.keys.revoke(account, kid, wait(request.wait)).await?;
        let Revocation {
            kid,
            revoked_at,
            signing_kid,
            signing_known_outside_at,
            dropped_outside_at,
            propagation,
        } = revocation;
        Ok(RevokeKeyResponse {
            kid: kid.to_string(),
            revoked_at_ms: revoked_at.as_millis(),
            signing_kid: signing_kid.to_string(),
            signing_kid_known_outside_at_ms: signing_known_outside_at.as_millis(),
            dropped_outside_at_ms: dropped_outside_at.as_millis(),
            propagation: Some(propagation),
        })
    }
}
