//! `sallyport.notifier.v1.Notifier`.

mod access_log;
mod alert_policies;
mod convert;
mod history;
mod webhooks;

#[cfg(test)]
mod tests;

pub use access_log::AccessLogRpc;

use crate::outbound::Outbound;
use crate::secrets::SecretsKey;
use crate::store::Store;
use crate::worker::Worker;
use model::Clock;
use proto::notifier as pb;
use service_kit::actor;
use std::sync::Arc;
use tonic::{Request, Response, Status};

pub struct Rpc {
    pub store: Store,
    pub clock: Arc<dyn Clock>,
    pub outbound: Arc<Outbound>,
    pub secrets: Arc<SecretsKey>,
    pub worker: Arc<Worker>,
}

fn new_id() -> String {
    uuid::Uuid::new_v4().simple().to_string()
}

/// Every method is the same: the call, in its caller's name and under the one error map.
macro_rules! serve {
    ($($method:ident: $request:ident -> $response:ident),+ $(,)?) => {
        #[tonic::async_trait]
        impl pb::notifier_server::Notifier for Rpc {
            $(async fn $method(&self, request: Request<pb::$request>) -> Result<Response<pb::$response>, Status> {
                actor::answer(request, |request| Rpc::$method(self, request)).await
            })+
        }
    };
}

serve!(
    create_alert_policy: CreateAlertPolicyRequest -> CreateAlertPolicyResponse,
    get_alert_policy: GetAlertPolicyRequest -> GetAlertPolicyResponse,
    list_alert_policies: ListAlertPoliciesRequest -> ListAlertPoliciesResponse,
    update_alert_policy: UpdateAlertPolicyRequest -> UpdateAlertPolicyResponse,
    delete_alert_policy: DeleteAlertPolicyRequest -> DeleteAlertPolicyResponse,
    create_webhook: CreateWebhookRequest -> CreateWebhookResponse,
    get_webhook: GetWebhookRequest -> GetWebhookResponse,
    list_webhooks: ListWebhooksRequest -> ListWebhooksResponse,
    update_webhook: UpdateWebhookRequest -> UpdateWebhookResponse,
    delete_webhook: DeleteWebhookRequest -> DeleteWebhookResponse,
    list_history: ListHistoryRequest -> ListHistoryResponse,
);
