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
        let mut rounds = self.sign(&mut node, nonce).await?.into_iter();

        // The first block after the preparation is slower than others.
        let mut report = FloodReport::new(self);
        node.round(&rounds.next().unwrap_or_default(), self.blocks, None).await?;
        while let (Some(first), Some(second)) = (rounds.next(), rounds.next()) {
            // Who begins takes turns too.
            let floods_first = report.quiet.len() % 2 == 1;
            for (transactions, floods) in [(first, floods_first), (second, !floods_first)] {
                let flood = floods.then_some((&flood, flooders));
                let Made { stages, machine, flood } = node.round(&transactions, self.blocks, flood).await?;
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

    /// Signs the transfers of all rounds, and of one to begin with: for each the bodies of requests.
    async fn sign(&self, node: &mut Node<'_>, nonce: u64) -> Result<Vec<Vec<Bytes>>, LoadError> {
        let chain_id: U64 = node.connection.call("eth_chainId", json!([])).await?;
        let price: U256 = node.connection.call("eth_gasPrice", json!([])).await?;
        let max_fee = price.saturating_to::<u128>().saturating_mul(10).max(10_000_000_000);
        let senders = Senders::new(chain_id.to(), SENDERS, self.seed, max_fee);
        let addresses = senders.addresses();
        let in_round = self.transactions * self.blocks;
        let transfer = |index: usize| {
            let (sender, nonce) = (index % SENDERS, nonce + (index / SENDERS) as u64);
            let to = TxKind::Call(addresses[(sender + 1) % SENDERS]);
            hex::encode_prefixed(senders.sign(sender, nonce, to, U256::ONE, Raw::new(), 21_000).raw)
        };
        let round = |round: usize| -> Vec<Bytes> {
            let indices: Vec<usize> = (round * in_round..(round + 1) * in_round).collect();
            let bodies = indices.chunks(BATCH).map(|indices| {
                let calls = indices.iter().enumerate().map(|(id, index)| {
                    let raw = transfer(*index);
                    json!({"jsonrpc": "2.0", "id": id, "method": "eth_sendRawTransaction", "params": [raw]})
                });
                Value::from_iter(calls).to_string().into()
            });
            bodies.collect()
        };
        Ok((0..2 * self.rounds + 1).into_par_iter().map(round).collect())
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
