//! `access/policy-tests`: how many callers some policies would let in. The contract counts people; here the callers are the
//! account's service tokens that are enabled and have not ended.
//!
//! The policy evaluator keeps a test and judges; this is where the tokens come from, a page at a time. Nobody works at a test
//! in the background: whoever asks how far it has come carries it on for a moment. So nothing is lost when a process ends,
//! and any replica goes on where another stopped.

use super::answer::Answer;
use super::authenticate::Account;
use super::body::Body;
use super::operation::{get, ok, one_of, page_of, post};
use super::problem::Problem;
use super::request::{Page, Query, Target};
use super::routes::Routes;
use super::{App, Outcome, answered, present};
use crate::wire::judged::unusable;
use crate::wire::policy_tests::{self, STATUSES};
use crate::wire::schema::policy_tests as schema;
use axum::extract::State;
use proto::policy_evaluator::policy_test::Status;
use proto::policy_evaluator::run_policy_test_request::Candidate;
use proto::policy_evaluator::{
    CreatePolicyTestRequest, GetPolicyTestRequest, ListPolicyTestResultsRequest, PolicyTest,
    RunPolicyTestRequest,
};
use proto::token_registry::ListTokensRequest;
use proto::token_registry::Scope::{AppsAndPoliciesRead as READ, AppsAndPoliciesWrite as WRITE};
use std::time::Duration;

/// How long one question carries a test on.
const MOMENT: Duration = Duration::from_secs(2);
/// Tokens judged at a time.
const PAGE: u32 = 500;

pub fn routes() -> Routes {
    Routes::of("Policy tests")
        .serve(
            post(
                "/access/policy-tests",
                "create_policy_test",
                "Tries policies on every service token; nothing but the test is stored",
                WRITE,
                ok(schema::created()),
            )
            .takes(schema::given()),
            create,
        )
        .serve(
            get(
                "/access/policy-tests/{id}",
                "get_policy_test",
                "How far it has come, and how many get in; asking carries it on",
                READ,
                ok(schema::shown()),
            ),
            read,
        )
        .serve(
            get(
                "/access/policy-tests/{id}/users",
                "list_policy_test_users",
                "What became of each service token so far",
                READ,
                page_of(schema::user()),
            )
            .asks([one_of("status", "Of these alone.", &STATUSES.map(|(name, _)| name))]),
            users,
        )
}

async fn create(State(mut app): State<App>, Account(account_id): Account, Body(mut fields): Body) -> Outcome {
    let request = CreatePolicyTestRequest { account_id, policies: Some(policy_tests::read(&mut fields)?) };
    let created = answered(app.policy_evaluator.create_policy_test(request).await)?;
    Ok(Answer::ok(policy_tests::created(&present(created.test)?)))
}

async fn read(State(mut app): State<App>, Account(account_id): Account, target: Target) -> Outcome {
    Ok(Answer::ok(policy_tests::view(carry_on(&mut app, &account_id, target.id).await?)))
}

async fn users(
    State(mut app): State<App>,
    Account(account_id): Account,
    target: Target,
    page: Page,
    query: Query,
) -> Outcome {
    let judgement = policy_tests::judgement(query.get("status"))?.into();
    let test = carry_on(&mut app, &account_id, target.id).await?;
    let (page_number, per_page) = (page.number, page.size);
    let request =
        ListPolicyTestResultsRequest { account_id, id: test.id, judgement, page: page_number, per_page };
    let found = answered(app.policy_evaluator.list_policy_test_results(request).await)?;
    let shown = found.results.into_iter().map(policy_tests::user).collect();
    Ok(Answer::page(shown, page, found.total_count))
}

/// The test, after the pages that can be judged in a moment: one at least.
async fn carry_on(app: &mut App, account_id: &str, id: String) -> Result<PolicyTest, Problem> {
    let started = app.clock.boot();
    let asked = GetPolicyTestRequest { account_id: account_id.to_owned(), id };
    let mut test = present(answered(app.policy_evaluator.get_policy_test(asked).await)?.test)?;
    while test.status() == Status::Processing {
        test = judge_page(app, test).await?;
        if app.clock.boot().since(started) >= MOMENT {
            break;
        }
    }
    Ok(test)
}

async fn judge_page(app: &mut App, test: PolicyTest) -> Result<PolicyTest, Problem> {
    let PolicyTest { id, account_id, next_page: page, .. } = test;
    let wanted = ListTokensRequest {
        account_id: account_id.clone(),
        page,
        per_page: PAGE,
        ..ListTokensRequest::default()
    };
    let found = answered(app.token_registry.list_tokens(wanted).await)?;
    let now = app.clock.now();
    let is_last = found.tokens.len() < PAGE as usize;
    let live = found.tokens.into_iter().filter(|token| unusable(token, now).is_none());
    let tokens = live.map(|token| Candidate { token_id: token.id, token_name: token.name }).collect();
    let request = RunPolicyTestRequest { account_id, id, page, tokens, is_last, total: found.total_count };
    present(answered(app.policy_evaluator.run_policy_test(request).await)?.test)
}
