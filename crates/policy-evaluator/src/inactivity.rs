//! What organizations want done with unused tokens, as the token registry is told: it knows which are unused, and ends them.
//!
//! The setting stays here. The registry is told of it every few minutes for as long as it is on; whoever turns it off
//! has nothing to take back there.

use crate::store::Reads as _;
use database::{Database, failed};
use model::{Error, Timestamp};
use proto::policy_evaluator::Organization;
use proto::token_registry::token_registry_client::TokenRegistryClient;
use proto::token_registry::{EndInactiveTokensRequest, InactivityAction};
use serde::Deserialize;
use service_kit::GrpcChannel;
use service_kit::status::from_status;
use std::time::Duration;
use tokio_util::sync::CancellationToken;

/// Between two rounds, and as much again by chance: several evaluators do not speak at once. The registry forgets who has
/// been silent for an hour.
const ROUND: Duration = Duration::from_mins(2);

/// `service_token_inactivity` of an organization.
#[derive(Deserialize)]
struct Setting {
    enabled: bool,
    /// A whole number, however it was written.
    inactivity_threshold_days: f64,
    action: String,
}

#[derive(Deserialize)]
struct Settings {
    service_token_inactivity: Option<Setting>,
}

/// What the registry is to be told; nothing while the setting is off or was never made.
fn request(organization: &Organization) -> Option<EndInactiveTokensRequest> {
    let Settings { service_token_inactivity } = serde_json::from_str(&organization.settings_json).ok()?;
    let setting = service_token_inactivity.filter(|setting| setting.enabled)?;
    let action = match setting.action.as_str() {
        "disable" => InactivityAction::Disable,
        "delete" => InactivityAction::Delete,
        _ => return None,
    };
    Some(EndInactiveTokensRequest {
        account_id: organization.account_id.clone(),
        threshold_days: setting.inactivity_threshold_days.to_string().parse().ok()?,
        action: action.into(),
    })
}

/// Tells the token registry.
pub struct Inactivity {
    database: Database,
    token_registry: TokenRegistryClient<GrpcChannel>,
}

impl Inactivity {
    pub fn new(database: Database, token_registry: TokenRegistryClient<GrpcChannel>) -> Self {
        Self { database, token_registry }
    }

    /// Until `stop`.
    pub async fn keep_stating(&self, stop: CancellationToken) {
        loop {
            if let Some(Err(error)) = stop.run_until_cancelled(self.state()).await {
                tracing::warn!(%error, "stating what is to be done with unused tokens failed; trying again");
            }
            let wait = ROUND + ROUND.mul_f64(fastrand::f64());
            if stop.run_until_cancelled(tokio::time::sleep(wait)).await.is_none() {
                return;
            }
        }
    }

    /// Each account's, one after the other. One that fails does not keep the others waiting.
    async fn state(&self) -> Result<(), Error> {
        let mut after = String::new();
        loop {
            let page = database::with!(&self.database, |pool| {
                let mut connection = pool.acquire().await.map_err(failed)?;
                (*connection).organizations_after(&after).await?
            });
            let Some(last) = page.last() else { return Ok(()) };
            after.clone_from(&last.account_id);
            for row in page {
                let account = row.account_id.clone();
                if let Err(error) = self.state_one(&row.into_wire()?).await {
                    tracing::warn!(account, %error, "the token registry did not hear what is to be done with unused tokens");
                }
            }
        }
    }

    async fn state_one(&self, organization: &Organization) -> Result<(), Error> {
        let Some(request) = request(organization) else { return Ok(()) };
        let account = &organization.account_id;
        let answer = self.token_registry.clone().end_inactive_tokens(request).await.map_err(from_status)?;
        let answer = answer.into_inner();
        if let Some(at) = answer.begins_at_ms {
            let at = Timestamp::from_millis(at);
            tracing::debug!(account, %at, "unused tokens are left alone until then");
        } else if answer.ended > 0 {
            tracing::info!(account, ended = answer.ended, "unused tokens were ended");
        }
        Ok(())
    }
}

#[cfg(test)]
mod tests;
