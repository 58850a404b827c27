//! An importer that believes nothing: every rule in order, both engines, and roots of the whole state.

use alloy_consensus::{Header, TxEnvelope};
use alloy_primitives::{B256, U256, keccak256};
use alloy_trie::{
    TrieAccount,
    root::{state_root_unsorted, storage_root_unsorted},
};
use mundi_chain::{
    Ancestor, ChainSpec, EthereumHardfork, Genesis, OMMER_ANCESTORS, Parent, decode_block, executable_block,
    recover_senders, validate_body, validate_header, validate_ommers, validate_output,
};
use mundi_execution::{Committed, MemoryState, Mode, Options, StateChanges, execute};
use rayon::ThreadPool;
use revm::primitives::hardfork::SpecId;
use std::num::NonZeroUsize;

/// The newest block of an imported chain, and what there was on the way.
pub(crate) struct Imported {
    pub(crate) hash: B256,
    pub(crate) header: Header,
    /// The fork of each block.
    pub(crate) forks: Vec<EthereumHardfork>,
    /// Accounts in the state after each block.
    pub(crate) accounts: Vec<usize>,
    pub(crate) failed: u64,
    pub(crate) ommers: usize,
    pub(crate) withdrawals: usize,
    pub(crate) requests: usize,
    /// Accounts that were gone after a block, and accounts whose storage was wiped and that are still there.
    pub(crate) gone: usize,
    pub(crate) reborn: usize,
    pub(crate) cleared: usize,
    pub(crate) transactions: Vec<TxEnvelope>,
}

/// The first block of a file, and the rest.
pub(crate) fn split(file: &[u8]) -> (&[u8], &[u8]) {
    let mut rest = file;
    let header = alloy_rlp::Header::decode(&mut rest).expect("the file consists of RLP lists");
    file.split_at(file.len() - rest.len() + header.payload_length)
}

pub(crate) fn root(state: &MemoryState) -> B256 {
    state_root_unsorted(state.accounts().map(|(address, stored)| {
        let slots = stored.storage.iter().map(|(slot, value)| (keccak256(B256::from(*slot)), *value));
        let leaf = TrieAccount {
            nonce: stored.account.nonce,
            balance: stored.account.balance,
            storage_root: storage_root_unsorted(slots),
            code_hash: stored.account.code_hash,
        };
        (keccak256(address), leaf)
    }))
}

/// Imports a chain, and panics if anything is wrong with it.
pub(crate) fn import(genesis: &[u8], mut file: &[u8], pool: &ThreadPool) -> Imported {
    let genesis = Genesis::from_json(genesis).expect("the genesis file is one");
    assert!(genesis.ignored.is_empty(), "{:?}", genesis.ignored);
    let mut state = MemoryState::new();
    state.apply(&genesis.alloc);
    state.insert_block_hash(0, genesis.hash);
    assert_eq!(genesis.header.state_root, root(&state));
    let mut total_difficulty = genesis.header.difficulty;
    let mut ancestors = vec![(genesis.hash, genesis.header.clone(), Vec::new())];
    let mut imported = Imported {
        hash: genesis.hash,
        header: genesis.header,
        forks: Vec::new(),
        accounts: Vec::new(),
        failed: 0,
        ommers: 0,
        withdrawals: 0,
        requests: 0,
        gone: 0,
        reborn: 0,
        cleared: 0,
        transactions: Vec::new(),
    };
    while !file.is_empty() {
        let (bytes, rest) = split(file);
        file = rest;
        one(&genesis.spec, bytes, &mut state, &mut total_difficulty, &mut ancestors, &mut imported, pool);
    }
    imported
}

fn roots_after_each(state: &MemoryState, steps: &[StateChanges]) -> Vec<B256> {
    let mut between = state.clone();
    let mut root_after = |step| {
        between.apply(step);
        root(&between)
    };
    steps.iter().map(&mut root_after).collect()
}

fn one(
    spec: &ChainSpec,
    bytes: &[u8],
    state: &mut MemoryState,
    total_difficulty: &mut U256,
    ancestors: &mut Vec<(B256, Header, Vec<Header>)>,
    imported: &mut Imported,
    pool: &ThreadPool,
) {
    let (block, hash) = decode_block(bytes).expect("a block").into_parts();
    let number = block.header.number;
    let (parent_hash, parent, _) = &ancestors[0];
    let parent = Parent { header: parent, hash: *parent_hash, total_difficulty: Some(*total_difficulty) };
    let point = parent.point_of_child(&block.header);
    validate_header(spec, &block.header, parent).unwrap_or_else(|error| panic!("block {number}: {error}"));
    let kin: Vec<_> =
        ancestors.iter().map(|(hash, header, ommers)| Ancestor { hash: *hash, header, ommers }).collect();
    validate_ommers(spec, point, &block.body.ommers, &kin)
        .unwrap_or_else(|error| panic!("block {number}: {error}"));
    validate_body(spec, point, &block).unwrap_or_else(|error| panic!("block {number}: {error}"));
    let fork = spec.fork_at(point);
    let block = recover_senders(fork, block).unwrap_or_else(|error| panic!("block {number}: {error}"));
    let executable = executable_block(spec, point, &block);

    let outputs = [Mode::Sequential, Mode::Optimistic].map(|mode| {
        let mut steps: Vec<StateChanges> = Vec::new();
        let threads = NonZeroUsize::new(3).expect("three");
        let options = Options { stream_changes: true, ..Options::new(threads).with_mode(mode) };
        let mut sink = |tx: Committed<'_>| steps.push(tx.changes.cloned().expect("asked for"));
        let mut output = execute(&executable, state, pool, &options, &mut sink)
            .unwrap_or_else(|error| panic!("block {number}, {mode}: {error}"));
        output.changes.sort();
        (output, steps)
    });
    let [(output, steps), (other, other_steps)] = &outputs;
    assert_eq!(output.outcomes, other.outcomes, "block {number}");
    assert_eq!(output.changes, other.changes, "block {number}");
    let mut post_states = Vec::new();
    if !executable.rules.spec.is_enabled_in(SpecId::BYZANTIUM) {
        post_states = roots_after_each(state, steps);
        assert_eq!(post_states, roots_after_each(state, other_steps), "block {number}");
    }
    validate_output(&executable.rules, &block.header, output, &post_states)
        .unwrap_or_else(|error| panic!("block {number}: {error}"));
    for change in &output.changes.accounts {
        imported.gone += usize::from(change.account.is_none());
        imported.reborn += usize::from(change.storage_wiped && change.account.is_some());
        imported.cleared += change.storage.iter().filter(|(_, value)| value.is_zero()).count();
    }
    state.apply(&output.changes);
    assert_eq!(block.header.state_root, root(state), "block {number}");

    *total_difficulty += block.header.difficulty;
    state.insert_block_hash(number, hash);
    imported.hash = hash;
    imported.header = block.header.clone();
    imported.forks.push(fork);
    imported.accounts.push(state.len());
    imported.failed += output.receipts().filter(|receipt| !receipt.success).count() as u64;
    imported.ommers += block.body.ommers.len();
    imported.withdrawals += block.body.withdrawals.as_ref().map_or(0, |list| list.len());
    imported.requests += output.requests.as_ref().map_or(0, |requests| requests.len());
    imported.transactions.extend(block.body.transactions.into_iter().map(|tx| tx.into_inner()));
    ancestors.insert(0, (hash, block.header, block.body.ommers));
    ancestors.truncate(OMMER_ANCESTORS);
}
