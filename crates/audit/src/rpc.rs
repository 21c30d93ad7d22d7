//! The call.

use crate::log;
use database::Database;
use model::AccountId;
use proto::audit::audit_log_server::{AuditLog, AuditLogServer};
use proto::audit::{ListAuditRequest, ListAuditResponse};
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
        service_kit::actor::answer(request, async |request| {
            request.account_id.parse::<AccountId>()?;
            log::list(&self.0, &request).await
        })
        .await
    }
}
