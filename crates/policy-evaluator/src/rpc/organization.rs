use super::{Rpc, check_account, read, wait};
use crate::audited::Subject;
use crate::change::{Intent, Object, Plan};
use crate::domain::{Given, merge_organization};
use crate::store::{OrganizationRow, Tables, Write};
use async_trait::async_trait;
use model::{Error, ErrorKind, Timestamp};
use prost::Message as _;
use proto::policy_evaluator::{
    GetOrganizationRequest, GetOrganizationResponse, Organization, PutOrganizationRequest,
    PutOrganizationResponse,
};

struct Put {
    account: String,
    given: Given,
}

async fn find(tables: &mut dyn Tables, account: &str) -> Result<Option<Organization>, Error> {
    tables.organization(account).await?.map(OrganizationRow::into_wire).transpose()
}

#[async_trait]
impl Intent for Put {
    type Answer = Organization;

    async fn plan(&self, tables: &mut dyn Tables, now: Timestamp) -> Result<Plan, Error> {
        let after = merge_organization(&self.account, find(tables, &self.account).await?, &self.given)?;
        let host = after.auth_domain.split(':').next().unwrap_or_default().to_ascii_lowercase();
        if tables.owner_of_team_host(&host).await?.is_some_and(|owner| owner != self.account) {
            let violation = Error::invalid("auth_domain", "is another organization's");
            let error =
                Error::new(ErrorKind::AlreadyExists, "AUTH_DOMAIN_ALREADY_EXISTS", violation.message());
            return Err(error.with_violations(violation.violations().to_vec()));
        }
        let write = Write::PutOrganization {
            account: self.account.clone(),
            team_host: host,
            spec: after.encode_to_vec(),
            at_ms: now.as_millis(),
        };
        let touched = [Object::Organization(self.account.clone())].into();
        Ok(Plan { writes: vec![write], touched, ..Plan::default() })
    }

    fn subject(&self) -> Subject {
        Subject::Organization
    }

    async fn answer(&self, tables: &mut dyn Tables) -> Result<Organization, Error> {
        find(tables, &self.account).await?.ok_or_else(no_such_organization)
    }
}

fn no_such_organization() -> Error {
    Error::not_found("organization")
}

impl Rpc {
    pub(super) async fn get_organization(
        &self,
        request: GetOrganizationRequest,
    ) -> Result<GetOrganizationResponse, Error> {
        check_account(&request.account_id)?;
        let organization = read!(&self.database, |tables| find(tables, &request.account_id).await?);
        Ok(GetOrganizationResponse { organization: Some(organization.ok_or_else(no_such_organization)?) })
    }

    pub(super) async fn put_organization(
        &self,
        request: PutOrganizationRequest,
    ) -> Result<PutOrganizationResponse, Error> {
        let PutOrganizationRequest {
            account_id,
            name,
            auth_domain,
            issuer,
            session_duration,
            strict_service_token_auth,
            deny_unmatched_requests,
            settings_json,
            wait: asked,
            settings_changes_json,
        } = request;
        check_account(&account_id)?;
        let given = Given {
            name,
            auth_domain,
            issuer,
            session_duration,
            strict_service_token_auth,
            deny_unmatched_requests,
            settings_json,
            settings_changes_json,
        };
        let intent = Put { account: account_id, given };
        let (organization, propagation) = self.changes.run(&intent, &intent.account, wait(asked)).await?;
        Ok(PutOrganizationResponse { organization: Some(organization), propagation: Some(propagation) })
    }
}
