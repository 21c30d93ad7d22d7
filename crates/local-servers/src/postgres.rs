//! `PostgreSQL`: one cluster, and in it one database and one role per service.

use crate::launch::{
    self, Launch, Probe, Stop, User, arguments, folder, free_port, is_open_to_all, setpriv, write_secret,
};
use crate::redis::{ATTEMPTS, Url};
use crate::{Durability, Search, Server, new_password, temporary};
use anyhow::{Context as _, Result, bail, ensure};
use std::path::{Path, PathBuf};
use std::process::Stdio;
use tokio::io::AsyncWriteExt as _;

/// A running `PostgreSQL`. Roles log in over TCP with SCRAM; there is no socket file.
#[derive(Debug)]
pub struct Postgres {
    pub server: Server,
    bin: PathBuf,
    port: u16,
    url: Url,
    superuser_password: Secret,
}

struct Secret(String);

impl std::fmt::Debug for Secret {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str("[password]")
    }
}

impl Postgres {
    /// In the folder `postgres` of `directory`. The cluster that is there is used again, else one is made.
    /// Started by root, it runs as `postgres` or `nobody`, who then owns the folder.
    pub async fn start(directory: &Path, search: &Search, durability: Durability) -> Result<Self> {
        let bin = search.postgres()?;
        let folder = folder(directory, "postgres")?;
        let mut user = User::instead_of_root()?;
        if let Some(user) = &mut user {
            user.through_closed_directories = !folder.parent().is_some_and(is_open_to_all);
        }
        User::own(user.as_ref(), &folder)?;
        let cluster = Cluster { bin, setpriv: setpriv(search), user, folder, durability };
        let superuser_password = cluster.prepare().await?;
        let mut attempt = 1;
        loop {
            let port = free_port()?;
            match Server::start(cluster.launch(port)).await {
                Ok(server) => {
                    let url =
                        Url(format!("postgres://postgres:{superuser_password}@127.0.0.1:{port}/postgres"));
                    let superuser_password = Secret(superuser_password);
                    return Ok(Self { server, bin: cluster.bin, port, url, superuser_password });
                }
                Err(error) if Server::is_port_taken(&error) && attempt < ATTEMPTS => attempt += 1,
                Err(error) => return Err(error),
            }
        }
    }

    /// In a temporary directory, removed when this value goes.
    pub async fn throwaway(search: &Search) -> Result<Self> {
        let directory = temporary()?;
        let mut postgres = Self::start(directory.path(), search, Durability::Throwaway).await?;
        postgres.server.keep(directory);
        Ok(postgres)
    }

    /// The superuser's: `postgres://postgres:password@127.0.0.1:port/postgres`
    pub fn url(&self) -> &str {
        &self.url.0
    }

    /// Makes a database and the role that owns it, where they are missing, and gives the role this password, or a
    /// new one. No other role may connect to the database. Answers the role's URL.
    ///
    /// Names are 1 to 63 characters of `a-z`, `0-9` and `_`, and start with a letter.
    pub async fn create_database(&self, name: &str, role: &str, password: Option<&str>) -> Result<String> {
        ensure!(is_identifier(name), "{name:?} cannot name a database");
        ensure!(is_identifier(role), "{role:?} cannot name a role");
        let password = password.map_or_else(new_password, str::to_owned);
        ensure!(
            !password.is_empty() && password.chars().all(|c| c.is_ascii_alphanumeric() || "-._~".contains(c)),
            "the password must be of letters, digits and - . _ ~, which need no escape in a URL"
        );
        // A failing statement is written to the server's log, and these hold the password.
        self.execute(&format!(
            "SET log_min_error_statement = panic;
             SELECT 'CREATE ROLE {role}' WHERE NOT EXISTS (SELECT FROM pg_roles WHERE rolname = '{role}') \\gexec
             ALTER ROLE {role} LOGIN PASSWORD '{password}';
             SELECT 'CREATE DATABASE {name} OWNER {role}'
              WHERE NOT EXISTS (SELECT FROM pg_database WHERE datname = '{name}') \\gexec
             REVOKE ALL ON DATABASE {name} FROM PUBLIC;"
        ))
        .await
        .with_context(|| format!("cannot create the database {name}"))?;
        Ok(format!("postgres://{role}:{password}@127.0.0.1:{}/{name}", self.port))
    }

    /// Removes a database, ending its connections, and the role of [`Self::create_database`], if they are there.
    pub async fn drop_database(&self, name: &str, role: &str) -> Result<()> {
        ensure!(is_identifier(name), "{name:?} cannot name a database");
        ensure!(is_identifier(role), "{role:?} cannot name a role");
        self.execute(&format!("DROP DATABASE IF EXISTS {name} WITH (FORCE);\nDROP ROLE IF EXISTS {role};"))
            .await
            .with_context(|| format!("cannot drop the database {name}"))
    }

    /// Runs statements as the superuser, through `psql`, up to the first that fails.
    async fn execute(&self, statements: &str) -> Result<()> {
        let mut psql = tokio::process::Command::new(self.bin.join("psql"))
            .args([
                "-X",
                "-q",
                "-v",
                "ON_ERROR_STOP=1",
                "-h",
                "127.0.0.1",
                "-U",
                "postgres",
                "-d",
                "postgres",
            ])
            .args(["-p", &self.port.to_string()])
            .env("PGPASSWORD", &self.superuser_password.0)
            .current_dir("/")
            .stdin(Stdio::piped())
            .stdout(Stdio::null())
            .stderr(Stdio::piped())
            .kill_on_drop(true)
            .spawn()
            .context("cannot run psql")?;
        let mut stdin = psql.stdin.take().context("psql has no input")?;
        stdin.write_all(statements.as_bytes()).await?;
        drop(stdin);
        let output = psql.wait_with_output().await?;
        ensure!(output.status.success(), "{}", String::from_utf8_lossy(&output.stderr).trim());
        Ok(())
    }
}

fn is_identifier(name: &str) -> bool {
    name.len() <= 63
        && name.starts_with(|c: char| c.is_ascii_lowercase())
        && name.chars().all(|c| c.is_ascii_lowercase() || c.is_ascii_digit() || c == '_')
}

/// A cluster on disk.
struct Cluster {
    bin: PathBuf,
    setpriv: Option<PathBuf>,
    user: Option<User>,
    /// Holds `data`, the superuser's password and the log.
    folder: PathBuf,
    durability: Durability,
}

impl Cluster {
    fn data(&self) -> PathBuf {
        self.folder.join("data")
    }

    /// Makes the cluster where there is none. Answers the superuser's password.
    async fn prepare(&self) -> Result<String> {
        let password_file = self.folder.join("superuser-password");
        if self.data().exists() {
            let password = std::fs::read_to_string(&password_file);
            return password.with_context(|| format!("cannot read {}", password_file.display()));
        }
        let password = new_password();
        write_secret(&password_file, self.user.as_ref(), &password)?;
        // Renamed when complete: an interrupted start leaves no half cluster behind.
        let unfinished = self.folder.join("data.unfinished");
        if unfinished.exists() {
            std::fs::remove_dir_all(&unfinished).context("cannot remove an unfinished cluster")?;
        }
        let initdb = self.bin.join("initdb");
        let initdb = launch::command(&initdb, self.setpriv.as_deref(), self.user.as_ref(), None, &[])?;
        let mut initdb = tokio::process::Command::from(initdb);
        initdb.arg("-D").arg(&unfinished).arg("--pwfile").arg(&password_file);
        initdb.args(["-U", "postgres", "--auth=scram-sha-256", "-E", "UTF8", "--locale=C.UTF-8"]);
        if self.durability == Durability::Throwaway {
            initdb.arg("--no-sync");
        }
        initdb.current_dir("/").stdin(Stdio::null()).process_group(0).kill_on_drop(true);
        let output = initdb.output().await.context("cannot run initdb")?;
        if !output.status.success() {
            bail!("initdb failed:\n{}", String::from_utf8_lossy(&output.stderr).trim());
        }
        std::fs::rename(&unfinished, self.data()).context("cannot put the new cluster in place")?;
        Ok(password)
    }

    fn launch(&self, port: u16) -> Launch {
        let data = self.data();
        let port = format!("port={port}");
        let mut arguments = arguments([&"-D", &data]);
        let mut settings = vec![
            port.as_str(),
            "listen_addresses=127.0.0.1",
            "unix_socket_directories=",
            "max_connections=300",
            "logging_collector=off",
        ];
        if self.durability == Durability::Throwaway {
            settings.extend(["fsync=off", "synchronous_commit=off", "full_page_writes=off"]);
        }
        arguments.extend(settings.into_iter().flat_map(|setting| ["-c".into(), setting.into()]));
        Launch {
            name: "PostgreSQL",
            program: self.bin.join("postgres"),
            arguments,
            user: self.user.clone(),
            setpriv: self.setpriv.clone(),
            log: self.folder.join("server.log"),
            // "Fast": clients are disconnected, and what was committed is on disk. "Immediate" skips the latter.
            stop: match self.durability {
                Durability::Durable => Stop::Interrupt,
                Durability::Throwaway => Stop::Quit,
            },
            probe: Probe::Postgres { state: data.join("postmaster.pid") },
            environment: Vec::new(),
        }
    }
}
