//! `mundi bench net`.

use crate::{
    Verdict,
    cli::{BenchNetArgs, fresh_seed},
    console,
    interrupt::Interrupt,
    net::failures,
};
use alloy_primitives::U64;
use eyre::WrapErr as _;
use indicatif::ProgressBar;
use mundi_consensus::NetworkFile;
use mundi_load::{
    Child, Connection, Light, LightReport, LoadReport, NodeReport, Outcome, Round, Transport, Workload,
    recovery_rate,
};
use mundi_network::{
    Layout, NodeState, Snapshot, Supervisor, SupervisorConfig,
    control::{Answer, Order},
};
use mundi_rpc_dev::DEFAULT_MNEMONIC;
use serde_json::json;
use std::{
    fmt,
    path::{Path, PathBuf},
    process::{Command, Stdio},
    sync::Arc,
    time::{Duration, Instant},
};
use tokio::sync::watch;

/// Transactions whose senders are recovered to find the ceiling.
const SAMPLES: usize = 5_000;

/// From one single transfer to the next.
const PAUSE: Duration = Duration::from_millis(200);

/// How long a network may take to come up, or to go on.
const PATIENCE: Duration = Duration::from_secs(300);

/// Blocks that are made before anything is measured.
const SETTLED: u64 = 5;

/// How long nothing may be final before it is believed that a network has stopped. Longer than the pace of empty payloads and the time that a
/// leader is waited for.
const STILL: Duration = Duration::from_secs(8);

/// What came of it.
#[derive(serde::Serialize)]
struct NetReport {
    validators: u8,
    cores: usize,
    /// Single transfers.
    light: LightReport,
    /// Seconds from a payload's proposal until nodes knew that it is final, while single transfers were sent.
    finality: Option<f64>,
    /// Under load: one node alone, then the network.
    load: LoadReport,
    /// What the network commits, over what one node commits divided by the number of validators.
    share: f64,
    /// Blocks that the validator that came back had.
    history: u64,
    /// Seconds from its start until its first vote ended a view, for which a quorum has to vote.
    back: f64,
}

pub(crate) fn run(args: &BenchNetArgs) -> eyre::Result<Verdict> {
    let runtime = tokio::runtime::Builder::new_multi_thread().worker_threads(2).enable_all().build()?;
    let interrupt = Interrupt::listen()?;
    let Some(report) = runtime.block_on(measure(args, interrupt))? else { return Ok(Verdict::Stopped) };
    console::print_as(args.measured.output, &report)?;
    let lost = |round: &Outcome| round.committed < round.sent;
    let well = !report.load.nodes.iter().any(|node| node.rounds.iter().any(lost));
    Ok(if well { Verdict::Right } else { Verdict::Wrong })
}

/// Makes a network, measures it and ends it, also if somebody wants the end before: `None`.
async fn measure(args: &BenchNetArgs, interrupt: Interrupt) -> eyre::Result<Option<NetReport>> {
    let program = args.measured.program()?;
    let folder = tempfile::tempdir().wrap_err("cannot make a temporary folder")?;
    let bar = console::bar("steps");
    bar.set_length(4 + 2 * args.rounds.get() as u64);
    step(&bar, "the network comes up");
    let mut network = Network::start(args, &program, &folder.path().join("net")).await?;
    let report = interrupt.or(network.measure(args, &program, &folder.path().join("alone"), &bar)).await;
    bar.finish_and_clear();
    if matches!(report, Ok(None)) {
        console::warn("ending all nodes; once more to leave without waiting for them");
    }
    network.supervisor.down().await;
    report
}

fn step(bar: &ProgressBar, what: &'static str) {
    bar.set_message(what);
    bar.inc(1);
}

/// One node alone and the network, by turns.
async fn load(
    args: &BenchNetArgs,
    program: &Path,
    datadir: &Path,
    network: &Network,
    bar: &ProgressBar,
) -> eyre::Result<LoadReport> {
    let datadir = datadir.display().to_string();
    let alone = Child::start(program, &["dev", "--quiet", "--datadir", &datadir]).await?;
    let mut round = Round {
        workload: Workload::Transfer,
        transport: Transport::Http,
        transactions: args.transactions.get(),
        batch: 100,
        connections: 4,
        senders: 400,
        seed: fresh_seed(),
        mnemonic: DEFAULT_MNEMONIC.to_owned(),
    };
    let recovered = recovery_rate(SAMPLES);
    let (mut of_one, mut of_all) = (Vec::new(), Vec::new());
    for _ in 0..args.rounds.get() {
        round.seed += 1;
        step(bar, "one node under load");
        network.give_all(|node| Order::Pause { node }).await?;
        of_one.push(round.run(&alone.url, alone.pid()).await?);
        step(bar, "the network under load");
        network.give_all(|node| Order::Resume { node }).await?;
        let height = network.height();
        network.reach(height + 2).await?;
        of_all.push(round.run(&network.urls[0], network.pid(0)).await?);
    }
    alone.stop().await?;
    let cores = console::threads(None).get();
    let mut report = LoadReport::new(&round, cores, recovered);
    report.nodes.push(NodeReport::new("one node".into(), of_one, cores, recovered));
    report.nodes.push(NodeReport::new("network".into(), of_all, cores, recovered));
    Ok(report)
}

/// A network that runs.
struct Network {
    supervisor: Supervisor,
    snapshots: watch::Receiver<Arc<Snapshot>>,
    urls: Vec<String>,
    names: Vec<String>,
}

impl Network {
    async fn start(args: &BenchNetArgs, program: &Path, dir: &Path) -> eyre::Result<Self> {
        let mut new = Command::new(program);
        new.args(["net", "new", "--validators", &args.validators.to_string()]);
        new.args(["--base-port", &args.base_port.to_string(), "--dir"]).arg(dir);
        let made = new.stdin(Stdio::null()).stdout(Stdio::null()).status();
        let made = made.wrap_err_with(|| format!("cannot run {}", program.display()))?;
        eyre::ensure!(made.success(), "the network could not be made");
        if args.history > 0 {
            let path = dir.join("network.json");
            let mut file = NetworkFile::read(&path)?;
            (file.min_interval_ms, file.idle_interval_ms) = (1, 1);
            file.write(&path)?;
        }
        let layout = Layout::open(dir)?;
        let urls = layout.nodes.iter().filter_map(|node| Some(format!("http://{}", node.rpc?))).collect();
        let names = layout.nodes.iter().map(|node| node.name.clone()).collect();
        let (supervisor, shown) =
            Supervisor::start(SupervisorConfig::new(layout, PathBuf::from(program))).await?;
        drop(shown);
        let snapshots = supervisor.snapshots();
        Ok(Self { supervisor, snapshots, urls, names })
    }

    async fn measure(
        &self,
        args: &BenchNetArgs,
        program: &Path,
        alone: &Path,
        bar: &ProgressBar,
    ) -> eyre::Result<NetReport> {
        let up = |snapshot: &Snapshot| {
            !snapshot.nodes.is_empty() && snapshot.nodes.iter().all(|node| node.state == NodeState::Up)
        };
        self.wait("come up", PATIENCE, up).await?;
        // By then everybody has found everybody.
        self.reach(SETTLED).await?;
        step(bar, "single transfers");
        let light =
            Light { transfers: args.transfers.get(), pause: PAUSE, mnemonic: DEFAULT_MNEMONIC.to_owned() };
        let light = light.run(&self.urls).await?;
        let finality = self.snapshots.borrow().chain.finality;
        let load = load(args, program, alone, self, bar).await?;
        step(bar, "history");
        self.reach(args.history).await?;
        step(bar, "a validator comes back");
        let (history, back) = self.lose_and_return().await?;
        let [alone, together] = &load.nodes[..] else { eyre::bail!("one of the two was not measured") };
        let share =
            together.summary.committed * f64::from(args.validators) / alone.summary.committed.max(1e-9);
        let cores = load.cores;
        Ok(NetReport { validators: args.validators, cores, light, finality, share, load, history, back })
    }

    /// Waits until something is so.
    async fn wait(
        &self,
        what: &str,
        patience: Duration,
        mut done: impl FnMut(&Snapshot) -> bool,
    ) -> eyre::Result<()> {
        let mut snapshots = self.snapshots.clone();
        let failed = |snapshot: &Snapshot| snapshot.nodes.iter().any(|node| node.state == NodeState::Failed);
        let waiting = snapshots.wait_for(|snapshot| failed(snapshot) || done(snapshot));
        let lines = match tokio::time::timeout(patience, waiting).await {
            Ok(Ok(snapshot)) if !failed(&snapshot) => return Ok(()),
            Ok(Ok(snapshot)) => failures(&snapshot),
            Ok(Err(_)) => failures(&self.snapshots.borrow()),
            Err(_) => eyre::bail!("the network did not {what} within {patience:?}"),
        };
        eyre::bail!("the network did not {what}{}", lines.join("\n"))
    }

    fn height(&self) -> u64 {
        self.snapshots.borrow().chain.height.unwrap_or_default()
    }

    fn pid(&self, node: usize) -> Option<u32> {
        self.snapshots.borrow().nodes.get(node)?.pid
    }

    /// Waits for a block.
    async fn reach(&self, height: u64) -> eyre::Result<()> {
        while self.height() < height {
            let before = self.height();
            self.wait("make blocks", PATIENCE, |snapshot| snapshot.chain.height > Some(before)).await?;
        }
        Ok(())
    }

    async fn give(&self, order: Order) -> eyre::Result<()> {
        match self.supervisor.order(order).await {
            Answer::Failed(reason) | Answer::Refused(reason) => eyre::bail!(reason),
            Answer::Done(_) | Answer::Status(_) => Ok(()),
        }
    }

    async fn give_all(&self, order: impl Fn(String) -> Order) -> eyre::Result<()> {
        for name in &self.names {
            self.give(order(name.clone())).await?;
        }
        Ok(())
    }

    /// Takes the quorum away and gives it back. How many blocks there were, and seconds until its first vote counted.
    async fn lose_and_return(&self) -> eyre::Result<(u64, f64)> {
        // As many as are tolerated, and one more.
        let off = (self.names.len() - 1) / 3 + 1;
        let victims = &self.names[self.names.len() - off..];
        for name in victims {
            self.give(Order::Kill { node: name.clone() }).await?;
        }
        let mut view = self.view().await?;
        let mut still = Instant::now();
        while still.elapsed() < STILL {
            tokio::time::sleep(Duration::from_millis(100)).await;
            let newest = self.view().await?;
            if newest > view {
                (view, still) = (newest, Instant::now());
            }
        }
        let height = self.height();
        let started = Instant::now();
        self.give(Order::Restart { node: victims[0].clone() }).await?;
        while self.view().await? == view {
            eyre::ensure!(started.elapsed() < PATIENCE, "the network did not go on within {PATIENCE:?}");
            tokio::time::sleep(Duration::from_millis(10)).await;
        }
        Ok((height, started.elapsed().as_secs_f64()))
    }

    /// The view of a node that nobody kills: it ends when a quorum has voted.
    async fn view(&self) -> eyre::Result<u64> {
        let mut connection = Connection::open(&self.urls[0], Transport::Http).await?;
        let status: Status = connection.call("mundi_status", json!([])).await?;
        Ok(status.view.to())
    }
}

#[derive(serde::Deserialize)]
struct Status {
    view: U64,
}

impl fmt::Display for NetReport {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        writeln!(f, "{} validators, load and everything else on {} cores\n", self.validators, self.cores)?;
        let LightReport { transfers, receipt, finalized } = &self.light;
        writeln!(f, "{transfers} single transfers, ms:       median      p95      p99")?;
        let line = |f: &mut fmt::Formatter<'_>, what: &str, times: &mundi_load::Latency| {
            writeln!(f, "  {what:<28} {:>8.1} {:>8.1} {:>8.1}", times.median, times.p95, times.p99)
        };
        line(f, "sent to receipt", receipt)?;
        line(f, "sent to tag `finalized`", finalized)?;
        if let Some(seconds) = self.finality {
            writeln!(f, "  proposed to final, mean      {:>8.1}", 1e3 * seconds)?;
        }
        write!(f, "\n{}", self.load)?;
        writeln!(
            f,
            "the network commits {:.2}× of what one node commits divided by {}\n",
            self.share, self.validators
        )?;
        writeln!(
            f,
            "a validator with {} blocks, killed and started again, votes after {:.2} s",
            self.history, self.back
        )
    }
}
