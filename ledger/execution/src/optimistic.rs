//! The parallel engine: workers speculate ahead, whoever holds the commit lock makes results final in order.
//!
//! # How it works
//!
//! Every worker, the caller's thread among them, repeats: commit what can be committed, then speculate on the next
//! transaction that looks promising, or wait a moment. Committing is left to the caller's thread as long as helpers
//! have other work. The committer walks the block in order. A speculative result whose reads still hold, by value,
//! is taken. A transaction that nobody executes is executed right there on committed state, and so is one whose
//! result does not hold. So a block without parallelism costs what sequential execution costs, and helpers only help.
//!
//! # Failure
//!
//! A fault counts only when it happens on committed state: then it ends the block with an error that names the
//! transaction. A speculative execution that fails or panics is thrown away. No worker waits for another
//! without looking at `ended`, so none can hang.

use crate::{
    access_list::AccessListBuilder,
    block::{Block, TxIndex},
    block_steps::{self, SystemCalls},
    cells::Cells,
    collect,
    commit::Committer,
    edge::Edge,
    effects::Effects,
    error::{ExecutionError, Stage},
    helpers::Helpers,
    hints,
    options::{Mode, Options},
    output::{BlockOutput, CommitSink, Outcome},
    report::{Report, Span, Trace},
    rerun::{self, Counts},
    schedule::{Event, SCHEDULE_VERSION, Schedule},
    scheduler::{Scheduler, Status},
    seeds::{self, Seeds},
    sequential::{guarded, panic_message},
    state::StateSnapshot,
    sync::{AtomicU32, Ordering},
    transfer::{self, Parties},
    view::{Source, World},
    worker::{Execution, Worker},
    written::Written,
};
use bumpalo::Bump;
use revm::primitives::hardfork::SpecId;
use std::{
    panic::{AssertUnwindSafe, catch_unwind},
    sync::{Mutex, OnceLock, PoisonError, TryLockError, atomic::AtomicU16},
    time::{Duration, Instant},
};

/// Executes the block with up to `threads` threads, in any mode but the sequential one.
pub(crate) fn execute(
    block: &Block,
    state: &dyn StateSnapshot,
    pool: &rayon::ThreadPool,
    mode: Mode,
    threads: usize,
    options: &Options,
    sink: &mut dyn CommitSink,
) -> Result<BlockOutput, ExecutionError> {
    let started = Instant::now();
    let given = options.access_list.as_deref().filter(|_| mode == Mode::AccessList);
    let lists_accesses = options.collect_access_list || given.is_some();
    let count = block.transactions.len();
    let clears = block.rules.spec.is_enabled_in(SpecId::SPURIOUS_DRAGON);

    let helpers = (threads - 1) * CALLS_PER_HELPER;
    let mut arenas: Vec<Bump> = (0..=helpers).map(|_| Bump::new()).collect();
    let events = options.record.then(Mutex::default);
    let calls = SystemCalls::new(block, options);
    let plain: Box<[bool]> = block.transactions.iter().map(|tx| transfer::is_plain(block, tx)).collect();
    let executed = plain.iter().filter(|plain| !**plain).count();
    let cells = Cells::new(state, count * 2, executed * 4);
    let world = World::new(cells, clears, block.env.beneficiary, lists_accesses, arenas.len());
    let (own, others) = arenas.split_first_mut().expect("at least one thread");
    let mut worker = Worker::new(0, block, &calls, &world, own);
    let mut committer = Committer::new(block, &world, options, sink, events.as_ref());

    guarded(Stage::PreBlock, || {
        block_steps::before(block, &calls, &mut Edge::before(&mut committer, &mut worker))
    })?;
    let seeds = match given {
        Some(list) => {
            guarded(Stage::PreBlock, || seeds::plant(list, worker.view(), count, pool, threads)).map(Some)?
        }
        None => None,
    };
    let mut written = Vec::with_capacity(threads);
    let (mut committer, counts, spans) = match &options.schedule {
        Some(schedule) => {
            let followed =
                catch_unwind(AssertUnwindSafe(|| rerun::follow(schedule, &mut committer, &mut worker)));
            let counts = followed.unwrap_or_else(|panic| {
                let at = committer.stage();
                Err(ExecutionError::Fault { at, message: panic_message(&*panic) })
            })?;
            (committer, counts, None)
        }
        None => {
            let run = Run {
                block,
                calls: &calls,
                world: &world,
                slots: (0..count).map(|_| TxSlot::default()).collect(),
                scheduler: Scheduler::new(
                    block,
                    plain,
                    threads,
                    hints::predecessors(block, mode == Mode::Declared),
                ),
                seeds,
                commit: Mutex::new(committer),
                counts: Mutex::default(),
                started,
                spans: options.trace.then(Mutex::default),
                events: events.as_ref(),
                written: Mutex::default(),
                helping: AtomicU32::new(0),
            };
            run.transactions(&mut worker, others, pool);
            run.finish(&mut written)?
        }
    };
    let last = count as u32;
    committer.flush_reward(last, worker.view());
    let outcomes = std::mem::take(&mut committer.outcomes);
    let requests = guarded(Stage::PostBlock, || {
        block_steps::after(block, &calls, &outcomes, &mut Edge::after(&mut committer, &mut worker))
    })?;
    written.push(std::mem::take(&mut worker.view().written));
    let changes = collect::changes(written, last + 2, clears, committer.take_code(), pool, threads);
    let access_list = committer.access_list.take().map(AccessListBuilder::finish);
    if let (Some(given), Some(built)) = (given, &access_list) {
        seeds::verify(given, built)?;
    }
    let dependencies = committer.dependencies.take().unwrap_or_default();
    let (gas_used, blob_gas_used) = (committer.totals.gas_used, committer.totals.blob_gas_used());
    drop(committer);
    let schedule = events.map(|events| Schedule {
        version: SCHEDULE_VERSION,
        block: block.env.number.saturating_to(),
        transactions: last,
        events: events.into_inner().unwrap_or_else(PoisonError::into_inner),
    });
    Ok(BlockOutput {
        outcomes,
        changes,
        gas_used,
        blob_gas_used,
        requests,
        access_list: access_list.filter(|_| options.collect_access_list),
        report: Report {
            mode,
            threads,
            elapsed: started.elapsed(),
            executions: counts.executions,
            re_executions: counts.executions - (counts.in_order + counts.speculated),
            plain_transfers: counts.transfers,
            speculated: counts.speculated,
            trace: spans.map(|spans| Trace::new(spans, count, dependencies)),
            schedule,
        },
    })
}

/// Gas limits, summed up, of a block that is surely long enough to call helpers at once.
const HEAVY_GAS: u64 = 3_000_000;
/// How long a lighter block runs before helpers are called.
const FIRST_CALL: Duration = Duration::from_micros(25);
/// How long after a call the next one comes at the earliest.
const NEXT_CALL: Duration = Duration::from_micros(200);
/// How long after a look that promised nothing the next one comes.
const NEXT_LOOK: Duration = Duration::from_micros(50);
/// Gas that speculation may waste on wrong values without being paused.
const SLIGHT_GAS: u64 = 300_000;
/// However long transactions are, the committer does not wait longer for one that runs elsewhere.
const MOST_PATIENCE: Duration = Duration::from_millis(100);
/// How often each helper may come in one block.
const CALLS_PER_HELPER: usize = 4;

/// The caller's means to get help.
struct Calls<'h> {
    helpers: &'h Helpers<'h>,
    /// Calls that are left.
    most: usize,
    /// Helpers wanted at the same time.
    at_a_time: usize,
    not_before: Duration,
}

/// Waits a moment. `false` if that has happened often in a row.
fn rest(idle: &mut u32) -> bool {
    *idle += 1;
    if *idle < 64 {
        std::hint::spin_loop();
    } else {
        std::thread::yield_now();
    }
    *idle < 1024
}

/// What workers share while the transactions run.
struct Run<'b, 'a> {
    block: &'b Block,
    calls: &'b SystemCalls,
    world: &'b World<'a, 'b>,
    slots: Box<[TxSlot<'a>]>,
    scheduler: Scheduler,
    /// Values of a given access list; then results are not published before they are committed.
    seeds: Option<Vec<Seeds<'a>>>,
    commit: Mutex<Committer<'b, 'a>>,
    counts: Mutex<Counts>,
    started: Instant,
    spans: Option<Mutex<Vec<Span>>>,
    events: Option<&'b Mutex<Vec<Event>>>,
    /// What helpers that are gone have written.
    written: Mutex<Vec<Written<'a>>>,
    /// Helpers called and not gone yet.
    helping: AtomicU32,
}

/// What speculation leaves for the committer.
#[derive(Default)]
struct TxSlot<'a> {
    /// Effects, published, of a speculative execution.
    effects: Mutex<Option<Box<Effects<'a>>>>,
    /// The accounts of a plain transfer.
    parties: OnceLock<Parties<'a>>,
}

impl<'b, 'a> Run<'b, 'a> {
    /// What is left when all workers are through.
    fn finish(
        self,
        written: &mut Vec<Written<'a>>,
    ) -> Result<(Committer<'b, 'a>, Counts, Option<Vec<Span>>), ExecutionError> {
        written.append(&mut self.written.into_inner().unwrap_or_else(PoisonError::into_inner));
        let mut committer = self.commit.into_inner().unwrap_or_else(PoisonError::into_inner);
        if let Some(error) = committer.error.take() {
            return Err(error);
        }
        let counts = self.counts.into_inner().unwrap_or_else(PoisonError::into_inner);
        let spans = self.spans.map(|spans| spans.into_inner().unwrap_or_else(PoisonError::into_inner));
        Ok((committer, counts, spans))
    }

    /// Runs all transactions to the end or to the first error.
    fn transactions(&self, own: &mut Worker<'b, 'a>, arenas: &'a mut [Bump], pool: &rayon::ThreadPool) {
        let most = arenas.len();
        let arenas: Mutex<Vec<&'a mut Bump>> = Mutex::new(arenas.iter_mut().collect());
        let number = AtomicU16::new(1);
        let help = || {
            let taken = arenas.lock().unwrap_or_else(PoisonError::into_inner).pop();
            if let Some(arena) = taken {
                let arena: &'a Bump = arena;
                let number = number.fetch_add(1, Ordering::Relaxed);
                let mut worker = Worker::new(number, self.block, self.calls, self.world, arena);
                self.work(&mut worker, None);
                let written = std::mem::take(&mut worker.view().written);
                self.written.lock().unwrap_or_else(PoisonError::into_inner).push(written);
            }
            self.helping.fetch_sub(1, Ordering::Relaxed);
        };
        let helpers = Helpers::new(pool, &help);
        let heavy = self.scheduler.gas() >= HEAVY_GAS;
        let mut calls = Calls {
            helpers: &helpers,
            most,
            at_a_time: most / CALLS_PER_HELPER,
            not_before: if heavy { Duration::ZERO } else { self.started.elapsed() + FIRST_CALL },
        };
        self.call(&mut calls);
        self.work(own, Some(&mut calls));
    }

    /// Calls helpers if there is something for them to do. Waking a thread costs the caller some microseconds, so
    /// a light block is started alone, and a helper that found nothing is not called again at once.
    fn call(&self, calls: &mut Calls<'_>) {
        let helping = self.helping.load(Ordering::Relaxed) as usize;
        if calls.most == 0 || helping >= calls.at_a_time {
            return;
        }
        let now = self.started.elapsed();
        if now < calls.not_before {
            return;
        }
        if !self.scheduler.is_promising() {
            calls.not_before = now + NEXT_LOOK;
            return;
        }
        for _ in 0..(calls.at_a_time - helping).min(calls.most) {
            calls.most -= 1;
            self.helping.fetch_add(1, Ordering::Relaxed);
            calls.helpers.call();
        }
        calls.not_before = now + NEXT_CALL;
    }

    fn work(&self, worker: &mut Worker<'b, 'a>, calls: Option<&mut Calls<'_>>) {
        let ended = catch_unwind(AssertUnwindSafe(|| self.rounds(worker, calls)));
        match ended {
            Ok(counts) => *self.counts.lock().unwrap_or_else(PoisonError::into_inner) += counts,
            Err(panic) => {
                // A panic outside the machine is our own bug. Nobody may wait for this thread any more.
                let mut committer = self.commit.lock().unwrap_or_else(PoisonError::into_inner);
                let at = Stage::Transaction(committer.next);
                let message = panic_message(&*panic);
                committer.error.get_or_insert(ExecutionError::Fault { at, message });
                self.world.ended.store(true, Ordering::Release);
            }
        }
    }

    /// Commits and speculates until the block ends, or until a helper finds nothing to do for long. The caller's own
    /// worker is the one with `calls`.
    fn rounds(&self, worker: &mut Worker<'b, 'a>, mut calls: Option<&mut Calls<'_>>) -> Counts {
        let mut counts = Counts::default();
        let mut idle = 0;
        while !self.world.ended.load(Ordering::Acquire) {
            // As long as there is other work, committing is left to the caller's thread: what it writes stays in one
            // core's cache.
            let is_helper = calls.is_none();
            let mut worked = !is_helper && self.try_commit(worker, &mut calls, &mut counts);
            if let Some(tx) = self.scheduler.pick(|tx| self.prepare(tx, worker)) {
                self.speculate(tx, worker, &mut counts);
                worked = true;
            }
            if worked || (is_helper && self.try_commit(worker, &mut calls, &mut counts)) {
                idle = 0;
            } else if !rest(&mut idle) && is_helper {
                break;
            }
        }
        counts
    }

    /// Commits what can be committed, if nobody else does. Whether anything was.
    fn try_commit(
        &self,
        worker: &mut Worker<'b, 'a>,
        calls: &mut Option<&mut Calls<'_>>,
        counts: &mut Counts,
    ) -> bool {
        let mut committer = match self.commit.try_lock() {
            Ok(committer) => committer,
            Err(TryLockError::WouldBlock) => return false,
            Err(TryLockError::Poisoned(poisoned)) => poisoned.into_inner(),
        };
        let first = committer.next;
        while committer.error.is_none() && (committer.next.0 as usize) < self.slots.len() {
            match self.commit_next(&mut committer, worker, counts) {
                Ok(true) => {
                    self.scheduler.advance(committer.next);
                    if let Some(calls) = calls {
                        self.call(calls);
                    }
                }
                Ok(false) => break,
                Err(error) => committer.error = Some(error),
            }
        }
        if committer.error.is_some() || committer.next.0 as usize == self.slots.len() {
            self.world.ended.store(true, Ordering::Release);
        }
        committer.next > first
    }

    /// Commits the next transaction. `false` if another worker is just executing it.
    fn commit_next(
        &self,
        committer: &mut Committer<'b, 'a>,
        worker: &mut Worker<'b, 'a>,
        counts: &mut Counts,
    ) -> Result<bool, ExecutionError> {
        let tx = committer.next;
        let slot = &self.slots[tx.0 as usize];
        if let Some(seeds) = &self.seeds {
            seeds[tx.0 as usize].kill();
        }
        let mut waited = None;
        match self.scheduler.status(tx) {
            Status::Running => {
                waited = committer.lose_patience(tx);
                if waited.is_none() || !self.scheduler.steal(tx) {
                    return Ok(false);
                }
            }
            Status::Publishing | Status::Stolen => return Ok(false),
            Status::Ready if !self.scheduler.claim(tx) => return Ok(false),
            Status::Ready if self.scheduler.is_plain(tx) => {
                let start = self.now();
                let parties = slot.parties.get().copied().or_else(|| self.parties(tx, worker));
                if let Some(parties) = parties
                    && committer.transfer(parties, worker.view())?
                {
                    self.span(worker.number, tx, start, true);
                    counts.transfers += 1;
                    self.scheduler.done(tx);
                    return Ok(true);
                }
            }
            Status::Ready | Status::Done => {}
        }
        let effects = slot.effects.lock().unwrap_or_else(PoisonError::into_inner).take();
        let mut conflict = false;
        let mut wasted = 0;
        if let Some(effects) = effects {
            let env = &self.block.transactions[tx.0 as usize].env;
            let admitted = committer.totals.admit(self.block, env).is_ok();
            conflict = committer.conflict(&effects).is_some();
            if admitted && !conflict {
                if self.seeds.is_some() {
                    effects.publish(worker.view());
                }
                self.learn(tx, false, &effects);
                committer.commit(worker, effects)?;
                counts.speculated += 1;
                return Ok(true);
            }
            wasted = effects.result.gas_used;
            effects.kill();
            worker.recycle(effects);
        }
        let start = self.now();
        let began = waited.map(|_| Instant::now());
        committer.execute(worker, |effects| self.learn(tx, conflict, effects))?;
        let used = committer.outcomes.last().and_then(Outcome::receipt).map_or(0, |receipt| receipt.gas_used);
        if wasted > used.saturating_mul(4).saturating_add(SLIGHT_GAS) {
            self.scheduler.back_off(tx);
        }
        if let (Some(waited), Some(began)) = (waited, began) {
            let took = began.elapsed();
            // A transaction that is long in any case deserves more patience; one that is not was led astray.
            if took > waited / 4 {
                committer.patience = (took * 4).min(MOST_PATIENCE);
            } else {
                self.scheduler.back_off(tx);
            }
        }
        self.span(worker.number, tx, start, true);
        counts.executions += 1;
        counts.in_order += 1;
        self.scheduler.done(tx);
        Ok(true)
    }

    fn learn(&self, tx: TxIndex, conflict: bool, effects: &Effects<'a>) {
        self.scheduler.learn(self.block, tx, conflict, |on| effects.reads.depends_on(on));
    }

    /// Finds the accounts of a plain transfer ahead of its commit. `false` if the recipient has code, so that it is
    /// a call.
    fn prepare(&self, tx: TxIndex, worker: &mut Worker<'b, 'a>) -> bool {
        let Some(parties) = self.parties(tx, worker) else { return true };
        if parties.is_call() {
            return false;
        }
        let _ = self.slots[tx.0 as usize].parties.set(parties);
        true
    }

    /// The accounts of a plain transfer. If a read fails, the machine meets it again if it matters.
    fn parties(&self, tx: TxIndex, worker: &mut Worker<'b, 'a>) -> Option<Parties<'a>> {
        let at = Stage::Transaction(tx);
        let find = || {
            transfer::parties(&self.block.transactions[tx.0 as usize], worker.view())
                .map_err(|source| ExecutionError::State { at, source })
        };
        guarded(at, find).ok()
    }

    /// Executes a claimed transaction on what is there, and publishes the result.
    fn speculate(&self, tx: TxIndex, worker: &mut Worker<'b, 'a>, counts: &mut Counts) {
        let start = self.now();
        let execution = worker.execute(tx, Source::Speculative);
        self.span(worker.number, tx, start, false);
        counts.executions += 1;
        if matches!(execution, Execution::Abandoned) && !self.world.ended.load(Ordering::Relaxed) {
            self.scheduler.back_off(tx);
        }
        if !self.scheduler.publish(tx) {
            // The committer has lost patience and executes it itself.
            return;
        }
        if let Execution::Done(effects) = execution {
            if let Some(events) = self.events {
                let event = Event::Speculated { tx, worker: worker.number, reads: effects.reads.record() };
                events.lock().unwrap_or_else(PoisonError::into_inner).push(event);
            }
            if self.seeds.is_none() {
                effects.publish(worker.view());
            }
            *self.slots[tx.0 as usize].effects.lock().unwrap_or_else(PoisonError::into_inner) = Some(effects);
        }
        self.scheduler.done(tx);
    }

    /// Time since the start, if it is traced.
    fn now(&self) -> Option<Duration> {
        self.spans.as_ref().map(|_| self.started.elapsed())
    }

    fn span(&self, worker: u16, tx: TxIndex, start: Option<Duration>, in_order: bool) {
        if let (Some(spans), Some(start)) = (&self.spans, start) {
            let span = Span { worker, tx, start, end: self.started.elapsed(), committed: false, in_order };
            spans.lock().unwrap_or_else(PoisonError::into_inner).push(span);
        }
    }
}
