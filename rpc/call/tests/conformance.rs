//! Ethereum's conformance cases of the methods that execute.

use mundi_rpc_context::test::{conformance_context, run_cases};

fn run(wanted: &[&str]) {
    let Some(context) = conformance_context() else { return };
    let mut methods = mundi_rpc_call::methods(context.ctx.clone());
    methods.merge(mundi_rpc_eth::methods(context.ctx));
    match run_cases(&methods, |method| wanted.contains(&method)) {
        Ok(cases) => println!("{cases} cases of {}", wanted.join(", ")),
        Err(failed) => panic!("{failed}"),
    }
}

#[test]
fn calls() {
    run(&["eth_call", "eth_estimateGas", "eth_createAccessList"]);
}

#[test]
fn simulations() {
    run(&["eth_simulateV1"]);
}

#[test]
fn built_blocks() {
    run(&["testing_buildBlockV1"]);
}
