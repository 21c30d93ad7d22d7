//! Other people's clients: the conformance scripts, with what `make clients` prepares.

use std::path::PathBuf;
use std::process::Stdio;
use tokio::process::Command;

/// Runs `tests/conformance/python/<script>`; its environment is `settings` alone. Returns what it printed.
pub async fn python(script: &str, settings: &[(&str, &str)]) -> String {
    let mut command = Command::new(prepared(".tools/bin/python"));
    command.arg(crate::root().join("tests/conformance/python").join(script));
    command.env_clear().envs(settings.iter().copied()).env("PYTHONDONTWRITEBYTECODE", "1");
    run(script, command).await
}

/// Runs `tests/conformance/node/<script>` the same way, from the copy that has the packages beside it.
pub async fn node(script: &str, settings: &[(&str, &str)]) -> String {
    let packages = prepared(".tools/node");
    let sources = std::fs::read_dir(crate::root().join("tests/conformance/node")).expect("the scripts");
    for source in sources
        .flatten()
        .map(|entry| entry.path())
        .filter(|path| path.extension().is_some_and(|it| it == "mjs"))
    {
        let copy = packages.join(source.file_name().expect("a name"));
        let is_same = std::fs::read(&copy).ok() == std::fs::read(&source).ok();
        assert!(is_same, "{} is not that of the tests: run make clients", copy.display());
    }
    let path = std::env::var_os("PATH").unwrap_or_default();
    let mut command = Command::new("node");
    command.arg(packages.join(script)).env_clear().envs(settings.iter().copied()).env("PATH", path);
    run(script, command).await
}

/// Runs a program to its end; a failure shows what it printed.
pub async fn run(name: &str, mut command: Command) -> String {
    let ran = command.stdin(Stdio::null()).kill_on_drop(true).output().await;
    let ran = ran.unwrap_or_else(|error| panic!("{name} does not run: {error}"));
    let (out, error) = (String::from_utf8_lossy(&ran.stdout), String::from_utf8_lossy(&ran.stderr));
    assert!(ran.status.success(), "{name}: {}\n{out}{error}", ran.status);
    out.into_owned()
}

fn prepared(path: &str) -> PathBuf {
    let path = crate::root().join(path);
    assert!(path.exists(), "{} is missing: run make clients", path.display());
    path
}
