//! The calls: one folder a noun, one file a call.

mod application;
mod certificate;
mod evaluate;
mod group;
mod organization;
mod policy;
mod policy_test;
mod tag;

pub use evaluate::Local;
pub use policy::find as find_policy;

use crate::change::Changes;
use crate::store::policy_tests::PolicyTests;
use change_feed::Wait;
use database::Database;
use model::{AccountId, Error};
use proto::policy_evaluator as wire;
use proto::policy_evaluator::policy_evaluator_server::PolicyEvaluator;
use service_kit::actor;
use std::str::FromStr;
use tonic::{Request, Response, Status};

/// What every call may use.
pub struct Rpc {
    pub database: Database,
    pub changes: Changes,
    pub local: Local,
    pub tests: PolicyTests,
}

/// Binds `$tables` to a connection for reading.
macro_rules! read {
    ($database:expr, |$tables:ident| $body:expr) => {
        database::with!($database, |pool| {
            let mut connection = pool.acquire().await.map_err(database::failed)?;
            let $tables: &mut dyn crate::store::Tables = &mut *connection;
            $body
        })
    };
}
use read;

fn check_account(account_id: &str) -> Result<(), Error> {
    account_id.parse::<AccountId>().map(drop)
}

/// An id that cannot be one is simply not there.
fn check_id<T: FromStr>(id: &str, what: &str) -> Result<T, Error> {
    id.parse().map_err(|_| Error::not_found(what))
}

fn spec<T>(spec: Option<T>) -> Result<T, Error> {
    spec.ok_or_else(|| Error::invalid("spec", "is missing"))
}

fn wait(wait: i32) -> Wait {
    proto::change_feed::Wait::try_from(wait).unwrap_or_default().into()
}

fn count(total: i64) -> u64 {
    u64::try_from(total).unwrap_or_default()
}

macro_rules! calls {
    ($($name:ident($request:ident) -> $response:ident),+ $(,)?) => {
        #[tonic::async_trait]
        impl PolicyEvaluator for Rpc {$(
            async fn $name(&self, request: Request<wire::$request>) -> Result<Response<wire::$response>, Status> {
                actor::answer(request, |request| self.$name(request)).await
            }
        )+}
    };
}

calls! {
    evaluate(EvaluateRequest) -> EvaluateResponse,
    create_application(CreateApplicationRequest) -> CreateApplicationResponse,
    get_application(GetApplicationRequest) -> GetApplicationResponse,
    list_applications(ListApplicationsRequest) -> ListApplicationsResponse,
    update_application(UpdateApplicationRequest) -> UpdateApplicationResponse,
    delete_application(DeleteApplicationRequest) -> DeleteApplicationResponse,
    get_failure_mode(GetFailureModeRequest) -> GetFailureModeResponse,
    set_failure_mode(SetFailureModeRequest) -> SetFailureModeResponse,
    get_session_signature(GetSessionSignatureRequest) -> GetSessionSignatureResponse,
    set_session_signature(SetSessionSignatureRequest) -> SetSessionSignatureResponse,
    create_policy(CreatePolicyRequest) -> CreatePolicyResponse,
    get_policy(GetPolicyRequest) -> GetPolicyResponse,
    list_policies(ListPoliciesRequest) -> ListPoliciesResponse,
    update_policy(UpdatePolicyRequest) -> UpdatePolicyResponse,
    delete_policy(DeletePolicyRequest) -> DeletePolicyResponse,
    create_policy_test(CreatePolicyTestRequest) -> CreatePolicyTestResponse,
    get_policy_test(GetPolicyTestRequest) -> GetPolicyTestResponse,
    run_policy_test(RunPolicyTestRequest) -> RunPolicyTestResponse,
    list_policy_test_results(ListPolicyTestResultsRequest) -> ListPolicyTestResultsResponse,
    create_group(CreateGroupRequest) -> CreateGroupResponse,
    get_group(GetGroupRequest) -> GetGroupResponse,
    list_groups(ListGroupsRequest) -> ListGroupsResponse,
    update_group(UpdateGroupRequest) -> UpdateGroupResponse,
    delete_group(DeleteGroupRequest) -> DeleteGroupResponse,
    get_organization(GetOrganizationRequest) -> GetOrganizationResponse,
    put_organization(PutOrganizationRequest) -> PutOrganizationResponse,
    merge_application_settings(MergeApplicationSettingsRequest) -> MergeApplicationSettingsResponse,
    make_policy_reusable(MakePolicyReusableRequest) -> MakePolicyReusableResponse,
    create_tag(CreateTagRequest) -> CreateTagResponse,
    get_tag(GetTagRequest) -> GetTagResponse,
    list_tags(ListTagsRequest) -> ListTagsResponse,
    update_tag(UpdateTagRequest) -> UpdateTagResponse,
    delete_tag(DeleteTagRequest) -> DeleteTagResponse,
    create_certificate(CreateCertificateRequest) -> CreateCertificateResponse,
    get_certificate(GetCertificateRequest) -> GetCertificateResponse,
    list_certificates(ListCertificatesRequest) -> ListCertificatesResponse,
    update_certificate(UpdateCertificateRequest) -> UpdateCertificateResponse,
    delete_certificate(DeleteCertificateRequest) -> DeleteCertificateResponse,
    get_certificate_settings(GetCertificateSettingsRequest) -> GetCertificateSettingsResponse,
    put_certificate_settings(PutCertificateSettingsRequest) -> PutCertificateSettingsResponse,
}
