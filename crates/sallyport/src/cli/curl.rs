//! `sallyport curl`: calls a protected URL with a service token, and keeps the session.

use super::exit::{Code, Failure, Outcome};
use super::output::{Out, emit, emit_bytes};
use super::secret::{ServiceToken, text_of};
use super::sessions::Sessions;
use super::target::{Common, environment, service_token};
use clap::Args;
use reqwest::header::{HeaderMap, HeaderName, HeaderValue};
use reqwest::{Client, Method, Response, Url, redirect};
use std::fmt::Write as _;
use std::net::{IpAddr, Ipv4Addr, SocketAddr};
use std::path::{Path, PathBuf};
use std::time::Duration;

const CONNECT: Duration = Duration::from_secs(5);
const CLIENT_ID: HeaderName = HeaderName::from_static("cf-access-client-id");
const CLIENT_SECRET: HeaderName = HeaderName::from_static("cf-access-client-secret");
const ERROR: &str = "cf-access-error";
const AUD: &str = "cf-access-aud";
const COOKIE: &str = "CF_Authorization";
/// They carry secrets, which are no arguments, or are ours to send.
const NOT_YOURS: [&str; 6] = [
    "authorization",
    "cookie",
    "cf-access-client-id",
    "cf-access-client-secret",
    "cf-access-token",
    "proxy-authorization",
];

#[derive(Args, Debug)]
#[command(after_help = "\
The service token: --service-token-file; else CF_ACCESS_CLIENT_ID and CF_ACCESS_CLIENT_SECRET (or
CF_ACCESS_CLIENT_SECRET_FILE); else the context's. Its session is kept under $XDG_STATE_HOME/sallyport/sessions, in a file
for each application that its owner alone can read, and used until the gateway refuses it.

It ends with 4 when the gateway does not admit it, with 6 when the gateway cannot decide or does not answer, and with 0
whatever the application answers, unless --fail is given. Redirects are shown, not followed.

Example:
  $ sallyport curl https://billing.internal.example.com/invoices?open=1")]
pub struct Options {
    url: String,
    /// [default: GET, or POST with --data].
    #[arg(long, short = 'X', value_name = "METHOD")]
    request: Option<String>,
    /// A header, such as `Accept: application/json`. May be given several times; no secrets.
    #[arg(long, short = 'H', value_name = "HEADER")]
    header: Vec<String>,
    /// The body from a file, or - for standard input.
    #[arg(long, short = 'd', value_name = "FILE")]
    data: Option<PathBuf>,
    /// Show the answer's status and headers, too.
    #[arg(long, short)]
    include: bool,
    /// End with 1 when the application answers 400 or more.
    #[arg(long, short)]
    fail: bool,
    /// Connect to this address instead of the one that the host name has.
    #[arg(long, value_name = "ADDRESS")]
    resolve: Option<IpAddr>,
    /// How long to wait for the answer, in seconds.
    #[arg(long, default_value = "60", value_name = "SECONDS")]
    max_time: u64,
    /// A file with the service token, as `token create --output env`, `dotenv` or `json` prints it; - for standard input.
    #[arg(long, value_name = "FILE")]
    service_token_file: Option<PathBuf>,
    /// Neither use nor keep a session.
    #[arg(long)]
    no_session: bool,
    #[command(flatten)]
    pub common: Common,
}

struct Call {
    http: Client,
    method: Method,
    url: Url,
    headers: HeaderMap,
    body: Option<Vec<u8>>,
}

pub async fn run(options: Options) -> Outcome {
    let out = Out::new(options.common.json);
    let url = read_url(&options.url)?;
    let token = find_token(&options)?;
    let sessions =
        if options.no_session { None } else { Some(Sessions::open(environment, &url, &token.client_id)?) };
    let call = Call::new(&options, url)?;
    let kept = match &sessions {
        Some(sessions) => sessions.find(call.url.path())?,
        None => None,
    };
    let mut answer = match &kept {
        Some(kept) => call.send(|headers| cookie(headers, kept.expose())).await?,
        None => call.send(|headers| pair(headers, &token)).await?,
    };
    // A session that is over has cost nothing: the application has not seen the request.
    if kept.is_some() && refusal(&answer).is_some() && matches!(answer.status().as_u16(), 401 | 403) {
        if let Some(sessions) = &sessions {
            sessions.forget(call.url.path())?;
        }
        answer = call.send(|headers| pair(headers, &token)).await?;
    }
    if let (Some(sessions), Some(session)) = (&sessions, session_of(&answer)) {
        sessions.keep(call.url.path(), &session)?;
    }
    show(out, &options, answer).await
}

fn read_url(text: &str) -> Outcome<Url> {
    let wrong = || Failure::usage("the URL must be like https://host/path, without a password");
    let url = Url::parse(text).map_err(|_| wrong())?;
    let is_plain = url.username().is_empty() && url.password().is_none();
    if matches!(url.scheme(), "http" | "https") && url.has_host() && is_plain {
        Ok(url)
    } else {
        Err(wrong())
    }
}

fn find_token(options: &Options) -> Outcome<ServiceToken> {
    if let Some(file) = &options.service_token_file {
        return ServiceToken::parse(&text_of(file)?);
    }
    let set = |name: &str| environment(name).filter(|value| !value.is_empty());
    if let Some(token) = ServiceToken::from_environment(set)? {
        return Ok(token);
    }
    service_token(&options.common, environment)?.ok_or_else(|| {
        Failure::usage(
            "a service token is needed: --service-token-file, CF_ACCESS_CLIENT_ID and CF_ACCESS_CLIENT_SECRET, or \
             `sallyport context service-token`",
        )
    })
}

impl Call {
    fn new(options: &Options, url: Url) -> Outcome<Self> {
        let mut http = Client::builder()
            .no_proxy()
            .redirect(redirect::Policy::none())
            .connect_timeout(CONNECT)
            .timeout(Duration::from_secs(options.max_time))
            .user_agent(concat!("sallyport/", env!("CARGO_PKG_VERSION")));
        let host = url.host_str().unwrap_or_default();
        // Names under localhost are this machine, whatever a resolver says.
        let is_local = host.ends_with(".localhost");
        if let Some(address) = options.resolve.or_else(|| is_local.then_some(Ipv4Addr::LOCALHOST.into())) {
            http = http.resolve(host, SocketAddr::new(address, 0));
        }
        let http = http.build().map_err(|error| Failure::failed(format!("no HTTP client: {error}")))?;
        let body = options.data.as_deref().map(read_body).transpose()?;
        let method = match (&options.request, &body) {
            (Some(method), _) => Method::from_bytes(method.as_bytes())
                .map_err(|_| Failure::usage(format!("{method} is no method")))?,
            (None, Some(_)) => Method::POST,
            (None, None) => Method::GET,
        };
        let mut headers = HeaderMap::new();
        for header in &options.header {
            let (name, value) = read_header(header)?;
            headers.append(name, value);
        }
        Ok(Self { http, method, url, headers, body })
    }

    async fn send(&self, credential: impl FnOnce(&mut HeaderMap) -> Outcome) -> Outcome<Response> {
        let mut headers = self.headers.clone();
        credential(&mut headers)?;
        let request = self.http.request(self.method.clone(), self.url.clone()).headers(headers);
        let request = match &self.body {
            Some(body) => request.body(body.clone()),
            None => request,
        };
        request.send().await.map_err(|error| {
            let host = self.url.host_str().unwrap_or_default();
            Failure::new(Code::Unavailable, format!("cannot ask {host}: {}", cause(&error.without_url())))
        })
    }
}

fn cause(error: &dyn std::error::Error) -> String {
    error.source().map_or_else(|| error.to_string(), cause)
}

fn read_body(file: &Path) -> Outcome<Vec<u8>> {
    let read = if file == Path::new("-") {
        let mut body = Vec::new();
        std::io::Read::read_to_end(&mut std::io::stdin(), &mut body).map(|_| body)
    } else {
        std::fs::read(file)
    };
    read.map_err(|error| Failure::usage(format!("cannot read {}: {error}", file.display())))
}

fn read_header(text: &str) -> Outcome<(HeaderName, HeaderValue)> {
    // What is wrong about it may be a secret: it is not repeated.
    let wrong = || Failure::usage("a header is like `Accept: text/plain`");
    let (name, value) = text.split_once(':').ok_or_else(wrong)?;
    let name = HeaderName::from_bytes(name.trim().as_bytes()).map_err(|_| wrong())?;
    if NOT_YOURS.contains(&name.as_str()) {
        return Err(Failure::usage(format!(
            "{name} carries a secret, and arguments are seen by everybody on this machine"
        )));
    }
    Ok((name, HeaderValue::from_str(value.trim()).map_err(|_| wrong())?))
}

fn pair(headers: &mut HeaderMap, token: &ServiceToken) -> Outcome {
    let wrong = |_| Failure::usage("the service token holds what no header may");
    headers.insert(CLIENT_ID, HeaderValue::from_str(&token.client_id).map_err(wrong)?);
    headers.insert(CLIENT_SECRET, sensitive(token.client_secret.expose())?);
    Ok(())
}

fn cookie(headers: &mut HeaderMap, session: &str) -> Outcome {
    headers.insert("cookie", sensitive(&format!("{COOKIE}={session}"))?);
    Ok(())
}

fn sensitive(text: &str) -> Outcome<HeaderValue> {
    let value = HeaderValue::from_str(text);
    let mut value = value.map_err(|_| Failure::usage("a secret holds what no header may"))?;
    value.set_sensitive(true);
    Ok(value)
}

/// Why the gateway, not the application, says no.
fn refusal(answer: &Response) -> Option<String> {
    answer.headers().get(ERROR).and_then(|it| it.to_str().ok()).map(str::to_owned)
}

fn session_of(answer: &Response) -> Option<String> {
    let of = |cookie: &str| {
        let (name, value) = cookie.split(';').next()?.trim().split_once('=')?;
        (name == COOKIE && !value.is_empty()).then(|| value.to_owned())
    };
    answer.headers().get_all("set-cookie").iter().filter_map(|it| it.to_str().ok()).find_map(of)
}

async fn show(out: Out, options: &Options, answer: Response) -> Outcome {
    let status = answer.status();
    let refusal = refusal(&answer);
    if options.include {
        let mut head = format!("{:?} {status}\n", answer.version());
        for (name, value) in answer.headers() {
            let is_session = name == "set-cookie" && value.as_bytes().starts_with(COOKIE.as_bytes());
            let value =
                if is_session { "CF_Authorization=(kept)" } else { value.to_str().unwrap_or("(not text)") };
            let _ = writeln!(head, "{name}: {value}");
        }
        emit(&format!("{head}\n"))?;
    }
    let app = answer.headers().get(AUD).and_then(|it| it.to_str().ok()).map(str::to_owned);
    let body = answer.bytes().await;
    let body = body.map_err(|_| Failure::new(Code::Unavailable, "the answer broke off, or took too long"))?;
    emit_bytes(&body)?;
    match refusal {
        Some(reason) => {
            if !body.is_empty() && !body.ends_with(b"\n") {
                out.note("");
            }
            let code = if status.as_u16() == 429 || status.is_server_error() {
                Code::Unavailable
            } else {
                Code::Forbidden
            };
            let app = app.map(|aud| format!(" (application {aud})")).unwrap_or_default();
            Err(Failure::new(code, format!("the gateway does not admit it: {reason}{app}")))
        }
        None if options.fail && status.as_u16() >= 400 => {
            Err(Failure::failed(format!("the application answered {status}")))
        }
        None => Ok(()),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_secret_is_no_argument() {
        for header in
            ["CF-Access-Client-Secret: spst_x", "authorization: Bearer spst_x", "Cookie: a=spst_x", "spst_x"]
        {
            let refused = read_header(header).unwrap_err();
            assert!(refused.code == Code::Usage && !refused.message.contains("spst_x"), "{refused:?}");
        }
        assert!(read_url("https://user:pass@host/").unwrap_err().message.contains("without a password"));
        assert!(read_header("Accept: text/plain").is_ok());
    }
}
