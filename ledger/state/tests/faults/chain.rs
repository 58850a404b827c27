//! A chain that follows from its seeds: every block is a function of the state before it and of one number, its salt.

use crate::{
    POOL,
    random::Random,
    world::{self, Touch, address, changes},
};
use alloy_consensus::{
    Receipt, ReceiptEnvelope, Signed, TxEnvelope, TxLegacy, TxType,
    proofs::{calculate_receipt_root, calculate_transaction_root},
};
use alloy_primitives::{Address, B256, Bloom, Bytes, Log, Signature, U256};
use mundi_execution::{Account, AccountChange, MemoryState, StateChanges, StateSnapshot};
use mundi_state::{BlockRecord, LogFilter, LogLimits, Snapshot, Store, StoreError, Tip, Watch};
use revm::bytecode::Bytecode;
use std::sync::Arc;

/// Accounts that are ever touched.
pub(crate) const ADDRESSES: u8 = 60;
pub(crate) const SLOTS: u8 = 12;
/// Whose logs all are.
pub(crate) const TALKER: Address = Address::repeat_byte(0x77);

/// How much is in a block.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Size {
    /// A few changes; sometimes of every account.
    Mixed,
    /// Some hundred kilobytes that do not compress, so that the engine's own files change too.
    Heavy,
}

/// A block by its number, and the state after it.
#[derive(Clone)]
pub(crate) struct Link {
    pub(crate) salt: u64,
    state: Option<Arc<MemoryState>>,
}

impl Link {
    /// The block after this one.
    pub(crate) fn next(&self, salt: u64, size: Size) -> Self {
        let mut state = self.state().clone();
        let mut changes = changes_of(&state, salt, size);
        // Code is known by its hash.
        changes.code.clear();
        state.apply(&changes);
        Self { salt, state: Some(Arc::new(state)) }
    }

    pub(crate) fn state(&self) -> &MemoryState {
        self.state.as_ref().expect("a state that is kept")
    }

    /// Lets the state go.
    pub(crate) fn forget(&mut self) {
        self.state = None;
    }
}

/// Bytes that do not compress.
pub(crate) fn bytes(random: &mut Random, len: usize) -> Vec<u8> {
    std::iter::repeat_with(|| random.next().to_le_bytes()).flatten().take(len).collect()
}

/// What a block with this salt does to a state.
pub(crate) fn changes_of(state: &MemoryState, salt: u64, size: Size) -> StateChanges {
    let mut random = Random(salt);
    let count = if random.one_in(16) { 60 } else { random.below(9) };
    let mut touches = Vec::new();
    for _ in 0..count {
        let slots = |random: &mut Random| {
            let count = random.below(10);
            (0..count).map(|_| (random.below(SLOTS.into()) as u8, random.below(3) as u8)).collect()
        };
        // Few accounts are touched often.
        let bound = if random.one_in(3) { ADDRESSES } else { 16 };
        let touch = match random.below(11) {
            0..4 => Touch::Pay(random.below(1000)),
            4..8 => Touch::Store(slots(&mut random)),
            8 => Touch::Code(random.below(4) as u8),
            9 => Touch::Destroy,
            _ => Touch::Recreate(slots(&mut random)),
        };
        touches.push((random.below(bound.into()) as u8, touch));
    }
    let mut changes = changes(state, &touches);
    if size == Size::Heavy {
        for _ in 0..1 + random.below(60) {
            let code = Bytecode::new_legacy(bytes(&mut random, 20_000).into());
            let account = Account { nonce: 1, code_hash: code.hash_slow(), ..Account::default() };
            let address = Address::from_slice(&bytes(&mut random, 20));
            changes.code.push((account.code_hash, code));
            changes.accounts.push(AccountChange {
                address,
                account: Some(account),
                storage_wiped: false,
                storage: Vec::new(),
            });
        }
    }
    changes
}

/// The block with these changes: its transactions and receipts follow from its salt too.
pub(crate) fn block(parent: Option<&BlockRecord>, state_root: B256, salt: u64) -> BlockRecord {
    let mut block = world::block(parent, state_root, salt);
    let mut random = Random(!salt);
    for index in 0..random.below(4) {
        let tx = TxLegacy {
            nonce: salt ^ (index << 56),
            input: bytes(&mut random, 40).into(),
            ..TxLegacy::default()
        };
        let tx = Signed::new_unhashed(tx, Signature::test_signature());
        block.body.transactions.push(TxEnvelope::Legacy(tx));
        block.senders.push(address(index as u8));
        let log = Log::new_unchecked(
            TALKER,
            vec![B256::from(U256::from(salt))],
            Bytes::from(bytes(&mut random, 9)),
        );
        let receipt =
            Receipt { status: true.into(), cumulative_gas_used: 21_000 * (index + 1), logs: vec![log] };
        block.receipts.push(ReceiptEnvelope::from_typed(TxType::Legacy, receipt));
    }
    block.header.transactions_root = calculate_transaction_root(&block.body.transactions);
    block.header.receipts_root = calculate_receipt_root(&block.receipts);
    block.header.logs_bloom =
        block.receipts.iter().fold(Bloom::ZERO, |all, receipt| all | *receipt.logs_bloom());
    block.hash = block.header.hash_slow();
    block
}

/// What a block needs of its parent.
pub(crate) fn stub(tip: Tip) -> BlockRecord {
    let mut parent = world::block(None, B256::ZERO, 0);
    (parent.header.number, parent.hash) = (tip.height, tip.hash);
    parent
}

/// The changes that make the first state, and the state.
pub(crate) fn genesis() -> (BlockRecord, StateChanges, Link) {
    let mut state = MemoryState::new();
    let touches: Vec<_> = (0..ADDRESSES)
        .map(|index| match index % 3 {
            0 => (index, Touch::Pay(1 + u64::from(index))),
            1 => (index, Touch::Store((0..SLOTS).map(|slot| (slot, 1 + slot)).collect())),
            _ => (index, Touch::Code(index % 4)),
        })
        .collect();
    let alloc = changes(&state, &touches);
    state.apply(&alloc);
    (block(None, world::root(&state), 0), alloc, Link { salt: 0, state: Some(Arc::new(state)) })
}

/// Adds the block with this salt to a store whose newest block is `tip`. It is in memory only.
pub(crate) fn publish(store: &Store, tip: &Link, salt: u64, size: Size) -> Result<(), StoreError> {
    let changes = changes_of(tip.state(), salt, size);
    let staged = store.stage(&store.latest(), &changes, &POOL)?;
    let block = block(Some(&stub(store.tip())), staged.state_root(), salt);
    store.publish(block, staged, &POOL).map(drop)
}

/// Adds a block to the chain and to a store, where it is on disk afterwards; flushes now and then.
pub(crate) fn grow(store: &Store, chain: &mut Vec<Link>, salt: u64, size: Size) -> Result<(), StoreError> {
    let tip = chain.last().expect("the genesis");
    publish(store, tip, salt, size)?;
    store.persist()?;
    chain.push(tip.next(salt, size));
    if salt.is_multiple_of(3) { store.flush() } else { Ok(()) }
}

/// Compares a store's newest state and blocks with the chain up to it; `deep` leaves nothing out.
///
/// Errors with what the store says of itself; panics if it says something wrong.
pub(crate) fn compare(store: &Store, chain: &[Link], deep: bool, random: &mut Random) -> Result<(), String> {
    let text = |error: &dyn std::fmt::Display| error.to_string();
    let tip = store.tip();
    assert_eq!(tip.height, chain.len() as u64 - 1, "height");
    let latest = store.latest();
    let root = world::root(chain[chain.len() - 1].state());
    assert_eq!(latest.state_root(), root, "state root at {}", tip.height);
    same_state(&latest, chain[chain.len() - 1].state(), if deep { 1 } else { 8 }, true, random)?;

    let (values, proofs) = store.oldest();
    let heights: Vec<u64> = match deep {
        true => (values..=tip.height).collect(),
        false => (0..2).map(|_| values + random.below(tip.height - values + 1)).collect(),
    };
    for height in heights {
        let snapshot = store.snapshot(height).map_err(|error| text(&error))?;
        let state = chain[height as usize].state();
        same_state(&snapshot, state, if deep { 5 } else { 16 }, height >= proofs, random)?;
    }
    // A store that began with a state file has not all blocks.
    let oldest = match store.oldest_block().map_err(|error| text(&error))? {
        0 => 0,
        oldest => oldest + 1,
    };
    let heights: Vec<u64> = match deep {
        true => (oldest..=tip.height).collect(),
        false => (0..3).map(|_| oldest + random.below(tip.height + 1 - oldest)).chain([tip.height]).collect(),
    };
    for height in heights {
        same_block(store, height, chain[height as usize].salt)?;
    }
    assert_eq!(store.header(tip.height + 1).map_err(|error| text(&error))?, None, "a block above the newest");
    if deep {
        let report = store.verify(4, &POOL, Watch::NOBODY).map_err(|error| text(&error))?;
        assert_eq!(report.inconsistencies, [], "at {}", tip.height);
    }
    Ok(())
}

/// Every `stride`th account with its slots.
fn same_state(
    snapshot: &Snapshot,
    state: &MemoryState,
    stride: u8,
    proofs: bool,
    random: &mut Random,
) -> Result<(), String> {
    let text = |error: mundi_execution::StateError| error.to_string();
    let height = snapshot.height();
    for index in (random.below(stride.into()) as u8..ADDRESSES).step_by(stride.into()) {
        let address = address(index);
        let account = state.account(&address).map_err(text)?;
        assert_eq!(snapshot.account(&address).map_err(text)?, account, "account {index} at {height}");
        let slots: Vec<B256> = (0..SLOTS).map(|slot| B256::from(U256::from(slot))).collect();
        for slot in 0..SLOTS {
            let slot = U256::from(slot);
            let value = state.storage(&address, &slot).map_err(text)?;
            assert_eq!(
                snapshot.storage(&address, &slot).map_err(text)?,
                value,
                "slot {slot} of {index} at {height}"
            );
        }
        if let Some(account) = account.filter(Account::has_code) {
            let code = snapshot.code(&account.code_hash).map_err(text)?;
            assert_eq!(code.hash_slow(), account.code_hash, "code of {index} at {height}");
        }
        if proofs && (stride == 1 || random.one_in(4)) {
            let proof = snapshot.proof(address, &slots).map_err(|error| error.to_string())?;
            proof.verify(snapshot.state_root()).expect("a proof that holds");
            assert_eq!(proof.account.is_some(), account.is_some());
        }
    }
    Ok(())
}

fn same_block(store: &Store, height: u64, salt: u64) -> Result<(), String> {
    let text = |error: mundi_state::StoreError| error.to_string();
    let there = |name: &str| format!("{name} of block {height} are not there");
    let header = store.header(height).map_err(text)?.ok_or_else(|| there("header"))?;
    assert_eq!(header.header.nonce.0, salt.to_be_bytes(), "block {height} is another");
    let parent = match height {
        0 => None,
        _ => Some(store.header(height - 1).map_err(text)?.ok_or_else(|| there("parent"))?),
    };
    let parent = parent.map(|parent| stub(Tip { height: height - 1, hash: parent.hash }));
    let expected = block(parent.as_ref(), header.header.state_root, salt);
    assert_eq!((&header.header, header.hash), (&expected.header, expected.hash), "block {height}");
    assert_eq!(store.height_of(&header.hash).map_err(text)?, Some(height), "height of block {height}");
    let body = store.body(height).map_err(text)?.ok_or_else(|| there("transactions"))?;
    assert_eq!(body.body, expected.body, "body {height}");
    // A state file's blocks get the senders that their signatures have, which these are not.
    if store.oldest_block().map_err(text)? == 0 {
        assert_eq!(body.senders, expected.senders, "senders of {height}");
    }
    let receipts = store.receipts(height).map_err(text)?.ok_or_else(|| there("receipts"))?;
    assert_eq!(receipts, expected.receipts, "receipts of {height}");
    for (index, tx) in (0..).zip(&expected.body.transactions) {
        let place = store.transaction(tx.tx_hash()).map_err(text)?;
        assert_eq!(place, Some((height, index)), "transaction {index} of {height}");
    }
    let mut filter = LogFilter::new(store.oldest_block().map_err(text)?..=u64::MAX);
    filter.topics[0] = vec![B256::from(U256::from(salt))];
    let logs = store.logs(&filter, LogLimits::default()).map_err(text)?;
    let expected: Vec<&Log> = expected.receipts.iter().flat_map(ReceiptEnvelope::logs).collect();
    if salt != 0 {
        assert_eq!(logs.iter().map(|found| &found.log).collect::<Vec<_>>(), expected, "logs of {height}");
    }
    Ok(())
}
