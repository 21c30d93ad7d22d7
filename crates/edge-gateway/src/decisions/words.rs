//! What of a request may be written. A client can put anything anywhere, also its secret.

/// Longer parts of a host or path are left out: a secret, a session or their encodings may be in them. Ids are shorter.
const LONGEST_PART: usize = 40;
/// Longest path that is written.
const LONGEST: usize = 512;
/// In place of what is left out.
const LEFT_OUT: &str = "~";

pub fn host(host: &str) -> String {
    told(host, '.')
}

pub fn path(path: &str) -> String {
    let mut told = told(path, '/');
    // ASCII by now.
    told.truncate(LONGEST);
    told
}

fn told(text: &str, separator: char) -> String {
    let parts = text.split(separator).map(|part| {
        let is_plain = part.len() < LONGEST_PART && part.bytes().all(|b| b.is_ascii_graphic());
        if is_plain { part } else { LEFT_OUT }
    });
    let mut told = String::with_capacity(text.len());
    for (index, part) in parts.enumerate() {
        if index > 0 {
            told.push(separator);
        }
        told.push_str(part);
    }
    told
}

/// `<32 hex>.access`, without the domain that older ones end with.
pub fn client_id(id: &str) -> &str {
    id.get(..39).unwrap_or(id)
}

#[cfg(test)]
mod tests {
    use super::*;
    use model::ClientSecret;

    #[test]
    fn no_secret_is_written_wherever_it_stands() {
        let secret = ClientSecret::generate().unwrap();
        let secret = secret.expose();
        let session =
            "eyJhbGciOiJSUzI1NiIsImtpZCI6Ijk3In0.eyJhdWQiOlsiNzMyIl0sImV4cCI6MTcwMDAwMDAwMH0.c2lnbmF0dXJl";
        let hex = "0123456789abcdef".repeat(4);
        for hidden in [secret, session, &hex, &format!("key={secret}")] {
            assert_eq!(path(&format!("/v1/{hidden}/x")), "/v1/~/x");
        }
        assert_eq!(host(&format!("{hex}.app.test")), "~.app.test");
        assert_eq!(
            client_id(&format!("{}.access.{hex}", "a".repeat(32))),
            format!("{}.access", "a".repeat(32))
        );
    }

    #[test]
    fn a_path_is_short_and_visible() {
        assert_eq!(
            path("/a/88bf3b6d-8616-1464-f650-9f7219099e57/b.txt"),
            "/a/88bf3b6d-8616-1464-f650-9f7219099e57/b.txt"
        );
        assert_eq!(path("/a\n/b\u{202e}c/\u{1b}[31m/d e"), "/~/~/~/~");
        assert_eq!(path(&"/x".repeat(2000)).len(), LONGEST);
        assert_eq!(path("/"), "/");
    }
}
