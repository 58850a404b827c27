//! A network of validators in one process, with everything real but the wires and the disk of consensus.

use alloy_consensus::{SignableTransaction, TxEip1559, TxEnvelope};
use alloy_eips::eip2718::Encodable2718;
use alloy_primitives::{Address, B256, TxKind, U256};
use alloy_signer::SignerSync;
use alloy_signer_local::PrivateKeySigner;
use commonware_p2p::{
    Manager as _,
    simulated::{self, Link, Oracle},
};
use commonware_parallel::Sequential;
use commonware_runtime::{Clock, Quota, Supervisor as _, deterministic::Context};
use commonware_utils::{NZU32, NZUsize, probability};
use mundi_chain::{DeveloperGenesis, Genesis, Ledger, LedgerConfig, LedgerPools, SharedSource};
use mundi_consensus::{
    Archive, Coded, Dealt, GroupKey, LEAST_CODED, Pace, PublicKey, Rules, Whole,
    bft::{self, Channels, EngineConfig, Progress, Running, Spread, Tuning, Waiting},
    deal,
};
use mundi_mempool::{Mempool, Origin, head_after};
use mundi_state::{Config, Store};
use std::{num::NonZeroUsize, sync::Arc, time::Duration};

/// A validator under test.
pub(crate) struct Validator {
    pub(crate) ledger: Arc<Ledger>,
    pub(crate) pool: Arc<Mempool>,
    pub(crate) progress: Progress,
    pub(crate) archive: Arc<dyn Archive>,
    rich: PrivateKeySigner,
    _running: Running,
}

impl Validator {
    /// Sends a transfer of the rich account to this validator.
    pub(crate) fn send(&self, nonce: u64) {
        let tx = TxEip1559 {
            chain_id: 31337,
            nonce,
            gas_limit: 21_000,
            max_fee_per_gas: 10_000_000_000,
            max_priority_fee_per_gas: 1,
            to: TxKind::Call(Address::repeat_byte(0xbb)),
            value: U256::from(1),
            ..TxEip1559::default()
        };
        let signature = self.rich.sign_hash_sync(&tx.signature_hash()).unwrap();
        let raw = TxEnvelope::from(tx.into_signed(signature)).encoded_2718();
        self.pool.submit_raw(&raw, Origin::Local).unwrap();
        self.progress.wake();
    }

    pub(crate) fn hash(&self, height: u64) -> B256 {
        self.ledger.block(height).unwrap().unwrap().hash
    }
}

/// A network under test.
pub(crate) struct Network {
    pub(crate) validators: Vec<Validator>,
    pub(crate) group_key: GroupKey,
    pub(crate) chain: Chain,
}

/// The chain under test, before its first block.
pub(crate) struct Chain {
    genesis: Genesis,
    pub(crate) pools: LedgerPools,
}

impl Chain {
    fn new(rich: Address) -> Self {
        let genesis = DeveloperGenesis { accounts: vec![rich], ..DeveloperGenesis::default() };
        let genesis = Genesis::developer(&genesis).unwrap();
        let pool = || Arc::new(rayon::ThreadPoolBuilder::new().num_threads(1).build().unwrap());
        Self { genesis, pools: LedgerPools { engine: pool(), background: pool() } }
    }

    /// A ledger at the genesis, and a pool that follows it.
    pub(crate) fn begin(&self) -> (Arc<Ledger>, Arc<Mempool>) {
        let Self { genesis, pools } = self;
        let store = Config { cache_bytes: 8 << 20, ..Config::default() };
        self.over(Store::in_memory(&store, &genesis.record(), &genesis.alloc, &pools.background).unwrap())
    }

    /// A ledger over a store, and a pool that follows it.
    pub(crate) fn over(&self, store: Store) -> (Arc<Ledger>, Arc<Mempool>) {
        let Self { genesis, pools } = self;
        let settings = LedgerConfig { threads: NonZeroUsize::MIN, ..LedgerConfig::default() };
        let spec = Arc::new(genesis.spec.clone());
        let ledger = Ledger::start(Arc::new(store), Arc::clone(&spec), settings, pools.clone(), None);
        let ledger = Arc::new(ledger.unwrap());
        let head = head_after(&spec, &ledger.head());
        let pool = Arc::new(Mempool::new(mundi_mempool::Config::default(), spec, head));
        ledger.observe(Arc::clone(&pool) as _);
        (ledger, pool)
    }
}

impl Network {
    pub(crate) async fn start(context: &Context, validators: usize) -> Self {
        if validators < LEAST_CODED {
            Self::begin::<Whole>(context, validators).await
        } else {
            Self::begin::<Coded>(context, validators).await
        }
    }

    async fn begin<K: Spread>(context: &Context, validators: usize) -> Self {
        let rich = PrivateKeySigner::from_bytes(&B256::repeat_byte(1)).unwrap();
        let chain = Chain::new(rich.address());
        let genesis = &chain.genesis;
        let members: Vec<_> = (0..validators).map(|index| (format!("node{index}"), String::new())).collect();
        let Dealt { network, validators: secrets } =
            deal(context.child("dealer"), genesis.record().hash, &members).unwrap();
        let committee = network.committee().unwrap();
        let rules = Rules::new(genesis.header.gas_limit);
        let size = bft::max_message_size::<K>(validators as u32, &rules.bounds);
        let wires = simulated::Config {
            max_size: size,
            max_peers_per_set: NZUsize!(validators),
            disconnect_on_block: true,
            tracked_peer_sets: NZUsize!(1),
        };
        let (wires, oracle) = simulated::Network::new(context.child("network"), wires);
        wires.start();
        let mut manager = oracle.manager();
        manager.track(0, committee.participants.clone());
        let keys: Vec<PublicKey> = committee.participants.iter().cloned().collect();
        connect(&oracle, &keys).await;
        let mut started = Vec::new();
        for (index, secret) in secrets.iter().enumerate() {
            let (ledger, mempool) = chain.begin();
            let public_key =
                PublicKey::from(commonware_cryptography::Signer::public_key(&secret.key().unwrap()));
            let control = oracle.control(public_key.clone());
            let channel = async |id| control.register(id, Quota::per_second(NZU32!(1 << 12))).await.unwrap();
            let channels = Channels {
                votes: channel(0).await,
                certificates: channel(1).await,
                resolver: channel(2).await,
                backfill: channel(3).await,
                payloads: channel(4).await,
                standing: channel(5).await,
            };
            let config = EngineConfig {
                public_key,
                scheme: committee.signer(secret.share().unwrap()).unwrap(),
                rules,
                pace: Pace::default(),
                beneficiary: Address::with_last_byte(index as u8),
                tuning: Tuning { waiting: Waiting::InPlace, ..Tuning::default() },
                ledger: Arc::clone(&ledger),
                source: Arc::clone(&mempool) as Arc<dyn SharedSource>,
                pool: Arc::clone(&chain.pools.background),
                strategy: Sequential,
                blocker: control.clone(),
                peers: oracle.manager(),
                partition: format!("node{index}-"),
            };
            let runtime = context.child("validator").with_attribute("index", index);
            let running = bft::start::<K, _, _, _, _, _, _>(runtime, config, channels).await.unwrap();
            let (progress, archive) = (running.progress.clone(), Arc::clone(&running.archive));
            started.push(Validator {
                ledger,
                pool: mempool,
                progress,
                archive,
                rich: rich.clone(),
                _running: running,
            });
        }
        Self { validators: started, group_key: committee.group_key, chain }
    }

    /// Waits until all have executed a height.
    pub(crate) async fn reach(&self, context: &Context, height: u64) {
        for validator in &self.validators {
            while validator.progress.executed().anchor.height < height {
                assert!(validator.progress.fault().is_none(), "{:?}", validator.progress.fault());
                context.sleep(Duration::from_millis(10)).await;
            }
        }
    }
}

async fn connect(oracle: &Oracle<PublicKey, Context>, keys: &[PublicKey]) {
    for from in keys {
        for to in keys {
            if from != to {
                let link = Link {
                    latency: Duration::from_millis(10),
                    jitter: Duration::from_millis(2),
                    success_rate: probability!(1.0),
                };
                oracle.add_link(from.clone(), to.clone(), link).await.unwrap();
            }
        }
    }
}
