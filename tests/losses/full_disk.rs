//! PostgreSQL's disk is full: changes are refused, none is half made, none that was answered is lost.

use crate::ground::{Ground, PATIENCE};
use harness::until;
use std::path::{Path, PathBuf};
use std::process::Command;

/// More tokens than fit into what is left of the pages that are there.
const ENOUGH: usize = 3_000;

/// A small disk of its own, for as long as this lives.
pub struct SmallDisk {
    path: PathBuf,
}

impl SmallDisk {
    /// Moves a folder onto it, where one may mount (root only); nobody uses the folder meanwhile.
    pub fn holding(path: &Path, spare_kib: u64) -> Option<Self> {
        let beside = path.with_extension("moved");
        let used = String::from_utf8(run("du", &["-sk", text(path)])?).ok()?;
        let size = used.split_whitespace().next()?.parse::<u64>().ok()? + spare_kib;
        run("cp", &["-a", text(path), text(&beside)])?;
        run("mount", &["-t", "tmpfs", "-o", &format!("size={size}k,mode=700"), "tmpfs", text(path)])?;
        let disk = Self { path: path.to_owned() };
        run("cp", &["-a", &format!("{}/.", text(&beside)), text(path)])?;
        run("chown", &[&format!("--reference={}", text(&beside)), text(path)])?;
        std::fs::remove_dir_all(&beside).ok()?;
        Some(disk)
    }

    /// Takes whatever room is left, or gives it back.
    pub fn fill(&self, is_full: bool) {
        let ballast = self.path.join("ballast");
        if is_full {
            // It ends when nothing more fits: that is no failure here.
            let input = "if=/dev/zero".to_owned();
            let _ = Command::new("dd")
                .args([input, format!("of={}", text(&ballast)), "bs=4k".to_owned()])
                .output();
        } else {
            std::fs::remove_file(ballast).unwrap();
        }
    }
}

impl Drop for SmallDisk {
    fn drop(&mut self) {
        let _ = Command::new("umount").args(["-l", text(&self.path)]).output();
    }
}

fn text(path: &Path) -> &str {
    path.to_str().unwrap()
}

/// What it printed; none if it failed.
fn run(program: &str, arguments: &[&str]) -> Option<Vec<u8>> {
    let output = Command::new(program).args(arguments).output().ok()?;
    output.status.success().then_some(output.stdout)
}

pub async fn refuses_changes_and_loses_none() {
    let mut ground = Ground::start().await;
    let known = ground.prepare().await;
    let Some(disk) = ground.small_disk_for_postgres().await else {
        println!("not run: only root may mount a small disk");
        return ground.stop().await;
    };
    let as_ever = async || {
        let is_as_ever = ground.status(&known.stranger_at_closed).await == 200
            && ground.status(&known.closed).await == 200
            && ground.make_token().await == 201;
        is_as_ever.then_some(())
    };
    until("PostgreSQL is back", PATIENCE, as_ever).await;
    disk.fill(true);
    let (mut made, mut refusals) = (Vec::new(), Vec::new());
    for _ in 0..ENOUGH {
        let (name, status) = ground.make_named_token().await;
        match status {
            201 => made.push(name),
            refusal => refusals.push(refusal),
        }
        if refusals.len() == 10 {
            break;
        }
    }
    assert_eq!(refusals, [503; 10], "after {} tokens", made.len());
    // Whoever was let in is let in, as long as the gateways' leases can be renewed; and nobody else ever is.
    let status = ground.status(&known.closed).await;
    assert!(matches!(status, 200 | 503), "{status}");
    assert!(matches!(ground.status(&known.nobody_at_closed).await, 401 | 503));
    disk.fill(false);
    until("there is room again", PATIENCE, as_ever).await;
    let names = ground.token_names().await;
    let lost: Vec<_> = made.iter().filter(|name| !names.contains(*name)).collect();
    assert!(lost.is_empty(), "answered and lost: {lost:?}");
    ground.stop().await;
}
