//! Policies that are tried on the account's service tokens, which the contract calls users.

use super::fields::Fields;
use super::policy;
use model::Error;
use proto::policy_evaluator::policy_test::Status;
use proto::policy_evaluator::policy_test_result::Judgement;
use proto::policy_evaluator::{PolicyLinks, PolicyTest, PolicyTestResult};
use serde_json::{Value, json};

/// What one may ask for.
pub const STATUSES: [(&str, Judgement); 3] =
    [("success", Judgement::Approved), ("fail", Judgement::Blocked), ("error", Judgement::Errored)];

/// Each by its id or in full.
pub fn read(fields: &mut Fields) -> Result<PolicyLinks, Error> {
    policy::read_links(fields, &mut Vec::new())?.ok_or_else(|| fields.missing("policies"))
}

pub fn judgement(status: Option<&str>) -> Result<Judgement, Error> {
    let Some(status) = status else { return Ok(Judgement::Unspecified) };
    let known = STATUSES.into_iter().find(|(name, _)| *name == status);
    known.map(|(_, it)| it).ok_or_else(|| Error::invalid("status", "must be success, fail or error"))
}

pub fn created(test: &PolicyTest) -> Value {
    json!({"id": test.id, "status": "success"})
}

pub fn view(test: PolicyTest) -> Value {
    let status = match test.status() {
        Status::Complete => "complete",
        Status::ExceededTime => "exceeded time",
        Status::Processing | Status::Unspecified => "processing",
    };
    let PolicyTest { id, total, approved, blocked, errored, .. } = test;
    let judged = approved + blocked + errored;
    // Tokens that come while it is carried out are judged as well.
    let total = total.max(judged);
    let processed = if status == "complete" { 100 } else { percent(judged, total) };
    json!({
        "id": id,
        "status": status,
        "percent_users_processed": processed,
        "percent_approved": percent(approved, judged),
        "percent_blocked": percent(blocked, judged),
        "percent_errored": percent(errored, judged),
        "total_users": total,
        "users_approved": approved,
        "users_blocked": blocked,
        "users_errored": errored,
    })
}

/// Rounded down; of nothing 0.
fn percent(part: u64, whole: u64) -> u64 {
    part.saturating_mul(100).checked_div(whole).unwrap_or_default()
}

/// A service token has no address.
pub fn user(result: PolicyTestResult) -> Value {
    let status = match result.judgement() {
        Judgement::Approved => "approved",
        Judgement::Blocked => "blocked",
        Judgement::Errored | Judgement::Unspecified => "error",
    };
    let PolicyTestResult { token_id, token_name, judgement: _ } = result;
    json!({"id": token_id, "email": "", "name": token_name, "status": status})
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn shares_are_of_what_was_judged() {
        let test = |status: Status, total, approved, blocked| {
            view(PolicyTest { status: status.into(), total, approved, blocked, ..PolicyTest::default() })
        };
        let half = test(Status::Processing, 1_000, 1, 2);
        assert_eq!((&half["percent_users_processed"], &half["percent_approved"]), (&json!(0), &json!(33)));
        assert_eq!((&half["status"], &half["percent_blocked"]), (&json!("processing"), &json!(66)));
        let whole = test(Status::Complete, 3, 1, 2);
        assert_eq!((&whole["percent_users_processed"], &whole["total_users"]), (&json!(100), &json!(3)));
        let none = test(Status::Complete, 0, 0, 0);
        assert_eq!((&none["percent_users_processed"], &none["percent_approved"]), (&json!(100), &json!(0)));
        assert_eq!(test(Status::ExceededTime, 10, 5, 0)["status"], "exceeded time");
        assert_eq!(test(Status::Processing, 1, 5, 0)["total_users"], 5);
    }
}
