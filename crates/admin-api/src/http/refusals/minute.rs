//! How much is told of one minute.

use metrics::counter;
use model::BootTime;
use proto::audit::{Actor, AuditRecord};
use std::collections::HashMap;
use std::net::{IpAddr, Ipv6Addr};
use std::time::Duration;

const LENGTH: Duration = Duration::from_mins(1);
/// Told singly, of one source.
pub const OF_ONE: u32 = 20;
/// Told singly, of all API tokens together.
pub const OF_TOKENS: u32 = 120;
/// Told singly, of all who had no good one together.
pub const OF_STRANGERS: u32 = 30;
/// Sources that are told apart.
pub const SOURCES: usize = 1_024;
/// Sums that are told at the end; those of the most attempts first.
pub const SUMS: usize = 30;

/// Account, and API token or address.
type Source = (String, String);

#[derive(Default)]
pub struct Minute {
    ends: Option<BootTime>,
    sources: HashMap<Source, Seen>,
    tokens: u32,
    strangers: u32,
}

#[derive(Default)]
struct Seen {
    told: u32,
    /// The last of those that were not, with their number.
    rest: Option<AuditRecord>,
}

impl Minute {
    /// What is to be written: the attempt, unless it is summed, and the sums of a minute that is over.
    pub fn note(&mut self, record: AuditRecord, now: BootTime) -> Vec<AuditRecord> {
        let mut out = self.end_if_over(now, false);
        self.ends.get_or_insert_with(|| now.after(LENGTH));
        let source = source(&record);
        if self.sources.len() >= SOURCES && !self.sources.contains_key(&source) {
            dropped(1);
            return out;
        }
        let (all, most) = if is_stranger(&record) {
            (&mut self.strangers, OF_STRANGERS)
        } else {
            (&mut self.tokens, OF_TOKENS)
        };
        let seen = self.sources.entry(source).or_default();
        if seen.told < OF_ONE && *all < most {
            seen.told += 1;
            *all += 1;
            out.push(record);
        } else {
            let before = seen.rest.as_ref().map_or(0, |rest| rest.attempts);
            seen.rest = Some(AuditRecord { attempts: before.saturating_add(record.attempts), ..record });
        }
        out
    }

    /// The sums, if it is over or shall be.
    pub fn end_if_over(&mut self, now: BootTime, is_last: bool) -> Vec<AuditRecord> {
        if self.ends.is_none_or(|ends| now < ends && !is_last) {
            return Vec::new();
        }
        let over = std::mem::take(self);
        let mut sums: Vec<AuditRecord> = over.sources.into_values().filter_map(|seen| seen.rest).collect();
        sums.sort_by_key(|sum| std::cmp::Reverse(sum.attempts));
        dropped(sums.iter().skip(SUMS).map(|sum| u64::from(sum.attempts)).sum());
        sums.truncate(SUMS);
        sums
    }
}

fn dropped(attempts: u64) {
    if attempts > 0 {
        counter!("sallyport_audit_refusals_dropped_total", "reason" => "sources").increment(attempts);
    }
}

pub(super) fn is_stranger(record: &AuditRecord) -> bool {
    record.actor.as_ref().is_none_or(|actor| actor.id.is_empty())
}

fn source(record: &AuditRecord) -> Source {
    let Actor { id, address, .. } = record.actor.clone().unwrap_or_default();
    let who = if id.is_empty() { network(&address) } else { id };
    (record.account_id.clone(), who)
}

/// An IPv4 address, or the /64 that an IPv6 address is in.
fn network(address: &str) -> String {
    match address.parse() {
        Ok(IpAddr::V6(address)) if address.to_ipv4_mapped().is_none() => {
            Ipv6Addr::from_bits(address.to_bits() & !u128::from(u64::MAX)).to_string()
        }
        _ => address.to_owned(),
    }
}
