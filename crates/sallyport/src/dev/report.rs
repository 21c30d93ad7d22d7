//! What is printed when everything accepts connections.

use crate::dev::places::Places;
use crate::dev::seed::Seeded;
use anyhow::Result;
use serde_json::json;
use std::io::Write as _;

pub struct Report<'a> {
    pub seeded: Seeded,
    pub places: &'a Places,
    pub is_distributed: bool,
}

impl Report<'_> {
    fn gateways(&self) -> Vec<String> {
        self.places.gateways.iter().map(|address| format!("http://{address}")).collect()
    }

    /// One object on one line, and nothing else on standard output.
    pub fn print_json(&self) -> Result<()> {
        let Seeded { account_id, api_token, application, service_token, client_secret } = &self.seeded;
        let gateways = self.gateways();
        let mut object = json!({
            "gateway": gateways.first(),
            "admin": format!("http://{}", self.places.admin),
            "account_id": account_id,
            "api_token": api_token,
            "team_domain": self.places.issuer(),
            "application": { "id": application.id, "aud": application.aud, "domain": application.domain },
            "service_token": { "id": service_token.id, "client_id": service_token.client_id, "client_secret": client_secret },
            "outbox": self.places.outbox,
            "data_dir": self.places.data_dir,
        });
        if let Some(object) = object.as_object_mut().filter(|_| self.is_distributed) {
            object.insert("gateways".to_owned(), json!(gateways));
        }
        if let (Some(object), Some(ext_authz)) = (object.as_object_mut(), self.places.ext_authz) {
            object.insert("ext_authz".to_owned(), json!(format!("http://{ext_authz}")));
        }
        if let (Some(object), Some(forward_auth)) = (object.as_object_mut(), self.places.forward_auth) {
            object.insert("forward_auth".to_owned(), json!(format!("http://{forward_auth}")));
        }
        if let (Some(object), Some(operations)) = (object.as_object_mut(), self.places.operations) {
            object.insert("operations".to_owned(), json!(format!("http://{operations}")));
        }
        let mut out = std::io::stdout().lock();
        writeln!(out, "{object}")?;
        out.flush()?;
        Ok(())
    }

    /// For a person: what there is, and what to try, in an order that tells the story.
    pub fn print(&self) -> Result<()> {
        let Seeded { account_id, api_token, application, service_token, client_secret } = &self.seeded;
        let port = self.places.gateways.first().map_or(80, std::net::SocketAddr::port);
        let app = format!("http://{}:{port}", application.domain);
        let api = format!("http://{}/client/v4/accounts/{account_id}", self.places.admin);
        let (client_id, token_id) = (&service_token.client_id, &service_token.id);
        let mut out = std::io::stdout().lock();
        writeln!(out, "Sallyport is running. Ctrl-C stops it.\n")?;
        for (name, value) in [
            ("gateway", self.gateways().join("  ")),
            ("admin API", format!("http://{}", self.places.admin)),
            ("API contract", format!("http://{}/client/v4/docs", self.places.admin)),
            ("team domain", self.places.issuer()),
            ("account", account_id.clone()),
            ("API token", api_token.clone()),
            ("application", format!("{}  aud {}", application.domain, application.aud)),
            ("Client ID", client_id.clone()),
            (
                "Client Secret",
                client_secret
                    .clone()
                    .unwrap_or_else(|| "shown once, at the first start; rotate it to get a new one".into()),
            ),
            ("mail goes to", self.places.outbox.display().to_string()),
            ("data", self.places.data_dir.display().to_string()),
        ] {
            writeln!(out, "  {name:<14} {value}")?;
        }
        if let Some(ext_authz) = self.places.ext_authz {
            writeln!(out, "  {:<14} {ext_authz}  for Envoy's external authorization, gRPC", "ext_authz")?;
        }
        if let Some(forward_auth) = self.places.forward_auth {
            writeln!(out, "  {:<14} http://{forward_auth}/authz/…", "other proxies")?;
        }
        if let Some(operations) = self.places.operations {
            writeln!(out, "  {:<14} http://{operations}/metrics", "metrics")?;
        }
        let secret = client_secret.as_deref().unwrap_or("$CLIENT_SECRET");
        let bearer = format!("-H 'Authorization: Bearer {api_token}'");
        let pair = format!("-H 'CF-Access-Client-Id: {client_id}' -H 'CF-Access-Client-Secret: {secret}'");
        let (token, app_api) = (
            format!("{api}/access/service_tokens/{token_id}"),
            format!("{api}/access/apps/{}", application.id),
        );
        let call = |method: &str, url: &str, body: &str| {
            let body = if body.is_empty() { String::new() } else { format!(" -d '{body}'") };
            format!("curl -X {method} {bearer} {url}{body}")
        };
        let block =
            r#"{"name":"block a network","decision":"deny","include":[{"ip":{"ip":"192.0.2.0/24"}}]}"#;
        let alert = r#"{"name":"tell me","alert_type":"expiring_service_token_alert","enabled":true,"mechanisms":{"email":[{"id":"you@localhost"}]}}"#;
        let soon = r#"{"duration":"100h"}"#;
        writeln!(out, "\nTry, in this order:\n")?;
        for (what, command) in [
            ("no credential is refused", format!("curl -i {app}/hello")),
            (
                "the service token opens it, and gets a session",
                format!("curl -i -c session.txt {pair} {app}/hello"),
            ),
            ("the session alone is enough", format!("curl -b session.txt {app}/hello")),
            ("the keys that verify it", format!("curl {}/cdn-cgi/access/certs", self.places.issuer())),
            (
                "another policy; it applies to the next request",
                call("POST", &format!("{app_api}/policies"), block),
            ),
            ("one year from now", call("POST", &format!("{token}/refresh"), "")),
            ("off: secret and sessions stop at once", call("PUT", &token, r#"{"enabled":false}"#)),
            ("and on again", call("PUT", &token, r#"{"enabled":true}"#)),
            ("a token that a policy names cannot be deleted", call("DELETE", &token, "")),
            ("end every session of the application", call("POST", &format!("{app_api}/revoke_tokens"), "")),
            (
                "be told a week before a token expires",
                call("POST", &format!("{api}/alerting/v3/policies"), alert),
            ),
            ("which it now does: look where the mail goes", call("PUT", &token, soon)),
            ("a new secret; the old one stops at once", call("POST", &format!("{token}/rotate"), "")),
        ] {
            writeln!(out, "  # {what}\n  {command}\n")?;
        }
        out.flush()?;
        Ok(())
    }
}
