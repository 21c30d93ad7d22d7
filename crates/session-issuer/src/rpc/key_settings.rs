use super::Rpc;
use crate::store::Settings;
use model::{AccountId, Error};
use proto::session_issuer::{
    GetKeySettingsRequest, GetKeySettingsResponse, KeySettings, UpdateKeySettingsRequest,
    UpdateKeySettingsResponse,
};

impl From<Settings> for KeySettings {
    fn from(settings: Settings) -> Self {
        let Settings { interval_days, last_rotation_at, team_domain: _ } = settings;
        Self {
            key_rotation_interval_days: interval_days,
            last_key_rotation_at_ms: last_rotation_at.as_millis(),
        }
    }
}

impl Rpc {
    pub(super) async fn get_key_settings(
        &self,
        request: GetKeySettingsRequest,
    ) -> Result<GetKeySettingsResponse, Error> {
        let account: AccountId = request.account_id.parse()?;
        self.keys.ensure(account, self.team_domain(account)).await?;
        let settings = self.keys.settings(account).await?;
        Ok(GetKeySettingsResponse { settings: Some(settings.into()) })
    }

    pub(super) async fn update_key_settings(
        &self,
        request: UpdateKeySettingsRequest,
    ) -> Result<UpdateKeySettingsResponse, Error> {
        let account: AccountId = request.account_id.parse()?;
        let days = request.key_rotation_interval_days;
        if !(21..=365).contains(&days) {
            return Err(Error::invalid("key_rotation_interval_days", "must be 21-365"));
        }
        self.keys.ensure(account, self.team_domain(account)).await?;
        self.store.set_interval(account, days).await?;
        let settings = self.keys.settings(account).await?;
        Ok(UpdateKeySettingsResponse { settings: Some(settings.into()) })
    }
}
