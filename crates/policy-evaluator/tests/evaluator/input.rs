use crate::world::{World, application, bypass, everyone, group, inline, linked, refusal, rule};
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

pub async fn another_account_sees_and_changes_nothing(world: &World) {
    let reusable = world.create_policy(bypass("policy", vec![everyone()])).await.unwrap();
    let group = world.create_group(group("group", vec![everyone()])).await.unwrap();
    let app = world.create_application("app.example.com", vec![linked(&reusable.id)]).await;
    let (mut stranger, account_id) = (world.evaluator.clone(), AccountId::random().to_string());
    let (spec, own) = (application("new.example.com"), Some(bypass("x", vec![everyone()])));
    let policies = Some(wire::PolicyLinks { links: vec![linked(&reusable.id)] });
    let kinds = [
        refusal(
            stranger
                .get_application(wire::GetApplicationRequest {
                    account_id: account_id.clone(),
                    id: app.id.clone(),
                })
                .await,
        )
        .unwrap_err(),
        refusal(
            stranger
                .get_application(wire::GetApplicationRequest {
                    account_id: account_id.clone(),
                    id: app.aud.clone(),
                })
                .await,
        )
        .unwrap_err(),
        refusal(
            stranger
                .update_application(wire::UpdateApplicationRequest {
                    account_id: account_id.clone(),
                    id: app.id.clone(),
                    spec: Some(spec.clone()),
                    ..Default::default()
                })
                .await,
        )
        .unwrap_err(),
        refusal(
            stranger
                .delete_application(wire::DeleteApplicationRequest {
                    account_id: account_id.clone(),
                    id: app.id.clone(),
                    ..Default::default()
                })
                .await,
        )
        .unwrap_err(),
        refusal(
            stranger
                .get_policy(wire::GetPolicyRequest {
                    account_id: account_id.clone(),
                    id: reusable.id.clone(),
                    ..Default::default()
                })
                .await,
        )
        .unwrap_err(),
        refusal(
            stranger
                .get_policy(wire::GetPolicyRequest {
                    account_id: account_id.clone(),
                    application_id: app.id.clone(),
                    id: reusable.id.clone(),
                })
                .await,
        )
        .unwrap_err(),
        refusal(
            stranger
                .create_policy(wire::CreatePolicyRequest {
                    account_id: account_id.clone(),
                    application_id: app.id.clone(),
                    spec: own.clone(),
                    ..Default::default()
                })
                .await,
        )
        .unwrap_err(),
        refusal(
            stranger
                .update_policy(wire::UpdatePolicyRequest {
                    account_id: account_id.clone(),
                    id: reusable.id.clone(),
                    spec: own,
                    ..Default::default()
                })
                .await,
        )
        .unwrap_err(),
        refusal(
            stranger
                .delete_policy(wire::DeletePolicyRequest {
                    account_id: account_id.clone(),
                    id: reusable.id.clone(),
                    ..Default::default()
                })
                .await,
        )
        .unwrap_err(),
        refusal(
            stranger
                .list_policies(wire::ListPoliciesRequest {
                    account_id: account_id.clone(),
                    application_id: app.id.clone(),
                    ..Default::default()
                })
                .await,
        )
        .unwrap_err(),
        refusal(
            stranger
                .get_group(wire::GetGroupRequest { account_id: account_id.clone(), id: group.id.clone() })
                .await,
        )
        .unwrap_err(),
        refusal(
            stranger
                .delete_group(wire::DeleteGroupRequest {
                    account_id: account_id.clone(),
                    id: group.id.clone(),
                    ..Default::default()
                })
                .await,
        )
        .unwrap_err(),
    ];
    for (index, refused) in kinds.iter().enumerate() {
        assert_eq!(refused.kind, ErrorKind::NotFound, "{index}: {refused:?}");
    }
    let request = wire::CreateApplicationRequest {
        account_id: account_id.clone(),
        spec: Some(spec),
        policies,
        ..Default::default()
    };
    assert_eq!(refusal(stranger.create_application(request).await).unwrap_err().fields, ["policies/0"]);
    let request = wire::ListApplicationsRequest { account_id, ..Default::default() };
    assert_eq!(stranger.list_applications(request).await.unwrap().into_inner().total_count, 0);
    let malformed = wire::ListApplicationsRequest { account_id: "me".into(), ..Default::default() };
    assert_eq!(refusal(stranger.list_applications(malformed).await).unwrap_err().fields, ["account_id"]);
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
