//! The pool follows the chain.

use crate::{
    check::{self, Arrival},
    config::Origin,
    events::DropReason,
    fees::Slot,
    head::{Context, Head, NewHead, Reorganised},
    pool::{Mempool, SHARDS, shard_index},
    sender::Entry,
    shard::Shard,
};
use alloy_primitives::{Address, B256, map::HashSet};
use mundi_chain::{Head as LedgerHead, LedgerObserver, OrderedTransaction, Sealed, next_base_fee};
use mundi_execution::{Account, StateError};
use mundi_state::BlockRecord;
use std::sync::Arc;

impl Mempool {
    /// A new block on top of the last one. Only the senders whose accounts it changed are looked at, those whose fees are
    /// passed by the new ones, and what has waited for too long; everybody only when the rules became stricter.
    pub fn on_head(&self, new: &NewHead) {
        let _one_at_a_time = self.following.lock().expect("no holder panics");
        let before = self.context.load_full();
        let context = Arc::new(Context::new(&self.spec, new.head.clone(), before.generation + 1));
        self.context.store(Arc::clone(&context));
        let outdated = std::mem::take(&mut *self.lingering.lock().expect("no holder panics"));
        let included: HashSet<B256> = new.included.iter().copied().collect();
        let mut changed: [Vec<(Address, Account)>; SHARDS] = [const { Vec::new() }; SHARDS];
        for (address, account) in &new.accounts {
            changed[shard_index(address)].push((*address, account.unwrap_or_default()));
        }
        let stricter = context.is_stricter_than(&before);
        for (index, accounts) in changed.into_iter().enumerate() {
            let mut shard = self.shard(index);
            self.enter(&mut shard, &context);
            for (address, account) in accounts {
                if let Some(slot) = shard.slot(&address) {
                    self.update(&mut shard, slot, account, &included);
                }
            }
            if stricter {
                self.recheck(&mut shard, &context);
            }
        }
        self.skipped(&new.skipped);
        drop(outdated);
    }

    /// The chain is another one. All senders are looked at; what was in flight stays so, because payloads that were made are still
    /// on their way.
    pub fn on_reorganised(&self, new: &Reorganised) {
        let _one_at_a_time = self.following.lock().expect("no holder panics");
        let generation = self.context.load().generation + 1;
        let context = Arc::new(Context::new(&self.spec, new.head.clone(), generation));
        self.context.store(Arc::clone(&context));
        self.lingering.lock().expect("no holder panics").clear();
        for index in 0..SHARDS {
            self.enter(&mut self.shard(index), &context);
            // States may be slow: they are read without the lock. Whoever comes meanwhile has read the new one.
            let addresses: Vec<Address> = self.shard(index).senders().map(|sender| sender.address).collect();
            let accounts: Vec<_> = addresses.iter().map(|address| context.account(address)).collect();
            let mut shard = self.shard(index);
            for (address, account) in addresses.iter().zip(accounts) {
                let Some(slot) = shard.slot(address) else { continue };
                match account {
                    Ok(account) => self.update(&mut shard, slot, account, &HashSet::default()),
                    Err(StateError(error)) => {
                        tracing::warn!(%address, error, "an account cannot be read: its transactions are dropped");
                        self.clear_sender(&mut shard, slot, DropReason::Invalid);
                    }
                }
            }
            self.recheck(&mut shard, &context);
        }
        if self.config.restore_removed {
            for tx in &new.removed {
                self.restore(&context, tx);
            }
        }
    }

    /// The shard learns of a head.
    fn enter(&self, shard: &mut Shard, context: &Context) {
        shard.generation = context.generation;
        shard.rebase_line(context.head.base_fee, context.head.blob_base_fee);
        shard.rebase_tails(context.head.base_fee);
        let now = self.clock.now();
        if let Some(since) = now.checked_sub(self.config.lifetime) {
            for entry in self.expired(shard, since, now) {
                self.forget(&entry.tx, DropReason::Expired);
            }
        }
    }

    /// Drops what has waited for too long. Every new head does it too; without heads somebody has to call it now and then.
    pub fn expire(&self) {
        let now = self.clock.now();
        let Some(since) = now.checked_sub(self.config.lifetime) else { return };
        for index in 0..SHARDS {
            let mut shard = self.shard(index);
            for entry in self.expired(&mut shard, since, now) {
                self.forget(&entry.tx, DropReason::Expired);
            }
        }
    }

    fn expired(&self, shard: &mut Shard, since: std::time::Duration, now: std::time::Duration) -> Vec<Entry> {
        let mut gone = Vec::new();
        while let Some((slot, nonce)) = shard.next_expired(since, now) {
            gone.extend(self.change(shard, slot, |sender| sender.remove(nonce)));
        }
        gone
    }

    fn update(&self, shard: &mut Shard, slot: Slot, account: Account, included: &HashSet<B256>) {
        let gone = self.change(shard, slot, |sender| sender.update(account));
        for entry in gone {
            let hash = entry.tx.hash;
            let reason = if included.contains(&hash) {
                DropReason::Included
            } else if entry.tx.nonce < account.nonce {
                DropReason::Superseded
            } else {
                DropReason::Unfunded
            };
            self.forget(&entry.tx, reason);
        }
    }

    /// Drops what the rules do not take any more, and is not in flight.
    fn recheck(&self, shard: &mut Shard, context: &Context) {
        let invalid: Vec<(Address, u64)> = shard
            .senders()
            .flat_map(|sender| sender.entries())
            .filter(|entry| !entry.in_flight && check::check_rules(context, entry.tx.envelope()).is_err())
            .map(|entry| (entry.tx.sender(), entry.tx.nonce))
            .collect();
        for (address, nonce) in invalid {
            if let Some(slot) = shard.slot(&address) {
                self.take_out(shard, slot, nonce, DropReason::Invalid);
            }
        }
    }

    /// A transaction of a block that is no longer part of the chain comes back, if it is valid.
    fn restore(&self, context: &Context, tx: &OrderedTransaction) {
        let decoded = check::from_envelope(tx.envelope.clone());
        if check::check_rules(context, &decoded.envelope).is_err() {
            return;
        }
        let sidecar = self.sidecar(&decoded.hash);
        if decoded.envelope.is_eip4844() && sidecar.is_none() {
            return;
        }
        let arrival =
            Arrival { sender: tx.sender, signed: true, origin: Origin::Remote, received: self.clock.now() };
        let pooled = check::pooled(decoded.envelope, sidecar, decoded.hash, decoded.encoded, &arrival);
        if let Err(error) = self.admit(pooled) {
            tracing::debug!(hash = %decoded.hash, %error, "a transaction of a removed block does not come back");
        }
    }
}

/// What the ledger's newest block says of the next one.
pub fn head_after(spec: &mundi_chain::ChainSpec, head: &LedgerHead) -> Head {
    let header = &head.block.header;
    let point = mundi_chain::ForkPoint::new(header.number + 1, header.timestamp + 1)
        .with_parent_total_difficulty(head.block.total_difficulty);
    let london = spec.is_active(mundi_chain::EthereumHardfork::London, point);
    let blob_base_fee = spec
        .blob_params_at(point)
        .map_or(0, |params| params.calc_blob_fee(mundi_chain::next_excess_blob_gas(&params, header)));
    Head {
        point,
        base_fee: if london { next_base_fee(header) } else { 0 },
        blob_base_fee,
        gas_limit: header.gas_limit,
        state: Arc::new(head.state.clone()),
    }
}

impl LedgerObserver for Mempool {
    fn sealed(&self, sealed: &Sealed, head: &LedgerHead) {
        self.on_head(&NewHead {
            head: head_after(&self.spec, head),
            accounts: sealed.accounts.clone(),
            included: sealed.block.body.transactions.iter().map(|tx| *tx.tx_hash()).collect(),
            skipped: sealed.skipped.clone(),
        });
    }

    fn reset(&self, removed: &[Arc<BlockRecord>], head: &LedgerHead) {
        // Newest first: the oldest transactions come back first.
        let transactions = removed
            .iter()
            .rev()
            .flat_map(|block| block.body.transactions.iter().cloned().zip(block.senders.iter().copied()));
        self.on_reorganised(&Reorganised {
            head: head_after(&self.spec, head),
            removed: transactions.map(|(tx, sender)| Arc::new(OrderedTransaction::new(tx, sender))).collect(),
        });
    }
}
