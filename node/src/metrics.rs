//! Figures of a node, in the form that Prometheus reads.
//!
//! Each node has a recorder of its own: two nodes in one process do not mix theirs. What takes figures by the `metrics` crate
//! is given this recorder while it is made ([`Figures::within`]).

use metrics::{Counter, Gauge, Histogram, counter, gauge, histogram};
use metrics_exporter_prometheus::{
    BuildError, Matcher, PrometheusBuilder, PrometheusHandle, PrometheusRecorder,
};
use mundi_chain::{Head, Ledger, LedgerObserver, Sealed};
use mundi_mempool::Mempool;
use mundi_rpc_context::{Consensus, Workers};
use mundi_state::BlockRecord;
use std::sync::{Arc, Weak};

/// Upper ends of the ranges in which durations are counted, in seconds.
const SECONDS: [f64; 16] =
    [0.0001, 0.000_25, 0.0005, 0.001, 0.0025, 0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1.0, 2.5, 5.0, 10.0];

/// The figures of a node.
pub(crate) struct Figures {
    recorder: PrometheusRecorder,
    handle: PrometheusHandle,
}

impl Figures {
    pub(crate) fn new() -> Result<Self, BuildError> {
        let recorder = PrometheusBuilder::new()
            .set_buckets_for_metric(Matcher::Suffix("_seconds".into()), &SECONDS)?
            .build_recorder();
        Ok(Self { handle: recorder.handle(), recorder })
    }

    /// Runs `work` so that what it makes counts here.
    pub(crate) fn within<T>(figures: Option<&Self>, work: impl FnOnce() -> T) -> T {
        match figures {
            Some(figures) => metrics::with_local_recorder(&figures.recorder, work),
            None => work(),
        }
    }

    /// What renders the figures.
    pub(crate) fn handle(&self) -> PrometheusHandle {
        self.handle.clone()
    }
}

/// Counts blocks.
pub(crate) struct BlockFigures {
    height: Gauge,
    timestamp: Gauge,
    blocks: Counter,
    transactions: Counter,
    skipped: Counter,
    gas: Counter,
    executions_repeated: Counter,
    rewinds: Counter,
    execute: Histogram,
    root: Histogram,
    write: Histogram,
    total: Histogram,
}

impl BlockFigures {
    /// To be called [within](Figures::within) the figures.
    pub(crate) fn new() -> Self {
        let stage = |name: &'static str| histogram!("ledger_block_seconds", "stage" => name);
        Self {
            height: gauge!("ledger_height"),
            timestamp: gauge!("ledger_head_timestamp_seconds_since_1970"),
            blocks: counter!("ledger_blocks_total"),
            transactions: counter!("ledger_transactions_total"),
            skipped: counter!("ledger_skipped_transactions_total"),
            gas: counter!("ledger_gas_total"),
            executions_repeated: counter!("ledger_repeated_executions_total"),
            rewinds: counter!("ledger_rewinds_total"),
            execute: stage("execute"),
            root: stage("root"),
            write: stage("write"),
            total: stage("total"),
        }
    }

    /// Shows the head from which the node starts.
    pub(crate) fn begin(&self, head: &Head) {
        self.show(&head.block);
    }

    fn show(&self, block: &BlockRecord) {
        self.height.set(block.header.number as f64);
        self.timestamp.set(block.header.timestamp as f64);
    }
}

impl LedgerObserver for BlockFigures {
    fn sealed(&self, sealed: &Sealed, _: &Head) {
        let Sealed { block, timings, report, .. } = sealed;
        self.show(block);
        self.blocks.increment(1);
        self.transactions.increment(block.body.transactions.len() as u64);
        self.skipped.increment(sealed.skipped.len() as u64);
        self.gas.increment(block.header.gas_used);
        self.executions_repeated.increment(report.re_executions);
        self.execute.record(timings.execute);
        self.root.record(timings.root);
        self.write.record(timings.write);
        self.total.record(timings.total);
    }

    fn reset(&self, removed: &[Arc<BlockRecord>], head: &Head) {
        self.show(&head.block);
        self.rewinds.increment(u64::from(!removed.is_empty()));
    }
}

/// Figures that are looked up when somebody asks.
pub(crate) struct Gauges {
    pool: Weak<Mempool>,
    ledger: Weak<Ledger>,
    workers: Workers,
    pending: Gauge,
    queued: Gauge,
    pool_bytes: Gauge,
    waiting: Gauge,
    halted: Gauge,
    memory: Gauge,
    cpu: Gauge,
    threads: Gauge,
    files: Gauge,
    consensus: Option<ConsensusGauges>,
}

/// The same of ordering by many.
struct ConsensusGauges {
    consensus: Consensus,
    ordered: Gauge,
    executed: Gauge,
    anchored: Gauge,
    lag: Gauge,
    view: Gauge,
    peers: Gauge,
    caught_up: Gauge,
    failed: Gauge,
}

impl ConsensusGauges {
    fn new(consensus: &Consensus) -> Self {
        Self {
            consensus: consensus.clone(),
            ordered: gauge!("consensus_ordered_height"),
            executed: gauge!("consensus_executed_height"),
            anchored: gauge!("consensus_anchored_height"),
            lag: gauge!("consensus_lag"),
            view: gauge!("consensus_view"),
            peers: gauge!("consensus_peers"),
            caught_up: gauge!("consensus_caught_up"),
            failed: gauge!("consensus_failed"),
        }
    }

    fn refresh(&self) {
        let progress = &self.consensus.progress;
        self.ordered.set(progress.ordered() as f64);
        self.executed.set(progress.executed().anchor.height as f64);
        self.anchored.set(progress.anchored() as f64);
        self.lag.set(self.consensus.lag() as f64);
        self.view.set(progress.view() as f64);
        self.peers.set((self.consensus.peers)() as f64);
        self.caught_up.set(f64::from(u8::from(self.consensus.is_caught_up())));
        self.failed.set(f64::from(u8::from(progress.fault().is_some())));
    }
}

impl Gauges {
    /// To be called [within](Figures::within) the figures.
    pub(crate) fn new(
        pool: &Arc<Mempool>,
        ledger: &Arc<Ledger>,
        workers: &Workers,
        consensus: Option<&Consensus>,
    ) -> Self {
        gauge!("mundi_build_info", "version" => env!("CARGO_PKG_VERSION")).set(1.0);
        Self {
            pool: Arc::downgrade(pool),
            ledger: Arc::downgrade(ledger),
            workers: workers.clone(),
            pending: gauge!("pool_transactions", "state" => "pending"),
            queued: gauge!("pool_transactions", "state" => "queued"),
            pool_bytes: gauge!("pool_bytes"),
            waiting: gauge!("rpc_waiting_calls"),
            halted: gauge!("ledger_halted"),
            memory: gauge!("process_resident_memory_bytes"),
            cpu: gauge!("process_cpu_seconds_total"),
            threads: gauge!("process_threads"),
            files: gauge!("process_open_fds"),
            consensus: consensus.map(ConsensusGauges::new),
        }
    }

    pub(crate) fn refresh(&self) {
        if let Some(pool) = self.pool.upgrade() {
            let status = pool.status();
            self.pending.set(status.pending as f64);
            self.queued.set(status.queued as f64);
            self.pool_bytes.set(status.bytes as f64);
        }
        let halted = self.ledger.upgrade().is_none_or(|ledger| ledger.halted().is_some());
        self.halted.set(f64::from(u8::from(halted)));
        self.waiting.set(self.workers.waiting() as f64);
        if let Some(consensus) = &self.consensus {
            consensus.refresh();
        }
        if let Some(process) = Process::read() {
            self.memory.set(process.memory);
            self.cpu.set(process.cpu);
            self.threads.set(process.threads);
            self.files.set(process.files);
        }
    }
}

/// What the system says of this process.
struct Process {
    memory: f64,
    cpu: f64,
    threads: f64,
    files: f64,
}

impl Process {
    /// On Linux; elsewhere nothing is known.
    #[cfg(target_os = "linux")]
    fn read() -> Option<Self> {
        use std::fs;
        let status = fs::read_to_string("/proc/self/status").ok()?;
        let number = |name: &str| -> Option<f64> {
            let line = status.lines().find_map(|line| line.strip_prefix(name))?;
            line.split_whitespace().next()?.parse().ok()
        };
        let time = rustix::time::clock_gettime(rustix::time::ClockId::ProcessCPUTime);
        Some(Self {
            memory: number("VmRSS:")? * 1024.0,
            cpu: time.tv_sec as f64 + time.tv_nsec as f64 / 1e9,
            threads: number("Threads:")?,
            files: fs::read_dir("/proc/self/fd").ok()?.count() as f64,
        })
    }

    #[cfg(not(target_os = "linux"))]
    fn read() -> Option<Self> {
        None
    }
}
