//! What may be done with a rotation whose overlap has not ended: end it, or take it back.

use super::{Rpc, checked_ids, wait};
use crate::token::Token;
use model::Error;
use proto::token_registry::{
    FinishRotationRequest, FinishRotationResponse, UndoRotationRequest, UndoRotationResponse,
};

impl Rpc {
    pub(super) async fn finish_rotation(
        &self,
        request: FinishRotationRequest,
    ) -> Result<FinishRotationResponse, Error> {
        checked_ids(&request.account_id, &request.id)?;
        let (now, wait) = (self.clock.now(), wait(request.wait));
        let finish = |token: &mut Token, _| token.finish_rotation(now);
        let finished = self.store.modify("finish_rotation", &request.account_id, &request.id, finish).await;
        let (token, appended) = match finished {
            Err(error) => return Err(self.feed.gone(wait, error).await),
            Ok(((), token, appended)) => (token, appended),
        };
        let propagation = self.feed.announce(appended, wait).await;
        Ok(FinishRotationResponse { token: Some(token.into()), propagation: Some(propagation) })
    }

    pub(super) async fn undo_rotation(
        &self,
        request: UndoRotationRequest,
    ) -> Result<UndoRotationResponse, Error> {
        checked_ids(&request.account_id, &request.id)?;
        let now = self.clock.now();
        let undo = |token: &mut Token, _| token.undo_rotation(now);
        let ((), token, appended) =
            self.store.modify("undo_rotation", &request.account_id, &request.id, undo).await?;
        let propagation = self.feed.announce(appended, wait(request.wait)).await;
        Ok(UndoRotationResponse { token: Some(token.into()), propagation: Some(propagation) })
    }
}
