//! The calls, one file each.

mod end_session;
mod exchange;
mod introspect_session;
mod key_lives;
mod key_set;
mod key_settings;
mod revoke;
mod revoke_key;
mod rotate_key;
mod sign_metadata;

use crate::keys::Keys;
use crate::store::Store;
use change_feed::{Feed, Gate, Wait};
use model::{AccountId, Clock, Error};
use proto::policy_evaluator::GetOrganizationRequest;
use proto::policy_evaluator::Organization;
use proto::policy_evaluator::policy_evaluator_client::PolicyEvaluatorClient;
use proto::session_issuer as wire;
use proto::session_issuer::session_issuer_server::SessionIssuer;
use proto::token_registry::token_registry_client::TokenRegistryClient;
use revocation::Sessions;
use service_kit::status::from_status;
use service_kit::{GrpcChannel, actor};
use std::sync::Arc;
use std::time::Duration;
use tonic::{Request, Response, Status};

/// This replica's own view of the issuer's feed, and whether it may be believed.
#[derive(Clone)]
pub struct Following {
    pub view: Arc<Sessions>,
    pub gate: Arc<Gate>,
    pub clock: Arc<dyn Clock>,
}

/// How long a call waits for this replica's lease: it has none for a moment after its start.
const LEASE_WAIT: Duration = Duration::from_secs(2);

impl Following {
    /// Asked after the last await before a decision.
    pub fn is_live(&self) -> bool {
        self.gate.is_live(self.clock.boot())
    }

    pub async fn until_live(&self) -> Result<(), Error> {
        let live = async {
            while !self.is_live() {
                tokio::time::sleep(Duration::from_millis(10)).await;
            }
        };
        tokio::time::timeout(LEASE_WAIT, live).await.map_err(|_| fenced())
    }
}

/// Nothing is decided on a view that may be old.
fn fenced() -> Error {
    Error::unavailable("the session issuer", "no lease on its own feed")
}

/// What every call may use.
pub struct Rpc {
    pub store: Store,
    pub feed: Arc<Feed>,
    pub keys: Arc<Keys>,
    pub following: Following,
    pub clock: Arc<dyn Clock>,
    pub token_registry: TokenRegistryClient<GrpcChannel>,
    pub policy_evaluator: PolicyEvaluatorClient<GrpcChannel>,
}

impl Rpc {
    async fn organization(&self, account: AccountId) -> Result<Organization, Error> {
        let request = GetOrganizationRequest { account_id: account.to_string() };
        let answer = self.policy_evaluator.clone().get_organization(request).await.map_err(from_status)?;
        answer.into_inner().organization.ok_or_else(|| Error::not_found("organization"))
    }

    /// The host that an account's certificates name.
    async fn team_domain(&self, account: AccountId) -> Result<String, Error> {
        Ok(self.organization(account).await?.auth_domain)
    }
}

fn wait(wait: i32) -> Wait {
    proto::change_feed::Wait::try_from(wait).unwrap_or_default().into()
}

macro_rules! calls {
    ($($name:ident($request:ident) -> $response:ident),+ $(,)?) => {
        #[tonic::async_trait]
        impl SessionIssuer for Rpc {$(
            async fn $name(&self, request: Request<wire::$request>) -> Result<Response<wire::$response>, Status> {
                actor::answer(request, |request| self.$name(request)).await
            }
        )+}
    };
}

calls! {
    exchange(ExchangeRequest) -> ExchangeResponse,
    introspect_session(IntrospectSessionRequest) -> IntrospectSessionResponse,
    revoke_application_sessions(RevokeApplicationSessionsRequest) -> RevokeApplicationSessionsResponse,
    revoke_token_sessions(RevokeTokenSessionsRequest) -> RevokeTokenSessionsResponse,
    revoke_session(RevokeSessionRequest) -> RevokeSessionResponse,
    end_session(EndSessionRequest) -> EndSessionResponse,
    sign_metadata(SignMetadataRequest) -> SignMetadataResponse,
    get_key_set(GetKeySetRequest) -> GetKeySetResponse,
    list_keys(ListKeysRequest) -> ListKeysResponse,
    get_key_settings(GetKeySettingsRequest) -> GetKeySettingsResponse,
    update_key_settings(UpdateKeySettingsRequest) -> UpdateKeySettingsResponse,
    rotate_key(RotateKeyRequest) -> RotateKeyResponse,
    revoke_key(RevokeKeyRequest) -> RevokeKeyResponse,
}
