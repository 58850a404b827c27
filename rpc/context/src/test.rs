//! Contexts over small chains, and Ethereum's conformance cases, for tests.
//!
//! [`developer_context`] is a chain of three rich accounts in memory; [`conformance_context`] the chain that the cases of
//! [execution-apis](https://github.com/ethereum/execution-apis) are about, and [`run_cases`] runs them. Threads are few, and
//! everything ends when the context is dropped.

mod cases;

pub use cases::{case, run_cases, run_request};

use crate::{Accounts, Context, Ctx, Limits, Workers};
use alloy_primitives::U256;
use alloy_signer::Signer as _;
use alloy_signer_local::PrivateKeySigner;
use mundi_chain::{Genesis, Import, ImportOptions, ImportPools, Ledger, LedgerConfig, LedgerPools};
use mundi_consensus::{Mining, Solo, SoloConfig, SystemClock};
use mundi_mempool::Mempool;
use mundi_state::{Config, History, Store};
use rayon::{ThreadPool, ThreadPoolBuilder};
use serde_json::json;
use std::{num::NonZeroUsize, sync::Arc};

/// A context, and what is behind it.
#[derive(Debug)]
pub struct TestContext {
    /// What methods are given.
    pub ctx: Ctx,
    /// Who orders.
    pub solo: Arc<Solo>,
}

/// The chain id of [`developer_context`].
pub const CHAIN_ID: u64 = 31337;
/// What each of its accounts has: 10,000 ether.
pub const BALANCE: u128 = 10_000_000_000_000_000_000_000;

/// The keys of [`developer_context`]'s accounts.
pub fn signers() -> Vec<PrivateKeySigner> {
    let key = |index: u8| {
        let key = [[0x11; 31].as_slice(), &[index]].concat();
        PrivateKeySigner::from_slice(&key).expect("the bytes are a key").with_chain_id(Some(CHAIN_ID))
    };
    (1..=3).map(key).collect()
}

fn pool(threads: usize) -> Arc<ThreadPool> {
    Arc::new(ThreadPoolBuilder::new().num_threads(threads).build().expect("threads can be started"))
}

fn store_config() -> Config {
    Config { cache_bytes: 16 << 20, history: History::Full, proofs: History::Full, ..Config::default() }
}

/// A developers' chain in memory, by the rules of Osaka, whose accounts are those of [`signers`].
pub fn developer_context(mining: Mining) -> TestContext {
    let alloc: serde_json::Map<_, _> = signers()
        .iter()
        .map(|signer| {
            (format!("{:?}", signer.address()), json!({"balance": U256::from(BALANCE).to_string()}))
        })
        .collect();
    let blobs = json!({"target": 6, "max": 9, "baseFeeUpdateFraction": 5_007_716});
    let genesis = json!({
        "config": {
            "chainId": CHAIN_ID, "homesteadBlock": 0, "eip150Block": 0, "eip155Block": 0, "eip158Block": 0,
            "byzantiumBlock": 0, "constantinopleBlock": 0, "petersburgBlock": 0, "istanbulBlock": 0,
            "berlinBlock": 0, "londonBlock": 0, "terminalTotalDifficulty": 0, "shanghaiTime": 0,
            "cancunTime": 0, "pragueTime": 0, "osakaTime": 0,
            "blobSchedule": {"cancun": blobs, "prague": blobs, "osaka": blobs},
        },
        "gasLimit": "0x1c9c380", "baseFeePerGas": "0x3b9aca00", "difficulty": "0x0", "alloc": alloc,
    });
    let genesis = Genesis::from_json(genesis.to_string().as_bytes()).expect("the file is right");
    let background = pool(1);
    let store = Store::in_memory(&store_config(), &genesis.record(), &genesis.alloc, &background);
    start(store.expect("the store can be made"), genesis, mining, signers())
}

/// The conformance chain, at its head, without mining. `None`, and a line that says so, without the fixtures.
///
/// They are looked for in the directory that `MUNDI_FIXTURES` names, else in `shared/fixtures` beside the workspace.
pub fn conformance_context() -> Option<TestContext> {
    let genesis = Genesis::from_json(&cases::file("genesis.json")?).expect("the genesis file is right");
    let chain = cases::file("chain.rlp")?;
    let (engine, background) = (pool(1), pool(2));
    let store = Store::in_memory(&store_config(), &genesis.record(), &genesis.alloc, &background)
        .expect("the store can be made");
    let options = ImportOptions { threads: NonZeroUsize::new(2).expect("two"), ..ImportOptions::default() };
    let import = Import {
        store: &store,
        spec: &genesis.spec,
        options: &options,
        pools: ImportPools { engine: &engine, background: &background },
        cancelled: &|| false,
        progress: &|_| {},
    };
    import.run(&chain[..]).expect("the chain is valid");
    Some(start(store, genesis, Mining::Manual, Vec::new()))
}

fn start(store: Store, genesis: Genesis, mining: Mining, signers: Vec<PrivateKeySigner>) -> TestContext {
    const THREADS: NonZeroUsize = NonZeroUsize::new(2).expect("two");
    let developer = !signers.is_empty();
    let config = LedgerConfig { threads: THREADS, gas_limit: 30_000_000, ..LedgerConfig::default() };
    let pools = LedgerPools { engine: pool(1), background: pool(1) };
    let ledger = Ledger::start(Arc::new(store), Arc::new(genesis.spec), config, pools, None);
    let ledger = Arc::new(ledger.expect("the ledger starts"));
    let head = mundi_mempool::head_after(ledger.spec(), &ledger.head());
    let pool_config = mundi_mempool::Config::default();
    let mempool = Arc::new(Mempool::new(pool_config, Arc::clone(ledger.spec()), head));
    ledger.observe(mempool.clone());
    let solo_config = SoloConfig { mining, ..SoloConfig::default() };
    let solo = Solo::start(Arc::clone(&ledger), mempool.clone(), Arc::new(SystemClock), solo_config);
    let solo = Arc::new(solo.expect("threads can be started"));
    let ctx = Context {
        ledger,
        pool: mempool,
        sequencer: solo.clone(),
        consensus: None,
        workers: Workers::new(pool(2), 1024),
        limits: Limits::default(),
        accounts: Accounts::new(signers),
        client_version: "mundi/test".into(),
        developer: developer.then(|| Arc::clone(&solo)),
    };
    TestContext { ctx: Arc::new(ctx), solo }
}
