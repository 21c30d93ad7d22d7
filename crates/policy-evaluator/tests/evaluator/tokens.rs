use crate::words::{application, everyone, group, inline, policy, refusal, token};
use crate::world::World;
use model::{ErrorKind, TokenId};
use proto::policy_evaluator as wire;
use wire::Decision::NonIdentity;

pub async fn an_unknown_token_is_refused_on_the_rule_that_names_it(world: &World) {
    let (known, unknown) = (world.create_token().await, TokenId::random().to_string());
    let spec = policy("machines", NonIdentity, vec![token(&known), everyone(), token(&unknown)]);
    let refused = world.create_policy(spec.clone()).await.unwrap_err();
    assert_eq!(refused.fields, ["include/2/service_token/token_id"]);
    assert_eq!(refused.kind, ErrorKind::Invalid);
    let request = wire::CreateApplicationRequest {
        account_id: world.account.clone(),
        spec: Some(application("app.example.com")),
        policies: Some(wire::PolicyLinks {
            links: vec![inline(policy("open", NonIdentity, vec![token(&known)])), inline(spec)],
        }),
        ..Default::default()
    };
    let refused = refusal(world.evaluator.clone().create_application(request).await).unwrap_err();
    assert_eq!(refused.fields, ["policies/1/include/2/service_token/token_id"]);
    let refused = world.create_group(group("group", vec![token(&unknown)])).await.unwrap_err();
    assert_eq!(refused.fields, ["include/0/service_token/token_id"]);
    world.delete_token(&known).await.unwrap();
}

pub async fn a_named_token_is_not_deleted_until_it_is_named_no_more(world: &World) {
    let (first, second) = (world.create_token().await, world.create_token().await);
    let machines = world.create_policy(policy("machines", NonIdentity, vec![token(&first)])).await.unwrap();
    let refused = world.delete_token(&first).await.unwrap_err();
    assert!(
        refused.is(ErrorKind::NotReady, "TOKEN_IN_USE") && refused.message.contains("machines"),
        "{refused:?}"
    );
    world.update_policy(&machines.id, policy("renamed", NonIdentity, vec![token(&second)])).await.unwrap();
    world.delete_token(&first).await.unwrap();
    world
        .update_policy(&machines.id, policy("renamed again", NonIdentity, vec![token(&second)]))
        .await
        .unwrap();
    assert!(world.delete_token(&second).await.unwrap_err().message.contains("renamed again"));
    world.delete_policy("", &machines.id).await.unwrap();
    world.delete_token(&second).await.unwrap();
}

pub async fn a_refused_change_leaves_no_reference(world: &World) {
    let (known, unknown) = (world.create_token().await, TokenId::random().to_string());
    let machines = world.create_policy(policy("machines", NonIdentity, vec![everyone()])).await.unwrap();
    for include in [vec![token(&known), token(&unknown)], vec![token(&known), wire::Rule { selector: None }]]
    {
        world.update_policy(&machines.id, policy("machines", NonIdentity, include)).await.unwrap_err();
    }
    world.delete_token(&known).await.unwrap();
}

pub async fn groups_and_inline_policies_name_tokens_too(world: &World) {
    let (mine, theirs) = (world.create_token().await, world.create_token().await);
    let named = world.create_group(group("named", vec![token(&mine)])).await.unwrap();
    let app = world
        .create_application(
            "app.example.com",
            vec![inline(policy("inline", NonIdentity, vec![token(&theirs)]))],
        )
        .await;
    for (token, by) in [(&mine, "named"), (&theirs, "inline")] {
        assert!(world.delete_token(token).await.unwrap_err().message.contains(by));
    }
    world.delete_group(&named.id).await.unwrap();
    world.delete_token(&mine).await.unwrap();
    let delete = wire::DeleteApplicationRequest {
        account_id: world.account.clone(),
        id: app.id,
        ..Default::default()
    };
    refusal(world.evaluator.clone().delete_application(delete).await).unwrap();
    world.delete_token(&theirs).await.unwrap();
}
