//! Recipes for clusters by the schemas of their kinds, where a folder of `CustomResourceDefinition`s is given in `CRDS`.

use crate::manifests::yaml_files;
use harness::root;
use serde_json::{Map, Value};
use std::collections::BTreeMap;
use std::path::Path;
use yaml_rust2::{Yaml, YamlLoader};

pub const CRDS: &str = "CRDS";

/// Kinds that no definition describes: Kubernetes' own, and what a program reads.
const OTHERS: [&str; 5] = [
    "v1/Service",
    "networking.k8s.io/v1/Ingress",
    "install.istio.io/v1alpha1/IstioOperator",
    "v1/Namespace",
    "traefik.io/v1alpha1/",
];

pub fn every_manifest_fits(folder: &Path) -> Result<(), String> {
    let schemas = schemas(folder)?;
    let (mut problems, mut fitting) = (Vec::new(), 0);
    for path in yaml_files(&root().join("deploy")) {
        for document in documents(&path)? {
            let (Some(version), Some(kind)) = (document["apiVersion"].as_str(), document["kind"].as_str())
            else {
                continue;
            };
            let kind = format!("{version}/{kind}");
            let Some(schema) = schemas.get(&kind) else {
                if !OTHERS.iter().any(|other| kind.starts_with(other)) {
                    problems.push(format!("{}: there is no schema of {kind}", path.display()));
                }
                continue;
            };
            let judge = jsonschema::validator_for(schema).map_err(|error| format!("{kind}: {error}"))?;
            let found = judge.iter_errors(&document);
            let before = problems.len();
            problems
                .extend(found.map(|it| format!("{}: {kind}: {}: {it}", path.display(), it.instance_path())));
            if problems.len() == before {
                println!("{kind} fits: {}", path.display());
                fitting += 1;
            }
            problems.extend(
                takes_anything(schema, &document).then(|| format!("{kind}: its schema takes anything")),
            );
        }
    }
    if fitting == 0 {
        problems.push("not one manifest was judged".to_owned());
    }
    if problems.is_empty() { Ok(()) } else { Err(problems.join("\n")) }
}

/// A field that nobody has thought of must be found.
fn takes_anything(schema: &Value, document: &Value) -> bool {
    let mut wrong = document.clone();
    wrong["spec"]["sallyportNobodyKnowsThis"] = Value::Bool(true);
    jsonschema::is_valid(schema, &wrong)
}

/// By `group/version/Kind`, closed.
fn schemas(folder: &Path) -> Result<BTreeMap<String, Value>, String> {
    let mut schemas = BTreeMap::new();
    for path in yaml_files(folder) {
        for definition in documents(&path)? {
            let spec = &definition["spec"];
            let (Some(group), Some(kind)) = (spec["group"].as_str(), spec["names"]["kind"].as_str()) else {
                continue;
            };
            for version in spec["versions"].as_array().into_iter().flatten() {
                let mut schema = version["schema"]["openAPIV3Schema"].clone();
                close(&mut schema);
                // Every object has them, whether its definition says so or not.
                for member in ["apiVersion", "kind", "metadata"] {
                    if schema["properties"][member].is_null() {
                        schema["properties"][member] = Value::Bool(true);
                    }
                }
                let name = version["name"].as_str().unwrap_or_default();
                schemas.insert(format!("{group}/{name}/{kind}"), schema);
            }
        }
    }
    Ok(schemas)
}

/// A server drops fields that are not in a schema: here they are mistakes.
fn close(schema: &mut Value) {
    match schema {
        Value::Object(members) => {
            members.remove("nullable");
            let is_closed = members.get("properties").is_some_and(Value::is_object)
                && members.get("type").is_some_and(|it| it == "object")
                && !members.contains_key("x-kubernetes-preserve-unknown-fields")
                && !members.contains_key("additionalProperties");
            if is_closed {
                members.insert("additionalProperties".to_owned(), Value::Bool(false));
            }
            members.values_mut().for_each(close);
        }
        Value::Array(items) => items.iter_mut().for_each(close),
        _ => {}
    }
}

fn documents(path: &Path) -> Result<Vec<Value>, String> {
    let text = std::fs::read_to_string(path).map_err(|error| format!("{}: {error}", path.display()))?;
    let read = YamlLoader::load_from_str(&text).map_err(|error| format!("{}: {error}", path.display()))?;
    Ok(read.iter().map(json).collect())
}

fn json(node: &Yaml) -> Value {
    match node {
        Yaml::Hash(members) => {
            let members =
                members.iter().map(|(key, value)| (key.as_str().unwrap_or_default().to_owned(), json(value)));
            Value::Object(members.collect::<Map<_, _>>())
        }
        Yaml::Array(items) => items.iter().map(json).collect(),
        Yaml::String(text) => text.as_str().into(),
        Yaml::Integer(number) => (*number).into(),
        Yaml::Real(text) => text.parse::<f64>().map_or(Value::Null, Value::from),
        Yaml::Boolean(is) => (*is).into(),
        Yaml::Alias(_) | Yaml::Null | Yaml::BadValue => Value::Null,
    }
}
