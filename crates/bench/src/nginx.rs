//! nginx before the same application, proxying plainly: what a proxy costs that checks nothing.

use anyhow::{Context as _, Result, ensure};
use rustix::process::{Pid, Signal, kill_process};
use std::net::SocketAddr;
use std::path::Path;
use std::process::{Child, Command, Stdio};
use std::time::Duration;
use tempfile::TempDir;

const PLACES: [&str; 3] = ["/usr/sbin/nginx", "/usr/bin/nginx", "/usr/local/sbin/nginx"];
/// How often it is looked whether it answers, 20 ms apart.
const LOOKS: u32 = 250;

/// A running nginx; it ends when this goes.
pub struct Nginx {
    pub address: SocketAddr,
    process: Child,
    _folder: TempDir,
}

impl Nginx {
    /// As many workers as cores. `None`: it is not installed.
    pub async fn start(upstream: SocketAddr) -> Result<Option<Self>> {
        let Some(program) = PLACES.into_iter().find(|place| Path::new(place).exists()) else {
            return Ok(None);
        };
        let folder = tempfile::tempdir()?;
        let address = SocketAddr::from(([127, 0, 0, 1], local_servers::free_port()?));
        let file = folder.path().join("nginx.conf");
        std::fs::write(&file, configuration(folder.path(), address, upstream))?;
        let process = Command::new(program)
            .arg("-p")
            .arg(folder.path())
            .args(["-e", "stderr", "-c"])
            .arg(&file)
            .stdin(Stdio::null())
            .spawn()
            .context("starting nginx")?;
        let mut nginx = Self { address, process, _folder: folder };
        for _ in 0..LOOKS {
            if tokio::net::TcpStream::connect(address).await.is_ok() {
                return Ok(Some(nginx));
            }
            ensure!(nginx.process.try_wait()?.is_none(), "nginx has ended");
            tokio::time::sleep(Duration::from_millis(20)).await;
        }
        anyhow::bail!("nginx does not answer")
    }
}

impl Drop for Nginx {
    fn drop(&mut self) {
        // The master ends its workers.
        let pid = i32::try_from(self.process.id()).ok().and_then(Pid::from_raw);
        if pid.is_some_and(|pid| kill_process(pid, Signal::TERM).is_ok()) {
            let _ = self.process.wait();
        }
    }
}

fn configuration(folder: &Path, address: SocketAddr, upstream: SocketAddr) -> String {
    let folder = folder.display();
    let temporary: String = ["client_body", "proxy", "fastcgi", "uwsgi", "scgi"]
        .map(|kind| format!("{kind}_temp_path \"{folder}/{kind}\";\n"))
        .concat();
    format!(
        "daemon off;\nuser root;\npid \"{folder}/nginx.pid\";\nworker_processes auto;\nerror_log stderr crit;
        events {{ worker_connections 1024; }}
        http {{
            access_log off;
            {temporary}
            upstream application {{ server {upstream}; keepalive 64; keepalive_requests 100000000; }}
            server {{
                listen {address};
                keepalive_requests 100000000;
                location / {{
                    proxy_pass http://application;
                    proxy_http_version 1.1;
                    proxy_set_header Connection \"\";
                    proxy_set_header Host $host;
                }}
            }}
        }}\n"
    )
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::load::Target;

    #[tokio::test]
    async fn a_plain_proxy_answers_what_the_application_does() {
        let upstream = crate::upstream::serve().await.unwrap();
        let Some(nginx) = Nginx::start(upstream).await.unwrap() else {
            eprintln!("nginx is missing: nothing was tested");
            return;
        };
        assert!(Target::new(nginx.address, "").head().await.unwrap().starts_with("HTTP/1.1 200 OK"));
    }
}
