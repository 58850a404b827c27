//! The way of a transaction into the pool.

use crate::{
    check::{self, Arrival, Decoded},
    config::{Origin, PER_TRANSACTION},
    error::PoolError,
    events::{DropReason, PoolEvent},
    fees::Slot,
    head::Context,
    pool::{Mempool, SHARDS},
    sender::Sender,
    shard::{Shard, Worst},
    transaction::PooledTransaction,
};
use alloy_consensus::TxEnvelope;
use alloy_primitives::{Address, B256, Bytes};
use mundi_execution::Account;
use rayon::prelude::*;
use std::sync::Arc;

/// How often a transaction may find the pool changed beneath it before it is refused. Each time somebody else got on.
const MAX_ATTEMPTS: usize = 64;

/// What became of an attempt to place a transaction.
enum Placed {
    Yes,
    /// There is no room; this is what the transaction is worth.
    NoRoom(Worst),
}

impl Mempool {
    /// Takes a signed transaction: its EIP-2718 form, a blob transaction with its blobs. Everything is checked on the
    /// calling thread, which takes some 50 µs, and longer with blobs.
    ///
    /// # Errors
    /// The reason why it is not taken. The pool is as it was.
    pub fn submit_raw(&self, bytes: &[u8], origin: Origin) -> Result<B256, PoolError> {
        let tx = self.check_raw(&self.context.load(), bytes, origin)?;
        let tx = self.admit(tx)?;
        self.write_journal([&*tx]);
        Ok(tx.hash)
    }

    /// Takes many at once, checked on all threads of `pool`. They enter in the order given, and the results are in that order
    /// too. The caller must not be a thread of the pool that others wait for.
    pub fn submit_batch(
        &self,
        raws: &[Bytes],
        origin: Origin,
        pool: &rayon::ThreadPool,
    ) -> Vec<Result<B256, PoolError>> {
        if let [raw] = raws {
            return vec![self.submit_raw(raw, origin)];
        }
        let context = self.context.load_full();
        let check = |raw: &Bytes| self.check_raw(&context, raw, origin);
        let checked: Vec<_> = pool.install(|| raws.par_iter().map(check).collect());
        let admitted: Vec<_> = checked.into_iter().map(|tx| self.admit(tx?)).collect();
        self.write_journal(admitted.iter().flatten().map(|tx| &**tx));
        admitted.into_iter().map(|tx| Ok(tx?.hash)).collect()
    }

    /// Takes a transaction without a valid signature in the name of `sender`: developers impersonate accounts. Two
    /// transactions of different senders must not have the same hash, so let the false signature depend on the sender. It is
    /// not written to the journal.
    ///
    /// # Errors
    /// The reason why it is not taken. Contracts may send (EIP-3607 is not enforced).
    pub fn submit_unsigned(&self, envelope: TxEnvelope, sender: Address) -> Result<B256, PoolError> {
        let context = self.context.load();
        let decoded = check::from_envelope(envelope);
        self.check_known(&decoded.hash)?;
        check::check_rules(&context, &decoded.envelope)?;
        check::check_policy(&context, &self.config, &decoded.envelope, Origin::Local)?;
        let arrival = Arrival { sender, signed: false, origin: Origin::Local, received: self.clock.now() };
        let tx = check::finish(&context, decoded, &arrival)?;
        Ok(self.admit(tx)?.hash)
    }

    fn check_known(&self, hash: &B256) -> Result<(), PoolError> {
        if self.contains(hash) { Err(PoolError::AlreadyKnown(*hash)) } else { Ok(()) }
    }

    /// Everything that needs no account.
    fn check_raw(
        &self,
        context: &Context,
        bytes: &[u8],
        origin: Origin,
    ) -> Result<PooledTransaction, PoolError> {
        let decoded: Decoded = check::decode(context, &self.config, bytes)?;
        self.check_known(&decoded.hash)?;
        check::check_rules(context, &decoded.envelope)?;
        check::check_policy(context, &self.config, &decoded.envelope, origin)?;
        let sender = check::sender(context, &decoded.envelope)?;
        let arrival = Arrival { sender, signed: true, origin, received: self.clock.now() };
        check::finish(context, decoded, &arrival)
    }

    /// Everything that needs the account, and the transaction in its place.
    pub(crate) fn admit(&self, tx: PooledTransaction) -> Result<Arc<PooledTransaction>, PoolError> {
        let tx = Arc::new(tx);
        let sender = tx.sender();
        self.check_authorities(&tx)?;
        for _ in 0..MAX_ATTEMPTS {
            let mut shard = self.shard_of(&sender);
            let slot = match shard.slot(&sender) {
                Some(slot) => slot,
                None => {
                    drop(shard);
                    let context = self.context.load_full();
                    let account = self.read_account(&context, &tx)?;
                    shard = self.shard_of(&sender);
                    match shard.slot(&sender) {
                        Some(slot) => slot,
                        // The shard knows a newer block than the one whose state was read.
                        None if shard.generation > context.generation => continue,
                        None => shard.add_sender(sender, account),
                    }
                }
            };
            let placed = self.place(&mut shard, slot, &tx);
            // A sender that came for this transaction goes with it.
            if !matches!(placed, Ok(Placed::Yes)) && shard.sender(slot).is_empty() {
                shard.change(slot, |_| ());
            }
            drop(shard);
            match placed? {
                Placed::Yes => return Ok(tx),
                Placed::NoRoom(worth) => self.make_room(worth, tx.size())?,
            }
        }
        let (transactions, bytes) = self.totals();
        Err(PoolError::PoolFull { transactions, bytes })
    }

    /// The sender's account; an error if it has code that is no delegation.
    fn read_account(&self, context: &Context, tx: &PooledTransaction) -> Result<Account, PoolError> {
        let failed = |error: mundi_execution::StateError| PoolError::State(error.0);
        let address = tx.sender();
        let account = context.account(&address).map_err(failed)?;
        if account.has_code() && tx.signed {
            let code = context.head.state.code(&account.code_hash).map_err(failed)?;
            if !code.is_eip7702() {
                return Err(PoolError::SenderNotEoa { address, code_hash: account.code_hash });
            }
        }
        Ok(account)
    }

    /// Puts a transaction in its place, if it is valid there and there is room.
    fn place(&self, shard: &mut Shard, slot: Slot, tx: &Arc<PooledTransaction>) -> Result<Placed, PoolError> {
        let sender = shard.sender(slot);
        let (nonce, account) = (tx.nonce, sender.account());
        if nonce < account.nonce {
            return Err(PoolError::NonceTooLow { next: account.nonce, nonce });
        }
        if tx.cost > account.balance {
            return Err(PoolError::InsufficientFunds { balance: account.balance, cost: tx.cost });
        }
        if self.contains(&tx.hash) {
            return Err(PoolError::AlreadyKnown(tx.hash));
        }
        let (pending, floor) = sender.prospect(tx);
        if let Some(entry) = sender.get(nonce) {
            if entry.in_flight {
                return Err(PoolError::ReplacementTooLate { nonce, hash: entry.tx.hash });
            }
            self.check_bump(&entry.tx, tx)?;
            let pending = sender.is_pending(nonce);
            // The room of the old one counts too, but the bound must hold in between as well.
            if !self.reserve(0, tx.size()) {
                return Ok(Placed::NoRoom(self.worth(pending, floor)));
            }
            self.replace(shard, slot, tx);
            return Ok(Placed::Yes);
        }
        self.check_delegated(shard, slot, tx)?;
        let yielding = self.check_sender_bounds(shard.sender(slot), tx, pending)?;
        if !self.reserve(1, tx.size()) {
            return Ok(Placed::NoRoom(self.worth(pending, floor)));
        }
        self.insert(shard, slot, tx);
        for _ in 0..yielding {
            if let Some(last) = shard.sender(slot).tail().map(|(tail, _)| tail.nonce) {
                self.take_out(shard, slot, last, DropReason::Evicted);
            }
        }
        Ok(Placed::Yes)
    }

    fn insert(&self, shard: &mut Shard, slot: Slot, tx: &Arc<PooledTransaction>) {
        let arrival = self.next_arrival();
        self.remember(tx);
        self.change(shard, slot, |sender| sender.insert(Arc::clone(tx), arrival));
        if !shard.sender(slot).is_pending(tx.nonce) {
            self.tell(PoolEvent::Queued(Arc::clone(tx)));
        }
        self.watch(shard, slot, tx, arrival);
    }

    fn replace(&self, shard: &mut Shard, slot: Slot, tx: &Arc<PooledTransaction>) {
        let arrival = self.next_arrival();
        let old = self.change(shard, slot, |sender| sender.insert(Arc::clone(tx), arrival));
        let old = old.expect("a replacement replaces something");
        self.forget_quietly(&old, DropReason::Removed);
        self.release(0, old.size());
        self.remember(tx);
        self.tell(PoolEvent::Replaced { old: old.hash, new: Arc::clone(tx) });
        self.tell(if shard.sender(slot).is_pending(tx.nonce) {
            PoolEvent::Pending(Arc::clone(tx))
        } else {
            PoolEvent::Queued(Arc::clone(tx))
        });
        self.watch(shard, slot, tx, arrival);
    }

    fn watch(&self, shard: &mut Shard, slot: Slot, tx: &PooledTransaction, arrival: u64) {
        if !(self.config.exempt_local && tx.origin == Origin::Local) {
            shard.watch(tx.received, slot, tx.nonce, arrival);
        }
    }

    fn worth(&self, pending: bool, floor: crate::fees::Fees) -> Worst {
        Worst { pending, tip: floor.effective(self.context.load().head.base_fee) }
    }

    /// Evicts the worst transactions, as long as they are worse than `worth`, until another one of this size fits.
    fn make_room(&self, worth: Worst, size: usize) -> Result<(), PoolError> {
        // A shard may have to find out first that its worst is in flight.
        let attempts = MAX_ATTEMPTS + SHARDS + size / PER_TRANSACTION;
        for _ in 0..attempts {
            let (transactions, bytes) = self.totals();
            if transactions < self.config.max_transactions && bytes + size <= self.config.max_bytes {
                return Ok(());
            }
            let Some(index) = self.shard_with_worst(worth) else { break };
            let mut shard = self.shard(index);
            if let Some((worst, slot)) = shard.worst()
                && worst < worth
                && let Some(nonce) = shard.sender(slot).tail().map(|(tail, _)| tail.nonce)
            {
                self.take_out(&mut shard, slot, nonce, DropReason::Evicted);
            }
        }
        let (transactions, bytes) = self.totals();
        Err(PoolError::PoolFull { transactions, bytes })
    }

    /// Whether a replacement offers enough more.
    fn check_bump(&self, old: &PooledTransaction, new: &PooledTransaction) -> Result<(), PoolError> {
        let blobs = old.blobs > 0 || new.blobs > 0;
        let percent =
            if blobs { self.config.blob_price_bump_percent } else { self.config.price_bump_percent };
        let (old_tx, new_tx) = (&old.executable().env, &new.executable().env);
        let tip = |env: &revm::context::TxEnv| env.gas_priority_fee.unwrap_or(env.gas_price);
        let mut fees = vec![
            ("maxFeePerGas", old_tx.gas_price, new_tx.gas_price),
            ("maxPriorityFeePerGas", tip(old_tx), tip(new_tx)),
        ];
        if old.blobs > 0 {
            fees.push(("maxFeePerBlobGas", old.blob_cap, new.blob_cap));
        }
        for (field, old, new) in fees {
            let bump = old.saturating_mul(u128::from(percent)) / 100;
            let needed = old.saturating_add(bump.max(1));
            if new < needed {
                return Err(PoolError::ReplacementUnderpriced { field, new, needed });
            }
        }
        Ok(())
    }

    /// The bounds of one sender. A full queue gives way to a lower nonce: returns how many of the last ones have to go.
    fn check_sender_bounds(
        &self,
        sender: &Sender,
        tx: &PooledTransaction,
        pending: bool,
    ) -> Result<usize, PoolError> {
        let config = &self.config;
        let over_count = (sender.len() + 1).saturating_sub(config.max_per_sender);
        let over_bytes = (sender.bytes() + tx.size()).saturating_sub(config.max_bytes_per_sender);
        let Some(yielding) = sender.yielding(tx.nonce, over_count, over_bytes) else {
            return Err(PoolError::SenderFull {
                sender: sender.address,
                transactions: sender.len(),
                bytes: sender.bytes(),
            });
        };
        if !pending && sender.queued() >= config.max_queued_per_sender + yielding {
            return Err(PoolError::QueueFull {
                sender: sender.address,
                queued: sender.queued(),
                next: sender.next_nonce(),
                nonce: tx.nonce,
            });
        }
        Ok(yielding)
    }

    /// Takes one transaction out for a reason.
    pub(crate) fn take_out(&self, shard: &mut Shard, slot: Slot, nonce: u64, reason: DropReason) {
        if let Some(entry) = self.change(shard, slot, |sender| sender.remove(nonce)) {
            self.forget(&entry.tx, reason);
        }
    }

    /// The rules for senders whose account is delegated or is about to be.
    fn check_delegated(&self, shard: &Shard, slot: Slot, tx: &PooledTransaction) -> Result<(), PoolError> {
        let sender = shard.sender(slot);
        let delegated = sender.account().has_code() || self.is_authority(&sender.address);
        if !delegated || tx.origin == Origin::Local {
            return Ok(());
        }
        let limit = self.config.max_per_delegated_sender;
        if sender.len() >= limit {
            return Err(PoolError::DelegatedSenderFull { sender: sender.address, limit });
        }
        let next = sender.next_nonce();
        if tx.nonce != next {
            return Err(PoolError::DelegatedSenderGap { sender: sender.address, next, nonce: tx.nonce });
        }
        Ok(())
    }

    /// Who has transactions waiting cannot be delegated by another one. Asked once, without the locks of the other shards
    /// held: the rule bounds how many transactions one block can make worthless, and need not be exact.
    fn check_authorities(&self, tx: &PooledTransaction) -> Result<(), PoolError> {
        if tx.origin == Origin::Local {
            return Ok(());
        }
        for authority in tx.authorities.iter().filter(|authority| **authority != tx.sender()) {
            let waiting = self.shard_of(authority).find(authority).map_or(0, Sender::len);
            if waiting > self.config.max_per_delegated_sender {
                return Err(PoolError::AuthorityReserved(*authority));
            }
        }
        Ok(())
    }
}
