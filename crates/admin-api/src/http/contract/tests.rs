//! The document, the router and the readers say the same.

use super::example::{self, Extent, alternatives, resolve};
use crate::http::router;
use crate::http::tests::{ACCOUNT, app};
use crate::wire::fields::consulted;
use axum::body::Body;
use http::{Method, Request, Response};
use http_body_util::BodyExt as _;
use serde_json::{Value, json};
use std::collections::BTreeSet;
use tower::ServiceExt as _;

const ID: &str = "5b1f6c1e-0000-4000-8000-000000000000";
const METHODS: [&str; 5] = ["get", "post", "put", "patch", "delete"];

async fn send(router: &axum::Router, method: &str, path: &str, body: impl Into<Body>) -> Response<Body> {
    let method: Method = method.to_uppercase().parse().unwrap();
    let path = path.replace("{account_id}", ACCOUNT).replace("{app_id}", ID).replace("{id}", ID);
    let request = Request::builder().method(method).uri(path).header("authorization", "Bearer mine");
    router.clone().oneshot(request.body(body.into()).unwrap()).await.unwrap()
}

async fn read(response: Response<Body>) -> Value {
    serde_json::from_slice(&response.into_body().collect().await.unwrap().to_bytes()).unwrap()
}

pub async fn document() -> Value {
    let request = Request::get("/client/v4/openapi.json").body(Body::empty()).unwrap();
    read(router(app()).oneshot(request).await.unwrap()).await
}

/// Path, method, operation.
fn operations(document: &Value) -> Vec<(&str, &str, &Value)> {
    let paths = document["paths"].as_object().unwrap().iter();
    paths
        .flat_map(|(path, item)| {
            item.as_object().unwrap().iter().map(move |(method, it)| (path.as_str(), method.as_str(), it))
        })
        .collect()
}

/// The paths of all fields, with `*` for any index.
fn fields(document: &Value, schema: &Value, at: &str, into: &mut BTreeSet<String>) {
    for alternative in alternatives(document, schema) {
        let schema = resolve(document, alternative);
        if let Some(item) = schema.get("items").filter(|_| schema.get("maxItems").is_none()) {
            fields(document, item, &format!("{at}/*"), into);
        }
        for (name, member) in schema["properties"].as_object().into_iter().flatten() {
            let path = if at.is_empty() { name.clone() } else { format!("{at}/{name}") };
            fields(document, member, &path, into);
            into.insert(path);
        }
    }
}

#[tokio::test]
async fn every_operation_reads_what_it_describes_and_nothing_else() {
    let (document, router) = (document().await, router(app()));
    for (path, method, operation) in operations(&document) {
        let parameters =
            || operation["parameters"].as_array().into_iter().flatten().filter(|it| it["in"] == "query");
        let mut described: BTreeSet<String> =
            parameters().map(|it| format!("?{}", it["name"].as_str().unwrap())).collect();
        let query = parameters().map(|it| {
            let value = &it["schema"]["examples"][0];
            let value = value.as_str().map_or_else(|| value.to_string(), |it| it.replace(' ', "%20"));
            format!("{}={value}", it["name"].as_str().unwrap())
        });
        let query = query.collect::<Vec<_>>().join("&");
        let schema = &operation["requestBody"]["content"]["application/json"]["schema"];
        let mut bodies = vec![String::new()];
        if !schema.is_null() {
            fields(&document, schema, "", &mut described);
            let kinds = alternatives(&document, schema).len();
            bodies = (0..kinds)
                .map(|kind| example::of(&document, schema, Extent::Whole, kind).to_string())
                .collect();
        }
        consulted::take();
        for body in bodies {
            for path in [format!("{path}?{query}"), path.to_owned()] {
                let response = send(&router, method, &path, body.clone()).await;
                let status = response.status().as_u16();
                // 500: it has been read, and there is no service to reach.
                assert!(
                    [200, 500].contains(&status),
                    "{method} {path} {body}: {status} {}",
                    read(response).await
                );
            }
        }
        assert_eq!(consulted::take(), described, "{method} {path}: read and described");
    }
}

#[tokio::test]
async fn a_body_is_needed_where_the_document_says_so() {
    let (document, router) = (document().await, router(app()));
    for (path, method, operation) in operations(&document) {
        let is_needed = operation["requestBody"]["required"] == true;
        assert_eq!(send(&router, method, path, "").await.status() == 400, is_needed, "{method} {path}");
        let is_read = operation.get("requestBody").is_some();
        assert_eq!(send(&router, method, path, "[").await.status() == 400, is_read, "{method} {path}");
    }
}

#[tokio::test]
async fn what_is_described_is_routed_and_what_is_not_is_refused() {
    let (document, router) = (document().await, router(app()));
    for (path, item) in document["paths"].as_object().unwrap() {
        for method in METHODS {
            let response = send(&router, method, path, "{}").await;
            let status = response.status().as_u16();
            let is_there = if path.ends_with("/docs") {
                status == 200
            } else {
                let code = read(response).await["errors"][0]["code"].clone();
                code != json!(7001) && code != json!(7003)
            };
            assert_eq!(is_there, item.get(method).is_some(), "{method} {path}: {status}");
        }
    }
}

#[tokio::test]
async fn every_operation_is_described_in_full() {
    let document = document().await;
    let all = operations(&document);
    let ids: BTreeSet<&str> = all.iter().map(|(.., it)| it["operationId"].as_str().unwrap()).collect();
    assert_eq!(ids.len(), all.len(), "an id names one operation");
    assert!(all.len() > 70, "{}", all.len());
    for (path, method, operation) in all {
        for text in ["summary", "x-permission"] {
            assert!(operation[text].as_str().is_some_and(|it| !it.is_empty()), "{method} {path}: {text}");
        }
        let permission = operation["x-permission"].as_str().unwrap();
        // M9: reading asks for no permission to write, and changing never makes do with one to read.
        match method {
            "get" => assert!(!permission.ends_with("Write"), "{path}: {permission}"),
            _ if operation["operationId"] == "test_policies" => assert!(permission.ends_with("Read")),
            _ => assert!(
                permission.ends_with("Write") || permission == "Account admin",
                "{path}: {permission}"
            ),
        }
        let is_open = operation.get("security").is_none();
        assert_eq!(is_open, ["/client/v4/openapi.json", "/client/v4/docs"].contains(&path), "{path}");
    }
}

#[tokio::test]
async fn every_name_in_the_document_leads_somewhere() {
    fn refs<'d>(value: &'d Value, into: &mut BTreeSet<&'d str>) {
        match value {
            Value::Object(members) => {
                into.extend(members.get("$ref").and_then(Value::as_str));
                members.values().for_each(|it| refs(it, into));
            }
            Value::Array(items) => items.iter().for_each(|it| refs(it, into)),
            _ => {}
        }
    }
    let document = document().await;
    let mut all = BTreeSet::new();
    refs(&document, &mut all);
    for at in &all {
        assert!(document.pointer(&at[1..]).is_some(), "{at}");
    }
    for (kind, members) in
        document["components"].as_object().unwrap().iter().filter(|(kind, _)| *kind == "schemas")
    {
        for name in members.as_object().unwrap().keys() {
            assert!(all.contains(format!("#/components/{kind}/{name}").as_str()), "{name} is of no use");
        }
    }
}

#[tokio::test]
async fn the_page_shows_every_operation_and_loads_nothing() {
    let document = document().await;
    let request = Request::get("/client/v4/docs").body(Body::empty()).unwrap();
    let response = router(app()).oneshot(request).await.unwrap();
    assert_eq!(response.status(), 200);
    let policy = response.headers()["content-security-policy"].to_str().unwrap().to_owned();
    assert!(policy.starts_with("default-src 'none'; style-src 'sha256-"), "{policy}");
    let page = String::from_utf8(response.into_body().collect().await.unwrap().to_bytes().to_vec()).unwrap();
    for (path, method, operation) in operations(&document) {
        let id = operation["operationId"].as_str().unwrap();
        assert!(page.contains(&format!("id=\"{id}\"")), "{method} {path}");
    }
    for part in ["<script", "<link", "<img", "@import", "url(", "style=\"", "https://cdn"] {
        assert!(!page.contains(part), "{part}");
    }
    let hrefs: Vec<&str> = page.split("href=\"").skip(1).filter_map(|rest| rest.split('"').next()).collect();
    for href in hrefs {
        let leads = href
            .strip_prefix('#')
            .map_or(href == "/client/v4/openapi.json", |id| page.contains(&format!("id=\"{id}\"")));
        assert!(leads, "{href}");
    }
}
