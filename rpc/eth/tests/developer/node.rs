//! A node in the test's process.

use alloy_primitives::{Address, B256, Bytes, hex};
use jsonrpsee::RpcModule;
use mundi_consensus::Mining;
use mundi_rpc_context::{
    Ctx, MethodSpec,
    test::{TestContext, developer_context, signers},
};
use serde_json::{Value, json};
use tokio::{runtime::Runtime, sync::mpsc};

/// Most notifications that may wait.
const NOTIFICATIONS: usize = 1024;

/// Code of a creation that logs once, with the topic `0xbb` and the data `0xaa`, and creates nothing.
pub(crate) const LOGGING: &[u8] = &hex!("60aa60005260bb60206000a1");

/// A developers' chain with the methods.
pub(crate) struct Node {
    pub(crate) test: TestContext,
    module: RpcModule<Ctx>,
    specs: Vec<MethodSpec>,
    runtime: Runtime,
}

impl Node {
    pub(crate) fn new(mining: Mining) -> Self {
        let test = developer_context(mining);
        let (module, specs) = mundi_rpc_eth::methods(Ctx::clone(&test.ctx)).into_parts();
        let runtime =
            tokio::runtime::Builder::new_multi_thread().worker_threads(2).enable_time().build().unwrap();
        Self { test, module, specs, runtime }
    }

    /// A call, as a task that the test may wait for later.
    pub(crate) fn begin(&self, method: &'static str, params: Value) -> tokio::task::JoinHandle<Value> {
        let request = json!({"jsonrpc": "2.0", "id": 1, "method": method, "params": params}).to_string();
        let methods = jsonrpsee::Methods::from(self.module.clone());
        self.runtime.spawn(async move {
            let (response, _) = methods.raw_json_request(&request, NOTIFICATIONS).await.unwrap();
            serde_json::from_str(response.get()).unwrap()
        })
    }

    pub(crate) fn end(&self, method: &str, call: tokio::task::JoinHandle<Value>) -> Result<Value, Value> {
        let response = self.runtime.block_on(call).unwrap();
        match response.get("error") {
            Some(error) => Err(error.clone()),
            None => {
                let spec = self.specs.iter().find(|spec| spec.name == method).unwrap();
                let result = response["result"].clone();
                if let Err(error) = spec.result.check(&result) {
                    panic!("{method}: not of the declared form: result{error}");
                }
                Ok(result)
            }
        }
    }

    pub(crate) fn try_call(&self, method: &'static str, params: Value) -> Result<Value, Value> {
        let call = self.begin(method, params);
        self.end(method, call)
    }

    #[track_caller]
    pub(crate) fn call(&self, method: &'static str, params: Value) -> Value {
        match self.try_call(method, params.clone()) {
            Ok(result) => result,
            Err(error) => panic!("{method} {params}: {error}"),
        }
    }

    /// A call that fails; its code.
    #[track_caller]
    pub(crate) fn code(&self, method: &'static str, params: Value) -> i64 {
        match self.try_call(method, params) {
            Ok(result) => panic!("{method}: expected an error, got {result}"),
            Err(error) => error["code"].as_i64().unwrap(),
        }
    }

    pub(crate) fn subscribe(&self, params: Value) -> Subscription<'_> {
        let request =
            json!({"jsonrpc": "2.0", "id": 1, "method": "eth_subscribe", "params": params}).to_string();
        let answer = self.runtime.block_on(self.module.raw_json_request(&request, NOTIFICATIONS));
        let (response, notifications) = answer.unwrap();
        let response: Value = serde_json::from_str(response.get()).unwrap();
        assert!(response.get("error").is_none(), "{response}");
        Subscription { node: self, notifications }
    }

    /// Makes a block of what waits, and gives its height.
    pub(crate) fn mine(&self) -> u64 {
        self.test.solo.produce().unwrap().block.header.number
    }

    /// Sends a creation that logs once.
    pub(crate) fn send_log(&self) -> B256 {
        self.send(json!({"from": account(0), "data": Bytes::from_static(LOGGING)}))
    }

    /// Sends a transaction with a key of the node.
    #[track_caller]
    pub(crate) fn send(&self, transaction: Value) -> B256 {
        serde_json::from_value(self.call("eth_sendTransaction", json!([transaction]))).unwrap()
    }

    /// A transfer by an account, signed and encoded.
    pub(crate) fn transfer(&self, from: usize, nonce: u64) -> Bytes {
        let request = json!({"from": account(from), "to": account(2), "value": "0x1", "nonce": format!("{nonce:#x}"), "gas": "0x5208"});
        let signed = self.call("eth_signTransaction", json!([request]));
        serde_json::from_value(signed["raw"].clone()).unwrap()
    }
}

pub(crate) struct Subscription<'a> {
    node: &'a Node,
    notifications: mpsc::Receiver<Box<serde_json::value::RawValue>>,
}

impl Subscription<'_> {
    /// The next notification's result.
    pub(crate) fn next(&mut self) -> Value {
        let notification = self.node.runtime.block_on(self.notifications.recv()).unwrap();
        let notification: Value = serde_json::from_str(notification.get()).unwrap();
        assert_eq!(notification["method"], "eth_subscription");
        notification["params"]["result"].clone()
    }
}

pub(crate) fn account(index: usize) -> Address {
    signers()[index].address()
}
