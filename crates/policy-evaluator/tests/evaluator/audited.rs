//! I10, O5: one record of each change, none of anything else.

use crate::labels::authority;
use crate::words::{application, bypass, everyone, group, inline, linked, refusal};
use crate::world::World;
use proto::audit::audit_log_client::AuditLogClient;
use proto::audit::{Actor, AuditRecord, ListAuditRequest};
use proto::policy_evaluator as wire;
use serde_json::Value;
use service_kit::actor;
use std::collections::HashSet;

async fn records(world: &World) -> Vec<AuditRecord> {
    let request = ListAuditRequest { account_id: world.account.clone(), limit: 1_000, ..Default::default() };
    let mut log = AuditLogClient::new(world.as_caller("admin-api"));
    log.list_audit(request).await.unwrap().into_inner().records
}

/// What each call leaves.
struct Watch<'w> {
    world: &'w World,
    seen: HashSet<String>,
}

impl Watch<'_> {
    /// Operation, kind and object of the one record that is new.
    async fn one(&mut self) -> (String, String, String) {
        let record = self.record().await;
        (record.operation, record.object_kind, record.object_id)
    }

    async fn record(&mut self) -> AuditRecord {
        let mut new = records(self.world).await;
        new.retain(|record| self.seen.insert(record.id.clone()));
        assert_eq!(new.len(), 1, "{new:?}");
        assert_eq!(new[0].outcome, "success");
        new.remove(0)
    }
}

fn told(operation: &str, kind: &str, id: &str) -> (String, String, String) {
    (operation.to_owned(), kind.to_owned(), id.to_owned())
}

fn json(text: &str) -> Value {
    serde_json::from_str(text).unwrap()
}

pub async fn each_change_has_one_record(world: &World) {
    let mut watch = Watch { world, seen: HashSet::new() };
    policies(world, &mut watch).await;
    applications(world, &mut watch).await;
    labels(world, &mut watch).await;
}

async fn policies(world: &World, watch: &mut Watch<'_>) {
    let policy = world.create_policy(bypass("reusable", vec![everyone()])).await.unwrap().id;
    assert_eq!(watch.one().await, told("create", "policy", &policy));
    world.update_policy(&policy, bypass("renamed", vec![everyone()])).await.unwrap();
    let record = watch.record().await;
    assert_eq!((&*record.operation, &*record.object_id), ("update", &*policy));
    let (before, after) = (json(&record.before), json(&record.after));
    assert_eq!((&before["name"], &after["name"]), (&"reusable".into(), &"renamed".into()));
    assert_eq!((&after["decision"], &after["include"]), (&"bypass".into(), &serde_json::json!(["everyone"])));
    // Of a policy and its application.
    let app = world.create_application("linking.example.com", vec![linked(&policy)]).await.id;
    assert_eq!(watch.one().await, told("create", "application", &app));
    world.delete_policy(&app, &policy).await.unwrap();
    assert_eq!(watch.one().await, told("unlink", "policy", &policy));
    world.delete_policy("", &policy).await.unwrap();
    assert_eq!(watch.one().await, told("delete", "policy", &policy));
    let own = world.create_policy_in(&app, bypass("own", vec![everyone()]), None).await.unwrap().id;
    assert_eq!(watch.one().await, told("create", "policy", &own));
    let free = wire::MakePolicyReusableRequest {
        account_id: world.account.clone(),
        application_id: app.clone(),
        id: own.clone(),
        ..Default::default()
    };
    world.evaluator.clone().make_policy_reusable(free).await.unwrap();
    let record = watch.record().await;
    assert_eq!(
        (&json(&record.before)["reusable"], &json(&record.after)["reusable"]),
        (&false.into(), &true.into())
    );
    let second = world.create_policy_in(&app, bypass("second", vec![everyone()]), None).await.unwrap().id;
    watch.one().await;
    world.delete_policy(&app, &second).await.unwrap();
    assert_eq!(watch.one().await, told("delete", "policy", &second));
    let group_id = world.create_group(group("people", vec![everyone()])).await.unwrap().id;
    assert_eq!(watch.one().await, told("create", "group", &group_id));
    world.update_group(&group_id, group("others", vec![everyone()])).await.unwrap();
    assert_eq!(watch.one().await, told("update", "group", &group_id));
    world.delete_group(&group_id).await.unwrap();
    assert_eq!(watch.one().await, told("delete", "group", &group_id));
}

async fn applications(world: &World, watch: &mut Watch<'_>) {
    let (account_id, mut evaluator) = (world.account.clone(), world.evaluator.clone());
    let app =
        world.create_application("app.example.com", vec![inline(bypass("own", vec![everyone()]))]).await.id;
    let record = watch.record().await;
    assert_eq!((&*record.operation, &*record.before), ("create", ""));
    assert_eq!(json(&record.after)["policies"][0]["include"][0], "everyone");
    let update = wire::UpdateApplicationRequest {
        account_id: account_id.clone(),
        id: app.clone(),
        spec: Some(application("new.example.com")),
        ..Default::default()
    };
    evaluator.update_application(update).await.unwrap();
    let record = watch.record().await;
    assert_eq!(json(&record.before)["domain"], "app.example.com");
    assert_eq!(json(&record.after)["domain"], "new.example.com");
    let merge = wire::MergeApplicationSettingsRequest {
        account_id: account_id.clone(),
        id: app.clone(),
        settings_json: r#"{"logo_url":"https://a.example"}"#.into(),
        ..Default::default()
    };
    evaluator.merge_application_settings(merge).await.unwrap();
    assert_eq!(json(&watch.record().await.after)["settings"]["logo_url"], "https://a.example");
    let good = wire::failure_mode::LastKnownGood { max_staleness: "10m".into() };
    let mode = wire::FailureMode { mode: Some(wire::failure_mode::Mode::LastKnownGood(good)) };
    let set = wire::SetFailureModeRequest {
        account_id: account_id.clone(),
        application_id: app.clone(),
        failure_mode: Some(mode),
        ..Default::default()
    };
    evaluator.set_failure_mode(set).await.unwrap();
    let record = watch.record().await;
    assert_eq!(json(&record.before)["failure_mode"], "closed");
    assert_eq!(json(&record.after)["failure_mode"], "last_known_good 10m");
    let delete = wire::DeleteApplicationRequest {
        account_id: account_id.clone(),
        id: app.clone(),
        ..Default::default()
    };
    evaluator.delete_application(delete).await.unwrap();
    let record = watch.record().await;
    assert_eq!((&*record.operation, &*record.after), ("delete", ""));
    for operation in ["create", "update"] {
        let put = wire::PutOrganizationRequest {
            account_id: account_id.clone(),
            auth_domain: Some("audited.example.com".into()),
            ..Default::default()
        };
        evaluator.put_organization(put).await.unwrap();
        assert_eq!(watch.one().await, told(operation, "organization", &account_id));
    }
}

async fn labels(world: &World, watch: &mut Watch<'_>) {
    let (account_id, mut evaluator) = (world.account.clone(), world.evaluator.clone());
    let create = wire::CreateTagRequest { account_id: account_id.clone(), name: "one".into() };
    evaluator.create_tag(create).await.unwrap();
    assert_eq!(watch.one().await, told("create", "tag", "one"));
    // Also to the name that it has.
    for (name, new_name) in [("one", "one"), ("one", "two")] {
        let rename = wire::UpdateTagRequest {
            account_id: account_id.clone(),
            name: name.into(),
            new_name: new_name.into(),
        };
        evaluator.update_tag(rename).await.unwrap();
        assert_eq!(watch.one().await, told("update", "tag", new_name));
    }
    let delete = wire::DeleteTagRequest { account_id: account_id.clone(), name: "two".into() };
    evaluator.delete_tag(delete).await.unwrap();
    assert_eq!(watch.one().await, told("delete", "tag", "two"));
    let create = wire::CreateCertificateRequest {
        account_id: account_id.clone(),
        name: "ca".into(),
        certificate: authority(),
        ..Default::default()
    };
    let id = evaluator.create_certificate(create).await.unwrap().into_inner().certificate.unwrap().id;
    assert_eq!(watch.one().await, told("create", "certificate", &id));
    let update = wire::UpdateCertificateRequest {
        account_id: account_id.clone(),
        id: id.clone(),
        name: Some("new".into()),
        ..Default::default()
    };
    evaluator.update_certificate(update).await.unwrap();
    assert_eq!(watch.one().await, told("update", "certificate", &id));
    let delete = wire::DeleteCertificateRequest { account_id: account_id.clone(), id: id.clone() };
    evaluator.delete_certificate(delete).await.unwrap();
    assert_eq!(watch.one().await, told("delete", "certificate", &id));
    let setting = wire::HostnameSetting { hostname: "a.example.com".into(), ..Default::default() };
    let put = wire::PutCertificateSettingsRequest { account_id: account_id.clone(), settings: vec![setting] };
    evaluator.put_certificate_settings(put).await.unwrap();
    assert_eq!(watch.one().await, told("update", "certificate_settings", &account_id));
}

pub async fn a_change_that_fails_has_none(world: &World) {
    let policy = world.create_policy(bypass("p", vec![everyone()])).await.unwrap().id;
    world.create_application("app.example.com", vec![linked(&policy)]).await;
    let before = records(world).await.len();
    assert_eq!(before, 2);
    world.create_policy(bypass("", vec![])).await.unwrap_err();
    world.delete_policy("", &policy).await.unwrap_err();
    world.create_policy(bypass("x", vec![crate::words::token(&policy)])).await.unwrap_err();
    world.delete_group(&policy).await.unwrap_err();
    let taken = wire::CreateApplicationRequest {
        account_id: world.account.clone(),
        spec: Some(application("app.example.com")),
        ..Default::default()
    };
    refusal(world.evaluator.clone().create_application(taken).await).unwrap_err();
    let elsewhere = wire::DeletePolicyRequest {
        account_id: model::AccountId::random().to_string(),
        id: policy,
        ..Default::default()
    };
    refusal(world.evaluator.clone().delete_policy(elsewhere).await).unwrap_err();
    // What reads leaves nothing either.
    let list = wire::ListPoliciesRequest { account_id: world.account.clone(), ..Default::default() };
    world.evaluator.clone().list_policies(list).await.unwrap();
    assert_eq!(records(world).await.len(), before);
}

/// O8.
pub async fn a_record_names_who_asked_and_holds_no_secret(world: &World) {
    let who = Actor {
        kind: "api_token".into(),
        id: "7".repeat(32),
        name: "Zoë".into(),
        address: "192.0.2.1".into(),
        agent: "curl/8".into(),
        request_id: "r".into(),
    };
    let mut spec = application("app.example.com");
    spec.settings_json = r#"{"saas_app":{"client_secret":"hunter2"},"scim_config":{"authentication":[{"password":"hunter3"}]}}"#.into();
    let create = wire::CreateApplicationRequest {
        account_id: world.account.clone(),
        spec: Some(spec),
        ..Default::default()
    };
    let mut evaluator = world.evaluator.clone();
    actor::scope(who.clone(), evaluator.create_application(create)).await.unwrap();
    let records = records(world).await;
    assert_eq!((records.len(), records[0].actor.as_ref()), (1, Some(&who)));
    assert!(!format!("{records:?}").contains("hunter"));
}

pub async fn a_change_whose_record_cannot_be_written_does_not_happen(world: &World) {
    let policy = world.create_policy(bypass("p", vec![everyone()])).await.unwrap().id;
    world.lose_audit_records().await;
    world.delete_policy("", &policy).await.unwrap_err();
    world.update_policy(&policy, bypass("new", vec![everyone()])).await.unwrap_err();
    let get = wire::GetPolicyRequest { account_id: world.account.clone(), id: policy, ..Default::default() };
    let kept = world.evaluator.clone().get_policy(get).await.unwrap().into_inner().policy.unwrap();
    assert_eq!(kept.spec.unwrap().name, "p");
}
