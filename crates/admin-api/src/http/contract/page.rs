//! The document, to read. Everything shown is the document's; nothing is loaded from anywhere.

use super::example::{self, Extent, resolve};
use aws_lc_rs::digest::{SHA256, digest};
use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use serde_json::Value;
use std::fmt::Write as _;

const TEMPLATE: &str = include_str!("page.html");
const STYLE: &str = include_str!("page.css");

/// The page, and what it may load: its own style.
pub fn of(document: &Value) -> (String, String) {
    let parts = [
        ("{style}", STYLE.to_owned()),
        ("{about}", prose(at(document, "/info/description"))),
        ("{contents}", contents(document)),
        ("{operations}", operations(document)),
        ("{objects}", objects(document)),
        ("{errors}", errors(document)),
    ];
    let page =
        parts.into_iter().fold(TEMPLATE.to_owned(), |page, (name, part)| page.replacen(name, &part, 1));
    let style = STANDARD.encode(digest(&SHA256, STYLE.as_bytes()));
    let policy = format!(
        "default-src 'none'; style-src 'sha256-{style}'; base-uri 'none'; form-action 'none'; frame-ancestors 'none'"
    );
    (page, policy)
}

fn escape(text: &str) -> String {
    text.replace('&', "&amp;").replace('<', "&lt;").replace('>', "&gt;").replace('"', "&quot;")
}

/// Text with `code` in backquotes.
fn prose(text: &Value) -> String {
    let parts = text.as_str().unwrap_or_default().split('`').map(escape).enumerate();
    parts.map(|(index, part)| if index % 2 == 1 { format!("<code>{part}</code>") } else { part }).collect()
}

/// `null` where it is not there.
fn at<'v>(value: &'v Value, pointer: &str) -> &'v Value {
    value.pointer(pointer).unwrap_or(&Value::Null)
}

fn word(value: &Value) -> String {
    escape(value.as_str().unwrap_or_default())
}

fn nouns(document: &Value) -> impl Iterator<Item = &Value> {
    document["tags"].as_array().into_iter().flatten().map(|tag| &tag["name"])
}

fn anchor(noun: &Value) -> String {
    word(noun).to_lowercase().replace(' ', "-")
}

fn contents(document: &Value) -> String {
    let line = |noun| format!("<a href=\"#{}\">{}</a>", anchor(noun), word(noun));
    let own = ["Objects", "Errors"].map(|it| format!("<a href=\"#{}\">{it}</a>", it.to_lowercase()));
    nouns(document).map(line).chain(own).collect()
}

fn operations(document: &Value) -> String {
    let mut page = String::new();
    let paths = || document["paths"].as_object().into_iter().flatten();
    for noun in nouns(document) {
        let _ = writeln!(page, "<h2 id=\"{}\">{}</h2>", anchor(noun), word(noun));
        for (path, item) in paths() {
            let of_noun = item.as_object().into_iter().flatten().filter(|(_, it)| at(it, "/tags/0") == noun);
            for (method, operation) in of_noun {
                page.push_str(&described(document, path, method, operation));
            }
        }
    }
    page
}

fn described(document: &Value, path: &str, method: &str, operation: &Value) -> String {
    let method = method.to_uppercase();
    let id = word(&operation["operationId"]);
    let mut page = format!(
        "<h3 id=\"{id}\"><code><span class=\"method\">{method}</span> {}</code></h3>\n<p>{}. Permission: {}.</p>\n",
        escape(path),
        prose(&operation["summary"]),
        word(&operation["x-permission"])
    );
    let mut rows = String::new();
    for parameter in operation["parameters"].as_array().into_iter().flatten() {
        let shape = &parameter["schema"];
        row(
            &mut rows,
            &word(&parameter["name"]),
            &kind(shape),
            parameter["required"] == true,
            &parameter["description"],
        );
    }
    section(&mut page, "Parameters", &rows);
    let body = at(operation, "/requestBody/content/application~1json/schema");
    if !body.is_null() {
        section(&mut page, "Body", &fields(document, body));
    }
    let _ = writeln!(page, "<pre>{}</pre>", escape(&curl(document, path, &method, operation)));
    for (status, response) in operation["responses"].as_object().into_iter().flatten() {
        let content = response["content"].as_object().and_then(|it| it.values().next());
        if let Some(content) = content {
            let result = at(content, "/schema/properties/result");
            let shown = if result.is_null() { String::new() } else { fields(document, result) };
            section(&mut page, &format!("{status}: result, {}", kind(result)), &shown);
        }
    }
    let refusals = operation["responses"].as_object().into_iter().flatten();
    let refusals: Vec<_> = refusals
        .filter(|(_, it)| it.get("$ref").is_some())
        .map(|(status, _)| format!("<a href=\"#error-{status}\">{status}</a>"))
        .collect();
    let _ = writeln!(page, "<p>Errors: {}</p>", refusals.join(" "));
    page
}

fn curl(document: &Value, path: &str, method: &str, operation: &Value) -> String {
    let path = path.replace("{account_id}", "$ACCOUNT").replace("{app_id}", "$APP").replace("{id}", "$ID");
    let method = if method == "GET" { String::new() } else { format!(" -X {method}") };
    let token =
        if operation.get("security").is_some() { " -H \"Authorization: Bearer $API_TOKEN\"" } else { "" };
    let body = &operation["requestBody"];
    let schema = at(body, "/content/application~1json/schema");
    let data = if schema.is_null() || body["required"] != true {
        String::new()
    } else {
        let required = example::of(document, schema, Extent::Required, 0);
        let shown = required.as_object().is_some_and(|it| !it.is_empty());
        let value = if shown { required } else { first(&example::of(document, schema, Extent::Whole, 0)) };
        format!(" \\\n  --json '{value}'")
    };
    let curl = format!("curl{method}{token} \"$ADMIN{path}\"{data}");
    // `--json` is a POST unless something else is said.
    if data.is_empty() { curl } else { curl.replacen("curl -X POST", "curl", 1) }
}

/// One member of an object of which none is needed.
fn first(value: &Value) -> Value {
    let member = value.as_object().and_then(|it| it.iter().next());
    member.map_or_else(|| value.clone(), |(name, value)| serde_json::json!({name: value}))
}

/// What a value is, in words.
fn kind(schema: &Value) -> String {
    if let Some(name) = schema["$ref"].as_str().and_then(|at| at.rsplit('/').next()) {
        return format!("<a href=\"#{name}\">{name}</a>");
    }
    if let Some(values) = schema["enum"].as_array() {
        return values
            .iter()
            .map(|it| format!("<code>{}</code>", escape(&it.to_string())))
            .collect::<Vec<_>>()
            .join(" ");
    }
    if let Some(all) = schema["anyOf"].as_array() {
        return all.iter().map(kind).collect::<Vec<_>>().join(" or ");
    }
    let kinds = match &schema["type"] {
        Value::Array(all) => all.iter().map(word).collect::<Vec<_>>().join(" or "),
        one => word(one),
    };
    match schema.get("items") {
        Some(item) => format!("{kinds} of {}", kind(item)),
        None => kinds,
    }
}

fn section(page: &mut String, title: &str, rows: &str) {
    if rows.is_empty() {
        let _ = writeln!(page, "<p>{title}</p>");
    } else {
        let _ = writeln!(page, "<details><summary>{title}</summary><table>{rows}</table></details>");
    }
}

fn row(rows: &mut String, name: &str, kind: &str, is_required: bool, says: &Value) {
    let required = if is_required { ", required" } else { "" };
    let _ = writeln!(
        rows,
        "<tr><td><code>{name}</code></td><td>{kind}{required}</td><td>{}</td></tr>",
        prose(says)
    );
}

fn fields(document: &Value, schema: &Value) -> String {
    let mut rows = String::new();
    below(document, schema, "", &mut rows);
    rows
}

/// What is named elsewhere is linked, not repeated.
fn below(document: &Value, schema: &Value, at: &str, rows: &mut String) {
    if schema.get("$ref").is_some() {
        return;
    }
    for alternative in schema["anyOf"].as_array().into_iter().flatten() {
        below(document, alternative, at, rows);
    }
    if let Some(item) = schema.get("items") {
        below(document, item, &format!("{at}[]"), rows);
    }
    let required = schema["required"].as_array();
    for (name, member) in schema["properties"].as_object().into_iter().flatten() {
        let path = if at.is_empty() { name.clone() } else { format!("{at}.{name}") };
        let is_required = required.is_some_and(|it| it.iter().any(|it| it == name));
        let says = &resolve(document, member)["description"];
        row(rows, &escape(&path), &kind(member), is_required, says);
        below(document, member, &path, rows);
    }
}

fn objects(document: &Value) -> String {
    let mut page = String::new();
    for (name, schema) in at(document, "/components/schemas").as_object().into_iter().flatten() {
        let _ = writeln!(page, "<h3 id=\"{name}\">{name}</h3>\n<p>{}</p>", prose(&schema["description"]));
        let _ = writeln!(page, "<table>{}</table>", fields(document, schema));
    }
    page
}

fn errors(document: &Value) -> String {
    let mut rows = String::new();
    for (status, response) in at(document, "/components/responses").as_object().into_iter().flatten() {
        let says = prose(&response["description"]);
        let _ = writeln!(rows, "<tr id=\"error-{status}\"><td>{status}</td><td>{says}</td></tr>");
    }
    format!("<table>{rows}</table>")
}
