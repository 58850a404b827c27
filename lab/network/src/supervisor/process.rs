//! A node's process.

use crate::{journal::Journal, layout::NodePlace, lines, lock};
use rustix::process::{Pid, Signal, kill_process};
use std::{
    collections::VecDeque,
    io,
    path::Path,
    process::{ExitStatus, Stdio},
    sync::{Arc, Mutex, PoisonError},
    time::Duration,
};
use tokio::{
    io::{AsyncRead, BufReader},
    process::{Child, Command},
    sync::mpsc,
    task::JoinSet,
    time::timeout,
};

/// Lines that are kept of a process, to be shown if it fails.
const KEPT: usize = 12;
/// How long the last lines may take to arrive after a process has ended.
const LAST_LINES: Duration = Duration::from_secs(2);
/// Signals that wait to be sent.
const SIGNALS: usize = 16;

/// What a process is told at its start.
pub(super) struct Launch<'a> {
    pub(super) program: &'a Path,
    pub(super) arguments: Vec<String>,
    pub(super) place: &'a NodePlace,
    pub(super) lock: &'a Path,
}

/// A process that was started.
pub(super) struct Process {
    pub(super) pid: Option<u32>,
    signals: mpsc::Sender<Signal>,
    lines: Arc<Mutex<VecDeque<String>>>,
}

/// What is awaited of a process: its end.
pub(super) struct Running {
    child: Child,
    signals: mpsc::Receiver<Signal>,
    readers: JoinSet<()>,
}

/// Starts a process whose lines go to the journal as those of `number`.
pub(super) fn start(launch: &Launch<'_>, number: usize, journal: &Journal) -> io::Result<(Process, Running)> {
    let lock = lock::take(launch.lock).map_err(io::Error::other)?;
    let mut command = Command::new(launch.program);
    command
        .args(&launch.arguments)
        .current_dir(&launch.place.dir)
        // The lock is its own from here on.
        .stdin(Stdio::from(lock))
        .stdout(Stdio::piped())
        .stderr(Stdio::piped())
        // In a group of its own it does not get the terminal's Ctrl-C.
        .process_group(0)
        .kill_on_drop(true)
        .env("NO_COLOR", "1");
    // Settings from outside would be those of all nodes at once.
    for (name, _) in std::env::vars_os() {
        if name.to_string_lossy().starts_with("MUNDI_") {
            command.env_remove(name);
        }
    }
    let mut child = command.spawn()?;
    drop(command);
    let pid = child.id();
    if let Some(pid) = pid {
        lock::write_holder(launch.lock, pid)?;
    }
    let lines = Arc::new(Mutex::new(VecDeque::new()));
    let mut readers = JoinSet::new();
    if let Some(stdout) = child.stdout.take() {
        readers.spawn(read(stdout, number, journal.clone(), Arc::clone(&lines)));
    }
    if let Some(stderr) = child.stderr.take() {
        readers.spawn(read(stderr, number, journal.clone(), Arc::clone(&lines)));
    }
    let (signals, queue) = mpsc::channel(SIGNALS);
    Ok((Process { pid, signals, lines }, Running { child, signals: queue, readers }))
}

async fn read(
    pipe: impl AsyncRead + Unpin,
    number: usize,
    journal: Journal,
    kept: Arc<Mutex<VecDeque<String>>>,
) {
    let mut reader = BufReader::new(pipe);
    let mut line = String::new();
    while lines::next(&mut reader, &mut line).await {
        let mut kept = kept.lock().unwrap_or_else(PoisonError::into_inner);
        kept.truncate(KEPT - 1);
        kept.push_front(line.clone());
        drop(kept);
        journal.node(number, line.clone());
    }
}

impl Process {
    /// Sends a signal, unless the process has ended.
    pub(super) fn signal(&self, signal: Signal) {
        // A queue that is full holds signals that say the same.
        let _ = self.signals.try_send(signal);
    }

    /// Its last lines, oldest first.
    pub(super) fn last_lines(&self) -> Vec<String> {
        let lines = self.lines.lock().unwrap_or_else(PoisonError::into_inner);
        lines.iter().rev().cloned().collect()
    }
}

impl Running {
    /// Waits for its end, and passes signals on until then: they reach this process and never one that has got its number later.
    pub(super) async fn ended(mut self) -> io::Result<ExitStatus> {
        let status = loop {
            tokio::select! {
                status = self.child.wait() => break status?,
                Some(signal) = self.signals.recv() => {
                    let pid = self.child.id().and_then(|pid| i32::try_from(pid).ok()).and_then(Pid::from_raw);
                    if let Some(pid) = pid {
                        // It can only have ended, and then that is noticed next.
                        let _ = kill_process(pid, signal);
                    }
                }
            }
        };
        let rest = async { while self.readers.join_next().await.is_some() {} };
        // What holds its pipes open longer is not waited for.
        let _ = timeout(LAST_LINES, rest).await;
        Ok(status)
    }
}
