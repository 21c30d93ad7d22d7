//! Routes and their descriptions, made together: the only way to a route is [`Routes::serve`], or [`Routes::refuse`] for
//! what can only be refused.

use super::App;
use super::operation::{Needs, Operation};
use super::problem::Problem;
use axum::handler::Handler;
use axum::routing::{MethodFilter, MethodRouter, any, on};
use http::Method;
use proto::token_registry::Scope;
use std::collections::HashMap;

/// The routes of one noun.
pub struct Routes {
    noun: &'static str,
    router: axum::Router<App>,
    operations: Vec<Operation>,
    refused: Vec<(Option<Method>, &'static str)>,
}

/// An operation where it is mounted.
pub struct Mounted {
    pub noun: &'static str,
    /// The whole path.
    pub path: String,
    pub operation: Operation,
}

impl Routes {
    pub fn of(noun: &'static str) -> Self {
        Self { noun, router: axum::Router::new(), operations: Vec::new(), refused: Vec::new() }
    }

    pub fn serve<H: Handler<T, App>, T: 'static>(mut self, operation: Operation, handler: H) -> Self {
        let route = match MethodFilter::try_from(operation.method.clone()) {
            Ok(filter) => on(filter, handler),
            // A method of one's own, which no description can be of.
            Err(_) => MethodRouter::new(),
        };
        self.router = self.router.route(operation.path, route);
        self.operations.push(operation);
        self
    }

    /// Whatever is asked there, or by this method alone, is refused.
    pub fn refuse(
        mut self,
        method: Option<Method>,
        path: &'static str,
        refusal: impl Fn() -> Problem + Clone + Send + Sync + 'static,
    ) -> Self {
        let refuse = move || std::future::ready(refusal());
        let route = match method.clone().map(MethodFilter::try_from) {
            Some(Ok(filter)) => on(filter, refuse),
            _ => any(refuse),
        };
        self.router = self.router.route(path, route);
        self.refused.push((method, path));
        self
    }
}

/// All routes below one place.
pub struct Tree {
    prefix: &'static str,
    nouns: Vec<Routes>,
}

impl Tree {
    pub fn at(prefix: &'static str, nouns: impl IntoIterator<Item = Routes>) -> Self {
        Self { prefix, nouns: nouns.into_iter().collect() }
    }

    /// The router, to be mounted at the prefix; the rest goes where it belongs.
    pub fn split(
        self,
        all: &mut Vec<Mounted>,
        permissions: &mut Permissions,
    ) -> (&'static str, axum::Router<App>) {
        let mut router = axum::Router::new();
        for Routes { noun, router: of_noun, operations, refused } in self.nouns {
            router = router.merge(of_noun);
            for (method, path) in refused {
                permissions.0.insert((format!("{}{path}", self.prefix), method), Needs::AnyToken);
            }
            for operation in operations {
                let path = format!("{}{}", self.prefix, operation.path);
                permissions.0.insert((path.clone(), Some(operation.method.clone())), operation.needs);
                all.push(Mounted { noun, path, operation });
            }
        }
        (self.prefix, router)
    }
}

/// What each route needs, by template and method.
#[derive(Debug, Default)]
pub struct Permissions(HashMap<(String, Option<Method>), Needs>);

impl Permissions {
    /// `None`: nothing beyond a good token. What is not known needs the account's administration.
    pub fn needed(&self, method: &Method, route: &str) -> Option<Scope> {
        let method = if *method == Method::HEAD { &Method::GET } else { method };
        let of = |method| self.0.get(&(route.to_owned(), method));
        match of(Some(method.clone())).or_else(|| of(None)) {
            Some(Needs::Permission(scope)) => Some(*scope),
            Some(Needs::AnyToken | Needs::Nothing) => None,
            None => Some(Scope::AccountAdmin),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::http::trees;

    fn permissions() -> Permissions {
        let (mut all, mut permissions) = (Vec::new(), Permissions::default());
        for tree in
            [trees::contract(), trees::ours(), trees::of_the_caller(), trees::of_the_whole(), trees::open()]
        {
            let _ = tree.split(&mut all, &mut permissions);
        }
        permissions
    }

    #[test]
    fn what_is_not_described_needs_the_administration() {
        let permissions = permissions();
        for (method, route) in [
            (Method::GET, ""),
            (Method::GET, "/client/v4/accounts/{account_id}/access/appsettings"),
            (Method::GET, "/client/v4/accounts/{account_id}/something/new"),
            (Method::PATCH, "/client/v4/accounts/{account_id}/access/service_tokens/{id}"),
            (Method::OPTIONS, "/client/v4/user/tokens/verify"),
            (Method::PUT, "/sallyport/v1/accounts/{account_id}/apps/{app_id}/policy_test"),
            (Method::GET, "/sallyport/v1/fleet"),
        ] {
            assert_eq!(permissions.needed(&method, route), Some(Scope::AccountAdmin), "{method} {route}");
        }
    }

    #[test]
    fn head_needs_what_get_needs() {
        let permissions = permissions();
        let route = "/client/v4/accounts/{account_id}/access/service_tokens/{id}";
        assert_eq!(permissions.needed(&Method::HEAD, route), Some(Scope::ServiceTokensRead));
        assert_eq!(permissions.needed(&Method::DELETE, route), Some(Scope::ServiceTokensWrite));
        assert_eq!(permissions.needed(&Method::GET, "/client/v4/user/tokens/verify"), None);
    }
}
