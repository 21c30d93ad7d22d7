//! What the notifier asks: which tokens were ended, and which will be.

use super::*;

async fn ended(registry: &Registry, since_ms: i64, page_size: u32) -> Vec<wire::EndedToken> {
    let (mut client, mut found, mut page_token) = (registry.as_caller("notifier"), Vec::new(), String::new());
    loop {
        let request = wire::ListEndedTokensRequest { since_ms, page_token, page_size, ..Default::default() };
        let page = read(client.list_ended_tokens(request).await).unwrap();
        found.extend(page.tokens);
        page_token = page.next_page_token;
        if page_token.is_empty() {
            return found;
        }
    }
}

pub async fn each_end_is_remembered_as_the_token_was_and_listed_by_pages(world: World) {
    let registry = world.registry().await;
    let made = registry.new_token().await;
    let account = made.account.as_str();
    let other = in_account(&registry, account).await;
    for made in [&made, &other] {
        world.age(made, 31).await;
    }
    world.ripe(&registry, account, InactivityAction::Disable).await;
    assert_eq!(disable(&registry, account).await.ended, 2);
    let first = ended(&registry, 0, 1).await;
    assert_eq!(first.len(), 2);
    assert_eq!(first, ended(&registry, 0, 0).await);
    assert_eq!(ended(&registry, first[1].ended_at_ms + 1, 0).await, []);
    let end = first.iter().find(|end| end.token.as_ref().unwrap().id == made.id).unwrap();
    let token = end.token.as_ref().unwrap();
    assert_eq!((&token.account_id, &token.client_id, &*token.name), (&made.account, &made.client_id, "ci"));
    assert_eq!((token.expires_at_ms, token.last_seen_at_ms), (made.token.expires_at_ms, None));
    assert_eq!((end.action(), end.threshold_days), (InactivityAction::Disable, 30));
    // Deleted after that, its end is another one.
    world.age(&made, 31).await;
    world.ripe(&registry, account, InactivityAction::Delete).await;
    world.clock.advance(std::time::Duration::from_millis(1));
    assert_eq!(state(&registry, account, 30, InactivityAction::Delete).await.unwrap().ended, 1);
    let request =
        |token_id: &str| wire::ListEndedTokensRequest { token_id: token_id.into(), ..Default::default() };
    let mut client = registry.as_caller("notifier");
    let ends = read(client.list_ended_tokens(request(&made.id)).await).unwrap().tokens;
    assert_eq!(
        ends.iter().map(wire::EndedToken::action).collect::<Vec<_>>(),
        [InactivityAction::Disable, InactivityAction::Delete]
    );
    assert_eq!(
        read(client.list_ended_tokens(request("\0")).await).unwrap_err().violations()[0].field,
        "token_id"
    );
    // Long after, they are forgotten.
    world.run(format!("UPDATE ended_tokens SET ended_at_ms = ended_at_ms - {}", 32 * DAY)).await;
    world.rules(25 * HOUR, HOUR / 2, HOUR).await;
    state(&registry, account, 30, InactivityAction::Delete).await.unwrap();
    assert_eq!(ended(&registry, 0, 0).await, []);
}

pub async fn what_a_rule_would_end_is_told_ahead_and_nothing_else_is(world: World) {
    let (registry, store) = (world.registry().await, world.store().await);
    let soon = registry.new_token().await;
    let account = soon.account.as_str();
    let others = futures::future::join_all([(); 5].map(|()| in_account(&registry, account))).await;
    let [due, later, used, named, off] = &others[..] else { panic!() };
    for (made, days) in [(&soon, 25), (due, 90), (later, 20), (used, 25), (named, 25), (off, 25)] {
        world.age(made, days).await;
    }
    registry.enable(off, false).await;
    world.age(off, 25).await;
    world.age(&registry.new_token().await, 400).await;
    registry.set_references(account, "policy/1", &[&named.id]).await.unwrap();
    let last = Timestamp::from_millis(world.judged_at().await - 10 * DAY);
    let (token_id, gateway, source) = (used.id.clone(), "gw-1".to_owned(), AddressClass::Unknown);
    store.record_uses(&[Use { token_id, version: 1, last, count: 1, gateway, source }]).await.unwrap();

    let unused = async |page_size, before_ms| {
        let (mut found, mut page_token) = (Vec::new(), String::new());
        loop {
            let request =
                wire::ListUnusedTokensRequest { before_ms, page_token, page_size, ..Default::default() };
            let page = read(registry.as_caller("notifier").list_unused_tokens(request).await).unwrap();
            found.extend(page.tokens);
            page_token = page.next_page_token;
            if page_token.is_empty() {
                return found;
            }
        }
    };
    let week = world.judged_at().await + 7 * DAY;
    let ids = |found: &[wire::UnusedToken]| {
        found
            .iter()
            .map(|it| it.token.as_ref().unwrap().id.clone())
            .collect::<std::collections::BTreeSet<_>>()
    };
    let of = |made: &[&Made]| made.iter().map(|it| it.id.clone()).collect();
    assert_eq!(unused(0, week).await, [], "nobody has said so");
    let begins = disable(&registry, account).await.begins_at_ms.unwrap();
    let found = unused(1, week).await;
    assert_eq!(ids(&found), of(&[&soon, due]));
    for it in &found {
        let token = it.token.as_ref().unwrap();
        assert_eq!(it.due_at_ms, token.created_at_ms + 30 * DAY + HOUR);
        assert_eq!(it.ends_at_ms, it.due_at_ms.max(begins));
        assert_eq!((it.action(), it.threshold_days), (InactivityAction::Disable, 30));
    }
    assert_eq!(ids(&unused(0, week + 5 * DAY).await), of(&[&soon, due, later]));
    state(&registry, account, 30, InactivityAction::Delete).await.unwrap();
    assert_eq!(ids(&unused(0, week).await), of(&[&soon, due, off]));
    let request = |token_id: &str| wire::ListUnusedTokensRequest {
        before_ms: week,
        token_id: token_id.into(),
        ..Default::default()
    };
    let mut client = registry.as_caller("notifier");
    let one = read(client.list_unused_tokens(request(&soon.id)).await).unwrap().tokens;
    assert_eq!(ids(&one), of(&[&soon]));
    assert_eq!(read(client.list_unused_tokens(request(&used.id)).await).unwrap().tokens, []);
    // A rule that nobody has said for an hour does not hold.
    world.rules(25 * HOUR, 2 * HOUR, HOUR).await;
    assert_eq!(unused(0, week).await, []);
}
