//! `Authorization: Bearer <API token>`, and the one account in the path where there is one.

use super::App;
use super::problem::Problem;
use super::request::Target;
use crate::config::ApiToken;
use aws_lc_rs::constant_time::verify_slices_are_equal;
use aws_lc_rs::digest::{SHA256, digest};
use axum::extract::{FromRequestParts, Request, State};
use axum::middleware::Next;
use axum::response::Response;
use http::header::AUTHORIZATION;
use http::request::Parts;
use http::{HeaderMap, HeaderName};
use model::Error;
use std::sync::Arc;

/// The account that the request may manage: the one in its path.
#[derive(Debug, Clone)]
pub struct Account(pub String);

/// The API token's name, for the log.
#[derive(Debug, Clone)]
pub struct TokenName(pub Arc<str>);

/// The configured API tokens, by digest.
#[derive(Clone)]
pub struct Keys(Arc<[Key]>);

struct Key {
    digest: [u8; 32],
    account_id: String,
    name: Arc<str>,
}

impl Keys {
    /// Tokens without a digest were refused with the configuration.
    pub fn new(tokens: &[ApiToken]) -> Self {
        let key = |token: &ApiToken| {
            let (account_id, name) = (token.account_id.clone(), token.name.as_str().into());
            token.digest().map(|digest| Key { digest, account_id, name })
        };
        Self(tokens.iter().filter_map(key).collect())
    }

    /// Compares with every key, whether or not one has matched.
    fn matching(&self, token: &str) -> Vec<&Key> {
        let presented = digest(&SHA256, token.as_bytes());
        let equal = |key: &&Key| verify_slices_are_equal(presented.as_ref(), &key.digest).is_ok();
        self.0.iter().filter(equal).collect()
    }

    fn judge(&self, headers: &HeaderMap, account_id: &str) -> Result<Arc<str>, Problem> {
        let matching = self.matching(bearer(headers)?);
        match matching.iter().find(|key| key.account_id == account_id) {
            Some(key) => Ok(key.name.clone()),
            None if matching.is_empty() => Err(Problem::invalid_token()),
            None => Err(Problem::wrong_account()),
        }
    }

    /// Any configured token, whatever its account.
    fn judge_any(&self, headers: &HeaderMap) -> Result<Arc<str>, Problem> {
        let matching = self.matching(bearer(headers)?);
        matching.first().map(|key| key.name.clone()).ok_or_else(Problem::invalid_token)
    }
}

/// The token of exactly one well-formed `Authorization` header. Other styles sent beside it are ignored.
fn bearer(headers: &HeaderMap) -> Result<&str, Problem> {
    const OTHER_STYLES: [HeaderName; 3] = [
        HeaderName::from_static("x-auth-key"),
        HeaderName::from_static("x-auth-email"),
        HeaderName::from_static("x-auth-user-service-key"),
    ];
    let mut values = headers.get_all(AUTHORIZATION).iter();
    let refused = |why: &str| Err(Problem::unauthenticated(why));
    match (values.next(), values.next()) {
        (None, _) if OTHER_STYLES.iter().any(|style| headers.contains_key(style)) => Err(Problem::api_key()),
        (None, _) => refused("send an API token as `Authorization: Bearer <token>`"),
        (Some(_), Some(_)) => refused("more than one Authorization header"),
        (Some(value), None) => {
            let (scheme, token) = value.to_str().unwrap_or_default().split_once(' ').unwrap_or_default();
            let token = token.trim_matches(' ');
            if scheme.eq_ignore_ascii_case("bearer") && !token.is_empty() && !token.contains(' ') {
                Ok(token)
            } else {
                refused("the Authorization header is not `Bearer <token>`")
            }
        }
    }
}

/// In front of every route of an account.
pub async fn check(
    State(app): State<App>,
    target: Target,
    mut request: Request,
    next: Next,
) -> Result<Response, Problem> {
    let name = app.keys.judge(request.headers(), &target.account_id)?;
    request.extensions_mut().insert(Account(target.account_id));
    let mut response = next.run(request).await;
    response.extensions_mut().insert(TokenName(name));
    Ok(response)
}

/// In front of the routes that belong to no account.
pub async fn check_any(State(app): State<App>, request: Request, next: Next) -> Result<Response, Problem> {
    let name = app.keys.judge_any(request.headers())?;
    let mut response = next.run(request).await;
    response.extensions_mut().insert(TokenName(name));
    Ok(response)
}

impl<S: Sync> FromRequestParts<S> for Account {
    type Rejection = Problem;

    /// Only behind [`check`].
    async fn from_request_parts(parts: &mut Parts, _: &S) -> Result<Self, Problem> {
        let account = parts.extensions.get::<Self>().cloned();
        account.ok_or_else(|| Error::internal("a route without authentication").into())
    }
}
