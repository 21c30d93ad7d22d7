//! The sessions that `curl` keeps: a private file for each application that a service token has entered.

use super::exit::{Failure, Outcome};
use super::private;
use super::secret::Secret;
use aws_lc_rs::digest::{SHA256, digest};
use base64::Engine as _;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use model::{Clock as _, SystemClock};
use reqwest::Url;
use serde::{Deserialize, Serialize};
use serde_json::Value;
use std::path::PathBuf;

/// Those of one origin and one Client ID.
pub struct Sessions {
    folder: PathBuf,
    /// How their files begin.
    prefix: String,
}

#[derive(Serialize, Deserialize)]
struct Kept {
    /// Where it was used last: of several applications on one host the nearest is tried.
    path: String,
    session: Secret,
}

impl Sessions {
    pub fn open(environment: impl Fn(&str) -> Option<String>, url: &Url, client_id: &str) -> Outcome<Self> {
        let folder = private::folder("XDG_STATE_HOME", ".local/state", environment)?.join("sessions");
        let whose = format!("{}\n{client_id}", url.origin().ascii_serialization());
        let whose = hex::encode(digest(&SHA256, whose.as_bytes()));
        Ok(Self { folder, prefix: format!("{}-", whose.get(..32).unwrap_or(&whose)) })
    }

    /// The one that was used nearest to this path.
    pub fn find(&self, path: &str) -> Outcome<Option<Secret>> {
        Ok(self.nearest(path)?.map(|(_, kept)| kept.session))
    }

    pub fn keep(&self, path: &str, session: &str) -> Outcome {
        let aud = audience(session).ok_or_else(|| Failure::failed("the gateway's session is not a JWT"))?;
        let kept = Kept { path: path.to_owned(), session: Secret::new(session) };
        let text = serde_json::to_string(&kept).map(zeroize::Zeroizing::new);
        let text = text.map_err(|error| Failure::failed(format!("the session cannot be kept: {error}")))?;
        private::write(&self.folder.join(format!("{}{aud}.json", self.prefix)), &text)
    }

    pub fn forget(&self, path: &str) -> Outcome {
        let Some((file, _)) = self.nearest(path)? else { return Ok(()) };
        std::fs::remove_file(&file).map_err(|error| Failure::failed(format!("{}: {error}", file.display())))
    }

    fn nearest(&self, path: &str) -> Outcome<Option<(PathBuf, Kept)>> {
        let Ok(entries) = std::fs::read_dir(&self.folder) else { return Ok(None) };
        let mut nearest: Option<(usize, PathBuf, Kept)> = None;
        for file in entries.flatten().map(|entry| entry.path()) {
            let name = file.file_name().and_then(|it| it.to_str()).unwrap_or_default();
            let is_whole = file.extension().is_some_and(|it| it == "json");
            if !is_whole || !name.starts_with(&self.prefix) {
                continue;
            }
            let Some(text) = private::read(&file)? else { continue };
            // One that is not readable is replaced by the next.
            let Ok(kept) = serde_json::from_str::<Kept>(&text) else { continue };
            if is_over(kept.session.expose()) {
                continue;
            }
            let common = shared(path, &kept.path);
            if nearest.as_ref().is_none_or(|(best, ..)| common > *best) {
                nearest = Some((common, file, kept));
            }
        }
        Ok(nearest.map(|(_, file, kept)| (file, kept)))
    }
}

/// How many segments two paths begin with alike.
fn shared(one: &str, other: &str) -> usize {
    one.split('/').zip(other.split('/')).take_while(|(a, b)| a == b).count()
}

/// Not verified: it is the gateway that judges it.
fn claims(session: &str) -> Option<Value> {
    let payload = session.split('.').nth(1)?;
    serde_json::from_slice(&URL_SAFE_NO_PAD.decode(payload).ok()?).ok()
}

/// 64 hexadecimal digits; anything else is no name for a file.
fn audience(session: &str) -> Option<String> {
    let claims = claims(session)?;
    let aud = claims.get("aud")?;
    let aud = aud.get(0).unwrap_or(aud).as_str()?;
    (aud.len() == 64 && aud.bytes().all(|byte| byte.is_ascii_hexdigit())).then(|| aud.to_owned())
}

fn is_over(session: &str) -> bool {
    let expiry = claims(session).and_then(|it| it.get("exp")?.as_i64());
    expiry.is_none_or(|expiry| expiry <= SystemClock.now().as_seconds())
}

#[cfg(test)]
mod tests {
    use super::*;
    use serde_json::json;
    use std::os::unix::fs::PermissionsExt as _;

    fn session(aud: &str, exp: i64) -> String {
        let part = |value: Value| URL_SAFE_NO_PAD.encode(value.to_string());
        format!("{}.{}.c2ln", part(json!({"alg": "RS256"})), part(json!({"aud": [aud], "exp": exp})))
    }

    const LATER: i64 = 253_370_764_800;

    #[test]
    fn each_application_has_its_own_private_file() {
        let home = tempfile::tempdir().unwrap();
        let of = |name: &str| (name == "XDG_STATE_HOME").then(|| home.path().to_str().unwrap().to_owned());
        let url = |text: &str| Url::parse(text).unwrap();
        let sessions = Sessions::open(of, &url("http://a.test:1/x"), "id").unwrap();
        assert!(sessions.find("/").unwrap().is_none());
        let (shop, admin) = (session(&"a1".repeat(32), LATER), session(&"b2".repeat(32), LATER));
        sessions.keep("/shop/list", &shop).unwrap();
        sessions.keep("/admin", &admin).unwrap();
        let found = |path: &str| sessions.find(path).unwrap().map(|it| it.expose().to_owned());
        assert_eq!(found("/shop/item"), Some(shop.clone()));
        assert_eq!(found("/admin/x"), Some(admin));
        sessions.forget("/admin").unwrap();
        assert_eq!(found("/admin/x"), Some(shop));
        for entry in std::fs::read_dir(home.path().join("sallyport/sessions")).unwrap() {
            assert_eq!(entry.unwrap().metadata().unwrap().permissions().mode() & 0o777, 0o600);
        }
        for (other, client_id) in
            [("http://a.test:2/", "id"), ("https://a.test:1/", "id"), ("http://a.test:1/", "other")]
        {
            assert!(
                Sessions::open(of, &url(other), client_id).unwrap().find("/shop").unwrap().is_none(),
                "{other}"
            );
        }
    }

    #[test]
    fn what_is_over_is_not_used_and_what_is_no_session_not_kept() {
        let home = tempfile::tempdir().unwrap();
        let of = |name: &str| (name == "XDG_STATE_HOME").then(|| home.path().to_str().unwrap().to_owned());
        let sessions = Sessions::open(of, &Url::parse("http://a.test").unwrap(), "id").unwrap();
        sessions.keep("/", &session(&"a1".repeat(32), 1)).unwrap();
        assert!(sessions.find("/").unwrap().is_none());
        for wrong in ["", "a.b.c", &session("../../evil", LATER)] {
            assert!(sessions.keep("/", wrong).is_err(), "{wrong}");
        }
    }
}
