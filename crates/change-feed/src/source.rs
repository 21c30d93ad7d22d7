//! Where a replica reads from.

use crate::feed::Feed;
use async_trait::async_trait;
use model::Error;
use proto::change_feed as wire;
use proto::change_feed::change_feed_client::ChangeFeedClient;
use std::sync::Arc;
use tonic::codegen::{Body, Bytes, StdError};

/// The owner, as a replica sees it.
#[async_trait]
pub trait Source: Send + Sync + 'static {
    async fn heartbeat(&self, request: wire::HeartbeatRequest) -> Result<wire::HeartbeatResponse, Error>;
    async fn acknowledge(&self, request: wire::AcknowledgeRequest) -> Result<(), Error>;
    async fn release(&self, incarnation: String) -> Result<(), Error>;
    async fn objects(&self, after: String) -> Result<wire::ListObjectsResponse, Error>;
    async fn entries(&self, after: u64) -> Result<wire::ListEntriesResponse, Error>;
}

/// How many objects or entries are read at once.
const PAGE: u32 = 5_000;

/// An owner follows its own feed: its caches obey the same rule as everybody's.
#[async_trait]
impl Source for Arc<Feed> {
    async fn heartbeat(&self, request: wire::HeartbeatRequest) -> Result<wire::HeartbeatResponse, Error> {
        Feed::heartbeat(self, &request).await
    }

    async fn acknowledge(&self, request: wire::AcknowledgeRequest) -> Result<(), Error> {
        Feed::acknowledge(self, &request.incarnation, request.applied);
        Ok(())
    }

    async fn release(&self, incarnation: String) -> Result<(), Error> {
        Feed::release(self, &incarnation).await
    }

    async fn objects(&self, after: String) -> Result<wire::ListObjectsResponse, Error> {
        Feed::objects(self, &after, PAGE).await
    }

    async fn entries(&self, after: u64) -> Result<wire::ListEntriesResponse, Error> {
        Feed::entries(self, after, PAGE).await
    }
}

/// An owner over gRPC.
pub struct RemoteSource<C> {
    client: ChangeFeedClient<C>,
    read_error: fn(tonic::Status) -> Error,
}

impl<C> RemoteSource<C>
where
    C: tonic::client::GrpcService<tonic::body::Body>,
    C::Error: Into<StdError>,
    C::ResponseBody: Body<Data = Bytes> + Send + 'static,
    <C::ResponseBody as Body>::Error: Into<StdError> + Send,
{
    /// `read_error` turns a status into the error it carries.
    pub fn new(channel: C, read_error: fn(tonic::Status) -> Error) -> Self {
        // A page of objects may be large; the owner bounds their number.
        Self {
            client: ChangeFeedClient::new(channel).max_decoding_message_size(64 * 1024 * 1024),
            read_error,
        }
    }
}

#[async_trait]
impl<C> Source for RemoteSource<C>
where
    C: tonic::client::GrpcService<tonic::body::Body> + Clone + Send + Sync + 'static,
    C::Error: Into<StdError>,
    C::Future: Send,
    C::ResponseBody: Body<Data = Bytes> + Send + 'static,
    <C::ResponseBody as Body>::Error: Into<StdError> + Send,
{
    async fn heartbeat(&self, request: wire::HeartbeatRequest) -> Result<wire::HeartbeatResponse, Error> {
        let answer = self.client.clone().heartbeat(request).await;
        answer.map(tonic::Response::into_inner).map_err(self.read_error)
    }

    async fn acknowledge(&self, request: wire::AcknowledgeRequest) -> Result<(), Error> {
        self.client.clone().acknowledge(request).await.map(drop).map_err(self.read_error)
    }

    async fn release(&self, incarnation: String) -> Result<(), Error> {
        self.client
            .clone()
            .release(wire::ReleaseRequest { incarnation })
            .await
            .map(drop)
            .map_err(self.read_error)
    }

    async fn objects(&self, after_object: String) -> Result<wire::ListObjectsResponse, Error> {
        let answer = self
            .client
            .clone()
            .list_objects(wire::ListObjectsRequest { after_object, page_size: PAGE })
            .await;
        answer.map(tonic::Response::into_inner).map_err(self.read_error)
    }

    async fn entries(&self, after: u64) -> Result<wire::ListEntriesResponse, Error> {
        let answer =
            self.client.clone().list_entries(wire::ListEntriesRequest { after, page_size: PAGE }).await;
        answer.map(tonic::Response::into_inner).map_err(self.read_error)
    }
}
