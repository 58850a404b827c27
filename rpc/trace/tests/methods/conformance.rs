//! Ethereum's conformance cases of the tracing methods.

use mundi_rpc_context::test::{case, conformance_context, run_cases, run_request};
use serde_json::{Value, json};

#[test]
fn cases_of_execution_apis_pass() {
    let Some(context) = conformance_context() else { return };
    let methods = mundi_rpc_trace::methods(context.ctx.clone());
    let run =
        run_cases(&methods, |method| method.starts_with("debug_trace")).unwrap_or_else(|e| panic!("{e}"));
    assert!(run >= 9, "{run} cases");
}

/// The suite compares only the fields of struct logs; what geth wrote down is met to the last digit.
#[test]
fn struct_logs_are_those_of_geth() {
    let Some(context) = conformance_context() else { return };
    let methods = mundi_rpc_trace::methods(context.ctx.clone());
    for name in [
        "debug_traceTransaction/trace-legacy-transfer.io",
        "debug_traceBlockByNumber/trace-block-memory-encoding.io",
        "debug_traceBlockByNumber/trace-block-storage-encoding.io",
        "debug_traceBlockByNumber/trace-block-storage-snapshot-timing.io",
        "debug_traceBlockByNumber/trace-block-with-transactions.io",
    ] {
        let text = case(name).expect("the fixtures are there");
        let line = |prefix| text.lines().find_map(|line| line.strip_prefix(prefix)).expect("cases have both");
        let wanted: Value = serde_json::from_str(line("<< ")).expect("cases are JSON");
        let got = run_request(&methods, line(">> "));
        assert_same(name, &wanted["result"], &got["result"]);
    }
}

fn assert_same(place: &str, wanted: &Value, got: &Value) {
    match (wanted, got) {
        (Value::Array(wanted), Value::Array(got)) => {
            assert_eq!(wanted.len(), got.len(), "{place}: length");
            for (index, (wanted, got)) in wanted.iter().zip(got).enumerate() {
                assert_same(&format!("{place}[{index}]"), wanted, got);
            }
        }
        (Value::Object(wanted), Value::Object(_)) if wanted.contains_key("structLogs") => {
            for (key, wanted) in wanted {
                assert_same(&format!("{place}.{key}"), wanted, &got[key]);
            }
        }
        (Value::Object(wanted), Value::Object(_)) if wanted.contains_key("txHash") => {
            assert_eq!(wanted["txHash"], got["txHash"], "{place}");
            assert_same(&format!("{place}.result"), &wanted["result"], &got["result"]);
        }
        _ => assert_eq!(wanted, got, "{place}"),
    }
}

/// Every tracer answers for every transaction of a chain through all forks, and in the declared form.
#[test]
fn every_transaction_can_be_traced_in_every_way() {
    let Some(context) = conformance_context() else { return };
    let methods = mundi_rpc_trace::methods(context.ctx.clone());
    let ask = |method: &str, params: Value| {
        let request = json!({"jsonrpc": "2.0", "id": 1, "method": method, "params": params});
        let response = run_request(&methods, &request.to_string());
        let result = response.get("result").unwrap_or_else(|| panic!("{method} {params}: {response}"));
        let spec = methods.specs().iter().find(|spec| spec.name == method).expect("the method is declared");
        spec.result.check(result).unwrap_or_else(|error| panic!("{method} {params}: result{error}"));
        result.clone()
    };
    let tracers = [
        json!({"enableMemory": true, "enableReturnData": true}),
        json!({"tracer": "callTracer", "tracerConfig": {"withLog": true}}),
        json!({"tracer": "flatCallTracer"}),
        json!({"tracer": "prestateTracer"}),
        json!({"tracer": "prestateTracer", "tracerConfig": {"diffMode": true}}),
        json!({"tracer": "4byteTracer"}),
        json!({"tracer": "erc7562Tracer"}),
        json!({"tracer": "muxTracer", "tracerConfig": {"callTracer": {}, "prestateTracer": {}, "4byteTracer": null}}),
    ];
    for height in 1..=context.ctx.ledger.head().block.header.number {
        let tag = format!("{height:#x}");
        for tracer in &tracers {
            ask("debug_traceBlockByNumber", json!([tag, tracer]));
        }
        ask("trace_block", json!([tag]));
        let types = json!(["trace", "vmTrace", "stateDiff"]);
        let replayed = ask("trace_replayBlockTransactions", json!([tag, types]));
        ask("ots_getBlockDetails", json!([height]));
        ask("ots_getBlockTransactions", json!([height, 0, 25]));
        for one in replayed.as_array().expect("a list") {
            let hash = &one["transactionHash"];
            let alone = ask("trace_replayTransaction", json!([hash, types]));
            assert_eq!((&alone["trace"], &alone["stateDiff"]), (&one["trace"], &one["stateDiff"]), "{hash}");
            for method in [
                "trace_transaction",
                "ots_traceTransaction",
                "ots_getInternalOperations",
                "ots_getTransactionError",
            ] {
                ask(method, json!([hash]));
            }
        }
    }
}
