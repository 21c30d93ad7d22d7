//! Where the programs are.

use anyhow::{Context as _, Result, bail};
use std::ffi::OsStr;
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};

/// What to run when a server is missing.
const REMEDY: &str = "run `make servers`";

/// What to run when a proxy is missing.
const EDGES_REMEDY: &str = "run `deploy/dev/install-servers --with-edges`";

/// Older ones pass a client's own identity header on (CVE-2026-30851).
const OLDEST_CADDY: (u32, u32, u32) = (2, 11, 2);

/// The oldest NATS whose `JetStream` the client understands.
const OLDEST_NATS: (u32, u32) = (2, 10);

/// Directories to look in, first match wins. Standard ones, and Debian's for `PostgreSQL`, are looked in last.
#[derive(Debug, Clone, Default)]
pub struct Search {
    directories: Vec<PathBuf>,
}

impl Search {
    pub fn new() -> Self {
        Self::default()
    }

    /// Adds one directory, for example `.tools/bin` beside the workspace.
    #[must_use]
    pub fn directory(mut self, directory: impl Into<PathBuf>) -> Self {
        self.directories.push(directory.into());
        self
    }

    /// Adds the entries of a `PATH` that the caller has read.
    #[must_use]
    pub fn path(mut self, path: &OsStr) -> Self {
        self.directories.extend(std::env::split_paths(path));
        self
    }

    /// For tests: `.tools/bin` of the workspace this was compiled in.
    pub fn workspace() -> Self {
        Self::new().directory(concat!(env!("CARGO_MANIFEST_DIR"), "/../../.tools/bin"))
    }

    /// Every place, in order. A server is started in `/`, so a place beside the caller is no longer relative here.
    fn places(&self) -> Vec<PathBuf> {
        let standard = ["/usr/local/bin", "/usr/bin", "/bin", "/usr/local/sbin", "/usr/sbin"];
        let given = self.directories.iter().filter_map(|place| std::path::absolute(place).ok());
        given.chain(standard.map(PathBuf::from)).collect()
    }

    fn candidates(places: &[PathBuf], program: &str) -> Vec<PathBuf> {
        places.iter().map(|place| place.join(program)).filter(|path| is_executable(path)).collect()
    }

    /// A program of the system; `None` when it is not there.
    pub(crate) fn find(&self, program: &str) -> Option<PathBuf> {
        Self::candidates(&self.places(), program).into_iter().next()
    }

    pub(crate) fn redis(&self) -> Result<PathBuf> {
        self.find("redis-server").with_context(|| self.missing("Redis", "redis-server"))
    }

    /// The directory that holds `initdb`, `postgres` and `psql` of one version.
    pub(crate) fn postgres(&self) -> Result<PathBuf> {
        let mut places = self.places();
        places.extend(debian_postgres());
        Self::candidates(&places, "initdb")
            .into_iter()
            // Links into a version's directory are common; the programs that belong together are at their end.
            .filter_map(|initdb| initdb.canonicalize().ok()?.parent().map(Path::to_path_buf))
            .find(|bin| ["postgres", "psql"].iter().all(|program| is_executable(&bin.join(program))))
            .with_context(|| self.missing("PostgreSQL", "initdb, postgres and psql"))
    }

    pub(crate) fn nats(&self) -> Result<PathBuf> {
        Self::nats_among(&self.places())?.with_context(|| self.missing("NATS", "nats-server"))
    }

    fn nats_among(places: &[PathBuf]) -> Result<Option<PathBuf>> {
        let mut too_old = None;
        for path in Self::candidates(places, "nats-server") {
            match nats_version(&path) {
                Some(version) if version >= OLDEST_NATS => return Ok(Some(path)),
                Some(version) => too_old = too_old.or(Some((path, version))),
                None => {}
            }
        }
        if let Some((path, (major, minor))) = too_old {
            let (least_major, least_minor) = OLDEST_NATS;
            bail!(
                "{} is version {major}.{minor}, and NATS {least_major}.{least_minor} or newer is needed; {REMEDY}",
                path.display()
            );
        }
        Ok(None)
    }

    /// A proxy of somebody else's.
    pub(crate) fn edge(&self, name: &str, program: &str) -> Result<PathBuf> {
        self.find(program).with_context(|| self.missing_for(name, program, EDGES_REMEDY))
    }

    /// One that is recent enough: Debian's is not.
    pub(crate) fn caddy(&self) -> Result<PathBuf> {
        let is_recent = |path: &PathBuf| caddy_version(path).is_some_and(|version| version >= OLDEST_CADDY);
        let (major, minor, patch) = OLDEST_CADDY;
        let name = format!("Caddy {major}.{minor}.{patch} or newer");
        Self::candidates(&self.places(), "caddy")
            .into_iter()
            .find(is_recent)
            .with_context(|| self.missing_for(&name, "caddy", EDGES_REMEDY))
    }

    fn missing(&self, name: &str, programs: &str) -> String {
        self.missing_for(name, programs, REMEDY)
    }

    fn missing_for(&self, name: &str, programs: &str, remedy: &str) -> String {
        let places =
            self.places().iter().map(|place| place.display().to_string()).collect::<Vec<_>>().join(", ");
        format!("{name} ({programs}) is not installed; {remedy} (looked in {places})")
    }
}

/// Newest version first.
fn debian_postgres() -> Vec<PathBuf> {
    let Ok(versions) = std::fs::read_dir("/usr/lib/postgresql") else { return Vec::new() };
    let mut versions: Vec<(u32, PathBuf)> = versions
        .flatten()
        .filter_map(|entry| Some((entry.file_name().to_str()?.parse().ok()?, entry.path().join("bin"))))
        .collect();
    versions.sort_by_key(|(version, _)| std::cmp::Reverse(*version));
    versions.into_iter().map(|(_, bin)| bin).collect()
}

fn is_executable(path: &Path) -> bool {
    use std::os::unix::fs::PermissionsExt as _;
    path.metadata().is_ok_and(|meta| meta.is_file() && meta.permissions().mode() & 0o111 != 0)
}

/// `nats-server: v2.15.1` says (2, 15).
fn nats_version(program: &Path) -> Option<(u32, u32)> {
    let output = Command::new(program).arg("--version").stdin(Stdio::null()).output().ok()?;
    parse_version(&String::from_utf8(output.stdout).ok()?)
}

fn parse_version(text: &str) -> Option<(u32, u32)> {
    let number = text.split_whitespace().last()?.trim_start_matches('v');
    let mut parts = number.split('.');
    Some((parts.next()?.parse().ok()?, parts.next()?.parse().ok()?))
}

/// `v2.11.7 h1:…` and Debian's `2.6.2` say (2, 11, 7) and (2, 6, 2).
fn caddy_version(program: &Path) -> Option<(u32, u32, u32)> {
    let output = Command::new(program).arg("version").stdin(Stdio::null()).output().ok()?;
    let text = String::from_utf8(output.stdout).ok()?;
    let mut parts = text.split_whitespace().next()?.trim_start_matches('v').split('.');
    Some((parts.next()?.parse().ok()?, parts.next()?.parse().ok()?, parts.next()?.parse().ok()?))
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Written by another process: a child that another test starts meanwhile would inherit a file that is open for
    /// writing here, and what is open for writing cannot be run.
    fn fake(directory: &Path, name: &str, script: &str) {
        let text = directory.join(format!("{name}.text"));
        std::fs::write(&text, script).unwrap();
        let mut install = Command::new("install");
        install.args(["-m", "755"]).arg(&text).arg(directory.join(name));
        assert!(install.status().unwrap().success());
    }

    #[test]
    fn versions_are_read_in_both_forms() {
        assert_eq!(parse_version("nats-server: v2.15.1\n"), Some((2, 15)));
        assert_eq!(parse_version("nats-server: 2.9.10"), Some((2, 9)));
        assert_eq!(parse_version(""), None);
    }

    #[test]
    fn a_nats_that_is_too_old_is_passed_over_for_a_newer_one() {
        let (old, new) = (tempfile::tempdir().unwrap(), tempfile::tempdir().unwrap());
        fake(old.path(), "nats-server", "#!/bin/sh\necho 'nats-server: v2.9.10'\n");
        fake(new.path(), "nats-server", "#!/bin/sh\necho 'nats-server: v2.10.0'\n");
        let search = Search::new().directory(old.path()).directory(new.path());
        assert_eq!(search.nats().unwrap(), new.path().join("nats-server"));

        let error = Search::nats_among(&[old.path().to_path_buf()]).unwrap_err().to_string();
        assert!(error.contains("version 2.9") && error.contains("run `make servers`"), "{error}");
        assert!(Search::nats_among(&[]).unwrap().is_none());
    }

    #[test]
    fn a_caddy_that_passes_forged_headers_is_passed_over() {
        let (old, new) = (tempfile::tempdir().unwrap(), tempfile::tempdir().unwrap());
        fake(old.path(), "caddy", "#!/bin/sh\necho 2.6.2\n");
        fake(new.path(), "caddy", "#!/bin/sh\necho 'v2.11.2 h1:x'\n");
        let both = Search::new().directory(old.path()).directory(new.path());
        assert_eq!(both.caddy().unwrap(), new.path().join("caddy"));
        assert_eq!(caddy_version(&old.path().join("caddy")), Some((2, 6, 2)));
    }

    #[test]
    fn the_callers_directories_come_first() {
        let mine = tempfile::tempdir().unwrap();
        fake(mine.path(), "redis-server", "#!/bin/sh\n");
        let path = std::env::join_paths([Path::new("/nowhere"), mine.path()]).unwrap();
        assert_eq!(Search::new().path(&path).redis().unwrap(), mine.path().join("redis-server"));
    }

    #[test]
    fn a_place_beside_the_caller_is_found_from_everywhere() {
        let here = std::env::current_dir().unwrap();
        let mine = tempfile::tempdir_in(&here).unwrap();
        fake(mine.path(), "redis-server", "#!/bin/sh\n");
        let relative = mine.path().strip_prefix(&here).unwrap();
        assert_eq!(Search::new().directory(relative).redis().unwrap(), mine.path().join("redis-server"));
    }

    #[test]
    fn what_is_missing_says_what_to_run() {
        let message = Search::new().missing("Redis", "redis-server");
        assert!(message.contains("run `make servers`"), "{message}");
    }
}
