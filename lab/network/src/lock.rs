//! Who runs: locks that end with the process that holds them.
//!
//! A supervisor holds `run/supervisor.lock`. Each node has `run/nodeI.lock` as its standard input: the system holds the lock for as
//! long as the node lives and no longer, also when its supervisor is gone. So it is never a guess whether a process number that was
//! written down is still the process that was meant.

use crate::layout::Layout;
use rustix::process::{Pid, Signal, kill_process};
use std::{
    fs::{self, File, OpenOptions, TryLockError},
    io::{self, Read as _, Seek as _, Write as _},
    path::{Path, PathBuf},
    thread,
    time::{Duration, Instant},
};

/// How often it is looked whether a process has ended that is no child of this one.
const LOOK: Duration = Duration::from_millis(20);

/// How often, and how long after each other, it is tried to take a lock: a thread that is just starting another process shares all
/// that is open with it for a moment.
const TRIES: u32 = 20;
const BETWEEN: Duration = Duration::from_millis(5);

/// A lock that cannot be had.
#[derive(Debug, thiserror::Error)]
pub enum LockError {
    /// Somebody has it.
    #[error("{}: process {} holds it", path.display(), holder.map_or("?".into(), |pid| pid.to_string()))]
    Held {
        /// The lock.
        path: PathBuf,
        /// The process, if it said so.
        holder: Option<u32>,
    },
    /// The system refuses.
    #[error("cannot lock {}: {error}", path.display())]
    System {
        /// The lock.
        path: PathBuf,
        /// What the system says.
        error: io::Error,
    },
}

/// A node that runs without a supervisor.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Orphan {
    /// Which.
    pub name: String,
    /// Its process, if it is known.
    pub pid: Option<u32>,
    lock: PathBuf,
}

/// What became of an orphan that was to end.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum OrphanEnd {
    /// It is gone, as it was told.
    InOrder,
    /// It is gone because it was killed.
    Killed,
    /// It is still there.
    Alive,
}

/// Takes a lock, and forgets who had it before.
pub(crate) fn take(path: &Path) -> Result<File, LockError> {
    let system = |error| LockError::System { path: path.into(), error };
    let mut file = open(path).map_err(system)?;
    for left in (0..TRIES).rev() {
        match file.try_lock() {
            Ok(()) => break,
            Err(TryLockError::WouldBlock) if left > 0 => thread::sleep(BETWEEN),
            Err(TryLockError::WouldBlock) => {
                return Err(LockError::Held { path: path.into(), holder: holder(&mut file) });
            }
            Err(TryLockError::Error(error)) => return Err(system(error)),
        }
    }
    file.set_len(0).map_err(system)?;
    Ok(file)
}

/// Writes down who has it.
pub(crate) fn write_holder(path: &Path, pid: u32) -> io::Result<()> {
    fs::write(path, format!("{pid}\n"))
}

fn open(path: &Path) -> io::Result<File> {
    OpenOptions::new().read(true).write(true).create(true).truncate(false).open(path)
}

fn holder(file: &mut File) -> Option<u32> {
    let mut text = String::new();
    file.rewind().ok()?;
    file.take(32).read_to_string(&mut text).ok()?;
    text.trim().parse().ok()
}

/// Who has it. Those who only look are in nobody's way but of one who takes it, and that one tries again.
fn held_by(path: &Path) -> Option<Option<u32>> {
    let mut file = File::open(path).ok()?;
    match file.try_lock_shared() {
        Err(TryLockError::WouldBlock) => Some(holder(&mut file)),
        _ => None,
    }
}

impl Layout {
    /// The lock of the supervisor.
    pub(crate) fn supervisor_lock(&self) -> PathBuf {
        self.run().join("supervisor.lock")
    }

    pub(crate) fn node_lock(&self, node: usize) -> PathBuf {
        self.run().join(format!("node{node}.lock"))
    }

    /// The supervisor that runs this network, if there is one.
    pub fn supervisor(&self) -> Option<Option<u32>> {
        held_by(&self.supervisor_lock())
    }

    /// Nodes that run. While there is a supervisor they are its own; without one they are left over from one that died.
    pub fn orphans(&self) -> Vec<Orphan> {
        let running = |(number, node): (usize, &crate::NodePlace)| {
            let lock = self.node_lock(number);
            Some(Orphan { name: node.name.clone(), pid: held_by(&lock)?, lock })
        };
        self.nodes.iter().enumerate().filter_map(running).collect()
    }
}

impl Orphan {
    /// Ends it: as Ctrl-C does, and if it takes longer than `patience`, at once.
    pub fn end(&self, patience: Duration) -> OrphanEnd {
        for (signal, end) in [(Signal::TERM, OrphanEnd::InOrder), (Signal::KILL, OrphanEnd::Killed)] {
            // Looked at again each time: the number belongs to it as long as the lock is held.
            let Some(holder) = held_by(&self.lock) else { return OrphanEnd::InOrder };
            let Some(pid) = holder else { break };
            if let Some(pid) = i32::try_from(pid).ok().and_then(Pid::from_raw) {
                // It may be gone by now, and one that sleeps has to wake up to end.
                let _ = kill_process(pid, signal).and_then(|()| kill_process(pid, Signal::CONT));
            }
            let until = Instant::now() + patience;
            while held_by(&self.lock).is_some() && Instant::now() < until {
                thread::sleep(LOOK);
            }
            if held_by(&self.lock).is_none() {
                return end;
            }
        }
        OrphanEnd::Alive
    }
}

/// Makes the folder of what runs, for its owner only.
pub(crate) fn make_run_folder(path: &Path) -> io::Result<()> {
    use std::os::unix::fs::{DirBuilderExt as _, PermissionsExt as _};
    fs::DirBuilder::new().recursive(true).mode(0o700).create(path)?;
    fs::set_permissions(path, fs::Permissions::from_mode(0o700))
}

/// Writes down the process number of this process.
pub(crate) fn sign(file: &mut File) -> io::Result<()> {
    file.set_len(0)?;
    file.rewind()?;
    writeln!(file, "{}", std::process::id())
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::process::{Command, Stdio};

    #[test]
    fn a_lock_lives_as_long_as_the_process_that_has_it_as_its_input() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("node0.lock");
        let file = take(&path).unwrap();
        let mut child = Command::new("sleep").arg("600").stdin(Stdio::from(file)).spawn().unwrap();
        write_holder(&path, child.id()).unwrap();
        assert_eq!(held_by(&path), Some(Some(child.id())));
        assert!(matches!(take(&path), Err(LockError::Held { holder: Some(_), .. })));
        child.kill().unwrap();
        child.wait().unwrap();
        assert_eq!(held_by(&path), None);
        // What it said is not believed any more.
        take(&path).unwrap();
        assert_eq!(fs::read(&path).unwrap(), b"");
    }

    #[test]
    fn an_orphan_is_ended() {
        let folder = tempfile::tempdir().unwrap();
        let lock = folder.path().join("node0.lock");
        let file = take(&lock).unwrap();
        let mut child = Command::new("sleep").arg("600").stdin(Stdio::from(file)).spawn().unwrap();
        write_holder(&lock, child.id()).unwrap();
        let orphan = Orphan { name: "node0".into(), pid: Some(child.id()), lock };
        // Somebody has to fetch the status of the child, or it remains; its lock is free all the same.
        assert_eq!(orphan.end(Duration::from_secs(60)), OrphanEnd::InOrder);
        assert!(!child.wait().unwrap().success());
        assert_eq!(orphan.end(Duration::from_secs(60)), OrphanEnd::InOrder, "one that is gone");
    }
}
