//! Workloads have the dependencies that the catalogue says.

use mundi_execution::{NoSink, Options, StateSnapshot as _, Trace, execute};
use mundi_workload::{CATALOGUE, Dependence, Recipe, Workload};
use std::{
    collections::{HashMap, HashSet},
    num::NonZeroUsize,
};

fn build(recipe: &Recipe) -> Workload {
    recipe.build(3_000_000, 7)
}

fn trace(workload: &Workload) -> Trace {
    let pool = rayon::ThreadPoolBuilder::new().num_threads(1).build().unwrap();
    let options = Options { trace: true, ..Options::new(NonZeroUsize::MIN) };
    let output = execute(&workload.block, &workload.state, &pool, &options, &mut NoSink).unwrap();
    output.report.trace.expect("a trace was asked for")
}

/// Transactions on the longest chain of dependencies, whatever time they took.
fn longest_chain(trace: &Trace) -> usize {
    let mut dependencies = trace.dependencies.clone();
    dependencies.sort_unstable();
    let mut chain = vec![1; trace.costs.len()];
    for dependency in dependencies {
        let (tx, on) = (dependency.tx.0 as usize, dependency.on.0 as usize);
        chain[tx] = chain[tx].max(chain[on] + 1);
    }
    chain.into_iter().max().unwrap_or_default()
}

#[test]
fn calls_of_contracts_depend_on_each_other_as_the_catalogue_says() {
    // The engine commits plain transfers without a virtual machine, and traces no reads of theirs.
    for recipe in CATALOGUE.iter().filter(|recipe| !recipe.name.starts_with("transfers/")) {
        let workload = build(recipe);
        let trace = trace(&workload);
        let count = workload.block.transactions.len();
        assert_eq!(trace.costs.len(), count, "{}", recipe.name);
        let longest = longest_chain(&trace);
        match recipe.dependence {
            Dependence::Independent => assert_eq!(trace.dependencies, [], "{}", recipe.name),
            Dependence::Serial => assert_eq!(longest, count, "{}", recipe.name),
            Dependence::Partial => {
                assert!((2..count).contains(&longest), "{}: {longest} of {count}", recipe.name);
            }
        }
    }
}

#[test]
fn nobody_appears_twice_in_independent_transfers() {
    let recipe = CATALOGUE.iter().find(|recipe| recipe.name == "transfers/independent").unwrap();
    let mut seen = HashSet::new();
    for tx in &build(recipe).block.transactions {
        assert!(seen.insert(tx.env.caller) && seen.insert(*tx.env.kind.to().unwrap()));
    }
}

#[test]
fn three_in_ten_transfers_share_the_hot_account() {
    for name in ["transfers/hot-recipient", "transfers/hot-sender"] {
        let recipe = CATALOGUE.iter().find(|recipe| recipe.name == name).unwrap();
        let mut counts = HashMap::<_, usize>::new();
        let transactions = build(recipe).block.transactions;
        for tx in &transactions {
            let recipient = *tx.env.kind.to().unwrap();
            *counts.entry(if name.ends_with("sender") { tx.env.caller } else { recipient }).or_default() += 1;
        }
        assert_eq!(counts.values().max(), Some(&(transactions.len() * 3 / 10)), "{name}");
    }
}

#[test]
fn in_a_chain_of_transfers_nobody_can_pay_before_being_paid() {
    let recipe = CATALOGUE.iter().find(|recipe| recipe.name == "transfers/serial").unwrap();
    let workload = build(recipe);
    for pair in workload.block.transactions.windows(2) {
        assert_eq!(pair[0].env.kind.to(), Some(&pair[1].env.caller));
        assert_eq!(workload.state.account(&pair[1].env.caller).unwrap(), None);
    }
}
