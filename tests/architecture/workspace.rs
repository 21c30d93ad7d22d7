//! What `cargo metadata` and the sources say.

use serde_json::Value;
use std::collections::{BTreeMap, BTreeSet};
use std::path::{Path, PathBuf};
use std::process::Command;

pub struct Crate {
    pub folder: PathBuf,
    /// Of the library and the program, not of tests and build scripts.
    pub normal: BTreeSet<String>,
}

/// The workspace's members, without the tests.
pub fn crates() -> BTreeMap<String, Crate> {
    let root = Path::new(env!("CARGO_MANIFEST_DIR")).parent().unwrap();
    let arguments = ["metadata", "--format-version", "1", "--no-deps", "--offline"];
    let ran = Command::new(env!("CARGO")).args(arguments).current_dir(root).output().unwrap();
    assert!(ran.status.success(), "{}", String::from_utf8_lossy(&ran.stderr));
    let metadata: Value = serde_json::from_slice(&ran.stdout).unwrap();
    let text = |value: &Value| value.as_str().unwrap().to_owned();
    let mut crates = BTreeMap::new();
    for package in metadata["packages"].as_array().unwrap() {
        let dependencies = package["dependencies"].as_array().unwrap();
        let normal =
            dependencies.iter().filter(|it| it["kind"].is_null()).map(|it| text(&it["name"])).collect();
        let manifest = PathBuf::from(text(&package["manifest_path"]));
        let folder = manifest.parent().unwrap().to_owned();
        crates.insert(text(&package["name"]), Crate { folder, normal });
    }
    crates.remove("tests").expect("this package");
    crates
}

/// The sources below a folder.
pub fn sources(folder: &Path) -> Vec<String> {
    let mut found = Vec::new();
    for entry in std::fs::read_dir(folder).unwrap() {
        let path = entry.unwrap().path();
        if path.is_dir() {
            found.extend(sources(&path));
        } else if path.extension().is_some_and(|it| it == "rs") {
            found.push(std::fs::read_to_string(&path).unwrap());
        }
    }
    found
}
