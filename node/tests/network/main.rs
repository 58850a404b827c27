//! Nodes that order together, in one process, over real sockets and folders.

mod nodes;

use alloy_primitives::U256;
use mundi_consensus::finality::{FinalizedAccount, FinalizedHeader, FinalizedPayload, FinalizedReceipt};
use mundi_node::{Node, NodeError, Ordering};
use nodes::{Network, paid};
use serde_json::{Value, json};

/// What a method returns, in the type that `mundi verify` reads.
fn read<T: serde::de::DeserializeOwned>(value: Value) -> T {
    serde_json::from_value(value).unwrap()
}

#[test]
fn a_validator_alone_makes_final_blocks_and_goes_on_where_it_was() {
    let network = Network::new(1);
    let node = network.start(0);
    let hashes: Vec<_> = (0..3).map(|nonce| network.send(&node, nonce)).collect();
    let heights: Vec<_> = hashes.iter().map(|hash| network.included(&node, hash)).collect();
    let last = *heights.iter().max().unwrap();
    network.finalized(&node, last);
    assert_eq!(paid(&node), U256::from(3));
    assert!(network.is_ready(&node));
    let status = network.ask(&node, "mundi_status", json!([]));
    assert!(status["finality"]["meanSeconds"].as_f64().is_some_and(|mean| mean > 0.0), "{status}");
    let block = node.ledger().block(last).unwrap().unwrap();
    assert!(block.header.parent_beacon_block_root.is_some_and(|digest| !digest.is_zero()));
    node.stop().unwrap();

    let node = network.start(0);
    assert_eq!(node.ledger().block(last).unwrap().unwrap().hash, block.hash);
    let hash = network.send(&node, 3);
    let height = network.included(&node, &hash);
    assert!(height > last);
    network.finalized(&node, height);
    node.stop().unwrap();
}

#[test]
fn four_validators_and_a_follower_agree_and_prove_it() {
    let network = Network::new(4);
    let mut nodes: Vec<Node> = (0..4).map(|index| network.start(index)).collect();
    // Each user talks to another node.
    let hashes: Vec<_> = (0..4).map(|nonce| network.send(&nodes[nonce as usize], nonce)).collect();
    let mut last = 0;
    for (node, hash) in nodes.iter().flat_map(|node| hashes.iter().map(move |hash| (node, hash))) {
        last = network.included(node, hash).max(last);
    }
    network.agree(&nodes, last);
    assert!(nodes.iter().all(|node| paid(node) == U256::from(4)));

    // What one of them says is checked by anybody who knows the key.
    let key = network.group_key();
    for node in &nodes {
        network.finalized(node, last);
    }
    let ask = |method: &str, params: Value| network.ask(&nodes[1], method, params);
    let number = format!("{last:#x}");
    let header: FinalizedHeader = read(ask("mundi_getFinalizedHeader", json!([number])));
    assert_eq!(header.verify(&key).unwrap().seal(), nodes[2].ledger().block(last).unwrap().unwrap().hash);
    let receipt: FinalizedReceipt = read(ask("mundi_getFinalizedReceipt", json!([hashes[2]])));
    assert_eq!(receipt.verify(&key).unwrap().transaction, hashes[2]);
    let account: FinalizedAccount =
        read(ask("mundi_getFinalizedAccount", json!([nodes::PAYEE, ["0x0"], number])));
    assert_eq!(account.verify(&key).unwrap().account.unwrap().balance, U256::from(4));
    let payload: FinalizedPayload = read(ask("mundi_getCertificate", json!([number])));
    assert_eq!(payload.verify(&key).unwrap().height, last);
    network.wait(&nodes[1], "peers", || (ask("net_peerCount", json!([])) == "0x3").then_some(()));
    assert_eq!(ask("eth_syncing", json!([])), false);
    let status = ask("mundi_status", json!([]));
    assert_eq!((&status["role"], &status["coded"]), (&json!("validator"), &json!(true)));

    // Three go on without the fourth, which comes back.
    nodes.pop().unwrap().stop().unwrap();
    let hash = network.send(&nodes[0], 4);
    last = network.included(&nodes[0], &hash);
    nodes.push(network.start(3));
    assert_eq!(network.included(&nodes[3], &hash), last);
    network.agree(&nodes, last);

    // A follower knows a node and the key, and nothing else.
    let follower = network.follow(&nodes[0], "follower", &[]);
    assert_eq!(network.included(&follower, &hash), last);
    let hash = network.send(&follower, 5);
    last = network.included(&follower, &hash);
    network.included(&nodes[3], &hash);
    network.finalized(&follower, last);
    let header: FinalizedHeader =
        read(network.ask(&follower, "mundi_getFinalizedHeader", json!([format!("{last:#x}")])));
    assert_eq!(header.verify(&key).unwrap().seal(), nodes[3].ledger().block(last).unwrap().unwrap().hash);
    assert_eq!(network.ask(&follower, "mundi_status", json!([]))["role"], "follower");
    nodes.push(follower);
    network.agree(&nodes, last);

    // Another one follows that one, and begins with a state of it.
    let follower = &nodes[4];
    let offered = network.wait(follower, "a state", || {
        let offer = network.ask(follower, "mundi_getSnapshot", json!([]));
        let header: FinalizedHeader = (!offer.is_null()).then(|| read(offer["finalizedHeader"].clone()))?;
        Some(header.verify(&key).unwrap().number)
    });
    let late = network.follow(follower, "late", &[("consensus.state_sync", "1")]);
    assert!(late.ledger().head().block.header.number >= offered);
    assert_eq!(late.ledger().store().oldest().0, offered, "older states are not there");
    let hash = network.send(&late, 6);
    last = network.included(&late, &hash);
    network.included(&nodes[0], &hash);
    assert_eq!(
        late.ledger().block(last).unwrap().unwrap().hash,
        nodes[0].ledger().block(last).unwrap().unwrap().hash
    );
    assert_eq!(paid(&late), U256::from(7));
    late.stop().unwrap();
    for node in nodes {
        assert_eq!(node.halted(), None);
        node.stop().unwrap();
    }
}

#[test]
fn what_cannot_be_a_validator_says_why() {
    let network = Network::new(1);
    let refused = |change: &dyn Fn(&mut mundi_node::NodeConfig)| {
        let mut config = network.config(0);
        change(&mut config);
        Node::start(config, network.threads()).unwrap_err()
    };
    let error = refused(&|config| config.developer = Some(mundi_node::Developer::default()));
    assert!(error.to_string().contains("developers' chain"), "{error}");
    let error = refused(&|config| {
        let Ordering::Validator(ordering) = &mut config.ordering else { panic!() };
        ordering.network.genesis_hash.0[0] ^= 1;
    });
    assert!(matches!(error, NodeError::Validator(_)), "{error}");
    let taken = std::net::TcpListener::bind("127.0.0.1:0").unwrap();
    let error = refused(&|config| {
        let Ordering::Validator(ordering) = &mut config.ordering else { panic!() };
        ordering.listen = Some(taken.local_addr().unwrap());
    });
    assert!(error.to_string().contains("cannot listen for other validators"), "{error}");
    network.start(0).stop().unwrap();
}
