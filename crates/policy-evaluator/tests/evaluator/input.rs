use crate::words::{application, bypass, everyone, group, inline, linked, refusal, rule};
use crate::world::World;
use model::{AccountId, ErrorKind, PolicyId};
use proto::policy_evaluator as wire;
use proto::policy_evaluator::policy_evaluator_client::PolicyEvaluatorClient;
use tonic::Code;
use wire::rule::Selector;

pub async fn every_bad_input_is_refused_by_its_field(world: &World) {
    let one = |include: Vec<wire::Rule>| bypass("policy", include);
    let text = |selector: fn(String) -> Selector, text: &str| one(vec![rule(selector(text.into()))]);
    let cases: Vec<(wire::PolicySpec, &str)> = vec![
        (bypass("", vec![everyone()]), "name"),
        (bypass(&"x".repeat(5000), vec![everyone()]), "name"),
        (bypass("line\nbreak", vec![everyone()]), "name"),
        (one(vec![]), "include"),
        (one(vec![everyone(), wire::Rule { selector: None }]), "include/1"),
        (text(Selector::Ip, "10.0.0.0/33"), "include/0/ip/ip"),
        (text(Selector::CountryCode, "Portugal"), "include/0/geo/country_code"),
        (text(Selector::ServiceToken, "token"), "include/0/service_token/token_id"),
        (text(Selector::Group, "group"), "include/0/group/id"),
        (text(Selector::Email, "a@example.com"), "include/0/email"),
        (wire::PolicySpec { decision: 9, ..one(vec![everyone()]) }, "decision"),
        (
            wire::PolicySpec { session_duration: Some("1y".into()), ..one(vec![everyone()]) },
            "session_duration",
        ),
        (wire::PolicySpec { settings_json: "[]".into(), ..one(vec![everyone()]) }, "settings_json"),
    ];
    for (spec, field) in cases {
        let refused = world.create_policy(spec.clone()).await.unwrap_err();
        assert_eq!((refused.kind, refused.fields), (ErrorKind::Invalid, vec![field.to_owned()]), "{spec:?}");
    }
    let unknown = PolicyId::random().to_string();
    for (spec, links, field) in [
        (application("app.example.com:8080"), vec![], "domain"),
        (application("app.example.com/?a"), vec![], "domain"),
        (wire::ApplicationSpec { r#type: "saas".into(), ..application("app.example.com") }, vec![], "type"),
        (application("app.example.com"), vec![linked(&unknown)], "policies/0"),
        (application("app.example.com"), vec![linked("x")], "policies/0"),
        (
            application("app.example.com"),
            vec![
                inline(one(vec![everyone()])),
                wire::PolicyLink { precedence: Some(1), ..inline(one(vec![everyone()])) },
            ],
            "policies/1/precedence",
        ),
    ] {
        let request = wire::CreateApplicationRequest {
            account_id: world.account.clone(),
            spec: Some(spec),
            policies: Some(wire::PolicyLinks { links }),
            ..Default::default()
        };
        let refused = refusal(world.evaluator.clone().create_application(request).await).unwrap_err();
        assert_eq!((refused.kind, refused.fields), (ErrorKind::Invalid, vec![field.to_owned()]));
    }
    assert_eq!(world.create_group(group("group", vec![])).await.unwrap_err().fields, ["include"]);
    let missing = wire::CreateGroupRequest { account_id: world.account.clone(), ..Default::default() };
    assert_eq!(refusal(world.evaluator.clone().create_group(missing).await).unwrap_err().fields, ["spec"]);
    let request = wire::ListApplicationsRequest { account_id: world.account.clone(), ..Default::default() };
    assert_eq!(world.evaluator.clone().list_applications(request).await.unwrap().into_inner().total_count, 0);
    let request = wire::ListPoliciesRequest { account_id: world.account.clone(), ..Default::default() };
    assert_eq!(world.evaluator.clone().list_policies(request).await.unwrap().into_inner().total_count, 0);
}

/// Each call, made by another account, finds nothing.
macro_rules! finds_nothing {
    ($stranger:ident, $account:expr, $($call:ident($request:ident { $($field:ident: $value:expr),* })),+ $(,)?) => {$(
        let request = wire::$request { account_id: $account.clone(), $($field: $value,)* ..Default::default() };
        let refused = refusal($stranger.$call(request).await).unwrap_err();
        assert_eq!(refused.kind, ErrorKind::NotFound, "{}: {refused:?}", stringify!($call));
    )+};
}

#[expect(clippy::needless_update, reason = "some requests have no more fields than are given")]
pub async fn another_account_sees_and_changes_nothing(world: &World) {
    let reusable = world.create_policy(bypass("policy", vec![everyone()])).await.unwrap().id;
    let group = world.create_group(group("group", vec![everyone()])).await.unwrap().id;
    let app = world.create_application("app.example.com", vec![linked(&reusable)]).await;
    let (app, aud) = (app.id, app.aud);
    let (mut stranger, account) = (world.evaluator.clone(), AccountId::random().to_string());
    let (spec, own) = (Some(application("new.example.com")), Some(bypass("x", vec![everyone()])));
    finds_nothing! {
        stranger, account,
        get_application(GetApplicationRequest { id: app.clone() }),
        get_application(GetApplicationRequest { id: aud.clone() }),
        update_application(UpdateApplicationRequest { id: app.clone(), spec: spec.clone() }),
        delete_application(DeleteApplicationRequest { id: app.clone() }),
        get_failure_mode(GetFailureModeRequest { application_id: app.clone() }),
        get_policy(GetPolicyRequest { id: reusable.clone() }),
        get_policy(GetPolicyRequest { application_id: app.clone(), id: reusable.clone() }),
        create_policy(CreatePolicyRequest { application_id: app.clone(), spec: own.clone() }),
        update_policy(UpdatePolicyRequest { id: reusable.clone(), spec: own.clone() }),
        delete_policy(DeletePolicyRequest { id: reusable.clone() }),
        delete_policy(DeletePolicyRequest { application_id: app.clone(), id: reusable.clone() }),
        list_policies(ListPoliciesRequest { application_id: app.clone() }),
        get_group(GetGroupRequest { id: group.clone() }),
        delete_group(DeleteGroupRequest { id: group.clone() }),
    }
    let policies = Some(wire::PolicyLinks { links: vec![linked(&reusable)] });
    let account_id = account.clone();
    let linking = wire::CreateApplicationRequest { account_id, spec, policies, ..Default::default() };
    assert_eq!(refusal(stranger.create_application(linking).await).unwrap_err().fields, ["policies/0"]);
    let list = |account_id: String| wire::ListApplicationsRequest { account_id, ..Default::default() };
    assert_eq!(stranger.list_applications(list(account)).await.unwrap().into_inner().total_count, 0);
    let malformed = refusal(stranger.list_applications(list("me".into())).await).unwrap_err();
    assert_eq!(malformed.fields, ["account_id"]);
    assert_eq!(world.outcome(&app).await, wire::Outcome::Bypass, "nothing has changed");
}

pub async fn callers_may_call_what_their_work_needs(world: &World) {
    let app = world.create_application("app.example.com", vec![]).await;
    let mut issuer = PolicyEvaluatorClient::new(world.as_caller("session-issuer"));
    let ask = wire::EvaluateRequest { application_id: app.id.clone(), ..Default::default() };
    assert!(issuer.evaluate(ask.clone()).await.is_ok());
    let delete = wire::DeleteApplicationRequest {
        account_id: world.account.clone(),
        id: app.id,
        ..Default::default()
    };
    assert_eq!(issuer.delete_application(delete).await.unwrap_err().code(), Code::PermissionDenied);
    let mut edge = PolicyEvaluatorClient::new(world.as_caller("edge-gateway"));
    assert_eq!(edge.evaluate(ask).await.unwrap_err().code(), Code::PermissionDenied);
}
