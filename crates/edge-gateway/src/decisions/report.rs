//! Takes the events out: log lines, and reports on the bus.

use super::event::{CredentialKind, Event};
use super::{Decisions, line, words};
use crate::decide::Fallback;
use bus::Bus;
use bytes::Bytes;
use directory::Application;
use metrics::counter;
use model::ApplicationId;
use prost::Message as _;
use proto::access_log as wire;
use std::borrow::Cow;
use std::collections::HashMap;
use std::sync::Arc;
use std::time::Duration;
use tokio_util::sync::CancellationToken;

pub const SUBJECT: &str = "sallyport.decisions";
const INTERVAL: Duration = Duration::from_millis(250);
/// Refusals of strangers that are told one by one: per application, reason and interval. Who sprays credentials must not
/// fill logs and databases.
const SINGLY: u64 = 20;
/// Bytes of one report, well below the bus's largest payload.
const REPORT: usize = 256 * 1024;

/// Refusals of those whom nobody knows, by where and why.
type Strangers = HashMap<(Option<ApplicationId>, Cow<'static, str>), Sum>;

struct Sum {
    application: Option<Arc<Application>>,
    count: u64,
}

impl Decisions {
    /// Until `stop`, and once more then. `gateway`: this enforcement point's name.
    pub async fn keep_telling(self: Arc<Self>, bus: Arc<dyn Bus>, gateway: String, stop: CancellationToken) {
        if !self.is_on() {
            return stop.cancelled().await;
        }
        while stop.run_until_cancelled(tokio::time::sleep(INTERVAL)).await.is_some() {
            self.tell(&*bus, &gateway).await;
        }
        self.tell(&*bus, &gateway).await;
    }

    pub(super) async fn tell(&self, bus: &dyn Bus, gateway: &str) {
        let mut strangers = Strangers::new();
        let mut report = Report::new(bus);
        for event in self.take() {
            if is_one_too_many(&mut strangers, &event) {
                continue;
            }
            if self.settings.logs(event.is_allowed()) {
                line::write(&event);
            }
            if self.settings.publishes(event.is_allowed(), event.credential)
                && let Some(decision) = to_wire(&event, gateway)
            {
                report.add(decision).await;
            }
        }
        report.send().await;
        self.turned_away.tell();
        for ((_, reason), Sum { application, count }) in strangers {
            let summed = count.saturating_sub(SINGLY);
            if summed > 0 {
                counter!("sallyport_decision_events_dropped_total", "reason" => "summed").increment(summed);
                if self.settings.logs(false) {
                    line::write_sum(application.as_deref(), &reason, summed);
                }
            }
        }
    }
}

fn is_one_too_many(strangers: &mut Strangers, event: &Event) -> bool {
    let Some(reason) = event.refused.as_ref().filter(|_| event.session().is_none()) else { return false };
    let key = (event.application.as_ref().map(|it| it.id), reason.clone());
    let sum =
        strangers.entry(key).or_insert_with(|| Sum { application: event.application.clone(), count: 0 });
    sum.count += 1;
    sum.count > SINGLY
}

/// What is to be published next.
struct Report<'b> {
    bus: &'b dyn Bus,
    decisions: Vec<wire::Decision>,
    bytes: usize,
}

impl<'b> Report<'b> {
    const fn new(bus: &'b dyn Bus) -> Self {
        Self { bus, decisions: Vec::new(), bytes: 0 }
    }

    async fn add(&mut self, decision: wire::Decision) {
        // Tag and length come before each.
        self.bytes += decision.encoded_len() + 8;
        self.decisions.push(decision);
        if self.bytes >= REPORT {
            self.send().await;
        }
    }

    async fn send(&mut self) {
        if self.decisions.is_empty() {
            return;
        }
        let report = wire::DecisionReport { decisions: std::mem::take(&mut self.decisions) };
        self.bytes = 0;
        if let Err(error) = self.bus.publish(SUBJECT, Bytes::from(report.encode_to_vec())).await {
            let lost = u64::try_from(report.decisions.len()).unwrap_or(u64::MAX);
            counter!("sallyport_decision_events_dropped_total", "reason" => "bus").increment(lost);
            tracing::debug!(%error, lost, "decisions are missing in the access log");
        }
    }
}

/// Only an application's: the access log is its account's.
fn to_wire(event: &Event, gateway: &str) -> Option<wire::Decision> {
    let application = event.application.as_deref()?;
    let session = event.session();
    Some(wire::Decision {
        ray_id: event.ray.to_string(),
        decided_at_ms: event.at.as_millis(),
        account_id: application.account.to_string(),
        application_id: application.id.to_string(),
        application_domain: application.domain.to_string(),
        allowed: event.is_allowed(),
        reason: event.refused.as_deref().unwrap_or_default().to_owned(),
        policy_id: event.policy.map(|id| id.to_string()).unwrap_or_default(),
        credential: match event.credential {
            CredentialKind::None => wire::CredentialKind::None,
            CredentialKind::Pair => wire::CredentialKind::Pair,
            CredentialKind::Session => wire::CredentialKind::Session,
        }
        .into(),
        token_id: session.and_then(|session| session.token).map(|id| id.to_string()).unwrap_or_default(),
        client_id: event.who.client_id.as_deref().map(words::client_id).unwrap_or_default().to_owned(),
        client_secret_version: session.map(|session| session.secret_version).unwrap_or_default(),
        ip: event.address.map(|it| it.to_string()).unwrap_or_default(),
        country_code: event.country.map(|it| it.to_string()).unwrap_or_default(),
        method: event.method.as_str().to_owned(),
        host: words::host(&event.host),
        path: words::path(&event.path),
        gateway: gateway.to_owned(),
        duration_us: event.duration_us,
        fallback: event.fallback.map(Fallback::as_str).unwrap_or_default().to_owned(),
    })
}
