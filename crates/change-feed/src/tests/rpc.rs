use super::World;
use super::world::{LONG, heartbeat};
use crate::{RemoteSource, Wait};
use proto::change_feed as wire;
use proto::change_feed::change_feed_client::ChangeFeedClient;
use service_kit::status::{from_status, to_status};
use service_kit::{Callers, GrpcChannel};
use tonic::Code;
use tonic::service::Routes;

async fn channel(world: &World) -> (std::sync::Arc<crate::Feed>, GrpcChannel) {
    let feed = world.feed(LONG).await;
    let routes = Routes::new(crate::rpc::server(feed.clone(), to_status));
    let callers = Callers::new([("edge-gateway", &["/sallyport.change_feed.v1.ChangeFeed/*"])]);
    (feed, GrpcChannel::local(routes, callers, "edge-gateway"))
}

pub async fn a_replica_follows_over_grpc(world: World) {
    world.write("a", &["1"]).await.position();
    let (feed, channel) = channel(&world).await;
    let follower = world.replica(RemoteSource::new(channel.clone(), from_status));
    follower.is_live_soon().await;
    assert_eq!(follower.view.now().states["a"], "1");
    // A gap, so that it must ask.
    world.write("a", &["2"]).await.position();
    let propagation = feed.announce(world.write("a", &["3"]).await, Wait::Confirmed).await;
    assert_eq!(propagation.confirmed.len(), 1);
    assert_eq!(follower.view.now().applied, [2, 3]);
    let replicas = ChangeFeedClient::new(channel).list_replicas(wire::ListReplicasRequest {}).await;
    let replicas = replicas.unwrap().into_inner();
    assert_eq!((replicas.head, replicas.replicas.len()), (3, 1));
    assert!(replicas.replicas[0].is_live && replicas.replicas[0].replica == "edge-1");
    follower.stop().await;
    assert!(feed.replicas().await.unwrap().replicas.is_empty());
}

pub async fn malformed_requests_are_refused(world: World) {
    let (_feed, channel) = channel(&world).await;
    let mut client = ChangeFeedClient::new(channel);
    let good = heartbeat(1, 0);
    let requests = [
        wire::HeartbeatRequest { incarnation: "x".repeat(32), ..good.clone() },
        wire::HeartbeatRequest { incarnation: "\0".into(), ..good.clone() },
        wire::HeartbeatRequest { incarnation: String::new(), ..good.clone() },
        wire::HeartbeatRequest { replica: String::new(), ..good.clone() },
        wire::HeartbeatRequest { replica: "x".repeat(201), ..good.clone() },
        wire::HeartbeatRequest { replica: "edge\0".into(), ..good.clone() },
        wire::HeartbeatRequest { version: "1\n".into(), ..good.clone() },
    ];
    for request in requests {
        let status = client.heartbeat(request).await.unwrap_err();
        assert_eq!(status.code(), Code::InvalidArgument);
    }
    client.heartbeat(good).await.unwrap();
    for incarnation in ["", "\0", "nobody"] {
        let request = wire::AcknowledgeRequest { incarnation: incarnation.into(), applied: 1 };
        assert_eq!(client.acknowledge(request).await.unwrap_err().code(), Code::InvalidArgument);
        let request = wire::ReleaseRequest { incarnation: incarnation.into() };
        assert_eq!(client.release(request).await.unwrap_err().code(), Code::InvalidArgument);
    }
    let request = wire::ListObjectsRequest { after_object: "\0".into(), page_size: 0 };
    assert_eq!(client.list_objects(request).await.unwrap_err().code(), Code::InvalidArgument);
    let request = wire::ListEntriesRequest { after: u64::MAX, page_size: u32::MAX };
    assert!(client.list_entries(request).await.unwrap().into_inner().entries.is_empty());
}
