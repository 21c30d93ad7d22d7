use super::{Rpc, convert};
use crate::alert_policy::check_account;
use crate::store::Period;
use model::Error;
use proto::notifier as pb;

/// The default, and the most, on one page.
const PER_PAGE: u32 = 1000;

impl Rpc {
    pub(super) async fn list_history(
        &self,
        request: pb::ListHistoryRequest,
    ) -> Result<pb::ListHistoryResponse, Error> {
        let pb::ListHistoryRequest { account_id, before_ms, since_ms, page, per_page } = request;
        check_account(&account_id)?;
        let period = Period {
            since_ms: since_ms.unwrap_or(i64::MIN),
            // Everything there is: another notifier's clock may be ahead of this one's.
            before_ms: before_ms.unwrap_or(i64::MAX),
        };
        let per_page = if per_page == 0 { PER_PAGE } else { per_page.min(PER_PAGE) };
        let (rows, total_count) = self.store.list_sent(&account_id, period, page, per_page).await?;
        Ok(pb::ListHistoryResponse {
            deliveries: rows.into_iter().map(convert::delivery).collect(),
            total_count,
        })
    }
}
