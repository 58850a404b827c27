//! A network of nodes in one process.

use alloy_consensus::{SignableTransaction as _, TxEip1559, TxEnvelope};
use alloy_eips::eip2718::Encodable2718 as _;
use alloy_primitives::{Address, B256, TxKind, U256};
use alloy_signer::SignerSync as _;
use alloy_signer_local::PrivateKeySigner;
use mundi_chain::{DeveloperGenesis, Genesis};
use mundi_consensus::{Dealt, GroupKey, deal};
use mundi_execution::StateSnapshot as _;
use mundi_mempool::Origin;
use mundi_node::{DataDir, Node, NodeConfig, Settings, ThreadConfig, Threads, genesis_to_json};
use rand_core::UnwrapErr;
use serde_json::{Value, json};
use std::{
    fs,
    net::TcpListener,
    num::NonZeroUsize,
    path::PathBuf,
    sync::Arc,
    time::{Duration, SystemTime},
};
use tempfile::TempDir;
use tokio::runtime::Runtime;

/// Who is paid one wei by every transaction.
pub(crate) const PAYEE: Address = Address::repeat_byte(0x55);

/// After so long without a block a network counts as broken; it makes one every second.
const BROKEN: Duration = Duration::from_secs(60);

/// Most notifications that wait while a method is asked; there are none.
const NOTIFICATIONS: usize = 16;

/// A network, some of whose nodes may be running.
pub(crate) struct Network {
    folder: TempDir,
    genesis: Genesis,
    dealt: Dealt,
    threads: Arc<Threads>,
    runtime: Runtime,
}

fn signer() -> PrivateKeySigner {
    PrivateKeySigner::from_slice(&[0x42; 32]).unwrap()
}

/// What the payee has on a node.
pub(crate) fn paid(node: &Node) -> U256 {
    node.ledger().head().state.account(&PAYEE).unwrap().map_or(U256::ZERO, |account| account.balance)
}

impl Network {
    /// The files of a network of so many validators, on free ports.
    pub(crate) fn new(validators: usize) -> Self {
        let now = SystemTime::now().duration_since(SystemTime::UNIX_EPOCH).unwrap().as_secs();
        let preset = DeveloperGenesis {
            timestamp: now,
            accounts: vec![signer().address()],
            equal_timestamps: true,
            ..DeveloperGenesis::default()
        };
        let genesis = Genesis::developer(&preset).unwrap();
        // All at once, so that no two are the same.
        let free: Vec<_> = (0..validators).map(|_| TcpListener::bind("127.0.0.1:0").unwrap()).collect();
        let members: Vec<_> = free
            .iter()
            .enumerate()
            .map(|(index, free)| (format!("node{index}"), free.local_addr().unwrap().to_string()))
            .collect();
        let dealt = deal(UnwrapErr(getrandom::SysRng), genesis.hash, &members).unwrap();
        let folder = tempfile::tempdir().unwrap();
        let at = |name: String| folder.path().join(name);
        fs::write(at("genesis.json".into()), genesis_to_json(&genesis)).unwrap();
        dealt.network.write(&at("network.json".into())).unwrap();
        for (index, secrets) in dealt.validators.iter().enumerate() {
            secrets.write(&at(format!("validator{index}.json"))).unwrap();
        }
        let threads = ThreadConfig::for_cores(NonZeroUsize::new(2).unwrap());
        let runtime = tokio::runtime::Builder::new_multi_thread().worker_threads(1).enable_all().build();
        Self {
            threads: Arc::new(Threads::start(&threads).unwrap()),
            runtime: runtime.unwrap(),
            folder,
            genesis,
            dealt,
        }
    }

    fn path(&self, name: &str) -> String {
        self.folder.path().join(name).display().to_string()
    }

    fn settings(&self, folder: &str, more: &[(&str, &str)]) -> NodeConfig {
        let flags = [("http.port", "0"), ("metrics.port", "0"), ("state.cache", "8MiB")];
        let settings = Settings::default().with_flags(flags.into_iter().chain(more.iter().copied())).unwrap();
        settings.node(DataDir::new(PathBuf::from(self.path(folder)))).unwrap()
    }

    /// What a validator is told.
    pub(crate) fn config(&self, index: usize) -> NodeConfig {
        let (genesis, network) = (self.path("genesis.json"), self.path("network.json"));
        let secrets = self.path(&format!("validator{index}.json"));
        let flags = [
            ("genesis", genesis.as_str()),
            ("consensus.network", network.as_str()),
            ("consensus.validator", secrets.as_str()),
        ];
        self.settings(&format!("data{index}"), &flags)
    }

    pub(crate) fn threads(&self) -> Arc<Threads> {
        Arc::clone(&self.threads)
    }

    /// Starts a validator, or starts it again.
    pub(crate) fn start(&self, index: usize) -> Node {
        Node::start(self.config(index), self.threads()).unwrap()
    }

    /// Starts a node that follows another, and knows nothing else but the key.
    pub(crate) fn follow(&self, node: &Node, folder: &str, more: &[(&str, &str)]) -> Node {
        let url = format!("http://{}", node.addresses().http.unwrap());
        let key = self.group_key().to_string();
        let flags = [("consensus.follow", url.as_str()), ("consensus.group_key", key.as_str())];
        let node = Node::start(self.settings(folder, &[&flags, more].concat()), self.threads()).unwrap();
        assert_eq!(node.ledger().store().genesis(), self.genesis.hash);
        node
    }

    pub(crate) fn group_key(&self) -> GroupKey {
        GroupKey::from_bytes(&self.dealt.network.group_key).unwrap()
    }

    /// Sends a transfer to a node, as its users do.
    pub(crate) fn send(&self, node: &Node, nonce: u64) -> B256 {
        let transaction = TxEip1559 {
            chain_id: self.genesis.spec.chain_id(),
            nonce,
            gas_limit: 21_000,
            max_fee_per_gas: 10_000_000_000,
            max_priority_fee_per_gas: 1,
            to: TxKind::Call(PAYEE),
            value: U256::from(1),
            ..TxEip1559::default()
        };
        let signature = signer().sign_hash_sync(&transaction.signature_hash()).unwrap();
        let raw = TxEnvelope::Eip1559(transaction.into_signed(signature)).encoded_2718();
        let hash = node.pool().submit_raw(&raw, Origin::Local).unwrap();
        node.sequencer().wake();
        hash
    }

    /// Waits for what becomes true with some block.
    pub(crate) fn wait<T>(&self, node: &Node, what: &str, found: impl Fn() -> Option<T>) -> T {
        let mut events = node.ledger().events();
        loop {
            if let Some(found) = found() {
                return found;
            }
            let next = async { tokio::time::timeout(BROKEN, events.recv()).await };
            if self.runtime.block_on(next).is_err() {
                panic!(
                    "{what}: there are no blocks any more; {:?}",
                    self.ask(node, "mundi_status", json!([]))
                );
            }
        }
    }

    /// Waits until a transaction is in a block of a node, and gives its height.
    pub(crate) fn included(&self, node: &Node, hash: &B256) -> u64 {
        self.wait(node, "a transaction", || Some(node.ledger().transaction(hash).unwrap()?.0.header.number))
    }

    /// Waits until a certificate proves a block to a node, as its `finalized` tag says.
    pub(crate) fn finalized(&self, node: &Node, height: u64) {
        self.wait(node, "finality", || {
            let block = self.ask(node, "eth_getBlockByNumber", json!(["finalized", false]));
            let finalized = u64::from_str_radix(&block["number"].as_str()?[2..], 16).unwrap();
            (finalized >= height).then_some(())
        });
    }

    /// Waits until all nodes are that far, and compares their blocks.
    pub(crate) fn agree(&self, nodes: &[Node], height: u64) {
        for node in nodes {
            self.wait(node, "a height", || {
                (node.ledger().head().block.header.number >= height).then_some(())
            });
            for height in 0..=height {
                let hash = |node: &Node| node.ledger().block(height).unwrap().unwrap().hash;
                assert_eq!(hash(node), hash(&nodes[0]), "at height {height}");
            }
        }
    }

    /// Calls a method in process, and checks the form of what it returns.
    pub(crate) fn ask(&self, node: &Node, method: &str, params: Value) -> Value {
        let (module, specs) = node.methods().into_parts();
        let request = json!({"jsonrpc": "2.0", "id": 1, "method": method, "params": params}).to_string();
        let answer = self.runtime.block_on(module.raw_json_request(&request, NOTIFICATIONS));
        let answer: Value = serde_json::from_str(answer.unwrap().0.get()).unwrap();
        let result = answer.get("result").unwrap_or_else(|| panic!("{method}: {answer}"));
        let spec = specs.iter().find(|spec| spec.name == method).unwrap();
        spec.result.check(result).unwrap_or_else(|error| panic!("{method}: result{error}"));
        result.clone()
    }

    /// What `/ready` says, and whether the figures are there.
    pub(crate) fn is_ready(&self, node: &Node) -> bool {
        let address = node.addresses().metrics.unwrap();
        let get = |path: &str| {
            use std::io::{Read as _, Write as _};
            let mut stream = std::net::TcpStream::connect(address).unwrap();
            write!(stream, "GET {path} HTTP/1.1\r\nHost: {address}\r\nConnection: close\r\n\r\n").unwrap();
            let mut answer = String::new();
            stream.read_to_string(&mut answer).unwrap();
            answer
        };
        let figures = get("/metrics");
        for figure in
            ["consensus_ordered_height", "consensus_anchored_height", "consensus_view", "consensus_peers"]
        {
            assert!(figures.contains(&format!("\n{figure} ")), "{figure}: {figures}");
        }
        assert!(!figures.contains("# EOF"), "another form");
        get("/ready").starts_with("HTTP/1.1 200")
    }
}
