//! The embedded topology.

use crate::dev::places::{Places, bind, bind_both, loopback};
use crate::dev::state::State;
use crate::dev::{Options, announce, upstream};
use crate::embedded::{self, Embedded, Keys};
use anyhow::{Context as _, Result};
use edge_gateway::forward_auth::Front;
use model::SystemClock;
use proto::policy_evaluator::PutOrganizationRequest;
use service_kit::assembly;
use service_kit::operations::{self, Ready};
use std::sync::Arc;
use std::time::Duration;
use tokio::net::TcpListener;
use tokio_util::sync::CancellationToken;

pub async fn run(options: &Options, mut state: State, stop: CancellationToken) -> Result<()> {
    let (gateway, admin) = bind_both(options.gateway, options.admin, &mut state).await?;
    let ext_authz = match options.ext_authz {
        Some(asked) => Some(bind(asked, None, "--ext-authz").await?),
        None => None,
    };
    let operations = match options.operations {
        Some(asked) => Some(bind(asked, None, "--operations").await?),
        None => None,
    };
    let forward_auth = match options.forward_auth {
        Some(asked) => Some(bind(asked, None, "--forward-auth").await?),
        None => None,
    };
    let places = Places {
        gateways: vec![gateway.local_addr()?],
        team_domain: options.team_domain.clone(),
        ext_authz: ext_authz.as_ref().map(TcpListener::local_addr).transpose()?,
        admin: admin.local_addr()?,
        forward_auth: forward_auth.as_ref().map(TcpListener::local_addr).transpose()?,
        operations: operations.as_ref().map(TcpListener::local_addr).transpose()?,
        outbox: state.folder("outbox")?,
        data_dir: state.data_dir.clone(),
    };
    let assembled = embedded::assemble(embedded::Options {
        data_dir: state.folder("databases")?,
        gateway,
        ext_authz,
        forward_auth: forward_auth.map(|listener| Front {
            listener,
            trusted_proxies: loopback(),
            country_header: None,
        }),
        admin,
        proxy: options.proxy(upstream(options, &stop).await?),
        keys: Keys {
            pepper: state.key("pepper")?,
            key_encryption: state.key("key-encryption")?,
            webhook_secrets: state.key("webhook-secrets")?,
        },
        api_tokens: vec![admin_api::config::ApiToken {
            account_id: state.memory.account_id.clone(),
            name: "development".to_owned(),
            sha256: state.api_token_digest(),
        }],
        outbox: places.outbox.clone(),
        clock: Arc::new(SystemClock),
    });
    let Embedded { mut workers, ready, mut operator } = assembled.await?;
    workers.extend(operations.map(|listener| operations::serve(listener, ready.clone())));
    let running = tokio::spawn(assembly::run(workers, stop.clone()));
    let organization = PutOrganizationRequest {
        account_id: state.memory.account_id.clone(),
        name: Some("Development".to_owned()),
        auth_domain: Some(places.auth_domain()),
        issuer: Some(places.issuer()),
        ..PutOrganizationRequest::default()
    };
    let started = async {
        until_ready(&ready).await?;
        operator.policy_evaluator.put_organization(organization).await.context("setting the team domain")?;
        announce(options, state, &places).await
    };
    match stop.run_until_cancelled(started).await {
        Some(Err(error)) => {
            stop.cancel();
            let _ = running.await;
            Err(error)
        }
        Some(Ok(())) | None => Ok(running.await??),
    }
}

/// Until the gateway holds a lease on every feed.
async fn until_ready(ready: &Ready) -> Result<()> {
    let wait = async {
        while ready().await.is_err() {
            tokio::time::sleep(Duration::from_millis(5)).await;
        }
    };
    tokio::time::timeout(Duration::from_secs(20), wait).await.context("the gateway got no lease within 20 s")
}
