//! `mundi net up`.

use super::{open, orders, program};
use crate::{Verdict, cli::NetUpArgs, console, interrupt::Interrupt};
use eyre::WrapErr as _;
use mundi_consensus::NetworkFile;
use mundi_network::{
    Layout, NodeState, Shown, ShownLine, Snapshot, Supervisor, SupervisorConfig,
    control::{Answer, Order, ask},
    dashboard::{Paint, Screen, Size, frame, log_line},
    quoted,
};
use rustix::process::{Pid, Signal, kill_process};
use std::{
    collections::VecDeque,
    convert::Infallible,
    io::{Read as _, Seek as _},
    os::unix::process::CommandExt as _,
    process::{Command, Stdio},
    sync::Arc,
    thread,
    time::{Duration, Instant},
};
use tokio::{
    signal::unix::{SignalKind, signal},
    sync::watch,
    time::{MissedTickBehavior, interval, timeout},
};

/// Threads of the supervisor: it mostly waits, and hands on what nodes say to each other.
const THREADS: usize = 2;
/// Lines that are kept to be shown above others.
const KEPT: usize = 500;
/// How often the screen is drawn.
const DRAW: Duration = Duration::from_millis(500);
/// How long the last lines may take to arrive after all has ended.
const LAST_LINES: Duration = Duration::from_secs(5);
/// How long a network in the background may take to come up.
const COME_UP: Duration = Duration::from_secs(60);
/// How often it is asked whether it has.
const ASK: Duration = Duration::from_millis(100);

pub(super) fn run(args: &NetUpArgs) -> eyre::Result<Verdict> {
    let layout = open(args.dir.as_deref())?;
    let network = NetworkFile::read(&layout.dir.join("network.json"))?;
    eyre::ensure!(
        network.has_key(),
        "the validators in {} have no group key yet: they make it with `mundi net dkg {}`",
        layout.dir.display(),
        quoted(&layout.dir)
    );
    if args.detach {
        return detach(args, &layout);
    }
    let interrupt = Interrupt::listen()?;
    // Many connections go through the proxy. What cannot be raised is found out when it is not enough.
    if let Err(error) = mundi_node::raise_file_limit() {
        console::warn(&format!("warning: {error}"));
    }
    let config = SupervisorConfig {
        arguments: args.arguments.clone(),
        direct: args.direct,
        seed: args.seed,
        ..SupervisorConfig::new(layout.clone(), program()?)
    };
    let runtime = tokio::runtime::Builder::new_multi_thread()
        .worker_threads(THREADS)
        .enable_all()
        .build()
        .wrap_err("cannot start threads")?;
    runtime.block_on(supervise(args, config, layout, interrupt))
}

async fn supervise(
    args: &NetUpArgs,
    config: SupervisorConfig,
    layout: Layout,
    interrupt: Interrupt,
) -> eyre::Result<Verdict> {
    let mut hangup = signal(SignalKind::hangup()).wrap_err("cannot listen for the end of the terminal")?;
    let (mut supervisor, shown) = Supervisor::start(config).await?;
    let stopped = interrupt.in_background()?;
    let snapshots = supervisor.snapshots();
    let (leave, leaving) = watch::channel(false);
    let mut view = View::new(args, &layout, shown)?;
    let end = async {
        tokio::select! {
            last = supervisor.ended() => return last,
            _ = stopped => {}
            _ = hangup.recv() => {}
        }
        leave.send_replace(true);
        supervisor.down().await
    };
    let last = tokio::select! {
        last = end => last,
        never = view.show(snapshots, leaving) => match never {},
    };
    view.finish().await;
    if !args.silent {
        orders::show(&last)?;
    }
    // Nodes that were killed by an order are as they should be.
    let failed = last.nodes.iter().any(|node| node.state == NodeState::Failed);
    Ok(if failed { Verdict::Wrong } else { Verdict::Right })
}

/// What the user sees.
struct View {
    screen: Option<Screen>,
    paint: Paint,
    shown: Shown,
    log: VecDeque<ShownLine>,
    names: Vec<String>,
    width: usize,
    blocks: bool,
    silent: bool,
}

impl View {
    fn new(args: &NetUpArgs, layout: &Layout, shown: Shown) -> eyre::Result<Self> {
        let screen = match args.plain || args.silent {
            true => None,
            false => Screen::enter().wrap_err("cannot use the terminal: --plain goes without")?,
        };
        let names: Vec<String> = layout.nodes.iter().map(|node| node.name.clone()).collect();
        Ok(Self {
            screen,
            paint: Paint { color: console::wants_color() },
            shown,
            log: VecDeque::new(),
            width: names.iter().map(String::len).max().unwrap_or_default().max("net".len()),
            names,
            blocks: args.blocks,
            silent: args.silent,
        })
    }

    /// Shows what happens, for as long as it is let.
    async fn show(
        &mut self,
        snapshots: watch::Receiver<Arc<Snapshot>>,
        mut leaving: watch::Receiver<bool>,
    ) -> Infallible {
        let mut draws = interval(DRAW);
        draws.set_missed_tick_behavior(MissedTickBehavior::Delay);
        loop {
            tokio::select! {
                Some(line) = self.shown.recv() => self.take(line),
                _ = draws.tick() => self.draw(&snapshots.borrow()),
                Ok(()) = leaving.changed() => {
                    // The next signal ends this process at once, and the terminal should be in order then.
                    self.screen = None;
                    if !self.silent {
                        console::warn("ending all nodes; once more to leave without waiting for them");
                    }
                }
            }
        }
    }

    fn take(&mut self, line: ShownLine) {
        if self.silent || (line.is_block() && !self.blocks) {
            return;
        }
        if self.screen.is_some() {
            if self.log.len() >= KEPT {
                self.log.pop_front();
            }
            self.log.push_back(line);
        } else {
            let name = line.node.map_or("net", |node| self.names.get(node).map_or("?", String::as_str));
            let text = log_line(&line, name, self.width, usize::MAX, self.paint);
            // Without a reader there is still the file.
            let _ = console::print(format!("{text}\n").as_bytes());
        }
    }

    fn draw(&mut self, snapshot: &Snapshot) {
        let Some(screen) = &mut self.screen else { return };
        let size = Screen::size().unwrap_or(Size { columns: 80, rows: 24 });
        if screen.draw(&frame(snapshot, &self.log, size, self.paint)).is_err() {
            self.screen = None;
        }
    }

    /// Says what has not been said yet, on the usual screen.
    async fn finish(&mut self) {
        self.screen = None;
        let rest = async {
            while let Some(line) = self.shown.recv().await {
                self.take(line);
            }
        };
        // A disk that hangs holds up the journal.
        let _ = timeout(LAST_LINES, rest).await;
    }
}

/// Starts a supervisor in the background, and waits until all nodes answer.
fn detach(args: &NetUpArgs, layout: &Layout) -> eyre::Result<Verdict> {
    let interrupt = Interrupt::listen()?;
    let mut errors = tempfile::tempfile().wrap_err("cannot make a temporary file")?;
    let mut command = Command::new(program()?);
    command.args(["net", "up", "--silent", "--seed", &args.seed.to_string()]);
    command.args(args.direct.then_some("--direct")).arg(&layout.dir);
    if !args.arguments.is_empty() {
        command.arg("--").args(&args.arguments);
    }
    let copy = errors.try_clone().wrap_err("cannot use a temporary file")?;
    let mut child = command
        .stdin(Stdio::null())
        .stdout(Stdio::null())
        .stderr(copy)
        // In a group of its own it does not end with this terminal's Ctrl-C.
        .process_group(0)
        .spawn()
        .wrap_err("cannot start the supervisor")?;
    let mut stopped = interrupt.in_background()?;
    let begun = Instant::now();
    loop {
        if stopped.try_recv().is_ok() {
            console::warn("ending all nodes; once more to leave without waiting for them");
            // It can only have ended, and then there is nothing to wait for.
            let _ = kill_process(Pid::from_child(&child), Signal::TERM);
            child.wait().wrap_err("cannot wait for the supervisor")?;
            return Ok(Verdict::Stopped);
        }
        if child.try_wait().wrap_err("cannot wait for the supervisor")?.is_some() {
            let mut text = String::new();
            errors.rewind().and_then(|()| errors.read_to_string(&mut text)).unwrap_or_default();
            let text = text.trim().trim_start_matches("error: ");
            let log = layout.log();
            eyre::ensure!(!text.is_empty(), "the network did not come up: {} says why", log.display());
            eyre::bail!("{text}");
        }
        // At the very beginning nobody answers, or another supervisor, because of which this one ends.
        let is_there = layout.supervisor() == Some(Some(child.id()));
        if is_there && let Ok(Answer::Status(snapshot)) = ask(layout, &Order::Status, COME_UP) {
            let is_coming = snapshot.nodes.iter().any(|node| node.state == NodeState::Starting);
            if !is_coming || begun.elapsed() > COME_UP {
                orders::show(&snapshot)?;
                let dir = quoted(&layout.dir);
                let text =
                    format!("\nIt runs in the background: mundi net status {dir}, mundi net down {dir}\n");
                console::print(text.as_bytes())?;
                let up = snapshot.nodes.iter().all(|node| node.state == NodeState::Up);
                return Ok(if up { Verdict::Right } else { Verdict::Wrong });
            }
        }
        thread::sleep(ASK);
    }
}
