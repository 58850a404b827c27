//! Ethereum's conformance cases of the methods here.

use mundi_rpc_context::test::{conformance_context, run_cases};

/// What these cases expect depends on transactions that other rooms' cases send.
const WITH_OTHERS: [&str; 1] = ["txpool_content"];

#[test]
fn the_conformance_cases_pass() {
    let Some(test) = conformance_context() else { return };
    let methods = mundi_rpc_eth::methods(test.ctx.clone());
    let names: Vec<_> = methods.specs().iter().map(|spec| spec.name).collect();
    let run = run_cases(&methods, |method| names.contains(&method) && !WITH_OTHERS.contains(&method));
    match run {
        Ok(run) => assert!(run > 75, "only {run} cases were run"),
        Err(failed) => panic!("{failed}"),
    }
}
