//! Recipes for clusters: they are read, and searched for what would leave a door open.

use harness::root;
use std::path::{Path, PathBuf};
use yaml_rust2::{Yaml, YamlLoader};

/// Must be false wherever they stand.
const CLOSED: [&str; 4] = ["failOpen", "failure_mode_allow", "failureModeAllow", "trustForwardHeader"];

pub fn are_whole_and_closed() {
    let mut number = 0;
    for path in yaml_files(&root().join("deploy")) {
        let name = path.display().to_string();
        let text = std::fs::read_to_string(&path).unwrap();
        let documents = YamlLoader::load_from_str(&text).unwrap_or_else(|error| panic!("{name}: {error}"));
        for document in &documents {
            number += 1;
            look(&name, document);
            // It is the installation's, and has no name of its own.
            let is_named = document["kind"].as_str() != Some("IstioOperator");
            let is_manifest = !document["apiVersion"].is_badvalue() || !document["kind"].is_badvalue();
            if is_named && is_manifest {
                for field in [&document["apiVersion"], &document["kind"], &document["metadata"]["name"]] {
                    assert!(field.as_str().is_some_and(|text| !text.is_empty()), "{name}: {document:?}");
                }
            }
        }
    }
    assert!(number >= 3, "only {number} documents were found");
}

/// Every key of it.
fn look(name: &str, node: &Yaml) {
    match node {
        Yaml::Hash(members) => {
            for (key, value) in members {
                let key = key.as_str().unwrap_or_default();
                assert!(
                    !CLOSED.contains(&key) || *value == Yaml::Boolean(false),
                    "{name}: {key} is {value:?}"
                );
                // Envoy Gateway waits 10 s and Istio 600 s unless they are told.
                if key == "extAuth" || key.starts_with("envoyExtAuthz") {
                    for needed in ["timeout", "statusOnError", "failOpen"] {
                        assert!(!value[needed].is_badvalue(), "{name}: {key} without {needed}");
                    }
                }
                look(name, value);
            }
        }
        Yaml::Array(items) => items.iter().for_each(|item| look(name, item)),
        _ => {}
    }
}

pub fn yaml_files(folder: &Path) -> Vec<PathBuf> {
    let mut files = Vec::new();
    for entry in std::fs::read_dir(folder).unwrap().flatten() {
        let path = entry.path();
        if path.is_dir() {
            files.extend(yaml_files(&path));
        } else if path.extension().is_some_and(|it| it == "yaml" || it == "yml") {
            files.push(path);
        }
    }
    files
}
