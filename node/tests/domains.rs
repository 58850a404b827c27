//! Several chains in one process, and one chain after another.

use alloy_consensus::{SignableTransaction as _, TxEip1559, TxEnvelope};
use alloy_eips::eip2718::Encodable2718 as _;
use alloy_primitives::{Address, B256, TxKind, U256};
use alloy_signer::SignerSync as _;
use alloy_signer_local::PrivateKeySigner;
use mundi_chain::{DeveloperGenesis, Genesis};
use mundi_mempool::Origin;
use mundi_node::{ChainSource, DataDir, Node, NodeConfig, NodeError, ThreadConfig, Threads, genesis_to_json};
use mundi_rpc_server::ServerConfig;
use std::{num::NonZeroUsize, sync::Arc};

fn signer() -> PrivateKeySigner {
    PrivateKeySigner::from_slice(&[0x42; 32]).unwrap()
}

fn genesis(chain_id: u64) -> Genesis {
    let preset = DeveloperGenesis {
        chain_id,
        timestamp: chain_id,
        accounts: vec![signer().address()],
        ..DeveloperGenesis::default()
    };
    Genesis::developer(&preset).unwrap()
}

fn threads() -> Arc<Threads> {
    Arc::new(Threads::start(&ThreadConfig::for_cores(NonZeroUsize::new(2).unwrap())).unwrap())
}

fn config(chain: ChainSource) -> NodeConfig {
    let free = Some("127.0.0.1:0".parse().unwrap());
    NodeConfig {
        server: ServerConfig { http: free, ws: free, ..ServerConfig::default() },
        metrics: free,
        state: mundi_state::Config { cache_bytes: 8 << 20, ..mundi_state::Config::default() },
        ..NodeConfig::new(chain)
    }
}

fn transfer(chain_id: u64, nonce: u64) -> Vec<u8> {
    let transaction = TxEip1559 {
        chain_id,
        nonce,
        gas_limit: 21_000,
        max_fee_per_gas: 10_000_000_000,
        max_priority_fee_per_gas: 1,
        to: TxKind::Call(Address::repeat_byte(0x55)),
        value: U256::from(chain_id),
        ..TxEip1559::default()
    };
    let signature = signer().sign_hash_sync(&transaction.signature_hash()).unwrap();
    TxEnvelope::Eip1559(transaction.into_signed(signature)).encoded_2718()
}

/// Submits a transfer and waits for its block.
fn include(node: &Node, nonce: u64) -> B256 {
    let mut events = node.ledger().events();
    let chain_id = node.ledger().spec().chain_id();
    let hash = node.pool().submit_raw(&transfer(chain_id, nonce), Origin::Local).unwrap();
    node.sequencer().wake();
    while node.ledger().transaction(&hash).unwrap().is_none() {
        events.blocking_recv().unwrap();
    }
    hash
}

#[test]
fn two_chains_run_in_one_process_on_the_same_threads() {
    let threads = threads();
    let ids = [7, 8];
    let nodes = ids.map(|id| {
        Node::start(config(ChainSource::Memory(Box::new(genesis(id)))), Arc::clone(&threads)).unwrap()
    });
    let [first, second] = &nodes;
    assert_ne!(first.ledger().store().genesis(), second.ledger().store().genesis());
    assert_ne!(first.addresses().http, second.addresses().http);
    for nonce in 0..5 {
        let hash = include(first, nonce);
        assert!(second.ledger().transaction(&hash).unwrap().is_none());
    }
    include(second, 0);
    let paid = |node: &Node| {
        let head = node.ledger().head();
        let account = mundi_execution::StateSnapshot::account(&head.state, &Address::repeat_byte(0x55));
        account.unwrap().unwrap().balance
    };
    assert_eq!((paid(first), paid(second)), (U256::from(35), U256::from(8)));
    // What is signed for one is nothing to the other.
    let error = second.pool().submit_raw(&transfer(7, 1), Origin::Local).unwrap_err();
    assert!(error.to_string().contains("have 7 want 8"), "{error}");
    let [first, second] = nodes;
    first.stop().unwrap();
    include(&second, 1);
    second.stop().unwrap();
}

#[test]
fn a_node_that_has_stopped_leaves_its_folder_free() {
    let folder = tempfile::tempdir().unwrap();
    let threads = threads();
    let source = |genesis| ChainSource::Folder(DataDir::new(folder.path().join("chain")), genesis);
    let start = |genesis| Node::start(config(source(genesis)), Arc::clone(&threads));
    assert!(matches!(start(None), Err(NodeError::NoChain(_))));
    let node = start(Some(Box::new(genesis(9)))).unwrap();
    let hash = include(&node, 0);
    // A gap: it waits.
    let waiting = node.pool().submit_raw(&transfer(9, 2), Origin::Local).unwrap();
    let head = node.ledger().head().block.hash;
    assert!(matches!(start(None), Err(NodeError::Open { .. })), "in use");
    node.stop().unwrap();

    let node = start(None).unwrap();
    assert_eq!(node.ledger().head().block.hash, head);
    assert!(node.ledger().transaction(&hash).unwrap().is_some());
    assert!(node.pool().contains(&waiting));
    include(&node, 1);
    drop(node);
    assert!(matches!(start(Some(Box::new(genesis(10)))), Err(NodeError::OtherChain { .. })));
    let renamed = Genesis { spec: genesis(10).spec, ..genesis(9) };
    assert!(matches!(start(Some(Box::new(renamed))), Err(NodeError::OtherChainId { .. })));
    start(Some(Box::new(genesis(9)))).unwrap().stop().unwrap();
}

#[test]
fn a_port_that_is_taken_leaves_nothing_behind() {
    let folder = tempfile::tempdir().unwrap();
    let threads = threads();
    let taken = std::net::TcpListener::bind("127.0.0.1:0").unwrap();
    let source = || ChainSource::Folder(DataDir::new(folder.path()), Some(Box::new(genesis(11))));
    let mut wrong = config(source());
    wrong.server.http = Some(taken.local_addr().unwrap());
    let error = Node::start(wrong, Arc::clone(&threads)).unwrap_err();
    assert!(error.to_string().contains("is in use"), "{error}");
    Node::start(config(source()), threads).unwrap().stop().unwrap();
}

#[test]
fn a_genesis_survives_being_written_to_a_file() {
    for name in
        ["byzantium", "istanbul", "london", "paris", "shanghai", "cancun", "prague", "osaka", "latest"]
    {
        let fork = DeveloperGenesis::fork_named(name).unwrap();
        for equal_timestamps in [false, true] {
            let preset = DeveloperGenesis {
                accounts: vec![signer().address()],
                timestamp: 1_700_000_000,
                fork,
                equal_timestamps,
                ..DeveloperGenesis::default()
            };
            let genesis = Genesis::developer(&preset).unwrap();
            let read = Genesis::from_json(&genesis_to_json(&genesis))
                .unwrap_or_else(|error| panic!("{name}: {error}"));
            assert_eq!(read.hash, genesis.hash, "{name}");
            assert_eq!(read.alloc, genesis.alloc, "{name}");
            assert!(read.ignored.is_empty());
            assert_eq!(read.spec.least_interval(), genesis.spec.least_interval());
            for (number, timestamp) in [(0, preset.timestamp), (1, preset.timestamp + 1)] {
                let point = mundi_chain::ForkPoint::new(number, timestamp);
                let point = point.with_parent_total_difficulty(U256::ZERO);
                assert_eq!(read.spec.fork_at(point), genesis.spec.fork_at(point), "{name}");
                assert_eq!(read.spec.rules_at(point), genesis.spec.rules_at(point), "{name}");
            }
        }
    }
}
