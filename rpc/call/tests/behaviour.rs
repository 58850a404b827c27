//! What calls, estimates and simulations do, on a small developers' chain.

use alloy_consensus::{SignableTransaction, TxEip1559, TxEnvelope};
use alloy_eips::eip2718::Encodable2718;
use alloy_primitives::{Address, Bytes, TxKind, U256, address, hex};
use alloy_signer::SignerSync;
use mundi_consensus::Mining;
use mundi_rpc_context::{
    Ctx, Methods,
    test::{CHAIN_ID, TestContext, developer_context, run_request, signers},
};
use serde_json::{Value, json};

struct Chain {
    _context: TestContext,
    ctx: Ctx,
    methods: Methods,
}

impl Chain {
    fn new() -> Self {
        let context = developer_context(Mining::Manual);
        let ctx = context.ctx.clone();
        Self { methods: mundi_rpc_call::methods(ctx.clone()), ctx, _context: context }
    }

    fn ask(&self, method: &str, params: Value) -> Value {
        let request = json!({"jsonrpc": "2.0", "id": 1, "method": method, "params": params});
        run_request(&self.methods, &request.to_string())
    }

    fn result(&self, method: &str, params: Value) -> Value {
        let answer = self.ask(method, params);
        answer.get("result").unwrap_or_else(|| panic!("{method}: {answer}")).clone()
    }

    fn error(&self, method: &str, params: Value) -> (i64, String) {
        let answer = self.ask(method, params);
        let error = answer.get("error").unwrap_or_else(|| panic!("{method}: {answer}"));
        (error["code"].as_i64().unwrap(), error["message"].as_str().unwrap().to_owned())
    }
}

/// Some contract.
const CONTRACT: Address = address!("c100000000000000000000000000000000000000");
/// Somebody without anything.
const NOBODY: Address = address!("c200000000000000000000000000000000000000");

/// Returns slot zero.
const READ_SLOT: &str = "0x60005460005260206000f3";
/// Adds one to slot zero, and returns it.
const COUNT: &str = "0x6000546001018060005560005260206000f3";
/// Runs for ever.
const LOOP: &str = "0x5b600056";
/// Reverts with `Error("no")`.
const REVERT: &str = "0x7f08c379a00000000000000000000000000000000000000000000000000000000060005260206004526002602452\
                      7f6e6f00000000000000000000000000000000000000000000000000000000000060445260646000fd";

fn word(value: u64) -> String {
    format!("{:#066x}", U256::from(value))
}

#[test]
fn state_overrides_replace_or_change_storage() {
    let chain = Chain::new();
    let call = |account: Value| {
        let overrides = json!({CONTRACT.to_string(): account});
        json!([{"to": CONTRACT}, "latest", overrides])
    };
    let slot = json!({word(0): word(7)});
    let other = json!({word(1): word(7)});
    let seven = chain.result("eth_call", call(json!({"code": READ_SLOT, "stateDiff": slot})));
    assert_eq!(seven, word(7));
    let seven = chain.result("eth_call", call(json!({"code": READ_SLOT, "state": slot})));
    assert_eq!(seven, word(7));
    let zero = chain.result("eth_call", call(json!({"code": READ_SLOT, "state": other})));
    assert_eq!(zero, word(0));
    let (code, message) =
        chain.error("eth_call", call(json!({"code": READ_SLOT, "state": slot, "stateDiff": slot})));
    assert_eq!((code, message.contains("both 'state' and 'stateDiff'")), (-32000, true));
}

#[test]
fn failures_are_told_in_the_words_that_clients_know() {
    let chain = Chain::new();
    let call = |code: &str| json!([{"to": CONTRACT, "gas": "0x30000"}, "latest", {CONTRACT.to_string(): {"code": code}}]);
    let answer = chain.ask("eth_call", call(REVERT));
    assert_eq!(answer["error"]["code"], 3);
    assert_eq!(answer["error"]["message"], "execution reverted: no");
    assert!(answer["error"]["data"].as_str().unwrap().starts_with("0x08c379a0"));
    assert_eq!(chain.error("eth_call", call(LOOP)), (-32000, "out of gas".into()));
    assert_eq!(chain.error("eth_call", call("0xfe")), (-32000, "invalid opcode: INVALID".into()));
    assert_eq!(chain.error("eth_call", call("0x600056")), (-32000, "invalid jump destination".into()));

    let poor = json!([{"from": NOBODY, "to": CONTRACT, "value": "0x5"}]);
    let (code, message) = chain.error("eth_call", poor);
    assert_eq!(code, -32000);
    assert!(message.starts_with("err: insufficient funds for gas * price + value"), "{message}");
    let cheap = json!([{"from": signers()[0].address(), "to": CONTRACT, "maxFeePerGas": "0x1"}]);
    let (_, message) = chain.error("eth_call", cheap);
    assert!(message.contains("max fee per gas less than block base fee"), "{message}");
    let (_, message) = chain.error("eth_call", json!([{"to": CONTRACT, "gas": "0x1"}]));
    assert!(message.contains("intrinsic gas too low: have 1, want 21000"), "{message}");
    let both = json!([{"to": CONTRACT, "gasPrice": "0x1", "maxFeePerGas": "0x1"}]);
    assert_eq!(chain.error("eth_call", both).0, -32000);
    assert_eq!(chain.error("eth_call", json!([{"to": CONTRACT}, "0x99"])).0, -32000);
}

#[test]
fn block_overrides_are_what_contracts_see() {
    let chain = Chain::new();
    // NUMBER, TIMESTAMP, COINBASE, BASEFEE, GASLIMIT, PREVRANDAO.
    let code = "0x436000524260205241604052486060524560805244 60a05260c06000f3".replace(' ', "");
    let overrides = json!({CONTRACT.to_string(): {"code": code}});
    let block = json!({
        "number": "0x123", "time": "0xffffffff", "feeRecipient": NOBODY, "gasLimit": "0x5",
        "prevRandao": word(9), "baseFeePerGas": "0x4",
    });
    let request = json!({"to": CONTRACT, "from": signers()[0].address(), "gasPrice": "0x4"});
    let output = chain.result("eth_call", json!([request, "latest", overrides, block]));
    let output = hex::decode(output.as_str().unwrap()).unwrap();
    let words: Vec<U256> = output.chunks(32).map(U256::from_be_slice).collect();
    let nobody = U256::from_be_bytes(NOBODY.into_word().0);
    let wanted = [0x123_u64, 0xffff_ffff, 0, 4, 5, 9].map(U256::from);
    assert_eq!(words[0..2], wanted[0..2]);
    assert_eq!(words[2], nobody);
    assert_eq!(words[3..], wanted[3..]);
    let (code, _) =
        chain.error("eth_call", json!([{"to": CONTRACT}, "latest", null, {"beaconRoot": word(1)}]));
    assert_eq!(code, -32000);
}

#[test]
fn calls_of_a_bundle_follow_each_other() {
    let chain = Chain::new();
    let call = json!({"to": CONTRACT});
    let bundles =
        json!([{"transactions": [call, call]}, {"transactions": [call, {"to": CONTRACT, "gas": "0x1"}]}]);
    let overrides = json!({CONTRACT.to_string(): {"code": COUNT}});
    let answers = chain.result("eth_callMany", json!([bundles, {"blockNumber": "latest"}, overrides]));
    assert_eq!(answers[0][0]["value"], word(1));
    assert_eq!(answers[0][1]["value"], word(2));
    assert_eq!(answers[1][0]["value"], word(3));
    assert!(answers[1][1]["error"].as_str().unwrap().contains("intrinsic gas"));
}

#[test]
fn estimates_are_enough_and_not_much_more() {
    let chain = Chain::new();
    let from = signers()[0].address();
    let transfer = json!([{"from": from, "to": NOBODY, "value": "0x1"}]);
    assert_eq!(chain.result("eth_estimateGas", transfer), "0x5208");
    let overrides = json!({CONTRACT.to_string(): {"code": COUNT}});
    let call = json!({"from": from, "to": CONTRACT});
    let estimate = chain.result("eth_estimateGas", json!([call, "latest", overrides]));
    let gas = u64::from_str_radix(estimate.as_str().unwrap().trim_start_matches("0x"), 16).unwrap();
    let with =
        |gas: u64| json!([{"from": from, "to": CONTRACT, "gas": format!("{gas:#x}")}, "latest", overrides]);
    assert_eq!(chain.result("eth_call", with(gas)), word(1));
    assert_eq!(chain.error("eth_call", with(gas * 98 / 100)).1, "out of gas");
    let hopeless = json!([call, "latest", {CONTRACT.to_string(): {"code": REVERT}}]);
    assert_eq!(chain.error("eth_estimateGas", hopeless).0, 3);
    let endless = json!([call, "latest", {CONTRACT.to_string(): {"code": LOOP}}]);
    assert_eq!(chain.error("eth_estimateGas", endless).1, "gas required exceeds allowance (16777216)");
    let poor = json!([{"from": NOBODY, "to": CONTRACT, "value": "0x1", "gasPrice": "0x77359400"}]);
    assert!(chain.error("eth_estimateGas", poor).1.contains("insufficient funds"));
}

#[test]
fn an_access_list_names_what_is_accessed() {
    let chain = Chain::new();
    let overrides = json!({CONTRACT.to_string(): {"code": COUNT}});
    let answer = chain.result("eth_createAccessList", json!([{"to": CONTRACT}, "latest", overrides]));
    assert_eq!(
        answer["accessList"],
        json!([{"address": CONTRACT.to_string().to_lowercase(), "storageKeys": [word(0)]}])
    );
    assert_eq!(answer.get("error"), None);
}

/// A transfer of one wei.
fn signed(nonce: u64, to: Address) -> Bytes {
    let signer = &signers()[0];
    let tx = TxEip1559 {
        chain_id: CHAIN_ID,
        nonce,
        gas_limit: 21_000,
        max_fee_per_gas: 2_000_000_000,
        max_priority_fee_per_gas: 1_000_000_000,
        to: TxKind::Call(to),
        value: U256::ONE,
        ..TxEip1559::default()
    };
    let signature = signer.sign_hash_sync(&tx.signature_hash()).unwrap();
    TxEnvelope::from(tx.into_signed(signature)).encoded_2718().into()
}

#[test]
fn a_simulated_block_changes_the_state_as_a_built_one() {
    let chain = Chain::new();
    let parent = chain.ctx.ledger.head().block.clone();
    let time = parent.header.timestamp + 12;
    let withdrawals = json!([{"index": "0x0", "validatorIndex": "0x1", "address": NOBODY, "amount": "0x7"}]);
    let attributes = json!({
        "timestamp": format!("{time:#x}"), "prevRandao": word(5), "suggestedFeeRecipient": CONTRACT,
        "withdrawals": withdrawals, "parentBeaconBlockRoot": word(0),
    });
    let transactions = json!([signed(0, NOBODY), signed(1, NOBODY)]);
    let built = chain.result("testing_buildBlockV1", json!([parent.hash, attributes, transactions]));
    let payload = &built["executionPayload"];

    let call = json!({
        "from": signers()[0].address(), "to": NOBODY, "value": "0x1", "gas": "0x5208",
        "maxFeePerGas": "0x77359400", "maxPriorityFeePerGas": "0x3b9aca00",
    });
    let block = json!({
        "blockOverrides": {
            "time": format!("{time:#x}"), "prevRandao": word(5), "feeRecipient": CONTRACT,
            "withdrawals": withdrawals, "gasLimit": payload["gasLimit"],
        },
        "calls": [call, call],
    });
    let request = json!([{"blockStateCalls": [block], "validation": true}]);
    let simulated = chain.result("eth_simulateV1", request);
    for field in ["stateRoot", "receiptsRoot", "gasUsed", "logsBloom", "baseFeePerGas"] {
        assert_eq!(simulated[0][field], payload[field], "{field}");
    }
    assert_eq!(payload["transactions"], transactions);
    // Twice the tip of a gigawei for 21,000 gas.
    assert_eq!(built["blockValue"], format!("{:#x}", 2 * 21_000 * 1_000_000_000_u64));
}

#[test]
fn simulations_refuse_with_the_codes_of_the_specification() {
    let chain = Chain::new();
    let from = signers()[0].address();
    let one = |call: Value, validation: bool| json!([{"blockStateCalls": [{"calls": [call]}], "validation": validation}]);
    let fees = json!({"from": from, "to": NOBODY, "maxFeePerGas": "0x77359400"});
    let with = |field: &str, value: &str| {
        let mut call = fees.clone();
        call[field] = value.into();
        call
    };
    let code = |params: Value| chain.error("eth_simulateV1", params).0;
    assert_eq!(code(one(with("nonce", "0x5"), true)), -38011);
    assert_eq!(code(one(with("maxPriorityFeePerGas", "0x7735940000"), true)), -32602);
    assert_eq!(code(one(json!({"from": from, "to": NOBODY}), true)), -38012);
    assert_eq!(code(one(with("gas", "0x1"), false)), -38013);
    assert_eq!(code(one(json!({"from": NOBODY, "to": from, "value": "0x1"}), false)), -38014);
    assert_eq!(code(one(with("gas", "0xffffffffff"), false)), -38015);
    let init_code = format!("0x{}", "00".repeat(49_153));
    assert_eq!(code(one(json!({"from": from, "input": init_code}), false)), -38025);
    assert_eq!(code(json!([{"blockStateCalls": []}])), -32602);
    assert_eq!(code(json!([{"blockStateCalls": [{"blockOverrides": {"number": "0x200"}}]}])), -38026);
    // Any nonce will do without validation.
    let answer =
        chain.result("eth_simulateV1", one(json!({"from": from, "to": NOBODY, "nonce": "0x65"}), false));
    assert_eq!(answer[0]["calls"][0]["status"], "0x1");
}

#[test]
fn precompiled_contracts_send_and_can_be_replaced() {
    let chain = Chain::new();
    let identity = address!("0000000000000000000000000000000000000004");
    let sha = address!("0000000000000000000000000000000000000002");
    let sends = json!({"from": identity, "to": sha, "input": "0x1234"});
    let answer = chain.result("eth_simulateV1", json!([{"blockStateCalls": [{"calls": [sends]}]}]));
    assert_eq!(
        answer[0]["calls"][0]["returnData"],
        "0x3a103a4e5729ad68c02a678ae39accfbc0ae208096437401b7ceab63cca0622f"
    );
    let overrides = json!({identity.to_string(): {"code": READ_SLOT, "movePrecompileToAddress": CONTRACT}});
    let answer = chain.result(
        "eth_simulateV1",
        json!([{"blockStateCalls": [{
        "stateOverrides": overrides,
        "calls": [{"to": CONTRACT, "input": "0x1234"}, {"to": identity, "input": "0x1234"}],
    }, {"calls": [{"to": identity, "input": "0x1234"}]}]}]),
    );
    assert_eq!(answer[0]["calls"][0]["returnData"], "0x1234");
    assert_eq!(answer[0]["calls"][1]["returnData"], word(0));
    // In the next block it is where it was.
    assert_eq!(answer[1]["calls"][0]["returnData"], "0x1234");
}

#[test]
fn all_gas_of_a_simulation_comes_from_one_purse() {
    let chain = Chain::new();
    let call = json!({"to": CONTRACT});
    let block = json!({"calls": [call], "blockOverrides": {"gasLimit": "0x2faf080"}});
    let first = json!({
        "calls": [call], "blockOverrides": {"gasLimit": "0x2faf080"},
        "stateOverrides": {CONTRACT.to_string(): {"code": LOOP}},
    });
    let (code, message) = chain.error("eth_simulateV1", json!([{"blockStateCalls": [first, block]}]));
    assert_eq!(code, -38026, "{message}");
}

#[test]
fn a_filled_transaction_only_lacks_a_signature() {
    let chain = Chain::new();
    let from = signers()[0].address();
    let filled = chain.result("eth_fillTransaction", json!([{"from": from, "to": NOBODY, "value": "0x1"}]));
    assert_eq!(filled["tx"]["type"], "0x2");
    assert_eq!(filled["tx"]["gas"], "0x5208");
    assert_eq!(filled["tx"]["nonce"], "0x0");
    assert_eq!(filled["tx"]["chainId"], format!("{CHAIN_ID:#x}"));
    assert!(filled["raw"].as_str().unwrap().starts_with("0x02"));
    let (code, _) = chain.error("eth_fillTransaction", json!([{"from": from}]));
    assert_eq!(code, -32000);
    let (_, message) = chain.error("eth_fillTransaction", json!([{"to": NOBODY, "chainId": "0x1"}]));
    assert_eq!(message, format!("chainId does not match node's (have=1, want={CHAIN_ID})"));
}

#[test]
fn a_block_access_list_names_sender_and_recipient() {
    let chain = Chain::new();
    chain.ctx.pool.submit_raw(&signed(0, NOBODY), mundi_mempool::Origin::Local).unwrap();
    chain.ctx.developer.as_ref().unwrap().produce().unwrap();
    let list = chain.result("eth_getBlockAccessList", json!(["latest"]));
    let addresses: Vec<_> =
        list.as_array().unwrap().iter().map(|one| one["address"].as_str().unwrap().to_owned()).collect();
    for address in [signers()[0].address(), NOBODY] {
        assert!(addresses.contains(&address.to_string().to_lowercase()), "{address} in {addresses:?}");
    }
    assert!(chain.result("debug_getRawBlockAccessList", json!(["latest"])).as_str().unwrap().len() > 100);
    assert_eq!(chain.result("eth_getBlockAccessList", json!(["0x99"])), Value::Null);
    assert_eq!(chain.error("eth_getBlockAccessList", json!(["0x0"])).0, -32000);
}

#[test]
fn malformed_requests_are_errors() {
    let chain = Chain::new();
    let specs: Vec<_> = chain.methods.specs().iter().map(|spec| spec.name).collect();
    for method in specs {
        for params in [
            json!([]),
            json!([null]),
            json!([7]),
            json!(["0x"]),
            json!([[]]),
            json!([{}, 7]),
            json!([{}, {}, {}, {}]),
        ] {
            let answer = chain.ask(method, params.clone());
            assert!(
                answer.get("result").is_some() || answer["error"]["code"] != -32603,
                "{method} {params}: {answer}"
            );
        }
    }
}
