//! The gateway's listeners in front of decisions that were prepared.

use super::Decisions;
use crate::config::{Limits, Proxy};
use crate::ext_authz::{Authorizer, Server};
use crate::forward::Upstreams;
use crate::listener::{Door, Drain, Gateway, Serving};
use crate::measure::Measures;
use crate::request::client::Origin;
use crate::rides::Rides;
use model::Error;
use service_kit::Worker;
use std::sync::Arc;
use std::time::Duration;
use tokio::net::TcpListener;
use tokio::sync::Semaphore;
use tokio_util::sync::CancellationToken;

const NAME: &str = "bench";

impl Decisions {
    /// Both fronts, assembled as in the service, and what runs beside them there: open requests are judged again, events
    /// and uses are taken.
    ///
    /// # Errors
    /// The proxy's settings cannot be used.
    pub async fn serve(
        &self,
        proxy: &Proxy,
        proxied: TcpListener,
        asked: TcpListener,
    ) -> Result<Vec<Worker>, Error> {
        let (limits, gatekeeper) = (Limits::default(), self.gatekeeper.clone());
        let bus = bus::connect("memory:").await?;
        let rides = Arc::new(Rides::new(gatekeeper.clone(), gatekeeper.knowledge.changes.clone()));
        let (usage, decisions) = (gatekeeper.usage.clone(), gatekeeper.decisions.clone());
        let origin = Arc::new(Origin {
            trusted_proxies: proxy.trusted_proxies.clone(),
            country_header: None,
            countries: None,
        });
        let authorizer = Authorizer::new(gatekeeper.clone(), origin.clone(), proxy.is_https());
        let gateway = Arc::new(Gateway {
            gatekeeper,
            rides: rides.clone(),
            measures: Measures::new(),
            origin,
            upstreams: Arc::new(Upstreams::open(proxy, &limits)?),
            is_unguarded: false,
            door: Door { tls: None, proxy_protocol_from: Vec::new(), patience: limits.handshake_timeout() },
            passed: None,
            trusts_the_way: proxy.is_https() || proxy.allow_plain_http,
            serving: Serving::new(&limits),
            places: Arc::new(Semaphore::new(limits.max_connections().min(Semaphore::MAX_PERMITS))),
            drain: Drain { delay: Duration::ZERO, patience: limits.drain(), begun: CancellationToken::new() },
        });
        let server = Server::new(authorizer, limits.max_connections());
        let told = bus.clone();
        Ok(vec![
            Worker::new("edge-gateway rides", async move |stop| {
                rides.keep_judging(stop).await;
                Ok(())
            }),
            Worker::new("edge-gateway decisions", async move |stop| {
                decisions.keep_telling(told, NAME.to_owned(), stop).await;
                Ok(())
            }),
            Worker::new("edge-gateway usage", async move |stop| {
                usage.keep_reporting(NAME.to_owned(), bus, stop).await;
                Ok(())
            }),
            Worker::new("edge-gateway ext_authz", async move |stop| server.serve(asked, stop).await),
            Worker::new("edge-gateway listener", async move |stop| gateway.serve(proxied, stop).await),
        ])
    }
}
