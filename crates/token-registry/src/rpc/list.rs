use super::{Rpc, checked_ids};
use crate::store::Listing;
use model::{AccountId, Error, TokenId};
use proto::token_registry as wire;

const PAGE: u32 = 1_000;

impl Rpc {
    pub(super) async fn get_token(
        &self,
        request: wire::GetTokenRequest,
    ) -> Result<wire::GetTokenResponse, Error> {
        let wire::GetTokenRequest { account_id, id } = request;
        if account_id.is_empty() {
            id.parse::<TokenId>().map_err(|_| Error::not_found("service token"))?;
        } else {
            checked_ids(&account_id, &id)?;
        }
        let token = self.store.get(&account_id, &id).await?;
        Ok(wire::GetTokenResponse { token: Some(token.into()) })
    }

    pub(super) async fn list_tokens(
        &self,
        request: wire::ListTokensRequest,
    ) -> Result<wire::ListTokensResponse, Error> {
        let wire::ListTokensRequest { account_id, name, search, page, per_page } = request;
        account_id.parse::<AccountId>()?;
        checked_filter("name", &name)?;
        checked_filter("search", &search)?;
        let limit = i64::from(if per_page == 0 { PAGE } else { per_page.min(PAGE) });
        let offset = i64::from(page.max(1) - 1) * limit;
        let listing = Listing { account_id: &account_id, name: &name, search: &search, limit, offset };
        let (tokens, total_count) = self.store.list(&listing).await?;
        Ok(wire::ListTokensResponse { tokens: tokens.into_iter().map(Into::into).collect(), total_count })
    }

    pub(super) async fn list_expiring_tokens(
        &self,
        request: wire::ListExpiringTokensRequest,
    ) -> Result<wire::ListExpiringTokensResponse, Error> {
        let wire::ListExpiringTokensRequest { before_ms, page_token, page_size } = request;
        let limit = if page_size == 0 { PAGE } else { page_size.min(PAGE) };
        // From the first that has not expired yet: those that have are not live.
        let live = (self.clock.now().as_millis().saturating_add(1), "");
        let after = page_position(&page_token)?.max(live);
        let tokens = self.store.list_expiring(before_ms, after, i64::from(limit)).await?;
        let is_full = tokens.len() == limit as usize;
        let last = tokens.last().filter(|_| is_full);
        let next_page_token =
            last.map(|token| format!("{}/{}", token.expires_at_ms, token.id)).unwrap_or_default();
        Ok(wire::ListExpiringTokensResponse {
            tokens: tokens.into_iter().map(Into::into).collect(),
            next_page_token,
        })
    }
}

/// `<expires_at_ms>/<id>` of the last token of the page before.
fn page_position(page_token: &str) -> Result<(i64, &str), Error> {
    if page_token.is_empty() {
        return Ok((i64::MIN, ""));
    }
    let parts = page_token.split_once('/').and_then(|(at, id)| Some((at.parse().ok()?, id)));
    let parts = parts.filter(|(_, id)| id.parse::<TokenId>().is_ok());
    parts.ok_or_else(|| Error::invalid("page_token", "must be the next_page_token of an answer"))
}

/// No name has a control character, and databases differ in what they make of one.
fn checked_filter(field: &str, text: &str) -> Result<(), Error> {
    if text.chars().any(char::is_control) {
        return Err(Error::invalid(field, "must have no control characters"));
    }
    Ok(())
}
