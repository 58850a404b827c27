//! The committer: takes results in block order, checks that what they read still holds, and makes them final.
//!
//! # Invariants
//!
//! * Steps below [`Committer::next`] are final: their live versions are exactly the effects of the committed
//!   transactions, and every relative change among them is settled.
//! * The fee recipient's rewards are kept apart, in `reward`, and count as part of its balance.

use crate::{
    access_list::AccessListBuilder,
    admission::Totals,
    block::{Block, Location, TxIndex},
    cells::{AccountCell, AccountEffect, BalanceChange, SlotCell, adjust},
    changes::{AccountChange, StateChanges},
    effects::Effects,
    error::{ExecutionError, Stage},
    options::{Options, Policy},
    output::{CommitSink, Committed, Outcome, SkipReason},
    report::Dependency,
    schedule::Event,
    state::Account,
    sync::Ordering,
    versions::Version,
    view::{Source, View, World, is_modest},
    worker::{Execution, Worker, step_of},
};
use alloy_primitives::{
    B256, U256,
    map::{B256Map, HashMap},
};
use revm::bytecode::Bytecode;
use std::{
    sync::{Mutex, PoisonError},
    time::{Duration, Instant},
};

/// How long the committer waits for a transaction that runs elsewhere, at first.
const PATIENCE: Duration = Duration::from_millis(8);

/// Makes results final, one transaction after another.
pub(crate) struct Committer<'b, 'a> {
    pub(crate) block: &'b Block,
    pub(crate) world: &'b World<'a, 'b>,
    options: &'b Options,
    sink: &'b mut dyn CommitSink,
    /// The next transaction to commit.
    pub(crate) next: TxIndex,
    pub(crate) totals: Totals,
    pub(crate) outcomes: Vec<Outcome>,
    /// Rewards of the fee recipient that no version holds yet; `None` if it got none since the last one.
    pub(crate) reward: Option<U256>,
    /// The fee recipient's account, once it has been needed.
    beneficiary: Option<&'a AccountCell<'a>>,
    pub(crate) code: B256Map<Bytecode>,
    pub(crate) access_list: Option<AccessListBuilder>,
    pub(crate) dependencies: Option<Vec<Dependency>>,
    /// The schedule, if it is recorded.
    pub(crate) events: Option<&'b Mutex<Vec<Event>>>,
    /// The next transaction, if it was found running elsewhere, and since when.
    pub(crate) stalled: Option<(TxIndex, Instant)>,
    /// How long to wait for a transaction that runs elsewhere.
    pub(crate) patience: Duration,
    /// Why the block cannot be executed.
    pub(crate) error: Option<ExecutionError>,
}

impl<'b, 'a> Committer<'b, 'a> {
    pub(crate) fn new(
        block: &'b Block,
        world: &'b World<'a, 'b>,
        options: &'b Options,
        sink: &'b mut dyn CommitSink,
        events: Option<&'b Mutex<Vec<Event>>>,
    ) -> Self {
        Self {
            block,
            world,
            options,
            sink,
            next: TxIndex(0),
            totals: Totals::default(),
            outcomes: Vec::with_capacity(block.transactions.len()),
            reward: None,
            beneficiary: None,
            code: B256Map::default(),
            access_list: world.lists_accesses.then(AccessListBuilder::default),
            dependencies: options.trace.then(Vec::new),
            events,
            stalled: None,
            patience: PATIENCE,
            error: None,
        }
    }

    /// The account as `step` finds it, rewards included.
    pub(crate) fn account(&self, cell: &'a AccountCell<'a>, step: u32) -> Option<Account> {
        let (account, _) = cell.read(step, self.world.clears);
        match self.reward {
            Some(reward) if cell.address == self.world.beneficiary => {
                adjust(account, None, BalanceChange::Credit(reward), self.world.clears)
            }
            _ => account,
        }
    }

    /// Where the read set of the next transaction's effects does not hold.
    pub(crate) fn conflict(&self, effects: &Effects<'a>) -> Option<Location> {
        let step = step_of(self.next);
        let slot = effects.reads.doubtful_slots(step).find(|read| {
            // A value that nobody knows is one that this execution did not see.
            let now = read.cell.read(step).0.or_else(|| read.cell.known_base());
            now != Some(read.seen)
        });
        if let Some(read) = slot {
            return Some(Location::Slot(read.cell.account.address, read.cell.slot));
        }
        let mut accounts = effects.reads.doubtful_accounts(step);
        let account = accounts.find(|read| !read.holds(self.account(read.cell, step)));
        account.map(|read| Location::Account(read.cell.address))
    }

    /// Executes the next transaction on committed state and commits it. `inspect` sees the effects in between.
    pub(crate) fn execute(
        &mut self,
        worker: &mut Worker<'b, 'a>,
        inspect: impl FnOnce(&Effects<'a>),
    ) -> Result<(), ExecutionError> {
        let tx = self.next;
        let env = &self.block.transactions[tx.0 as usize].env;
        if let Err(reason) = self.totals.admit(self.block, env) {
            return self.skip(reason);
        }
        let effects = match worker.execute(tx, Source::Committed { reward: self.reward }) {
            Execution::Done(effects) => effects,
            Execution::Undeclared => worker.charge(tx, self.reward)?,
            Execution::Invalid(reason) => return self.skip(SkipReason::Invalid(reason)),
            Execution::Failed(error) => return Err(error),
            Execution::Abandoned => unreachable!("only speculation is given up"),
        };
        inspect(&effects);
        // Whoever reads these writes records its event after this one.
        self.note_event(|| Event::Committed { tx, speculative: false });
        effects.publish(worker.view());
        self.finalize(worker, effects)
    }

    /// The next transaction is invalid where it stands.
    pub(crate) fn skip(&mut self, reason: SkipReason) -> Result<(), ExecutionError> {
        let index = self.next;
        if self.options.policy == Policy::Strict {
            return Err(ExecutionError::InvalidTransaction { index, reason });
        }
        self.note_event(|| Event::Committed { tx: index, speculative: false });
        let changes = self.options.stream_changes.then(StateChanges::default);
        self.finish(Outcome::Skipped(reason), changes);
        Ok(())
    }

    /// Commits published speculative effects of the next transaction, whose reads hold.
    pub(crate) fn commit(
        &mut self,
        worker: &mut Worker<'b, 'a>,
        effects: Box<Effects<'a>>,
    ) -> Result<(), ExecutionError> {
        let tx = self.next;
        self.note_event(|| Event::Committed { tx, speculative: true });
        self.finalize(worker, effects)
    }

    fn finalize(
        &mut self,
        worker: &mut Worker<'b, 'a>,
        mut effects: Box<Effects<'a>>,
    ) -> Result<(), ExecutionError> {
        let tx = self.next;
        let step = step_of(tx);
        self.settle(&effects, step);
        if !effects.beneficiary_destroyed {
            self.add_reward(effects.reward, worker.view())?;
        }
        if self.dependencies.is_some() {
            self.note_dependencies(&effects);
        }
        let result = std::mem::take(&mut effects.result);
        let env = &self.block.transactions[tx.0 as usize].env;
        let receipt = self.totals.include(env, result);
        let changes = self.options.stream_changes.then(|| self.changes_of(&effects, step));
        self.finish(Outcome::Executed(receipt), changes);
        worker.recycle(effects);
        Ok(())
    }

    /// Ends the next transaction and moves on.
    pub(crate) fn finish(&mut self, outcome: Outcome, changes: Option<StateChanges>) {
        let index = self.next;
        self.sink.committed(Committed { index, outcome: &outcome, changes: changes.as_ref() });
        self.outcomes.push(outcome);
        self.next.0 += 1;
    }

    /// Makes published effects final.
    pub(crate) fn settle(&mut self, effects: &Effects<'a>, step: u32) {
        // Steps around the transactions share a number; then only what was before the first of them counts.
        let before = self.access_list.is_some().then(|| {
            effects.reads.accounts.iter().map(|read| self.account(read.cell, step)).collect::<Vec<_>>()
        });
        for (cell, version) in &effects.accounts {
            match &version.effect {
                AccountEffect::Set(_) => {
                    if cell.address == self.world.beneficiary {
                        // What it was set to was computed from a balance with all rewards in it.
                        self.reward = None;
                    }
                }
                AccountEffect::Adjust { nonce, change, settled } => {
                    let previous = self.previous(cell, step, version);
                    let account = adjust(previous, *nonce, *change, self.world.clears);
                    settled.set(account).expect("a version is settled once");
                }
            }
        }
        for (hash, code) in &effects.code {
            self.code.entry(*hash).or_insert_with(|| code.clone());
        }
        if let Some(before) = before {
            self.note_accesses(effects, step, &before);
        }
    }

    /// The account just before `version`, among equal steps too.
    fn previous(
        &self,
        cell: &AccountCell<'a>,
        step: u32,
        version: &crate::cells::AccountVersion<'a>,
    ) -> Option<Account> {
        let older = cell.versions.before(step + 1).skip_while(|other| !std::ptr::eq(*other, version)).nth(1);
        match older.map(|older| &older.effect) {
            None => cell.base,
            Some(AccountEffect::Set(account)) => *account,
            Some(AccountEffect::Adjust { settled, .. }) => {
                *settled.get().expect("steps before the next one are settled")
            }
        }
    }

    /// Adds the next transaction's reward to the fee recipient's pending ones.
    pub(crate) fn add_reward(&mut self, amount: U256, view: &mut View<'b, 'a>) -> Result<(), ExecutionError> {
        let pending = self.reward.unwrap_or_default().saturating_add(amount);
        let ordinary = !amount.is_zero() && self.access_list.is_none() && is_modest(pending);
        if ordinary && self.beneficiary.is_some() && !self.world.immodest.load(Ordering::Acquire) {
            self.reward = Some(pending);
            return Ok(());
        }
        let cell = match self.beneficiary {
            Some(cell) => cell,
            None => view
                .account_cell(self.world.beneficiary)
                .map_err(|source| ExecutionError::State { at: self.stage(), source })?,
        };
        self.beneficiary = Some(cell);
        let step = step_of(self.next);
        let before = self.account(cell, step + 1);
        let balance = before.map_or(U256::ZERO, |before| before.balance);
        if !is_modest(balance) {
            self.world.immodest.store(true, Ordering::Release);
        }
        // A reward that overflows the balance is lost.
        let gained = if balance.checked_add(amount).is_some() { amount } else { U256::ZERO };
        self.reward = Some(self.reward.unwrap_or_default().wrapping_add(gained));
        let after = self.account(cell, step + 1);
        if before.is_some() && after.is_none() {
            // A zero reward touched an empty account (EIP-161).
            view.written.wipe(cell, view.arena.alloc(Version::new(step, ())));
        }
        if let Some(list) = &mut self.access_list {
            list.account(u64::from(step), cell.address, before, after, None);
        }
        Ok(())
    }

    /// Writes the pending rewards down as a version of step `step`.
    pub(crate) fn flush_reward(&mut self, step: u32, view: &mut View<'b, 'a>) {
        if let (Some(cell), Some(_)) = (self.beneficiary, self.reward) {
            let account = self.account(cell, step + 1);
            let version = view.arena.alloc(Version::new(step, AccountEffect::Set(account)));
            view.written.account(cell, version);
            self.reward = None;
        }
    }

    fn note_dependencies(&mut self, effects: &Effects<'a>) {
        let tx = self.next;
        let Some(dependencies) = &mut self.dependencies else { return };
        for read in effects.reads.slots.iter().filter(|read| read.source > 0) {
            let location = Location::Slot(read.cell.account.address, read.cell.slot);
            dependencies.push(Dependency { tx, on: TxIndex(read.source - 1), location });
        }
        let sender = self.block.transactions[tx.0 as usize].env.caller;
        for read in effects.reads.accounts.iter().filter(|read| read.source > 0) {
            let (seen, base) = (read.seen.unwrap_or_default(), read.cell.base.unwrap_or_default());
            let identity_changed = read.seen.is_some() != read.cell.base.is_some()
                || seen.code_hash != base.code_hash
                || (seen.nonce != base.nonce && read.cell.address != sender);
            if read.looked || identity_changed {
                let location = Location::Account(read.cell.address);
                dependencies.push(Dependency { tx, on: TxIndex(read.source - 1), location });
            }
        }
    }

    fn note_accesses(&mut self, effects: &Effects<'a>, step: u32, before: &[Option<Account>]) {
        let Some(mut list) = self.access_list.take() else { return };
        let index = u64::from(step);
        for (read, before) in effects.reads.accounts.iter().zip(before) {
            let after = self.account(read.cell, step + 1);
            let hash = after.map(|after| after.code_hash);
            let code = effects.code.iter().find(|(code_hash, _)| Some(*code_hash) == hash);
            list.account(
                index,
                read.cell.address,
                *before,
                after,
                code.map(|(_, code)| code.original_bytes()),
            );
        }
        let place = |cell: &SlotCell<'a>| (cell.account.address, cell.slot);
        let written: HashMap<_, _> =
            effects.slots.iter().map(|(cell, version)| (place(cell), version.effect)).collect();
        let read = effects.reads.slots.iter().map(|read| (place(read.cell), read.seen));
        let fresh = effects.fresh_slots.iter().map(|place| (*place, U256::ZERO));
        for (place, before) in read.chain(fresh) {
            let after = written.get(&place).copied().unwrap_or(before);
            list.slot(index, place.0, place.1, before, after);
        }
        self.access_list = Some(list);
    }

    /// The effects of one transaction as state changes of their own.
    fn changes_of(&self, effects: &Effects<'a>, step: u32) -> StateChanges {
        let mut changes = StateChanges { code: effects.code.clone(), ..StateChanges::default() };
        let change_of = |changes: &mut StateChanges, cell: &'a AccountCell<'a>| -> usize {
            let known = changes.accounts.iter().position(|change| change.address == cell.address);
            known.unwrap_or_else(|| {
                changes.accounts.push(AccountChange {
                    address: cell.address,
                    account: self.account(cell, step + 1),
                    storage_wiped: false,
                    storage: Vec::new(),
                });
                changes.accounts.len() - 1
            })
        };
        for (cell, _) in &effects.accounts {
            change_of(&mut changes, cell);
        }
        for (cell, _) in &effects.wipes {
            let at = change_of(&mut changes, cell);
            changes.accounts[at].storage_wiped = true;
        }
        for (cell, version) in &effects.slots {
            let at = change_of(&mut changes, cell.account);
            changes.accounts[at].storage.push((cell.slot, version.effect));
        }
        if let Some(cell) = self.beneficiary {
            change_of(&mut changes, cell);
        }
        changes
    }

    /// The state changes of a transfer, if they are streamed.
    pub(crate) fn transfer_changes(&self, parties: [&'a AccountCell<'a>; 2]) -> Option<StateChanges> {
        let step = step_of(self.next);
        let cells = parties.into_iter().chain(self.beneficiary);
        let change = |cell: &'a AccountCell<'a>| AccountChange {
            address: cell.address,
            account: self.account(cell, step + 1),
            storage_wiped: false,
            storage: Vec::new(),
        };
        self.options
            .stream_changes
            .then(|| StateChanges { accounts: cells.map(change).collect(), code: Vec::new() })
    }

    /// Adds to the schedule, if it is recorded.
    pub(crate) fn note_event(&self, event: impl FnOnce() -> Event) {
        if let Some(events) = self.events {
            events.lock().unwrap_or_else(PoisonError::into_inner).push(event());
        }
    }

    /// Called when the next transaction runs elsewhere. How long that has been so, if it is too long.
    pub(crate) fn lose_patience(&mut self, tx: TxIndex) -> Option<Duration> {
        let now = Instant::now();
        match self.stalled {
            Some((stalled, since)) if stalled == tx => {
                Some(now.duration_since(since)).filter(|waited| *waited > self.patience)
            }
            _ => {
                self.stalled = Some((tx, now));
                None
            }
        }
    }

    /// Where the block stands.
    pub(crate) fn stage(&self) -> Stage {
        Stage::Transaction(self.next)
    }

    /// Committed code, by hash.
    pub(crate) fn take_code(&mut self) -> Vec<(B256, Bytecode)> {
        self.code.drain().collect()
    }
}
