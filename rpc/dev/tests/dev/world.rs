//! Chains to try methods on.

use alloy_primitives::{Address, U256};
use mundi_chain::{
    Beneath, ChainSpec, Genesis, Head, Ledger, LedgerConfig, LedgerObserver, LedgerPools, Sealed,
};
use mundi_consensus::{Clock, Mining, Solo, SoloConfig};
use mundi_execution::StateChanges;
use mundi_mempool::{Mempool, NewHead, Reorganised, head_after};
use mundi_rpc_context::{
    Accounts, Context, Ctx, Limits, Methods, Workers,
    test::{run_request, signers},
};
use mundi_rpc_dev::{Fork, Setup, Workbench};
use mundi_state::{BlockRecord, Config, History, Store};
use rayon::{ThreadPool, ThreadPoolBuilder};
use serde_json::{Value, json};
use std::{
    num::NonZeroUsize,
    sync::{
        Arc, OnceLock, Weak,
        atomic::{AtomicU64, Ordering},
    },
};

/// A clock that stands still unless it is moved.
#[derive(Debug)]
pub(crate) struct Still(pub(crate) AtomicU64);

impl Clock for Still {
    fn now(&self) -> u64 {
        self.0.load(Ordering::Relaxed)
    }
}

/// Tells the pool of every new head, with what is decided of the next block.
struct Follower {
    pool: Arc<Mempool>,
    spec: Arc<ChainSpec>,
    solo: OnceLock<Weak<Solo>>,
}

impl Follower {
    fn with_decisions(&self, mut head: mundi_mempool::Head) -> mundi_mempool::Head {
        let next = self.solo.get().and_then(Weak::upgrade).map(|solo| solo.next_block());
        let next = next.unwrap_or_default();
        head.base_fee = next.base_fee.unwrap_or(head.base_fee);
        head.gas_limit = next.gas_limit.unwrap_or(head.gas_limit);
        head
    }
}

impl LedgerObserver for Follower {
    fn sealed(&self, sealed: &Sealed, head: &Head) {
        self.pool.on_head(&NewHead {
            head: self.with_decisions(head_after(&self.spec, head)),
            accounts: sealed.accounts.clone(),
            included: sealed.block.body.transactions.iter().map(|tx| *tx.tx_hash()).collect(),
            skipped: sealed.skipped.clone(),
        });
    }

    fn reset(&self, _: &[Arc<BlockRecord>], head: &Head) {
        let head = self.with_decisions(head_after(&self.spec, head));
        self.pool.on_reorganised(&Reorganised { head, removed: Vec::new() });
    }
}

/// When the clock stands.
pub(crate) const NOW: u64 = 1_800_000_000;

/// A chain with its methods.
pub(crate) struct World {
    pub(crate) ctx: Ctx,
    pub(crate) bench: Arc<Workbench>,
    pub(crate) methods: Methods,
}

pub(crate) fn pool(threads: usize) -> Arc<ThreadPool> {
    Arc::new(ThreadPoolBuilder::new().num_threads(threads).build().unwrap())
}

pub(crate) fn store_config() -> Config {
    Config { cache_bytes: 16 << 20, history: History::Full, proofs: History::Full, ..Config::default() }
}

pub(crate) fn preset() -> mundi_chain::DeveloperGenesis {
    let accounts = signers().iter().map(|signer| signer.address()).collect();
    mundi_chain::DeveloperGenesis { accounts, timestamp: 1_000_000, ..Default::default() }
}

/// The chain's accounts.
pub(crate) fn accounts() -> Vec<Address> {
    preset().accounts
}

impl World {
    /// A chain of its own, on command.
    pub(crate) fn new() -> Self {
        Self::with(Mining::Manual, &preset())
    }

    pub(crate) fn with(mining: Mining, preset: &mundi_chain::DeveloperGenesis) -> Self {
        let genesis = Genesis::developer(preset).unwrap();
        Self::of(mining, genesis)
    }

    pub(crate) fn of(mining: Mining, genesis: Genesis) -> Self {
        let store = Store::in_memory(&store_config(), &genesis.record(), &genesis.alloc, &pool(1)).unwrap();
        let setup = Setup { genesis: Some(Arc::new(genesis.clone())), ..Setup::default() };
        Self::start(mining, store, genesis, Default::default(), setup)
    }

    /// A chain that continues another one.
    pub(crate) fn above(fork: &Arc<Fork>) -> Self {
        let chain = fork.begin(&preset(), &store_config(), &pool(1)).unwrap();
        let setup = Setup { fork: Some(Arc::clone(fork)), ..Setup::default() };
        let begin = (Some(chain.beneath), chain.edits);
        let mut world = Self::start(Mining::Manual, chain.store, chain.genesis, begin, setup);
        let plain = std::mem::replace(&mut world.methods, Methods::new(Arc::clone(&world.ctx)));
        world.methods = fork.wrap(&world.ctx, plain);
        world
    }

    fn start(
        mining: Mining,
        store: Store,
        genesis: Genesis,
        (beneath, edits): (Option<Arc<Beneath>>, StateChanges),
        setup: Setup,
    ) -> Self {
        let threads = NonZeroUsize::new(2).unwrap();
        let config = LedgerConfig { threads, ..LedgerConfig::default() };
        let pools = LedgerPools { engine: pool(1), background: pool(1) };
        let ledger = Ledger::start(
            Arc::new(store),
            Arc::new(genesis.spec.with_code_senders(true)),
            config,
            pools,
            beneath,
        )
        .unwrap();
        let ledger = Arc::new(ledger);
        if !edits.accounts.is_empty() {
            ledger.edit(edits).unwrap();
        }
        let head = head_after(ledger.spec(), &ledger.head());
        let pool_config = mundi_mempool::Config { require_base_fee: true, ..Default::default() };
        let mempool = Mempool::new(pool_config, Arc::clone(ledger.spec()), head);
        let mempool = Arc::new(mempool);
        let follower = Arc::new(Follower {
            pool: Arc::clone(&mempool),
            spec: Arc::clone(ledger.spec()),
            solo: OnceLock::new(),
        });
        ledger.observe(follower.clone());
        let clock = Arc::new(Still(AtomicU64::new(NOW)));
        let config = SoloConfig { mining, ..SoloConfig::default() };
        let solo = Arc::new(Solo::start(Arc::clone(&ledger), mempool.clone(), clock, config).unwrap());
        let _ = follower.solo.set(Arc::downgrade(&solo));
        let ctx = Arc::new(Context {
            ledger,
            pool: mempool,
            sequencer: solo.clone(),
            consensus: None,
            workers: Workers::new(pool(2), 1024),
            limits: Limits::default(),
            accounts: Accounts::new(signers()),
            client_version: "mundi/test".into(),
            developer: Some(solo),
        });
        let bench = Workbench::new(Arc::clone(&ctx), setup).unwrap();
        let mut methods = bench.methods();
        methods.merge(mundi_rpc_eth::methods(Arc::clone(&ctx)));
        methods.merge(mundi_rpc_call::methods(Arc::clone(&ctx)));
        Self { ctx, bench, methods }
    }

    /// What a method answers: the result, of the form that was declared, or the error's code and message.
    pub(crate) fn ask(&self, method: &str, params: Value) -> Result<Value, (i64, String)> {
        let request = json!({"jsonrpc": "2.0", "id": 1, "method": method, "params": params});
        let answer = run_request(&self.methods, &request.to_string());
        if let Some(error) = answer.get("error") {
            let message = error["message"].as_str().unwrap().to_owned();
            return Err((error["code"].as_i64().unwrap(), message));
        }
        let spec = self.methods.specs().iter().find(|spec| spec.name == method).unwrap();
        spec.result.check(&answer["result"]).unwrap_or_else(|error| panic!("{method}: {error}"));
        Ok(answer["result"].clone())
    }

    /// The same, where no error is expected.
    pub(crate) fn call(&self, method: &str, params: Value) -> Value {
        self.ask(method, params.clone()).unwrap_or_else(|error| panic!("{method} {params}: {error:?}"))
    }

    /// A number that a method answers.
    pub(crate) fn number(&self, method: &str, params: Value) -> U256 {
        serde_json::from_value(self.call(method, params)).unwrap()
    }

    pub(crate) fn height(&self) -> u64 {
        self.number("eth_blockNumber", json!([])).to()
    }

    pub(crate) fn balance(&self, address: Address) -> U256 {
        self.number("eth_getBalance", json!([address, "latest"]))
    }

    pub(crate) fn timestamp(&self) -> u64 {
        let block = self.call("eth_getBlockByNumber", json!(["latest", false]));
        serde_json::from_value::<U256>(block["timestamp"].clone()).unwrap().to()
    }

    /// Sends wei from the first account, and gives the hash.
    pub(crate) fn send(&self, to: Address, wei: u64) -> Value {
        self.call("eth_sendTransaction", json!([{"from": accounts()[0], "to": to, "value": U256::from(wei)}]))
    }

    pub(crate) fn mine(&self) {
        self.call("evm_mine", json!([]));
    }
}

/// Some address that nobody has.
pub(crate) fn nobody(n: u8) -> Address {
    Address::repeat_byte(n)
}
