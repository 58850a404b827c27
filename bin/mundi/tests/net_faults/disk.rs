//! The disk of one node, which can be made full and have room again.
//!
//! Where users may have name spaces of their own (`unshare`), it is a small file system in memory that exists for the network's processes
//! alone and goes with them. A file that takes all that is left makes it full, and writes fail as they do on any full disk.
//!
//! Elsewhere the node's process is forbidden to make files longer (`RLIMIT_FSIZE`, by `prlimit`), and told nothing by the signal that
//! would end it: its writes fail at the same places, with another reason. It has room again when it is started again.

use std::{
    fs::{self, OpenOptions},
    io::{ErrorKind, Write as _},
    path::{Path, PathBuf},
    process::Command,
};

/// Bytes of the small file system: more than the node's files ever have here.
const SIZE: &str = "256m";
/// Bytes that are written at a time to fill it.
const CHUNK: usize = 256 << 10;

/// Mounts at its first argument, in name spaces of its own, and becomes the rest.
const MOUNTED: &str = "mount -t tmpfs -o size=\"$1\",mode=700 none \"$2\" && shift 2 && exec \"$@\"";
/// Becomes its arguments. What is ignored stays so for all that they start.
const UNSIGNALLED: &str = "trap '' XFSZ && exec \"$@\"";

/// How a node's disk is made full.
#[derive(Debug)]
pub(crate) enum Disk {
    /// It is small: this is where it is mounted, and for whom.
    Small(PathBuf),
    /// Its process may not make files longer.
    Limited,
    /// Not at all.
    Endless,
}

fn succeeds(command: &mut Command) -> bool {
    command.output().is_ok_and(|output| output.status.success())
}

impl Disk {
    /// The best that this machine has, for the folder of a node.
    pub(crate) fn find(folder: &Path) -> Self {
        fs::create_dir_all(folder).unwrap();
        let small = Self::Small(folder.into());
        if succeeds(&mut small.command("true", &[])) {
            return small;
        }
        let limit =
            Command::new("prlimit").args(["--pid", &std::process::id().to_string(), "--fsize"]).output();
        if limit.is_ok_and(|output| output.status.success())
            && succeeds(&mut Self::Limited.command("true", &[]))
        {
            return Self::Limited;
        }
        Self::Endless
    }

    /// A command all of whose processes see it.
    pub(crate) fn command(&self, program: &str, arguments: &[&str]) -> Command {
        let mut command = match self {
            Self::Small(folder) => {
                let mut command = Command::new("unshare");
                command.args(["--user", "--map-root-user", "--mount", "sh", "-c", MOUNTED, "sh", SIZE]);
                command.arg(folder).arg(program);
                command
            }
            Self::Limited => {
                let mut command = Command::new("sh");
                command.args(["-c", UNSIGNALLED, "sh", program]);
                command
            }
            Self::Endless => Command::new(program),
        };
        command.args(arguments);
        command
    }

    /// What the node's log says when it is full. `None` if it never is.
    pub(crate) const fn reason(&self) -> Option<&'static str> {
        match self {
            Self::Small(_) => Some("No space left on device"),
            Self::Limited => Some("File too large"),
            Self::Endless => None,
        }
    }

    /// Whether what is on it goes with the network.
    pub(crate) const fn is_small(&self) -> bool {
        matches!(self, Self::Small(_))
    }

    /// Makes it full, and again full if the node has found something to remove. `node` is its process, as long as it has one.
    pub(crate) fn fill(&self, supervisor: u32, node: Option<u32>) {
        match (self, node) {
            (Self::Small(folder), _) => {
                let mut file =
                    OpenOptions::new().append(true).create(true).open(filler(supervisor, folder)).unwrap();
                let error = loop {
                    if let Err(error) = file.write_all(&[0; CHUNK]) {
                        break error;
                    }
                };
                assert_eq!(error.kind(), ErrorKind::StorageFull, "{error}");
            }
            (Self::Limited, Some(node)) => {
                // It may have ended meanwhile. The hard limit stays as it is, so no rights are needed.
                succeeds(Command::new("prlimit").args(["--pid", &node.to_string(), "--fsize=0:"]));
            }
            (Self::Limited, None) | (Self::Endless, _) => {}
        }
    }

    /// Gives it room.
    pub(crate) fn empty(&self, supervisor: u32) {
        if let Self::Small(folder) = self {
            fs::remove_file(filler(supervisor, folder)).unwrap();
        }
    }
}

/// What takes the room, through the eyes of a process that sees the small file system.
fn filler(process: u32, folder: &Path) -> PathBuf {
    let root = PathBuf::from(format!("/proc/{process}/root"));
    root.join(folder.strip_prefix("/").expect("the folder is named from the root on")).join("filler")
}
