//! Multi-version memory: every account and slot a block touches, each with its value before the block and the
//! versions written since.
//!
//! A cell is found by its full key, never by a truncated hash, through a table without locks that workers front
//! with small caches of their own. Cells and versions live in the workers' arenas until the block ends.

use crate::{
    cell_table::CellTable,
    state::{Account, StateError, StateSnapshot},
    sync::AtomicU32,
    versions::{Version, Versions},
};
use alloy_primitives::{Address, U256, map::DefaultHashBuilder};
use std::{hash::BuildHasher, ptr, sync::OnceLock};

/// What a step does to an account.
#[derive(Debug)]
pub(crate) enum AccountEffect {
    /// Puts it in this state; `None` is gone.
    Set(Option<Account>),
    /// Moves its balance, whatever it is, and perhaps sets its nonce. The rest of the account is left alone.
    Adjust {
        nonce: Option<u64>,
        change: BalanceChange,
        /// The account after this step, known once the step is committed.
        settled: OnceLock<Option<Account>>,
    },
}

/// A relative change of a balance.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum BalanceChange {
    Credit(U256),
    Debit(U256),
}

impl BalanceChange {
    /// The change from one balance to another.
    pub(crate) fn between(before: U256, after: U256) -> Self {
        if after >= before { Self::Credit(after - before) } else { Self::Debit(before - after) }
    }

    /// The changed balance. Wraps only where the read set was wrong, which validation then finds.
    pub(crate) fn apply(self, balance: U256) -> U256 {
        match self {
            Self::Credit(amount) => balance.wrapping_add(amount),
            Self::Debit(amount) => balance.wrapping_sub(amount),
        }
    }
}

/// Applies a relative change. `clears` is whether empty accounts cease to exist (EIP-161).
pub(crate) fn adjust(
    account: Option<Account>,
    nonce: Option<u64>,
    change: BalanceChange,
    clears: bool,
) -> Option<Account> {
    let mut account = account.unwrap_or_default();
    account.nonce = nonce.unwrap_or(account.nonce);
    account.balance = change.apply(account.balance);
    (!clears || !account.is_empty()).then_some(account)
}

/// A version of an account.
pub(crate) type AccountVersion<'a> = Version<'a, AccountEffect>;
/// A version of a slot.
pub(crate) type SlotVersion<'a> = Version<'a, U256>;
/// The loss of all of an account's storage. Slots written in the same step come after it.
pub(crate) type WipeVersion<'a> = Version<'a, ()>;

/// An account.
#[derive(Debug)]
pub(crate) struct AccountCell<'a> {
    pub(crate) address: Address,
    /// Before the block.
    pub(crate) base: Option<Account>,
    pub(crate) versions: Versions<'a, AccountEffect>,
    pub(crate) wipes: Versions<'a, ()>,
    /// Where its change is in the block's, while those are gathered: an index, [`NOWHERE`] or [`TAKEN`].
    pub(crate) place: AtomicU32,
}

/// Not among the changes.
pub(crate) const NOWHERE: u32 = u32::MAX;
/// Being looked at.
pub(crate) const TAKEN: u32 = u32::MAX - 1;

impl<'a> AccountCell<'a> {
    fn new(address: Address, base: Option<Account>) -> Self {
        let place = AtomicU32::new(NOWHERE);
        Self { address, base, versions: Versions::new(), wipes: Versions::new(), place }
    }

    /// The account as step `step` finds it, and the newest step that changed it (0 if none; a change before
    /// the transactions counts as none).
    pub(crate) fn read(&'a self, step: u32, clears: bool) -> (Option<Account>, u32) {
        let (account, witness) = self.observe(step, clears);
        (account, witness.source)
    }

    /// The account as step `step` finds it, and a witness of that.
    pub(crate) fn observe(
        &'a self,
        step: u32,
        clears: bool,
    ) -> (Option<Account>, Witness<'a, AccountCell<'a>, AccountEffect>) {
        let newest = self.versions.newest_before(step);
        let (account, source, solid) = match newest.map(|newest| (&newest.effect, newest.step)) {
            None => (self.base, 0, true),
            Some((AccountEffect::Set(account), source)) => (*account, source, true),
            Some((AccountEffect::Adjust { settled, .. }, source)) => match settled.get() {
                Some(account) => (*account, source, true),
                None => (self.fold(step, clears), source, false),
            },
        };
        (account, Witness { cell: self, newest, source, solid })
    }

    /// Sums up uncommitted relative changes. Their number is bounded by how far workers run ahead.
    #[cold]
    fn fold(&self, step: u32, clears: bool) -> Option<Account> {
        let mut pending = Vec::new();
        let mut account = self.base;
        for version in self.versions.before(step) {
            match &version.effect {
                AccountEffect::Set(set) => {
                    account = *set;
                    break;
                }
                AccountEffect::Adjust { nonce, change, settled } => {
                    if let Some(settled) = settled.get() {
                        account = *settled;
                        break;
                    }
                    pending.push((*nonce, *change));
                }
            }
        }
        for (nonce, change) in pending.into_iter().rev() {
            account = adjust(account, nonce, change, clears);
        }
        account
    }
}

/// A storage slot.
#[derive(Debug)]
pub(crate) struct SlotCell<'a> {
    pub(crate) account: &'a AccountCell<'a>,
    pub(crate) slot: U256,
    /// Before the block, once somebody asked for it: what is written after a wipe never needs it.
    base: OnceLock<U256>,
    pub(crate) versions: Versions<'a, U256>,
}

impl<'a> SlotCell<'a> {
    /// The value before the block; reads the state the first time.
    pub(crate) fn base(&self, state: &dyn StateSnapshot) -> Result<U256, StateError> {
        match self.base.get() {
            Some(base) => Ok(*base),
            None => {
                let base = state.storage(&self.account.address, &self.slot)?;
                Ok(*self.base.get_or_init(|| base))
            }
        }
    }

    /// The value before the block, if it is known.
    pub(crate) fn known_base(&self) -> Option<U256> {
        self.base.get().copied()
    }

    /// The value as step `step` finds it, `None` for the value before the block, and the step that wrote it (0 if
    /// none).
    pub(crate) fn read(&'a self, step: u32) -> (Option<U256>, u32) {
        let (value, witness) = self.observe(step);
        (value, witness.source)
    }

    /// The value as [`read`](Self::read) gives it, and a witness of that.
    pub(crate) fn observe(&'a self, step: u32) -> (Option<U256>, Witness<'a, SlotCell<'a>, U256>) {
        let newest = self.versions.newest_before(step);
        let (value, source) = self.resolve(newest, step);
        let solid = self.account.wipes.is_empty();
        (value, Witness { cell: self, newest, source, solid })
    }

    fn resolve(&self, written: Option<&SlotVersion<'a>>, step: u32) -> (Option<U256>, u32) {
        if !self.account.wipes.is_empty()
            && let Some(wipe) = self.account.wipes.newest_before(step)
            && written.is_none_or(|version| version.step < wipe.step)
        {
            return (Some(U256::ZERO), wipe.step);
        }
        written.map_or((None, 0), |version| (Some(version.effect), version.step))
    }
}

/// What a value was read from: as long as that is the newest version, the value has not changed.
///
/// Witnesses are small and lie together, so that checking them touches few cache lines of another core.
#[derive(Debug)]
pub(crate) struct Witness<'a, C, E> {
    pub(crate) cell: &'a C,
    newest: Option<&'a Version<'a, E>>,
    /// The step of that version, 0 if there was none.
    pub(crate) source: u32,
    /// Whether the version alone tells the value.
    solid: bool,
}

impl<C, E> Witness<'_, C, E> {
    /// Makes it testify to nothing: the value itself has to be compared.
    pub(crate) fn discredit(&mut self) {
        self.solid = false;
    }

    fn is_newest(&self, newest: Option<&Version<'_, E>>) -> bool {
        let address = |version: Option<&Version<'_, E>>| version.map(|version| ptr::from_ref(version).addr());
        self.solid && address(newest) == address(self.newest)
    }
}

impl<'a> Witness<'a, AccountCell<'a>, AccountEffect> {
    /// Whether step `step` surely finds what was read.
    pub(crate) fn stands(&self, step: u32) -> bool {
        self.is_newest(self.cell.versions.newest_before(step))
    }
}

impl<'a> Witness<'a, SlotCell<'a>, U256> {
    /// Whether step `step` surely finds what was read.
    pub(crate) fn stands(&self, step: u32) -> bool {
        self.is_newest(self.cell.versions.newest_before(step)) && self.cell.account.wipes.is_empty()
    }
}

/// All cells of a block.
pub(crate) struct Cells<'a, 's> {
    state: &'s dyn StateSnapshot,
    hasher: DefaultHashBuilder,
    accounts: CellTable<'a, AccountCell<'a>>,
    slots: CellTable<'a, SlotCell<'a>>,
}

impl<'a, 's> Cells<'a, 's> {
    /// No cells yet; `accounts` and `slots` guess how many there will be.
    pub(crate) fn new(state: &'s dyn StateSnapshot, accounts: usize, slots: usize) -> Self {
        Self {
            state,
            hasher: DefaultHashBuilder::default(),
            accounts: CellTable::new(accounts),
            slots: CellTable::new(slots),
        }
    }

    pub(crate) fn state(&self) -> &'s dyn StateSnapshot {
        self.state
    }

    /// The cell of an account whose state before the block has been read already.
    pub(crate) fn known_account(
        &self,
        address: Address,
        base: Option<Account>,
        arena: &'a bumpalo::Bump,
    ) -> &'a AccountCell<'a> {
        let hash = self.account_hash(address);
        let new = || &*arena.alloc(AccountCell::new(address, base));
        self.accounts.find_or_insert(hash, |cell| cell.address == address, new)
    }

    /// The cell of an account; reads the state if it is new.
    pub(crate) fn account(
        &self,
        address: Address,
        arena: &'a bumpalo::Bump,
    ) -> Result<&'a AccountCell<'a>, StateError> {
        let hash = self.account_hash(address);
        if let Some(cell) = self.accounts.find(hash, |cell| cell.address == address) {
            return Ok(cell);
        }
        Ok(self.known_account(address, self.state.account(&address)?, arena))
    }

    /// The cell of a slot.
    pub(crate) fn slot(
        &self,
        account: &'a AccountCell<'a>,
        slot: U256,
        arena: &'a bumpalo::Bump,
    ) -> &'a SlotCell<'a> {
        let is = |cell: &SlotCell<'a>| ptr::eq(cell.account, account) && cell.slot == slot;
        let hash = self.slot_hash(account, slot);
        let new =
            || &*arena.alloc(SlotCell { account, slot, base: OnceLock::new(), versions: Versions::new() });
        self.slots.find_or_insert(hash, is, new)
    }

    fn account_hash(&self, address: Address) -> u64 {
        let word = |at: usize| u64::from_le_bytes(address[at..at + 8].try_into().expect("eight bytes"));
        // Three overlapping words, which hash faster than a slice of bytes.
        self.hasher.hash_one((word(0), word(8), word(12)))
    }

    fn slot_hash(&self, account: &AccountCell<'a>, slot: U256) -> u64 {
        // There is one cell for an account, so its place identifies it.
        self.hasher.hash_one((ptr::from_ref(account).addr(), slot.as_limbs()))
    }
}
