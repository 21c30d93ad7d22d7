//! NATS with `JetStream`.

use crate::launch::{Launch, Probe, Stop, arguments, folder, free_port, quoted, setpriv, write_secret};
use crate::redis::{ATTEMPTS, Url};
use crate::{Search, Server, new_password, temporary};
use anyhow::Result;
use std::path::Path;

/// A running NATS.
#[derive(Debug)]
pub struct Nats {
    pub server: Server,
    url: Url,
}

impl Nats {
    /// In the folder `nats` of `directory`, streams in `nats/jetstream`.
    pub async fn start(directory: &Path, search: &Search) -> Result<Self> {
        let program = search.nats()?;
        let folder = folder(directory, "nats")?;
        let config = folder.join("nats.conf");
        let mut attempt = 1;
        loop {
            let (port, password) = (free_port()?, new_password());
            write_secret(&config, None, &configuration(port, &password, &folder)?)?;
            let launch = Launch {
                name: "NATS",
                program: program.clone(),
                arguments: arguments([&"-c", &config]),
                user: None,
                setpriv: setpriv(search),
                log: folder.join("server.log"),
                stop: Stop::Terminate,
                probe: Probe::Nats { port },
                environment: Vec::new(),
            };
            match Server::start(launch).await {
                Ok(server) => {
                    let url = Url(format!("nats://sallyport:{password}@127.0.0.1:{port}"));
                    return Ok(Self { server, url });
                }
                Err(error) if Server::is_port_taken(&error) && attempt < ATTEMPTS => attempt += 1,
                Err(error) => return Err(error),
            }
        }
    }

    /// In a temporary directory, removed when this value goes.
    pub async fn throwaway(search: &Search) -> Result<Self> {
        let directory = temporary()?;
        let mut nats = Self::start(directory.path(), search).await?;
        nats.server.keep(directory);
        Ok(nats)
    }

    /// `nats://user:password@127.0.0.1:port`
    pub fn url(&self) -> &str {
        &self.url.0
    }
}

fn configuration(port: u16, password: &str, folder: &Path) -> Result<String> {
    Ok(format!(
        "listen: \"127.0.0.1:{port}\"\n\
         authorization {{ user: sallyport, password: \"{password}\" }}\n\
         jetstream {{ store_dir: {}, max_memory_store: 64MB, max_file_store: 1GB }}\n",
        quoted(&folder.join("jetstream"))?
    ))
}
