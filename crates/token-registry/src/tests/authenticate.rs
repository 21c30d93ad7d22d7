use super::World;
use super::world::{Made, Registry, credentials, new_token};
use crate::pepper::Peppers;
use model::{ClientId, ClientSecret, Error, ErrorKind};
use proto::token_registry as wire;
use std::time::Duration;
use tonic::{Code, Status};

async fn refused(registry: &Registry, client_id: &str, secret: &str) -> Status {
    registry.client.clone().authenticate_token(credentials(client_id, secret)).await.unwrap_err()
}

fn any_secret() -> String {
    ClientSecret::generate().unwrap().expose().to_owned()
}

pub async fn an_unknown_id_and_a_wrong_secret_answer_alike(world: World) {
    let registry = world.registry().await;
    let (made, other, gone) =
        (registry.new_token().await, registry.new_token().await, registry.new_token().await);
    registry.delete(&gone.account, &gone.id).await.unwrap();
    let rotated = registry.new_token().await;
    registry.rotated(&rotated, None).await;
    let unknown = ClientId::generate().unwrap().to_string();
    let expected = refused(&registry, &unknown, &made.secret).await;
    assert_eq!(expected.code(), Code::Unauthenticated);
    let imported = "a1".repeat(32);
    let pairs = [
        (made.client_id.as_str(), any_secret()),
        (&made.client_id, other.secret.clone()),
        (&made.client_id, imported),
        (&gone.client_id, gone.secret.clone()),
        (&rotated.client_id, rotated.secret.clone()),
        ("", made.secret.clone()),
        ("nobody.access", made.secret.clone()),
        ("\0", made.secret.clone()),
        ("' OR ''='", made.secret.clone()),
        (&made.client_id.to_uppercase(), made.secret.clone()),
        (&made.id, made.secret.clone()),
        (&made.token.name, made.secret.clone()),
    ];
    for (client_id, secret) in pairs {
        let status = refused(&registry, client_id, &secret).await;
        assert_eq!((status.code(), status.message()), (expected.code(), expected.message()), "{client_id}");
        assert_eq!(status.details(), expected.details(), "{client_id}");
    }
}

pub async fn junk_is_told_from_secrets(world: World) {
    let registry = world.registry().await;
    let made = registry.new_token().await;
    let mut altered = made.secret.clone().into_bytes();
    altered[20] = if altered[20] == b'x' { b'y' } else { b'x' };
    let altered = String::from_utf8(altered).unwrap();
    for secret in ["", "\0", &altered, &format!("{} ", made.secret), &"x".repeat(200), &"x".repeat(100_000)] {
        for client_id in [&made.client_id, "nobody"] {
            let error = registry.authenticate(client_id, secret).await.err().unwrap();
            assert_eq!(
                (error.kind(), error.reason()),
                (ErrorKind::Unauthenticated, "TOKEN_SECRET_MALFORMED")
            );
            assert!(secret.len() < 10 || !error.to_string().contains(secret));
        }
    }
}

pub async fn only_the_holder_of_the_secret_learns_of_expiry_and_disablement(world: World) {
    let registry = world.registry().await;
    let request = wire::CreateTokenRequest { duration: Some("1h".into()), ..new_token("a") };
    let expired = registry.create(request).await.unwrap();
    let disabled = registry.new_token().await;
    registry.enable(&disabled, false).await;
    assert_eq!(registry.refusal(&expired, &expired.secret).await, "");
    world.clock.advance(Duration::from_hours(1));
    for (made, reason) in [(&expired, "TOKEN_EXPIRED"), (&disabled, "TOKEN_DISABLED")] {
        let error = registry.authenticate(&made.client_id, &made.secret).await.err().unwrap();
        assert_eq!((error.kind(), error.reason()), (ErrorKind::Unauthenticated, reason));
        assert_eq!(registry.refusal(made, &any_secret()).await, "TOKEN_UNKNOWN");
    }
}

pub async fn the_answer_says_which_version_until_when_and_as_of_when(world: World) {
    let registry = world.registry().await;
    let made = registry.new_token().await;
    let answer = registry.authenticate(&made.client_id, &made.secret).await.unwrap();
    let expected = wire::AuthenticateTokenResponse {
        token_id: made.id.clone(),
        account_id: made.account.clone(),
        client_id: made.client_id.clone(),
        name: "ci".into(),
        client_secret_version: 1,
        valid_until_ms: made.token.expires_at_ms,
        as_of: 0,
    };
    assert_eq!(answer, expected);
    // An overlap that outlives the token ends with it.
    let request = wire::UpdateTokenRequest { duration: Some("1h".into()), ..made.update() };
    registry.update(request).await.unwrap();
    let rotated = registry.rotate(&made.account, &made.id, Some(world.later(Duration::from_hours(2)))).await;
    let position = rotated.unwrap().propagation.unwrap().position;
    let answer = registry.authenticate(&made.client_id, &made.secret).await.unwrap();
    assert_eq!((answer.client_secret_version, answer.as_of), (1, position));
    assert_eq!(answer.valid_until_ms, world.later(Duration::from_hours(1)));
}

pub async fn peppers_change_without_a_token_lost(world: World) {
    const OLD: [u8; 32] = [1; 32];
    const NEW: [u8; 32] = [2; 32];
    let before = world.registry_with(Peppers::new(&OLD, None)).await;
    let (kept, renewed) = (before.new_token().await, before.new_token().await);
    before.stop().await;

    let during = world.registry_with(Peppers::new(&NEW, Some(&OLD))).await;
    assert_eq!(during.refusal(&kept, &kept.secret).await, "");
    assert_eq!(during.refusal(&kept, &any_secret()).await, "TOKEN_UNKNOWN");
    // What the cache holds of it goes with its pepper.
    during.may_use_cache(&world.cache).await;
    assert_eq!(during.refusal(&kept, &kept.secret).await, "");
    // The previous secret goes on under the pepper that it was hashed with.
    let new = during.rotated(&renewed, Some(world.later(Duration::from_hours(1)))).await;
    assert_eq!(during.refusal(&renewed, &renewed.secret).await, "");
    assert_eq!(during.refusal(&renewed, &new).await, "");
    during.stop().await;

    let after = world.registry_with(Peppers::new(&NEW, None)).await;
    after.may_use_cache(&world.cache).await;
    assert_eq!(after.refusal(&renewed, &new).await, "");
    assert_eq!(after.refusal(&renewed, &renewed.secret).await, "TOKEN_UNKNOWN");
    assert_eq!(after.refusal(&kept, &kept.secret).await, "TOKEN_UNKNOWN");
}

/// Whether the caller is let through to the call, whatever that says then.
fn is_let_in<T>(answer: &Result<tonic::Response<T>, Status>) -> bool {
    !matches!(answer, Err(status) if status.code() == Code::PermissionDenied)
}

pub async fn callers_may_call_what_they_need_and_no_more(world: World) {
    let registry = world.registry().await;
    let made = registry.new_token().await;
    let rights = [
        ("admin-api", [false, true, true, false, false]),
        ("session-issuer", [true, true, false, false, false]),
        ("policy-evaluator", [false, false, false, true, false]),
        ("notifier", [false, true, false, false, true]),
        ("edge-gateway", [false; 5]),
        ("stranger", [false; 5]),
    ];
    for (caller, expected) in rights {
        let mut client = registry.as_caller(caller);
        let get = wire::GetTokenRequest { account_id: made.account.clone(), id: made.id.clone() };
        let list = wire::ListTokensRequest { account_id: made.account.clone(), ..Default::default() };
        let allowed = [
            is_let_in(&client.authenticate_token(credentials(&made.client_id, &made.secret)).await),
            is_let_in(&client.get_token(get).await),
            is_let_in(&client.list_tokens(list).await),
            is_let_in(&client.set_token_references(wire::SetTokenReferencesRequest::default()).await),
            is_let_in(&client.list_expiring_tokens(wire::ListExpiringTokensRequest::default()).await)
                && is_let_in(&client.list_ended_tokens(wire::ListEndedTokensRequest::default()).await)
                && is_let_in(&client.list_unused_tokens(wire::ListUnusedTokensRequest::default()).await),
        ];
        assert_eq!(allowed, expected, "{caller}");
    }
}

#[tokio::test]
async fn a_secret_brought_from_elsewhere_is_good() -> Result<(), Error> {
    let directory = tempfile::tempdir().unwrap();
    let world = World::sqlite(directory.path()).await;
    let (registry, store) = (world.registry().await, world.store().await);
    let made = registry.new_token().await;
    let (mut token, _) = store.find_by_client_id(&made.client_id).await?.unwrap();
    let secret = "0a".repeat(32);
    let imported = Made {
        client_id: ClientId::generate()?.to_string(),
        id: model::TokenId::random().to_string(),
        secret: secret.clone(),
        ..made
    };
    token.id.clone_from(&imported.id);
    token.client_id.clone_from(&imported.client_id);
    token.secret_digest = Peppers::new(&super::world::PEPPER, None).digest(&ClientSecret::parse(&secret)?);
    store.insert(&token).await?;
    assert_eq!(registry.refusal(&imported, &secret).await, "");
    assert_eq!(registry.refusal(&imported, &"0b".repeat(32)).await, "TOKEN_UNKNOWN");
    Ok(())
}
