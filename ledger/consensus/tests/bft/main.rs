//! Validators on the deterministic runtime: the same seed gives the same run.

mod finality;
mod follow;
mod network;
mod state_sync;

use commonware_runtime::{Clock, Runner, deterministic};
use network::{Network, Validator};
use std::time::Duration;

/// Runs a network until all have executed a height, and says what the run came to.
fn run(seed: u64, validators: usize, height: u64) -> (Vec<alloy_primitives::B256>, String) {
    let config = deterministic::Config::new().with_seed(seed).with_timeout(Some(Duration::from_secs(300)));
    deterministic::Runner::new(config).start(|context| async move {
        let network = Network::start(&context, validators).await;
        for nonce in 0..50 {
            network.validators[0].send(nonce);
        }
        network.reach(&context, height).await;
        let hashes = network.validators.iter().map(|validator| validator.hash(height)).collect();
        for Validator { ledger, .. } in &network.validators {
            let included: usize =
                (1..=height).map(|at| ledger.block(at).unwrap().unwrap().body.transactions.len()).sum();
            assert_eq!(included, 50);
        }
        context.sleep(Duration::from_millis(1)).await;
        (hashes, context.auditor().state())
    })
}

#[test]
fn four_validators_agree_on_blocks() {
    let (hashes, state) = run(1, 4, 12);
    assert!(hashes.windows(2).all(|pair| pair[0] == pair[1]), "{hashes:?}");
    assert_eq!(run(1, 4, 12), (hashes, state));
}

#[test]
fn one_to_three_validators_send_payloads_whole() {
    for validators in 1..4 {
        let (hashes, _) = run(2, validators, 8);
        assert!(hashes.windows(2).all(|pair| pair[0] == pair[1]), "{hashes:?}");
    }
}
