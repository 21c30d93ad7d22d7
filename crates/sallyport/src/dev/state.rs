//! What is remembered between two starts: `dev.json` and the key files, readable by their owner alone.

use anyhow::{Context as _, Result, bail};
use aws_lc_rs::rand;
use model::AccountId;
use serde::{Deserialize, Serialize};
use std::fs::{self, OpenOptions};
use std::io::Write as _;
use std::os::unix::fs::{DirBuilderExt as _, OpenOptionsExt as _};
use std::path::{Path, PathBuf};
use zeroize::Zeroizing;

#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum Topology {
    Embedded,
    Distributed,
}

/// `dev.json`. Holds the API token: this is one developer's machine.
#[derive(Clone, Serialize, Deserialize)]
pub struct Memory {
    pub topology: Topology,
    pub account_id: String,
    pub api_token: String,
    /// The gateway's and the admin API's.
    pub ports: Option<(u16, u16)>,
    pub application: Option<Application>,
    pub service_token: Option<ServiceToken>,
}

#[derive(Clone, Serialize, Deserialize)]
pub struct Application {
    pub id: String,
    pub aud: String,
    pub domain: String,
}

#[derive(Clone, Serialize, Deserialize)]
pub struct ServiceToken {
    pub id: String,
    pub client_id: String,
}

/// A data directory and its memory.
pub struct State {
    pub data_dir: PathBuf,
    pub memory: Memory,
}

impl State {
    /// Reads what is there, or begins anew.
    pub fn open(data_dir: &Path, topology: Topology) -> Result<Self> {
        let cannot_make = || format!("cannot make the data directory {}", data_dir.display());
        // Others may pass through, not look: PostgreSQL runs as its own user beneath.
        fs::DirBuilder::new().recursive(true).mode(0o711).create(data_dir).with_context(cannot_make)?;
        let data_dir = data_dir.canonicalize().with_context(cannot_make)?;
        let file = data_dir.join("dev.json");
        let memory = match fs::read(&file) {
            Ok(text) => serde_json::from_slice::<Memory>(&text)
                .with_context(|| format!("{} is not readable; move it away to begin anew", file.display()))?,
            Err(error) if error.kind() == std::io::ErrorKind::NotFound => Memory {
                topology,
                account_id: AccountId::random().to_string(),
                api_token: format!("spat_{}", hex::encode(random::<20>()?)),
                ports: None,
                application: None,
                service_token: None,
            },
            Err(error) => return Err(error).with_context(|| format!("cannot read {}", file.display())),
        };
        if memory.topology != topology {
            bail!("{} was made by the other topology; choose another with --data-dir", data_dir.display());
        }
        let state = Self { data_dir, memory };
        state.save()?;
        Ok(state)
    }

    pub fn save(&self) -> Result<()> {
        let text = serde_json::to_vec_pretty(&self.memory)?;
        write_private(&self.data_dir.join("dev.json"), &text)
    }

    /// A folder of the data directory, made if it is not there.
    pub fn folder(&self, name: &str) -> Result<PathBuf> {
        let folder = self.data_dir.join(name);
        let made = fs::DirBuilder::new().recursive(true).mode(0o700).create(&folder);
        made.with_context(|| format!("cannot make {}", folder.display()))?;
        Ok(folder)
    }

    /// The file of a key of 32 random bytes in hex, made at the first call.
    pub fn key_file(&self, name: &str) -> Result<PathBuf> {
        let file = self.folder("keys")?.join(format!("{name}.key"));
        if !file.exists() {
            write_private(&file, Zeroizing::new(hex::encode(random::<32>()?)).as_bytes())?;
        }
        Ok(file)
    }

    /// The key itself.
    pub fn key(&self, name: &str) -> Result<Zeroizing<Vec<u8>>> {
        let text = Zeroizing::new(fs::read_to_string(self.key_file(name)?)?);
        let key = hex::decode(text.trim()).with_context(|| format!("the key file of {name} is damaged"))?;
        Ok(Zeroizing::new(key))
    }

    /// SHA-256 of the API token, in hex.
    pub fn api_token_digest(&self) -> String {
        let digest = aws_lc_rs::digest::digest(&aws_lc_rs::digest::SHA256, self.memory.api_token.as_bytes());
        hex::encode(digest.as_ref())
    }
}

fn random<const N: usize>() -> Result<[u8; N]> {
    let mut bytes = [0; N];
    rand::fill(&mut bytes).map_err(|_| anyhow::anyhow!("no randomness"))?;
    Ok(bytes)
}

/// Whole or not at all.
pub fn write_private(file: &Path, content: &[u8]) -> Result<()> {
    let write = || {
        let beside = file.with_extension("new");
        let mut written =
            OpenOptions::new().write(true).create(true).truncate(true).mode(0o600).open(&beside)?;
        written.write_all(content)?;
        written.sync_all()?;
        fs::rename(&beside, file)
    };
    write().with_context(|| format!("cannot write {}", file.display()))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_second_start_finds_everything_again() {
        let folder = tempfile::tempdir().unwrap();
        let mut first = State::open(folder.path(), Topology::Embedded).unwrap();
        let key = first.key("pepper").unwrap();
        first.memory.ports = Some((1, 2));
        first.save().unwrap();
        let second = State::open(folder.path(), Topology::Embedded).unwrap();
        assert_eq!(second.memory.api_token, first.memory.api_token);
        assert_eq!(second.memory.ports, Some((1, 2)));
        assert_eq!(second.key("pepper").unwrap(), key);
        assert!(State::open(folder.path(), Topology::Distributed).is_err());
    }
}
