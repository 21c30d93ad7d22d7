use super::super::{Rpc, check_account, check_id, count, read};
use super::{find, no_such_policy};
use crate::store::{Page, PolicyRow, no_such_application};
use model::{ApplicationId, Error, PolicyId};
use proto::policy_evaluator::{
    GetPolicyRequest, GetPolicyResponse, ListPoliciesRequest, ListPoliciesResponse,
};

impl Rpc {
    pub(in crate::rpc) async fn get_policy(
        &self,
        request: GetPolicyRequest,
    ) -> Result<GetPolicyResponse, Error> {
        let GetPolicyRequest { account_id, application_id, id } = request;
        check_account(&account_id)?;
        check_id::<PolicyId>(&id, "policy")?;
        let row = read!(&self.database, |tables| find(tables, &account_id, &application_id, &id).await?);
        Ok(GetPolicyResponse { policy: Some(row.ok_or_else(no_such_policy)?.into_wire()?) })
    }

    pub(in crate::rpc) async fn list_policies(
        &self,
        request: ListPoliciesRequest,
    ) -> Result<ListPoliciesResponse, Error> {
        let ListPoliciesRequest { account_id, application_id, page, per_page, name, search } = request;
        check_account(&account_id)?;
        let page = Page::new(page, per_page);
        let is_filtered = !name.is_empty() || !search.is_empty();
        let (rows, total) = if application_id.is_empty() && !is_filtered {
            read!(&self.database, |tables| tables.reusable_policies(&account_id, page).await?)
        } else {
            let mut rows = if application_id.is_empty() {
                read!(&self.database, |tables| tables.all_reusable_policies(&account_id).await?)
            } else {
                check_id::<ApplicationId>(&application_id, "application")?;
                read!(&self.database, |tables| {
                    tables
                        .application(&account_id, &application_id)
                        .await?
                        .ok_or_else(no_such_application)?;
                    tables.policies_of(&application_id).await?
                })
            };
            if is_filtered {
                rows = named(rows, &name, &search.to_lowercase())?;
            }
            let total = i64::try_from(rows.len()).unwrap_or(i64::MAX);
            (page.of(rows), total)
        };
        let policies = rows.into_iter().map(PolicyRow::into_wire).collect::<Result<_, _>>()?;
        Ok(ListPoliciesResponse { policies, total_count: count(total) })
    }
}

/// Those whose name is `name` and has `part`, both only if given.
fn named(rows: Vec<PolicyRow>, name: &str, part: &str) -> Result<Vec<PolicyRow>, Error> {
    let mut kept = Vec::new();
    for row in rows {
        let given = row.spec()?.name;
        if (name.is_empty() || given == name) && given.to_lowercase().contains(part) {
            kept.push(row);
        }
    }
    Ok(kept)
}
