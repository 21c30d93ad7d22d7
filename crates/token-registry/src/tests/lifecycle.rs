use super::World;
use super::world::{NOW, YEAR, new_token};
use model::{AccountId, ClientId, ClientSecret, ErrorKind, Timestamp, TokenId};
use proto::token_registry as wire;
use std::time::Duration;

pub async fn a_new_token_has_the_defaults_and_its_secret_works(world: World) {
    let registry = world.registry().await;
    let made = registry.create(new_token("Ünïcode ✓")).await.unwrap();
    let expected = wire::Token {
        id: made.id.clone(),
        account_id: made.account.clone(),
        name: "Ünïcode ✓".into(),
        client_id: made.client_id.clone(),
        duration: "8760h".into(),
        enabled: true,
        created_at_ms: NOW.as_millis(),
        updated_at_ms: NOW.as_millis(),
        expires_at_ms: NOW.after(YEAR).as_millis(),
        client_secret_version: 1,
        previous_client_secret_expires_at_ms: None,
        last_seen_at_ms: None,
        revoked_as_of: 0,
        previous_client_secret_version: 0,
        restored_client_secret_version: 0,
    };
    assert_eq!(made.token, expected);
    assert!(made.id.parse::<TokenId>().is_ok());
    assert!(ClientId::parse(&made.client_id).is_some_and(|id| id.as_str().len() == 39));
    assert!(made.secret.starts_with(ClientSecret::PREFIX) && ClientSecret::check(&made.secret).is_ok());
    assert_eq!(registry.stored(&made).await, expected);
    assert_eq!(registry.refusal(&made, &made.secret).await, "");
    // A second one by the same name is another token.
    let request = wire::CreateTokenRequest { account_id: made.account.clone(), ..new_token("Ünïcode ✓") };
    let second = registry.create(request).await.unwrap();
    assert!(second.id != made.id && second.client_id != made.client_id && second.secret != made.secret);
}

pub async fn what_was_given_at_creation_is_kept(world: World) {
    let registry = world.registry().await;
    let request = wire::CreateTokenRequest {
        duration: Some("forever".into()),
        client_secret_version: Some(2),
        previous_client_secret_expires_at_ms: Some(world.later(YEAR)),
        enabled: Some(false),
        ..new_token(&"é".repeat(350))
    };
    let made = registry.create(request).await.unwrap();
    let token = registry.stored(&made).await;
    assert_eq!(token.expires_at_ms, Timestamp::FAR_FUTURE.as_millis());
    assert_eq!((token.duration.as_str(), token.client_secret_version, token.enabled), ("forever", 2, false));
    assert_eq!(token.previous_client_secret_expires_at_ms, Some(world.later(YEAR)));
    assert_eq!(token.previous_client_secret_version, 0, "there is no previous secret");
    assert_eq!(registry.refusal(&made, &made.secret).await, "TOKEN_DISABLED");
}

/// What no token may have: the field, and a request with it.
fn wrong_creations() -> Vec<(&'static str, wire::CreateTokenRequest)> {
    let mut wrong = Vec::new();
    let names = ["", "a\nb", "a\u{0}b", "\u{7f}", "\u{85}", &"x".repeat(351), &"x".repeat(5_000)];
    wrong.extend(names.map(|name| ("name", new_token(name))));
    let durations = ["", "-1h", "1y", "0s", "0", "999ms", "1e9h", "876001h", "∞", "Forever", "1h\u{0}"];
    wrong
        .extend(durations.map(|it| {
            ("duration", wire::CreateTokenRequest { duration: Some(it.into()), ..new_token("a") })
        }));
    let versions = [0, -1, i64::MIN, i64::from(i32::MAX) + 1, i64::MAX];
    wrong.extend(versions.map(|it| {
        let request = wire::CreateTokenRequest { client_secret_version: Some(it), ..new_token("a") };
        ("client_secret_version", request)
    }));
    for account in ["", "x", "\0", "F037E56E89293A057740DE681AC9ABBE", "f037e56e-8929-3a05-7740-de681ac9abbe"]
    {
        wrong.push(("account_id", wire::CreateTokenRequest { account_id: account.into(), ..new_token("a") }));
    }
    wrong
}

pub async fn what_is_wrong_is_refused_by_field_and_nothing_is_stored(world: World) {
    let registry = world.registry().await;
    let made = registry.new_token().await;
    for (field, request) in wrong_creations() {
        let account_id = request.account_id.clone();
        let change = wire::UpdateTokenRequest {
            name: (field == "name").then(|| request.name.clone()),
            duration: request.duration.clone(),
            client_secret_version: request.client_secret_version,
            account_id: if field == "account_id" { account_id.clone() } else { made.account.clone() },
            ..made.update()
        };
        for error in
            [registry.create(request).await.err().unwrap(), registry.update(change).await.err().unwrap()]
        {
            assert_eq!(error.kind(), ErrorKind::Invalid, "{field}: {error}");
            assert_eq!(error.violations()[0].field, field, "{error}");
        }
        if field != "account_id" {
            let request = wire::ListTokensRequest { account_id, ..wire::ListTokensRequest::default() };
            assert_eq!(registry.list(request).await.unwrap().total_count, 0);
        }
    }
    assert_eq!(registry.stored(&made).await, made.token);
}

pub async fn an_update_without_fields_changes_nothing(world: World) {
    let registry = world.registry().await;
    let made = registry.new_token().await;
    world.clock.advance(Duration::from_hours(1));
    let answer = registry.update(made.update()).await.unwrap();
    assert_eq!(answer.client_secret, None);
    assert_eq!(answer.token.unwrap(), made.token);
    // The same values again change nothing either.
    let same = wire::UpdateTokenRequest { name: Some("ci".into()), enabled: Some(true), ..made.update() };
    assert_eq!(registry.update(same).await.unwrap().token.unwrap(), made.token);
    assert_eq!(registry.stored(&made).await, made.token);
    assert_eq!(registry.refusal(&made, &made.secret).await, "");
}

pub async fn a_new_duration_counts_from_now(world: World) {
    let registry = world.registry().await;
    let made = registry.new_token().await;
    world.clock.advance(Duration::from_hours(1));
    let request = wire::UpdateTokenRequest {
        name: Some("other".into()),
        duration: Some("2h45m".into()),
        ..made.update()
    };
    let token = registry.update(request).await.unwrap().token.unwrap();
    let expected = wire::Token {
        name: "other".into(),
        duration: "2h45m".into(),
        updated_at_ms: world.clock_now(),
        expires_at_ms: world.later(Duration::from_mins(165)),
        ..made.token.clone()
    };
    assert_eq!(token, expected);
    assert_eq!(registry.stored(&made).await, expected);
    world.clock.advance(Duration::from_mins(165));
    assert_eq!(registry.refusal(&made, &made.secret).await, "TOKEN_EXPIRED");
    // An expired token lives again when its time is set anew.
    let request = wire::UpdateTokenRequest { duration: Some("forever".into()), ..made.update() };
    registry.update(request).await.unwrap();
    assert_eq!(registry.refusal(&made, &made.secret).await, "");
}

pub async fn a_refused_update_leaves_nothing_half_written(world: World) {
    let registry = world.registry().await;
    let made = registry.create(wire::CreateTokenRequest { client_secret_version: Some(3), ..new_token("a") });
    let made = made.await.unwrap();
    let request = wire::UpdateTokenRequest {
        name: Some("b".into()),
        enabled: Some(false),
        client_secret_version: Some(2),
        ..made.update()
    };
    let error = registry.update(request).await.err().unwrap();
    assert_eq!(error.violations()[0].field, "client_secret_version");
    assert_eq!(registry.stored(&made).await, made.token);
    assert_eq!(registry.refusal(&made, &made.secret).await, "");
}

pub async fn a_refresh_is_one_year_from_now(world: World) {
    let registry = world.registry().await;
    let request = wire::CreateTokenRequest { duration: Some("1h".into()), ..new_token("a") };
    let made = registry.create(request).await.unwrap();
    world.clock.advance(Duration::from_hours(1));
    assert_eq!(registry.refusal(&made, &made.secret).await, "TOKEN_EXPIRED");
    let token = registry.refresh(&made.account, &made.id).await.unwrap();
    let expected = wire::Token {
        expires_at_ms: world.later(YEAR),
        updated_at_ms: world.clock_now(),
        ..made.token.clone()
    };
    assert_eq!(token, expected);
    assert_eq!(registry.refusal(&made, &made.secret).await, "");
}

pub async fn disabling_stops_both_secrets_and_enabling_restores_them(world: World) {
    let registry = world.registry().await;
    let made = registry.new_token().await;
    let new = registry.rotated(&made, Some(world.later(YEAR))).await;
    let before = registry.authenticate(&made.client_id, &new).await.unwrap().as_of;
    registry.enable(&made, false).await;
    for secret in [&made.secret, &new] {
        assert_eq!(registry.refusal(&made, secret).await, "TOKEN_DISABLED");
    }
    let revoked_as_of = registry.stored(&made).await.revoked_as_of;
    assert!(revoked_as_of > before, "what was validated before is dead for good");
    // Disabling what is disabled ends nothing that was not ended.
    registry.enable(&made, false).await;
    registry.enable(&made, true).await;
    assert_eq!(registry.stored(&made).await.revoked_as_of, revoked_as_of);
    for secret in [&made.secret, &new] {
        assert_eq!(registry.refusal(&made, secret).await, "");
    }
    assert!(registry.authenticate(&made.client_id, &new).await.unwrap().as_of >= revoked_as_of);
}

pub async fn ids_that_cannot_be_are_refused(world: World) {
    let registry = world.registry().await;
    let made = registry.new_token().await;
    let upper = made.id.to_uppercase();
    for id in ["", "x", "\0", "a' OR '1'='1", &made.client_id, &made.token.name, &upper, &"x".repeat(5_000)] {
        let update = wire::UpdateTokenRequest { id: id.into(), ..made.update() };
        let errors = [
            registry.get(&made.account, id).await.err(),
            registry.get("", id).await.err(),
            registry.update(update).await.err(),
            registry.refresh(&made.account, id).await.err(),
            registry.rotate(&made.account, id, None).await.err(),
            registry.delete(&made.account, id).await.err(),
        ];
        for error in errors {
            assert_eq!(error.unwrap().kind(), ErrorKind::NotFound, "{id:?}");
        }
    }
    for account in ["x", "\0", "' OR ''='"] {
        let error = registry.get(account, &made.id).await.err().unwrap();
        assert_eq!(error.violations()[0].field, "account_id");
    }
}

pub async fn a_token_of_another_account_is_not_there_for_any_call(world: World) {
    let registry = world.registry().await;
    let made = registry.new_token().await;
    let other = AccountId::random().to_string();
    let absent = registry.get(&other, &TokenId::random().to_string()).await.err().unwrap();
    let update =
        wire::UpdateTokenRequest { account_id: other.clone(), enabled: Some(false), ..made.update() };
    let errors = [
        registry.get(&other, &made.id).await.err().unwrap(),
        registry.update(update).await.err().unwrap(),
        registry.refresh(&other, &made.id).await.err().unwrap(),
        registry.rotate(&other, &made.id, None).await.err().unwrap(),
        registry.delete(&other, &made.id).await.err().unwrap(),
    ];
    for error in errors {
        assert_eq!((error.kind(), error.message()), (ErrorKind::NotFound, absent.message()));
    }
    let error = registry.set_references(&other, "policy/1", &[&made.id]).await.err().unwrap();
    assert_eq!(error.kind(), ErrorKind::NotFound);
    let request = wire::ListTokensRequest { account_id: other, ..wire::ListTokensRequest::default() };
    assert_eq!(registry.list(request).await.unwrap().total_count, 0);
    assert_eq!(registry.stored(&made).await, made.token);
    assert_eq!(registry.refusal(&made, &made.secret).await, "");
    // Services that ask for no account find it.
    assert_eq!(registry.get("", &made.id).await.unwrap(), made.token);
}
