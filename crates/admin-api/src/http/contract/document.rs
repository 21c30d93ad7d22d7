//! The operations as a document of `OpenAPI`.

use super::super::operation::{Given, Needs, Operation, Parameter};
use super::super::routes::Mounted;
use crate::wire::api_token::permission;
use crate::wire::schema::{self, Shape, at_times, list, must, nullable, only, record, text, texts, whole};
use http::{Method, StatusCode};
use serde_json::Value;
use utoipa::openapi::extensions::ExtensionsBuilder;
use utoipa::openapi::path::{HttpMethod, OperationBuilder, ParameterBuilder, ParameterIn};
use utoipa::openapi::request_body::RequestBodyBuilder;
use utoipa::openapi::response::{Response, ResponseBuilder};
use utoipa::openapi::security::{HttpAuthScheme, HttpBuilder, SecurityRequirement, SecurityScheme};
use utoipa::openapi::tag::TagBuilder;
use utoipa::openapi::{
    ComponentsBuilder, ContentBuilder, Header, InfoBuilder, OpenApiBuilder, Paths, Ref, Required,
};

const JSON: &str = "application/json";
/// The one way to show an API token.
const SCHEME: &str = "api_token";
const SUMMARY: &str = "The management plane: the v4 REST API of accounts under `/client/v4`, and what it has no words for \
    under `/sallyport/v1`. Every answer but the contract itself is an envelope. In a body `null` is the same as a field that \
    is left out, and unknown fields are ignored unless something else is said.";

/// Statuses of refusals: what each means, in one line.
const REFUSALS: [(StatusCode, &str); 12] = [
    (
        StatusCode::BAD_REQUEST,
        "Something in the request is wrong: 12130, 11018 for a precedence, 6003 for an API key. Fields are named by `source.pointer`.",
    ),
    (StatusCode::UNAUTHORIZED, "No API token (10000), or none that is good (1000)."),
    (StatusCode::FORBIDDEN, "The API token is for another account (9109), or lacks the permission (10000)."),
    (StatusCode::NOT_FOUND, "There is no such object (12135)."),
    (StatusCode::REQUEST_TIMEOUT, "The body did not arrive in time (12197)."),
    (
        StatusCode::CONFLICT,
        "It is there already (11010, 12190), it is in use or not ready (12192), or somebody else was quicker (12191).",
    ),
    (StatusCode::PAYLOAD_TOO_LARGE, "The body is larger than 1 MiB (12196)."),
    (
        StatusCode::TOO_MANY_REQUESTS,
        "The API token has asked too much (971): come again after `retry-after`.",
    ),
    (StatusCode::METHOD_NOT_ALLOWED, "The path has other methods (7001)."),
    (StatusCode::INTERNAL_SERVER_ERROR, "A failure of ours (12195), by its request id."),
    (StatusCode::SERVICE_UNAVAILABLE, "The service behind it is away (12193)."),
    (StatusCode::GATEWAY_TIMEOUT, "The service behind it took too long (12194)."),
];

pub fn of(operations: &[Mounted]) -> Value {
    let info =
        InfoBuilder::new().title("Sallyport").version(env!("CARGO_PKG_VERSION")).description(Some(SUMMARY));
    let mut nouns: Vec<&str> = Vec::new();
    let mut paths = Paths::new();
    for mounted in operations {
        if !nouns.contains(&mounted.noun) {
            nouns.push(mounted.noun);
        }
        paths.add_path_operation(&mounted.path, vec![method(&mounted.operation.method)], described(mounted));
    }
    let document = OpenApiBuilder::new()
        .info(info)
        .paths(paths)
        .components(Some(components()))
        .tags(Some(nouns.into_iter().map(|noun| TagBuilder::new().name(noun).build())))
        .build();
    serde_json::to_value(&document).unwrap_or_default()
}

fn method(method: &Method) -> HttpMethod {
    match *method {
        Method::POST => HttpMethod::Post,
        Method::PUT => HttpMethod::Put,
        Method::PATCH => HttpMethod::Patch,
        Method::DELETE => HttpMethod::Delete,
        _ => HttpMethod::Get,
    }
}

fn described(Mounted { noun, path, operation }: &Mounted) -> OperationBuilder {
    let needs = match operation.needs {
        Needs::Permission(scope) => permission(scope),
        Needs::AnyToken => "any good API token",
        Needs::Nothing => "none",
    };
    let mut built = OperationBuilder::new()
        .operation_id(Some(operation.id))
        .summary(Some(operation.summary))
        .tag(*noun)
        .extensions(Some(ExtensionsBuilder::new().add("x-permission", needs).build()));
    if operation.needs != Needs::Nothing {
        built = built.security(SecurityRequirement::new::<_, [&str; 0], &str>(SCHEME, []));
    }
    for name in path.split('/').filter_map(|part| part.strip_prefix('{')?.strip_suffix('}')) {
        built = built.parameter(in_path(name));
    }
    for Parameter { name, says, shape } in &operation.query {
        let parameter = ParameterBuilder::new().name(*name).parameter_in(ParameterIn::Query);
        let parameter =
            parameter.required(Required::False).description(Some(*says)).schema(Some(shape.clone()));
        built = built.parameter(parameter);
    }
    if let Some((body, is_needed)) = &operation.body {
        let content = ContentBuilder::new().schema(Some(body.clone())).build();
        let required = if *is_needed { Required::True } else { Required::False };
        let body = RequestBodyBuilder::new().content(JSON, content).required(Some(required));
        built = built.request_body(Some(body.build()));
    }
    built = built.response(operation.gives.status.as_str(), success(operation));
    for status in refusals(operation, path) {
        built = built.response(status.as_str(), Ref::from_response_name(status.as_str()));
    }
    built
}

fn in_path(name: &str) -> ParameterBuilder {
    let (says, example) = match name {
        "account_id" => ("The account: 32 hex digits.", "9eea93e0ba934a3daff15b5a8d7ddbd6"),
        "app_id" => ("The application.", "f174e90a-fafe-4643-bbbc-4a0ed4fc8415"),
        _ => (
            "The object: its id, or its name where that is what it has.",
            "f174e90a-fafe-4643-bbbc-4a0ed4fc8415",
        ),
    };
    let parameter =
        ParameterBuilder::new().name(name).parameter_in(ParameterIn::Path).required(Required::True);
    parameter.description(Some(says)).schema(Some(text("", example)))
}

/// What may be refused, by what the operation has.
fn refusals(operation: &Operation, path: &str) -> impl Iterator<Item = StatusCode> {
    let is_open = operation.needs == Needs::Nothing;
    let (has_body, changes) = (operation.body.is_some(), operation.method != Method::GET);
    let is_of_one = path.contains("{id}") || path.contains("{app_id}") || operation.may_be_absent;
    REFUSALS.into_iter().map(|(status, _)| status).filter(move |status| match *status {
        StatusCode::NOT_FOUND => is_of_one,
        StatusCode::REQUEST_TIMEOUT | StatusCode::PAYLOAD_TOO_LARGE => has_body,
        StatusCode::CONFLICT => changes,
        StatusCode::METHOD_NOT_ALLOWED => false,
        StatusCode::INTERNAL_SERVER_ERROR => true,
        _ => !is_open,
    })
}

fn success(operation: &Operation) -> Response {
    let (content_type, shape) = match &operation.gives.body {
        Given::Document(content_type) => (*content_type, None),
        Given::Result(result) => (JSON, Some(envelope(result.clone(), None))),
        Given::Page(result) => (JSON, Some(envelope(result.clone(), Some(page_info())))),
        Given::CursorPage(result) => (JSON, Some(envelope(result.clone(), Some(cursor_info())))),
    };
    let content = ContentBuilder::new().schema(shape).build();
    let mut response = ResponseBuilder::new().description(operation.summary).content(content_type, content);
    response = response.header("x-request-id", header("Of this request, in the service's log lines."));
    if operation.waits {
        let says = "How far the change has come: `position=…; confirmed=…; fenced=…; not_confirmed=…; elapsed_ms=…`. \
                    Absent where nothing was changed.";
        response = response.header("sallyport-propagation", header(says));
    }
    response.build()
}

fn header(says: &str) -> Header {
    let mut header = Header::new(text("", ""));
    header.description = Some(says.to_owned());
    header
}

fn envelope(result: Shape, info: Option<Shape>) -> Shape {
    let mut fields = vec![
        must("success", only(true)),
        must("errors", schema::none_of("", message())),
        must("messages", list("What is worth knowing beside the result.", message())),
        must("result", result),
    ];
    fields.extend(info.map(|info| must("result_info", info)));
    record("", fields)
}

fn message() -> Shape {
    record(
        "",
        [
            must("code", whole("", 12_202)),
            must("message", text("", "stored, but without effect in this version: …")),
        ],
    )
}

fn page_info() -> Shape {
    record(
        "",
        [
            must("page", whole("", 1)),
            must("per_page", whole("", 1000)),
            must("count", whole("On this page.", 1)),
            must("total_count", whole("On all pages.", 1)),
            must("total_pages", whole("", 1)),
        ],
    )
}

fn cursor_info() -> Shape {
    record(
        "",
        [
            must("count", whole("", 1)),
            must("per_page", whole("", 100)),
            must("cursor", text("Where to go on; empty: this was the last.", "")),
        ],
    )
}

fn failure() -> Shape {
    let source = record("", [must("pointer", text("RFC 6901; empty: the whole request.", "/name"))]);
    let error = record(
        "",
        [
            must("code", whole("", 12_130)),
            must("message", text("", "access.api.error.invalid_request: name: is required")),
            at_times("source", source),
        ],
    );
    record(
        "A refusal.",
        [
            must("success", only(false)),
            must("errors", list("At least one.", error)),
            must("messages", texts("", "")),
            must("result", nullable(schema::nothing("Always null."))),
        ],
    )
}

fn components() -> utoipa::openapi::Components {
    let mut components = ComponentsBuilder::new().schema("Failure", failure());
    for (name, shape) in schema::components() {
        components = components.schema(name, shape);
    }
    for (status, says) in REFUSALS {
        let content = ContentBuilder::new().schema(Some(schema::named("Failure"))).build();
        let response = ResponseBuilder::new().description(says).content(JSON, content);
        let mut response =
            response.header("x-request-id", header("Of this request, in the service's log lines."));
        if status == StatusCode::TOO_MANY_REQUESTS || status == StatusCode::SERVICE_UNAVAILABLE {
            response = response.header("retry-after", header("Seconds."));
        }
        components = components.response(status.as_str(), response.build());
    }
    let bearer = HttpBuilder::new().scheme(HttpAuthScheme::Bearer).description(Some("An API token."));
    components.security_scheme(SCHEME, SecurityScheme::Http(bearer.build())).build()
}
