use super::World;
use super::world::new_token;
use model::{ErrorKind, TokenId};
use proto::token_registry as wire;

pub async fn after_a_delete_nothing_finds_the_token(world: World) {
    let registry = world.registry().await;
    let made = registry.new_token().await;
    let new = registry.rotated(&made, Some(world.later(super::world::YEAR))).await;
    for secret in [&made.secret, &new] {
        assert_eq!(registry.refusal(&made, secret).await, "");
    }
    let deleted = registry.delete(&made.account, &made.id).await.unwrap();
    assert_eq!(deleted.token.unwrap().client_secret_version, 2);
    assert!(deleted.propagation.unwrap().not_confirmed.is_empty());
    for secret in [&made.secret, &new] {
        assert_eq!(registry.refusal(&made, secret).await, "TOKEN_UNKNOWN");
    }
    let errors = [
        registry.get(&made.account, &made.id).await.err().unwrap(),
        registry.get("", &made.id).await.err().unwrap(),
        registry
            .update(wire::UpdateTokenRequest { enabled: Some(true), ..made.update() })
            .await
            .err()
            .unwrap(),
        registry.refresh(&made.account, &made.id).await.err().unwrap(),
        registry.rotate(&made.account, &made.id, None).await.err().unwrap(),
        registry.delete(&made.account, &made.id).await.err().unwrap(),
        registry.set_references(&made.account, "policy/1", &[&made.id]).await.err().unwrap(),
    ];
    for error in errors {
        assert_eq!(error.kind(), ErrorKind::NotFound, "{error}");
    }
    let request =
        wire::ListTokensRequest { account_id: made.account.clone(), ..wire::ListTokensRequest::default() };
    assert_eq!(registry.list(request).await.unwrap().total_count, 0);
}

pub async fn a_deleted_client_id_is_never_used_again(world: World) {
    let (registry, store) = (world.registry().await, world.store().await);
    let (made, another) = (registry.new_token().await, registry.new_token().await);
    let (kept, _) = store.find_by_client_id(&made.client_id).await.unwrap().unwrap();
    registry.delete(&made.account, &made.id).await.unwrap();
    let mut same_client_id = kept.clone();
    same_client_id.id = TokenId::random().to_string();
    let mut same_id = kept.clone();
    same_id.client_id = another.client_id.replace('.', "0.").split_off(1);
    for token in [kept, same_client_id, same_id] {
        assert_eq!(store.insert(&token).await.unwrap_err().kind(), ErrorKind::AlreadyExists);
    }
    assert_eq!(registry.refusal(&made, &made.secret).await, "TOKEN_UNKNOWN");
    // Nor is one that is in use.
    let (mut copy, _) = store.find_by_client_id(&another.client_id).await.unwrap().unwrap();
    copy.id = TokenId::random().to_string();
    assert_eq!(store.insert(&copy).await.unwrap_err().kind(), ErrorKind::AlreadyExists);
}

pub async fn a_named_token_is_not_deleted_until_it_is_named_no_more(world: World) {
    let registry = world.registry().await;
    let made = registry.new_token().await;
    let request = wire::CreateTokenRequest { account_id: made.account.clone(), ..new_token("second") };
    let second = registry.create(request).await.unwrap();
    registry.set_references(&made.account, "policy/1", &[&made.id, &made.id, &second.id]).await.unwrap();
    registry.set_references(&made.account, "group/2", &[&made.id]).await.unwrap();
    let error = registry.delete(&made.account, &made.id).await.err().unwrap();
    assert_eq!((error.kind(), error.reason()), (ErrorKind::NotReady, "TOKEN_IN_USE"));
    for referrer in ["policy/1", "name of policy/1", "group/2", "name of group/2"] {
        assert!(error.message().contains(referrer), "{error}");
    }
    assert_eq!(registry.refusal(&made, &made.secret).await, "");
    // Each list replaces the one before, and no other.
    registry.set_references(&made.account, "policy/1", &[&second.id]).await.unwrap();
    let error = registry.delete(&made.account, &made.id).await.err().unwrap();
    assert!(!error.message().contains("policy/1") && error.message().contains("group/2"));
    registry.set_references(&made.account, "group/2", &[]).await.unwrap();
    registry.delete(&made.account, &made.id).await.unwrap();
    assert_eq!(registry.delete(&made.account, &second.id).await.err().unwrap().reason(), "TOKEN_IN_USE");
}

pub async fn references_to_what_is_not_there_are_refused_as_a_whole(world: World) {
    let registry = world.registry().await;
    let made = registry.new_token().await;
    registry.set_references(&made.account, "policy/1", &[&made.id]).await.unwrap();
    let unknown = TokenId::random().to_string();
    for wrong in [unknown.as_str(), "", "x", "\0", &made.client_id, &"é".repeat(200)] {
        let named = registry.set_references(&made.account, "policy/1", &[&made.id, wrong]).await;
        let error = named.err().unwrap();
        assert_eq!((error.kind(), error.reason()), (ErrorKind::NotFound, "TOKEN_NOT_FOUND"), "{wrong:?}");
        assert_eq!(error.violations()[0].field, "token_ids/1");
    }
    assert_eq!(registry.delete(&made.account, &made.id).await.err().unwrap().reason(), "TOKEN_IN_USE");
    assert!(registry.set_references(&made.account, "policy/2", &[&unknown, &made.id]).await.is_err());
    registry.set_references(&made.account, "policy/1", &[]).await.unwrap();
    registry.delete(&made.account, &made.id).await.unwrap();
}

pub async fn what_need_not_exist_is_left_out_of_references_and_named(world: World) {
    let registry = world.registry().await;
    let made = registry.new_token().await;
    let other = registry.new_token().await;
    let gone = TokenId::random().to_string();
    let missing = [gone.as_str(), "x", "\0", &other.id];
    let named = [&missing[..2], &[made.id.as_str()], &missing[2..]].concat();
    let set = async |ids: &[&str], required| {
        registry.set_references_of(&made.account, "policy/1", ids, Some(required)).await
    };
    assert_eq!(set(&named, 0).await.unwrap(), missing);
    assert_eq!(registry.delete(&made.account, &made.id).await.err().unwrap().reason(), "TOKEN_IN_USE");
    registry.delete(&other.account, &other.id).await.unwrap();
    assert_eq!(set(&[&made.id, &gone], 1).await.unwrap(), [gone.as_str()]);
    assert_eq!(set(&[&gone, &made.id], 1).await.unwrap_err().reason(), "TOKEN_NOT_FOUND");
    assert_eq!(set(&[], 0).await.unwrap(), [""; 0]);
    registry.delete(&made.account, &made.id).await.unwrap();
}

pub async fn malformed_referrers_are_refused(world: World) {
    let registry = world.registry().await;
    let made = registry.new_token().await;
    for referrer in
        ["", "policy", "policy/", "app/1", "policy/\0", "group/a b", &format!("policy/{}", "x".repeat(65))]
    {
        let error = registry.set_references(&made.account, referrer, &[&made.id]).await.err().unwrap();
        assert_eq!(error.violations()[0].field, "referrer", "{referrer:?}");
    }
    let request = wire::SetTokenReferencesRequest {
        account_id: made.account.clone(),
        referrer: "policy/1".into(),
        referrer_name: "a\0b".into(),
        token_ids: vec![made.id.clone()],
        required: None,
    };
    let status = registry.client.clone().set_token_references(request).await.unwrap_err();
    assert_eq!(status.code(), tonic::Code::InvalidArgument);
    registry.delete(&made.account, &made.id).await.unwrap();
}
