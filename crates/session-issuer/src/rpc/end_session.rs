//! Ends the one session that its holder shows.

use super::{Rpc, wait};
use crate::store::Revoked;
use model::{Error, Timestamp};
use proto::session_issuer::{EndSessionRequest, EndSessionResponse};
use session_token::Verified;
use std::time::Duration;

/// To spare when it is forgotten: clocks differ, and enforcement points go by their own.
const MARGIN: Duration = Duration::from_hours(1);

impl Rpc {
    pub(super) async fn end_session(&self, request: EndSessionRequest) -> Result<EndSessionResponse, Error> {
        let EndSessionRequest { session_jwt, wait: wanted } = request;
        // A key that is not known yet is no reason to say that the session is none.
        self.following.until_live().await?;
        let account = self.signed_for(&session_jwt)?;
        let issuer = self.organization(account).await?.issuer;
        let verified = self.following.view.verify(&session_jwt, |_| Some(issuer), self.clock.now())?;
        let Verified { claims, kid: _ } = verified;
        let appended = self.store.revoke(account, Revoked::Session(claims.session), keep_until(&claims));
        let propagation = self.feed.announce(appended.await?, wait(wanted)).await;
        tracing::info!(session = %claims.session, position = propagation.position, "a session was ended by its holder");
        Ok(EndSessionResponse { propagation: Some(propagation) })
    }
}

/// Whoever ends sessions all day leaves nothing behind for longer than they would have lived.
fn keep_until(claims: &session_token::Claims) -> Timestamp {
    claims.expires_at().after(MARGIN)
}
