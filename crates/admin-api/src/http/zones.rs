//! `/client/v4/zones/{zone_id}/access/…`: an account under another name.
//!
//! A zone has no objects of its own here: `[admin_api.zones]` says whose it is, and a zone that is not named there is
//! taken for an account's id. Before anything is routed its path becomes the account's, so every rule of the account
//! holds for it: its API tokens, its limits, its log lines.

use super::App;
use axum::extract::{Request, State};
use http::Uri;
use http::uri::PathAndQuery;
use std::collections::BTreeMap;
use std::sync::Arc;

/// What the contract has under both.
const NOUNS: [&str; 6] =
    ["apps", "certificates", "groups", "identity_providers", "organizations", "service_tokens"];

/// Which account each zone is of.
#[derive(Clone)]
pub struct Zones(Arc<BTreeMap<String, String>>);

impl Zones {
    pub fn new(accounts: BTreeMap<String, String>) -> Self {
        Self(Arc::new(accounts))
    }

    /// The same path of the account. None: not a path of a zone.
    fn path(&self, path: &str) -> Option<String> {
        let (zone, rest) = path.strip_prefix("/client/v4/zones/")?.split_once('/')?;
        let noun = rest.strip_prefix("access/")?.split('/').next()?;
        let account = self.0.get(zone).map_or(zone, String::as_str);
        NOUNS.contains(&noun).then(|| format!("/client/v4/accounts/{account}/{rest}"))
    }

    fn uri(&self, uri: &Uri) -> Option<Uri> {
        let mut path = self.path(uri.path())?;
        if let Some(query) = uri.query() {
            path.push('?');
            path.push_str(query);
        }
        let mut parts = uri.clone().into_parts();
        parts.path_and_query = Some(PathAndQuery::try_from(path).ok()?);
        Uri::from_parts(parts).ok()
    }
}

/// In front of the router.
pub async fn resolve(State(app): State<App>, mut request: Request) -> Request {
    if let Some(uri) = app.zones.uri(request.uri()) {
        *request.uri_mut() = uri;
    }
    request
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_zones_path_is_its_accounts() {
        let zones = Zones::new(BTreeMap::from([("z1".to_owned(), "a1".to_owned())]));
        let of = |uri: &str| zones.uri(&uri.parse().unwrap()).map(|uri| uri.to_string());
        for (uri, expected) in [
            ("/client/v4/zones/z1/access/apps", Some("/client/v4/accounts/a1/access/apps")),
            (
                "/client/v4/zones/z1/access/apps/x/policies/y?page=2&name=a%2Fb",
                Some("/client/v4/accounts/a1/access/apps/x/policies/y?page=2&name=a%2Fb"),
            ),
            ("/client/v4/zones/a2/access/groups", Some("/client/v4/accounts/a2/access/groups")),
            ("/client/v4/zones/z1/access/policies", None),
            ("/client/v4/zones/z1/access", None),
            ("/client/v4/zones/z1", None),
            ("/client/v4/zones/z1/alerting/v3/policies", None),
            ("/client/v4/accounts/z1/access/apps", None),
        ] {
            assert_eq!(of(uri).as_deref(), expected, "{uri}");
        }
    }
}
