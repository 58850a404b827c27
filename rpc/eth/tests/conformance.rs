//! Ethereum's conformance cases of the methods here.

use mundi_rpc_context::test::{conformance_context, run_cases, run_request};
use serde_json::{Value, json};

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

/// The blob transaction of the case that sends one.
const BLOB_TRANSACTION: &str = "0x05d85f6a761cac82cfdf06dd168952838ac452b10641aabccdfdad46e03d2f0b";

#[test]
fn blobs_are_found_before_and_after_they_are_included() {
    let Some(test) = conformance_context() else { return };
    let methods = mundi_rpc_eth::methods(test.ctx.clone());
    let call = |method: &str, params: Value| {
        let request = json!({"jsonrpc": "2.0", "id": 1, "method": method, "params": params}).to_string();
        let response = run_request(&methods, &request);
        let spec = methods.specs().iter().find(|spec| spec.name == method).unwrap();
        spec.result.check(&response["result"]).unwrap_or_else(|error| panic!("{method}{error}: {response}"));
        response["result"].clone()
    };
    run_cases(&methods, |method| method == "eth_sendRawTransaction").unwrap();
    let waiting = call("eth_getTransactionByHash", json!([BLOB_TRANSACTION]));
    let hashes = waiting["blobVersionedHashes"].clone();
    let blobs = call("eth_getBlobs", json!([hashes]));
    assert_eq!(blobs.as_array().unwrap().len(), hashes.as_array().unwrap().len());
    assert!(blobs[0]["blob"].is_string());
    let raw = call("eth_getRawTransactionByHash", json!([BLOB_TRANSACTION]));
    assert!(raw.as_str().unwrap().len() > 2 * 131_072, "with its blobs");
    assert!(call("eth_getBlobSidecarByTxHash", json!([BLOB_TRANSACTION])).is_null());

    test.solo.produce().unwrap();
    let sidecars = call("eth_getBlobSidecars", json!(["latest"]));
    assert_eq!(sidecars[0]["txHash"], BLOB_TRANSACTION);
    assert_eq!(sidecars[0]["blobSidecar"]["blobs"][0], blobs[0]["blob"]);
    assert_eq!(call("eth_getBlobSidecarByTxHash", json!([BLOB_TRANSACTION])), sidecars[0]);
    assert_eq!(call("eth_getBlobs", json!([hashes])), blobs);
}

#[test]
fn the_rules_in_force_have_an_identifier_made_of_all_forks() {
    let Some(test) = conformance_context() else { return };
    let methods = mundi_rpc_eth::methods(test.ctx.clone());
    let config = run_request(&methods, r#"{"jsonrpc": "2.0", "id": 1, "method": "eth_config"}"#);
    // CRC-32 of the genesis hash, 12 heights from 3 to 36 and 6 times from 390 to 540.
    assert_eq!(config["result"]["current"]["forkId"], "0xe272ecbe", "{config}");
    assert_eq!(config["result"]["current"]["activationTime"], 540);
}
