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
        let limit = limit(page_size);
        // From the first that has not expired yet: those that have are not live.
        let live = (self.clock.now().as_millis().saturating_add(1), "");
        let after = page_position(&page_token)?.max(live);
        let tokens = self.store.list_expiring(before_ms, after, i64::from(limit)).await?;
        let next_page_token = next_page(&tokens, limit, |it| format!("{}/{}", it.expires_at_ms, it.id));
        Ok(wire::ListExpiringTokensResponse {
            tokens: tokens.into_iter().map(Into::into).collect(),
            next_page_token,
        })
    }

    pub(super) async fn list_ended_tokens(
        &self,
        request: wire::ListEndedTokensRequest,
    ) -> Result<wire::ListEndedTokensResponse, Error> {
        let wire::ListEndedTokensRequest { since_ms, token_id, page_token, page_size } = request;
        checked_token_id(&token_id)?;
        let limit = limit(page_size);
        let after = page_position(&page_token)?.max((since_ms, ""));
        let tokens = self.store.list_ended(after, &token_id, i64::from(limit)).await?;
        let next_page_token = next_page(&tokens, limit, |it| {
            format!("{}/{}", it.ended_at_ms, it.token.as_ref().map_or("", |token| &token.id))
        });
        Ok(wire::ListEndedTokensResponse { tokens, next_page_token })
    }

    pub(super) async fn list_unused_tokens(
        &self,
        request: wire::ListUnusedTokensRequest,
    ) -> Result<wire::ListUnusedTokensResponse, Error> {
        let wire::ListUnusedTokensRequest { before_ms, token_id, page_token, page_size } = request;
        checked_token_id(&token_id)?;
        if !page_token.is_empty() && page_token.parse::<TokenId>().is_err() {
            return Err(no_page_token());
        }
        let (limit, now) = (limit(page_size), self.store.cautious_now().await?);
        let only = (page_token.as_str(), token_id.as_str());
        let tokens = self.store.list_unused(now, before_ms, only, i64::from(limit)).await?;
        let next_page_token = next_page(&tokens, limit, |it| {
            it.token.as_ref().map(|token| token.id.clone()).unwrap_or_default()
        });
        Ok(wire::ListUnusedTokensResponse { tokens, next_page_token })
    }
}

/// Empty: any.
fn checked_token_id(token_id: &str) -> Result<(), Error> {
    if !token_id.is_empty() && token_id.parse::<TokenId>().is_err() {
        return Err(Error::invalid("token_id", "must be a service token's id (a UUID)"));
    }
    Ok(())
}

fn limit(page_size: u32) -> u32 {
    if page_size == 0 { PAGE } else { page_size.min(PAGE) }
}

/// Of the last token of a full page; empty for one that is not full.
fn next_page<T>(tokens: &[T], limit: u32, token: impl Fn(&T) -> String) -> String {
    let is_full = tokens.len() == limit as usize;
    tokens.last().filter(|_| is_full).map(token).unwrap_or_default()
}

fn no_page_token() -> Error {
    Error::invalid("page_token", "must be the next_page_token of an answer")
}

/// `<time>/<id>` of the last token of the page before.
fn page_position(page_token: &str) -> Result<(i64, &str), Error> {
    if page_token.is_empty() {
        return Ok((i64::MIN, ""));
    }
    let parts = page_token.split_once('/').and_then(|(at, id)| Some((at.parse().ok()?, id)));
    let parts = parts.filter(|(_, id)| id.parse::<TokenId>().is_ok());
    parts.ok_or_else(no_page_token)
}

/// No name has a control character, and databases differ in what they make of one.
fn checked_filter(field: &str, text: &str) -> Result<(), Error> {
    if text.chars().any(char::is_control) {
        return Err(Error::invalid(field, "must have no control characters"));
    }
    Ok(())
}
