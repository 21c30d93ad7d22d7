use crate::words::{Refusal, bypass, everyone, inline, policy, refusal, token};
use crate::world::World;
use model::ErrorKind;
use proto::policy_evaluator as wire;
use wire::policy_test::Status;
use wire::policy_test_result::Judgement;
use wire::run_policy_test_request::Candidate;

async fn try_start(world: &World, policies: Vec<wire::PolicySpec>) -> Result<wire::PolicyTest, Refusal> {
    let request = wire::CreatePolicyTestRequest {
        account_id: world.account.clone(),
        policies: Some(wire::PolicyLinks { links: policies.into_iter().map(inline).collect() }),
    };
    refusal(world.evaluator.clone().create_policy_test(request).await).map(|made| made.test.unwrap())
}

async fn start(world: &World, policies: Vec<wire::PolicySpec>) -> wire::PolicyTest {
    try_start(world, policies).await.unwrap()
}

async fn get(world: &World, id: &str) -> Result<wire::PolicyTest, Refusal> {
    let request = wire::GetPolicyTestRequest { account_id: world.account.clone(), id: id.to_owned() };
    refusal(world.evaluator.clone().get_policy_test(request).await).map(|found| found.test.unwrap())
}

async fn run(world: &World, id: &str, page: u32, tokens: &[&str], is_last: bool) -> wire::PolicyTest {
    let candidate = |id: &&str| Candidate { token_id: (*id).to_owned(), token_name: format!("name of {id}") };
    let request = wire::RunPolicyTestRequest {
        account_id: world.account.clone(),
        id: id.to_owned(),
        page,
        tokens: tokens.iter().map(candidate).collect(),
        is_last,
        total: 9,
    };
    // Another replica than the one that made it.
    refusal(world.without_view.clone().run_policy_test(request).await).unwrap().test.unwrap()
}

fn counts(test: &wire::PolicyTest) -> (Status, u32, [u64; 4]) {
    (test.status(), test.next_page, [test.total, test.approved, test.blocked, test.errored])
}

pub async fn a_policy_test_is_carried_out_page_by_page_and_each_page_once(world: &World) {
    let (first, second) = (world.create_token().await, world.create_token().await);
    let named = policy("named", wire::Decision::NonIdentity, vec![token(&first)]);
    let id = start(world, vec![named]).await.id;
    let after = run(world, &id, 1, &[&first, &second], false).await;
    assert_eq!(counts(&after), (Status::Processing, 2, [9, 1, 1, 0]));
    for page in [1, 3, 0] {
        assert_eq!(run(world, &id, page, &[&first], true).await, after, "it is not the page's turn");
    }
    let again = [first.as_str()];
    let (one, other) = tokio::join!(run(world, &id, 2, &again, false), run(world, &id, 2, &again, false));
    assert!(one.approved == 2 && other.approved == 2, "judged once: {one:?} {other:?}");
    let done = run(world, &id, 3, &["no id", &second], true).await;
    assert_eq!(counts(&done), (Status::Complete, 4, [5, 2, 2, 1]));
    assert_eq!(run(world, &id, 4, &[&first], true).await, done);
    let list = async |judgement: Judgement, page| {
        let request = wire::ListPolicyTestResultsRequest {
            account_id: world.account.clone(),
            id: id.clone(),
            judgement: judgement.into(),
            page,
            per_page: 2,
        };
        let found = refusal(world.evaluator.clone().list_policy_test_results(request).await).unwrap();
        (found.results.into_iter().map(|it| it.token_id).collect::<Vec<_>>(), found.total_count)
    };
    let ids = |of: &[&str]| of.iter().map(|id| (*id).to_owned()).collect::<Vec<_>>();
    assert_eq!(list(Judgement::Unspecified, 1).await, (ids(&[&first, &second]), 5));
    assert_eq!(list(Judgement::Unspecified, 3).await, (ids(&[&second]), 5));
    assert_eq!(list(Judgement::Errored, 1).await, (ids(&["no id"]), 1));
}

pub async fn a_policy_test_ends_with_its_time_and_is_forgotten_with_its_results(world: &World) {
    let found = world.create_token().await;
    let id = start(world, vec![bypass("all", vec![everyone()])]).await.id;
    run(world, &id, 1, &[&found], false).await;
    world.age_policy_tests(10 * 60 * 1000).await;
    let late = run(world, &id, 2, &[&found], true).await;
    assert_eq!((late.status(), late.approved), (Status::ExceededTime, 1));
    world.age_policy_tests(50 * 60 * 1000).await;
    assert_eq!(get(world, &id).await.unwrap_err().kind, ErrorKind::NotFound);
}

pub async fn an_account_has_ten_policy_tests_and_cannot_begin_them_without_end(world: &World) {
    let everybody = || vec![bypass("all", vec![everyone()])];
    let mut made = Vec::new();
    // What made room is deleted once a minute, perhaps meanwhile.
    let refused = loop {
        match try_start(world, everybody()).await {
            Ok(test) => made.push(test.id),
            Err(refused) => break refused,
        }
        assert!(made.len() < 200, "there is no end");
    };
    assert_eq!((refused.kind, &*refused.reason), (ErrorKind::RateLimited, "POLICY_TESTS_TOO_MANY"));
    let mut kept = Vec::new();
    for id in &made {
        match get(world, id).await {
            Ok(test) => kept.push(test.id),
            Err(gone) => assert_eq!(gone.kind, ErrorKind::NotFound),
        }
    }
    assert_eq!((kept.len(), kept.last()), (10, made.last()));
    assert!(made.len() > kept.len());
}
