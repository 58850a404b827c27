//! What a node says that orders alone.

use mundi_consensus::Mining;
use mundi_rpc_context::{
    Methods,
    test::{TestContext, developer_context, run_request},
};
use serde_json::{Value, json};
use std::sync::Arc;

fn node() -> (TestContext, Methods) {
    let context = developer_context(Mining::Manual);
    let genesis = Arc::new(|| br#"{"config": {"chainId": 31337}}"#.to_vec());
    let methods = mundi_rpc_consensus::methods(context.ctx.clone(), Some(genesis));
    (context, methods)
}

fn ask(methods: &Methods, method: &str, params: Value) -> Value {
    run_request(methods, &json!({"jsonrpc": "2.0", "id": 1, "method": method, "params": params}).to_string())
}

#[test]
fn it_says_so_and_how_far_it_is() {
    let (context, methods) = node();
    context.solo.produce().unwrap();
    let status = ask(&methods, "mundi_status", json!([]))["result"].clone();
    for (name, expected) in [
        ("role", json!("solo")),
        ("executed", json!("0x1")),
        ("ordered", json!("0x1")),
        ("finalized", json!("0x1")),
        ("lag", json!("0x0")),
        ("groupKey", Value::Null),
        ("caughtUp", json!(true)),
        ("fault", Value::Null),
    ] {
        assert_eq!(status[name], expected, "{name}");
    }
    let spec = methods.specs().iter().find(|spec| spec.name == "mundi_status").unwrap();
    spec.result.check(&status).unwrap();
}

#[test]
fn what_needs_certificates_is_refused_with_the_reason() {
    let (_context, methods) = node();
    for (method, params) in [
        ("mundi_getCertificate", json!(["0x0"])),
        ("mundi_getFinalizedHeader", json!(["latest"])),
        ("mundi_getFinalized", json!(["0x1", "0x10"])),
        ("mundi_getFinalizedAccount", json!([format!("0x{}", "11".repeat(20)), []])),
        ("mundi_getFinalizedReceipt", json!([format!("0x{}", "11".repeat(32))])),
    ] {
        let answer = ask(&methods, method, params);
        assert_eq!(answer["error"]["code"], -32004, "{method}: {answer}");
        assert!(answer["error"]["message"].as_str().unwrap().contains("orders alone"), "{answer}");
    }
    let answer = ask(&methods, "mundi_getFinalizedHeader", json!(["0x9"]));
    assert!(answer["error"]["message"].as_str().unwrap().contains("no block"), "{answer}");
}

#[test]
fn the_genesis_is_given_as_it_is() {
    let (context, methods) = node();
    assert_eq!(ask(&methods, "mundi_getGenesis", json!([]))["result"]["config"]["chainId"], 31337);
    let without = mundi_rpc_consensus::methods(context.ctx.clone(), None);
    assert_eq!(ask(&without, "mundi_getGenesis", json!([]))["error"]["code"], -32004);
}
