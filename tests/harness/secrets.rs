//! Every secret that a test has seen, and the search for them where none may be.

use base64::Engine as _;
use base64::engine::general_purpose::{STANDARD, URL_SAFE};
use serde_json::Value;
use std::collections::BTreeSet;
use std::fmt::Write as _;
use std::io::Write as _;
use std::path::{Path, PathBuf};
use std::process::Command;
use std::sync::{Mutex, PoisonError};

#[derive(Default)]
pub struct Secrets(Mutex<BTreeSet<String>>);

impl Secrets {
    pub fn note(&self, secret: &str) {
        if secret.len() >= 16 {
            self.0.lock().unwrap_or_else(PoisonError::into_inner).insert(secret.to_owned());
        }
    }

    /// The part of a JWT that makes it one.
    pub fn note_session(&self, jwt: &str) {
        if let Some((_, signature)) = jwt.rsplit_once('.') {
            self.note(signature);
        }
    }

    /// Every `client_secret` and every API token in an answer, but `api_token`: the operator's own, which the world keeps in
    /// a place that has a rule of its own.
    pub fn note_all(&self, answer: &Value) {
        match answer {
            Value::Object(members) => {
                if let Some(Value::String(secret)) = members.get("client_secret") {
                    self.note(secret);
                }
                let others = members.iter().filter(|(name, _)| *name != "api_token");
                others.for_each(|(_, value)| self.note_all(value));
            }
            Value::Array(items) => items.iter().for_each(|value| self.note_all(value)),
            Value::String(token) if token.starts_with("spat_") => self.note(token),
            _ => {}
        }
    }

    /// The files under `place` that hold one of the secrets, in any form.
    pub fn leaks(&self, place: &Path) -> Vec<PathBuf> {
        let forms = self.forms();
        files_with(place, forms.iter().map(String::as_str))
    }

    /// Every secret as it is and as it is encoded: O8.
    pub fn forms(&self) -> BTreeSet<String> {
        let secrets = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        secrets.iter().flat_map(|secret| forms(secret)).collect()
    }
}

/// As it is; in Base64 at each place that it may have within something longer; in hexadecimal; in a URL.
fn forms(secret: &str) -> Vec<String> {
    let (mut hex, mut url) = (String::new(), String::new());
    for byte in secret.bytes() {
        let _ = write!(hex, "{byte:02x}");
        let _ = write!(url, "%{byte:02X}");
    }
    let mut forms = vec![secret.to_owned(), hex.to_uppercase(), hex, url.to_lowercase(), url];
    for skipped in 0..3 {
        // Whole groups of three bytes alone look the same whatever stands before and behind.
        let rest = secret.as_bytes().get(skipped..).unwrap_or_default();
        let whole = rest.get(..rest.len() / 3 * 3).unwrap_or_default();
        forms.extend([STANDARD.encode(whole), URL_SAFE.encode(whole)]);
    }
    forms
}

/// The files at or under `place` that hold one of the texts, binary files included.
pub fn files_with<'a>(place: &Path, texts: impl Iterator<Item = &'a str>) -> Vec<PathBuf> {
    let mut patterns = tempfile::NamedTempFile::new().expect("a temporary file");
    for text in texts {
        writeln!(patterns, "{text}").expect("a temporary file");
    }
    // An empty line would match everything, no line at all nothing.
    let found = Command::new("grep")
        .env("LC_ALL", "C")
        .args(["-r", "-l", "-a", "-F", "-f"])
        .arg(patterns.path())
        .arg(place)
        .output()
        .expect("grep is on this machine");
    assert!(found.status.code().is_some_and(|code| code < 2), "{}", String::from_utf8_lossy(&found.stderr));
    String::from_utf8_lossy(&found.stdout).lines().map(PathBuf::from).collect()
}

#[cfg(test)]
mod tests {
    use super::*;
    use serde_json::json;

    #[test]
    fn a_secret_is_found_in_the_middle_of_a_binary_file_and_nothing_else_is() {
        let folder = tempfile::tempdir().unwrap();
        let secrets = Secrets::default();
        assert!(secrets.leaks(folder.path()).is_empty());
        secrets.note_all(&json!({"result": [{"client_secret": "spst_0123456789abcdef"}]}));
        std::fs::write(folder.path().join("clean"), b"spst_0123456789abcdeX").unwrap();
        assert!(secrets.leaks(folder.path()).is_empty());
        for hidden in
            ["user:spst_0123456789abcdef", "xuser:spst_0123456789abcdef:", "xxuser:spst_0123456789abcdef"]
        {
            let clean = folder.path().join("encoded");
            std::fs::write(&clean, STANDARD.encode(hidden)).unwrap();
            assert_eq!(secrets.leaks(folder.path()), std::slice::from_ref(&clean), "{hidden}");
            std::fs::remove_file(clean).unwrap();
        }
        std::fs::write(folder.path().join("log"), b"\0\xff aspst_0123456789abcdef9\0\n").unwrap();
        assert_eq!(secrets.leaks(folder.path()), [folder.path().join("log")]);
    }
}
