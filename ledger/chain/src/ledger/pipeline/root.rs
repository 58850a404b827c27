//! The second stage: receipts, bloom and state root of executed blocks; seals and publishes them.

use super::{Item, Reply, execute::Executed, late::history_slot};
use crate::{
    ledger::{LedgerError, Sealed, Shared, Timings},
    payload::Payload,
    seal::{SealedParts, seal},
};
use alloy_consensus::Header;
use alloy_eips::eip2935::HISTORY_STORAGE_ADDRESS;
use alloy_primitives::B256;
use mundi_execution::{
    AccountChange, BlockOutput, Outcome, SkipReason, StateChanges, StateError, StateSnapshot as _,
};
use mundi_state::{BlockRecord, Snapshot};
use std::{
    sync::{
        Arc,
        mpsc::{Receiver, SyncSender},
    },
    time::Instant,
};

/// A published block on its way to the disk.
pub(super) struct Published {
    pub(super) sealed: Sealed,
    pub(super) snapshot: Snapshot,
    pub(super) submitted: Instant,
    pub(super) reply: Reply<Arc<Sealed>>,
}

/// Seals one block after another.
pub(super) struct Sealer {
    shared: Arc<Shared>,
    pool: Arc<rayon::ThreadPool>,
    output: SyncSender<Item<Published>>,
}

impl Sealer {
    pub(super) const fn new(
        shared: Arc<Shared>,
        pool: Arc<rayon::ThreadPool>,
        output: SyncSender<Item<Published>>,
    ) -> Self {
        Self { shared, pool, output }
    }

    pub(super) fn run(self, input: &Receiver<Item<Executed>>) {
        while let Ok(item) = input.recv() {
            let item = match item {
                Item::Barrier(reply) => Item::Barrier(reply),
                Item::Block(executed) => {
                    let Executed { submitted, .. } = *executed;
                    match self.seal(*executed) {
                        Ok((sealed, snapshot, reply)) => {
                            Item::Block(Box::new(Published { sealed, snapshot, submitted, reply }))
                        }
                        Err((error, reply)) => {
                            // Blocks were executed on top of this one: there is no going on without it.
                            self.shared.halt(&error.to_string());
                            let _ = reply.send(Err(error));
                            return;
                        }
                    }
                }
            };
            if self.output.send(item).is_err() {
                return;
            }
        }
    }

    #[expect(clippy::type_complexity, reason = "a block, or its error and who is to be told")]
    fn seal(
        &self,
        executed: Executed,
    ) -> Result<(Sealed, Snapshot, Reply<Arc<Sealed>>), (LedgerError, Reply<Arc<Sealed>>)> {
        let start = Instant::now();
        let Executed {
            mut header, total_difficulty, payload, mut output, hash, late, executed, reply, ..
        } = executed;
        let store = &self.shared.store;
        let parent = store.latest();
        header.parent_hash = store.tip().hash;
        if late {
            match history_entry(&parent, &output.changes, &header) {
                Ok(entry) => output.changes.then(entry),
                Err(error) => return Err((error.into(), reply)),
            }
        }
        // Sealed on the pool while this thread stages the state.
        let mut parts = None;
        let staged = self.pool.in_place_scope(|scope| {
            let (parts, payload, output) = (&mut parts, &payload, &output);
            scope.spawn(move |_| {
                *parts = Some(seal(header, &payload.transactions, &payload.withdrawals, output));
            });
            store.stage(&parent, &output.changes, &self.pool)
        });
        let staged = match staged {
            Ok(staged) => staged,
            Err(error) => return Err((error.into(), reply)),
        };
        let SealedParts { mut header, body, senders, receipts } = parts.expect("the scope waits for it");
        header.state_root = staged.state_root();
        let hashed = header.hash_slow();
        let block = Arc::new(BlockRecord { header, hash: hashed, total_difficulty, body, senders, receipts });
        let accounts =
            output.changes.accounts.iter().map(|change| (change.address, change.account)).collect();
        let snapshot = match store.publish(Arc::clone(&block), staged, &self.pool) {
            Ok(snapshot) => snapshot,
            Err(error) => return Err((error.into(), reply)),
        };
        hash.keep(block.hash);
        let sealed = Sealed {
            block,
            accounts,
            skipped: skipped(&payload, &output),
            timings: Timings { execute: executed, root: start.elapsed(), ..Timings::default() },
            access_list: output.access_list.take().map(Arc::new),
            report: output.report,
        };
        Ok((sealed, snapshot, reply))
    }
}

/// What the system call of EIP-2935 writes at the start of a block.
fn history_entry(
    parent: &Snapshot,
    changes: &StateChanges,
    header: &Header,
) -> Result<StateChanges, StateError> {
    let changed = changes.accounts.iter().find(|change| change.address == HISTORY_STORAGE_ADDRESS);
    let account = match changed {
        Some(change) => change.account,
        None => parent.account(&HISTORY_STORAGE_ADDRESS)?,
    };
    let entry = AccountChange {
        address: HISTORY_STORAGE_ADDRESS,
        account,
        storage_wiped: false,
        storage: vec![(history_slot(header.number - 1), header.parent_hash.into())],
    };
    Ok(StateChanges { accounts: vec![entry], code: Vec::new() })
}

/// The transactions that are in the payload and not in the block.
fn skipped(payload: &Payload, output: &BlockOutput) -> Vec<(B256, SkipReason)> {
    let all = payload.transactions.iter().zip(&output.outcomes);
    all.filter_map(|(transaction, outcome)| match outcome {
        Outcome::Skipped(reason) => Some((transaction.hash(), reason.clone())),
        Outcome::Executed(_) => None,
    })
    .collect()
}
