use crate::words::{application, bypass, country, everyone, inline, linked, refusal};
use crate::world::World;
use model::ErrorKind;
use prost::Message as _;
use proto::change_feed::ListEntriesRequest;
use proto::policy_evaluator as wire;

async fn list(world: &World, request: wire::ListApplicationsRequest) -> (Vec<String>, u64) {
    let request = wire::ListApplicationsRequest { account_id: world.account.clone(), ..request };
    let answer = world.evaluator.clone().list_applications(request).await.unwrap().into_inner();
    let domains = answer.applications.into_iter().map(|it| it.spec.unwrap().domain).collect();
    (domains, answer.total_count)
}

async fn update(
    world: &World,
    id: &str,
    spec: wire::ApplicationSpec,
    links: Option<Vec<wire::PolicyLink>>,
) -> Result<wire::Application, crate::words::Refusal> {
    let request = wire::UpdateApplicationRequest {
        account_id: world.account.clone(),
        id: id.into(),
        spec: Some(spec),
        policies: links.map(|links| wire::PolicyLinks { links }),
        ..Default::default()
    };
    Ok(refusal(world.evaluator.clone().update_application(request).await)?.application.unwrap())
}

async fn delete(world: &World, id: &str) -> Result<wire::DeleteApplicationResponse, crate::words::Refusal> {
    let request = wire::DeleteApplicationRequest {
        account_id: world.account.clone(),
        id: id.into(),
        ..Default::default()
    };
    refusal(world.evaluator.clone().delete_application(request).await)
}

pub async fn a_domain_belongs_to_one_application(world: &World) {
    let first = world.create_application("app.example.com/*", vec![]).await;
    let second = world.create_application("other.example.com", vec![]).await;
    let twice = wire::CreateApplicationRequest {
        account_id: model::AccountId::random().to_string(),
        spec: Some(application("APP.example.com")),
        ..Default::default()
    };
    let refused = refusal(world.evaluator.clone().create_application(twice).await).unwrap_err();
    assert!(refused.is(ErrorKind::AlreadyExists, "APPLICATION_ALREADY_EXISTS"), "{refused:?}");
    assert_eq!(refused.fields, ["domain"]);
    let mut both = application("other.example.com");
    both.destinations = vec!["other.example.com".into(), "app.example.com".into()];
    let refused = update(world, &second.id, both, None).await.unwrap_err();
    assert_eq!(
        (refused.kind, refused.fields),
        (ErrorKind::AlreadyExists, vec!["destinations/1/uri".to_owned()])
    );
    assert_eq!(list(world, wire::ListApplicationsRequest::default()).await.1, 2);
    delete(world, &first.id).await.unwrap();
    assert!(delete(world, &first.id).await.unwrap_err().is(ErrorKind::NotFound, "NOT_FOUND"));
    world.create_application("app.example.com", vec![]).await;
}

pub async fn an_update_replaces_everything_but_the_audience(world: &World) {
    let links = vec![inline(bypass("own", vec![everyone()]))];
    let before = world.create_application("app.example.com", links).await;
    assert_eq!((before.aud.len(), before.policies.len()), (64, 1));
    let spec = wire::ApplicationSpec {
        name: "renamed".into(),
        session_duration: Some("1h".into()),
        settings_json: "{\"custom_deny_url\":\"https://a.test/\"}".into(),
        ..application("new.example.com")
    };
    let after = update(world, &before.id, spec.clone(), None).await.unwrap();
    let expected = wire::ApplicationSpec { destinations: vec!["new.example.com".into()], ..spec };
    assert_eq!(after.spec.as_ref(), Some(&expected));
    assert_eq!((&after.aud, after.created_at_ms), (&before.aud, before.created_at_ms));
    assert_eq!(after.policies, before.policies);
    let by_aud = wire::GetApplicationRequest { account_id: world.account.clone(), id: before.aud.clone() };
    let found = world.evaluator.clone().get_application(by_aud).await.unwrap().into_inner().application;
    assert_eq!(found.as_ref(), Some(&after));
    world.create_application("app.example.com", vec![]).await;
}

pub async fn own_policies_are_replaced_by_id_and_go_when_they_are_not_listed(world: &World) {
    let reusable = world.create_policy(bypass("reusable", vec![country("PT")])).await.unwrap();
    let links = vec![
        inline(bypass("first", vec![everyone()])),
        linked(&reusable.id),
        inline(bypass("third", vec![everyone()])),
    ];
    let before = world.create_application("app.example.com", links).await;
    let seen = |it: &wire::Application| {
        it.policies
            .iter()
            .map(|it| (it.spec.clone().unwrap().name, it.precedence, it.reusable))
            .collect::<Vec<_>>()
    };
    let own = |name: &str, precedence| (name.to_owned(), precedence, false);
    assert_eq!(seen(&before), [own("first", 1), ("reusable".to_owned(), 2, true), own("third", 3)]);
    assert_eq!(before.policies[1].app_count, 1);

    let first = before.policies[0].id.clone();
    let replaced =
        wire::PolicyLink { inline_id: first.clone(), ..inline(bypass("first again", vec![country("US")])) };
    let spec = application("app.example.com");
    let after =
        update(world, &before.id, spec.clone(), Some(vec![linked(&reusable.id), replaced])).await.unwrap();
    assert_eq!(seen(&after), [("reusable".to_owned(), 1, true), own("first again", 2)]);
    assert_eq!(after.policies[1].id, first);

    let third = linked(&before.policies[2].id);
    let refused =
        update(world, &before.id, spec.clone(), Some(vec![linked(&reusable.id), third])).await.unwrap_err();
    assert_eq!(refused.fields, ["policies/1"], "it went with the update before");
    let refused = update(world, &before.id, spec.clone(), Some(vec![linked(&first), linked(&first)]))
        .await
        .unwrap_err();
    assert_eq!(refused.fields, ["policies/1"]);
    let foreign =
        wire::PolicyLink { inline_id: reusable.id.clone(), ..inline(bypass("x", vec![everyone()])) };
    let refused = update(world, &before.id, spec.clone(), Some(vec![foreign])).await.unwrap_err();
    assert_eq!(refused.fields, ["policies/0/id"]);
    let broken = vec![linked(&reusable.id), inline(bypass("", vec![])), wire::PolicyLink::default()];
    let refused = update(world, &before.id, spec, Some(broken)).await.unwrap_err();
    assert_eq!(refused.fields, ["policies/1/name", "policies/1/include", "policies/2"]);
    let unchanged = wire::GetApplicationRequest { account_id: world.account.clone(), id: before.id.clone() };
    let unchanged =
        world.evaluator.clone().get_application(unchanged).await.unwrap().into_inner().application;
    assert_eq!(unchanged.unwrap().policies, after.policies, "nothing half-written");
}

pub async fn lists_end_and_are_searched(world: &World) {
    for domain in ["a.example.com", "b_1.example.com/x", "c.example.org"] {
        world.create_application(domain, vec![inline(bypass("own", vec![everyone()]))]).await;
    }
    let all = |page, per_page| wire::ListApplicationsRequest { page, per_page, ..Default::default() };
    let (domains, total) = list(world, all(0, 0)).await;
    assert_eq!((domains.len(), total), (3, 3));
    assert_eq!(list(world, all(2, 2)).await, (vec![domains[2].clone()], 3));
    assert_eq!(list(world, all(3, 2)).await, (vec![], 3));
    assert_eq!(list(world, all(u32::MAX, 5000)).await, (vec![], 3));
    let search = |search: &str| wire::ListApplicationsRequest { search: search.into(), ..Default::default() };
    assert_eq!(list(world, search("EXAMPLE.COM")).await.1, 2);
    assert_eq!(list(world, search("_1")).await.0, ["b_1.example.com/x"]);
    assert_eq!(list(world, search("%")).await.1, 0);
    let domain = |domain: &str| wire::ListApplicationsRequest { domain: domain.into(), ..Default::default() };
    assert_eq!(list(world, domain("C.example.org/")).await.0, ["c.example.org"]);
    assert_eq!(list(world, domain("https://c.example.org")).await.1, 0);
    let name = wire::ListApplicationsRequest { name: "at a.example.com".into(), ..Default::default() };
    assert_eq!(list(world, name).await.0, ["a.example.com"]);
    let request = wire::ListApplicationsRequest { account_id: world.account.clone(), ..Default::default() };
    let all = world.evaluator.clone().list_applications(request).await.unwrap().into_inner().applications;
    assert!(all.iter().all(|it| it.policies.len() == 1));
}

pub async fn the_feed_carries_policies_in_full(world: &World) {
    let policy = world.create_policy(bypass("reusable", vec![country("PT")])).await.unwrap();
    let app = world.create_application("app.example.com", vec![linked(&policy.id)]).await;
    world.update_policy(&policy.id, bypass("reusable", vec![everyone()])).await.unwrap();
    let gone = delete(world, &app.id).await.unwrap().propagation.unwrap();
    assert_eq!((gone.position, gone.not_confirmed.len()), (3, 0));
    let entries =
        world.feed().list_entries(ListEntriesRequest { after: 0, page_size: 0 }).await.unwrap().into_inner();
    let seen: Vec<_> = entries
        .entries
        .iter()
        .map(|entry| {
            assert_eq!(entry.object, format!("application/{}", app.id));
            let state = wire::ApplicationState::decode(entry.state.as_slice()).unwrap().application;
            state.map(|it| it.policies[0].spec.clone().unwrap().include[0].clone())
        })
        .collect();
    assert_eq!(seen, [Some(country("PT")), Some(everyone()), None]);
    assert!(entries.entries[2].removed);
}
