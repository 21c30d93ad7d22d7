//! Redis: a cache, so nothing is kept on disk.

use crate::launch::{Launch, Probe, Stop, arguments, folder, free_port, quoted, setpriv, write_secret};
use crate::{Search, Server, new_password, temporary};
use anyhow::Result;
use std::path::Path;

/// A running Redis.
#[derive(Debug)]
pub struct Redis {
    pub server: Server,
    url: Url,
}

/// Holds a password: not for logs.
pub(crate) struct Url(pub String);

impl std::fmt::Debug for Url {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str("[url with password]")
    }
}

/// How often a start is tried when somebody takes the port first.
pub(crate) const ATTEMPTS: u32 = 5;

impl Redis {
    /// In the folder `redis` of `directory`.
    pub async fn start(directory: &Path, search: &Search) -> Result<Self> {
        let program = search.redis()?;
        let folder = folder(directory, "redis")?;
        let config = folder.join("redis.conf");
        let mut attempt = 1;
        loop {
            let (port, password) = (free_port()?, new_password());
            write_secret(&config, None, &configuration(port, &password, &folder)?)?;
            let url = Url(format!("redis://:{password}@127.0.0.1:{port}/0"));
            let launch = Launch {
                name: "Redis",
                program: program.clone(),
                arguments: arguments([&config]),
                user: None,
                setpriv: setpriv(search),
                log: folder.join("server.log"),
                stop: Stop::Terminate,
                probe: Probe::Redis { port, password },
                environment: Vec::new(),
            };
            match Server::start(launch).await {
                Ok(server) => return Ok(Self { server, url }),
                Err(error) if Server::is_port_taken(&error) && attempt < ATTEMPTS => attempt += 1,
                Err(error) => return Err(error),
            }
        }
    }

    /// In a temporary directory, removed when this value goes.
    pub async fn throwaway(search: &Search) -> Result<Self> {
        let directory = temporary()?;
        let mut redis = Self::start(directory.path(), search).await?;
        redis.server.keep(directory);
        Ok(redis)
    }

    /// `redis://:password@127.0.0.1:port/0`
    pub fn url(&self) -> &str {
        &self.url.0
    }
}

fn configuration(port: u16, password: &str, folder: &Path) -> Result<String> {
    Ok(format!(
        "bind 127.0.0.1\nport {port}\nrequirepass {password}\nsave \"\"\nappendonly no\ndaemonize no\ndir {}\n",
        quoted(folder)?
    ))
}
