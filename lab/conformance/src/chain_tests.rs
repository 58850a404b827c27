use super::*;
use crate::{
    alloc::{self, Alloc, AllocAccount},
    quantity::Quantity,
    stored::{Place, Stored},
    world::{World, Worlds},
};
use alloy_consensus::{EMPTY_OMMER_ROOT_HASH, Header};
use alloy_primitives::{Address, B64, Bloom, Bytes, hex};
use alloy_trie::EMPTY_ROOT_HASH;
use mundi_chain::{EthereumHardfork as Fork, ForkCondition};
use mundi_execution::Mode;
use serde::Deserialize;
use std::{collections::BTreeMap, io::Read, num::NonZeroUsize, path::PathBuf};

/// `genesis.json` as geth reads it.
#[derive(Deserialize)]
#[serde(rename_all = "camelCase")]
struct Genesis {
    alloc: BTreeMap<String, AllocAccount>,
    extra_data: Bytes,
    gas_limit: Quantity,
    difficulty: Quantity,
    timestamp: Quantity,
}

/// A file of the JSON-RPC fixtures.
fn rpc_file(name: &str) -> Option<Vec<u8>> {
    let folder = std::env::var_os("MUNDI_FIXTURES").map_or_else(
        || PathBuf::from(env!("CARGO_MANIFEST_DIR")).join("../../../shared/fixtures"),
        PathBuf::from,
    );
    let Ok(file) = std::fs::File::open(folder.join("rpc.tar.gz")) else {
        println!("SKIPPED: there is no rpc.tar.gz in {}; set MUNDI_FIXTURES", folder.display());
        return None;
    };
    let mut archive = tar::Archive::new(flate2::read::GzDecoder::new(file));
    let mut entry = archive
        .entries()
        .unwrap()
        .map(Result::unwrap)
        .find(|entry| entry.path().unwrap().ends_with(name))
        .unwrap();
    let mut content = Vec::new();
    entry.read_to_end(&mut content).unwrap();
    Some(content)
}

/// The fork schedule of that chain: a fork every three blocks.
fn spec() -> ChainSpec {
    let by_height = [
        (Fork::Homestead, 0),
        (Fork::Tangerine, 3),
        (Fork::SpuriousDragon, 6),
        (Fork::Byzantium, 9),
        (Fork::Constantinople, 12),
        (Fork::Petersburg, 15),
        (Fork::Istanbul, 18),
        (Fork::MuirGlacier, 21),
        (Fork::Berlin, 24),
        (Fork::London, 27),
        (Fork::ArrowGlacier, 30),
        (Fork::GrayGlacier, 33),
    ];
    let by_time = [
        (Fork::Shanghai, 390),
        (Fork::Cancun, 420),
        (Fork::Prague, 450),
        (Fork::Osaka, 480),
        (Fork::Bpo1, 510),
        (Fork::Bpo2, 540),
    ];
    let mut spec = ChainSpec::frontier(3_503_995_874_084_926).with_deposit_contract(Address::ZERO).with_fork(
        Fork::Paris,
        ForkCondition::TTD {
            activation_block_number: u64::MAX,
            fork_block: None,
            total_difficulty: U256::from(4_732_352),
        },
    );
    for (fork, height) in by_height {
        spec = spec.with_fork(fork, ForkCondition::Block(height));
    }
    for (fork, time) in by_time {
        spec = spec.with_fork(fork, ForkCondition::Timestamp(time));
    }
    spec
}

/// The genesis of that chain and its state.
fn genesis() -> Option<(Record, StateChanges)> {
    let genesis: Genesis = serde_json::from_slice(&rpc_file("genesis.json")?).unwrap();
    let alloc: Alloc = genesis
        .alloc
        .into_iter()
        .map(|(address, account)| (Address::from_slice(&hex::decode(address).unwrap()), account))
        .collect();
    let alloc = alloc::changes(&alloc);
    let header = Header {
        state_root: World::new(&alloc).root(),
        ommers_hash: EMPTY_OMMER_ROOT_HASH,
        transactions_root: EMPTY_ROOT_HASH,
        receipts_root: EMPTY_ROOT_HASH,
        logs_bloom: Bloom::ZERO,
        nonce: B64::ZERO,
        extra_data: genesis.extra_data,
        gas_limit: genesis.gas_limit.saturating_u64(),
        difficulty: genesis.difficulty.0,
        timestamp: genesis.timestamp.saturating_u64(),
        ..Header::default()
    };
    Some((Arc::new(record(header)), alloc))
}

/// An empty block without a parent.
fn record(header: Header) -> BlockRecord {
    BlockRecord {
        hash: header.hash_slow(),
        total_difficulty: header.difficulty,
        header,
        body: BlockBody::default(),
        senders: Vec::new(),
        receipts: Vec::new(),
    }
}

/// Imports that chain, in both modes.
fn import<S: States>(genesis: Record, pool: &rayon::ThreadPool, states: S) -> S {
    let modes = [Mode::Sequential, Mode::Optimistic];
    let engine = Engine { pool, threads: NonZeroUsize::new(4).unwrap(), modes: &modes };
    let mut chain = Chain::new(spec(), &engine, genesis, states);
    let bytes = rpc_file("chain.rlp").unwrap();
    let mut rest = &bytes[..];
    let mut number = 0;
    while !rest.is_empty() {
        let length = alloy_rlp::Header::decode(&mut &*rest).unwrap().length_with_payload();
        let (block, following) = rest.split_at(length);
        number += 1;
        chain.import(block).unwrap_or_else(|error| panic!("block {number}: {error}"));
        // Known already: nothing happens.
        chain.import(block).unwrap();
        rest = following;
    }
    assert_eq!(number, 54);
    let head: serde_json::Value = serde_json::from_slice(&rpc_file("headfcu.json").unwrap()).unwrap();
    assert_eq!(chain.head().hash.to_string(), head["params"][0]["headBlockHash"]);
    chain.into_states()
}

fn pool() -> rayon::ThreadPool {
    rayon::ThreadPoolBuilder::new().num_threads(3).build().unwrap()
}

#[test]
fn a_chain_through_every_fork_is_imported() {
    let Some((genesis, alloc)) = genesis() else { return };
    let states = Worlds::new(genesis.hash, World::new(&alloc));
    import(genesis, &pool(), states);
}

#[test]
fn a_chain_through_every_fork_is_imported_into_a_store() {
    let Some((genesis, alloc)) = genesis() else { return };
    let (pool, folder) = (pool(), tempfile::tempdir().unwrap());
    let place = Place { folder: folder.path(), pool: &pool };
    let states = Stored::create(place, &genesis, alloc).unwrap();
    import(genesis, &pool, states).finish(None).unwrap();
    assert_eq!(std::fs::read_dir(folder.path()).unwrap().count(), 0, "a store takes its folder with it");
}

#[test]
fn a_store_that_holds_something_else_is_found_out() {
    let account = |balance: u64| {
        let account = AllocAccount { balance: Quantity(U256::from(balance)), ..AllocAccount::default() };
        alloc::changes(&Alloc::from([(Address::ZERO, account)]))
    };
    let alloc = account(1);
    let header = Header { state_root: World::new(&alloc).root(), ..Header::default() };
    let genesis = Arc::new(record(header));
    let (pool, folder) = (pool(), tempfile::tempdir().unwrap());
    let place = Place { folder: folder.path(), pool: &pool };
    let stored = || Stored::create(place, &genesis, account(1)).unwrap();
    stored().check(&genesis).unwrap();
    stored().finish(Some(&alloc)).unwrap();
    let error = stored().finish(Some(&account(2))).unwrap_err().to_string();
    assert!(error.starts_with("an account of the state: expected"), "{error}");
    let other = record(Header { timestamp: 1, ..genesis.header.clone() });
    let error = stored().check(&other).unwrap_err().to_string();
    assert!(error.starts_with("tip of the store: expected"), "{error}");
    assert!(Stored::create(place, &genesis, account(2)).is_err(), "the header has another root");
}
