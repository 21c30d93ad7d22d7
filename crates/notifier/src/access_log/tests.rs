use super::*;
use crate::fixture::{ACCOUNT, World};
use crate::store::Query;
use proto::access_log::CredentialKind;

fn decision(ray_id: &str) -> Decision {
    Decision {
        ray_id: ray_id.to_owned(),
        decided_at_ms: 1_800_000_000_000,
        account_id: ACCOUNT.to_owned(),
        application_id: ApplicationId::random().to_string(),
        credential: CredentialKind::Pair.into(),
        ..Decision::default()
    }
}

#[tokio::test]
async fn what_is_said_on_the_bus_is_kept_and_junk_is_not() {
    let world = World::new().await;
    let bus: Arc<dyn Bus> = Arc::new(bus::Memory::default());
    let log = AccessLog::new(world.store.clone(), world.clock.clone(), &config::AccessLog::default());
    let stop = CancellationToken::new();
    let running = tokio::spawn(service_kit::assembly::run(log.workers(Some(bus.clone())), stop.clone()));
    let good = decision("0123456789abcdef");
    let junk = [
        decision("0123456789ABCDEF"),
        Decision { account_id: "acme".into(), ..decision("1123456789abcdef") },
        Decision { path: "/\0".into(), ..decision("2123456789abcdef") },
        Decision { host: "x".repeat(LONGEST + 1), ..decision("3123456789abcdef") },
    ];
    let report = DecisionReport { decisions: junk.into_iter().chain([good.clone()]).collect() };
    let query = Query {
        account_id: ACCOUNT,
        since_ms: 0,
        before_ms: i64::MAX,
        filters: &[],
        oldest_first: false,
        page: 1,
        per_page: 10,
    };
    let kept = async {
        loop {
            bus.publish(SUBJECT, Bytes::from_static(b"\xff")).await.unwrap();
            bus.publish(SUBJECT, report.encode_to_vec().into()).await.unwrap();
            let (kept, _) = world.store.list_decisions(&query).await.unwrap();
            if !kept.is_empty() {
                return kept;
            }
            tokio::task::yield_now().await;
        }
    };
    let kept = tokio::time::timeout(Duration::from_mins(1), kept).await.unwrap();
    assert_eq!(kept, [good]);
    stop.cancel();
    running.await.unwrap().unwrap();
}
