//! The solo sequencer: takes what waits in the pool, and makes it the next payload.
//!
//! ## What it promises
//! * Payloads follow each other in height and time; a payload's time is that of the clock, or, if the clock is behind,
//!   the earliest that the chain allows.
//! * At most [`SoloConfig::in_flight`] payloads are under way. While they are, transactions gather in the pool: the more there is
//!   to do, the larger the payloads.
//! * Transactions of a payload that failed go back to the pool.
//!
//! ## Limits
//! Its answer to when a block is final is: when it is written.

use crate::{clock::Clock, limits::proposal_limits};
use alloy_primitives::{Address, B256, Bytes, U256, keccak256};
use mundi_chain::{
    Finality, Ledger, LedgerError, OrderedTransaction, Payload, PayloadSource, ProposalLimits, Sealed,
    Sequencer,
};
use std::{
    collections::VecDeque,
    sync::{
        Arc, Condvar, Mutex, MutexGuard,
        atomic::{AtomicBool, Ordering::Relaxed},
    },
    thread::{self, JoinHandle},
    time::{Duration, Instant},
};
use tokio::sync::oneshot;

/// When payloads are made.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum Mining {
    /// As soon as a transaction waits.
    #[default]
    Auto,
    /// Every so often, with transactions or without.
    Interval(Duration),
    /// As soon as a transaction waits, and every so often without.
    Mixed(Duration),
    /// On command only.
    Manual,
}

/// How to order.
#[derive(Clone, Debug)]
pub struct SoloConfig {
    /// When payloads are made. Default: automatically.
    pub mining: Mining,
    /// Least time between two payloads. Default: none.
    pub pace: Duration,
    /// Who gets the fees. Default: nobody.
    pub beneficiary: Address,
    /// What `PREVRANDAO` is derived from. Default: zero.
    pub seed: B256,
    /// Payloads under way at most. Default: 2.
    pub in_flight: usize,
    /// Most bytes of transactions in a payload, so that its block stays under EIP-7934's 10 MiB. Default: 8 MiB.
    pub payload_bytes: usize,
    /// Most transactions in a payload. Default: 50,000.
    pub payload_transactions: usize,
}

impl Default for SoloConfig {
    fn default() -> Self {
        Self {
            mining: Mining::Auto,
            pace: Duration::ZERO,
            beneficiary: Address::ZERO,
            seed: B256::ZERO,
            in_flight: 2,
            payload_bytes: 8 << 20,
            payload_transactions: 50_000,
        }
    }
}

/// What developers decide of the blocks to come.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct NextBlock {
    /// Time of the next block only; it has to be later than the one before.
    pub timestamp: Option<u64>,
    /// Seconds between blocks, in place of the clock.
    pub interval: Option<u64>,
    /// Seconds added to the clock.
    pub offset: i64,
    /// Base fee of the next block only, in wei.
    pub base_fee: Option<u64>,
    /// Base fee of all further blocks, in wei; for chains without fees.
    pub fixed_base_fee: Option<u64>,
    /// `PREVRANDAO` of the next block only.
    pub prev_randao: Option<B256>,
    /// Gas limit of all further blocks.
    pub gas_limit: Option<u64>,
    /// Who gets the fees from here on.
    pub beneficiary: Option<Address>,
}

/// Why there is no block.
#[derive(Clone, Debug, thiserror::Error)]
pub enum ProduceError {
    /// The ledger did not take the payload, or could not execute it.
    #[error(transparent)]
    Ledger(#[from] LedgerError),
    /// It was stopped.
    #[error("the sequencer was stopped")]
    Stopped,
}

/// A payload under way.
struct UnderWay {
    transactions: Vec<Arc<OrderedTransaction>>,
    answer: oneshot::Receiver<Result<Arc<Sealed>, LedgerError>>,
}

/// What making payloads needs; whoever makes one holds it.
struct Line {
    /// Height and time of the last payload; `None` asks the ledger.
    last: Option<(u64, u64)>,
    under_way: VecDeque<UnderWay>,
}

#[derive(Default)]
struct Signal {
    woken: bool,
    stopped: bool,
}

struct Shared {
    ledger: Arc<Ledger>,
    source: Arc<dyn PayloadSource>,
    clock: Arc<dyn Clock>,
    config: SoloConfig,
    mining: Mutex<Mining>,
    next: Mutex<NextBlock>,
    line: Mutex<Line>,
    signal: Mutex<Signal>,
    changed: Condvar,
    stopping: AtomicBool,
}

/// The sequencer of a network of one.
pub struct Solo {
    shared: Arc<Shared>,
    thread: Mutex<Option<JoinHandle<()>>>,
}

impl Solo {
    /// Starts to order what `source` has.
    pub fn start(
        ledger: Arc<Ledger>,
        source: Arc<dyn PayloadSource>,
        clock: Arc<dyn Clock>,
        config: SoloConfig,
    ) -> std::io::Result<Self> {
        let shared = Arc::new(Shared {
            ledger,
            source,
            clock,
            mining: Mutex::new(config.mining),
            next: Mutex::default(),
            line: Mutex::new(Line { last: None, under_way: VecDeque::new() }),
            signal: Mutex::default(),
            changed: Condvar::new(),
            stopping: AtomicBool::new(false),
            config,
        });
        let work = Arc::clone(&shared);
        let thread = thread::Builder::new().name("solo".into()).spawn(move || work.run())?;
        Ok(Self { shared, thread: Mutex::new(Some(thread)) })
    }

    /// When payloads are made.
    pub fn mining(&self) -> Mining {
        *self.shared.mining.lock().expect("no holder panics")
    }

    /// Changes when payloads are made.
    pub fn set_mining(&self, mining: Mining) {
        *self.shared.mining.lock().expect("no holder panics") = mining;
        self.wake();
    }

    /// What is decided of the blocks to come.
    pub fn next_block(&self) -> NextBlock {
        self.shared.next.lock().expect("no holder panics").clone()
    }

    /// Decides of the blocks to come.
    pub fn decide(&self, change: impl FnOnce(&mut NextBlock)) {
        change(&mut self.shared.next.lock().expect("no holder panics"));
    }

    /// The time that the next block would have.
    pub fn next_timestamp(&self) -> u64 {
        let head = self.shared.ledger.head();
        let next = self.next_block();
        self.shared.timestamp(&next, head.block.header.timestamp)
    }

    /// The clock's time with the offset, in seconds.
    pub fn now(&self) -> u64 {
        self.shared.clock.now().saturating_add_signed(self.next_block().offset)
    }

    /// The time that the clock shows without any offset, in seconds.
    pub fn clock(&self) -> u64 {
        self.shared.clock.now()
    }

    /// Makes a block now, with what waits in the pool or empty, and returns when it is written.
    pub fn produce(&self) -> Result<Arc<Sealed>, ProduceError> {
        let source = &self.shared.source;
        self.produce_with(|| source.propose(&self.shared.limits()), |failed| source.returned(failed))
    }

    /// Makes a block now of these transactions alone, and returns when it is written.
    pub fn produce_of(
        &self,
        transactions: Vec<Arc<OrderedTransaction>>,
    ) -> Result<Arc<Sealed>, ProduceError> {
        self.produce_with(|| transactions, |_| {})
    }

    /// Makes a block once all others are finished, and returns when it is written. `failed` gets the transactions of a payload
    /// that became none.
    fn produce_with(
        &self,
        transactions: impl FnOnce() -> Vec<Arc<OrderedTransaction>>,
        failed: impl FnOnce(&[Arc<OrderedTransaction>]),
    ) -> Result<Arc<Sealed>, ProduceError> {
        let mut line = self.shared.lock_line();
        self.shared.settle(&mut line, 0);
        let transactions = transactions();
        let payload = Payload { transactions, ..self.shared.attributes(&mut line) };
        self.shared.submit(&mut line, payload)?;
        let UnderWay { transactions, answer } = line.under_way.pop_back().expect("it was just submitted");
        let result = answer.blocking_recv().unwrap_or_else(|_| Err(halted(&self.shared.ledger)));
        if result.is_err() {
            failed(&transactions);
            line.last = None;
        }
        Ok(result?)
    }

    /// What the next block would be made with, without transactions. Nothing is used up.
    pub fn preview(&self) -> Payload {
        let next = self.next_block();
        let head = self.shared.ledger.head();
        let (height, time) = (head.block.header.number, head.block.header.timestamp);
        self.shared.next_attributes(&next, height, time)
    }

    /// Runs `work` while no payload is under way and none is made: for taking back blocks.
    pub fn pause<T>(&self, work: impl FnOnce() -> T) -> T {
        let mut line = self.shared.lock_line();
        self.shared.settle(&mut line, 0);
        let result = work();
        line.last = None;
        result
    }
}

fn halted(ledger: &Ledger) -> LedgerError {
    LedgerError::Halted(ledger.halted().unwrap_or_else(|| "it was closed".into()))
}

impl Shared {
    fn lock_line(&self) -> MutexGuard<'_, Line> {
        self.line.lock().expect("no holder panics")
    }

    /// Waits until at most `most` payloads are under way, and takes back the transactions of those that failed. Whether all
    /// was well.
    fn settle(&self, line: &mut Line, most: usize) -> bool {
        let mut well = true;
        while line.under_way.len() > most {
            let Some(UnderWay { transactions, answer }) = line.under_way.pop_front() else { break };
            if let Err(error) = answer.blocking_recv().unwrap_or_else(|_| Err(halted(&self.ledger))) {
                tracing::error!(target: "solo", %error, transactions = transactions.len(), "a payload failed");
                self.source.returned(&transactions);
                line.last = None;
                well = false;
            }
        }
        well
    }

    fn timestamp(&self, next: &NextBlock, last: u64) -> u64 {
        let wanted = match (next.timestamp, next.interval) {
            (Some(timestamp), _) => timestamp,
            (None, Some(interval)) => last.saturating_add(interval),
            (None, None) => self.clock.now().saturating_add_signed(next.offset),
        };
        wanted.max(self.ledger.spec().earliest_after(last))
    }

    fn next_attributes(&self, next: &NextBlock, height: u64, time: u64) -> Payload {
        let height = height + 1;
        let randao =
            || keccak256((U256::from_be_bytes(self.config.seed.0) ^ U256::from(height)).to_be_bytes::<32>());
        let mut payload = Payload {
            height,
            timestamp: self.timestamp(next, time),
            beneficiary: next.beneficiary.unwrap_or(self.config.beneficiary),
            prev_randao: next.prev_randao.unwrap_or_else(randao),
            digest: B256::ZERO,
            extra_data: Bytes::new(),
            gas_limit: next.gas_limit,
            base_fee: next.base_fee.or(next.fixed_base_fee),
            ..Payload::default()
        };
        payload.digest =
            keccak256([payload.prev_randao.as_slice(), &payload.timestamp.to_be_bytes()].concat());
        payload
    }

    /// The next payload without transactions; uses up what was decided for one block only.
    fn attributes(&self, line: &mut Line) -> Payload {
        let (height, time) = line.last.unwrap_or_else(|| {
            let head = self.ledger.head();
            (head.block.header.number, head.block.header.timestamp)
        });
        let mut next = self.next.lock().expect("no holder panics");
        let payload = self.next_attributes(&next, height, time);
        if let Some(timestamp) = next.timestamp.take()
            && next.interval.is_none()
        {
            // Time goes on from there.
            let now = i64::try_from(self.clock.now()).unwrap_or(i64::MAX);
            next.offset = i64::try_from(timestamp).unwrap_or(i64::MAX).saturating_sub(now);
        }
        (next.base_fee, next.prev_randao) = (None, None);
        payload
    }

    fn limits(&self) -> ProposalLimits {
        let limits = proposal_limits(&self.ledger);
        let next = self.next.lock().expect("no holder panics").clone();
        ProposalLimits {
            gas: next.gas_limit.unwrap_or(limits.gas),
            bytes: self.config.payload_bytes,
            transactions: self.config.payload_transactions,
            base_fee: next.base_fee.or(next.fixed_base_fee).unwrap_or(limits.base_fee),
            ..limits
        }
    }

    fn submit(&self, line: &mut Line, payload: Payload) -> Result<(), ProduceError> {
        let (height, timestamp) = (payload.height, payload.timestamp);
        let transactions = payload.transactions.clone();
        match self.ledger.submit(payload) {
            Ok(answer) => {
                line.last = Some((height, timestamp));
                line.under_way.push_back(UnderWay { transactions, answer });
                Ok(())
            }
            Err(error) => {
                self.source.returned(&transactions);
                line.last = None;
                Err(error.into())
            }
        }
    }

    /// Makes a payload if there is something to put into it, or `empty` is right too. Returns whether there was one.
    fn step(&self, empty: bool) -> Result<bool, ProduceError> {
        let mut line = self.lock_line();
        if !self.settle(&mut line, self.config.in_flight.max(1) - 1) {
            // The same transactions would fail again at once: wait for something to change.
            return Ok(false);
        }
        let transactions = self.source.propose(&self.limits());
        if transactions.is_empty() && !empty {
            self.settle_finished(&mut line);
            return Ok(false);
        }
        let payload = Payload { transactions, ..self.attributes(&mut line) };
        self.submit(&mut line, payload)?;
        Ok(true)
    }

    /// Takes note of payloads that have come to their end, without waiting for others.
    fn settle_finished(&self, line: &mut Line) {
        while let Some(front) = line.under_way.front_mut() {
            match front.answer.try_recv() {
                Err(oneshot::error::TryRecvError::Empty) => return,
                Ok(Ok(_)) => drop(line.under_way.pop_front()),
                Ok(Err(_)) | Err(oneshot::error::TryRecvError::Closed) => {
                    if let Some(UnderWay { transactions, .. }) = line.under_way.pop_front() {
                        self.source.returned(&transactions);
                        line.last = None;
                    }
                }
            }
        }
    }

    fn run(&self) {
        let mut last = Instant::now();
        loop {
            let mining = *self.mining.lock().expect("no holder panics");
            let (auto, interval) = match mining {
                Mining::Auto => (true, None),
                Mining::Interval(interval) => (false, Some(interval)),
                Mining::Mixed(interval) => (true, Some(interval)),
                Mining::Manual => (false, None),
            };
            let due = interval.is_some_and(|interval| last.elapsed() >= interval);
            let paced = self.config.pace.saturating_sub(last.elapsed());
            if due || (auto && paced.is_zero()) {
                match self.step(due) {
                    Ok(true) => {
                        last = Instant::now();
                        continue;
                    }
                    Ok(false) => {}
                    Err(error) => {
                        if self.ledger.halted().is_some() || self.stopping.load(Relaxed) {
                            return;
                        }
                        tracing::error!(target: "solo", %error, "no block");
                    }
                }
            }
            let until_due = interval.map(|interval| interval.saturating_sub(last.elapsed()));
            let wait = match (auto && !paced.is_zero(), until_due) {
                (true, Some(due)) => Some(due.min(paced)),
                (true, None) => Some(paced),
                (false, due) => due,
            };
            if !self.wait(wait) {
                return;
            }
        }
    }

    /// Waits until woken, or for some time. Whether to go on.
    fn wait(&self, at_most: Option<Duration>) -> bool {
        let mut signal = self.signal.lock().expect("no holder panics");
        let idle = |signal: &mut Signal| !signal.woken && !signal.stopped;
        signal = match at_most {
            Some(time) => self.changed.wait_timeout_while(signal, time, idle).expect("no holder panics").0,
            None => self.changed.wait_while(signal, idle).expect("no holder panics"),
        };
        signal.woken = false;
        !signal.stopped
    }
}

impl Sequencer for Solo {
    fn finality(&self) -> Finality {
        let height = self.shared.ledger.head().block.header.number;
        Finality { safe: height, finalized: height }
    }

    fn wake(&self) {
        let mut signal = self.shared.signal.lock().expect("no holder panics");
        if !signal.woken {
            signal.woken = true;
            self.shared.changed.notify_one();
        }
    }

    fn stop(&self) {
        self.shared.stopping.store(true, Relaxed);
        self.shared.signal.lock().expect("no holder panics").stopped = true;
        self.shared.changed.notify_all();
        let thread = self.thread.lock().expect("no holder panics").take();
        if let Some(thread) = thread {
            let _ = thread.join();
        }
        self.shared.settle(&mut self.shared.lock_line(), 0);
    }
}

impl Drop for Solo {
    fn drop(&mut self) {
        self.stop();
    }
}

impl std::fmt::Debug for Solo {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Solo").field("mining", &self.mining()).finish_non_exhaustive()
    }
}
