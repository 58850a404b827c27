//! Fetching from a node, against a node of our own that knows one block and answers as Geth does.

mod support;

use alloy_primitives::{Address, U256, map::HashMap};
use flate2::read::GzDecoder;
use mundi_chain::ChainSpec;
use mundi_execution::{Committed, MemoryState, Options, StateChanges, StateSnapshot, execute};
use mundi_replay::{
    BlockFile, FetchError, FetchOptions, Fetched, ReplayOptions, block_files, fetch_block, replay,
};
use serde_json::{Value, json};
use std::{
    collections::BTreeSet,
    io::{BufRead as _, BufReader, Read as _, Write as _},
    net::{TcpListener, TcpStream},
    num::NonZeroUsize,
    path::{Path, PathBuf},
    sync::Arc,
    thread,
    time::Duration,
};

const NUMBER: u64 = 19_500_000;

/// What the node knows, and how it behaves.
struct Node {
    number: u64,
    file: Value,
    traces: Value,
    /// Methods that it refuses.
    refused: Vec<&'static str>,
}

impl Node {
    fn new() -> Self {
        Self::knowing(support::synthetic())
    }

    fn knowing(file: Value) -> Self {
        let number = file["block"]["number"].as_str().unwrap();
        let number = u64::from_str_radix(number.trim_start_matches("0x"), 16).unwrap();
        let traces = traces(&file);
        Self { number, file, traces, refused: Vec::new() }
    }

    /// Serves for as long as the test process lives, and gives the URL.
    fn serve(self) -> String {
        let listener = TcpListener::bind("127.0.0.1:0").unwrap();
        let url = format!("http://{}/key", listener.local_addr().unwrap());
        let node = Arc::new(self);
        thread::spawn(move || {
            for stream in listener.incoming().flatten() {
                let node = Arc::clone(&node);
                thread::spawn(move || node.connection(stream));
            }
        });
        url
    }

    fn connection(&self, stream: TcpStream) {
        let mut reader = BufReader::new(stream.try_clone().unwrap());
        let mut stream = stream;
        loop {
            let mut length = 0;
            loop {
                let mut line = String::new();
                if reader.read_line(&mut line).unwrap_or(0) == 0 {
                    return;
                }
                if let Some((name, value)) = line.split_once(':')
                    && name.eq_ignore_ascii_case("content-length")
                {
                    length = value.trim().parse().unwrap();
                }
                if line.trim().is_empty() {
                    break;
                }
            }
            let mut body = vec![0; length];
            reader.read_exact(&mut body).unwrap();
            let answer = match serde_json::from_slice(&body).unwrap() {
                // Answers of a batch may come in any order.
                Value::Array(calls) => calls.iter().rev().map(|call| self.answer(call)).collect(),
                call => self.answer(&call),
            };
            let answer = answer.to_string();
            let head = format!(
                "HTTP/1.1 200 OK\r\ncontent-type: application/json\r\ncontent-length: {}\r\n\r\n",
                answer.len()
            );
            // In one write: two would wait for each other (Nagle).
            stream.write_all((head + &answer).as_bytes()).unwrap();
        }
    }

    fn answer(&self, call: &Value) -> Value {
        let (method, params) = (call["method"].as_str().unwrap(), &call["params"]);
        if self.refused.contains(&method) {
            let error = json!({ "code": -32601, "message": format!("the method {method} does not exist") });
            return json!({ "jsonrpc": "2.0", "id": call["id"], "error": error });
        }
        let at_parent =
            |position: usize| assert_eq!(params[position], format!("{:#x}", self.number - 1), "{call}");
        let account = || self.account(params[0].as_str().unwrap());
        let result = match method {
            "eth_getBlockByNumber" if params[1] == true => {
                if params[0] == format!("{:#x}", self.number) {
                    self.file["block"].clone()
                } else {
                    Value::Null
                }
            }
            "eth_getBlockByNumber" => {
                let number = u64::from_str_radix(&params[0].as_str().unwrap()[2..], 16).unwrap();
                json!({ "hash": self.file["block_hashes"][number.to_string()], "number": params[0] })
            }
            "debug_traceBlockByNumber" => {
                assert_eq!(params[1]["tracer"], "prestateTracer");
                self.traces.clone()
            }
            "eth_getBalance" => {
                at_parent(1);
                account().map_or_else(|| json!("0x0"), |account| account["balance"].clone())
            }
            "eth_getTransactionCount" => {
                at_parent(1);
                json!(format!("{:#x}", account().map_or(0, |account| account["nonce"].as_u64().unwrap())))
            }
            "eth_getCode" => {
                at_parent(1);
                account().and_then(|account| account.get("code")).cloned().unwrap_or_else(|| json!("0x"))
            }
            "eth_getStorageAt" => {
                at_parent(2);
                let slot = params[1].as_str().unwrap();
                let value = account().and_then(|account| account["storage"].get(slot));
                let value: U256 = value.map_or(U256::ZERO, |value| value.as_str().unwrap().parse().unwrap());
                json!(format!("0x{value:064x}"))
            }
            "eth_getUncleByBlockNumberAndIndex" => Value::Null,
            other => panic!("the node was asked for {other}"),
        };
        json!({ "jsonrpc": "2.0", "id": call["id"], "result": result })
    }

    fn account(&self, address: &str) -> Option<&Value> {
        let accounts = self.file["pre_state"].as_object().unwrap();
        accounts.iter().find(|(key, _)| key.eq_ignore_ascii_case(address)).map(|(_, account)| account)
    }
}

/// What Geth's prestate tracer says: for each transaction what it touches, as it was before that transaction;
/// accounts that did not exist are left out. (Reads without writes are listed with the first transaction.)
fn traces(file: &Value) -> Value {
    let pool = support::pool();
    let block = BlockFile::parse(Path::new("node"), file.to_string().as_bytes())
        .unwrap()
        .prepare(&ChainSpec::mainnet(), &pool)
        .unwrap();
    let mut stream: Vec<StateChanges> = Vec::new();
    let mut keep = |committed: Committed<'_>| stream.push(committed.changes.unwrap().clone());
    let options = Options { stream_changes: true, ..Options::sequential() };
    execute(&block.block, &block.state, &pool, &options, &mut keep).unwrap();

    let mut state: MemoryState = block.state.clone();
    let code: HashMap<_, _> = stream.iter().flat_map(|changes| changes.code.clone()).collect();
    let mut traces = Vec::new();
    for (index, changes) in stream.iter().enumerate() {
        let mut touched: Vec<(Address, BTreeSet<U256>)> = changes
            .accounts
            .iter()
            .map(|change| (change.address, change.storage.iter().map(|(slot, _)| *slot).collect()))
            .collect();
        touched.extend(block.transactions[index].to.map(|to| (to, BTreeSet::new())));
        let mut accounts = json!({});
        for (address, slots) in touched {
            // The tracer of this node does not see the beneficiary, as some do not.
            if address == block.header.beneficiary {
                continue;
            }
            let Some(account) = state.account(&address).unwrap() else { continue };
            let entry = &mut accounts[address.to_string().to_lowercase()];
            entry["balance"] = json!(format!("{:#x}", account.balance));
            if account.nonce > 0 {
                entry["nonce"] = json!(account.nonce);
            }
            if account.has_code() {
                let code =
                    code.get(&account.code_hash).cloned().or_else(|| state.code(&account.code_hash).ok());
                entry["code"] = json!(code.unwrap().original_bytes());
            }
            for slot in slots {
                let value = state.storage(&address, &slot).unwrap();
                entry["storage"][format!("0x{slot:064x}")] = json!(format!("0x{value:064x}"));
            }
        }
        traces.push(json!({ "txHash": block.transactions[index].hash, "result": accounts }));
        state.apply(changes);
    }
    Value::Array(traces)
}

fn fetch(url: &str, number: u64) -> Result<Fetched, FetchError> {
    let options = FetchOptions { url: url.to_owned(), timeout: Duration::from_secs(20) };
    fetch_block(&options, number, &ChainSpec::mainnet(), &support::pool())
}

#[test]
fn a_fetched_block_replays() {
    let url = Node::new().serve();
    let fetched = fetch(&url, NUMBER).unwrap();
    assert!(fetched.warnings.is_empty(), "{:?}", fetched.warnings);

    let folder = Folder::new("replays");
    let path = fetched.write(&folder.0.join("deep")).unwrap();
    assert_eq!(path, folder.0.join("deep/19500000.json.gz"));
    assert_eq!(std::fs::read_dir(folder.0.join("deep")).unwrap().count(), 1, "nothing else is left behind");
    let file = BlockFile::read(&path).unwrap();

    // Whatever the traces showed too late is as the parent's state has it.
    let original = BlockFile::parse(Path::new("node"), support::synthetic().to_string().as_bytes()).unwrap();
    for (address, account) in &file.pre_state {
        let original = original.pre_state.get(address).unwrap_or_else(|| panic!("{address} did not exist"));
        assert_eq!(
            (account.balance, account.nonce, &account.code),
            (original.balance, original.nonce, &original.code)
        );
    }
    assert!(file.block_hashes.contains_key(&(NUMBER - 2)));

    let (pool, chain) = (support::pool(), ChainSpec::mainnet());
    let options = ReplayOptions::new(NonZeroUsize::new(2).unwrap());
    let replayed = replay(&file.prepare(&chain, &pool).unwrap(), &pool, &options).unwrap();
    assert!(replayed.record.is_right(), "{:#?}", replayed.record.differences);
}

#[test]
fn fetched_real_blocks_replay() {
    let beside = || Path::new(env!("CARGO_MANIFEST_DIR")).join("../../../shared/fixtures");
    let folder = std::env::var_os("MUNDI_FIXTURES").map_or_else(beside, PathBuf::from).join("blocks");
    if !folder.is_dir() {
        eprintln!(
            "skipped: no real blocks here; set MUNDI_FIXTURES to a folder with blocks/<number>.json.gz"
        );
        return;
    }
    for path in block_files(&[folder]).unwrap().iter().step_by(8) {
        let mut json = String::new();
        GzDecoder::new(std::fs::File::open(path).unwrap()).read_to_string(&mut json).unwrap();
        let node = Node::knowing(serde_json::from_str(&json).unwrap());
        let number = node.number;
        // What is written was executed and compared with the header already.
        let fetched = fetch(&node.serve(), number).unwrap_or_else(|error| panic!("{error}"));
        // The fixtures name ommers by hash only, so this node does not have their headers.
        assert!(fetched.warnings.iter().all(|warning| warning.contains("ommers")), "{:?}", fetched.warnings);
    }
}

#[test]
fn a_node_that_tells_nothing_but_block_and_traces_gives_a_file_with_warnings() {
    let mut node = Node::new();
    node.refused = vec!["eth_getBalance", "eth_getTransactionCount", "eth_getCode", "eth_getStorageAt"];
    // Without the parent's state a contract that the block itself creates cannot be told from one that was there.
    let fetched = fetch(&node.serve(), NUMBER);
    match fetched {
        Ok(fetched) => assert!(!fetched.warnings.is_empty()),
        Err(FetchError::Differs { warnings, .. }) => assert!(!warnings.is_empty()),
        Err(error) => panic!("{error}"),
    }
}

#[test]
fn a_node_without_the_debug_namespace_is_named_as_the_reason() {
    let mut node = Node::new();
    node.refused = vec!["debug_traceBlockByNumber"];
    let error = fetch(&node.serve(), NUMBER).unwrap_err().to_string();
    assert!(error.contains("block 19500000") && error.contains("debug namespace"), "{error}");
}

#[test]
fn a_block_that_the_node_does_not_have_is_named() {
    let error = fetch(&Node::new().serve(), NUMBER + 1).unwrap_err().to_string();
    assert!(error.contains("block 19500001") && error.contains("does not have it"), "{error}");
}

#[test]
fn wrong_traces_are_found_out_before_anything_is_written() {
    let mut node = Node::new();
    let sender = node.file["block"]["transactions"][1]["from"].as_str().unwrap().to_lowercase();
    for trace in node.traces.as_array_mut().unwrap() {
        if let Some(account) = trace["result"].get_mut(&sender) {
            account["nonce"] = json!(9);
        }
    }
    node.refused = vec!["eth_getBalance", "eth_getTransactionCount"];
    let error = fetch(&node.serve(), NUMBER).unwrap_err();
    assert!(matches!(error, FetchError::Execution { .. }), "{error}");
}

#[test]
fn answers_that_are_no_answers_are_errors_without_the_key_of_the_url() {
    let answers: [&[u8]; 5] = [
        b"",
        b"not http at all\r\n\r\n",
        b"HTTP/1.1 500 Oops\r\ncontent-length: 4\r\n\r\noops",
        b"HTTP/1.1 200 OK\r\ncontent-length: 100000\r\n\r\n{",
        b"HTTP/1.1 200 OK\r\ncontent-length: 2\r\n\r\n[]",
    ];
    for answer in answers {
        let listener = TcpListener::bind("127.0.0.1:0").unwrap();
        let url = format!("http://{}/secret-key", listener.local_addr().unwrap());
        thread::spawn(move || {
            for mut stream in listener.incoming().flatten() {
                let mut request = [0; 4096];
                let _ = stream.read(&mut request);
                let _ = stream.write_all(answer);
            }
        });
        let error = fetch(&url, NUMBER).unwrap_err().to_string();
        assert!(error.contains("block 19500000") && !error.contains("secret"), "{error}");
    }
}

/// A folder that goes with the test.
struct Folder(PathBuf);

impl Folder {
    fn new(name: &str) -> Self {
        let path = std::env::temp_dir().join(format!("mundi-fetch-{name}-{}", std::process::id()));
        let _ = std::fs::remove_dir_all(&path);
        Self(path)
    }
}

impl Drop for Folder {
    fn drop(&mut self) {
        let _ = std::fs::remove_dir_all(&self.0);
    }
}
