use super::World;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::Duration;
use tokio::sync::watch;

pub async fn a_token_is_either_named_or_gone(world: World) {
    let registry = world.registry().await;
    let (mut named, mut gone) = (0, 0);
    for round in 0..30_u64 {
        let made = registry.new_token().await;
        let delete = async {
            tokio::time::sleep(Duration::from_micros(round % 6 * 200)).await;
            registry.delete(&made.account, &made.id).await
        };
        let ids = [made.id.as_str()];
        let name = registry.set_references(&made.account, "policy/1", &ids);
        match tokio::join!(delete, name) {
            (Ok(_), Err(error)) => {
                assert_eq!(error.reason(), "TOKEN_NOT_FOUND");
                assert!(registry.get("", &made.id).await.is_err());
                gone += 1;
            }
            (Err(error), Ok(())) => {
                assert_eq!(error.reason(), "TOKEN_IN_USE");
                assert!(registry.get("", &made.id).await.is_ok());
                named += 1;
            }
            (deleted, named) => panic!("{:?} and {named:?}", deleted.map(drop)),
        }
    }
    assert_eq!(named + gone, 30);
}

pub async fn rotations_at_once_follow_one_another(world: World) {
    let registry = world.registry().await;
    let made = registry.new_token().await;
    let until = Some(world.later(Duration::from_hours(1)));
    let rotations = (0..8).map(|_| registry.rotate(&made.account, &made.id, until));
    let mut rotated: Vec<_> =
        futures::future::join_all(rotations).await.into_iter().map(Result::unwrap).collect();
    rotated.sort_by_key(|answer| answer.token.as_ref().unwrap().client_secret_version);
    let versions: Vec<_> =
        rotated.iter().map(|answer| answer.token.as_ref().unwrap().client_secret_version).collect();
    assert_eq!(versions, (2..=9).collect::<Vec<_>>());
    let mut live = Vec::new();
    let secrets = std::iter::once(&made.secret).chain(rotated.iter().map(|answer| &answer.client_secret));
    for secret in secrets {
        if let Ok(answer) = registry.authenticate(&made.client_id, secret).await {
            live.push(answer.client_secret_version);
        }
    }
    assert_eq!(live, [8, 9]);
}

pub async fn a_delete_wins_over_a_rotation_at_once(world: World) {
    let registry = world.registry().await;
    for _ in 0..10 {
        let made = registry.new_token().await;
        let until = Some(world.later(Duration::from_hours(1)));
        let (rotated, deleted) = tokio::join!(
            registry.rotate(&made.account, &made.id, until),
            registry.delete(&made.account, &made.id)
        );
        deleted.unwrap();
        let mut secrets = vec![made.secret.clone()];
        match rotated {
            Ok(answer) => secrets.push(answer.client_secret),
            Err(error) => assert_eq!(error.reason(), "NOT_FOUND"),
        }
        for secret in secrets {
            assert_eq!(registry.refusal(&made, &secret).await, "TOKEN_UNKNOWN");
        }
        assert!(registry.get("", &made.id).await.is_err());
    }
}

pub async fn once_a_delete_has_returned_nobody_is_let_in_by_any_replica(world: World) {
    let replicas = [Arc::new(world.registry().await), Arc::new(world.registry().await)];
    for replica in &replicas {
        replica.may_use_cache(&world.cache).await;
    }
    for _ in 0..5 {
        let made = replicas[0].new_token().await;
        let (is_deleted, admitted) = (Arc::new(AtomicBool::new(false)), watch::Sender::new(0_u32));
        let users: Vec<_> = (0..6)
            .map(|user| {
                let (replica, made, is_deleted, admitted) =
                    (replicas[user % 2].clone(), made.clone(), is_deleted.clone(), admitted.clone());
                tokio::spawn(async move {
                    let mut refused = 0;
                    while refused < 10 {
                        tokio::task::yield_now().await;
                        let began_after = is_deleted.load(Ordering::SeqCst);
                        let refusal = replica.refusal(&made, &made.secret).await;
                        assert!(
                            !(began_after && refusal.is_empty()),
                            "admitted after the delete had returned"
                        );
                        admitted.send_modify(|admitted| *admitted += u32::from(refusal.is_empty()));
                        refused += u32::from(!refusal.is_empty());
                    }
                })
            })
            .collect();
        // They are let in, by then from the cache too.
        admitted.subscribe().wait_for(|admitted| *admitted >= 20).await.unwrap();
        assert!(world.cache.puts() > 0);
        let propagation = replicas[0].delete(&made.account, &made.id).await.unwrap().propagation.unwrap();
        is_deleted.store(true, Ordering::SeqCst);
        assert_eq!((propagation.confirmed.len(), propagation.fenced.len()), (2, 0));
        for user in users {
            user.await.unwrap();
        }
    }
}
