//! What the judge saw, one JSON object a line, for another judge.
//!
//! Times are microseconds since the run began, on the monotonic clock. `token` names a history; `secret` and `session`
//! are indices in it.

use super::Asked;
use super::history::{Credential, Done, Session};
use parking_lot::Mutex;
use serde_json::{Value, json};
use std::fs::File;
use std::io::{BufWriter, Result, Write as _};
use std::path::Path;

/// Written to a file, or nowhere.
#[derive(Default)]
pub struct Log(Option<Mutex<BufWriter<File>>>);

impl Log {
    pub fn create(file: &Path) -> Result<Self> {
        Ok(Self(Some(Mutex::new(BufWriter::new(File::create(file)?)))))
    }

    pub(super) fn act(&self, token: &str, done: &Done, secret: Option<usize>) {
        let Done { act, invoked, ended, .. } = done;
        let (returned, answer) = match ended {
            Some((at, answer)) => (json!(at.as_micros()), json!(format!("{answer:?}"))),
            None => (Value::Null, Value::Null),
        };
        self.line(|| {
            json!({
                "event": "act", "token": token, "act": format!("{act:?}"), "sent": invoked.as_micros(),
                "returned": returned, "answer": answer, "brought_secret": secret
            })
        });
    }

    pub(super) fn session(&self, token: &str, index: usize, session: &Session) {
        let Session { secret, asked, received } = session;
        self.line(|| {
            json!({
                "event": "session", "token": token, "session": index, "secret": secret,
                "sent": asked.as_micros(), "returned": received.as_micros()
            })
        });
    }

    pub(super) fn request(&self, token: &str, asked: &Asked) {
        let Asked { credential, gateway, sent, received, outcome } = asked;
        let (kind, index) = match credential {
            Credential::Pair(index) => ("secret", index),
            Credential::Session(index) => ("session", index),
        };
        self.line(|| {
            json!({
                "event": "request", "token": token, kind: index, "gateway": gateway, "sent": sent.as_micros(),
                "returned": received.as_micros(), "outcome": format!("{outcome:?}")
            })
        });
    }

    /// A disk that is full costs the log, not the run.
    fn line(&self, line: impl FnOnce() -> Value) {
        if let Some(file) = &self.0 {
            let _ = writeln!(file.lock(), "{}", line());
        }
    }
}
