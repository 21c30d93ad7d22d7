//! Somebody else's generator of requests, set on the published contract.

use crate::world::{ACCOUNT, World, api_token};
use std::path::Path;
use std::process::Stdio;
use tokio::process::Command;

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn generated_requests_meet_only_what_is_published() {
    let root = Path::new(env!("CARGO_MANIFEST_DIR")).join("../..");
    let python = root.join(".tools/bin/python");
    assert!(python.is_file(), "{} is missing: run make clients", python.display());
    let world = World::start().await;
    let mut command = Command::new(python);
    command.arg(root.join("tests/conformance/python/generated_requests.py"));
    command.env_clear().env("PYTHONDONTWRITEBYTECODE", "1");
    command.env("SALLYPORT_ADMIN", &world.admin).env("SALLYPORT_ACCOUNT", ACCOUNT);
    command.env("SALLYPORT_API_TOKEN", api_token(ACCOUNT));
    let ran = command.stdin(Stdio::null()).kill_on_drop(true).output().await.unwrap();
    let (out, error) = (String::from_utf8_lossy(&ran.stdout), String::from_utf8_lossy(&ran.stderr));
    assert!(ran.status.success(), "{}\n{out}{error}", ran.status);
    let items = world.contract.document["paths"].as_object().unwrap().values();
    let operations: usize = items.map(|item| item.as_object().unwrap().len()).sum();
    // All but the one that it has the contract from.
    let operations = operations - 1;
    assert!(out.contains(&format!("Tested: {operations}")), "not every operation was tested:\n{out}");
    world.end().await;
}
