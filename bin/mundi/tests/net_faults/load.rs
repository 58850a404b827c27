//! A load of transfers, whose senders know nothing of faults: who gets no receipt asks another node.

use crate::{LOOK, PATIENCE, rpc::Rpc};
use alloy_consensus::{SignableTransaction as _, TxEip1559, TxEnvelope};
use alloy_eips::eip2718::Encodable2718 as _;
use alloy_primitives::{Address, TxKind, U256, hex};
use alloy_signer::SignerSync as _;
use alloy_signer_local::PrivateKeySigner;
use mundi_rpc_dev::{DEFAULT_DERIVATION_PATH, DEFAULT_MNEMONIC, developer_accounts};
use serde_json::{Value, json};
use std::{
    mem,
    sync::{
        Arc,
        atomic::{AtomicBool, AtomicUsize, Ordering::Relaxed},
    },
    thread::{self, JoinHandle},
    time::Instant,
};

/// Who sends: so many of the accounts that the genesis makes rich.
pub(crate) const SENDERS: u32 = 8;
/// The chain of `mundi net new`.
const CHAIN_ID: u64 = 31337;
/// How often a sender asks for a receipt before it sends the same to another node.
const QUESTIONS: usize = 20;

/// What a sender did: its transaction with nonce `n` paid `n + 1` wei.
#[derive(Debug)]
pub(crate) struct Sent {
    pub(crate) from: Address,
    pub(crate) to: Address,
    /// Given out by one node or another, by nonce.
    pub(crate) receipts: Vec<Value>,
}

/// Senders at work, each on a thread of its own. Dropped, they give up.
pub(crate) struct Load {
    tally: Arc<Tally>,
    threads: Vec<JoinHandle<Sent>>,
}

#[derive(Default)]
struct Tally {
    /// No more transactions after the current ones.
    is_ending: AtomicBool,
    /// Not even these.
    is_dropped: AtomicBool,
    given: AtomicUsize,
    tries: AtomicUsize,
}

struct Sender {
    number: usize,
    signer: PrivateKeySigner,
    payee: Address,
    nodes: Vec<Rpc>,
    tally: Arc<Tally>,
}

impl Load {
    pub(crate) fn start(nodes: &[Rpc]) -> Self {
        let tally = Arc::new(Tally::default());
        let signers = developer_accounts(DEFAULT_MNEMONIC, SENDERS, DEFAULT_DERIVATION_PATH).unwrap();
        let sender = |(number, signer): (usize, PrivateKeySigner)| {
            let payee = Address::with_last_byte(0xa0 + number as u8);
            let sender = Sender { number, signer, payee, nodes: nodes.to_vec(), tally: Arc::clone(&tally) };
            thread::spawn(move || sender.run())
        };
        let threads = signers.into_iter().enumerate().map(sender).collect();
        Self { tally, threads }
    }

    /// How many receipts were given out.
    pub(crate) fn given(&self) -> usize {
        assert!(!self.threads.iter().any(JoinHandle::is_finished), "a sender has ended; its reason is above");
        self.tally.given.load(Relaxed)
    }

    pub(crate) fn senders(&self) -> usize {
        self.threads.len()
    }

    /// How often a transaction was handed to a node.
    pub(crate) fn tries(&self) -> usize {
        self.tally.tries.load(Relaxed)
    }

    /// Waits until what was sent has its receipts, and sends no more.
    pub(crate) fn end(mut self) -> Vec<Sent> {
        self.tally.is_ending.store(true, Relaxed);
        mem::take(&mut self.threads).into_iter().map(|thread| thread.join().unwrap()).collect()
    }
}

impl Drop for Load {
    fn drop(&mut self) {
        self.tally.is_ending.store(true, Relaxed);
        self.tally.is_dropped.store(true, Relaxed);
    }
}

impl Sender {
    fn run(self) -> Sent {
        let mut sent = Sent { from: self.signer.address(), to: self.payee, receipts: Vec::new() };
        while !self.tally.is_ending.load(Relaxed) {
            let Some(receipt) = self.deliver(sent.receipts.len() as u64) else { break };
            sent.receipts.push(receipt);
            self.tally.given.fetch_add(1, Relaxed);
        }
        sent
    }

    /// Sends a transfer to one node after another until one has its receipt. `None` if nobody wants it any more.
    fn deliver(&self, nonce: u64) -> Option<Value> {
        let (hash, raw) = self.transfer(nonce);
        let (mut said, until) = (Value::Null, Instant::now() + PATIENCE);
        for at in self.number + nonce as usize.. {
            if self.tally.is_dropped.load(Relaxed) {
                return None;
            }
            assert!(Instant::now() < until, "sender {}: no receipt for {hash}: {said}", self.number);
            let node = self.nodes[at % self.nodes.len()];
            self.tally.tries.fetch_add(1, Relaxed);
            let Some(answer) = node.ask("eth_sendRawTransaction", &json!([raw])) else {
                thread::sleep(LOOK);
                continue;
            };
            // One that knows it already refuses it: then it has its receipt, or gets it.
            said = answer;
            for _ in 0..QUESTIONS {
                thread::sleep(LOOK);
                match node.ask("eth_getTransactionReceipt", &json!([hash])) {
                    Some(mut answer) if answer["result"].is_object() => return Some(answer["result"].take()),
                    Some(_) => {}
                    None => break,
                }
            }
        }
        unreachable!("there is always another node")
    }

    /// A signed transfer, and its hash.
    fn transfer(&self, nonce: u64) -> (String, String) {
        let transaction = TxEip1559 {
            chain_id: CHAIN_ID,
            nonce,
            gas_limit: 21_000,
            max_fee_per_gas: 10_000_000_000,
            max_priority_fee_per_gas: 1_000_000_000,
            to: TxKind::Call(self.payee),
            value: U256::from(nonce + 1),
            ..TxEip1559::default()
        };
        let signature = self.signer.sign_hash_sync(&transaction.signature_hash()).unwrap();
        let envelope = TxEnvelope::Eip1559(transaction.into_signed(signature));
        (envelope.tx_hash().to_string(), hex::encode_prefixed(envelope.encoded_2718()))
    }
}
