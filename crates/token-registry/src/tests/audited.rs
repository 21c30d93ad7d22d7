//! I10: one record of each change, none of anything else.

use super::World;
use super::world::{Registry, new_token};
use database::sqlx;
use proto::audit::audit_log_client::AuditLogClient;
use proto::audit::refusal_log_client::RefusalLogClient;
use proto::audit::{Actor, AuditRecord, ListAuditRequest, RecordRefusalsRequest};
use proto::token_registry as wire;
use proto::token_registry::Scope;
use proto::token_registry::api_tokens_client::ApiTokensClient;
use service_kit::{GrpcChannel, actor};

fn channel(registry: &Registry) -> GrpcChannel {
    GrpcChannel::local(registry.routes.clone(), crate::default_callers(), "admin-api")
}

/// Oldest first.
async fn records(registry: &Registry, account_id: &str) -> Vec<AuditRecord> {
    let request = ListAuditRequest { account_id: account_id.into(), ..Default::default() };
    let mut records =
        AuditLogClient::new(channel(registry)).list_audit(request).await.unwrap().into_inner().records;
    records.reverse();
    records
}

pub async fn every_change_has_one_record_and_nothing_else_has(world: World) {
    let registry = world.registry().await;
    let made = registry.new_token().await;
    let later = || world.clock.advance(std::time::Duration::from_secs(1));
    later();
    registry.enable(&made, false).await;
    later();
    registry.enable(&made, true).await;
    later();
    registry.refresh(&made.account, &made.id).await.unwrap();
    later();
    registry.rotated(&made, None).await;
    later();
    let overlap = || Some(world.later(std::time::Duration::from_hours(1)));
    registry.rotated(&made, overlap()).await;
    later();
    super::rotation::undo(&registry, &made).await.unwrap();
    super::rotation::undo(&registry, &made).await.unwrap_err();
    later();
    registry.rotated(&made, overlap()).await;
    later();
    super::rotation::finish(&registry, &made).await.unwrap();
    super::rotation::finish(&registry, &made).await.unwrap_err();
    later();
    // What reads, and what is refused.
    registry.stored(&made).await;
    registry
        .list(wire::ListTokensRequest { account_id: made.account.clone(), ..Default::default() })
        .await
        .unwrap();
    registry.authenticate(&made.client_id, &made.secret).await.unwrap_err();
    let nameless = wire::CreateTokenRequest { account_id: made.account.clone(), ..new_token("") };
    assert!(registry.create(nameless).await.is_err());
    let refused = wire::UpdateTokenRequest { duration: Some("x".into()), ..made.update() };
    registry.update(refused).await.unwrap_err();
    registry.set_references(&made.account, "policy/1", &[&made.id]).await.unwrap();
    registry.delete(&made.account, &made.id).await.unwrap_err();
    registry.set_references(&made.account, "policy/1", &[]).await.unwrap();
    registry.delete(&made.account, &made.id).await.unwrap();
    registry.delete(&made.account, &made.id).await.unwrap_err();
    let records = records(&registry, &made.account).await;
    let operations: Vec<_> = records.iter().map(|it| it.operation.as_str()).collect();
    assert_eq!(
        operations,
        [
            "create",
            "update",
            "update",
            "refresh",
            "rotate",
            "rotate",
            "undo_rotation",
            "rotate",
            "finish_rotation",
            "delete"
        ]
    );
    assert!(records.iter().all(|it| it.object_kind == "service_token" && it.object_id == made.id));
    // Each begins where the one before has ended; what is gone keeps its last state.
    assert!(records[0].before.is_empty() && records.last().unwrap().after.is_empty());
    for pair in records.windows(2) {
        assert_eq!(pair[0].after, pair[1].before);
    }
    assert!(records[1].after.contains("\"enabled\":false"), "{}", records[1].after);
}

/// O8.
pub async fn a_record_names_who_asked_and_holds_no_secret(world: World) {
    let registry = world.registry().await;
    let who = Actor {
        kind: "api_token".into(),
        id: "7".repeat(32),
        name: "Zoë".into(),
        address: "192.0.2.1".into(),
        agent: "curl/8".into(),
        request_id: "r".into(),
    };
    let account_id = model::AccountId::random().to_string();
    let request = wire::CreateApiTokenRequest {
        account_id: account_id.clone(),
        name: "ci".into(),
        scopes: vec![Scope::AccountAdmin.into()],
        ..Default::default()
    };
    let mut client = ApiTokensClient::new(channel(&registry));
    let made = actor::scope(who.clone(), client.create_api_token(request)).await.unwrap().into_inner();
    let token = made.token.unwrap();
    let roll = wire::RollApiTokenRequest {
        account_id: account_id.clone(),
        id: token.id.clone(),
        acting_id: String::new(),
    };
    world.clock.advance(std::time::Duration::from_secs(1));
    let rolled = actor::scope(who.clone(), client.roll_api_token(roll)).await.unwrap().into_inner();
    let records = records(&registry, &account_id).await;
    assert_eq!(records.iter().map(|it| it.operation.as_str()).collect::<Vec<_>>(), ["create", "roll"]);
    assert!(records.iter().all(|it| it.actor.as_ref() == Some(&who) && it.object_id == token.id));
    let text = format!("{records:?}");
    for secret in [&made.value, &rolled.value] {
        assert!(!text.contains(&secret[5..]));
    }
}

/// O5.
pub async fn a_change_whose_record_cannot_be_written_does_not_happen(world: World) {
    let registry = world.registry().await;
    let made = registry.new_token().await;
    database::with!(&world.database, |pool| {
        sqlx::query("DROP TABLE audit_records").execute(pool).await.unwrap();
    });
    let before = registry.stored(&made).await;
    registry.delete(&made.account, &made.id).await.unwrap_err();
    registry.refresh(&made.account, &made.id).await.unwrap_err();
    assert!(registry.create(new_token("other")).await.is_err());
    assert_eq!(registry.stored(&made).await, before);
    assert!(registry.authenticate(&made.client_id, &made.secret).await.is_ok());
}

/// O5.
pub async fn a_refused_attempt_is_kept_once(world: World) {
    let registry = world.registry().await;
    let made = registry.new_token().await;
    world.clock.advance(std::time::Duration::from_secs(1));
    let refusal = AuditRecord {
        id: "ab".repeat(16),
        account_id: made.account.clone(),
        actor: Some(Actor { kind: "unknown".into(), address: "192.0.2.1".into(), ..Actor::default() }),
        operation: "delete".into(),
        object_kind: "service_token".into(),
        object_id: made.id.clone(),
        // None of these is the caller's to say.
        before: "{}".into(),
        outcome: "success".into(),
        recorded_at_ms: 1,
        status: 401,
        error_code: 10_000,
        call: "DELETE /x".into(),
        attempts: 3,
        after: String::new(),
    };
    let mut log = RefusalLogClient::new(channel(&registry));
    let request = |refusals: &[AuditRecord]| RecordRefusalsRequest { refusals: refusals.to_vec() };
    let other = AuditRecord { id: "cd".repeat(16), ..refusal.clone() };
    log.record_refusals(request(std::slice::from_ref(&refusal))).await.unwrap();
    log.record_refusals(request(&[refusal.clone(), other.clone()])).await.unwrap();
    let kept = records(&registry, &made.account).await;
    assert_eq!(kept.iter().map(|it| &*it.outcome).collect::<Vec<_>>(), ["success", "refused", "refused"]);
    let expected = AuditRecord {
        recorded_at_ms: world.clock_now(),
        before: String::new(),
        outcome: "refused".into(),
        ..refusal.clone()
    };
    assert!(kept.contains(&expected), "{kept:?}");
    // A batch is whole or not at all.
    let wrong = AuditRecord { account_id: "x".into(), ..refusal.clone() };
    let good = AuditRecord { id: "ef".repeat(16), ..refusal.clone() };
    log.record_refusals(request(&[good.clone(), wrong])).await.unwrap_err();
    log.record_refusals(request(&[AuditRecord { id: "AB".repeat(16), ..good }])).await.unwrap_err();
    assert_eq!(records(&registry, &made.account).await.len(), 3);
    let only = ListAuditRequest {
        account_id: made.account.clone(),
        outcome: "refused".into(),
        ..Default::default()
    };
    let only = AuditLogClient::new(channel(&registry)).list_audit(only).await.unwrap().into_inner();
    assert_eq!(only.records.len(), 2);
    for caller in ["edge-gateway", "notifier", "session-issuer", "policy-evaluator"] {
        let stranger = GrpcChannel::local(registry.routes.clone(), crate::default_callers(), caller);
        RefusalLogClient::new(stranger).record_refusals(request(&[])).await.unwrap_err();
    }
}
