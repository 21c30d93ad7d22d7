//! `sallyport.access_log.v1.AccessLog`.

use crate::alert_policy::check_account;
use crate::store::{Query, Store};
use model::Error;
use proto::access_log as pb;
use proto::access_log::access_log_server::AccessLog;
use service_kit::status::to_status;
use tonic::{Request, Response, Status};

/// The default, and the most, on one page.
const PER_PAGE: u32 = 1000;

pub struct AccessLogRpc {
    pub store: Store,
}

impl AccessLogRpc {
    async fn list(&self, request: pb::ListDecisionsRequest) -> Result<pb::ListDecisionsResponse, Error> {
        let pb::ListDecisionsRequest {
            account_id,
            since_ms,
            before_ms,
            page,
            per_page,
            oldest_first,
            filters,
        } = request;
        check_account(&account_id)?;
        if filters.len() > 20 || filters.iter().any(|filter| filter.value.contains('\0')) {
            return Err(Error::invalid("filters", "must be at most 20, without NUL"));
        }
        let query = Query {
            account_id: &account_id,
            since_ms: since_ms.unwrap_or(i64::MIN),
            before_ms: before_ms.unwrap_or(i64::MAX),
            filters: &filters,
            oldest_first,
            page,
            per_page: if per_page == 0 { PER_PAGE } else { per_page.min(PER_PAGE) },
        };
        let (decisions, total_count) = self.store.list_decisions(&query).await?;
        Ok(pb::ListDecisionsResponse { decisions, total_count })
    }
}

#[tonic::async_trait]
impl AccessLog for AccessLogRpc {
    async fn list_decisions(
        &self,
        request: Request<pb::ListDecisionsRequest>,
    ) -> Result<Response<pb::ListDecisionsResponse>, Status> {
        self.list(request.into_inner()).await.map(Response::new).map_err(to_status)
    }
}
