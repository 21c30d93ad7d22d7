//! After a change of protocol: bytes both ways, for as long as both sides and the ride last.

use crate::rides::Ride;
use hyper::upgrade::OnUpgrade;
use hyper_util::rt::TokioIo;

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
