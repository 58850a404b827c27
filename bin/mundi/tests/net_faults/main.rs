//! Whole processes and real faults: a network of `mundi net`, a load of transfers, and one fault after another meanwhile.
//!
//! ## What has to hold
//! * As long as fewer than a third of the validators are down, asleep, cut off, without a disk or without a memory, receipts keep
//!   coming; without a quorum none do.
//! * Every fault is seen to have happened: by the proxy's counts, by the state of a process, by what its log says.
//! * Afterwards all nodes have the same blocks and the same balances, no wei has come or gone but what blocks burnt, and every receipt
//!   that any node ever gave out is the same on every node.
//!
//! What is waited for is an event: so many receipts, so many views. Times bound hangs only.

mod audit;
mod disk;
mod faults;
mod load;
mod network;
mod rpc;

use faults::Trial;
use load::Load;
use network::Network;
use std::time::Duration;

/// Longer than anything takes on a machine that does ten other things: a test that hangs should end.
const PATIENCE: Duration = Duration::from_secs(300);
/// Between two looks at what other processes do.
const LOOK: Duration = Duration::from_millis(100);

/// How much is done to a network.
struct Plan {
    validators: usize,
    /// How often each fault comes.
    rounds: usize,
    /// Receipts that have to come while a fault lasts.
    receipts: usize,
}

fn outlive(plan: &Plan) {
    let network = Network::start(plan.validators);
    let load = Load::start(&network.nodes());
    let trial = Trial { network: &network, load: &load, receipts: plan.receipts };
    trial.goes_on();
    trial.bad_links();
    for round in 0..plan.rounds {
        // Each fault hits others than the one before, and in each round others than in the last.
        let turn = 6 * round;
        trial.power_failures(turn);
        trial.sleeps(turn + 1);
        trial.isolation(turn + 2, false);
        trial.isolation(turn + 3, true);
        trial.halves();
        trial.full_disk();
        trial.lost_folder(turn + 5);
    }
    trial.good_links();
    audit::check(&network, &load.end());
    network.down();
}

#[test]
fn four_validators_outlive_every_fault() {
    outlive(&Plan { validators: 4, rounds: 1, receipts: 10 });
}

#[test]
#[ignore = "takes ten minutes"]
fn four_and_then_seven_validators_outlive_every_fault_again_and_again() {
    for validators in [4, 7] {
        outlive(&Plan { validators, rounds: 3, receipts: 50 });
    }
}
