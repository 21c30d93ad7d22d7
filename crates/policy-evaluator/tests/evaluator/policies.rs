use crate::words::{bypass, everyone, inline, linked, policy, refusal};
use crate::world::World;
use model::ErrorKind;
use proto::policy_evaluator as wire;
use wire::{Decision, Outcome};

async fn list(world: &World, application: &str) -> Vec<(String, i32)> {
    let request = wire::ListPoliciesRequest {
        account_id: world.account.clone(),
        application_id: application.into(),
        ..Default::default()
    };
    let answer = world.evaluator.clone().list_policies(request).await.unwrap().into_inner();
    assert_eq!(answer.total_count, answer.policies.len() as u64);
    answer.policies.into_iter().map(|it| (it.spec.unwrap().name, it.precedence)).collect()
}

pub async fn an_edit_of_a_reusable_policy_reaches_every_application_that_links_it(world: &World) {
    let open = world.create_policy(bypass("open", vec![everyone()])).await.unwrap();
    let first = world.create_application("a.example.com", vec![linked(&open.id)]).await;
    let second = world.create_application("b.example.com", vec![linked(&open.id)]).await;
    let apart =
        world.create_application("c.example.com", vec![inline(bypass("own", vec![everyone()]))]).await;
    for id in [&first.id, &second.id, &apart.id] {
        assert_eq!(world.outcome(id).await, Outcome::Bypass);
    }
    let shut = world.update_policy(&open.id, policy("shut", Decision::Deny, vec![everyone()])).await.unwrap();
    assert_eq!((shut.app_count, shut.reusable, shut.precedence), (2, true, 0));
    for id in [&first.id, &second.id] {
        assert_eq!(world.outcome(id).await, Outcome::Deny);
    }
    assert_eq!(world.outcome(&apart.id).await, Outcome::Bypass);
}

pub async fn a_policy_in_use_is_not_deleted(world: &World) {
    let open = world.create_policy(bypass("open", vec![everyone()])).await.unwrap();
    let app = world.create_application("app.example.com", vec![linked(&open.id)]).await;
    let refused = world.delete_policy("", &open.id).await.unwrap_err();
    assert!(refused.is(ErrorKind::NotReady, "POLICY_IN_USE"), "{refused:?}");
    assert!(refused.message.contains("at app.example.com") && refused.message.contains(&app.id));
    world.delete_policy(&app.id, &open.id).await.unwrap();
    assert_eq!(world.outcome(&app.id).await, Outcome::NoMatch);
    assert_eq!(list(world, "").await.len(), 1, "it left the application and is still there");
    world.delete_policy("", &open.id).await.unwrap();
    assert!(world.delete_policy("", &open.id).await.unwrap_err().is(ErrorKind::NotFound, "NOT_FOUND"));
}

pub async fn precedence_is_unique_and_orders(world: &World) {
    let app =
        world.create_application("app.example.com", vec![inline(bypass("first", vec![everyone()]))]).await;
    let create = async |name: &str, precedence| {
        world.create_policy_in(&app.id, bypass(name, vec![everyone()]), precedence).await
    };
    assert_eq!(create("last", None).await.unwrap().precedence, 2);
    let refused = create("taken", Some(2)).await.unwrap_err();
    assert_eq!((refused.kind, refused.fields), (ErrorKind::Invalid, vec!["precedence".to_owned()]));
    assert_eq!(create("negative", Some(-1)).await.unwrap_err().fields, ["precedence"]);
    let front = create("front", Some(0)).await.unwrap();
    assert_eq!(list(world, &app.id).await, [("front".into(), 0), ("first".into(), 1), ("last".into(), 2)]);
    let moved = |precedence| wire::UpdatePolicyRequest {
        account_id: world.account.clone(),
        application_id: app.id.clone(),
        id: front.id.clone(),
        spec: Some(bypass("front", vec![everyone()])),
        precedence: Some(precedence),
        ..Default::default()
    };
    let refused = refusal(world.evaluator.clone().update_policy(moved(1)).await).unwrap_err();
    assert_eq!(refused.fields, ["precedence"]);
    let back = refusal(world.evaluator.clone().update_policy(moved(7)).await).unwrap().policy.unwrap();
    assert_eq!(back.precedence, 7);
    assert_eq!(list(world, &app.id).await, [("first".into(), 1), ("last".into(), 2), ("front".into(), 7)]);
    assert_eq!(world.evaluate(&app.id, wire::Facts::default()).await.policy_name, "first");
}

pub async fn an_own_policy_is_no_reusable_one(world: &World) {
    let app = world.create_application("a.example.com", vec![inline(bypass("own", vec![everyone()]))]).await;
    let other = world.create_application("b.example.com", vec![]).await;
    let own = &app.policies[0];
    assert!(!own.reusable && own.app_count == 1);
    let get = |application: &str, id: &str| wire::GetPolicyRequest {
        account_id: world.account.clone(),
        application_id: application.into(),
        id: id.into(),
    };
    for application in ["", &other.id] {
        let refused =
            refusal(world.evaluator.clone().get_policy(get(application, &own.id)).await).unwrap_err();
        assert_eq!(refused.kind, ErrorKind::NotFound);
    }
    let found = refusal(world.evaluator.clone().get_policy(get(&app.id, &own.id)).await).unwrap();
    assert_eq!(found.policy.as_ref(), Some(own));
    assert_eq!(list(world, "").await, []);
    world.delete_policy(&app.id, &own.id).await.unwrap();
    let refused = refusal(world.evaluator.clone().get_policy(get(&app.id, &own.id)).await).unwrap_err();
    assert_eq!(refused.kind, ErrorKind::NotFound);

    let reusable = world.create_policy(bypass("reusable", vec![everyone()])).await.unwrap();
    let linking = world.create_application("c.example.com", vec![linked(&reusable.id)]).await;
    let through_application = wire::UpdatePolicyRequest {
        account_id: world.account.clone(),
        application_id: linking.id.clone(),
        id: reusable.id.clone(),
        spec: Some(bypass("changed", vec![everyone()])),
        ..Default::default()
    };
    let refused = refusal(world.evaluator.clone().update_policy(through_application).await).unwrap_err();
    assert_eq!((refused.kind, refused.fields), (ErrorKind::Invalid, vec!["policy_id".to_owned()]));
}
