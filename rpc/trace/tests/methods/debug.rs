//! `debug_trace…` on a small chain.

use crate::contracts::*;
use alloy_primitives::{Bytes, TxKind, U256};
use alloy_rlp::Encodable;
use serde_json::{Value, json};
use std::time::Duration;

const LIMIT: i64 = -32005;

fn names(logs: &Value) -> Vec<&str> {
    logs.as_array().expect("a list").iter().map(|log| log["op"].as_str().expect("text")).collect()
}

#[test]
fn struct_logs_show_stack_memory_and_storage() {
    let mut chain = Chain::new();
    let (storer, _) = chain.deploy(STORER);
    let hash = chain.send(storer, 0, Bytes::new());
    let trace = chain.ask("debug_traceTransaction", json!([hash]));
    assert_eq!(trace["failed"], false);
    assert_eq!(trace["returnValue"], format!("{:#066x}", U256::from(42)));
    let logs = &trace["structLogs"];
    assert_eq!(
        names(logs),
        [
            "PUSH1", "PUSH1", "SSTORE", "PUSH1", "PUSH1", "PUSH1", "LOG1", "PUSH1", "PUSH1", "MSTORE",
            "PUSH1", "PUSH1", "RETURN"
        ]
    );
    let store = &logs[2];
    assert_eq!(store["stack"], json!(["0x1", "0x0"]));
    assert_eq!(store["gasCost"], 22100);
    let zero = format!("{:#066x}", U256::ZERO);
    assert_eq!(store["storage"], json!({zero: format!("{:#066x}", U256::from(1))}));
    assert!(logs[12].get("memory").is_none(), "memory has to be asked for");
    assert!(logs[3].get("storage").is_none());

    let options = json!({"enableMemory": true, "disableStack": true, "disableStorage": true});
    let trace = chain.ask("debug_traceTransaction", json!([hash, options]));
    let logs = &trace["structLogs"];
    assert!(logs[2].get("storage").is_none() && logs[2].get("stack").is_none());
    assert_eq!(logs[12]["memory"], json!([format!("{:#066x}", U256::from(42))]));

    let trace = chain.ask("debug_traceTransaction", json!([hash, {"limit": 2}]));
    assert_eq!(names(&trace["structLogs"]), ["PUSH1", "PUSH1"]);
    assert_eq!(trace["gas"], chain.ask("debug_traceTransaction", json!([hash]))["gas"]);
}

#[test]
fn struct_logs_go_into_calls_and_come_back() {
    let mut chain = Chain::new();
    let (reverter, _) = chain.deploy(REVERTER);
    let (caller, _) = chain.deploy(CALLER);
    let hash = chain.send(caller, 0, word(reverter));
    let trace = chain.ask("debug_traceTransaction", json!([hash, {"enableReturnData": true}]));
    let logs = trace["structLogs"].as_array().expect("a list");
    let depths: Vec<_> = logs.iter().map(|log| log["depth"].as_u64().expect("a number")).collect();
    assert_eq!(depths, [[1; 9].as_slice(), &[2; 6], &[1; 2]].concat());
    assert_eq!(logs[14]["op"], "REVERT");
    assert!(logs[14].get("error").is_none(), "the instruction itself did not fail");
    assert_eq!(logs[15]["op"], "POP");
    assert_eq!(logs[15]["stack"], json!(["0x0"]), "the call failed");
    assert_eq!(logs[15]["returnData"], "0xdeadbeef");
    assert_eq!(trace["failed"], false);
}

#[test]
fn an_instruction_that_cannot_begin_says_why() {
    let mut chain = Chain::new();
    let (underflow, _) = chain.deploy(UNDERFLOW);
    let hash = chain.send(underflow, 0, Bytes::new());
    let trace = chain.ask("debug_traceTransaction", json!([hash]));
    assert_eq!(trace["failed"], true);
    assert_eq!(trace["returnValue"], "0x");
    assert_eq!(trace["structLogs"][0]["error"], "stack underflow (0 <=> 2)");
}

#[test]
fn a_transaction_sees_what_those_before_it_in_the_block_did() {
    let mut chain = Chain::new();
    let (storer, _) = chain.deploy(STORER);
    let first = chain.tx(storer.into(), 0, Bytes::new());
    let second = chain.tx(storer.into(), 0, Bytes::new());
    let hashes = chain.block(vec![first, second]);
    let cost = |trace: &Value| trace["structLogs"][2]["gasCost"].clone();
    assert_eq!(cost(&chain.ask("debug_traceTransaction", json!([hashes[0]]))), 22100);
    assert_eq!(cost(&chain.ask("debug_traceTransaction", json!([hashes[1]]))), 2200);
    let block = chain.ask("debug_traceBlockByNumber", json!(["latest"]));
    assert_eq!(block[1]["txHash"], json!(hashes[1]));
    assert_eq!(cost(&block[0]["result"]), 22100);
    assert_eq!(cost(&block[1]["result"]), 2200);
}

#[test]
fn a_block_can_be_given_as_its_encoding() {
    let mut chain = Chain::new();
    chain.deploy(STORER);
    let head = chain.context.ctx.ledger.head();
    let block = alloy_consensus::Block {
        header: head.block.header.clone(),
        body: alloy_consensus::BlockBody { transactions: Vec::new(), ..head.block.body.clone() },
    };
    let mut raw = Vec::new();
    block.encode(&mut raw);
    assert_eq!(chain.ask("debug_traceBlock", json!([Bytes::from(raw)])), json!([]));
    let (code, message) = chain.refused("debug_traceBlock", json!(["0xc0"]));
    assert!(code == -32000 && message.contains("could not decode block"), "{code} {message}");
    let hash = head.block.hash;
    assert_eq!(
        chain.ask("debug_traceBlockByHash", json!([hash])),
        chain.ask("debug_traceBlockByNumber", json!(["0x1"]))
    );
}

#[test]
fn call_traces_are_trees() {
    let mut chain = Chain::new();
    let (storer, _) = chain.deploy(STORER);
    let (caller, _) = chain.deploy(CALLER);
    let hash = chain.send(caller, 5, word(storer));
    let ask = |config: Value| {
        chain.ask("debug_traceTransaction", json!([hash, {"tracer": "callTracer", "tracerConfig": config}]))
    };
    let trace = ask(json!({"withLog": true}));
    assert_eq!(trace["type"], "CALL");
    assert_eq!(trace["to"], json!(caller));
    assert_eq!(trace["value"], "0x5");
    let inner = &trace["calls"][0];
    assert_eq!(inner["to"], json!(storer));
    assert_eq!(inner["from"], json!(caller));
    assert_eq!(inner["output"], format!("{:#066x}", U256::from(42)));
    assert_eq!(inner["logs"][0]["topics"], json!([format!("{:#066x}", U256::from(0xaa))]));
    assert!(ask(json!({"onlyTopCall": true})).get("calls").is_none());
}

#[test]
fn call_traces_give_the_reason_of_a_revert() {
    let mut chain = Chain::new();
    let (reason, _) = chain.deploy(REASON);
    let hash = chain.send(reason, 0, Bytes::new());
    let trace = chain.ask("debug_traceTransaction", json!([hash, {"tracer": "callTracer"}]));
    assert_eq!(trace["error"], "execution reverted");
    assert_eq!(trace["revertReason"], "no");
}

#[test]
fn prestates_are_what_a_transaction_reads_and_what_it_changes() {
    let mut chain = Chain::new();
    let (storer, _) = chain.deploy(STORER);
    let hash = chain.send(storer, 0, Bytes::new());
    let ask = |config: Value| {
        chain.ask(
            "debug_traceTransaction",
            json!([hash, {"tracer": "prestateTracer", "tracerConfig": config}]),
        )
    };
    let (address, zero) = (format!("{storer:?}"), format!("{:#066x}", U256::ZERO));
    let pre = ask(json!({}));
    assert_eq!(pre[&address]["code"], format!("0x{STORER}"));
    assert_eq!(pre[&address]["storage"][&zero], zero);
    let diff = ask(json!({"diffMode": true}));
    assert_eq!(diff["post"][&address]["storage"], json!({zero: format!("{:#066x}", U256::from(1))}));
    let lean = ask(json!({"disableCode": true, "disableStorage": true}));
    assert!(lean[&address].get("code").is_none() && lean[&address].get("storage").is_none());
}

#[test]
fn other_tracers_answer_and_javascript_is_refused() {
    let mut chain = Chain::new();
    let (storer, _) = chain.deploy(STORER);
    let hash = chain.send(storer, 0, Bytes::from_static(&[1, 2, 3, 4, 5]));
    let ask = |tracer: &str| chain.ask("debug_traceTransaction", json!([hash, {"tracer": tracer}]));
    assert_eq!(ask("4byteTracer"), json!({"0x01020304-1": 1}));
    assert_eq!(ask("noopTracer"), json!({}));
    assert_eq!(ask("flatCallTracer")[0]["action"]["to"], json!(storer));
    assert_eq!(ask("erc7562Tracer")["to"], json!(storer));
    assert!(ask("")["structLogs"].is_array());
    let mux = json!({"tracer": "muxTracer", "tracerConfig": {"callTracer": null, "4byteTracer": {}, "prestateTracer": {}}});
    let trace = chain.ask("debug_traceTransaction", json!([hash, mux]));
    assert_eq!(trace["callTracer"]["to"], json!(storer));
    assert_eq!(trace["4byteTracer"], json!({"0x01020304-1": 1}));
    for tracer in ["{ step: function() {}, result: function() {} }", "noSuchTracer"] {
        let (code, message) = chain.refused("debug_traceTransaction", json!([hash, {"tracer": tracer}]));
        assert_eq!(code, -32004, "{message}");
        assert!(message.contains("JavaScript is not run"), "{message}");
    }
    let (code, _) = chain.refused(
        "debug_traceTransaction",
        json!([hash, {"tracer": "callTracer", "tracerConfig": {"onlyTopCall": 3}}]),
    );
    assert_eq!(code, -32602);
}

#[test]
fn calls_are_traced_with_overrides_and_in_the_middle_of_blocks() {
    let mut chain = Chain::new();
    let (storer, _) = chain.deploy(STORER);
    let first = chain.tx(storer.into(), 0, Bytes::new());
    let second = chain.tx(TxKind::Call(chain.account(1)), 1, Bytes::new());
    chain.block(vec![first, second]);
    let call = json!({"to": storer});
    let cost = |options: Value| {
        let trace = chain.ask("debug_traceCall", json!([call, "latest", options]));
        trace["structLogs"][2]["gasCost"].clone()
    };
    assert_eq!(cost(json!({})), 2200);
    assert_eq!(cost(json!({"txIndex": "0x1"})), 2200);
    assert_eq!(cost(json!({"txIndex": "0x0"})), 22100);
    let override_code = json!({"stateOverrides": {format!("{storer:?}"): {"code": "0x4360005260206000f3"}},
        "blockOverrides": {"number": "0x1234"}});
    let trace = chain.ask("debug_traceCall", json!([call, "latest", override_code]));
    assert_eq!(trace["returnValue"], format!("{:#066x}", U256::from(0x1234)));
    let (code, message) = chain.refused("debug_traceCall", json!([call, "latest", {"txIndex": "0x9"}]));
    assert!(code == -32000 && message.contains("out of range"), "{message}");
    assert_eq!(chain.ask("debug_traceCall", json!([call]))["failed"], false);
}

#[test]
fn bundles_of_calls_build_on_each_other() {
    let mut chain = Chain::new();
    let (storer, _) = chain.deploy(STORER);
    let call = json!({"to": storer});
    let bundles = json!([{"transactions": [call, call]}, {"transactions": [call]}]);
    let traces = chain.ask("debug_traceCallMany", json!([bundles, {"blockNumber": "latest"}, {}]));
    let costs: Vec<Vec<u64>> = traces
        .as_array()
        .expect("a list")
        .iter()
        .map(|bundle| {
            let bundle = bundle.as_array().expect("a list").iter();
            bundle.map(|trace| trace["structLogs"][2]["gasCost"].as_u64().expect("a number")).collect()
        })
        .collect();
    assert_eq!(costs, [vec![22100, 2200], vec![2200]]);
}

#[test]
fn a_trace_that_grows_too_big_is_stopped() {
    let mut chain = Chain::with_limits(|limits| {
        limits.response_bytes = 100_000;
        limits.call_time = Duration::from_secs(3600);
    });
    let (forever, _) = chain.deploy(LOOP);
    let (recursion, _) = chain.deploy(RECURSION);
    for (to, options) in [
        (forever, json!({})),
        (forever, json!({"tracer": "erc7562Tracer"})),
        (recursion, json!({"tracer": "callTracer"})),
        (recursion, json!({"tracer": "flatCallTracer"})),
        (recursion, json!({"tracer": "muxTracer", "tracerConfig": {"callTracer": {}}})),
    ] {
        let (code, message) = chain.refused("debug_traceCall", json!([{"to": to}, "latest", options]));
        assert_eq!(code, LIMIT, "{message}");
        assert!(message.contains("larger than 100000 bytes"), "{message}");
    }
    let trace =
        chain.ask("debug_traceCall", json!([{"to": forever, "gas": "0x30000"}, "latest", {"limit": 10}]));
    assert_eq!(trace["structLogs"].as_array().expect("a list").len(), 10);
}

#[test]
fn a_trace_that_takes_too_long_is_stopped() {
    let mut chain = Chain::new();
    let (forever, _) = chain.deploy(LOOP);
    for tracer in ["", "callTracer", "noopTracer"] {
        let options = json!({"tracer": tracer, "timeout": "0s"});
        let (code, message) = chain.refused("debug_traceCall", json!([{"to": forever}, "latest", options]));
        assert_eq!(code, LIMIT, "{message}");
        assert!(message.contains("execution aborted (timeout = 0ns)"), "{message}");
    }
    let (code, message) =
        chain.refused("debug_traceCall", json!([{"to": forever}, "latest", {"timeout": "soon"}]));
    assert!(code == -32000 && message.contains("invalid duration"), "{message}");
}

#[test]
fn the_deepest_calls_can_be_shown() {
    let mut chain = Chain::with_limits(|limits| limits.call_gas = 1_000_000_000);
    let (recursion, _) = chain.deploy(RECURSION);
    for (method, params, repeated) in [
        ("debug_traceCall", json!([{"to": recursion}, "latest", {"tracer": "callTracer"}]), r#""calls":["#),
        ("trace_call", json!([{"to": recursion}, ["vmTrace"], "latest"]), r#""sub":{"#),
    ] {
        let request = json!({"jsonrpc": "2.0", "id": 1, "method": method, "params": params}).to_string();
        let (module, _) = mundi_rpc_trace::methods(chain.context.ctx.clone()).into_parts();
        let runtime = tokio::runtime::Builder::new_current_thread().enable_time().build().expect("a runtime");
        // As text, because parsers refuse to go that deep.
        let (response, _) = runtime.block_on(module.raw_json_request(&request, 1)).expect("a response");
        let depth = response.get().matches(repeated).count();
        assert!(depth > 700, "{method}: {depth} frames");
    }
}

#[test]
fn what_does_not_exist_is_said_not_to() {
    let chain = Chain::new();
    let hash = "0x00000000000000000000000000000000000000000000000000000000000000ff";
    for (method, params, wanted) in [
        ("debug_traceTransaction", json!([hash]), "transaction not found"),
        ("debug_traceBlockByHash", json!([hash]), "not found"),
        ("debug_traceBlockByNumber", json!(["0x77"]), "block #119 not found"),
        ("debug_traceBlockByNumber", json!(["0x0"]), "genesis is not traceable"),
        ("debug_traceCall", json!([{}, "0x77"]), "0x77"),
    ] {
        let (code, message) = chain.refused(method, params);
        assert!(code == -32000 || code == -32001, "{method}: {code}");
        assert!(message.contains(wanted), "{method}: {message}");
    }
}

#[test]
fn gas_that_is_missing_is_what_the_instruction_costs() {
    let mut chain = Chain::new();
    let (storer, _) = chain.deploy(STORER);
    // Two gas are left for an instruction of three.
    let trace = chain.ask("debug_traceCall", json!([{"to": storer, "gas": "0x520a"}]));
    assert_eq!(trace["structLogs"][0]["error"], "out of gas");
    assert_eq!((&trace["structLogs"][0]["gas"], &trace["structLogs"][0]["gasCost"]), (&json!(2), &json!(3)));
}

#[test]
fn requests_of_many_transactions_are_bounded() {
    let mut chain = Chain::with_limits(|limits| limits.call_time = Duration::ZERO);
    let (storer, _) = chain.deploy(STORER);
    let calls = json!([[{"to": storer}, ["trace"]]]);
    let (code, message) = chain.refused("trace_callMany", json!([calls]));
    assert!(code == LIMIT && message.contains("execution aborted"), "{message}");
    let (code, _) = chain.refused("trace_filter", json!([{"fromBlock": "0x1"}]));
    assert_eq!(code, LIMIT);
    let many: Vec<_> = (0..1025).map(|_| json!([{"to": storer}, []])).collect();
    let (code, message) = chain.refused("trace_callMany", json!([many]));
    assert!(code == LIMIT && message.contains("at most 1024"), "{message}");
}
