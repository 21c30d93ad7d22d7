use super::World;
use super::world::{Registry, new_token};
use model::{AccountId, ErrorKind, TokenId};
use proto::token_registry as wire;
use std::time::Duration;

async fn names(registry: &Registry, request: wire::ListTokensRequest) -> (String, u64) {
    let answer = registry.list(request).await.unwrap();
    let names: Vec<_> = answer.tokens.into_iter().map(|token| token.name).collect();
    (names.join(" "), answer.total_count)
}

pub async fn pages_are_in_order_of_creation_and_end_empty(world: World) {
    let registry = world.registry().await;
    let account_id = AccountId::random().to_string();
    for name in ["c", "a", "b", "e", "d"] {
        registry
            .create(wire::CreateTokenRequest { account_id: account_id.clone(), ..new_token(name) })
            .await
            .unwrap();
        world.clock.advance(Duration::from_millis(1));
    }
    registry.new_token().await;
    let page = |page, per_page| wire::ListTokensRequest {
        account_id: account_id.clone(),
        page,
        per_page,
        ..Default::default()
    };
    let expected = [
        (page(0, 0), "c a b e d"),
        (page(1, 2), "c a"),
        (page(2, 2), "b e"),
        (page(3, 2), "d"),
        (page(4, 2), ""),
        (page(u32::MAX, u32::MAX), ""),
        (page(1, u32::MAX), "c a b e d"),
    ];
    for (request, expected) in expected {
        assert_eq!(names(&registry, request).await, (expected.to_owned(), 5));
    }
}

pub async fn a_page_and_the_count_are_of_one_moment(world: World) {
    const CHANGES: usize = 150;
    let is_over = std::cell::Cell::new(false);
    let registry = world.registry().await;
    let account_id = AccountId::random().to_string();
    let create =
        || registry.create(wire::CreateTokenRequest { account_id: account_id.clone(), ..new_token("ci") });
    let change = async {
        for _ in 0..CHANGES {
            let made = create().await.unwrap();
            registry.delete(&made.account, &made.id).await.unwrap();
        }
        is_over.set(true);
    };
    let look = async {
        let mut pages = 0;
        loop {
            for search in ["", "ci"] {
                let all = wire::ListTokensRequest {
                    account_id: account_id.clone(),
                    search: search.to_owned(),
                    ..Default::default()
                };
                let answer = registry.list(all).await.unwrap();
                assert_eq!(answer.tokens.len() as u64, answer.total_count, "page {pages}, {search:?}");
                pages += 1;
            }
            if is_over.get() {
                break pages;
            }
        }
    };
    let ((), pages) = tokio::join!(change, look);
    assert!(pages > CHANGES / 10, "{pages}");
}

pub async fn names_and_parts_are_found_literally(world: World) {
    let registry = world.registry().await;
    let account_id = AccountId::random().to_string();
    let mut last = None;
    for name in ["Deploy", "deploy-2", "100%", "a_b", "axb", "back\\slash", "École"] {
        let request = wire::CreateTokenRequest { account_id: account_id.clone(), ..new_token(name) };
        last = Some(registry.create(request).await.unwrap());
        world.clock.advance(Duration::from_millis(1));
    }
    let client_id = last.unwrap().client_id;
    let request = |name: &str, search: &str| wire::ListTokensRequest {
        account_id: account_id.clone(),
        name: name.into(),
        search: search.into(),
        ..Default::default()
    };
    let expected = [
        (request("Deploy", ""), "Deploy"),
        (request("deploy", ""), ""),
        (request("", "PLOY"), "Deploy deploy-2"),
        (request("", "%"), "100%"),
        (request("", "_"), "a_b"),
        (request("", "\\"), "back\\slash"),
        (request("", "École"), "École"),
        (request("", "' OR 1=1 --"), ""),
        (request("", &client_id), "École"),
        (request("", &client_id[..32].to_uppercase()), "École"),
        (request("Deploy", "oy-2"), ""),
        (request("", &"x".repeat(5_000)), ""),
    ];
    for (request, expected) in expected {
        let count = expected.split_whitespace().count() as u64;
        assert_eq!(names(&registry, request.clone()).await, (expected.to_owned(), count), "{request:?}");
    }
}

pub async fn filters_that_no_name_can_match_are_refused(world: World) {
    let registry = world.registry().await;
    let account_id = AccountId::random().to_string();
    for (name, search, field) in [("a\0", "", "name"), ("", "\0", "search"), ("", "a\n", "search")] {
        let request = wire::ListTokensRequest {
            account_id: account_id.clone(),
            name: name.into(),
            search: search.into(),
            ..Default::default()
        };
        let error = registry.list(request).await.err().unwrap();
        assert_eq!((error.kind(), error.violations()[0].field.as_str()), (ErrorKind::Invalid, field));
    }
    for account_id in ["", "x"] {
        let request = wire::ListTokensRequest { account_id: account_id.into(), ..Default::default() };
        assert_eq!(registry.list(request).await.err().unwrap().violations()[0].field, "account_id");
    }
}

pub async fn the_expiring_are_listed_soonest_first_without_the_expired_and_disabled(world: World) {
    let registry = world.registry().await;
    let mut made = Vec::new();
    for duration in ["3h", "1h", "2h", "2h", "5h", "4h", "forever"] {
        let request = wire::CreateTokenRequest { duration: Some(duration.into()), ..new_token(duration) };
        made.push(registry.create(request).await.unwrap());
    }
    let before_ms = world.later(Duration::from_hours(5));
    registry.enable(&made[5], false).await;
    let all = async |page_size: u32| {
        let (mut names, mut ids, mut page_token, mut pages) = (Vec::new(), Vec::new(), String::new(), 0);
        loop {
            let request = wire::ListExpiringTokensRequest { before_ms, page_token, page_size };
            let answer = registry.expiring(request).await.unwrap();
            names.extend(answer.tokens.iter().map(|token| token.name.clone()));
            ids.extend(answer.tokens.into_iter().map(|token| token.id));
            pages += 1;
            page_token = answer.next_page_token;
            if page_token.is_empty() {
                ids.sort();
                ids.dedup();
                assert_eq!(ids.len(), names.len(), "each once");
                return (names.join(" "), pages);
            }
        }
    };
    // Exclusive at the end: five hours from now is not before then.
    assert_eq!(all(0).await, ("1h 2h 2h 3h".to_owned(), 1));
    assert_eq!(all(1).await, ("1h 2h 2h 3h".to_owned(), 5));
    assert_eq!(all(3).await, ("1h 2h 2h 3h".to_owned(), 2));
    world.clock.advance(Duration::from_hours(1));
    assert_eq!(all(2).await, ("2h 2h 3h".to_owned(), 2));
    registry.refresh(&made[2].account, &made[2].id).await.unwrap();
    registry.delete(&made[3].account, &made[3].id).await.unwrap();
    assert_eq!(all(2).await, ("3h".to_owned(), 1));
}

pub async fn page_tokens_of_others_are_refused(world: World) {
    let registry = world.registry().await;
    let id = TokenId::random();
    for page_token in ["x", "/", "1/", "1/x", "x/y/z", "1/\0", &format!("1.5/{id}"), &id.to_string()] {
        let request = wire::ListExpiringTokensRequest { page_token: page_token.into(), ..Default::default() };
        let error = registry.expiring(request).await.err().unwrap();
        assert_eq!(error.violations()[0].field, "page_token", "{page_token}");
    }
    for page_token in [format!("{}/{id}", i64::MIN), format!("{}/{id}", i64::MAX)] {
        let request =
            wire::ListExpiringTokensRequest { page_token, before_ms: i64::MAX, page_size: u32::MAX };
        assert!(registry.expiring(request).await.unwrap().tokens.is_empty());
    }
}
