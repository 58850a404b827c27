//! Validators all over the world: how long a payload takes, and what it costs to spread it.
//!
//! Nothing goes wrong here. Validators are spread over [regions](REGIONS) one after the other; messages take half of the published
//! round-trip time between two regions and wait for the bandwidth of both ends; leaders always have a full payload of transfers to
//! propose. What is measured is measured on the simulation's clock, so it is what the protocol and the world take: computing
//! takes no time, but for execution, which takes what [`WanSettings::execution`] says.

mod batches;
mod regions;
mod stages;

pub(crate) use regions::one_way;
pub use regions::{LATENCIES, REGIONS, round_trip};
pub use stages::Times;

use crate::{
    dice::Dice,
    facts::{BEGINNING, Facts},
    faults::Counters,
    manner::Manner,
    node::{Node, Sizes},
    record::Record,
    run::Moment,
    wires::{Bandwidth, CHANNELS, PAYLOADS, Wires},
    world::World,
};
use batches::Batches;
use commonware_codec::{Copying, Decode as _};
use commonware_runtime::{
    Runner as _,
    deterministic::{Config, Context, Runner},
};
use mundi_consensus::{Coded, LEAST_CODED, Pace, Payload};
use stages::Stages;
use std::{
    collections::BTreeMap,
    sync::Arc,
    time::{Duration, UNIX_EPOCH},
};

/// Blocks at the beginning and at the end of a run that are not measured.
const EDGES: u64 = 2;

/// How often the clock moves while something happens: what happens at one moment does not take long.
const CYCLE: Duration = Duration::from_micros(20);

/// How often validators are asked how far they are.
const SAMPLE: Duration = Duration::from_millis(1);

/// Longest time that a payload may take.
const MOST: Duration = Duration::from_secs(10);

/// What a run follows from.
#[derive(Clone, Copy, Debug)]
pub struct WanSettings {
    /// Where all choices come from.
    pub seed: u64,
    /// How many validators, at least four. Default: 50.
    pub validators: usize,
    /// Over how many regions they are spread, of the [ten](REGIONS). Default: 10.
    pub regions: usize,
    /// Bytes of transactions in each payload. Default: 1 MiB.
    pub payload: u32,
    /// Bytes that each validator can send in a second. Default: 125,000,000, which is a gigabit.
    pub upload: u64,
    /// Bytes that each validator can receive in a second. Default: the same.
    pub download: u64,
    /// How long it takes to execute a payload. Default: 25 ms.
    pub execution: Duration,
    /// How long messages may take longer by chance. Default: 2 ms.
    pub jitter: Duration,
    /// Blocks that are measured. Default: 6.
    pub heights: u64,
    /// How fast payloads follow each other. Default: as everywhere.
    pub pace: Pace,
}

impl Default for WanSettings {
    fn default() -> Self {
        Self {
            seed: 0,
            validators: 50,
            regions: REGIONS.len(),
            payload: 1 << 20,
            upload: 125_000_000,
            download: 125_000_000,
            execution: Duration::from_millis(25),
            jitter: Duration::from_millis(2),
            heights: 6,
            pace: Pace::default(),
        }
    }
}

/// What came of a run.
#[derive(Clone, Debug)]
pub struct WanReport {
    /// Blocks that were measured.
    pub blocks: u64,
    /// Transactions in them.
    pub transactions: u64,
    /// Bytes of an average payload.
    pub payload: u64,
    /// From one proposal to the next.
    pub interval: Times,
    /// From the proposal until a validator knew that a quorum had voted for it, over all validators and blocks.
    pub notarized: Times,
    /// Until it knew that it is final.
    pub finalized: Times,
    /// Until it had executed it.
    pub executed: Times,
    /// Until it knew a certificate that proves the block.
    pub anchored: Times,
    /// What a leader sent for its payload, as a multiple of it: the median.
    pub leader_upload: f64,
    /// What another validator sent for it.
    pub other_upload: f64,
    /// Bytes that a validator sent per block, of all channels: the median and the most.
    pub sent: (u64, u64),
    /// Those of them that are not payloads.
    pub sent_votes: u64,
    /// Views that came to nothing.
    pub lost_views: u64,
    /// Time that passed in the simulation.
    pub time: Duration,
    /// What everything comes to: equal for equal settings.
    pub trace: String,
    /// What went wrong.
    pub violations: Vec<String>,
}

/// Why a run cannot be made.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum WanError {
    /// There are not enough validators.
    #[error("payloads are coded from {LEAST_CODED} validators on, and there are {0}")]
    Validators(usize),
    /// There are not so many regions.
    #[error("latencies are known of 1 to {most} regions, not of {0}", most = REGIONS.len())]
    Regions(usize),
    /// Nothing fits into a payload.
    #[error("a payload of {0} bytes holds no transfer; at least 1024 are needed, and 8 MiB are the most")]
    Payload(u32),
    /// It did not come to its end.
    #[error("the run ended early: {0}")]
    Ended(String),
}

/// Runs it. `watch` is told every now and then how far it is.
pub fn wan(settings: &WanSettings, watch: &mut dyn FnMut(Moment)) -> Result<WanReport, WanError> {
    if settings.validators < LEAST_CODED {
        return Err(WanError::Validators(settings.validators));
    }
    if !(1..=REGIONS.len()).contains(&settings.regions) {
        return Err(WanError::Regions(settings.regions));
    }
    if !(1024..=mundi_consensus::Rules::MOST_BYTES).contains(&settings.payload) {
        return Err(WanError::Payload(settings.payload));
    }
    let blocks = settings.heights + 2 * EDGES;
    let limit = MOST * u32::try_from(blocks).unwrap_or(u32::MAX);
    let config = Config::new()
        .with_seed(settings.seed)
        .with_cycle(CYCLE)
        .with_start_time(UNIX_EPOCH + Duration::from_secs(BEGINNING))
        .with_timeout(Some(limit * 2));
    Runner::new(config).start(|context| async move {
        let ended = |error: String| WanError::Ended(error);
        let mut survey = Survey::new(context, settings, blocks).map_err(ended)?;
        survey.run(limit, watch).await.map_err(ended)
    })
}

/// A world that is measured.
struct Survey {
    world: World,
    blocks: u64,
    stages: Stages,
}

impl Survey {
    fn new(context: Context, settings: &WanSettings, blocks: u64) -> Result<Self, String> {
        let batches = Batches::new(settings.payload, blocks)?;
        let mut facts = Facts::new(&context, settings.validators, &batches.senders())?;
        facts.rules.bounds.bytes = settings.payload;
        let (counters, max_lag) = (Counters::default(), facts.rules.max_lag);
        let dice = |purpose: &str| Dice::new(settings.seed, purpose);
        let participants = &facts.committee.participants;
        let wires = Wires::new(&context, dice("wires"), participants, &[], counters.clone());
        wires.set_bandwidth(Bandwidth { upload: settings.upload, download: settings.download });
        wires.change_links(|from, to, link| {
            link.latency = one_way(settings.regions, from, to);
            link.jitter = settings.jitter;
        });
        wires.count_uploads();
        let source = Arc::new(move || batches.source());
        let mut world = World::new(context, facts, wires, Record::default(), settings.pace, Some(source));
        let millis = u64::try_from(settings.execution.as_millis()).unwrap_or(u64::MAX);
        for member in 0..settings.validators {
            let manner = Manner::new(counters.clone(), max_lag, Vec::new());
            manner.set_slow(millis);
            let node = Node::new((member, member), true, manner, Sizes::crowd(), dice("disk"), &counters);
            world.nodes.push(node);
            world.start::<Coded>(member);
        }
        let stages = Stages::new(settings.validators, world.now());
        Ok(Self { world, blocks, stages })
    }

    async fn run(&mut self, limit: Duration, watch: &mut dyn FnMut(Moment)) -> Result<WanReport, String> {
        loop {
            self.world.pass(SAMPLE).await;
            let (now, elapsed) = (self.world.now(), self.world.elapsed());
            let mut least = u64::MAX;
            for (index, node) in self.world.nodes.iter_mut().enumerate() {
                if let Some(death) = node.ended() {
                    return Err(format!("node {index} ended: {}", death.reason));
                }
                least = least.min(match node.live() {
                    Some(live) => self.stages.sample(index, now, &live.progress),
                    None => 0,
                });
            }
            watch(Moment { time: elapsed, height: self.world.record.height() });
            if least >= self.blocks {
                break;
            }
            if elapsed > limit {
                return Err(format!(
                    "after {elapsed:?} a validator has only {least} of {} blocks",
                    self.blocks
                ));
            }
        }
        let report = self.report(self.world.elapsed()).await;
        self.world.end().await;
        report
    }

    /// What the payloads say of themselves: view, leader, time, size, digest, transactions.
    async fn payloads(&self) -> Result<BTreeMap<u64, Proposed>, String> {
        let first = self.world.nodes.first().and_then(Node::live).ok_or("no validator lives")?;
        let mut payloads = BTreeMap::new();
        for height in 1..=self.blocks {
            let payload = first.archive.payload(height).await;
            let payload = payload.ok_or_else(|| format!("payload {height} is not kept"))?;
            let bytes = payload.len() as u64;
            let payload = Payload::<Coded>::decode_cfg(Copying(&payload), &self.world.facts.rules.bounds)
                .map_err(|error| format!("payload {height}: {error}"))?;
            let header = payload.header();
            let mut digest = [0; 32];
            digest.copy_from_slice(&header.digest());
            let leader = self.world.facts.keys().iter().position(|key| *key == header.context.leader);
            payloads.insert(
                height,
                Proposed {
                    view: header.context.round.view().get(),
                    parent: header.context.parent.0.get(),
                    leader: leader.unwrap_or_default(),
                    time: UNIX_EPOCH + Duration::from_millis(header.time),
                    bytes,
                    digest,
                    transactions: u64::from(header.content.count),
                },
            );
        }
        Ok(payloads)
    }

    async fn report(&self, time: Duration) -> Result<WanReport, String> {
        let payloads = self.payloads().await?;
        let measured = 1 + EDGES..=self.blocks - EDGES;
        let of = |payloads: &BTreeMap<u64, Proposed>| -> Vec<Proposed> {
            payloads.range(measured.clone()).map(|(_, proposed)| proposed.clone()).collect()
        };
        let chosen = of(&payloads);
        let mut intervals = Vec::new();
        for pair in chosen.windows(2) {
            intervals.push(pair[1].time.duration_since(pair[0].time).unwrap_or_default());
        }
        let (mut leaders, mut others) = (Vec::new(), Vec::new());
        for proposed in &chosen {
            for (member, bytes) in self.world.wires.uploads(&proposed.digest) {
                let share = bytes as f64 / proposed.bytes as f64;
                if member == proposed.leader { leaders.push(share) } else { others.push(share) }
            }
        }
        let blocks = chosen.len() as u64;
        let sent = self.world.wires.sent();
        let mut all: Vec<u64> =
            sent.iter().map(|channels| channels.iter().sum::<u64>() / self.blocks).collect();
        all.sort_unstable();
        let votes = |channels: &[u64; CHANNELS]| {
            channels.iter().sum::<u64>() - channels[usize::try_from(PAYLOADS).unwrap_or_default()]
        };
        let mut votes: Vec<u64> = sent.iter().map(|channels| votes(channels) / self.blocks).collect();
        votes.sort_unstable();
        let stages = &self.stages;
        let (mut notarized, mut finalized) = (Vec::new(), Vec::new());
        let (mut executed, mut anchored) = (Vec::new(), Vec::new());
        for node in 0..self.world.nodes.len() {
            for (height, proposed) in payloads.range(measured.clone()) {
                let since = |at: Option<std::time::SystemTime>| {
                    at.map(|at| at.duration_since(proposed.time).unwrap_or_default())
                };
                notarized.extend(since(stages.view(node, proposed.view + 1)));
                finalized.extend(since(stages.ordered(node, *height)));
                executed.extend(since(stages.executed(node, *height)));
                anchored.extend(since(stages.anchored(node, *height)));
            }
        }
        let lost = chosen.iter().map(|proposed| proposed.view - proposed.parent - 1).sum();
        Ok(WanReport {
            blocks,
            transactions: chosen.iter().map(|proposed| proposed.transactions).sum(),
            payload: chosen.iter().map(|proposed| proposed.bytes).sum::<u64>() / blocks.max(1),
            interval: Times::of(intervals),
            notarized: Times::of(notarized),
            finalized: Times::of(finalized),
            executed: Times::of(executed),
            anchored: Times::of(anchored),
            leader_upload: median(leaders),
            other_upload: median(others),
            sent: (
                all.get(all.len() / 2).copied().unwrap_or_default(),
                all.last().copied().unwrap_or_default(),
            ),
            sent_votes: votes.get(votes.len() / 2).copied().unwrap_or_default(),
            lost_views: lost,
            time,
            trace: self.world.context.auditor().state(),
            violations: self.world.record.violations(),
        })
    }
}

/// A payload, as it was proposed.
#[derive(Clone)]
struct Proposed {
    view: u64,
    parent: u64,
    leader: usize,
    time: std::time::SystemTime,
    bytes: u64,
    digest: [u8; 32],
    transactions: u64,
}

fn median(mut values: Vec<f64>) -> f64 {
    values.sort_by(f64::total_cmp);
    values.get(values.len() / 2).copied().unwrap_or_default()
}
