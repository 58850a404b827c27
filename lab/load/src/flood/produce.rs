//! Rounds of blocks, quiet and flooded by turns.

use super::{
    Flood, Heavy,
    figures::{Busy, Figures},
    report::{FloodReport, FloodTally, Machine, Stages},
};
use crate::{
    connection::{Connection, LoadError, Transport},
    round::Round,
    senders::{Senders, Workload},
};
use alloy_primitives::{Address, Bytes as Raw, TxKind, U64, U256, hex};
use bytes::Bytes;
use rayon::prelude::*;
use serde_json::{Value, json};
use std::{
    net::SocketAddr,
    time::{Duration, Instant},
};
use tokio::runtime::Handle;

/// Accounts that send.
const SENDERS: usize = 200;
/// Token transfers that the chain begins with, for their logs; fewer than one `eth_getLogs` may return.
const LOGS: usize = 10_000;
/// Transactions in a request.
const BATCH: usize = 200;

/// What is measured.
#[derive(Clone, Debug)]
pub struct FloodBench {
    /// Transactions of a block.
    pub transactions: usize,
    /// Blocks of a round.
    pub blocks: usize,
    /// Rounds of each kind, quiet and flooded.
    pub rounds: usize,
    /// Connections that flood.
    pub connections: usize,
    /// What they send.
    pub kinds: Vec<Heavy>,
    /// By how much the threads that flood stand back, for the report.
    pub courtesy: u8,
    /// For keys.
    pub seed: u64,
    /// Who pays: the phrase of an account that has something.
    pub mnemonic: String,
}

/// The node that is measured.
struct Node<'a> {
    url: &'a str,
    figures: SocketAddr,
    pid: Option<u32>,
    connection: Connection,
    /// Of a block.
    transactions: usize,
}

/// What a round gave.
struct Made {
    stages: Stages,
    machine: Machine,
    flood: Option<FloodTally>,
}

impl FloodBench {
    /// Measures the node at `url`: one that makes blocks by itself, of at most [`transactions`](Self::transactions), and obeys
    /// `evm_setAutomine` and `evm_mine`. `figures` is its listener for `/metrics`, `pid` its process. The flood runs on
    /// `flooders`. `done` is called after each round.
    pub async fn run(
        &self,
        url: &str,
        figures: SocketAddr,
        pid: Option<u32>,
        flooders: &Handle,
        mut done: impl FnMut(),
    ) -> Result<FloodReport, LoadError> {
        let connection = Connection::open(url, Transport::Http).await?;
        let mut node = Node { url, figures, pid, connection, transactions: self.transactions };
        let nonce = self.prepare(&mut node).await?;
        let contract = node.token().await?;
        let requests = self.kinds.iter().map(|kind| (*kind, kind.request(contract))).collect();
        let flood = Flood { requests, connections: self.connections };
        let mut transfers = self.transfers(&mut node, nonce).await?;

        let mut report = FloodReport::new(self);
        // The first block after the preparation is slower than others.
        node.round(&transfers.round(), self.blocks, None).await?;
        for round in 0..self.rounds {
            // Who begins takes turns too.
            for floods in [round % 2 == 1, round % 2 == 0] {
                let flood = floods.then_some((&flood, flooders));
                let Made { stages, machine, flood } =
                    node.round(&transfers.round(), self.blocks, flood).await?;
                match flood {
                    Some(tally) => report.flooded(stages, machine, tally),
                    None => report.quiet(stages, machine),
                }
                done();
            }
        }
        report.summarise();
        Ok(report)
    }

    /// Makes senders and a chain with logs; from then on blocks are made on command. Returns the senders' next nonce.
    async fn prepare(&self, node: &mut Node<'_>) -> Result<u64, LoadError> {
        let round = Round {
            workload: Workload::Erc20,
            transport: Transport::Http,
            transactions: LOGS,
            batch: BATCH,
            connections: 1,
            senders: SENDERS,
            seed: self.seed,
            mnemonic: self.mnemonic.clone(),
        };
        let outcome = round.run(node.url, node.pid).await?;
        if outcome.committed < LOGS {
            let why = outcome.refusal.unwrap_or_default();
            eyre::bail!(
                "only {} of {LOGS} transfers of the preparation are committed: {why}",
                outcome.committed
            );
        }
        let _: Value = node.connection.call("evm_setAutomine", json!([false])).await?;
        Ok((LOGS / SENDERS) as u64)
    }

    /// The senders' keys; `nonce` is their next.
    async fn transfers(&self, node: &mut Node<'_>, nonce: u64) -> Result<Transfers, LoadError> {
        let chain_id: U64 = node.connection.call("eth_chainId", json!([])).await?;
        let price: U256 = node.connection.call("eth_gasPrice", json!([])).await?;
        let max_fee = price.saturating_to::<u128>().saturating_mul(10).max(10_000_000_000);
        let senders = Senders::new(chain_id.to(), SENDERS, self.seed, max_fee);
        let to = senders.addresses();
        Ok(Transfers { senders, to, nonce, signed: 0, in_round: self.transactions * self.blocks })
    }
}

/// Signs transfers, the senders by turns.
struct Transfers {
    senders: Senders,
    /// Their addresses.
    to: Vec<Address>,
    /// Each one's first nonce.
    nonce: u64,
    /// How many are signed.
    signed: usize,
    in_round: usize,
}

impl Transfers {
    /// The bodies of the requests of one round.
    fn round(&mut self) -> Vec<Bytes> {
        let first = self.signed;
        self.signed += self.in_round;
        let indices: Vec<usize> = (first..self.signed).collect();
        let body = |indices: &[usize]| {
            let calls = indices.iter().enumerate().map(|(id, index)| {
                let raw = self.sign(*index);
                json!({"jsonrpc": "2.0", "id": id, "method": "eth_sendRawTransaction", "params": [raw]})
            });
            Value::from_iter(calls).to_string().into()
        };
        indices.par_chunks(BATCH).map(body).collect()
    }

    fn sign(&self, index: usize) -> String {
        let (sender, nonce) = (index % SENDERS, self.nonce + (index / SENDERS) as u64);
        let to = TxKind::Call(self.to[(sender + 1) % SENDERS]);
        hex::encode_prefixed(self.senders.sign(sender, nonce, to, U256::ONE, Raw::new(), 21_000).raw)
    }
}

impl Node<'_> {
    /// The token: what the newest transactions call.
    async fn token(&mut self) -> Result<Address, LoadError> {
        let block: Value = self.connection.call("eth_getBlockByNumber", json!(["latest", true])).await?;
        let token = block["transactions"][0]["to"].as_str().and_then(|token| token.parse().ok());
        token.ok_or_else(|| {
            eyre::eyre!("the newest block has no transaction that calls something: {block:.200}")
        })
    }

    /// Gives the node transactions, and has it make blocks of them.
    async fn round(
        &mut self,
        transactions: &[Bytes],
        blocks: usize,
        flood: Option<(&Flood, &Handle)>,
    ) -> Result<Made, LoadError> {
        for body in transactions {
            let answer = self.connection.post(body.clone()).await?;
            if let Some(at) = answer.windows(7).position(|word| word == b"\"error\"") {
                let text = String::from_utf8_lossy(&answer[at..]);
                eyre::bail!("a transfer was refused: {text:.200}");
            }
        }
        let before = Figures::ask(self.figures).await?;
        let busy = Busy::now(self.pid);
        let flooding = match flood {
            Some((flood, threads)) => Some(flood.begin(self.url, threads).await),
            None => None,
        };
        let mut command = Duration::ZERO;
        for _ in 0..blocks {
            let begun = Instant::now();
            let _: Value = self.connection.call("evm_mine", json!([])).await?;
            command += begun.elapsed();
        }
        let machine = Busy::now(self.pid).since(&busy);
        let flood = match flooding {
            Some(flooding) => Some(flooding.end().await),
            None => None,
        };
        let after = Figures::ask(self.figures).await?;
        let (made, committed) = (after.blocks - before.blocks, after.transactions - before.transactions);
        let (all, given) = (blocks as f64, (blocks * self.transactions) as f64);
        if made != all || committed != given {
            eyre::bail!("{made} blocks with {committed} transactions were made, not {all} with {given}");
        }
        Ok(Made { stages: after.since(&before, command), machine, flood })
    }
}
