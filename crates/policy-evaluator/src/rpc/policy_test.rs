//! Policies that are tried on the account's service tokens, a page of tokens at a time. The engine judges them as it judges
//! any request; of the request nothing is known but the token.

use super::policy::groups_of;
use super::{Rpc, check_account, check_id, count, read};
use crate::domain::{Broken, check_policy};
use crate::store::policy_tests::{JudgedPage, PAGE};
use crate::store::{Page, Tables};
use directory::convert;
use model::{Error, GroupId, PolicyId, TokenId};
use policy::{CompiledPolicies, Facts, Group};
use prost::Message as _;
use proto::policy_evaluator::policy_link::Policy as Link;
use proto::policy_evaluator::policy_test_result::Judgement;
use proto::policy_evaluator::run_policy_test_request::Candidate;
use proto::policy_evaluator::{
    CreatePolicyTestRequest, CreatePolicyTestResponse, GetPolicyTestRequest, GetPolicyTestResponse,
    ListPoliciesResponse, ListPolicyTestResultsRequest, ListPolicyTestResultsResponse, Policy, PolicyLink,
    PolicyTestResult, RunPolicyTestRequest, RunPolicyTestResponse, policy_test::Status,
};
use std::collections::HashMap;

/// Most policies of one test.
const MAX_POLICIES: usize = 100;

fn check_test(id: &str) -> Result<(), Error> {
    check_id::<PolicyId>(id, "policy test").map(drop)
}

/// The policy that is meant, as it is now.
async fn resolve(
    tables: &mut dyn Tables,
    account: &str,
    groups: &HashMap<GroupId, Group>,
    link: PolicyLink,
    field: &str,
) -> Result<Policy, Error> {
    match link.policy {
        Some(Link::Id(id)) => {
            let unknown = || Error::invalid(field, "no such policy");
            id.parse::<PolicyId>().map_err(|_| unknown())?;
            tables.policy(account, &id).await?.ok_or_else(unknown)?.into_wire()
        }
        Some(Link::Inline(spec)) => {
            let id = PolicyId::random();
            let checked = check_policy(id, &spec).and_then(|it| it.validate(|id| groups.get(&id)));
            checked.map_err(|error| error.within(field))?;
            Ok(Policy {
                id: id.to_string(),
                account_id: account.into(),
                spec: Some(spec),
                ..Policy::default()
            })
        }
        None => Err(Error::invalid(field, "must be a policy's id or a policy")),
    }
}

fn judge(policies: &CompiledPolicies, Candidate { token_id, token_name }: Candidate) -> PolicyTestResult {
    let judgement = match token_id.parse::<TokenId>() {
        Ok(id) if policies.evaluate(&Facts::new().with_service_token(id)).outcome.is_admitted() => {
            Judgement::Approved
        }
        Ok(_) => Judgement::Blocked,
        Err(_) => Judgement::Errored,
    };
    PolicyTestResult { token_id, token_name, judgement: judgement.into() }
}

impl Rpc {
    pub(super) async fn create_policy_test(
        &self,
        request: CreatePolicyTestRequest,
    ) -> Result<CreatePolicyTestResponse, Error> {
        let CreatePolicyTestRequest { account_id, policies } = request;
        check_account(&account_id)?;
        let links = policies.unwrap_or_default().links;
        if !(1..=MAX_POLICIES).contains(&links.len()) {
            return Err(Error::invalid("policies", format!("must have 1-{MAX_POLICIES} entries")));
        }
        let policies = read!(&self.database, |tables| {
            let groups = groups_of(tables, &account_id).await?;
            let (mut broken, mut policies) = (Broken::default(), Vec::new());
            for (at, link) in links.into_iter().enumerate() {
                let field = format!("policies/{at}");
                let resolved = resolve(tables, &account_id, &groups, link, &field).await;
                policies.extend(broken.check(resolved));
            }
            broken.refuse()?;
            policies
        });
        let policies = ListPoliciesResponse { policies, total_count: 0 }.encode_to_vec();
        Ok(CreatePolicyTestResponse { test: Some(self.tests.create(&account_id, policies).await?) })
    }

    pub(super) async fn get_policy_test(
        &self,
        request: GetPolicyTestRequest,
    ) -> Result<GetPolicyTestResponse, Error> {
        let GetPolicyTestRequest { account_id, id } = request;
        check_account(&account_id)?;
        check_test(&id)?;
        let test = self.tests.get(&account_id, &id).await?.into_wire(self.tests.now());
        Ok(GetPolicyTestResponse { test: Some(test) })
    }

    pub(super) async fn run_policy_test(
        &self,
        request: RunPolicyTestRequest,
    ) -> Result<RunPolicyTestResponse, Error> {
        let RunPolicyTestRequest { account_id, id, page, tokens, is_last, total } = request;
        check_account(&account_id)?;
        check_test(&id)?;
        if tokens.len() > PAGE {
            return Err(Error::invalid("tokens", format!("must have at most {PAGE} entries")));
        }
        let row = self.tests.get(&account_id, &id).await?;
        let stored = ListPoliciesResponse::decode(row.policies.as_slice()).map_err(Error::internal)?.policies;
        let test = row.into_wire(self.tests.now());
        if test.status() != Status::Processing || test.next_page != page {
            return Ok(RunPolicyTestResponse { test: Some(test) });
        }
        let groups = read!(&self.database, |tables| groups_of(tables, &account_id).await?);
        let policies = stored.iter().map(convert::policy).collect::<Result<Vec<_>, _>>()?;
        let policies = CompiledPolicies::compile(&policies, |id| groups.get(&id));
        let results = tokens.into_iter().map(|token| judge(&policies, token)).collect();
        self.tests.add(&id, &JudgedPage { number: page, results, is_last, total }).await?;
        let test = self.tests.get(&account_id, &id).await?.into_wire(self.tests.now());
        Ok(RunPolicyTestResponse { test: Some(test) })
    }

    pub(super) async fn list_policy_test_results(
        &self,
        request: ListPolicyTestResultsRequest,
    ) -> Result<ListPolicyTestResultsResponse, Error> {
        let judgement = request.judgement();
        let ListPolicyTestResultsRequest { account_id, id, judgement: _, page, per_page } = request;
        check_account(&account_id)?;
        check_test(&id)?;
        self.tests.get(&account_id, &id).await?;
        let (results, total) = self.tests.results(&id, judgement, Page::new(page, per_page)).await?;
        Ok(ListPolicyTestResultsResponse { results, total_count: count(total) })
    }
}
