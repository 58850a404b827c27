//! Every workload is what its description says.

use mundi_execution::{BlockOutput, Mode, NoSink, Options, TxReceipt, execute};
use mundi_workload::{CATALOGUE, Recipe, Workload};
use std::num::NonZeroUsize;

const GAS: u64 = 3_000_000;
const SEED: u64 = 7;

fn run(workload: &Workload, options: &Options) -> BlockOutput {
    let pool = rayon::ThreadPoolBuilder::new().num_threads(options.threads.get()).build().unwrap();
    let mut output = execute(&workload.block, &workload.state, &pool, options, &mut NoSink)
        .unwrap_or_else(|error| panic!("{}: {error}", workload.name));
    output.changes.sort();
    output
}

fn sequential(workload: &Workload) -> BlockOutput {
    run(workload, &Options::sequential())
}

#[test]
fn calls_revert_if_and_only_if_they_ask_for_all_there_could_be() {
    for recipe in CATALOGUE {
        let workload = recipe.build(10 * GAS, SEED);
        let mut reverts = 0;
        for (tx, receipt) in workload.block.transactions.iter().zip(sequential(&workload).receipts()) {
            let impossible = tx.env.data.windows(32).any(|word| word == [0xff; 32]);
            assert_eq!(receipt.success, !impossible, "{}", recipe.name);
            reverts += usize::from(impossible);
        }
        assert_eq!(reverts > 0, recipe.name == "mix/zipf", "{}: {reverts} revert", recipe.name);
    }
}

#[test]
fn gas_is_close_to_what_was_asked_for() {
    for recipe in CATALOGUE {
        let workload = recipe.build(10 * GAS, SEED);
        let used = sequential(&workload).gas_used;
        let ratio = used as f64 / (10 * GAS) as f64;
        assert!((0.95..1.05).contains(&ratio), "{}: {used} gas", recipe.name);
        if recipe.name.starts_with("transfers/") {
            assert_eq!(used, 21_000 * workload.block.transactions.len() as u64);
        }
    }
}

#[test]
fn swaps_cost_what_they_cost_on_mainnet() {
    for (part, range) in
        [("swaps-v2/independent", 80_000..130_000), ("swaps-v3/independent", 100_000..170_000)]
    {
        let recipe = recipe(part);
        for receipt in sequential(&recipe.build(GAS, SEED)).receipts() {
            assert!(range.contains(&receipt.gas_used), "{part}: {}", receipt.gas_used);
        }
    }
}

#[test]
fn a_seed_gives_one_block_and_another_seed_another() {
    for recipe in CATALOGUE {
        let blocks = [SEED, SEED, SEED + 1].map(|seed| {
            let workload = recipe.build(GAS, seed);
            let receipts: Vec<TxReceipt> = sequential(&workload).receipts().cloned().collect();
            (workload.block.transactions.iter().map(|tx| tx.env.clone()).collect::<Vec<_>>(), receipts)
        });
        assert!(blocks[0] == blocks[1], "{}: the same seed gave two blocks", recipe.name);
        // Chains of transfers leave nothing to chance.
        if !matches!(recipe.name, "transfers/serial" | "erc20/serial") {
            assert!(blocks[0] != blocks[2], "{}: two seeds gave one block", recipe.name);
        }
    }
}

fn recipe(name: &str) -> &'static Recipe {
    CATALOGUE.iter().find(|recipe| recipe.name == name).unwrap()
}

#[test]
fn every_mode_gives_what_sequential_execution_gives() {
    for recipe in CATALOGUE {
        let workload = recipe.build(GAS, SEED);
        let expected = sequential(&workload);
        for mode in [Mode::Auto, Mode::Optimistic, Mode::Declared] {
            for threads in [1, 2, 4] {
                let options = Options::new(NonZeroUsize::new(threads).unwrap()).with_mode(mode);
                let output = run(&workload, &options);
                let at = format!("{} in mode {mode} on {threads} threads", recipe.name);
                assert_eq!(output.gas_used, expected.gas_used, "{at}");
                assert!(output.outcomes == expected.outcomes, "{at}: outcomes differ");
                assert!(output.changes == expected.changes, "{at}: state changes differ");
            }
        }
    }
}
