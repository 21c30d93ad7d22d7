//! The published contract as a judge: every answer of the world is held against it, and no member passes that it does not
//! describe.

use serde_json::{Map, Value, json};
use std::collections::HashMap;
use std::sync::Mutex;

pub struct Contract {
    pub document: Value,
    /// By operation and status.
    compiled: Mutex<HashMap<String, jsonschema::Validator>>,
}

impl Contract {
    pub fn of(mut document: Value) -> Self {
        close(&mut document["components"]["schemas"]);
        close(&mut document["components"]["responses"]);
        close(&mut document["paths"]);
        Self { document, compiled: Mutex::default() }
    }

    /// The operation's template and description. None: nothing is described there.
    fn find(&self, method: &str, path: &str) -> Option<(&str, &Value)> {
        let paths = self.document["paths"].as_object()?.iter();
        let fits = paths.filter(|(template, _)| matches(template, path));
        // What is spelled out wins over what stands for anything.
        let (template, item) = fits.min_by_key(|(template, _)| template.matches('{').count())?;
        Some((template, item.get(method.to_lowercase())?))
    }

    /// Panics for a status or a body that is not described.
    pub fn judge(&self, method: &str, path: &str, status: u16, body: &Value) {
        let path = path.split('?').next().unwrap_or_default();
        let path = match path.strip_prefix("/client/v4/zones/").and_then(|rest| rest.split_once('/')) {
            // Not everything of an account is there under a zone.
            Some((_, rest)) if status != 404 => format!("/client/v4/accounts/it/{rest}"),
            _ => path.to_owned(),
        };
        let failure = json!({"$ref": "#/components/schemas/Failure"});
        let (name, schema) = match self.find(method, &path) {
            None => {
                assert!(
                    (400..500).contains(&status),
                    "{method} {path} is not described and answers {status}"
                );
                ("undescribed".to_owned(), &failure)
            }
            Some((template, operation)) => {
                let response = &operation["responses"][status.to_string()];
                assert!(!response.is_null(), "{method} {template}: {status} is not described");
                let schema = &response["content"]["application/json"]["schema"];
                (format!("{method} {template} {status}"), if schema.is_null() { &failure } else { schema })
            }
        };
        let mut compiled = self.compiled.lock().unwrap();
        let validator = compiled.entry(name.clone()).or_insert_with(|| self.compile(schema));
        let errors: Vec<_> =
            validator.iter_errors(body).map(|it| format!("{}: {it}", it.instance_path())).collect();
        assert!(errors.is_empty(), "{name}: not as described: {errors:#?}\n{body}");
    }

    fn compile(&self, schema: &Value) -> jsonschema::Validator {
        let mut whole = schema.as_object().cloned().unwrap_or_else(Map::new);
        whole.insert("components".to_owned(), self.document["components"].clone());
        jsonschema::validator_for(&Value::Object(whole)).unwrap()
    }
}

fn matches(template: &str, path: &str) -> bool {
    let (template, path): (Vec<_>, Vec<_>) = (template.split('/').collect(), path.split('/').collect());
    let is_same = |(part, given): (&&str, &&str)| part.starts_with('{') && !given.is_empty() || part == given;
    template.len() == path.len() && template.iter().zip(&path).all(is_same)
}

/// Whoever reads an answer must expect new members; here none may be there that is not described.
fn close(schema: &mut Value) {
    match schema {
        Value::Object(members) => {
            members.values_mut().for_each(close);
            let kind = members.get("type").cloned().unwrap_or_default();
            let is_object =
                kind == "object" || kind.as_array().is_some_and(|it| it.contains(&json!("object")));
            if is_object && !members.contains_key("additionalProperties") {
                members.insert("additionalProperties".to_owned(), false.into());
            }
        }
        Value::Array(items) => items.iter_mut().for_each(close),
        _ => {}
    }
}
