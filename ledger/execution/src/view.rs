//! The world as one transaction sees it: the newest versions before its step, with every first read noted.

use crate::{
    block::{AccessSet, Location},
    cells::{AccountCell, AccountEffect, Cells, SlotCell, Witness},
    effects::{Effects, Spare},
    schedule::{RecordedRead, Seen},
    sequential::to_info,
    state::{Account, StateError},
    sync::{AtomicBool, Ordering},
    undeclared,
    vm::ReadError,
    written::Written,
};
use alloy_primitives::{
    Address, B256, U256,
    map::{AddressMap, B256Map, HashMap, HashSet},
};
use bumpalo::Bump;
use revm::{
    bytecode::Bytecode,
    context_interface::Database,
    state::{AccountId, AccountInfo},
};
use std::{
    ptr,
    sync::{Mutex, PoisonError, RwLock},
    time::{Duration, Instant},
};

/// What all views of a block share.
pub(crate) struct World<'a, 's> {
    pub(crate) cells: Cells<'a, 's>,
    /// Whether empty accounts cease to exist (EIP-161).
    pub(crate) clears: bool,
    pub(crate) beneficiary: Address,
    /// Whether an access list is built.
    pub(crate) lists_accesses: bool,
    /// Code put in place by this block.
    new_code: RwLock<B256Map<Bytecode>>,
    has_new_code: AtomicBool,
    /// Used effects on their way back to the workers that made them.
    returns: Box<[Mutex<Spare<'a>>]>,
    /// Set when a balance was seen that a sum could overflow with; hardly ever outside hostile states.
    pub(crate) immodest: AtomicBool,
    /// Set when the block has ended, well or badly: whoever still executes may stop.
    pub(crate) ended: AtomicBool,
}

impl<'a, 's> World<'a, 's> {
    pub(crate) fn new(
        cells: Cells<'a, 's>,
        clears: bool,
        beneficiary: Address,
        lists_accesses: bool,
        workers: usize,
    ) -> Self {
        Self {
            cells,
            clears,
            beneficiary,
            lists_accesses,
            new_code: RwLock::default(),
            has_new_code: AtomicBool::new(false),
            returns: (0..workers).map(|_| Mutex::default()).collect(),
            immodest: AtomicBool::new(false),
            ended: AtomicBool::new(false),
        }
    }

    /// Sends used effects back to their producer.
    pub(crate) fn give_back(&self, effects: Box<Effects<'a>>) {
        let returns = &self.returns[usize::from(effects.producer)];
        returns.lock().unwrap_or_else(PoisonError::into_inner).push(effects);
    }

    /// Takes what came back to a worker.
    pub(crate) fn take_back(&self, worker: u16, into: &mut Spare<'a>) {
        into.append(&mut self.returns[usize::from(worker)].lock().unwrap_or_else(PoisonError::into_inner));
    }

    /// Makes code known to later transactions. Code is found by its hash, so that code of an execution that is
    /// thrown away does no harm.
    pub(crate) fn publish_code(&self, hash: B256, code: Bytecode) {
        self.new_code.write().unwrap_or_else(PoisonError::into_inner).insert(hash, code);
        self.has_new_code.store(true, Ordering::Release);
    }

    fn code(&self, hash: &B256) -> Result<Bytecode, StateError> {
        if self.has_new_code.load(Ordering::Acquire)
            && let Some(code) = self.new_code.read().unwrap_or_else(PoisonError::into_inner).get(hash)
        {
            return Ok(code.clone());
        }
        self.cells.state().code(hash)
    }
}

/// A first read of an account, and how far the transaction depends on it.
#[derive(Debug)]
pub(crate) struct AccountRead<'a> {
    pub(crate) cell: &'a AccountCell<'a>,
    pub(crate) seen: Option<Account>,
    /// The newest step that had changed it.
    pub(crate) source: u32,
    /// Whether the result depends on the exact balance.
    pub(crate) looked: bool,
    /// Otherwise, the balance it needs at least.
    pub(crate) at_least: U256,
}

/// Whether no sum of such balances within a block can overflow. An overflowing transfer fails, so near the limit
/// the exact balance matters. A balance that came out negative, because a speculative read saw a payment but not
/// the income behind it, has wrapped around and is not modest either.
pub(crate) fn is_modest(balance: U256) -> bool {
    balance.as_limbs()[3] == 0
}

impl AccountRead<'_> {
    /// Whether the result stands if the account is really `now`.
    pub(crate) fn holds(&self, now: Option<Account>) -> bool {
        if now == self.seen {
            return true;
        }
        match (self.seen, now) {
            (Some(seen), Some(now)) => {
                !self.looked
                    && is_modest(seen.balance)
                    && is_modest(now.balance)
                    && seen.nonce == now.nonce
                    && seen.code_hash == now.code_hash
                    && now.balance >= self.at_least
                    && seen.is_empty() == now.is_empty()
            }
            _ => false,
        }
    }
}

/// A first read of a slot.
#[derive(Debug)]
pub(crate) struct SlotRead<'a> {
    pub(crate) cell: &'a SlotCell<'a>,
    pub(crate) seen: U256,
    /// The step that had written it.
    pub(crate) source: u32,
}

/// What a transaction has read so far.
#[derive(Debug, Default)]
pub(crate) struct Reads<'a> {
    pub(crate) accounts: Vec<AccountRead<'a>>,
    pub(crate) slots: Vec<SlotRead<'a>>,
    /// One for each account, in the same order.
    account_witnesses: Vec<Witness<'a, AccountCell<'a>, AccountEffect>>,
    /// One for each slot, in the same order.
    slot_witnesses: Vec<Witness<'a, SlotCell<'a>, U256>>,
}

impl<'a> Reads<'a> {
    /// In recordable form.
    pub(crate) fn record(&self) -> Vec<RecordedRead> {
        let accounts = self.accounts.iter().map(|read| RecordedRead {
            location: Location::Account(read.cell.address),
            source: read.source,
            seen: Seen::Account(read.seen),
        });
        let slots = self.slots.iter().map(|read| RecordedRead {
            location: Location::Slot(read.cell.account.address, read.cell.slot),
            source: read.source,
            seen: Seen::Slot(read.seen),
        });
        accounts.chain(slots).collect()
    }

    /// Where each account is among the reads.
    pub(crate) fn places(&self) -> AddressMap<usize> {
        self.accounts.iter().enumerate().map(|(at, read)| (read.cell.address, at)).collect()
    }

    /// The slots among the reads.
    pub(crate) fn slot_places(&self) -> HashSet<(Address, U256)> {
        self.slots.iter().map(|read| (read.cell.account.address, read.cell.slot)).collect()
    }

    /// Reads of slots of which it is not certain that step `step` finds the same.
    pub(crate) fn doubtful_slots(&self, step: u32) -> impl Iterator<Item = &SlotRead<'a>> {
        let doubtful =
            self.slot_witnesses.iter().enumerate().filter(move |(_, witness)| !witness.stands(step));
        doubtful.map(|(at, _)| &self.slots[at])
    }

    /// Reads of accounts of which it is not certain that step `step` finds the same.
    pub(crate) fn doubtful_accounts(&self, step: u32) -> impl Iterator<Item = &AccountRead<'a>> {
        let doubtful =
            self.account_witnesses.iter().enumerate().filter(move |(_, witness)| !witness.stands(step));
        doubtful.map(|(at, _)| &self.accounts[at])
    }

    /// Whether any slot read was written by `tx`.
    pub(crate) fn depends_on(&self, tx: crate::block::TxIndex) -> bool {
        let step = crate::worker::step_of(tx);
        self.slot_witnesses.iter().any(|witness| witness.source == step)
    }

    pub(crate) fn clear(&mut self) {
        self.accounts.clear();
        self.slots.clear();
        self.account_witnesses.clear();
        self.slot_witnesses.clear();
    }
}

/// Where a view takes its values from.
#[derive(Debug, Default)]
pub(crate) enum Source {
    /// Everything before is committed. The fee recipient's balance lacks this much, which is added.
    Committed { reward: Option<U256> },
    /// Others may still be executing.
    #[default]
    Speculative,
    /// A recorded schedule says what was read.
    Scripted(HashMap<Location, Seen>),
}

/// The same code behind a reference count of its own.
///
/// revm counts references to code at every call and checks every jump through the same cache line, which would go
/// back and forth between workers that run one contract.
fn unshared(code: Bytecode) -> Bytecode {
    let Some(jump_table) = code.legacy_jump_table() else { return code };
    let jump_table = jump_table.clone();
    // SAFETY: bytes, length and jump table come from one analysed bytecode, which upholds what is asked for: padding
    // at the end, and a table that fits the bytes.
    unsafe { Bytecode::new_analyzed(code.bytecode().clone(), code.len(), jump_table) }
}

/// How a balance mattered.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Look {
    /// It was looked at.
    Exact,
    /// This much was spent from it, or the attempt was made.
    Spent(U256),
}

/// Up to this many looks a search of the reads is faster than a map of them.
const FEW: usize = 16;

const ACCOUNT_CACHE: usize = 512;
const SLOT_CACHE: usize = 1024;

/// A worker's view of the world, pointed at one transaction after another.
pub(crate) struct View<'b, 'a> {
    pub(crate) world: &'b World<'a, 'b>,
    pub(crate) arena: &'a Bump,
    pub(crate) reads: Reads<'a>,
    pub(crate) written: Written<'a>,
    /// Accounts whose balance mattered, and how. Every entry has cost gas.
    looks: Vec<(Address, Look)>,
    step: u32,
    source: Source,
    /// Jumps of this execution so far, and when the first many of them were reached.
    jumps: u32,
    busy_since: Option<Instant>,
    sender: Address,
    nonce: u64,
    declared: Option<&'b AccessSet>,
    account_cache: Box<[Option<&'a AccountCell<'a>>]>,
    slot_cache: Box<[Option<&'a SlotCell<'a>>]>,
    code_cache: B256Map<Bytecode>,
}

impl<'b, 'a> View<'b, 'a> {
    pub(crate) fn new(world: &'b World<'a, 'b>, arena: &'a Bump) -> Self {
        Self {
            world,
            arena,
            reads: Reads::default(),
            written: Written::default(),
            looks: Vec::new(),
            step: 0,
            source: Source::Speculative,
            jumps: 0,
            busy_since: None,
            sender: Address::ZERO,
            nonce: 0,
            declared: None,
            account_cache: vec![None; ACCOUNT_CACHE].into(),
            slot_cache: vec![None; SLOT_CACHE].into(),
            code_cache: B256Map::default(),
        }
    }

    /// Points the view at a transaction.
    pub(crate) fn begin(
        &mut self,
        step: u32,
        source: Source,
        sender: Address,
        nonce: u64,
        declared: Option<&'b AccessSet>,
    ) {
        self.reads.clear();
        self.looks.clear();
        self.step = step;
        self.source = source;
        self.jumps = 0;
        self.busy_since = None;
        self.sender = sender;
        self.nonce = nonce;
        self.declared = declared;
    }

    /// Ends the transaction: moves what was looked at and spent over to the reads.
    pub(crate) fn finish_reads(&mut self, sender_needs: U256) {
        let Self { reads, looks, sender, .. } = self;
        if let Some(read) = reads.accounts.iter_mut().find(|read| read.cell.address == *sender) {
            read.at_least = sender_needs;
        }
        if reads.accounts.iter().any(|read| read.seen.is_some_and(|seen| !is_modest(seen.balance))) {
            // Whoever has so much can make anybody's balance overflow.
            self.world.immodest.store(true, Ordering::Release);
            reads.accounts.iter_mut().for_each(|read| read.looked = true);
        }
        if looks.is_empty() {
            return;
        }
        let places = (looks.len() > FEW).then(|| reads.places());
        for (address, look) in looks.drain(..) {
            let at = match &places {
                Some(places) => places.get(&address).copied(),
                None => reads.accounts.iter().position(|read| read.cell.address == address),
            };
            // An account that was never read is one whose load failed: the execution failed with it.
            let Some(read) = at.map(|at| &mut reads.accounts[at]) else { continue };
            let balance = read.seen.map_or(U256::ZERO, |seen| seen.balance);
            // Incoming transfers only help, so a balance that covers all spending passes every check.
            let needed = match look {
                Look::Exact => None,
                Look::Spent(value) => read.at_least.checked_add(value).filter(|sum| *sum <= balance),
            };
            match needed {
                Some(needed) => read.at_least = needed,
                None => read.looked = true,
            }
        }
    }

    /// Counts a jump. `true` if the execution should be given up.
    #[inline]
    pub(crate) fn note_jump(&mut self) -> bool {
        const MANY: u32 = 4096;
        self.jumps = self.jumps.wrapping_add(1);
        self.jumps.is_multiple_of(MANY) && self.is_unwanted()
    }

    /// Whether a speculative execution has run for too long, or for a block that has ended.
    #[cold]
    fn is_unwanted(&mut self) -> bool {
        // On wrong values a transaction may burn all its gas, which nobody pays for.
        const TOO_LONG: Duration = Duration::from_millis(8);
        let since = *self.busy_since.get_or_insert_with(Instant::now);
        matches!(self.source, Source::Speculative)
            && (self.world.ended.load(Ordering::Relaxed) || since.elapsed() > TOO_LONG)
    }

    pub(crate) fn note_look(&mut self, address: Address) {
        // Looking is cheap and may be repeated at will; a few addresses in turn do not add up.
        let recent = self.looks.len().saturating_sub(4);
        if !self.looks[recent..].contains(&(address, Look::Exact)) {
            self.looks.push((address, Look::Exact));
        }
    }

    pub(crate) fn note_spending(&mut self, spender: Address, value: U256) {
        self.looks.push((spender, Look::Spent(value)));
    }

    /// The cell of an account.
    pub(crate) fn account_cell(&mut self, address: Address) -> Result<&'a AccountCell<'a>, StateError> {
        // Any bytes do: the cache is only fast, not trusted. Cells are compared by full address.
        let at = usize::from(u16::from_le_bytes([address[18], address[19]])) % ACCOUNT_CACHE;
        if let Some(cell) = self.account_cache[at].filter(|cell| cell.address == address) {
            return Ok(cell);
        }
        let cell = self.world.cells.account(address, self.arena)?;
        self.account_cache[at] = Some(cell);
        Ok(cell)
    }

    /// The cell of a slot.
    pub(crate) fn slot_cell(&mut self, account: &'a AccountCell<'a>, slot: U256) -> &'a SlotCell<'a> {
        let low = slot.as_limbs()[0] as usize
            ^ (slot.as_limbs()[3] as usize)
            ^ (ptr::from_ref(account).addr() >> 4);
        let at = low % SLOT_CACHE;
        let known = self.slot_cache[at].filter(|cell| cell.slot == slot && ptr::eq(cell.account, account));
        if let Some(cell) = known {
            return cell;
        }
        let cell = self.world.cells.slot(account, slot, self.arena);
        self.slot_cache[at] = Some(cell);
        cell
    }

    fn permit(&self, location: Location) -> Result<(), ReadError> {
        if self
            .declared
            .is_some_and(|set| !undeclared::covers(set, [self.sender, self.world.beneficiary], location))
        {
            return Err(ReadError::Undeclared(location));
        }
        match &self.source {
            Source::Speculative if self.world.ended.load(Ordering::Relaxed) => Err(ReadError::Abandoned),
            _ => Ok(()),
        }
    }

    /// Reads an account and notes it.
    pub(crate) fn read_account(&mut self, address: Address) -> Result<Option<Account>, ReadError> {
        self.permit(Location::Account(address))?;
        let cell = self.account_cell(address)?;
        let (mut seen, mut witness) = cell.observe(self.step, self.world.clears);
        if address == self.sender
            || address == self.world.beneficiary
            || matches!(self.source, Source::Scripted(_))
        {
            // What is seen is not, or not only, what the versions say.
            witness.discredit();
        }
        match &self.source {
            Source::Committed { reward: Some(reward) } if address == self.world.beneficiary => {
                seen = crate::cells::adjust(
                    seen,
                    None,
                    crate::cells::BalanceChange::Credit(*reward),
                    self.world.clears,
                );
            }
            Source::Speculative if address == self.sender => {
                // Whether the nonce fits is settled at commit; until then assume that it does.
                if let Some(seen) = &mut seen {
                    seen.nonce = self.nonce;
                }
            }
            Source::Scripted(script) => match script.get(&Location::Account(address)) {
                Some(Seen::Account(scripted)) => seen = *scripted,
                _ => return Err(ReadError::Unscripted(Location::Account(address))),
            },
            _ => {}
        }
        let source = witness.source;
        self.reads.accounts.push(AccountRead { cell, seen, source, looked: false, at_least: U256::ZERO });
        self.reads.account_witnesses.push(witness);
        Ok(seen)
    }
}

impl Database for View<'_, '_> {
    type Error = ReadError;

    fn basic(&mut self, address: Address) -> Result<Option<AccountInfo>, ReadError> {
        let account = self.read_account(address)?;
        // revm hands the place of the read back: with reads of slots, and with the changed account.
        let account_id = AccountId::new(self.reads.accounts.len() - 1);
        Ok(account.map(|account| AccountInfo { account_id, ..to_info(account) }))
    }

    fn code_by_hash(&mut self, code_hash: B256) -> Result<Bytecode, ReadError> {
        if let Some(code) = self.code_cache.get(&code_hash) {
            return Ok(code.clone());
        }
        let code = unshared(self.world.code(&code_hash)?);
        self.code_cache.insert(code_hash, code.clone());
        Ok(code)
    }

    fn storage(&mut self, address: Address, slot: U256) -> Result<U256, ReadError> {
        let account = self.account_cell(address)?;
        self.read_slot(account, slot)
    }

    fn storage_by_account_id(
        &mut self,
        _: Address,
        account_id: AccountId,
        slot: U256,
    ) -> Result<U256, ReadError> {
        self.read_slot(self.reads.accounts[account_id.get()].cell, slot)
    }

    fn block_hash(&mut self, number: u64) -> Result<B256, ReadError> {
        Ok(self.world.cells.state().block_hash(number)?)
    }
}

impl<'a> View<'_, 'a> {
    fn read_slot(&mut self, account: &'a AccountCell<'a>, slot: U256) -> Result<U256, ReadError> {
        let address = account.address;
        self.permit(Location::Slot(address, slot))?;
        let cell = self.slot_cell(account, slot);
        let (seen, mut witness) = cell.observe(self.step);
        let mut seen = match seen {
            Some(seen) => seen,
            None => cell.base(self.world.cells.state())?,
        };
        if let Source::Scripted(script) = &self.source {
            match script.get(&Location::Slot(address, slot)) {
                Some(Seen::Slot(scripted)) => {
                    seen = *scripted;
                    witness.discredit();
                }
                _ => return Err(ReadError::Unscripted(Location::Slot(address, slot))),
            }
        }
        self.reads.slots.push(SlotRead { cell, seen, source: witness.source });
        self.reads.slot_witnesses.push(witness);
        Ok(seen)
    }
}
