//! The contract that this API publishes: `/client/v4/openapi.json`, made of the operations that are routed, and
//! `/client/v4/docs`, the same to read.
//!
//! Both are made once, when they are first asked for, and served to everybody: they say what there is, not what is in it.

mod document;
mod example;
mod page;

#[cfg(test)]
mod differences;
#[cfg(test)]
mod tests;

use super::operation::{Needs, document as gives_document, get};
use super::problem::Problem;
use super::routes::{Mounted, Routes};
use axum::Extension;
use axum::response::{IntoResponse as _, Response};
use bytes::Bytes;
use http::HeaderValue;
use http::header::{CONTENT_SECURITY_POLICY, CONTENT_TYPE, HeaderName, REFERRER_POLICY};
use model::Error;
use std::sync::{Arc, OnceLock};

/// What is published.
#[derive(Clone)]
pub struct Contract(Arc<Lazy>);

struct Lazy {
    operations: Vec<Mounted>,
    made: OnceLock<Made>,
}

struct Made {
    document: Bytes,
    page: Bytes,
    /// Of the page: nothing from anywhere, its own style excepted.
    policy: HeaderValue,
}

impl Contract {
    pub fn of(operations: Vec<Mounted>) -> Self {
        Self(Arc::new(Lazy { operations, made: OnceLock::new() }))
    }

    fn made(&self) -> &Made {
        self.0.made.get_or_init(|| Made::of(&self.0.operations))
    }
}

impl Made {
    fn of(operations: &[Mounted]) -> Self {
        let document = document::of(operations);
        let (page, policy) = page::of(&document);
        let policy = HeaderValue::try_from(policy).unwrap_or(HeaderValue::from_static("default-src 'none'"));
        Self { document: document.to_string().into(), page: page.into(), policy }
    }
}

pub fn routes() -> Routes {
    Routes::of("This contract")
        .serve(
            get(
                "/openapi.json",
                "get_contract",
                "This document: OpenAPI 3.1",
                Needs::Nothing,
                gives_document("application/json"),
            ),
            document_json,
        )
        .serve(
            get("/docs", "get_docs", "This document, to read", Needs::Nothing, gives_document("text/html")),
            page_html,
        )
}

type Published = Option<Extension<Contract>>;

async fn document_json(contract: Published) -> Result<Response, Problem> {
    let Extension(contract) = contract.ok_or_else(missing)?;
    let headers = [(CONTENT_TYPE, HeaderValue::from_static("application/json"))];
    Ok((headers, contract.made().document.clone()).into_response())
}

async fn page_html(contract: Published) -> Result<Response, Problem> {
    let Extension(contract) = contract.ok_or_else(missing)?;
    let Made { page, policy, .. } = contract.made();
    let headers: [(HeaderName, HeaderValue); 3] = [
        (CONTENT_TYPE, HeaderValue::from_static("text/html; charset=utf-8")),
        (CONTENT_SECURITY_POLICY, policy.clone()),
        (REFERRER_POLICY, HeaderValue::from_static("no-referrer")),
    ];
    Ok((headers, page.clone()).into_response())
}

fn missing() -> Problem {
    Error::internal("the contract was not made with the router").into()
}
