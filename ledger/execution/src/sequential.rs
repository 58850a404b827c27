//! The oracle: one revm, one transaction after another, straight on an overlay of the state.
//!
//! This is what every other mode is compared with, in tests and in benchmarks, so it is both the simplest
//! correct use of revm and a fair one: one machine for the whole block, every value read from the state once.

use crate::{
    access_list::AccessListBuilder,
    admission::{Totals, TxResult},
    block::{AccessHint, AccessSet, Block, Location, TxIndex},
    block_steps::{self, SystemCalls, World},
    changes::{AccountChange, StateChanges},
    error::{ExecutionError, Stage},
    options::{Mode, Options, Policy},
    output::{BlockOutput, CommitSink, Committed, Outcome, SkipReason},
    report::{Report, Span, Trace},
    state::{Account, StateError, StateSnapshot},
    undeclared::{self, Charge},
    vm::{self, Machine, ReadError, VmError},
};
use alloy_primitives::{
    Address, B256, Bytes, KECCAK256_EMPTY, U256,
    map::{AddressMap, B256Map, HashMap},
};
use revm::{
    bytecode::Bytecode,
    context::TxEnv,
    context_interface::{Database, result::EVMError},
    state::{AccountInfo, EvmState},
};
use std::{
    panic::{AssertUnwindSafe, catch_unwind},
    time::Instant,
};

/// Executes the block one transaction after another.
pub(crate) fn execute(
    block: &Block,
    state: &dyn StateSnapshot,
    options: &Options,
    sink: &mut dyn CommitSink,
) -> Result<BlockOutput, ExecutionError> {
    let started = Instant::now();
    let calls = SystemCalls::new(block, options);
    let machine = vm::machine(block, calls.idle(), Overlay::new(state));
    let mut run = Sequential {
        block,
        machine,
        step: 0,
        access_list: options.collect_access_list.then(AccessListBuilder::default),
    };
    let mut outcomes = Vec::with_capacity(block.transactions.len());
    let mut totals = Totals::default();
    let mut trace = options.trace.then(Trace::default);

    guarded(Stage::PreBlock, || block_steps::before(block, &calls, &mut run))?;
    for (index, tx) in block.transactions.iter().enumerate() {
        let index = TxIndex(index as u32);
        run.step = u64::from(index.0) + 1;
        run.overlay().stream = options.stream_changes.then(StateChanges::default);
        let start = started.elapsed();
        let at = Stage::Transaction(index);
        let outcome = guarded(at, || run.transaction(index, &tx.env, &tx.hint, &mut totals))?;
        if let Some(trace) = &mut trace {
            let end = started.elapsed();
            trace.costs.push(end - start);
            trace.spans.push(Span { worker: 0, tx: index, start, end, committed: true, in_order: true });
        }
        if let (Outcome::Skipped(reason), Policy::Strict) = (&outcome, options.policy) {
            return Err(ExecutionError::InvalidTransaction { index, reason: reason.clone() });
        }
        let changes = run.overlay().stream.take();
        guarded(at, || {
            sink.committed(Committed { index, outcome: &outcome, changes: changes.as_ref() });
            Ok(())
        })?;
        outcomes.push(outcome);
    }
    run.step = block.transactions.len() as u64 + 1;
    let requests = guarded(Stage::PostBlock, || block_steps::after(block, &calls, &outcomes, &mut run))?;

    let executions = outcomes.len() as u64;
    let access_list = run.access_list.take().map(AccessListBuilder::finish);
    let changes = run.machine.ctx.journaled_state.database.take_changes();
    Ok(BlockOutput {
        outcomes,
        changes,
        gas_used: totals.gas_used,
        blob_gas_used: totals.blob_gas_used(),
        requests,
        access_list,
        report: Report {
            mode: Mode::Sequential,
            threads: 1,
            elapsed: started.elapsed(),
            executions,
            trace,
            ..Report::default()
        },
    })
}

struct Sequential<'b, 's> {
    block: &'b Block,
    machine: Machine<'b, Overlay<'s, 'b>>,
    /// Index in the block access list.
    step: u64,
    access_list: Option<AccessListBuilder>,
}

impl<'b, 's> Sequential<'b, 's> {
    fn overlay(&mut self) -> &mut Overlay<'s, 'b> {
        &mut self.machine.ctx.journaled_state.database
    }

    fn stage(&self) -> Stage {
        match self.step {
            0 => Stage::PreBlock,
            step if step > self.block.transactions.len() as u64 => Stage::PostBlock,
            step => Stage::Transaction(TxIndex(step as u32 - 1)),
        }
    }

    fn transaction(
        &mut self,
        index: TxIndex,
        tx: &'b TxEnv,
        hint: &'b AccessHint,
        totals: &mut Totals,
    ) -> Result<Outcome, ExecutionError> {
        if let Err(reason) = totals.admit(self.block, tx) {
            return Ok(Outcome::Skipped(reason));
        }
        self.overlay().declared = match hint {
            AccessHint::Declared(set) => Some(([tx.caller, self.block.env.beneficiary], set)),
            _ => None,
        };
        let ran = vm::transact(&mut self.machine, tx);
        self.overlay().declared = None;
        let at = Stage::Transaction(index);
        let result = match ran {
            Ok((result, changes)) => {
                self.commit(changes);
                TxResult::from(result)
            }
            Err(EVMError::Transaction(invalid)) => {
                return Ok(Outcome::Skipped(SkipReason::Invalid(invalid)));
            }
            Err(EVMError::Database(ReadError::Undeclared(_))) => {
                self.charge(undeclared::charge(self.block, tx))?
            }
            Err(error) => return Err(fault(at, error)),
        };
        Ok(Outcome::Executed(totals.include(tx, result)))
    }

    /// Books the price of an undeclared access.
    fn charge(&mut self, charge: Charge) -> Result<TxResult, ExecutionError> {
        let before = self.read(charge.sender)?;
        let after = Some(charge.apply(before));
        self.record(charge.sender, before, after, None);
        self.overlay().set_account(charge.sender, after);
        self.credit(self.block.env.beneficiary, charge.reward)?;
        Ok(charge.result)
    }

    fn read(&mut self, address: Address) -> Result<Option<Account>, ExecutionError> {
        let at = self.stage();
        self.overlay().account(address).map_err(|source| ExecutionError::State { at, source })
    }

    fn record(
        &mut self,
        address: Address,
        before: Option<Account>,
        after: Option<Account>,
        code: Option<Bytes>,
    ) {
        if let Some(list) = &mut self.access_list {
            list.account(self.step, address, before, after, code);
        }
    }

    fn commit(&mut self, changes: EvmState) {
        if self.access_list.is_some() {
            self.record_accesses(&changes);
        }
        self.overlay().commit(changes);
    }

    fn record_accesses(&mut self, changes: &EvmState) {
        let step = self.step;
        let Some(mut list) = self.access_list.take() else { return };
        for (address, account) in changes {
            let before = self.overlay().accounts.get(address).and_then(|entry| entry.current);
            let after = if !account.is_touched() {
                before
            } else if is_gone(account) {
                None
            } else {
                Some(from_info(&account.info))
            };
            let changed = before.unwrap_or_default().code_hash != account.info.code_hash;
            let code = account.info.code.as_ref().filter(|_| changed).map(Bytecode::original_bytes);
            list.account(step, *address, before, after, code);
            for (slot, value) in &account.storage {
                let present = if account.is_selfdestructed() || !account.is_touched() {
                    value.original_value
                } else {
                    value.present_value
                };
                list.slot(step, *address, *slot, value.original_value, present);
            }
        }
        self.access_list = Some(list);
    }
}

impl<'b> World<'b> for Sequential<'b, '_> {
    fn has_code(&mut self, address: Address) -> Result<bool, ExecutionError> {
        Ok(self.read(address)?.is_some_and(|account| account.has_code()))
    }

    fn system_call(&mut self, call: &'b TxEnv) -> Result<Result<Bytes, String>, ExecutionError> {
        let (result, changes) =
            vm::system_call(&mut self.machine, call).map_err(|error| fault(self.stage(), error))?;
        let success = result.is_success();
        self.commit(changes);
        if !success {
            return Ok(Err(format!("{result:?}")));
        }
        Ok(Ok(result.into_output().unwrap_or_default()))
    }

    fn credit(&mut self, address: Address, amount: U256) -> Result<(), ExecutionError> {
        let before = self.read(address)?;
        let mut account = before.unwrap_or_default();
        account.balance = account.balance.wrapping_add(amount);
        let clears = self.block.rules.spec.is_enabled_in(revm::primitives::hardfork::SpecId::SPURIOUS_DRAGON);
        let after = (!clears || !account.is_empty()).then_some(account);
        self.record(address, before, after, None);
        self.overlay().set_account(address, after);
        Ok(())
    }

    fn drain(&mut self, address: Address) -> Result<U256, ExecutionError> {
        let Some(before) = self.read(address)? else { return Ok(U256::ZERO) };
        let after = Some(Account { balance: U256::ZERO, ..before });
        self.record(address, Some(before), after, None);
        self.overlay().set_account(address, after);
        Ok(before.balance)
    }
}

/// Turns a failure of the machine into the block's.
pub(crate) fn fault(at: Stage, error: VmError) -> ExecutionError {
    match error {
        EVMError::Database(ReadError::State(source)) => ExecutionError::State { at, source },
        other => ExecutionError::Fault { at, message: other.to_string() },
    }
}

/// Runs part of a block; a panic becomes an error of that part.
pub(crate) fn guarded<T>(
    at: Stage,
    part: impl FnOnce() -> Result<T, ExecutionError>,
) -> Result<T, ExecutionError> {
    catch_unwind(AssertUnwindSafe(part))
        .unwrap_or_else(|panic| Err(ExecutionError::Fault { at, message: panic_message(&*panic) }))
}

/// What a panic said.
pub(crate) fn panic_message(panic: &(dyn std::any::Any + Send)) -> String {
    let text = panic.downcast_ref::<&str>().map(|text| (*text).to_owned());
    text.or_else(|| panic.downcast_ref::<String>().cloned())
        .unwrap_or_else(|| "a panic without a message".into())
}

/// The state as changed so far, with every value read kept.
struct Overlay<'s, 'b> {
    state: &'s dyn StateSnapshot,
    accounts: AddressMap<Entry>,
    code: B256Map<Bytecode>,
    /// Code put in place by this block.
    new_code: B256Map<Bytecode>,
    /// Enforced access set of the running transaction, and the accounts exempt from it.
    declared: Option<([Address; 2], &'b AccessSet)>,
    /// Changes of the running transaction alone.
    stream: Option<StateChanges>,
}

struct Entry {
    original: Option<Account>,
    current: Option<Account>,
    storage: HashMap<U256, SlotEntry>,
    /// Whether the storage before the block is gone.
    wiped: bool,
}

struct SlotEntry {
    original: U256,
    current: U256,
}

impl<'s> Overlay<'s, '_> {
    fn new(state: &'s dyn StateSnapshot) -> Self {
        Self {
            state,
            accounts: AddressMap::default(),
            code: B256Map::default(),
            new_code: B256Map::default(),
            declared: None,
            stream: None,
        }
    }

    fn entry(&mut self, address: Address) -> Result<&mut Entry, StateError> {
        use alloy_primitives::map::Entry as MapEntry;
        match self.accounts.entry(address) {
            MapEntry::Occupied(entry) => Ok(entry.into_mut()),
            MapEntry::Vacant(vacant) => {
                let original = self.state.account(&address)?;
                Ok(vacant.insert(Entry {
                    original,
                    current: original,
                    storage: HashMap::default(),
                    wiped: false,
                }))
            }
        }
    }

    fn account(&mut self, address: Address) -> Result<Option<Account>, StateError> {
        Ok(self.entry(address)?.current)
    }

    /// The account must have been read before.
    fn set_account(&mut self, address: Address, account: Option<Account>) {
        let entry = self.accounts.get_mut(&address).expect("an account is read before it is written");
        entry.current = account;
        if account.is_none() {
            entry.storage.clear();
            entry.wiped = true;
        }
        if let Some(stream) = &mut self.stream {
            stream.accounts.push(AccountChange {
                address,
                account,
                storage_wiped: false,
                storage: Vec::new(),
            });
        }
    }

    fn commit(&mut self, changes: EvmState) {
        for (address, account) in changes {
            if !account.is_touched() {
                continue;
            }
            let entry = self.accounts.get_mut(&address).expect("an account is read before it is written");
            let wiped = account.is_selfdestructed() || account.is_created();
            if wiped {
                entry.storage.clear();
                entry.wiped = true;
            }
            let gone = is_gone(&account);
            let mut storage = Vec::new();
            if gone {
                entry.current = None;
                entry.storage.clear();
                entry.wiped = true;
            } else {
                let now = from_info(&account.info);
                let before = entry.current.map_or(KECCAK256_EMPTY, |before| before.code_hash);
                if now.code_hash != before
                    && now.has_code()
                    && let Some(code) = account.info.code
                {
                    if let Some(stream) = &mut self.stream {
                        stream.code.push((now.code_hash, code.clone()));
                    }
                    self.new_code.insert(now.code_hash, code);
                }
                entry.current = Some(now);
                for (slot, value) in &account.storage {
                    if !wiped && !value.is_changed() {
                        continue;
                    }
                    let current = value.present_value;
                    if self.stream.is_some() && value.is_changed() {
                        storage.push((*slot, current));
                    }
                    entry
                        .storage
                        .entry(*slot)
                        .and_modify(|known| known.current = current)
                        .or_insert(SlotEntry { original: U256::ZERO, current });
                }
            }
            if let Some(stream) = &mut self.stream {
                let account = entry.current;
                stream.accounts.push(AccountChange { address, account, storage_wiped: wiped, storage });
            }
        }
    }

    fn take_changes(&mut self) -> StateChanges {
        let mut changes = StateChanges::default();
        for (address, entry) in self.accounts.drain() {
            let storage_wiped = entry.wiped && entry.original.is_some() && entry.current.is_some();
            let storage: Vec<_> =
                entry
                    .storage
                    .into_iter()
                    .filter(|(_, value)| {
                        if entry.wiped { !value.current.is_zero() } else { value.current != value.original }
                    })
                    .map(|(slot, value)| (slot, value.current))
                    .collect();
            if entry.current == entry.original && storage.is_empty() && !storage_wiped {
                continue;
            }
            let account = entry.current;
            let storage = if account.is_some() { storage } else { Vec::new() };
            changes.accounts.push(AccountChange { address, account, storage_wiped, storage });
        }
        changes.code = self.new_code.drain().collect();
        changes
    }

    fn check_declared(&self, location: Location) -> Result<(), ReadError> {
        match self.declared {
            Some((exempt, set)) if !undeclared::covers(set, exempt, location) => {
                Err(ReadError::Undeclared(location))
            }
            _ => Ok(()),
        }
    }
}

impl Database for Overlay<'_, '_> {
    type Error = ReadError;

    fn basic(&mut self, address: Address) -> Result<Option<AccountInfo>, ReadError> {
        self.check_declared(Location::Account(address))?;
        Ok(self.account(address)?.map(to_info))
    }

    fn code_by_hash(&mut self, code_hash: B256) -> Result<Bytecode, ReadError> {
        if let Some(code) = self.new_code.get(&code_hash).or_else(|| self.code.get(&code_hash)) {
            return Ok(code.clone());
        }
        let code = self.state.code(&code_hash)?;
        self.code.insert(code_hash, code.clone());
        Ok(code)
    }

    fn storage(&mut self, address: Address, slot: U256) -> Result<U256, ReadError> {
        self.check_declared(Location::Slot(address, slot))?;
        let state = self.state;
        let entry = self.entry(address)?;
        if let Some(known) = entry.storage.get(&slot) {
            return Ok(known.current);
        }
        if entry.wiped {
            return Ok(U256::ZERO);
        }
        let value = state.storage(&address, &slot)?;
        entry.storage.insert(slot, SlotEntry { original: value, current: value });
        Ok(value)
    }

    fn block_hash(&mut self, number: u64) -> Result<B256, ReadError> {
        Ok(self.state.block_hash(number)?)
    }
}

/// Whether a touched account no longer exists: destroyed, or empty (EIP-161). Before EIP-161 revm marks the
/// empty accounts that stay as created, or leaves them untouched.
pub(crate) fn is_gone(account: &revm::state::Account) -> bool {
    account.is_selfdestructed() || (account.is_empty() && !account.is_created())
}

/// To revm's form; code is looked up by hash when it is needed.
pub(crate) fn to_info(account: Account) -> AccountInfo {
    AccountInfo {
        balance: account.balance,
        nonce: account.nonce,
        code_hash: account.code_hash,
        account_id: None,
        code: None,
    }
}

/// From revm's form.
pub(crate) fn from_info(info: &AccountInfo) -> Account {
    Account { nonce: info.nonce, balance: info.balance, code_hash: info.code_hash }
}
