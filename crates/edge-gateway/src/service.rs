use crate::config::{Limits, Proxy};
use crate::decide::Gatekeeper;
use crate::decisions::Decisions;
use crate::deps::Deps;
use crate::endpoints::Logout;
use crate::exchange::Exchange;
use crate::ext_authz::{Authorizer, Server};
use crate::fallbacks::Fallbacks;
use crate::forward::Upstreams;
use crate::knowledge::Knowledge;
use crate::listener::{Door, Drain, Gateway, Passed, Serving, Tls};
use crate::measure::Measures;
use crate::metadata::Metadata;
use crate::request::client::Origin;
use crate::rides::Rides;
use crate::session::{Origins, remember};
use crate::usage::Usage;
use http::HeaderName;
use model::{Clock, Error, ErrorKind};
use service_kit::operations::Ready;
use service_kit::{Assembly, Worker};
use std::sync::Arc;
use tokio::sync::Semaphore;
use tokio_util::sync::CancellationToken;
use tonic::service::Routes;

/// Assembles the gateway with the usual limits; it answers from its first lease on.
pub async fn build(proxy: &Proxy, deps: Deps) -> Result<(Assembly, Ready), Error> {
    build_with(proxy, &Limits::default(), deps).await
}

/// The same with other limits.
pub async fn build_with(proxy: &Proxy, limits: &Limits, deps: Deps) -> Result<(Assembly, Ready), Error> {
    if let Some(problem) = proxy.problems().into_iter().chain(limits.problems()).next() {
        return Err(Error::invalid("edge_gateway", problem));
    }
    let country_header =
        proxy.country_header.as_deref().map(HeaderName::try_from).transpose().map_err(Error::internal)?;
    let countries = proxy.country_database.as_deref().map(Origin::open_countries).transpose()?;
    let tls = proxy.tls.as_ref().map(|tls| Tls::open(tls, deps.clock.now())).transpose()?;
    let passed =
        proxy.passed_certificates.as_ref().map(|it| Passed::open(it, deps.clock.now())).transpose()?;
    let upstreams = Arc::new(Upstreams::open(proxy, limits)?);
    // Leases are kept until the last connection has had its time.
    let served = CancellationToken::new();
    let (knowledge, mut workers) = Knowledge::follow(&deps, &served);
    let knowledge = Arc::new(knowledge);
    let gatekeeper = gatekeeper(proxy, limits, &deps, knowledge.clone());
    let (usage, fallbacks) = (gatekeeper.usage.clone(), gatekeeper.fallbacks.clone());
    let decisions = gatekeeper.decisions.clone();
    let rides = Arc::new(Rides::new(gatekeeper.clone(), knowledge.changes.clone()));
    let draining = CancellationToken::new();
    let origin =
        Arc::new(Origin { trusted_proxies: proxy.trusted_proxies.clone(), country_header, countries });
    let authorizer = Authorizer::new(gatekeeper.clone(), origin.clone(), proxy.is_https());
    let authorizer = authorizer.believing(passed.clone());
    let gateway = Arc::new(Gateway {
        gatekeeper,
        rides: rides.clone(),
        measures: Measures::new(),
        origin,
        upstreams: upstreams.clone(),
        is_unguarded: proxy.is_unguarded,
        door: Door {
            tls: tls.clone(),
            proxy_protocol_from: proxy.proxy_protocol_from.clone(),
            patience: limits.handshake_timeout(),
        },
        passed: passed.clone(),
        trusts_the_way: proxy.is_https() || proxy.allow_plain_http,
        serving: Serving::new(limits),
        places: Arc::new(Semaphore::new(limits.max_connections().min(Semaphore::MAX_PERMITS))),
        drain: Drain { delay: limits.drain_delay(), patience: limits.drain(), begun: draining.clone() },
    });
    let Deps { listener, ext_authz, forward_auth, clock, bus, name, .. } = deps;
    let judging = served.clone();
    workers.push(Worker::new("edge-gateway rides", async move |_| {
        rides.keep_judging(judging).await;
        Ok(())
    }));
    let (telling, told_on, told_by) = (served.clone(), bus.clone(), name.clone());
    workers.push(Worker::new("edge-gateway decisions", async move |_| {
        decisions.keep_telling(told_on, told_by, telling).await;
        Ok(())
    }));
    let served = Arc::new(served.drop_guard());
    if let Some(listener) = ext_authz {
        let (server, served) = (Server::new(authorizer, limits.max_connections()), served.clone());
        workers.push(Worker::new("edge-gateway ext_authz", async move |stop| {
            let _served = served;
            server.serve(listener, stop).await
        }));
    }
    if let Some(front) = forward_auth {
        let (front, served) = (front.answering_by(gateway.clone(), limits.max_connections()), served.clone());
        workers.push(Worker::new("edge-gateway forward-auth", async move |stop| {
            let _served = served;
            front.serve(stop).await
        }));
    }
    workers.push(Worker::new("edge-gateway listener", async move |stop| {
        let _served = served;
        gateway.serve(listener, stop).await
    }));
    workers.push(Worker::new("edge-gateway upstreams", async move |stop| {
        stop.run_until_cancelled(upstreams.keep_asking()).await;
        Ok(())
    }));
    if let Some(tls) = tls {
        let clock = clock.clone();
        workers.push(Worker::new("edge-gateway certificates", async move |stop| {
            tls.keep_current(clock, stop).await;
            Ok(())
        }));
    }
    if let Some(passed) = passed {
        let clock = clock.clone();
        workers.push(Worker::new("edge-gateway passed certificates", async move |stop| {
            passed.keep_current(clock, stop).await;
            Ok(())
        }));
    }
    let ready = ready(knowledge.clone(), clock.clone(), draining);
    workers.push(Worker::new("edge-gateway fallbacks", async move |stop| {
        fallbacks.keep_watching(|| knowledge.is_current(&*clock), stop).await;
        Ok(())
    }));
    workers.push(Worker::new("edge-gateway usage", async move |stop| {
        usage.keep_reporting(name, bus, stop).await;
        Ok(())
    }));
    Ok((Assembly { routes: Routes::default(), workers }, ready))
}

fn gatekeeper(proxy: &Proxy, limits: &Limits, deps: &Deps, knowledge: Arc<Knowledge>) -> Arc<Gatekeeper> {
    let (issuer, clock) = (deps.session_issuer.clone(), deps.clock.clone());
    Arc::new(Gatekeeper {
        knowledge,
        clock: clock.clone(),
        verified: remember(limits.max_sessions()),
        pairs: remember(limits.max_pairs()),
        origins: Origins::default(),
        metadata: Metadata::new(issuer.clone(), clock.clone()),
        logout: Logout::new(issuer.clone(), clock.clone()),
        exchange: Exchange::new(issuer, proxy.is_https(), &proxy.throttle, clock).named(&deps.name),
        usage: Arc::new(Usage::default()),
        fallbacks: Arc::new(Fallbacks::default()),
        decisions: Arc::new(Decisions::new(proxy.decisions)),
    })
}

fn ready(knowledge: Arc<Knowledge>, clock: Arc<dyn Clock>, draining: CancellationToken) -> Ready {
    Arc::new(move || {
        let (is_current, is_stopping) = (knowledge.is_current(&*clock), draining.is_cancelled());
        Box::pin(async move {
            if is_stopping {
                return Err(Error::new(ErrorKind::Unavailable, "STOPPING", "the gateway is stopping"));
            }
            let not_yet =
                || Error::new(ErrorKind::Unavailable, "NO_LEASE", "no lease on every change feed yet");
            if is_current { Ok(()) } else { Err(not_yet()) }
        })
    })
}
