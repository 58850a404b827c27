//! Requests made of the methods' own declarations, against a whole node.

use mundi_chain::{DeveloperGenesis, Genesis};
use mundi_node::{ChainSource, Developer, Node, NodeConfig, ThreadConfig, Threads};
use mundi_rpc_server::{ServerConfig, fuzz};
use mundi_state::History;
use std::{num::NonZeroUsize, sync::Arc};

/// How often each method is asked; `MUNDI_FUZZ_ROUNDS` asks more.
const ROUNDS: usize = 4;

fn rounds() -> usize {
    std::env::var("MUNDI_FUZZ_ROUNDS").ok().and_then(|text| text.parse().ok()).unwrap_or(ROUNDS)
}

fn fuzz(developer: Option<Developer>) {
    let signers = mundi_rpc_dev::developer_accounts(mundi_rpc_dev::DEFAULT_MNEMONIC, 3, "m/44'/60'/0'/0/");
    let signers = signers.unwrap();
    let preset = DeveloperGenesis {
        accounts: signers.iter().map(alloy_signer_local::PrivateKeySigner::address).collect(),
        ..DeveloperGenesis::default()
    };
    let genesis = Box::new(Genesis::developer(&preset).unwrap());
    let threads = Threads::start(&ThreadConfig::for_cores(NonZeroUsize::new(2).unwrap())).unwrap();
    let mut config = NodeConfig::new(ChainSource::Memory(genesis));
    config.server = ServerConfig { http: None, ws: None, ..ServerConfig::default() };
    config.limits.call_time = std::time::Duration::from_secs(1);
    if developer.is_some() {
        (config.state.history, config.state.proofs) = (History::Full, History::Full);
    }
    config.developer = developer.map(|developer| Developer { signers, ..developer });
    let node = Node::start(config, Arc::new(threads)).unwrap();
    let (module, mut specs) = node.methods().into_parts();
    // It takes anything and uses nothing.
    specs.retain(|spec| spec.name != "hardhat_addCompilationResult");
    let runtime = tokio::runtime::Builder::new_multi_thread().worker_threads(1).enable_all().build().unwrap();
    for seed in 0..2 {
        let report = runtime.block_on(fuzz::run(module.clone(), &specs, seed, rounds()));
        let text: Vec<String> = report.findings.iter().map(ToString::to_string).collect();
        assert!(text.is_empty(), "{} findings:\n{}", text.len(), text.join("\n"));
    }
    assert_eq!(node.halted(), None);
    node.stop().unwrap();
}

#[test]
fn a_node_answers_whatever_it_is_asked() {
    fuzz(None);
}

#[test]
fn a_developers_node_answers_whatever_it_is_asked() {
    fuzz(Some(Developer::default()));
}
