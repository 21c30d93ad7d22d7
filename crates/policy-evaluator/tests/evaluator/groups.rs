use crate::words::{bypass, country, everyone, group, in_group, linked};
use crate::world::World;
use model::{ErrorKind, GroupId};
use proto::policy_evaluator as wire;
use wire::Outcome;
use wire::rule::Selector;

pub async fn a_group_in_use_is_not_deleted(world: &World) {
    let inner = world.create_group(group("inner", vec![everyone()])).await.unwrap();
    let outer = world.create_group(group("outer", vec![in_group(&inner.id)])).await.unwrap();
    let policy = world.create_policy(bypass("policy", vec![in_group(&outer.id)])).await.unwrap();
    for (id, by) in [(&inner.id, "outer"), (&outer.id, "policy")] {
        let refused = world.delete_group(id).await.unwrap_err();
        assert!(
            refused.is(ErrorKind::NotReady, "GROUP_IN_USE") && refused.message.contains(by),
            "{refused:?}"
        );
    }
    world.update_policy(&policy.id, bypass("policy", vec![everyone()])).await.unwrap();
    world.delete_group(&outer.id).await.unwrap();
    world.delete_group(&inner.id).await.unwrap();
    assert!(world.delete_group(&inner.id).await.unwrap_err().is(ErrorKind::NotFound, "NOT_FOUND"));
    let request = wire::ListGroupsRequest { account_id: world.account.clone(), ..Default::default() };
    assert_eq!(world.evaluator.clone().list_groups(request).await.unwrap().into_inner().total_count, 0);
}

pub async fn a_group_edit_applies_to_the_next_judgement(world: &World) {
    let inner = world.create_group(group("inner", vec![country("PT")])).await.unwrap();
    let outer = world.create_group(group("outer", vec![in_group(&inner.id)])).await.unwrap();
    let policy = world.create_policy(bypass("policy", vec![in_group(&outer.id)])).await.unwrap();
    let app = world.create_application("app.example.com", vec![linked(&policy.id)]).await;
    assert_eq!(world.outcome(&app.id).await, Outcome::NoMatch);
    let changed = world.update_group(&inner.id, group("inner", vec![everyone()])).await.unwrap();
    assert_eq!(changed.created_at_ms, inner.created_at_ms);
    assert_eq!(world.outcome(&app.id).await, Outcome::Bypass);
    let people =
        group("inner", vec![wire::Rule { selector: Some(Selector::EmailDomain("example.com".into())) }]);
    world.update_group(&inner.id, people).await.unwrap();
    assert_eq!(world.outcome(&app.id).await, Outcome::NoMatch, "a bypass does not look at a login");
}

pub async fn cycles_and_unknown_groups_are_refused(world: &World) {
    let first = world.create_group(group("first", vec![everyone()])).await.unwrap();
    let second = world.create_group(group("second", vec![in_group(&first.id)])).await.unwrap();
    let refused = world
        .update_group(&first.id, group("first", vec![everyone(), in_group(&second.id)]))
        .await
        .unwrap_err();
    assert_eq!((refused.kind, refused.fields), (ErrorKind::Invalid, vec!["include/1/group/id".to_owned()]));
    let unknown = in_group(&GroupId::random().to_string());
    let refused = world.create_group(group("third", vec![unknown.clone()])).await.unwrap_err();
    assert_eq!(refused.fields, ["include/0/group/id"]);
    let refused = world.create_policy(bypass("policy", vec![everyone(), unknown])).await.unwrap_err();
    assert_eq!(refused.fields, ["include/1/group/id"]);
    let unknown =
        world.update_group(&GroupId::random().to_string(), group("x", vec![everyone()])).await.unwrap_err();
    assert_eq!(unknown.kind, ErrorKind::NotFound);
}
