//! Validators over real sockets and files, in one process.

use alloy_consensus::{SignableTransaction, TxEip1559, TxEnvelope};
use alloy_eips::eip2718::Encodable2718;
use alloy_primitives::{Address, B256, TxKind, U256};
use alloy_signer::SignerSync;
use alloy_signer_local::PrivateKeySigner;
use mundi_chain::{DeveloperGenesis, Genesis, Ledger, LedgerConfig, LedgerPools, Sequencer};
use mundi_consensus::{
    NetworkFile, Validator, ValidatorConfig, ValidatorError, ValidatorFile, bft::Tuning, deal,
};
use mundi_mempool::{Mempool, Origin, head_after};
use mundi_state::{Config, Store};
use std::{
    net::TcpListener,
    num::NonZeroUsize,
    path::Path,
    sync::Arc,
    time::{Duration, SystemTime},
};

struct Node {
    ledger: Arc<Ledger>,
    pool: Arc<Mempool>,
    validator: Option<Validator>,
    config: ValidatorConfig,
}

fn rich() -> PrivateKeySigner {
    PrivateKeySigner::from_bytes(&B256::repeat_byte(1)).unwrap()
}

fn threads(count: usize) -> Arc<rayon::ThreadPool> {
    Arc::new(rayon::ThreadPoolBuilder::new().num_threads(count).build().unwrap())
}

fn genesis() -> Genesis {
    let now = SystemTime::now().duration_since(SystemTime::UNIX_EPOCH).unwrap().as_secs();
    let accounts = vec![rich().address()];
    Genesis::developer(&DeveloperGenesis { accounts, timestamp: now, ..DeveloperGenesis::default() }).unwrap()
}

impl Node {
    fn new(genesis: &Genesis, network: &NetworkFile, secrets: &ValidatorFile, directory: &Path) -> Self {
        let store = Config { cache_bytes: 8 << 20, ..Config::default() };
        let pools = LedgerPools { engine: threads(1), background: threads(1) };
        let store = Store::in_memory(&store, &genesis.record(), &genesis.alloc, &pools.background).unwrap();
        let settings = LedgerConfig { threads: NonZeroUsize::MIN, ..LedgerConfig::default() };
        let spec = Arc::new(genesis.spec.clone());
        let ledger = Ledger::start(Arc::new(store), Arc::clone(&spec), settings, pools, None).unwrap();
        let ledger = Arc::new(ledger);
        let head = head_after(&spec, &ledger.head());
        let pool = Arc::new(Mempool::new(mundi_mempool::Config::default(), spec, head));
        ledger.observe(Arc::clone(&pool) as _);
        let config = ValidatorConfig {
            network: network.clone(),
            secrets: secrets.clone(),
            listen: None,
            beneficiary: Address::ZERO,
            directory: directory.into(),
            threads: NonZeroUsize::MIN,
            tuning: Tuning::default(),
        };
        Self { ledger, pool, validator: None, config }
    }

    fn start(&mut self) -> Result<(), ValidatorError> {
        let workers = threads(1);
        self.validator = Some(Validator::start(self.config.clone(), &self.ledger, &self.pool, &workers)?);
        Ok(())
    }

    fn send(&self, nonce: u64) -> B256 {
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
        let signature = rich().sign_hash_sync(&tx.signature_hash()).unwrap();
        let tx = TxEnvelope::from(tx.into_signed(signature));
        self.pool.submit_raw(&tx.encoded_2718(), Origin::Local).unwrap();
        *tx.tx_hash()
    }

    /// Waits for a transaction, and says at which height it is.
    fn wait_for(&self, hash: B256) -> u64 {
        let mut events = self.ledger.events();
        loop {
            if let Some((block, _)) = self.ledger.transaction(&hash).unwrap() {
                return block.header.number;
            }
            let _ = events.blocking_recv();
        }
    }
}

fn network(validators: usize, directory: &Path) -> (Genesis, NetworkFile, Vec<Node>) {
    let genesis = genesis();
    let listeners: Vec<_> = (0..validators).map(|_| TcpListener::bind("127.0.0.1:0").unwrap()).collect();
    let members: Vec<(String, String)> = (listeners.iter().enumerate())
        .map(|(index, listener)| (format!("node{index}"), listener.local_addr().unwrap().to_string()))
        .collect();
    let dealt = deal(commonware_utils::test_rng(), genesis.record().hash, &members).unwrap();
    let nodes = dealt.validators.iter().enumerate();
    let nodes = nodes.map(|(index, secrets)| {
        Node::new(&genesis, &dealt.network, secrets, &directory.join(index.to_string()))
    });
    let nodes = nodes.collect();
    drop(listeners);
    (genesis, dealt.network, nodes)
}

#[test]
fn what_one_is_sent_all_execute() {
    let directory = tempfile::tempdir().unwrap();
    let (_, _, mut nodes) = network(4, directory.path());
    for node in &mut nodes {
        node.start().unwrap();
    }
    let sent: Vec<B256> = (0..20).map(|nonce| nodes[nonce as usize % 2].send(nonce)).collect();
    let heights: Vec<u64> = nodes.iter().map(|node| node.wait_for(*sent.last().unwrap())).collect();
    assert!(heights.windows(2).all(|pair| pair[0] == pair[1]), "{heights:?}");
    let hashes: Vec<B256> =
        nodes.iter().map(|node| node.ledger.block(heights[0]).unwrap().unwrap().hash).collect();
    assert!(hashes.windows(2).all(|pair| pair[0] == pair[1]), "{hashes:?}");

    // One that was away for a while has all that happened meanwhile, and goes on voting.
    nodes[3].validator = None;
    let hash = nodes[0].send(20);
    let height = nodes[0].wait_for(hash);
    nodes[3].start().unwrap();
    assert_eq!(nodes[3].wait_for(hash), height);
    let validator = nodes[0].validator.as_ref().unwrap();
    while validator.finality().finalized < height {
        std::thread::sleep(Duration::from_millis(10));
    }
    while validator.peers() < 3 {
        std::thread::sleep(Duration::from_millis(10));
    }
    for node in &nodes {
        node.validator.as_ref().unwrap().stop();
    }
}

#[test]
fn who_does_not_belong_is_told_why() {
    let directory = tempfile::tempdir().unwrap();
    let (_, _, mut nodes) = network(4, directory.path());
    let (share, own) = (nodes[1].config.secrets.share.clone(), nodes[0].config.secrets.share.clone());
    nodes[0].config.secrets.share = share;
    let error = nodes[0].start().unwrap_err();
    assert!(error.to_string().contains("not that of the validator node0"), "{error}");
    nodes[0].config.secrets.share = own;
    nodes[0].config.network.genesis_hash = B256::ZERO;
    let error = nodes[0].start().unwrap_err();
    assert!(matches!(error, ValidatorError::Genesis { .. }), "{error}");
}

#[test]
fn what_a_validator_lost_comes_back_and_it_votes_again() {
    let directory = tempfile::tempdir().unwrap();
    let (genesis, network, mut nodes) = network(4, directory.path());
    for node in &mut nodes {
        node.start().unwrap();
    }
    let hash = nodes[0].send(0);
    nodes.iter().for_each(|node| _ = node.wait_for(hash));

    // One has lost its blocks, and has what they were made from.
    nodes[2].validator = None;
    let secrets = nodes[2].config.secrets.clone();
    nodes[2] = Node::new(&genesis, &network, &secrets, &directory.path().join("2"));
    nodes[2].start().unwrap();
    nodes[2].wait_for(hash);

    // Another one has lost everything, even what it signed.
    nodes[3].validator = None;
    std::fs::remove_dir_all(directory.path().join("3")).unwrap();
    let secrets = nodes[3].config.secrets.clone();
    nodes[3] = Node::new(&genesis, &network, &secrets, &directory.path().join("3"));
    nodes[3].start().unwrap();
    nodes[3].wait_for(hash);

    // Without the first one nothing is final that they do not both vote for.
    nodes[0].validator = None;
    let hash = nodes[1].send(1);
    let heights: Vec<u64> = nodes[1..].iter().map(|node| node.wait_for(hash)).collect();
    assert!(heights.windows(2).all(|pair| pair[0] == pair[1]), "{heights:?}");
}
