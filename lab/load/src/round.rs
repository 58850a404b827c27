//! One round: fund, sign, send, watch.

use crate::{
    connection::{Connection, LoadError, Transport},
    process::Usage,
    senders::{Senders, Signed, Workload},
    watch,
};
use alloy_primitives::{Address, B256, Bytes, TxKind, U64, U256, hex};
use alloy_signer_local::{MnemonicBuilder, PrivateKeySigner};
use bytes::{BufMut, BytesMut};
use serde_json::{Value, json};
use std::time::{Duration, Instant};

/// What a sender is given: enough for all it will ever send.
const FUND: u128 = 2_000_000_000_000_000_000;
/// What is sent, and how.
#[derive(Clone, Debug)]
pub struct Round {
    /// What.
    pub workload: Workload,
    /// How.
    pub transport: Transport,
    /// How many.
    pub transactions: usize,
    /// In each request.
    pub batch: usize,
    /// Requests at a time.
    pub connections: usize,
    /// Accounts that send.
    pub senders: usize,
    /// For keys and recipients. A chain that has seen a seed needs another one.
    pub seed: u64,
    /// Who pays: the phrase of an account that has something.
    pub mnemonic: String,
}

/// What became of a round.
#[derive(Clone, Debug, serde::Serialize)]
pub struct Outcome {
    /// Transactions sent.
    pub sent: usize,
    /// Transactions taken.
    pub accepted: usize,
    /// Transactions in blocks.
    pub committed: usize,
    /// The first refusal, if there was one.
    pub refusal: Option<String>,
    /// From the first request to the last answer.
    pub sending: Duration,
    /// From the first request to the last block.
    pub committing: Duration,
    /// From request to block, of each committed transaction, ascending, in seconds.
    #[serde(skip)]
    pub latencies: Vec<f64>,
    /// Blocks that came.
    pub blocks: u64,
    /// Gas they used.
    pub gas: u64,
    /// Processor time of the generator meanwhile, in seconds.
    pub generator_cpu: f64,
    /// What the node used meanwhile, if it runs here.
    pub node: Option<Usage>,
}

impl Round {
    /// Runs against the node at `url`; `pid` is its process, if it is known.
    pub async fn run(&self, url: &str, pid: Option<u32>) -> Result<Outcome, LoadError> {
        let mut connection = Connection::open(url, Transport::Http).await?;
        let chain_id: U64 = connection.call("eth_chainId", json!([])).await?;
        let price: U256 = connection.call("eth_gasPrice", json!([])).await?;
        let max_fee = price.saturating_to::<u128>().saturating_mul(10).max(10_000_000_000);
        let senders = Senders::new(chain_id.to(), self.senders, self.seed, max_fee);
        let token = self.prepare(&mut connection, &senders, chain_id.to(), max_fee).await?;
        let signed = senders.workload(self.workload, token, self.transactions, self.seed);
        let height: U64 = connection.call("eth_blockNumber", json!([])).await?;

        let requests = self.requests(&signed);
        let (own, node) = (Usage::of(std::process::id()), pid.and_then(Usage::of));
        let start = Instant::now();
        let watcher = {
            let (url, count) = (url.to_owned(), self.transactions);
            tokio::spawn(async move { watch::watch(&url, height.to(), count).await })
        };
        let mut tasks = Vec::new();
        for requests in requests {
            let (url, transport) = (url.to_owned(), self.transport);
            tasks.push(tokio::spawn(send(url, transport, requests)));
        }
        let mut sent_at = Vec::new();
        let (mut accepted, mut refusal) = (0, None);
        for task in tasks {
            let done = task.await??;
            accepted += done.accepted;
            refusal = refusal.or(done.refusal);
            sent_at.extend(done.sent_at);
        }
        let sending = start.elapsed();
        let seen = watcher.await??;
        let committing = seen.last.map_or(Duration::ZERO, |last| last - start);
        let used = |before: Option<Usage>, after: Option<Usage>| {
            before.zip(after).map(|(before, after)| Usage { cpu: after.cpu - before.cpu, ..after })
        };
        let own = used(own, Usage::of(std::process::id()));
        let node = used(node, pid.and_then(Usage::of));
        let mut latencies: Vec<f64> = sent_at
            .iter()
            .flat_map(|(at, hashes)| hashes.iter().map(move |hash| (at, hash)))
            .filter_map(|(at, hash)| Some((*seen.at.get(hash)? - *at).as_secs_f64()))
            .collect();
        latencies.sort_by(f64::total_cmp);
        Ok(Outcome {
            sent: self.transactions,
            accepted,
            committed: latencies.len(),
            refusal,
            sending,
            committing,
            latencies,
            blocks: seen.blocks,
            gas: seen.gas,
            generator_cpu: own.map_or(0.0, |own| own.cpu),
            node,
        })
    }

    /// Gives every sender something, and deploys the token if one is needed.
    async fn prepare(
        &self,
        connection: &mut Connection,
        senders: &Senders,
        chain_id: u64,
        max_fee: u128,
    ) -> Result<Option<Address>, LoadError> {
        let rich: PrivateKeySigner = MnemonicBuilder::try_from_phrase_nth(&self.mnemonic, 0)
            .map_err(|error| eyre::eyre!("{error}"))?;
        let address = rich.address();
        let funder = Senders::of(chain_id, vec![rich], max_fee);
        let nonce: U64 = connection.call("eth_getTransactionCount", json!([address, "latest"])).await?;
        let mut nonce = nonce.to::<u64>();
        let mut last = None;
        for to in senders.addresses() {
            let signed = funder.sign(0, nonce, TxKind::Call(to), U256::from(FUND), Bytes::new(), 21_000);
            let raw = hex::encode_prefixed(&signed.raw);
            let _: B256 = connection.call("eth_sendRawTransaction", json!([raw])).await?;
            nonce += 1;
            last = Some(signed.hash);
        }
        let mut token = None;
        if self.workload != Workload::Transfer {
            let code = senders.token_init_code();
            let signed = funder.sign(0, nonce, TxKind::Create, U256::ZERO, code, 15_000_000);
            let raw = hex::encode_prefixed(&signed.raw);
            let _: B256 = connection.call("eth_sendRawTransaction", json!([raw])).await?;
            token = Some(address.create(nonce));
            last = Some(signed.hash);
        }
        let Some(last) = last else { return Ok(token) };
        let deadline = Instant::now() + Duration::from_secs(60);
        while Instant::now() < deadline {
            let receipt: Value = connection.call("eth_getTransactionReceipt", json!([last])).await?;
            match receipt.get("status").and_then(Value::as_str) {
                Some("0x1") => return Ok(token),
                Some(status) => eyre::bail!("the last transaction of the preparation has status {status}"),
                None => tokio::time::sleep(Duration::from_millis(20)).await,
            }
        }
        eyre::bail!("the senders were not funded within a minute; does the node make blocks?")
    }

    /// The requests of each connection: a sender's transactions go over one connection, in order, and senders take turns.
    fn requests(&self, signed: &[Vec<Signed>]) -> Vec<Vec<Request>> {
        let connections = self.connections.max(1);
        (0..connections)
            .map(|connection| {
                let own: Vec<&Vec<Signed>> = signed.iter().skip(connection).step_by(connections).collect();
                let longest = own.iter().map(|list| list.len()).max().unwrap_or(0);
                let by_turns: Vec<&Signed> = (0..longest)
                    .flat_map(|nonce| own.iter().filter_map(move |list| list.get(nonce)))
                    .collect();
                by_turns.chunks(self.batch.max(1)).map(request).collect()
            })
            .collect()
    }
}

/// A request with the hashes of its transactions.
struct Request {
    body: bytes::Bytes,
    hashes: Vec<B256>,
}

fn request(transactions: &[&Signed]) -> Request {
    let mut body = BytesMut::with_capacity(transactions.len() * 400);
    body.put_u8(b'[');
    for (id, signed) in transactions.iter().enumerate() {
        if id > 0 {
            body.put_u8(b',');
        }
        body.put_slice(b"{\"jsonrpc\":\"2.0\",\"id\":");
        body.put_slice(id.to_string().as_bytes());
        body.put_slice(b",\"method\":\"eth_sendRawTransaction\",\"params\":[\"");
        body.put_slice(hex::encode_prefixed(&signed.raw).as_bytes());
        body.put_slice(b"\"]}");
    }
    body.put_u8(b']');
    Request { body: body.freeze(), hashes: transactions.iter().map(|signed| signed.hash).collect() }
}

struct Sent {
    accepted: usize,
    refusal: Option<String>,
    sent_at: Vec<(Instant, Vec<B256>)>,
}

/// Sends one request after another.
async fn send(url: String, transport: Transport, requests: Vec<Request>) -> Result<Sent, LoadError> {
    let mut connection = Connection::open(&url, transport).await?;
    let mut sent = Sent { accepted: 0, refusal: None, sent_at: Vec::new() };
    for Request { body, hashes } in requests {
        let at = Instant::now();
        let answer = connection.post(body).await?;
        let refused = count(&answer, b"\"error\"");
        if refused > 0 && sent.refusal.is_none() {
            let text = String::from_utf8_lossy(&answer);
            let from = text.find("\"error\"").unwrap_or(0);
            sent.refusal = Some(text[from..].chars().take(200).collect());
        }
        sent.accepted += hashes.len().saturating_sub(refused);
        sent.sent_at.push((at, hashes));
    }
    Ok(sent)
}

/// How often a word is in an answer: parsing it would cost the machine more than sending it.
fn count(answer: &[u8], word: &[u8]) -> usize {
    answer.windows(word.len()).filter(|window| *window == word).count()
}
