//! Processes and listening sockets, read from `/proc`; nothing is found where that is missing.

use std::collections::BTreeSet;
use std::fs;
use std::path::Path;

/// One process; a number that is used again is another process.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord)]
pub struct Running {
    id: u32,
    started: u64,
    name: String,
}

struct Status {
    parent: u32,
    is_zombie: bool,
    running: Running,
}

fn status(id: u32) -> Option<Status> {
    let text = fs::read_to_string(format!("/proc/{id}/stat")).ok()?;
    let (start, rest) = text.rsplit_once(')')?;
    let name = start.split_once('(')?.1.to_owned();
    let mut fields = rest.split_ascii_whitespace();
    let is_zombie = fields.next()? == "Z";
    let parent = fields.next()?.parse().ok()?;
    let started = fields.nth(17)?.parse().ok()?;
    Some(Status { parent, is_zombie, running: Running { id, started, name } })
}

fn all() -> Vec<Status> {
    let entries = fs::read_dir("/proc").into_iter().flatten().flatten();
    entries.filter_map(|entry| status(entry.file_name().to_str()?.parse().ok()?)).collect()
}

/// The process and everything that it started, directly or not.
pub fn family(of: u32) -> BTreeSet<Running> {
    let all = all();
    let mut ids = BTreeSet::from([of]);
    loop {
        let before = ids.len();
        ids.extend(
            all.iter().filter(|it| ids.contains(&it.parent)).map(|it| it.running.id).collect::<Vec<_>>(),
        );
        if ids.len() == before {
            break;
        }
    }
    all.into_iter().map(|it| it.running).filter(|it| ids.contains(&it.id)).collect()
}

/// Processes that work in `folder` or were told of it.
pub fn users_of(folder: &Path) -> BTreeSet<Running> {
    let folder = folder.to_string_lossy();
    let uses = |id: u32| {
        let arguments = fs::read(format!("/proc/{id}/cmdline")).unwrap_or_default();
        let directory = fs::read_link(format!("/proc/{id}/cwd")).unwrap_or_default();
        String::from_utf8_lossy(&arguments).contains(&*folder)
            || directory.to_string_lossy().contains(&*folder)
    };
    all().into_iter().filter(|it| !it.is_zombie && uses(it.running.id)).map(|it| it.running).collect()
}

impl Running {
    pub fn is_alive(&self) -> bool {
        status(self.id).is_some_and(|it| it.running.started == self.started && !it.is_zombie)
    }

    pub fn name(&self) -> String {
        format!("{} ({})", self.name, self.id)
    }

    fn sockets(&self) -> Vec<String> {
        let open = fs::read_dir(format!("/proc/{}/fd", self.id)).into_iter().flatten().flatten();
        let links =
            open.filter_map(|entry| fs::read_link(entry.path()).ok()?.into_os_string().into_string().ok());
        links.filter_map(|link| Some(link.strip_prefix("socket:[")?.strip_suffix(']')?.to_owned())).collect()
    }
}

/// A TCP socket that accepts connections.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord)]
pub struct Listening {
    inode: String,
    pub port: u16,
}

impl Listening {
    pub fn is_open(&self) -> bool {
        listeners().contains(self)
    }
}

/// The listening sockets of these processes.
pub fn listening(running: &BTreeSet<Running>) -> BTreeSet<Listening> {
    let theirs: BTreeSet<String> = running.iter().flat_map(Running::sockets).collect();
    listeners().into_iter().filter(|it| theirs.contains(&it.inode)).collect()
}

fn listeners() -> BTreeSet<Listening> {
    let tables = ["/proc/net/tcp", "/proc/net/tcp6"].map(|path| fs::read_to_string(path).unwrap_or_default());
    tables.iter().flat_map(|table| table.lines().skip(1)).filter_map(listener).collect()
}

fn listener(line: &str) -> Option<Listening> {
    let mut fields = line.split_ascii_whitespace();
    let (_, port) = fields.nth(1)?.rsplit_once(':')?;
    let is_listening = fields.nth(1)? == "0A";
    let inode = fields.nth(5)?.to_owned();
    is_listening.then_some(Listening { inode, port: u16::from_str_radix(port, 16).ok()? })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_listening_socket_is_found_with_its_process_and_is_gone_when_closed() {
        let socket = std::net::TcpListener::bind("127.0.0.1:0").unwrap();
        let port = socket.local_addr().unwrap().port();
        let us = family(std::process::id());
        let found = listening(&us).into_iter().find(|it| it.port == port).unwrap();
        assert!(found.is_open());
        drop(socket);
        assert!(!found.is_open());
    }

    #[test]
    fn a_child_belongs_to_the_family_until_it_ends() {
        let folder = tempfile::tempdir().unwrap();
        let mut child =
            std::process::Command::new("sleep").arg("60").current_dir(folder.path()).spawn().unwrap();
        let found = family(std::process::id()).into_iter().find(|it| it.id == child.id()).unwrap();
        assert!(found.is_alive() && users_of(folder.path()).contains(&found));
        child.kill().unwrap();
        child.wait().unwrap();
        assert!(!found.is_alive() && users_of(folder.path()).is_empty());
    }
}
