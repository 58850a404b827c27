//! Requests of all kinds, valid and nearly so: the answers have the declared forms, and faults of the client are not called faults
//! of the node.

use mundi_consensus::Mining;
use mundi_rpc_context::test::{TestContext, conformance_context, developer_context, run_request};
use mundi_rpc_server::fuzz;
use serde_json::json;

const ROUNDS: usize = 30;

fn check(test: &TestContext) {
    let (module, specs) = mundi_rpc_eth::methods(test.ctx.clone()).into_parts();
    let runtime =
        tokio::runtime::Builder::new_multi_thread().worker_threads(2).enable_time().build().unwrap();
    for seed in 0..6 {
        let findings = runtime.block_on(fuzz::run(module.clone(), &specs, seed, ROUNDS)).findings;
        let shown: Vec<_> = findings.iter().take(20).map(|finding| format!("{finding:?}")).collect();
        assert!(findings.is_empty(), "seed {seed}: {} findings\n{}", findings.len(), shown.join("\n"));
    }
}

#[test]
fn a_developers_chain_answers_every_request_in_its_form() {
    let test = developer_context(Mining::Auto);
    let methods = mundi_rpc_eth::methods(test.ctx.clone());
    let [from, to] = [0, 1].map(|index| test.ctx.accounts.addresses()[index]);
    for transaction in
        [json!({"from": from, "to": to}), json!({"from": from, "data": "0x60aa60005260bb60206000a1"})]
    {
        let request =
            json!({"jsonrpc": "2.0", "id": 1, "method": "eth_sendTransaction", "params": [transaction]});
        assert!(run_request(&methods, &request.to_string())["result"].is_string());
    }
    check(&test);
}

#[test]
fn the_conformance_chain_answers_every_request_in_its_form() {
    if let Some(test) = conformance_context() {
        check(&test);
    }
}
