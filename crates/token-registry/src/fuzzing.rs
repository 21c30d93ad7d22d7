//! The way in for the fuzz targets: what gateways say about use. Nothing else uses it, and nothing is promised about it.

use crate::usage::Usage;
use proto::token_registry::UsageReport;

/// For how many secrets the reports are counted.
pub fn take(reports: impl IntoIterator<Item = UsageReport>) -> usize {
    let usage = Usage::default();
    reports.into_iter().for_each(|report| usage.take(report));
    usage.pending()
}
