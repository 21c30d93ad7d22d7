//! The owner's side over gRPC.

use crate::feed::Feed;
use model::Error;
use proto::change_feed as wire;
use proto::change_feed::change_feed_server::{ChangeFeed, ChangeFeedServer};
use std::sync::Arc;
use tonic::{Request, Response, Status};

/// Serves a feed. `write_error` turns an error into the status that carries it.
pub fn server(feed: Arc<Feed>, write_error: fn(Error) -> Status) -> ChangeFeedServer<impl ChangeFeed> {
    ChangeFeedServer::new(Served { feed, write_error })
}

struct Served {
    feed: Arc<Feed>,
    write_error: fn(Error) -> Status,
}

impl Served {
    fn answer<T>(&self, outcome: Result<T, Error>) -> Result<Response<T>, Status> {
        outcome.map(Response::new).map_err(self.write_error)
    }
}

fn checked_incarnation(incarnation: &str) -> Result<(), Error> {
    let well_formed = incarnation.len() == 32 && incarnation.bytes().all(|b| b.is_ascii_hexdigit());
    if well_formed { Ok(()) } else { Err(Error::invalid("incarnation", "must be 32 hex digits")) }
}

/// A text for people, or a name: bounded, and nothing in it that a log or a database would stumble over.
fn checked_text(field: &str, text: &str, shortest: usize) -> Result<(), Error> {
    if text.len() < shortest || text.len() > 200 || text.chars().any(char::is_control) {
        let rule = format!("must have {shortest}-200 characters, none of them a control character");
        return Err(Error::invalid(field, rule));
    }
    Ok(())
}

fn checked_heartbeat(request: &wire::HeartbeatRequest) -> Result<(), Error> {
    let wire::HeartbeatRequest { replica, incarnation, applied: _, version, staleness_ms } = request;
    checked_incarnation(incarnation)?;
    checked_text("replica", replica, 1)?;
    if *staleness_ms < -1 {
        return Err(Error::invalid("staleness_ms", "must be -1 (without a bound) or at least 0"));
    }
    checked_text("version", version, 0)
}

#[tonic::async_trait]
impl ChangeFeed for Served {
    async fn heartbeat(
        &self,
        request: Request<wire::HeartbeatRequest>,
    ) -> Result<Response<wire::HeartbeatResponse>, Status> {
        let request = request.into_inner();
        checked_heartbeat(&request).map_err(self.write_error)?;
        self.answer(self.feed.heartbeat(&request).await)
    }

    async fn acknowledge(
        &self,
        request: Request<wire::AcknowledgeRequest>,
    ) -> Result<Response<wire::AcknowledgeResponse>, Status> {
        let wire::AcknowledgeRequest { incarnation, applied } = request.into_inner();
        checked_incarnation(&incarnation).map_err(self.write_error)?;
        self.feed.acknowledge(&incarnation, applied);
        self.answer(Ok(wire::AcknowledgeResponse {}))
    }

    async fn release(
        &self,
        request: Request<wire::ReleaseRequest>,
    ) -> Result<Response<wire::ReleaseResponse>, Status> {
        let wire::ReleaseRequest { incarnation } = request.into_inner();
        checked_incarnation(&incarnation).map_err(self.write_error)?;
        let outcome = self.feed.release(&incarnation).await;
        self.answer(outcome.map(|()| wire::ReleaseResponse {}))
    }

    async fn list_objects(
        &self,
        request: Request<wire::ListObjectsRequest>,
    ) -> Result<Response<wire::ListObjectsResponse>, Status> {
        let wire::ListObjectsRequest { after_object, page_size } = request.into_inner();
        checked_text("after_object", &after_object, 0).map_err(self.write_error)?;
        self.answer(self.feed.objects(&after_object, page_size).await)
    }

    async fn list_entries(
        &self,
        request: Request<wire::ListEntriesRequest>,
    ) -> Result<Response<wire::ListEntriesResponse>, Status> {
        let wire::ListEntriesRequest { after, page_size } = request.into_inner();
        self.answer(self.feed.entries(after, page_size).await)
    }

    async fn list_replicas(
        &self,
        _request: Request<wire::ListReplicasRequest>,
    ) -> Result<Response<wire::ListReplicasResponse>, Status> {
        self.answer(self.feed.replicas().await)
    }
}
