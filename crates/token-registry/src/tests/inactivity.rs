//! Unused tokens. The age of things is made by writing it: the database's clock cannot be moved.

pub mod told;

use super::World;
use super::world::{Made, Registry, new_token, read};
use crate::store::Use;
use database::sqlx::{self, AssertSqlSafe};
use model::{AddressClass, Clock as _, Error, Timestamp};
use proto::audit::ListAuditRequest;
use proto::audit::audit_log_client::AuditLogClient;
use proto::token_registry as wire;
use proto::token_registry::InactivityAction;
use service_kit::GrpcChannel;

const HOUR: i64 = 3_600_000;
const DAY: i64 = 24 * HOUR;

async fn state(
    registry: &Registry,
    account: &str,
    threshold_days: u32,
    action: InactivityAction,
) -> Result<wire::EndInactiveTokensResponse, Error> {
    let request =
        wire::EndInactiveTokensRequest { account_id: account.into(), threshold_days, action: action.into() };
    read(registry.as_caller("policy-evaluator").end_inactive_tokens(request).await)
}

async fn disable(registry: &Registry, account: &str) -> wire::EndInactiveTokensResponse {
    state(registry, account, 30, InactivityAction::Disable).await.unwrap()
}

async fn in_account(registry: &Registry, account: &str) -> Made {
    let request = wire::CreateTokenRequest { account_id: account.into(), ..new_token("ci") };
    registry.create(request).await.unwrap()
}

impl World {
    /// The clock by which a rule is judged.
    async fn judged_at(&self) -> i64 {
        let database = self.database.now(&*self.clock).await.unwrap();
        database.min(self.clock.now()).as_millis()
    }

    async fn run(&self, statement: String) {
        database::with!(&self.database, |pool| {
            sqlx::query(AssertSqlSafe(statement)).execute(pool).await.unwrap();
        });
    }

    /// The token was made and changed so long ago.
    async fn age(&self, made: &Made, days: i64) {
        let at = self.judged_at().await - days * DAY;
        self.run(format!(
            "UPDATE tokens SET created_at_ms = {at}, updated_at_ms = {at} WHERE id = '{}'",
            made.id
        ))
        .await;
    }

    /// The rules were stated first, last and acted on so long ago.
    async fn rules(&self, since: i64, stated: i64, acted: i64) {
        let now = self.judged_at().await;
        let (since, stated, acted) = (now - since, now - stated, now - acted);
        self.run(format!(
            "UPDATE inactivity_rules SET since_ms = {since}, stated_at_ms = {stated}, acted_at_ms = {acted}"
        ))
        .await;
    }

    /// A rule whose time of grace is over, and whose turn it is.
    async fn ripe(&self, registry: &Registry, account: &str, action: InactivityAction) {
        assert!(state(registry, account, 30, action).await.unwrap().begins_at_ms.is_some());
        self.rules(25 * HOUR, HOUR / 2, HOUR).await;
    }
}

pub async fn a_rule_acts_once_it_has_been_stated_for_a_day_without_a_gap(world: World) {
    let registry = world.registry().await;
    let made = registry.new_token().await;
    world.age(&made, 400).await;
    let first = disable(&registry, &made.account).await;
    let begins = first.begins_at_ms.unwrap();
    assert!((world.judged_at().await + DAY - begins).abs() < HOUR, "{begins}");
    for (since, stated, acts) in [
        (23 * HOUR, HOUR / 2, false),
        // Nobody could use a token meanwhile, or the clock was set.
        (25 * HOUR, 2 * HOUR, false),
        (25 * HOUR, 40 * DAY, false),
        (25 * HOUR, -HOUR, false),
        (25 * HOUR, HOUR / 2, true),
    ] {
        world.rules(since, stated, 1_000 * DAY).await;
        let answer = disable(&registry, &made.account).await;
        assert_eq!(answer.begins_at_ms.is_none(), acts, "{since} {stated}");
        assert_eq!(registry.stored(&made).await.enabled, !acts, "{since} {stated}");
    }
    // Another rule begins anew.
    registry.enable(&made, true).await;
    world.age(&made, 400).await;
    world.rules(25 * HOUR, HOUR / 2, HOUR).await;
    let other = state(&registry, &made.account, 31, InactivityAction::Disable).await.unwrap();
    assert!(other.begins_at_ms.is_some());
    world.rules(25 * HOUR, HOUR / 2, HOUR).await;
    let harder = state(&registry, &made.account, 31, InactivityAction::Delete).await.unwrap();
    assert!(harder.begins_at_ms.is_some());
    assert!(registry.stored(&made).await.enabled);
}

pub async fn an_unused_token_is_disabled_and_its_end_is_recorded(world: World) {
    let registry = world.registry().await;
    let made = registry.new_token().await;
    world.age(&made, 31).await;
    world.ripe(&registry, &made.account, InactivityAction::Disable).await;
    assert_eq!(disable(&registry, &made.account).await.ended, 1);
    assert_eq!(registry.refusal(&made, &made.secret).await, "TOKEN_DISABLED");
    let channel = GrpcChannel::local(registry.routes.clone(), crate::default_callers(), "admin-api");
    let request = ListAuditRequest { account_id: made.account.clone(), ..Default::default() };
    let records = AuditLogClient::new(channel).list_audit(request).await.unwrap().into_inner().records;
    let ended: Vec<_> =
        records.iter().filter(|it| it.actor.as_ref().is_some_and(|actor| actor.id == "inactivity")).collect();
    assert_eq!(ended.len(), 1, "{records:?}");
    assert_eq!((&*ended[0].operation, &*ended[0].object_id), ("update", &*made.id));
    assert!(ended[0].after.contains("\"enabled\":false"));
    // Enabled again, it counts as new.
    registry.enable(&made, true).await;
    world.rules(25 * HOUR, HOUR / 2, HOUR).await;
    assert_eq!(disable(&registry, &made.account).await.ended, 0);
    assert_eq!(registry.refusal(&made, &made.secret).await, "");
}

pub async fn what_was_used_changed_named_or_is_young_is_left_alone(world: World) {
    let (registry, store) = (world.registry().await, world.store().await);
    let unused = registry.new_token().await;
    let account = unused.account.as_str();
    let others = [(); 6].map(|()| in_account(&registry, account));
    let others = futures::future::join_all(others).await;
    let [young, used, renamed, by_policy, by_group, within_margin] = &others[..] else { panic!() };
    let stranger = registry.new_token().await;
    for made in [&unused, used, by_policy, by_group, &stranger] {
        world.age(made, 400).await;
    }
    world.age(young, 29).await;
    // The threshold, and not yet the margin.
    world.age(within_margin, 30).await;
    world.age(renamed, 400).await;
    let recently = world.judged_at().await - DAY;
    world.run(format!("UPDATE tokens SET updated_at_ms = {recently} WHERE id = '{}'", renamed.id)).await;
    let used_at = Timestamp::from_millis(world.judged_at().await - 29 * DAY);
    let place = || ("gw-1".to_owned(), AddressClass::Unknown);
    let of = |token_id: &str, last| {
        let (gateway, source) = place();
        Use { token_id: token_id.into(), version: 1, last, count: 1, gateway, source }
    };
    let long_ago = Timestamp::from_millis(world.judged_at().await - 50 * DAY);
    store.record_uses(&[of(&used.id, used_at), of(&unused.id, long_ago)]).await.unwrap();
    registry.set_references(account, "policy/1", &[&by_policy.id]).await.unwrap();
    registry.set_references(account, "group/1", &[&by_group.id]).await.unwrap();
    world.ripe(&registry, account, InactivityAction::Disable).await;
    assert_eq!(disable(&registry, account).await.ended, 1);
    assert!(!registry.stored(&unused).await.enabled);
    for made in others.iter().chain([&stranger]) {
        assert!(registry.stored(made).await.enabled, "{}", made.id);
    }
    // Named no more, it has no other use.
    registry.set_references(account, "policy/1", &[]).await.unwrap();
    world.rules(25 * HOUR, HOUR / 2, HOUR).await;
    assert_eq!(disable(&registry, account).await.ended, 1);
    assert!(!registry.stored(by_policy).await.enabled);
}

pub async fn deleting_takes_the_disabled_ones_too_and_no_named_one(world: World) {
    let registry = world.registry().await;
    let made = registry.new_token().await;
    let account = made.account.as_str();
    let (off, named) = (in_account(&registry, account).await, in_account(&registry, account).await);
    registry.enable(&off, false).await;
    for made in [&made, &off, &named] {
        world.age(made, 31).await;
    }
    registry.set_references(account, "policy/1", &[&named.id]).await.unwrap();
    world.ripe(&registry, account, InactivityAction::Delete).await;
    assert_eq!(state(&registry, account, 30, InactivityAction::Delete).await.unwrap().ended, 2);
    for gone in [&made, &off] {
        assert_eq!(registry.get(account, &gone.id).await.unwrap_err().reason(), "NOT_FOUND");
        assert_eq!(registry.refusal(gone, &gone.secret).await, "TOKEN_UNKNOWN");
    }
    assert_eq!(registry.refusal(&named, &named.secret).await, "");
}

pub async fn tokens_are_ended_some_at_a_time_by_one_replica(world: World) {
    let replicas = [world.registry().await, world.registry().await];
    let made = replicas[0].new_token().await;
    let account = made.account.as_str();
    let others = (0..54).map(|_| in_account(&replicas[0], account));
    futures::future::join_all(others).await;
    let at = world.judged_at().await - 31 * DAY;
    world.run(format!("UPDATE tokens SET created_at_ms = {at}, updated_at_ms = {at}")).await;
    world.ripe(&replicas[0], account, InactivityAction::Disable).await;
    let (one, other) = tokio::join!(disable(&replicas[0], account), disable(&replicas[1], account));
    assert_eq!(one.ended + other.ended, 50);
    assert!(one.ended == 0 || other.ended == 0);
    assert_eq!(disable(&replicas[1], account).await.ended, 0, "its turn has not come");
    world.rules(25 * HOUR, HOUR / 2, HOUR / 4).await;
    assert_eq!(disable(&replicas[1], account).await.ended, 5);
    world.rules(25 * HOUR, HOUR / 2, HOUR / 4).await;
    assert_eq!(disable(&replicas[0], account).await.ended, 0);
}

pub async fn a_wrong_rule_is_refused(world: World) {
    let registry = world.registry().await;
    let account = registry.new_token().await.account;
    for days in [0, 29, 366, u32::MAX] {
        let error = state(&registry, &account, days, InactivityAction::Disable).await.unwrap_err();
        assert_eq!(error.violations()[0].field, "threshold_days");
    }
    let error = state(&registry, &account, 30, InactivityAction::Unspecified).await.unwrap_err();
    assert_eq!(error.violations()[0].field, "action");
    assert!(state(&registry, "nonsense", 30, InactivityAction::Disable).await.is_err());
    let request = wire::EndInactiveTokensRequest { account_id: account, threshold_days: 30, action: 1 };
    for caller in ["admin-api", "notifier", "session-issuer", "edge-gateway"] {
        let refused = registry.as_caller(caller).end_inactive_tokens(request.clone()).await;
        assert_eq!(read(refused).unwrap_err().reason(), "CALLER_NOT_ALLOWED", "{caller}");
    }
}
