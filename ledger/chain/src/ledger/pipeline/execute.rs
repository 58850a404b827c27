//! The first stage: payloads through the engine, on the state after the blocks before, whose roots may not be known yet.

use super::{
    Command, Item, Reply,
    late::Late,
    promise::{Promise, Promiser},
};
use crate::{
    block_env,
    forks::{ChainSpec, ForkPoint},
    header::Parent,
    ledger::{
        CommittedTransaction, Head, LedgerError, LedgerEvent, LedgerState, Sealed, Shared, beneath::Above,
        draft::draft_header, state::Edits,
    },
    payload::Payload,
};
use alloy_consensus::Header;
use alloy_primitives::{B256, U256};
use mundi_execution::{
    Block, BlockOutput, CommitSink, Committed, Options, Outcome, Policy, StateChanges, execute,
};
use mundi_state::{BlockRecord, Pending, PendingBlock};
use revm::primitives::hardfork::SpecId;
use std::{
    collections::VecDeque,
    sync::{
        Arc,
        mpsc::{Receiver, SyncSender},
    },
    time::{Duration, Instant},
};
use tokio::sync::oneshot;

/// An executed block, before its root is known.
pub(super) struct Executed {
    /// Without the parent's hash, and what only the receipts and the state tell.
    pub(super) header: Header,
    pub(super) total_difficulty: U256,
    pub(super) payload: Payload,
    /// Its changes include edits.
    pub(super) output: BlockOutput,
    pub(super) hash: Promiser,
    /// Whether the history contract's entry of the parent is still to be written.
    pub(super) late: bool,
    pub(super) executed: Duration,
    pub(super) submitted: Instant,
    pub(super) reply: Reply<Arc<Sealed>>,
}

/// The block that the next one follows.
struct Line {
    header: Header,
    hash: Promise,
    total_difficulty: U256,
}

/// Executes one payload after another.
pub(super) struct Executor {
    shared: Arc<Shared>,
    pool: Arc<rayon::ThreadPool>,
    output: SyncSender<Item<Executed>>,
    parent: Line,
    /// Executed blocks above the newest published one, oldest first.
    pending: VecDeque<(u64, Arc<PendingBlock>)>,
    /// Hashes of the newest published block and of those above it, oldest first.
    hashes: VecDeque<(u64, Promise)>,
    /// What the next block begins with.
    edits: Option<Edits>,
}

impl Executor {
    pub(super) fn new(
        shared: Arc<Shared>,
        pool: Arc<rayon::ThreadPool>,
        output: SyncSender<Item<Executed>>,
    ) -> Self {
        let parent = Line::of(&shared.head().block);
        let hashes = [(parent.header.number, parent.hash.clone())].into();
        Self { shared, pool, output, parent, pending: VecDeque::new(), hashes, edits: None }
    }

    pub(super) fn run(mut self, inbox: &Receiver<Command>) {
        while let Ok(command) = inbox.recv() {
            if self.shared.halted.get().is_some() {
                return;
            }
            match command {
                Command::Payload(payload, reply) => self.payload(*payload, reply),
                Command::Edit(changes, reply) => {
                    let _ = reply.send(self.edit(changes));
                }
                Command::Rewind(height, edits, reply) => {
                    let _ = reply.send(self.rewind(height, edits));
                }
                Command::Rest(reply) => {
                    let _ = reply.send(self.finish());
                }
            }
        }
    }

    fn payload(&mut self, payload: Payload, reply: Reply<Arc<Sealed>>) {
        let submitted = Instant::now();
        match self.execute(&payload) {
            Ok((header, output, late)) => {
                let (hash, promise) = Promise::new();
                let total_difficulty = self.parent.total_difficulty.saturating_add(header.difficulty);
                self.hashes.push_back((header.number, promise.clone()));
                self.parent = Line { header: header.clone(), hash: promise, total_difficulty };
                let executed = Executed {
                    header,
                    total_difficulty,
                    payload,
                    output,
                    hash,
                    late,
                    executed: submitted.elapsed(),
                    submitted,
                    reply,
                };
                // If the next stage is gone the ledger has halted, and the reply is dropped with the block.
                let _ = self.output.send(Item::Block(Box::new(executed)));
            }
            Err(error) => {
                let _ = reply.send(Err(error));
            }
        }
    }

    fn execute(&mut self, payload: &Payload) -> Result<(Header, BlockOutput, bool), LedgerError> {
        check(&self.shared.spec, &self.parent.header, payload)?;
        let shared = Arc::clone(&self.shared);
        let Shared { spec, config, beneath, .. } = &*shared;
        // The parent's hash is not in the draft, so that the parent's root may still be under way.
        let parent = Parent {
            header: &self.parent.header,
            hash: B256::ZERO,
            total_difficulty: Some(self.parent.total_difficulty),
        };
        let mut header = draft_header(spec, config, parent, payload);
        let point = parent.point_of_child(&header);
        let mut block = executable(&shared, point, &header, payload);
        if !block.rules.spec.is_enabled_in(SpecId::BYZANTIUM) {
            let (expected, got) = ("Byzantium or later".into(), spec.fork_at(point).to_string());
            return Err(LedgerError::Payload { field: "fork", expected, got });
        }
        let state = Above { state: self.state(), height: header.number, beneath: beneath.clone() };
        let state = Late::new(state, self.hashes.iter().cloned().collect(), &block)?;
        if !state.is_late() {
            block.parent_hash = self.parent.hash.wait().ok_or_else(|| shared.halted())?;
        }
        let options = Options {
            policy: Policy::Ledger,
            trace: config.trace,
            late_parent_hash: state.is_late(),
            ..Options::new(config.threads).with_mode(config.mode)
        };
        let mut sink = Stream { shared: &shared, payload, index: 0, logs: 0 };
        let mut output = execute(&block, &state, &self.pool, &options, &mut sink)
            .map_err(|error| LedgerError::Execution(Arc::new(error)))?;
        if let Some(edits) = self.edits.take() {
            shared.remember_edits(header.number, Arc::clone(&edits.changes));
            let mut all = Arc::unwrap_or_clone(edits.changes);
            all.then(std::mem::take(&mut output.changes));
            output.changes = all;
        }
        if let Some(beneath) = beneath {
            beneath.write(header.number, &output.changes);
        }
        header.gas_used = output.gas_used;
        header.blob_gas_used = header.blob_gas_used.map(|_| output.blob_gas_used);
        let readable = PendingBlock::new(header.number, B256::ZERO, &output.changes);
        self.pending.push_back((header.number, Arc::new(readable)));
        Ok((header, output, state.is_late()))
    }

    /// The state that the next block begins with.
    fn state(&mut self) -> Pending {
        let base = self.shared.store.latest();
        while self.pending.front().is_some_and(|(height, _)| *height <= base.height()) {
            self.pending.pop_front();
        }
        while self.hashes.front().is_some_and(|(height, _)| *height < base.height()) {
            self.hashes.pop_front();
        }
        let blocks = self.pending.iter().map(|(_, block)| Arc::clone(block));
        let edits = self.edits.iter().map(|edits| Arc::clone(&edits.readable));
        Pending::new(base, blocks.chain(edits).collect())
    }

    fn edit(&mut self, changes: StateChanges) -> Result<(), LedgerError> {
        self.finish()?;
        let mut all = self.edits.take().map(|edits| Arc::unwrap_or_clone(edits.changes)).unwrap_or_default();
        all.then(changes);
        self.set_edits(Some(all));
        self.show(Arc::clone(&self.shared.head().block), &[]);
        Ok(())
    }

    fn set_edits(&mut self, edits: Option<StateChanges>) {
        let height = self.parent.header.number;
        let Shared { beneath, .. } = &*self.shared;
        if let (Some(beneath), Some(edits)) = (beneath, &edits) {
            beneath.write(height + 1, edits);
        }
        self.edits = edits.map(|changes| Edits::new(height, changes));
    }

    fn rewind(&mut self, height: u64, edits: Option<StateChanges>) -> Result<(), LedgerError> {
        self.finish()?;
        let shared = Arc::clone(&self.shared);
        let newest = shared.head().block.header.number;
        let mut removed = Vec::new();
        for gone in (height + 1..=newest).rev() {
            removed.extend(shared.read_block(gone)?);
        }
        if height < newest {
            shared.store.rewind(height)?;
            shared.blocks.clear();
        }
        if let Some(beneath) = &shared.beneath {
            beneath.forget(height);
        }
        shared.forget_edits(height);
        let block = shared.read_stored(height)?;
        self.parent = Line::of(&block);
        self.pending.clear();
        self.hashes = [(self.parent.header.number, self.parent.hash.clone())].into();
        self.set_edits(edits);
        self.show(block, &removed);
        Ok(())
    }

    /// Waits until everything before is written.
    fn finish(&self) -> Result<(), LedgerError> {
        let (done, all_done) = oneshot::channel();
        let halted = |_| self.shared.halted();
        self.output.send(Item::Barrier(done)).map_err(|_| self.shared.halted())?;
        all_done.blocking_recv().map_err(halted)
    }

    /// Shows readers the newest block with the edits.
    fn show(&self, block: Arc<BlockRecord>, removed: &[Arc<BlockRecord>]) {
        let Shared { store, beneath, .. } = &*self.shared;
        let state = LedgerState::new(store.latest(), self.edits.clone(), beneath.clone());
        let head = self.shared.set_head(Head { block, state });
        for observer in &*self.shared.observers.read().expect("no holder panics") {
            observer.reset(removed, &head);
        }
        if !removed.is_empty() {
            let event = LedgerEvent::Reorganised { removed: removed.to_vec(), head: Arc::clone(&head.block) };
            let _ = self.shared.events.send(event);
        }
    }
}

impl Line {
    /// A block that is sealed.
    fn of(block: &BlockRecord) -> Self {
        Self {
            header: block.header.clone(),
            hash: Promise::kept(block.hash),
            total_difficulty: block.total_difficulty,
        }
    }
}

/// Whether a payload follows a block.
fn check(spec: &ChainSpec, parent: &Header, payload: &Payload) -> Result<(), LedgerError> {
    let wrong = |field, expected: String, got: u64| {
        Err(LedgerError::Payload { field, expected, got: got.to_string() })
    };
    if payload.height != parent.number + 1 {
        return wrong("height", (parent.number + 1).to_string(), payload.height);
    }
    let least = spec.earliest_after(parent.timestamp);
    if payload.timestamp < least {
        return wrong("timestamp", format!("at least {least}"), payload.timestamp);
    }
    Ok(())
}

fn executable(shared: &Shared, point: ForkPoint, header: &Header, payload: &Payload) -> Block {
    Block {
        env: block_env(&shared.spec, point, header),
        rules: shared.spec.rules_at(point),
        parent_hash: header.parent_hash,
        parent_beacon_block_root: header.parent_beacon_block_root,
        transactions: payload.transactions.iter().map(|tx| tx.executable.clone()).collect(),
        ommers: Vec::new(),
        withdrawals: header.withdrawals_root.map(|_| payload.withdrawals.clone()),
    }
}

/// Tells subscribers of transactions as they commit.
struct Stream<'a> {
    shared: &'a Shared,
    payload: &'a Payload,
    index: u32,
    logs: u32,
}

impl CommitSink for Stream<'_> {
    fn committed(&mut self, committed: Committed<'_>) {
        let Outcome::Executed(receipt) = committed.outcome else { return };
        let logs = receipt.logs.len() as u32;
        if self.shared.commits.receiver_count() > 0 {
            let _ = self.shared.commits.send(Arc::new(CommittedTransaction {
                height: self.payload.height,
                index: self.index,
                hash: self.payload.transactions[committed.index.0 as usize].hash(),
                receipt: receipt.clone(),
                first_log: self.logs,
            }));
        }
        self.index += 1;
        self.logs += logs;
    }
}
