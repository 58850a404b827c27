//! What the node measures of itself, and what the machine is busy with.

use super::report::{Machine, Stages};
use crate::{connection::LoadError, process::Usage};
use std::{
    fs,
    net::SocketAddr,
    time::{Duration, Instant},
};
use tokio::{
    io::{AsyncReadExt as _, AsyncWriteExt as _},
    net::TcpStream,
};

/// Most bytes of a node's figures.
const MAX_FIGURES: u64 = 4 << 20;

/// Sums over all blocks so far.
#[derive(Clone, Copy, Debug, Default)]
pub(super) struct Figures {
    pub(super) blocks: f64,
    pub(super) transactions: f64,
    /// Seconds.
    pub(super) sums: Stages,
}

impl Figures {
    /// Asks a node's listener for figures.
    pub(super) async fn ask(address: SocketAddr) -> Result<Self, LoadError> {
        let mut stream = TcpStream::connect(address).await?;
        stream.write_all(b"GET /metrics HTTP/1.0\r\n\r\n").await?;
        let mut text = String::new();
        stream.take(MAX_FIGURES).read_to_string(&mut text).await?;
        Self::read(&text)
            .ok_or_else(|| eyre::eyre!("http://{address}/metrics has no figures of blocks: {text:.200}"))
    }

    fn read(text: &str) -> Option<Self> {
        let figure =
            |name: &str| text.lines().find_map(|line| line.strip_prefix(name)?.trim().parse::<f64>().ok());
        // A stage is there from the first block on.
        let stage = |name| figure(&format!("ledger_block_seconds_sum{{stage=\"{name}\"}} "));
        Some(Self {
            blocks: figure("ledger_blocks_total ")?,
            transactions: figure("ledger_transactions_total ")?,
            sums: Stages {
                execute: stage("execute")?,
                root: stage("root")?,
                write: stage("write")?,
                total: stage("total")?,
                command: 0.0,
            },
        })
    }

    /// Milliseconds of a block since `before`, on average.
    pub(super) fn since(&self, before: &Self, command: Duration) -> Stages {
        let blocks = (self.blocks - before.blocks).max(1.0);
        let of = |stage: fn(&Stages) -> f64| 1e3 * (stage(&self.sums) - stage(&before.sums)) / blocks;
        Stages {
            execute: of(|sums| sums.execute),
            root: of(|sums| sums.root),
            write: of(|sums| sums.write),
            total: of(|sums| sums.total),
            command: 1e3 * command.as_secs_f64() / blocks,
        }
    }
}

/// Processor time so far.
#[derive(Clone, Copy, Debug)]
pub(super) struct Busy {
    at: Instant,
    node: f64,
    generator: f64,
    all: f64,
}

impl Busy {
    pub(super) fn now(node: Option<u32>) -> Self {
        let cpu = |pid| Usage::of(pid).map_or(0.0, |usage| usage.cpu);
        Self {
            at: Instant::now(),
            node: node.map_or(0.0, cpu),
            generator: cpu(std::process::id()),
            all: whole_machine().unwrap_or_default(),
        }
    }

    /// What was used since `before`.
    pub(super) fn since(&self, before: &Self) -> Machine {
        let (node, generator) = (self.node - before.node, self.generator - before.generator);
        Machine {
            seconds: (self.at - before.at).as_secs_f64(),
            node,
            generator,
            others: (self.all - before.all - node - generator).max(0.0),
        }
    }
}

/// Seconds that all processors together were busy.
fn whole_machine() -> Option<f64> {
    const TICKS_PER_SECOND: f64 = 100.0;
    let stat = fs::read_to_string("/proc/stat").ok()?;
    let line = stat.lines().next()?.strip_prefix("cpu ")?;
    let ticks: Vec<f64> = line.split_whitespace().filter_map(|ticks| ticks.parse().ok()).collect();
    // User, nice, system, idle, waiting for disks, interrupts, soft interrupts, stolen by the machine below.
    let [user, nice, system, _, _, irq, soft, steal, ..] = ticks[..] else { return None };
    Some((user + nice + system + irq + soft + steal) / TICKS_PER_SECOND)
}

#[cfg(test)]
mod tests {
    use super::*;

    const TEXT: &str = "\
HTTP/1.0 200 OK\r\n\r\n# TYPE ledger_blocks_total counter
ledger_blocks_total 4
ledger_transactions_total 8000
ledger_block_seconds_bucket{stage=\"execute\",le=\"0.01\"} 4
ledger_block_seconds_sum{stage=\"execute\"} 0.04
ledger_block_seconds_sum{stage=\"root\"} 0.02
ledger_block_seconds_sum{stage=\"write\"} 0.001
ledger_block_seconds_sum{stage=\"total\"} 0.08
";

    #[test]
    fn figures_are_those_of_the_blocks_between() {
        let before = Figures::read(TEXT).unwrap();
        let after = Figures {
            blocks: 6.0,
            transactions: 12_000.0,
            sums: Stages { execute: 0.06, total: 0.12, ..before.sums },
        };
        let stages = after.since(&before, Duration::from_millis(50));
        let close = |value: f64, expected: f64| assert!((value - expected).abs() < 1e-9, "{value}");
        close(stages.execute, 10.0);
        close(stages.root, 0.0);
        close(stages.total, 20.0);
        close(stages.command, 25.0);
    }

    #[test]
    fn what_is_no_figures_is_none() {
        assert!(Figures::read("").is_none());
        assert!(Figures::read("HTTP/1.0 503 Service Unavailable\r\n\r\n").is_none());
    }
}
