//! A network of real processes, told what to do by `mundi net`, as its user does.

use crate::{
    LOOK, PATIENCE,
    disk::Disk,
    load::SENDERS,
    rpc::{Progress, Rpc},
};
use mundi_network::{
    Layout, NodeState, OrphanEnd, Ports, Snapshot,
    control::{Answer, Order, ask},
};
use std::{
    cell::Cell,
    fs,
    net::TcpListener,
    path::PathBuf,
    process::{Command, Output},
    sync::atomic::{AtomicU16, Ordering::Relaxed},
    thread,
    time::{Duration, Instant},
};
use tempfile::TempDir;

/// Lines of the log that are shown when a test fails.
const LAST_LINES: usize = 300;
/// How long what is left over may take to end.
const END: Duration = Duration::from_secs(20);

/// First ports that are tried, below those that systems give to whoever asks for any.
const FIRST_PORT: u16 = 20_000;
/// Ports from one to the next: as many as `mundi net new` keeps for a network.
const STEP: u16 = 400;
/// How many there are.
const BASES: u16 = 30;

/// A network that runs. Dropped, it ends, whatever has become of it.
pub(crate) struct Network {
    layout: Layout,
    /// That of the last node.
    disk: Disk,
    /// The node that may end by itself.
    doomed: Cell<Option<usize>>,
    _folder: TempDir,
}

const MUNDI: &str = env!("CARGO_BIN_EXE_mundi");

/// Runs the command to its end.
fn mundi(arguments: &[&str]) -> Output {
    plain(Command::new(MUNDI).args(arguments))
}

/// Without colours, and without settings from outside.
fn plain(command: &mut Command) -> Output {
    command.env("NO_COLOR", "1");
    for (name, _) in std::env::vars_os() {
        if name.to_string_lossy().starts_with("MUNDI_") {
            command.env_remove(name);
        }
    }
    command.output().unwrap()
}

#[track_caller]
fn succeeded(output: &Output) -> String {
    let text = String::from_utf8_lossy(&output.stdout).into_owned();
    assert!(output.status.success(), "{text}{}", String::from_utf8_lossy(&output.stderr));
    text
}

/// A first port from which all that a network takes are free.
fn free_ports(validators: usize) -> u16 {
    // Tests of one process begin in different places, and so do processes, mostly.
    static NEXT: AtomicU16 = AtomicU16::new(0);
    let first = (std::process::id() % u32::from(BASES)) as u16 + NEXT.fetch_add(1, Relaxed);
    let is_free = |base: &u16| {
        let ports = Ports::from_base(*base).unwrap();
        (0..validators as u16).map(|node| ports.of(node)).all(|Ports { rpc, metrics, public, listen }| {
            [rpc, metrics, public, listen].iter().all(|port| TcpListener::bind(("127.0.0.1", *port)).is_ok())
        })
    };
    let mut bases = (first..first + BASES).map(|number| FIRST_PORT + number % BASES * STEP);
    bases.find(is_free).expect("some ports are free")
}

impl Network {
    /// Makes one and waits until all its nodes are up.
    pub(crate) fn start(validators: usize) -> Self {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().canonicalize().unwrap().join("net");
        let dir = path.display().to_string();
        let (count, base) = (validators.to_string(), free_ports(validators).to_string());
        let new = ["net", "new", "--validators", &count, "--base-port", &base, "--dir", &dir];
        succeeded(&mundi(&[&new[..], &["--accounts", &SENDERS.to_string()][..]].concat()));
        let layout = Layout::open(&path).unwrap();
        let disk = Disk::find(&layout.nodes[validators - 1].dir.join("data"));
        println!("{validators} validators, the disk of the last: {disk:?}");
        let network = Self { layout, disk, doomed: Cell::new(None), _folder: folder };
        // It says so if nodes take longer than it waits for them.
        let up = plain(&mut network.disk.command(MUNDI, &["net", "up", &dir, "--detach"]));
        if network.layout.supervisor().is_none() {
            succeeded(&up);
        }
        network.well();
        network
    }

    /// All nodes.
    pub(crate) fn nodes(&self) -> Vec<Rpc> {
        self.layout.nodes.iter().map(|node| Rpc(node.rpc.unwrap())).collect()
    }

    pub(crate) fn count(&self) -> usize {
        self.layout.nodes.len()
    }

    /// How far a node is, if it answers.
    pub(crate) fn progress(&self, node: usize) -> Option<Progress> {
        self.nodes()[node].progress()
    }

    fn dir(&self) -> String {
        self.layout.dir.display().to_string()
    }

    /// Gives an order with `mundi net`, and expects that it is carried out.
    #[track_caller]
    pub(crate) fn order(&self, order: &[&str]) {
        let output = mundi(&[&["net"][..], order, &["--dir", &self.dir()][..]].concat());
        println!("mundi net {}: {}", order.join(" "), succeeded(&output).trim_end());
    }

    /// What its supervisor knows.
    pub(crate) fn snapshot(&self) -> Snapshot {
        match ask(&self.layout, &Order::Status, PATIENCE).unwrap() {
            Answer::Status(snapshot) => *snapshot,
            other => panic!("{other:?}"),
        }
    }

    /// Waits for something, as long as no node ends by itself.
    #[track_caller]
    pub(crate) fn wait<T>(&self, what: &str, mut look: impl FnMut() -> Option<T>) -> T {
        let until = Instant::now() + PATIENCE;
        loop {
            if let Some(found) = look() {
                return found;
            }
            let nodes = self.snapshot().nodes;
            for (number, node) in nodes.iter().enumerate() {
                let is_well = node.state != NodeState::Failed || self.doomed.get() == Some(number);
                assert!(is_well, "{what}: {} ended by itself: {node:#?}", node.name);
            }
            let progress = || (0..nodes.len()).map(|node| self.progress(node)).collect::<Vec<_>>();
            assert!(Instant::now() < until, "{what}: it does not happen: {:#?} {nodes:#?}", progress());
            thread::sleep(LOOK);
        }
    }

    /// Waits until every node is up, has heard of the others, and can prove what the furthest of them has now.
    pub(crate) fn well(&self) {
        let all = || (0..self.count()).map(move |node| self.progress(node));
        let height = all().flatten().map(|progress| progress.executed).max().unwrap_or_default();
        self.wait("all nodes are well", || {
            let are_up = self.snapshot().nodes.iter().all(|node| node.state == NodeState::Up);
            let is_well = |progress: Progress| {
                assert!(progress.fault.is_null(), "{progress:?}");
                progress.is_caught_up && progress.finalized >= height
            };
            (are_up && all().all(|progress| progress.is_some_and(is_well))).then_some(())
        });
    }

    /// The folder of a node's chain and votes, not of its keys. `None` if only the node sees it.
    pub(crate) fn data(&self, node: usize) -> Option<PathBuf> {
        let hidden = self.disk.is_small() && node + 1 == self.count();
        (!hidden).then(|| self.layout.nodes[node].dir.join("data"))
    }

    /// What a node has logged.
    pub(crate) fn log(&self, node: usize) -> String {
        let path = self.layout.run().join(format!("node{node}.log"));
        String::from_utf8_lossy(&fs::read(path).unwrap()).into_owned()
    }

    pub(crate) fn genesis(&self) -> Vec<u8> {
        fs::read(self.layout.dir.join("genesis.json")).unwrap()
    }

    /// The disk of the last node.
    pub(crate) const fn disk(&self) -> &Disk {
        &self.disk
    }

    pub(crate) fn supervisor(&self) -> u32 {
        self.layout.supervisor().flatten().expect("it runs")
    }

    /// Says which node may end by itself from here on.
    pub(crate) fn set_doomed(&self, node: Option<usize>) {
        self.doomed.set(node);
    }

    /// Ends it as its user does, and looks at what is left on disks.
    pub(crate) fn down(&self) {
        let said = succeeded(&mundi(&["net", "down", &self.dir()]));
        assert!(said.contains(&format!("{} nodes ended", self.count())), "{said}");
        assert_eq!(self.layout.orphans(), []);
        assert!(!self.all_logs().contains("did not end within"), "all have ended in good order");
        for data in (0..self.count()).filter_map(|node| self.data(node)) {
            let said = succeeded(&mundi(&["db", "verify", "--datadir", &data.display().to_string()]));
            assert!(said.contains("sound"), "{said}");
        }
    }

    fn all_logs(&self) -> String {
        String::from_utf8_lossy(&fs::read(self.layout.log()).unwrap_or_default()).into_owned()
    }

    fn show_log(&self) {
        let log = self.all_logs();
        // Lines that only say that there is one more block would be all.
        let lines: Vec<_> =
            log.lines().filter(|line| line.split_whitespace().nth(3) != Some("block")).collect();
        println!("the end of its log:\n{}", lines[lines.len().saturating_sub(LAST_LINES)..].join("\n"));
    }
}

impl Drop for Network {
    fn drop(&mut self) {
        if thread::panicking() {
            self.show_log();
        }
        let ended = Command::new(MUNDI).args(["net", "down", &self.dir()]).output();
        if ended.is_ok_and(|output| output.status.success()) {
            return;
        }
        if let Some(Some(supervisor)) = self.layout.supervisor() {
            let _ = Command::new("kill").args(["-KILL", &supervisor.to_string()]).status();
        }
        for orphan in self.layout.orphans() {
            if orphan.end(END) == OrphanEnd::Alive {
                println!("{} (process {:?}) is still there", orphan.name, orphan.pid);
            }
        }
    }
}
