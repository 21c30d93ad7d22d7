//! The call.

use crate::log;
use database::Database;
use model::AccountId;
use proto::audit::audit_log_server::{AuditLog, AuditLogServer};
use proto::audit::{ListAuditRequest, ListAuditResponse};
use service_kit::status::to_status;
use tonic::{Request, Response, Status};

struct Rpc(Database);

/// What a service adds to its routes.
pub fn server(database: Database) -> AuditLogServer<impl AuditLog> {
    AuditLogServer::new(Rpc(database))
}

#[tonic::async_trait]
impl AuditLog for Rpc {
    async fn list_audit(
        &self,
        request: Request<ListAuditRequest>,
    ) -> Result<Response<ListAuditResponse>, Status> {
        let request = request.into_inner();
        request.account_id.parse::<AccountId>().map_err(to_status)?;
        let records = log::list(&self.0, &request).await.map_err(to_status)?;
        Ok(Response::new(ListAuditResponse { records }))
    }
}
