//! The examples are what they say: they can be read, and name what there is.

use harness::root;
use std::path::Path;
use yaml_rust2::{Yaml, YamlLoader};

fn text(path: &str) -> String {
    std::fs::read_to_string(root().join("examples").join(path))
        .unwrap_or_else(|error| panic!("{path}: {error}"))
}

#[test]
fn the_kubernetes_example_hands_the_secret_to_a_job_that_calls() {
    let all = YamlLoader::load_from_str(&text("kubernetes/cronjob.yaml")).unwrap();
    let [job] = all.as_slice() else { panic!("one object, not {}", all.len()) };
    assert_eq!((job["apiVersion"].as_str(), job["kind"].as_str()), (Some("batch/v1"), Some("CronJob")));
    let pod = &job["spec"]["jobTemplate"]["spec"]["template"]["spec"];
    let container = &pod["containers"][0];
    let names: Vec<_> = members(&container["envFrom"][0]["secretRef"], "name");
    let secret = YamlLoader::load_from_str(&text("kubernetes/secret.example.yaml")).unwrap();
    assert_eq!(names, [secret[0]["metadata"]["name"].as_str().unwrap()]);
    let script = container["args"][0].as_str().unwrap();
    for variable in ["CF_ACCESS_CLIENT_ID", "CF_ACCESS_CLIENT_SECRET"] {
        assert!(secret[0]["stringData"][variable].as_str().is_some(), "{variable} is in the secret");
        assert!(script.contains(&format!("${variable}")), "the job uses {variable}");
    }
    assert_eq!(pod["restartPolicy"].as_str(), Some("Never"));
}

fn members<'y>(of: &'y Yaml, name: &str) -> Vec<&'y str> {
    of[name].as_str().into_iter().collect()
}

/// Every resource of the example is one that the replayed calls of the provider have made, with those attributes.
#[test]
fn the_terraform_example_uses_what_the_replay_has_tried() {
    let tried = std::fs::read_to_string(root().join("tests/conformance/terraform/everything.tf")).unwrap();
    let attributes = |text: &str| -> Vec<(String, String)> {
        let mut kind = String::new();
        let mut found = Vec::new();
        for line in text.lines() {
            if let Some(rest) = line.strip_prefix("resource \"") {
                rest.split('"').next().unwrap_or_default().clone_into(&mut kind);
            } else if line == "}" {
                kind.clear();
            } else if let Some((name, _)) = line.strip_prefix("  ").and_then(|line| line.split_once('='))
                && !kind.is_empty()
                && !name.starts_with([' ', '#', '}', '{'])
            {
                found.push((kind.clone(), name.trim().to_owned()));
            }
        }
        found
    };
    let known = attributes(&tried);
    let used = attributes(&text("terraform/main.tf"));
    assert!(used.len() >= 15, "{used:?}");
    for attribute in used {
        assert!(known.contains(&attribute), "{attribute:?} was never tried");
    }
    for file in ["main.tf", "outputs.tf", "variables.tf", "README.md"] {
        assert!(Path::new(&root()).join("examples/terraform").join(file).is_file(), "{file}");
    }
}
