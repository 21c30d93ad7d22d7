use super::get;
use crate::rpc::{Rpc, check_account, count, read};
use crate::store::{ApplicationFilter, ApplicationRow, Page, PolicyRow};
use model::Error;
use policy::DomainPattern;
use proto::policy_evaluator::{
    Application, GetApplicationRequest, GetApplicationResponse, ListApplicationsRequest,
    ListApplicationsResponse,
};
use std::collections::HashMap;

impl Rpc {
    pub(in crate::rpc) async fn get_application(
        &self,
        request: GetApplicationRequest,
    ) -> Result<GetApplicationResponse, Error> {
        let GetApplicationRequest { account_id, id } = request;
        check_account(&account_id)?;
        let application = read!(&self.database, |tables| get(tables, &account_id, &id).await?);
        Ok(GetApplicationResponse { application: Some(application) })
    }

    pub(in crate::rpc) async fn list_applications(
        &self,
        request: ListApplicationsRequest,
    ) -> Result<ListApplicationsResponse, Error> {
        let ListApplicationsRequest { account_id, name, domain, aud, search, page, per_page } = request;
        check_account(&account_id)?;
        let domain = match DomainPattern::parse(&domain) {
            Ok(pattern) => pattern.to_string(),
            // Not a domain, so nobody has it.
            Err(_) if !domain.is_empty() => return Ok(ListApplicationsResponse::default()),
            Err(_) => String::new(),
        };
        let filter = ApplicationFilter { name, aud, domain, search };
        let page = Page::new(page, per_page);
        let (rows, policies, total) = read!(&self.database, |tables| {
            let (rows, total) = tables.applications(&account_id, &filter, page).await?;
            let policies = match (rows.first(), rows.last()) {
                (Some(first), Some(last)) => {
                    tables.policies_between(&account_id, first.created_at_ms, last.created_at_ms).await?
                }
                _ => Vec::new(),
            };
            (rows, policies, total)
        });
        Ok(ListApplicationsResponse {
            applications: with_policies(rows, policies)?,
            total_count: count(total),
        })
    }
}

fn with_policies(rows: Vec<ApplicationRow>, policies: Vec<PolicyRow>) -> Result<Vec<Application>, Error> {
    let mut by_application: HashMap<String, Vec<PolicyRow>> = HashMap::new();
    for policy in policies {
        by_application.entry(policy.linked_by.clone()).or_default().push(policy);
    }
    let mut whole = |row: ApplicationRow| {
        let policies = by_application.remove(&row.id).unwrap_or_default();
        row.into_wire(policies)
    };
    rows.into_iter().map(&mut whole).collect()
}
