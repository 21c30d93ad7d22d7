//! After a change of protocol: bytes both ways, for as long as both sides and the ride last.

use crate::request::upgrade;
use crate::rides::Ride;
use http::request::Parts;
use http::{HeaderValue, Response, StatusCode};
use hyper::body::Incoming;
use hyper::upgrade::OnUpgrade;
use hyper_util::rt::TokioIo;

/// A request for another protocol.
pub struct Change {
    pub protocol: HeaderValue,
    client: OnUpgrade,
}

impl Change {
    pub fn asked(parts: &mut Parts) -> Option<Self> {
        let protocol = upgrade::protocol(&parts.headers)?.clone();
        Some(Self { protocol, client: parts.extensions.remove()? })
    }

    /// The protocol, the client's end and the application's: none unless the application changes to what was asked for.
    pub fn agreed(self, response: &mut Response<Incoming>) -> Option<(HeaderValue, OnUpgrade, OnUpgrade)> {
        let Self { protocol, client } = self;
        let theirs = upgrade::protocol(response.headers())?;
        let agrees = response.status() == StatusCode::SWITCHING_PROTOCOLS
            && theirs.as_bytes().eq_ignore_ascii_case(protocol.as_bytes());
        agrees.then(|| (protocol, client, hyper::upgrade::on(response)))
    }
}

/// Both ends of a tunnel, once each has changed its protocol.
pub struct Tunnel {
    pub client: OnUpgrade,
    pub application: OnUpgrade,
    pub ride: Option<Ride>,
}

impl Tunnel {
    /// Carries bytes until both sides have ended, one has failed, or the ride has ended. `begin` is called when HTTP is
    /// over on both sides, before the first byte is read. What a side can take limits what is read from the other; the
    /// end of one direction is passed on and leaves the other open.
    pub async fn carry(self, begin: impl FnOnce() + Send) {
        let Self { client, application, ride } = self;
        let carried = async {
            let (client, application) = tokio::try_join!(client, application)?;
            begin();
            let (mut client, mut application) = (TokioIo::new(client), TokioIo::new(application));
            tokio::io::copy_bidirectional(&mut client, &mut application).await?;
            Ok::<_, Box<dyn std::error::Error + Send + Sync>>(())
        };
        let carried = match &ride {
            Some(ride) => tokio::select! {
                biased;
                _ = ride.ended() => return,
                carried = carried => carried,
            },
            None => carried.await,
        };
        if let Err(error) = carried {
            tracing::debug!(error, "a tunnel broke");
        }
    }
}
