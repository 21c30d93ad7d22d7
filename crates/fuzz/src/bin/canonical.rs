//! The canonical form of each path on standard input, one a line: to compare with what other proxies make of it.
//!
//! A line of the answer is the path as it is forwarded; then, after a tab, as it is also judged, if that is another. A path
//! that is refused is `-` and the reason. An argument is the host, else `app.test`.

use edge_gateway::request::canonical::target;
use http::Uri;
use http::header::{HOST, HeaderMap, HeaderValue};
use std::io::{BufRead as _, Write as _};

fn main() -> std::io::Result<()> {
    let host = std::env::args().nth(1).unwrap_or_else(|| "app.test".to_owned());
    let host = HeaderValue::try_from(host).map_err(std::io::Error::other)?;
    let headers = HeaderMap::from_iter([(HOST, host)]);
    let mut answers = std::io::stdout().lock();
    for line in std::io::stdin().lock().split(b'\n') {
        let answer =
            Uri::try_from(line?.as_slice()).map_err(|_| "TARGET_UNREADABLE".to_owned()).and_then(|uri| {
                let target = target(&uri, &headers).map_err(|refusal| refusal.reason.into_owned())?;
                let loose = target.loose_path.map(|loose| format!("\t{loose}")).unwrap_or_default();
                Ok(format!("{}{loose}", target.path))
            });
        let answer = answer.unwrap_or_else(|reason| format!("- {reason}"));
        answers.write_all(answer.as_bytes())?;
        answers.write_all(b"\n")?;
    }
    Ok(())
}
