//! `Authorization: Bearer <API token>`, and the one account in the path where there is one.
//!
//! A token is of the configuration, and may do everything in its accounts, or the token registry's, which is asked on
//! every call: what is revoked there is refused here at once.

use super::App;
use super::problem::Problem;
use super::refusals::{Asking, seen};
use super::request::Target;
use super::routes::Permissions;
use super::scopes::Scopes;
use crate::config::ApiToken;
use aws_lc_rs::constant_time::verify_slices_are_equal;
use aws_lc_rs::digest::{SHA256, digest};
use axum::extract::{FromRequestParts, MatchedPath, Request, State};
use axum::middleware::Next;
use axum::response::{IntoResponse as _, Response};
use http::header::AUTHORIZATION;
use http::request::Parts;
use http::{HeaderMap, HeaderName};
use model::{ApiTokenValue, Error};
use proto::token_registry::VerifyApiTokenRequest;
use proto::token_registry::verify_api_token_response::Standing;
use std::sync::Arc;

/// The account that the request may manage: the one in its path.
#[derive(Debug, Clone)]
pub struct Account(pub String);

/// The API token's name, for the log.
#[derive(Debug, Clone)]
pub struct TokenName(pub Arc<str>);

/// The API token that asks.
#[derive(Debug, Clone)]
pub struct Actor {
    /// 32 lowercase hex digits. A configured token's comes from its name.
    pub id: String,
    pub account_id: String,
    pub name: Arc<str>,
    pub scopes: Scopes,
    pub is_configured: bool,
    /// Milliseconds since 1970. Unset: never.
    pub expires_at_ms: Option<i64>,
}

impl Actor {
    /// As the token registry knows it; empty: of the configuration.
    pub fn acting_id(&self) -> String {
        if self.is_configured { String::new() } else { self.id.clone() }
    }
}

/// What stands in front of the routes.
#[derive(Clone)]
pub struct Gate {
    pub app: App,
    pub permissions: Arc<Permissions>,
}

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

    /// `None`: not a configured one. `account_id` unset: any account.
    fn judge(&self, token: &str, account_id: Option<&str>) -> Option<Result<Actor, Problem>> {
        let matching = self.matching(token);
        let any = matching.first()?;
        let found = match account_id {
            None => Some(any),
            Some(account_id) => matching.iter().find(|key| key.account_id == account_id),
        };
        Some(found.map(|key| key.actor()).ok_or_else(Problem::wrong_account))
    }
}

impl Key {
    fn actor(&self) -> Actor {
        // Says nothing of the token's value.
        let id = digest(&SHA256, format!("configured API token/{}", self.name).as_bytes());
        let id = id.as_ref().get(..16).map(hex::encode).unwrap_or_default();
        let (name, account_id, scopes) = (self.name.clone(), self.account_id.clone(), Scopes::all());
        Actor { id, account_id, name, scopes, is_configured: true, expires_at_ms: None }
    }
}

/// Who asks. Closed on doubt: a token that cannot be looked up is not let in.
async fn identify(app: &App, headers: &HeaderMap, account_id: Option<&str>) -> Result<Actor, Problem> {
    let value = bearer(headers)?;
    if let Some(judged) = app.keys.judge(value, account_id) {
        return judged;
    }
    // By shape and checksum: junk costs nobody anything.
    if ApiTokenValue::parse(value).is_none() {
        return Err(Problem::invalid_token());
    }
    let request = VerifyApiTokenRequest { value: value.to_owned() };
    let verified = super::answered(app.api_tokens.clone().verify_api_token(request).await)?;
    match (verified.standing(), verified.token) {
        (Standing::Active, Some(token)) if account_id.is_some_and(|it| it != token.account_id) => {
            Err(Problem::wrong_account())
        }
        (Standing::Active, Some(token)) => Ok(Actor {
            id: token.id,
            account_id: token.account_id,
            name: token.name.into(),
            scopes: Scopes::of(&token.scopes),
            is_configured: false,
            expires_at_ms: token.expires_at_ms,
        }),
        (Standing::Disabled, _) => Err(Problem::dead_token("it is disabled")),
        (Standing::Expired, _) => Err(Problem::dead_token("it has expired")),
        _ => Err(Problem::invalid_token()),
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
    State(Gate { app, permissions }): State<Gate>,
    target: Target,
    mut request: Request,
    next: Next,
) -> Result<Response, Problem> {
    let actor = identify(&app, request.headers(), Some(&target.account_id)).await?;
    request.extensions_mut().insert(Account(target.account_id));
    Ok(let_in(actor, &permissions, request, next).await)
}

/// In front of the routes that belong to no account.
pub async fn check_any(
    State(Gate { app, permissions }): State<Gate>,
    request: Request,
    next: Next,
) -> Result<Response, Problem> {
    let actor = identify(&app, request.headers(), None).await?;
    Ok(let_in(actor, &permissions, request, next).await)
}

/// A good token with the permission that the route needs.
async fn let_in(actor: Actor, permissions: &Permissions, mut request: Request, next: Next) -> Response {
    let route = request.extensions().get::<MatchedPath>().map_or("", MatchedPath::as_str);
    let refused = actor.scopes.check(permissions.needed(request.method(), route));
    let name = TokenName(actor.name.clone());
    let asking = Asking { actor: asking(&actor, &request), account_id: actor.account_id.clone() };
    let mut response = if let Err(problem) = refused {
        problem.into_response()
    } else {
        request.extensions_mut().insert(actor);
        service_kit::actor::scope(asking.actor.clone(), next.run(request)).await
    };
    response.extensions_mut().insert(name);
    response.extensions_mut().insert(asking);
    response
}

/// What the records of changes say of the caller.
fn asking(actor: &Actor, request: &Request) -> proto::audit::Actor {
    let kind = if actor.is_configured { "configured_api_token" } else { "api_token" };
    let (id, name) = (actor.id.clone(), actor.name.to_string());
    proto::audit::Actor { kind: kind.to_owned(), id, name, ..seen(request) }
}

impl<S: Sync> FromRequestParts<S> for Actor {
    type Rejection = Problem;

    /// Only behind [`check`] and [`check_any`].
    async fn from_request_parts(parts: &mut Parts, _: &S) -> Result<Self, Problem> {
        let actor = parts.extensions.get::<Self>().cloned();
        actor.ok_or_else(|| Error::internal("a route without authentication").into())
    }
}

impl<S: Sync> FromRequestParts<S> for Account {
    type Rejection = Problem;

    /// Only behind [`check`].
    async fn from_request_parts(parts: &mut Parts, _: &S) -> Result<Self, Problem> {
        let account = parts.extensions.get::<Self>().cloned();
        account.ok_or_else(|| Error::internal("a route without authentication").into())
    }
}
