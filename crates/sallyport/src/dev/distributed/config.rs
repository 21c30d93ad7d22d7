//! The configuration files of the processes: the same that an operator would write.

use crate::dev::places::{Places, loopback};
use crate::dev::state::{State, write_private};
use crate::dev::{MAIL_FROM, pki};
use crate::embedded::OPERATOR;
use anyhow::{Context as _, Result};
use edge_gateway::config::{Proxy, Throttle};
use ipnet::IpNet;
use service_kit::Callers;
use std::collections::BTreeMap;
use std::net::SocketAddr;
use std::path::PathBuf;
use toml::{Table, Value, toml};

/// One process.
pub struct Service {
    /// With dashes: `token-registry`.
    pub kind: &'static str,
    pub name: String,
    pub listen: SocketAddr,
    pub operations: SocketAddr,
}

impl Service {
    /// Its table in a configuration file.
    pub fn table(&self) -> String {
        self.kind.replace('-', "_")
    }
}

/// What all files have in common.
pub struct Configs {
    pub folder: PathBuf,
    pub pki: PathBuf,
    pub log: String,
    pub otlp: Option<String>,
    pub redis: String,
    pub nats: String,
    pub services: Vec<Service>,
    pub routes: Routes,
}

/// Who reaches whom by another address than the callee's own: through a proxy in between.
#[derive(Default)]
pub struct Routes(BTreeMap<(String, String), SocketAddr>);

impl Routes {
    /// `caller` is a process, `callee` a kind of service or a server.
    pub fn set(&mut self, caller: &str, callee: &str, address: SocketAddr) {
        self.0.insert((caller.to_owned(), callee.to_owned()), address);
    }

    /// The URL as `caller` uses it.
    fn apply(&self, caller: &str, callee: &str, url: &str) -> String {
        match (self.0.get(&(caller.to_owned(), callee.to_owned())), address_in(url)) {
            (Some(address), Some(own)) => url.replacen(&own.to_string(), &address.to_string(), 1),
            _ => url.to_owned(),
        }
    }
}

/// The `host:port` of a URL.
pub fn address_in(url: &str) -> Option<SocketAddr> {
    let (_, rest) = url.split_once("://")?;
    let authority = rest.split('/').next()?;
    authority.rsplit('@').next()?.parse().ok()
}

impl Configs {
    /// Where a service listens for gRPC.
    pub fn url(&self, kind: &str) -> Result<String> {
        let service = self.services.iter().find(|service| service.kind == kind);
        service.map(|service| format!("https://{}", service.listen)).with_context(|| format!("no {kind}"))
    }

    /// The services as `caller` reaches them.
    fn peers(&self, caller: &str) -> Result<Table> {
        let mut peers = Table::new();
        for kind in ["token-registry", "policy-evaluator", "session-issuer", "notifier"] {
            let url = self.routes.apply(caller, kind, &self.url(kind)?);
            peers.insert(kind.replace('-', "_"), url.into());
        }
        Ok(peers)
    }

    /// `services.json`: where each service listens, for programs that call them.
    pub fn write_index(&self) -> Result<()> {
        write_private(&self.folder.join("services.json"), &serde_json::to_vec_pretty(&self.peers("")?)?)
    }

    /// Writes one process's file.
    pub fn write(&self, service: &Service, table: &Table) -> Result<PathBuf> {
        let files = pki::files(&self.pki, service.kind);
        let path = |path: PathBuf| Value::from(path.display().to_string());
        let mut file = Table::new();
        file.insert("telemetry".into(), toml! { format = "text" }.into());
        if let Some(Value::Table(telemetry)) = file.get_mut("telemetry") {
            telemetry.insert("level".into(), self.log.clone().into());
            if let Some(otlp) = &self.otlp {
                telemetry.insert("otlp".into(), otlp.clone().into());
                telemetry.insert("sample".into(), 1.0.into());
            }
        }
        let mut tls = Table::new();
        tls.insert("authority".into(), path(files.authority));
        tls.insert("certificate".into(), path(files.certificate));
        tls.insert("key".into(), path(files.key));
        file.insert("tls".into(), tls.into());
        file.insert("peers".into(), self.peers(&service.name)?.into());
        file.insert(service.table(), table.clone().into());
        let config = self.folder.join(format!("{}.toml", service.name));
        write_private(&config, toml::to_string(&file)?.as_bytes())?;
        Ok(config)
    }

    /// The admin API's file.
    pub fn admin(&self, state: &State, places: &Places) -> Result<PathBuf> {
        let service = self.find("admin-api")?;
        let mut table = addresses(service);
        table.insert("listen".into(), places.admin.to_string().into());
        let mut token = Table::new();
        token.insert("account_id".into(), state.memory.account_id.clone().into());
        token.insert("name".into(), "development".into());
        token.insert("sha256".into(), state.api_token_digest().into());
        table.insert("api_tokens".into(), Value::Array(vec![token.into()]));
        table.insert("requests_per_five_minutes".into(), 0.into());
        self.write(service, &table)
    }

    /// One gateway's file.
    pub fn gateway(
        &self,
        name: &str,
        listen: SocketAddr,
        ext_authz: Option<SocketAddr>,
        forward_auth: Option<SocketAddr>,
        proxy: &Proxy,
    ) -> Result<PathBuf> {
        let service = self.services.iter().find(|service| service.name == name).context("a gateway")?;
        let mut table = addresses(service);
        table.insert("listen".into(), listen.to_string().into());
        table.insert("name".into(), name.into());
        table.insert("bus".into(), self.routes.apply(name, "nats", &self.nats).into());
        if let Some(ext_authz) = ext_authz {
            let listen = Table::from_iter([("listen".to_owned(), ext_authz.to_string().into())]);
            table.insert("ext_authz".into(), listen.into());
        }
        let Proxy {
            upstream,
            upstreams: _,
            is_https: _,
            passed_certificates: _,
            tls: _,
            allow_plain_http: _,
            proxy_protocol_from: _,
            trusted_proxies,
            country_header,
            country_database,
            throttle,
            decisions: _,
            is_unguarded: _,
        } = proxy;
        let texts = [
            ("upstream", upstream.clone()),
            ("country_header", country_header.clone()),
            ("country_database", country_database.as_ref().map(|path| path.display().to_string())),
        ];
        table.extend(texts.into_iter().filter_map(|(key, text)| Some((key.to_owned(), Value::from(text?)))));
        let Throttle {
            wrong_per_client_id,
            wrong_per_source,
            max_exchanges,
            max_waiting,
            exchange_timeout_s,
        } = throttle;
        let numbers = [
            ("wrong_per_client_id", wrong_per_client_id),
            ("wrong_per_source", wrong_per_source),
            ("max_exchanges", max_exchanges),
            ("max_waiting", max_waiting),
            ("exchange_timeout_s", exchange_timeout_s),
        ];
        let throttle = numbers.map(|(key, number)| (key.to_owned(), Value::from(i64::from(number.get()))));
        table.insert("throttle".into(), Value::Table(Table::from_iter(throttle)));
        let networks =
            |networks: &[IpNet]| networks.iter().map(|it| Value::from(it.to_string())).collect::<Vec<_>>();
        table.insert("trusted_proxies".into(), networks(trusted_proxies).into());
        if let Some(listen) = forward_auth {
            let mut front = Table::new();
            front.insert("listen".into(), listen.to_string().into());
            front.insert("trusted_proxies".into(), networks(&loopback()).into());
            table.insert("forward_auth".into(), front.into());
        }
        self.write(service, &table)
    }

    fn find(&self, kind: &str) -> Result<&Service> {
        self.services.iter().find(|service| service.kind == kind).with_context(|| format!("no {kind}"))
    }
}

fn addresses(service: &Service) -> Table {
    let mut table = Table::new();
    table.insert("listen".into(), service.listen.to_string().into());
    table.insert("operations".into(), service.operations.to_string().into());
    table
}

/// The table of a service that has a database.
pub fn backend(
    state: &State,
    configs: &Configs,
    service: &Service,
    database: &str,
    places: &Places,
) -> Result<Table> {
    let mut table = addresses(service);
    let mut put = |key: &str, value: String| table.insert(key.to_owned(), value.into());
    let route = |callee: &str, url: &str| configs.routes.apply(&service.name, callee, url);
    put("database", route("postgresql", database));
    let key = |name: &str| anyhow::Ok(state.key_file(name)?.display().to_string());
    let callers: Callers = match service.kind {
        "token-registry" => {
            put("cache", route("redis", &configs.redis));
            put("pepper", key("pepper")?);
            token_registry::default_callers()
        }
        "policy-evaluator" => policy_evaluator::default_callers(),
        "session-issuer" => {
            put("key_encryption_key", key("key-encryption")?);
            put("key_set_cache_lifetime", format!("{}s", crate::dev::KEY_SET_CACHE_LIFETIME.as_secs()));
            session_issuer::default_callers()
        }
        _ => {
            put("secrets_key", key("webhook-secrets")?);
            put("mailer", format!("file://{}", places.outbox.display()));
            put("from", MAIL_FROM.to_owned());
            put("scan_interval", format!("{}s", crate::dev::SCAN_INTERVAL.as_secs()));
            notifier::default_callers()
        }
    };
    table.insert("bus".into(), route("nats", &configs.nats).into());
    if service.kind == "notifier" {
        table.insert("allow_private_webhooks".into(), true.into());
    } else {
        table.insert("name".into(), service.name.clone().into());
    }
    table.insert("callers".into(), Value::try_from(callers.and(OPERATOR, &["*"]))?);
    Ok(table)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_route_changes_the_address_alone_and_only_for_its_caller() {
        let mut routes = Routes::default();
        routes.set("token-registry", "postgresql", "127.0.0.1:9".parse().unwrap());
        let url = "postgres://role:127.0.0.1@127.0.0.1:5432/database";
        let routed = "postgres://role:127.0.0.1@127.0.0.1:9/database";
        assert_eq!(routes.apply("token-registry", "postgresql", url), routed);
        assert_eq!(routes.apply("notifier", "postgresql", url), url);
        assert_eq!(routes.apply("token-registry", "redis", url), url);
    }
}
