//! Other people's clients: the conformance scripts, with the interpreter that `make servers` prepares.

use std::process::Stdio;
use tokio::process::Command;

/// Runs `tests/conformance/python/<script>`; its environment is `settings` and the path alone.
pub async fn run(script: &str, settings: &[(&str, &str)]) {
    let python = crate::root().join(".tools/bin/python");
    assert!(python.is_file(), "{} is missing: run make servers", python.display());
    let mut command = Command::new(python);
    command.arg(crate::root().join("tests/conformance/python").join(script));
    command.env_clear().envs(settings.iter().copied()).env("PYTHONDONTWRITEBYTECODE", "1");
    let ran = command.stdin(Stdio::null()).kill_on_drop(true).output().await.expect("Python runs");
    let (out, error) = (String::from_utf8_lossy(&ran.stdout), String::from_utf8_lossy(&ran.stderr));
    assert!(ran.status.success(), "{script}: {}\n{out}{error}", ran.status);
}
