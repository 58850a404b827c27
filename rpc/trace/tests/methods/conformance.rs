//! Ethereum's conformance cases of the tracing methods.

use mundi_rpc_context::test::{case, conformance_context, run_cases, run_request};
use serde_json::Value;

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
