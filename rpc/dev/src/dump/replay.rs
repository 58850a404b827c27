//! Building the blocks of a dump on another first block.
//!
//! The ledger takes no payload whose time is before that of its newest block, as those of a dump are on a chain that began later.
//! So blocks are executed here and published to the store while nothing is under way; afterwards the ledger is told to go on from
//! there.

use super::{
    DumpError,
    document::Decoded,
    load::{check_code, payload},
};
use crate::{Workbench, workbench::Notes};
use mundi_chain::{ForkPoint, Parent, block_env, draft_header, seal};
use mundi_execution::{Block, NoSink, Options, StateChanges, execute};
use mundi_state::{BlockRecord, Pending, PendingBlock};
use std::{num::NonZeroUsize, sync::Arc};

pub(super) struct Replay<'a> {
    bench: &'a Workbench,
    notes: &'a mut Notes,
}

impl<'a> Replay<'a> {
    /// On a chain of which nothing but the first block is left.
    pub(super) const fn new(bench: &'a Workbench, notes: &'a mut Notes) -> Self {
        Self { bench, notes }
    }

    /// Adds `begin` to the state of the first block, and then block by block.
    pub(super) fn run(mut self, begin: StateChanges, blocks: Vec<Decoded>) -> Result<(), DumpError> {
        if blocks.is_empty() {
            return self.bench.put_checked(self.notes, begin);
        }
        let mut begin = Some(begin);
        let done = blocks.into_iter().try_for_each(|mut block| {
            if let Some(mut first) = begin.take() {
                first.then(block.edits.take().unwrap_or_default());
                block.edits = Some(first);
            }
            self.block(block)
        });
        // Whatever happened: the ledger goes on from what the store has.
        let ledger = &self.bench.ctx.ledger;
        ledger.rewind(ledger.store().tip().height, None)?;
        done
    }

    fn block(&mut self, decoded: Decoded) -> Result<(), DumpError> {
        let ledger = &self.bench.ctx.ledger;
        let (store, spec, pool) = (ledger.store(), ledger.spec(), self.bench.ctx.workers.pool());
        let Decoded { block, senders, edits, .. } = decoded;
        let (given, edits) = (block.header.clone(), edits.unwrap_or_default());
        let number = given.number;
        let tip = store.tip();
        let missing = || DumpError::NotWhole(format!("block {} is not kept", tip.height));
        let parent = store.header(tip.height)?.ok_or_else(missing)?;
        let payload = payload(block, senders);
        let parent = Parent {
            header: &parent.header,
            hash: tip.hash,
            total_difficulty: Some(parent.total_difficulty),
        };
        let header = draft_header(spec, ledger.config(), parent, &payload);
        let point = ForkPoint {
            parent_total_difficulty: parent.total_difficulty,
            ..ForkPoint::new(number, header.timestamp)
        };
        let executable = Block {
            env: block_env(spec, point, &header),
            rules: spec.rules_at(point),
            parent_hash: tip.hash,
            parent_beacon_block_root: header.parent_beacon_block_root,
            transactions: payload.transactions.iter().map(|tx| tx.executable.clone()).collect(),
            ommers: Vec::new(),
            withdrawals: header.withdrawals_root.map(|_| payload.withdrawals.clone()),
        };
        let readable = Arc::new(PendingBlock::new(number, tip.hash, &edits));
        let state = Pending::new(store.latest(), vec![readable]);
        check_code(&state, &edits)?;
        let threads = NonZeroUsize::new(pool.current_num_threads() + 1).unwrap_or(NonZeroUsize::MIN);
        let mut output = execute(&executable, &state, pool, &Options::new(threads), &mut NoSink)
            .map_err(|error| DumpError::Execution(number, error))?;
        let mut changes = edits.clone();
        changes.then(std::mem::take(&mut output.changes));
        let parts = seal(header, &payload.transactions, &payload.withdrawals, &output);
        let mut header = parts.header;
        for (what, expected, got) in [
            ("gasUsed", given.gas_used.to_string(), header.gas_used.to_string()),
            ("receiptsRoot", given.receipts_root.to_string(), header.receipts_root.to_string()),
        ] {
            if expected != got {
                return Err(DumpError::mismatch(format!("{what} of block {number}"), expected, got));
            }
        }
        let staged = store.stage(&store.latest(), &changes, pool)?;
        header.state_root = staged.state_root();
        let total_difficulty = parent.total_difficulty.unwrap_or_default().saturating_add(header.difficulty);
        let (body, senders, receipts) = (parts.body, parts.senders, parts.receipts);
        let record =
            BlockRecord { hash: header.hash_slow(), header, total_difficulty, body, senders, receipts };
        store.publish(record, staged, pool)?;
        store.persist()?;
        if store.needs_flush() {
            store.flush_aged()?;
        }
        if !edits.accounts.is_empty() {
            self.notes.edits.add(number, edits);
        }
        Ok(())
    }
}
