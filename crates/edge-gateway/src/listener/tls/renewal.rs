//! Files that change while the gateway runs: certificates are renewed, authorities replaced, lists of what is revoked
//! grow. What is whole and good is taken over; else what there was stays, and the operator is told once.

use super::certificates::Pair;
use super::clients::Authorities;
use super::{Current, Site, Tls};
use metrics::{counter, gauge};
use model::Clock;
use std::collections::HashMap;
use std::sync::Arc;
use std::time::Duration;
use tokio_util::sync::CancellationToken;

/// How often the files are looked at.
pub const PERIOD: Duration = Duration::from_secs(2);

/// What was complained about last, by place: the same is not said twice.
#[derive(Default)]
pub struct Complaints(HashMap<usize, String>);

impl Complaints {
    /// What is new at a place, if it is good.
    pub fn hear<T>(&mut self, place: usize, read: Result<Option<T>, String>) -> Option<T> {
        match read {
            Ok(news) => {
                self.0.remove(&place);
                news
            }
            Err(reason) => {
                if self.0.get(&place) != Some(&reason) {
                    tracing::warn!(reason, "a TLS file that changed cannot be used; what there was stays");
                    counter!("sallyport_tls_reloads_total", "outcome" => "failed").increment(1);
                    self.0.insert(place, reason);
                }
                None
            }
        }
    }
}

impl Tls {
    /// Looks at the files until `stop`.
    pub async fn keep_current(self: Arc<Self>, clock: Arc<dyn Clock>, stop: CancellationToken) {
        let mut complaints = Complaints::default();
        while stop.run_until_cancelled(tokio::time::sleep(PERIOD)).await.is_some() {
            let (tls, now_s) = (self.clone(), clock.now().as_seconds());
            let looked = tokio::task::spawn_blocking(move || {
                tls.look(now_s, &mut complaints);
                complaints
            });
            complaints = looked.await.unwrap_or_default();
        }
    }

    fn look(&self, now_s: i64, complaints: &mut Complaints) {
        let current = self.current.load_full();
        let authorities = self.places.client.as_ref().and_then(|place| {
            let read = Authorities::read(place, current.authorities.as_deref(), now_s);
            complaints.hear(self.places.certificates.len(), read)
        });
        let are_new = authorities.is_some();
        let authorities = authorities.map(Arc::new).or_else(|| current.authorities.clone());
        let mut sites = Vec::new();
        let mut is_new = are_new;
        for (at, (place, site)) in self.places.certificates.iter().zip(&current.sites).enumerate() {
            let read = Pair::read(place, Some(&site.pair.digest)).and_then(|pair| match pair {
                Some(pair) if pair.not_after < now_s => {
                    Err(format!("{}: has expired", place.certificate.display()))
                }
                pair => Ok(pair),
            });
            let pair = complaints.hear(at, read).map(Arc::new);
            let next = if pair.is_some() || are_new {
                Site::new(pair.unwrap_or_else(|| site.pair.clone()), authorities.clone()).map(Some)
            } else {
                Ok(None)
            };
            let next = complaints.hear(at, next);
            is_new |= next.is_some();
            sites.push(next.unwrap_or_else(|| site.clone()));
        }
        if is_new {
            self.current.store(Arc::new(Current { sites, authorities }));
            counter!("sallyport_tls_reloads_total", "outcome" => "loaded").increment(1);
            tracing::info!("TLS files have changed and count from now on");
            self.measure();
        }
    }

    pub(super) fn measure(&self) {
        let current = self.current.load();
        for (place, site) in self.places.certificates.iter().zip(&current.sites) {
            let name = place.certificate.display().to_string();
            // Seconds since 1970 are exact in a double.
            #[expect(clippy::cast_precision_loss, reason = "below 2^53")]
            gauge!("sallyport_tls_certificate_expiration_timestamp_seconds", "certificate" => name)
                .set(site.pair.not_after as f64);
        }
    }
}
