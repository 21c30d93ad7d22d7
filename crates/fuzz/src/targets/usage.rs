//! What gateways say about use: one count a secret, and nothing for what is no token.

use model::TokenId;
use prost::Message as _;
use proto::token_registry::UsageReport;
use std::collections::BTreeSet;
use token_registry::fuzzing::take;

pub fn run(data: &[u8]) {
    let Ok(report) = UsageReport::decode(data) else { return };
    let secrets: BTreeSet<_> = report
        .uses
        .iter()
        .filter(|it| it.token_id.parse::<TokenId>().is_ok())
        .map(|it| (it.token_id.clone(), it.client_secret_version))
        .collect();
    assert_eq!(take([report.clone(), report]), secrets.len());
}
