//! `trace_…` on a small chain.

use crate::contracts::*;
use alloy_eips::eip2718::Encodable2718;
use alloy_primitives::{Bytes, TxKind, U256};
use mundi_rpc_context::test::{conformance_context, signers};
use serde_json::{Value, json};

fn addresses(traces: &Value) -> Vec<Value> {
    traces.as_array().expect("a list").iter().map(|trace| trace["traceAddress"].clone()).collect()
}

#[test]
fn transactions_are_lists_of_calls() {
    let mut chain = Chain::new();
    let (storer, _) = chain.deploy(STORER);
    let (caller, created) = chain.deploy(CALLER);
    let hash = chain.send(caller, 5, word(storer));
    let traces = chain.ask("trace_transaction", json!([hash]));
    assert_eq!(addresses(&traces), [json!([]), json!([0])]);
    assert_eq!(traces[0]["action"]["callType"], "call");
    assert_eq!(traces[0]["subtraces"], 1);
    assert_eq!(traces[1]["action"]["to"], json!(storer));
    assert_eq!(traces[1]["action"]["value"], "0x5");
    assert_eq!(traces[1]["result"]["output"], format!("{:#066x}", U256::from(42)));
    assert_eq!(traces[1]["transactionHash"], json!(hash));
    assert_eq!(traces[1]["transactionPosition"], 0);
    assert_eq!(traces[1]["blockNumber"], 3);
    let creation = chain.ask("trace_transaction", json!([created]));
    assert_eq!(creation[0]["type"], "create");
    assert_eq!(creation[0]["result"]["address"], json!(caller));
    assert_eq!(creation[0]["result"]["code"], format!("0x{CALLER}"));

    assert_eq!(chain.ask("trace_get", json!([hash, ["0x1"]])), traces[1]);
    assert_eq!(chain.ask("trace_get", json!([hash, ["0x2"]])), Value::Null);
    assert_eq!(chain.ask("trace_get", json!([hash, ["0x0", "0x0"]])), Value::Null);
    assert_eq!(chain.ask("trace_block", json!(["latest"])), traces);
    let unknown = "0x00000000000000000000000000000000000000000000000000000000000000ff";
    assert_eq!(chain.ask("trace_transaction", json!([unknown])), Value::Null);
    assert_eq!(chain.ask("trace_block", json!(["0x77"])), Value::Null);
    assert_eq!(chain.ask("trace_block", json!(["earliest"])), json!([]));
}

#[test]
fn failures_and_destructions_are_shown() {
    let mut chain = Chain::new();
    let (reverter, _) = chain.deploy(REVERTER);
    let hash = chain.send(reverter, 0, Bytes::new());
    let traces = chain.ask("trace_transaction", json!([hash]));
    assert_eq!(traces[0]["error"], "Reverted");
    let (destroyer, _) = chain.deploy(DESTROYER);
    let hash = chain.send(destroyer, 7, Bytes::new());
    let traces = chain.ask("trace_transaction", json!([hash]));
    assert_eq!(traces[1]["type"], "suicide");
    assert_eq!(traces[1]["action"]["balance"], "0x7");
    assert_eq!(traces[1]["action"]["refundAddress"], json!(chain.account(0)));
}

#[test]
fn filters_choose_by_address_and_page() {
    let mut chain = Chain::new();
    let (storer, _) = chain.deploy(STORER);
    let (caller, _) = chain.deploy(CALLER);
    for _ in 0..3 {
        chain.send(caller, 0, word(storer));
    }
    let ask = |filter: Value| chain.ask("trace_filter", json!([filter]));
    let number = |traces: &Value| traces.as_array().expect("a list").len();
    let to_storer = ask(json!({"toAddress": [storer]}));
    assert_eq!(number(&to_storer), 4, "created once, called three times");
    assert_eq!(number(&ask(json!({"toAddress": [storer], "fromAddress": [caller]}))), 3);
    assert_eq!(number(&ask(json!({"toAddress": [storer], "fromAddress": [caller], "mode": "union"}))), 4);
    assert_eq!(number(&ask(json!({"toAddress": [storer], "fromBlock": "0x3", "toBlock": "0x4"}))), 2);
    assert_eq!(number(&ask(json!({"fromBlock": "latest"}))), 2);
    let page = ask(json!({"toAddress": [storer], "after": 1, "count": 2}));
    assert_eq!(page.as_array(), Some(&to_storer.as_array().expect("a list")[1..3].to_vec()));
    let (code, message) = chain.refused("trace_filter", json!([{"fromBlock": "0x5", "toBlock": "0x2"}]));
    assert!(code == -32602 && message.contains("invalid block range"), "{message}");
}

#[test]
fn filters_span_so_many_blocks_and_no_more() {
    let mut chain = Chain::with_limits(|limits| limits.trace_blocks = 2);
    chain.deploy(STORER);
    chain.deploy(STORER);
    let (code, message) = chain.refused("trace_filter", json!([{}]));
    assert!(code == -32005 && message.contains("spans 3 blocks, at most 2"), "{message}");
    assert_eq!(chain.ask("trace_filter", json!([{"fromBlock": "0x1"}])).as_array().map(Vec::len), Some(2));
}

#[test]
fn replays_show_traces_state_and_instructions() {
    let mut chain = Chain::new();
    let (storer, _) = chain.deploy(STORER);
    let hash = chain.send(storer, 0, Bytes::new());
    let results = chain.ask("trace_replayTransaction", json!([hash, ["trace", "vmTrace", "stateDiff"]]));
    assert_eq!(results["output"], format!("{:#066x}", U256::from(42)));
    assert_eq!(results["trace"][0]["action"]["to"], json!(storer));
    let slot = &results["stateDiff"][format!("{storer:?}")]["storage"][format!("{:#066x}", U256::ZERO)];
    assert_eq!(slot["*"]["to"], format!("{:#066x}", U256::from(1)));
    let sender = &results["stateDiff"][format!("{:?}", chain.account(0))];
    assert_eq!(sender["nonce"]["*"], json!({"from": "0x1", "to": "0x2"}));
    assert_eq!(results["vmTrace"]["code"], format!("0x{STORER}"));
    assert_eq!(results["vmTrace"]["ops"].as_array().map(Vec::len), Some(13));

    let bare = chain.ask("trace_replayTransaction", json!([hash, []]));
    assert_eq!(
        (&bare["trace"], &bare["vmTrace"], &bare["stateDiff"]),
        (&json!([]), &Value::Null, &Value::Null)
    );
    let block = chain.ask("trace_replayBlockTransactions", json!(["latest", ["trace"]]));
    assert_eq!(block[0]["transactionHash"], json!(hash));
    assert_eq!(block[0]["trace"], results["trace"]);
    assert_eq!(chain.ask("trace_replayBlockTransactions", json!(["0x77", ["trace"]])), Value::Null);
    let (code, _) = chain.refused("trace_replayTransaction", json!([hash, ["everything"]]));
    assert_eq!(code, -32602);
}

#[test]
fn calls_are_traced_and_build_on_each_other() {
    let mut chain = Chain::new();
    let (storer, _) = chain.deploy(STORER);
    let call = json!({"to": storer});
    let results = chain.ask("trace_call", json!([call, ["trace", "stateDiff"]]));
    assert_eq!(results["trace"][0]["result"]["output"], results["output"]);
    let changed = |results: &Value| results["stateDiff"].get(format!("{storer:?}")).is_some();
    assert!(changed(&results));
    let calls = json!([[call, ["stateDiff"]], [call, ["stateDiff"]]]);
    let many = chain.ask("trace_callMany", json!([calls, "latest"]));
    assert!(changed(&many[0]) && !changed(&many[1]), "the second writes what is there already");
}

#[test]
fn a_signed_transaction_is_traced_without_sending_it() {
    let mut chain = Chain::new();
    let (storer, _) = chain.deploy(STORER);
    let raw = {
        use alloy_consensus::{SignableTransaction, TxEip1559, TxEnvelope};
        use alloy_signer::SignerSync;
        let tx = TxEip1559 {
            chain_id: mundi_rpc_context::test::CHAIN_ID,
            gas_limit: 100_000,
            max_fee_per_gas: 10_000_000_000,
            to: TxKind::Call(storer),
            ..TxEip1559::default()
        };
        let signature = signers()[1].sign_hash_sync(&tx.signature_hash()).expect("the key signs");
        TxEnvelope::from(tx.into_signed(signature)).encoded_2718()
    };
    let results = chain.ask("trace_rawTransaction", json!([Bytes::from(raw), ["trace"]]));
    assert_eq!(results["trace"][0]["action"]["from"], json!(chain.account(1)));
    assert_eq!(results["trace"][0]["action"]["to"], json!(storer));
    let (code, message) = chain.refused("trace_rawTransaction", json!(["0x1234", ["trace"]]));
    assert!(code == -32000 && message.contains("cannot be decoded"), "{message}");
}

#[test]
fn miners_were_rewarded_before_the_merge() {
    let Some(context) = conformance_context() else { return };
    let methods = mundi_rpc_trace::methods(context.ctx.clone());
    let ask = |height: u64| {
        let request =
            json!({"jsonrpc": "2.0", "id": 1, "method": "trace_block", "params": [format!("{height:#x}")]});
        mundi_rpc_context::test::run_request(&methods, &request.to_string())["result"].take()
    };
    let rewards = |height: u64| {
        let traces = ask(height);
        let all = traces.as_array().expect("a list").iter();
        all.filter(|trace| trace["type"] == "reward").cloned().collect::<Vec<_>>()
    };
    // In 32nds, of which an ommer's share is 8ths and its includer's is one.
    let ether = |parts: u64| {
        let part = U256::from(10).pow(U256::from(18)) / U256::from(32);
        json!(U256::from(parts) * part)
    };
    let first = rewards(1);
    assert_eq!(first.len(), 1);
    assert_eq!(first[0]["action"]["value"], ether(5 * 32));
    assert_eq!(first[0]["action"]["rewardType"], "block");
    assert_eq!(first[0]["transactionHash"], Value::Null);
    let tenth = rewards(10);
    assert_eq!(tenth[0]["action"]["value"], ether(3 * 33), "it includes an ommer");
    assert_eq!(tenth[1]["action"]["rewardType"], "uncle");
    assert_eq!(tenth[1]["action"]["value"], ether(3 * 28), "of the generation before");
    assert_eq!(rewards(13)[0]["action"]["value"], ether(2 * 33));
    assert!(rewards(40).is_empty());
}

/// Every transaction of a chain through all forks uses the gas again that its receipt says.
#[test]
fn replays_use_the_gas_that_receipts_say() {
    let Some(context) = conformance_context() else { return };
    let methods = mundi_rpc_trace::methods(context.ctx.clone());
    for height in 1..=context.ctx.ledger.head().block.header.number {
        let block =
            context.ctx.ledger.block(height).expect("the store can be read").expect("the block is there");
        let options =
            json!([format!("{height:#x}"), {"disableStack": true, "disableStorage": true, "limit": 1}]);
        let request =
            json!({"jsonrpc": "2.0", "id": 1, "method": "debug_traceBlockByNumber", "params": options});
        let response = mundi_rpc_context::test::run_request(&methods, &request.to_string());
        let traces = response["result"].as_array().unwrap_or_else(|| panic!("block {height}: {response}"));
        assert_eq!(traces.len(), block.receipts.len());
        let mut before = 0;
        for (trace, receipt) in traces.iter().zip(&block.receipts) {
            let used = receipt.cumulative_gas_used() - before;
            before = receipt.cumulative_gas_used();
            assert_eq!(trace["result"]["gas"], used, "block {height}: {}", trace["txHash"]);
        }
    }
}
