//! API tokens, asked of the service itself.

use super::World;
use super::world::{NOW, PEPPER, Registry};
use crate::pepper::Peppers;
use database::sqlx;
use model::{AccountId, Clock as _, ErrorKind};
use proto::token_registry::api_tokens_client::ApiTokensClient;
use proto::token_registry::verify_api_token_response::Standing;
use proto::token_registry::{self as wire, Scope};
use service_kit::status::from_status;
use service_kit::{Callers, GrpcChannel};
use std::time::Duration;

type Client = ApiTokensClient<GrpcChannel>;

fn client(registry: &Registry) -> Client {
    let callers = Callers::new([("test", &["*"])]);
    ApiTokensClient::new(GrpcChannel::local(registry.routes.clone(), callers, "test"))
}

fn request(account_id: &str, scopes: &[Scope]) -> wire::CreateApiTokenRequest {
    let scopes = scopes.iter().map(|it| i32::from(*it)).collect();
    wire::CreateApiTokenRequest {
        account_id: account_id.into(),
        name: "ci".into(),
        scopes,
        ..Default::default()
    }
}

async fn make(client: &Client, request: wire::CreateApiTokenRequest) -> (wire::ApiToken, String) {
    let made = client.clone().create_api_token(request).await.unwrap().into_inner();
    (made.token.unwrap(), made.value)
}

async fn standing(client: &Client, value: &str) -> Standing {
    let request = wire::VerifyApiTokenRequest { value: value.into() };
    client.clone().verify_api_token(request).await.unwrap().into_inner().standing()
}

pub async fn an_api_token_expires_by_the_second(world: World) {
    let client = client(&world.registry().await);
    let account = AccountId::random().to_string();
    let ends = world.later(Duration::from_mins(1));
    let dated = wire::CreateApiTokenRequest {
        expires_at_ms: Some(ends),
        ..request(&account, &[Scope::AccountAdmin])
    };
    let (_, value) = make(&client, dated).await;
    world.clock.advance(Duration::from_millis(59_999));
    assert_eq!(standing(&client, &value).await, Standing::Active);
    world.clock.advance(Duration::from_millis(1));
    assert_eq!(standing(&client, &value).await, Standing::Expired);
    let past = wire::CreateApiTokenRequest {
        expires_at_ms: Some(world.clock.now().as_millis()),
        ..request(&account, &[Scope::AccountAdmin])
    };
    assert_eq!(
        from_status(client.clone().create_api_token(past).await.unwrap_err()).kind(),
        ErrorKind::Invalid
    );
}

pub async fn no_row_holds_the_value_of_an_api_token(world: World) {
    let client = client(&world.registry().await);
    let (token, value) =
        make(&client, request(&AccountId::random().to_string(), &[Scope::AccountAdmin])).await;
    let (digest, rest): (Vec<u8>, String) = database::with!(&world.database, |pool| {
        sqlx::query_as("SELECT digest, id || name || scopes || pepper_id FROM api_tokens WHERE id = $1")
            .bind(&token.id)
            .fetch_one(pool)
            .await
            .unwrap()
    });
    assert_eq!(digest.len(), 32);
    assert!(!rest.contains(&value[5..]));
    assert_ne!(digest, aws_lc_rs::digest::digest(&aws_lc_rs::digest::SHA256, value.as_bytes()).as_ref());
}

pub async fn api_tokens_outlive_a_new_pepper_while_the_old_is_listed(world: World) {
    let account = AccountId::random().to_string();
    let old = client(&world.registry().await);
    let (_, value) = make(&old, request(&account, &[Scope::AccountAdmin])).await;
    let both = client(&world.registry_with(Peppers::new(&[8; 32], Some(&PEPPER))).await);
    assert_eq!(standing(&both, &value).await, Standing::Active);
    let only_new = client(&world.registry_with(Peppers::new(&[8; 32], None)).await);
    assert_eq!(standing(&only_new, &value).await, Standing::Unknown);
}

pub async fn an_api_token_gives_no_more_than_it_has(world: World) {
    let client = client(&world.registry().await);
    let account = AccountId::random().to_string();
    let (writer, _) = make(&client, request(&account, &[Scope::ServiceTokensWrite])).await;
    let (target, _) = make(&client, request(&account, &[Scope::AccountAdmin])).await;
    let by = |scopes: &[Scope]| wire::CreateApiTokenRequest {
        acting_id: writer.id.clone(),
        ..request(&account, scopes)
    };
    let refused = |status: tonic::Status| {
        let error = from_status(status);
        assert_eq!((error.kind(), error.reason()), (ErrorKind::Denied, "API_TOKEN_SCOPE"));
    };
    make(&client, by(&[Scope::ServiceTokensRead, Scope::ServiceTokensWrite])).await;
    for more in [Scope::AppsAndPoliciesRead, Scope::AccountAdmin] {
        refused(client.clone().create_api_token(by(&[Scope::ServiceTokensRead, more])).await.unwrap_err());
    }
    let (account_id, id, acting_id) = (account.clone(), target.id.clone(), writer.id.clone());
    let roll = wire::RollApiTokenRequest { account_id, id, acting_id };
    refused(client.clone().roll_api_token(roll).await.unwrap_err());
    let widen = wire::UpdateApiTokenRequest {
        account_id: account.clone(),
        id: writer.id.clone(),
        scopes: vec![Scope::AccountAdmin.into()],
        acting_id: writer.id.clone(),
        ..Default::default()
    };
    refused(client.clone().update_api_token(widen).await.unwrap_err());
    // Not of another account, and not once it is gone.
    let elsewhere = wire::CreateApiTokenRequest {
        account_id: AccountId::random().to_string(),
        ..by(&[Scope::ServiceTokensRead])
    };
    refused(client.clone().create_api_token(elsewhere).await.unwrap_err());
    let gone = wire::DeleteApiTokenRequest {
        account_id: account.clone(),
        id: writer.id.clone(),
        acting_id: String::new(),
    };
    client.clone().delete_api_token(gone).await.unwrap();
    refused(client.clone().create_api_token(by(&[Scope::ServiceTokensRead])).await.unwrap_err());
}

pub async fn the_last_use_of_an_api_token_is_written_apart(world: World) {
    let registry = world.registry().await;
    let client = client(&registry);
    let (token, value) =
        make(&client, request(&AccountId::random().to_string(), &[Scope::AccountAdmin])).await;
    assert_eq!(standing(&client, &value).await, Standing::Active);
    // What is left is written at the stop.
    registry.stop().await;
    let stored = world.store().await.get_api_token(&token.account_id, &token.id).await.unwrap();
    assert_eq!((stored.last_used_at_ms, stored.modified_at_ms), (Some(NOW.as_millis()), NOW.as_millis()));
}

/// Least privilege.
pub async fn only_the_management_api_speaks_of_api_tokens(world: World) {
    let registry = world.registry().await;
    for caller in ["session-issuer", "policy-evaluator", "notifier", "edge-gateway"] {
        let channel = GrpcChannel::local(registry.routes.clone(), crate::default_callers(), caller);
        let asked =
            ApiTokensClient::new(channel).verify_api_token(wire::VerifyApiTokenRequest::default()).await;
        assert_eq!(from_status(asked.unwrap_err()).kind(), ErrorKind::Denied, "{caller}");
    }
    let channel = GrpcChannel::local(registry.routes.clone(), crate::default_callers(), "admin-api");
    assert_eq!(standing(&ApiTokensClient::new(channel), "junk").await, Standing::Unknown);
}
