//! A developers' chain with small contracts on it, written in instructions.

use alloy_consensus::{SignableTransaction, TxEip1559, TxEnvelope};
use alloy_primitives::{Address, B256, Bytes, Signature, TxKind, U256};
use mundi_chain::OrderedTransaction;
use mundi_consensus::Mining;
use mundi_rpc_context::{
    Limits, Methods,
    test::{CHAIN_ID, TestContext, developer_context, run_request, signers},
};
use serde_json::{Value, json};
use std::{collections::HashMap, sync::Arc};

/// Writes 1 to slot 0, logs topic 0xaa and returns 42.
pub(crate) const STORER: &str = "600160005560aa60006000a1602a60005260206000f3";
/// Calls the contract whose address is the input, with the value it got and its own four first bytes of input.
pub(crate) const CALLER: &str = "6000600060046000346000355af15000";
/// Reverts with 0xdeadbeef.
pub(crate) const REVERTER: &str = "63deadbeef6000526004601cfd";
/// Reverts with `Error("no")`.
pub(crate) const REASON: &str = concat!(
    "7f08c379a000000000000000000000000000000000000000000000000000000000600052",
    "6020600452600260245261",
    "6e6f",
    "60f01b604452",
    "60646000fd"
);
/// Never ends.
pub(crate) const LOOP: &str = "5b600056";
/// Calls itself with all gas.
pub(crate) const RECURSION: &str = "60006000600060006000305af100";
/// Gives everything to who called.
pub(crate) const DESTROYER: &str = "33ff";
/// Creates a contract without code.
pub(crate) const FACTORY: &str = "600060006000f000";
/// A byte string that is too short for what it wants from the stack.
pub(crate) const UNDERFLOW: &str = "01";

/// A chain and the methods over it.
pub(crate) struct Chain {
    pub(crate) context: TestContext,
    pub(crate) methods: Methods,
    nonces: HashMap<Address, u64>,
}

impl Chain {
    pub(crate) fn new() -> Self {
        Self::with_limits(|_| {})
    }

    pub(crate) fn with_limits(change: impl FnOnce(&mut Limits)) -> Self {
        let mut context = developer_context(Mining::Manual);
        change(&mut Arc::get_mut(&mut context.ctx).expect("nobody else has it").limits);
        let methods = mundi_rpc_trace::methods(context.ctx.clone());
        Self { context, methods, nonces: HashMap::new() }
    }

    /// The address of an account.
    pub(crate) fn account(&self, index: usize) -> Address {
        signers()[index].address()
    }

    /// A transaction of account 0, with the next nonce.
    pub(crate) fn tx(&mut self, to: TxKind, value: u64, input: impl Into<Bytes>) -> Arc<OrderedTransaction> {
        let sender = self.account(0);
        let nonce = self.nonces.entry(sender).or_default();
        let tx = TxEip1559 {
            chain_id: CHAIN_ID,
            nonce: *nonce,
            gas_limit: 1_000_000,
            max_fee_per_gas: 10_000_000_000,
            max_priority_fee_per_gas: 1_000_000_000,
            to,
            value: U256::from(value),
            input: input.into(),
            ..TxEip1559::default()
        };
        *nonce += 1;
        // The sender is taken at its word.
        let envelope = TxEnvelope::from(tx.into_signed(Signature::test_signature()));
        Arc::new(OrderedTransaction::new(envelope, sender))
    }

    /// Makes a block of transactions, all of which have to be in it; gives their hashes.
    pub(crate) fn block(&mut self, transactions: Vec<Arc<OrderedTransaction>>) -> Vec<B256> {
        let hashes = transactions.iter().map(|tx| tx.hash()).collect();
        let sealed = self.context.solo.produce_of(transactions).expect("a block is made");
        assert!(sealed.skipped.is_empty(), "{:?}", sealed.skipped);
        hashes
    }

    /// Makes a block of one transaction.
    pub(crate) fn send(&mut self, to: Address, value: u64, input: impl Into<Bytes>) -> B256 {
        let tx = self.tx(to.into(), value, input);
        self.block(vec![tx])[0]
    }

    /// Puts a contract in place; gives its address and the transaction.
    pub(crate) fn deploy(&mut self, runtime: &str) -> (Address, B256) {
        let nonce = self.nonces.get(&self.account(0)).copied().unwrap_or_default();
        let tx = self.tx(TxKind::Create, 0, deployment(runtime));
        let hash = self.block(vec![tx])[0];
        (self.account(0).create(nonce), hash)
    }

    /// Runs a method and gives the response.
    pub(crate) fn respond(&self, method: &str, params: &Value) -> Value {
        let request = json!({"jsonrpc": "2.0", "id": 1, "method": method, "params": params});
        let response = run_request(&self.methods, &request.to_string());
        let spec =
            self.methods.specs().iter().find(|spec| spec.name == method).expect("the method is declared");
        if let Some(result) = response.get("result") {
            spec.result.check(result).unwrap_or_else(|error| panic!("{method}: result{error}"));
        }
        response
    }

    /// Runs a method that has to succeed.
    pub(crate) fn ask(&self, method: &str, params: Value) -> Value {
        let mut response = self.respond(method, &params);
        assert!(response.get("error").is_none(), "{method} {params}: {response}");
        response["result"].take()
    }

    /// Runs a method that has to fail, and gives code and message.
    pub(crate) fn refused(&self, method: &str, params: Value) -> (i64, String) {
        let response = self.respond(method, &params);
        let error = response.get("error").unwrap_or_else(|| panic!("{method} {params}: {response}"));
        (error["code"].as_i64().expect("a number"), error["message"].as_str().expect("text").to_owned())
    }
}

/// Code that puts `runtime` in place.
fn deployment(runtime: &str) -> Bytes {
    const HEAD: usize = 14;
    let runtime = alloy_primitives::hex::decode(runtime).expect("digits");
    let [high, low] = u16::try_from(runtime.len()).expect("short").to_be_bytes();
    let mut code = vec![0x61, high, low, 0x60, HEAD as u8, 0x60, 0, 0x39, 0x61, high, low, 0x60, 0, 0xf3];
    code.extend(runtime);
    code.into()
}

/// An address as a word of input.
pub(crate) fn word(address: Address) -> Bytes {
    B256::left_padding_from(address.as_slice()).0.into()
}
