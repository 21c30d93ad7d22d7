//! The gRPC server: health, reflection, measurement, caller authorization, mutual TLS.

use crate::assembly::Worker;
use crate::caller::{AuthorizeLayer, Callers};
use crate::config::Tls;
use crate::measure::MeasureLayer;
use model::Error;
use std::net::SocketAddr;
use std::sync::Arc;
use std::time::Duration;
use tokio::net::TcpListener;
use tokio_util::sync::CancellationToken;
use tonic::service::Routes;
use tonic::transport::server::TcpIncoming;
use tonic::transport::{Certificate, Identity, Server, ServerTlsConfig};

/// Adds health (serving) and reflection (v1 and v1alpha) to a service's routes.
pub async fn with_health_and_reflection(routes: Routes, services: &[&str]) -> Result<Routes, Error> {
    let (reporter, health) = tonic_health::server::health_reporter();
    for service in services {
        reporter.set_service_status(*service, tonic_health::ServingStatus::Serving).await;
    }
    let reflection = || {
        tonic_reflection::server::Builder::configure()
            .register_encoded_file_descriptor_set(proto::DESCRIPTORS)
            .register_encoded_file_descriptor_set(tonic_health::pb::FILE_DESCRIPTOR_SET)
    };
    let v1 = reflection().build_v1().map_err(Error::internal)?;
    let v1alpha = reflection().build_v1alpha().map_err(Error::internal)?;
    Ok(routes.add_service(health).add_service(v1).add_service(v1alpha))
}

/// Listens, and serves until told to stop.
pub async fn listen(
    routes: Routes,
    callers: Callers,
    tls: &Tls,
    address: SocketAddr,
) -> Result<Worker, Error> {
    let files = tls.read()?;
    let tls = ServerTlsConfig::new()
        .identity(Identity::from_pem(files.certificate, files.key))
        .client_ca_root(Certificate::from_pem(files.authority));
    let listener = TcpListener::bind(address)
        .await
        .map_err(|error| Error::invalid("listen", format!("cannot listen on {address}: {error}")))?;
    let server = Server::builder()
        .tls_config(tls)
        .map_err(|error| Error::invalid("tls", error.to_string()))?
        .timeout(Duration::from_secs(30))
        .http2_keepalive_interval(Some(Duration::from_secs(20)))
        .layer(MeasureLayer)
        .layer(AuthorizeLayer(Arc::new(callers)))
        .add_routes(routes.prepare());
    Ok(Worker::new("gRPC server", move |stop: CancellationToken| async move {
        let incoming = TcpIncoming::from(listener).with_nodelay(Some(true));
        server.serve_with_incoming_shutdown(incoming, stop.cancelled_owned()).await.map_err(Error::internal)
    }))
}
