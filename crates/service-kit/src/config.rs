//! One TOML file with a table per service, over which the environment is laid:
//! `SALLYPORT__TOKEN_REGISTRY__CACHE=redis://…` sets `cache` in `[token_registry]`.

use crate::channel::Peers;
use model::Error;
use serde::Deserialize;
use serde::de::DeserializeOwned;
use std::path::{Path, PathBuf};

/// Every table that a file may have.
const TABLES: [&str; 9] = [
    "telemetry",
    "tls",
    "peers",
    "token_registry",
    "policy_evaluator",
    "session_issuer",
    "notifier",
    "edge_gateway",
    "admin_api",
];

/// Files, PEM, for mutual TLS between services.
#[derive(Debug, Clone, Default, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Tls {
    /// The authority that signs every service's certificate.
    pub authority: PathBuf,
    /// This service's certificate, with URI name `spiffe://sallyport/service/<name>` and DNS name `<name>`.
    pub certificate: PathBuf,
    /// Its private key.
    pub key: PathBuf,
}

pub(crate) struct TlsFiles {
    pub authority: Vec<u8>,
    pub certificate: Vec<u8>,
    pub key: Vec<u8>,
}

impl Tls {
    pub(crate) fn read(&self) -> Result<TlsFiles, Error> {
        let read = |field: &str, path: &Path| {
            std::fs::read(path).map_err(|error| {
                Error::invalid(format!("tls/{field}"), format!("{}: {error}", path.display()))
            })
        };
        Ok(TlsFiles {
            authority: read("authority", &self.authority)?,
            certificate: read("certificate", &self.certificate)?,
            key: read("key", &self.key)?,
        })
    }
}

/// What a standalone service reads of the file.
pub struct Loaded<T> {
    pub service: T,
    pub telemetry: telemetry::Config,
    pub tls: Tls,
    pub peers: Peers,
}

/// Reads `file` and the environment, and the service's own `table`. Unknown tables and keys are refused.
pub fn load<T: DeserializeOwned>(file: &Path, table: &str) -> Result<Loaded<T>, Error> {
    let environment = config::Environment::with_prefix("SALLYPORT")
        .prefix_separator("__")
        .separator("__")
        .try_parsing(true);
    let all = config::Config::builder()
        .add_source(config::File::from(file).format(config::FileFormat::Toml))
        .add_source(environment)
        .build()
        .map_err(|error| unreadable(&error))?;
    let tables: toml::Table = all.clone().try_deserialize().map_err(|error| unreadable(&error))?;
    if let Some(unknown) = tables.keys().find(|key| !TABLES.contains(&key.as_str())) {
        return Err(Error::invalid(
            unknown.as_str(),
            format!("is not a table; there are: {}", TABLES.join(", ")),
        ));
    }
    Ok(Loaded {
        service: read(&all, table)?,
        telemetry: read_or_default(&all, "telemetry")?,
        tls: read_or_default(&all, "tls")?,
        peers: read_or_default(&all, "peers")?,
    })
}

fn read<T: DeserializeOwned>(all: &config::Config, table: &str) -> Result<T, Error> {
    all.get::<T>(table).map_err(|error| unreadable(&error))
}

fn read_or_default<T: DeserializeOwned + Default>(all: &config::Config, table: &str) -> Result<T, Error> {
    match all.get::<T>(table) {
        Err(config::ConfigError::NotFound(_)) => Ok(T::default()),
        other => other.map_err(|error| unreadable(&error)),
    }
}

fn unreadable(error: &config::ConfigError) -> Error {
    Error::invalid("config", error.to_string())
}

/// A secret kept in a file of its own.
pub fn read_secret(field: &str, path: &Path) -> Result<Vec<u8>, Error> {
    let text = std::fs::read_to_string(path)
        .map_err(|error| Error::invalid(field.to_owned(), format!("{}: {error}", path.display())))?;
    hex_bytes(text.trim()).ok_or_else(|| {
        Error::invalid(
            field.to_owned(),
            format!("{}: must hold 64 hex digits (32 random bytes)", path.display()),
        )
    })
}

fn hex_bytes(text: &str) -> Option<Vec<u8>> {
    let is_hex = text.len() == 64 && text.bytes().all(|byte| byte.is_ascii_hexdigit());
    let pairs = (0..32).map(|index| u8::from_str_radix(text.get(index * 2..index * 2 + 2)?, 16).ok());
    if is_hex { pairs.collect() } else { None }
}
