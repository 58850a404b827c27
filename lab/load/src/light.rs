//! Transfers one after another, on a node that has nothing else to do.

use crate::{
    connection::{Connection, LoadError, Transport},
    report::{Latency, percentile},
    senders::Senders,
    watch::POLL,
};
use alloy_primitives::{Bytes, TxKind, U64, U256, hex};
use alloy_signer_local::MnemonicBuilder;
use serde::Deserialize;
use serde_json::json;
use std::time::{Duration, Instant};

/// How long a transfer may take to be final.
const PATIENCE: Duration = Duration::from_secs(60);

/// What is sent.
#[derive(Clone, Debug)]
pub struct Light {
    /// How many transfers.
    pub transfers: usize,
    /// From one to the next: nothing is sent meanwhile.
    pub pause: Duration,
    /// Who pays: the phrase of an account that has something.
    pub mnemonic: String,
}

/// How long they took, in milliseconds.
#[derive(Clone, Copy, Debug, serde::Serialize)]
pub struct LightReport {
    /// How many there were.
    pub transfers: usize,
    /// From sending to the receipt.
    pub receipt: Latency,
    /// From sending until the node has its block under the tag `finalized`; at most [`POLL`] too long.
    pub finalized: Latency,
}

#[derive(Deserialize)]
#[serde(rename_all = "camelCase")]
struct Receipt {
    block_number: U64,
    status: U64,
}

#[derive(Deserialize)]
struct Block {
    number: U64,
}

impl Light {
    /// Runs against nodes of one chain by turns.
    pub async fn run(&self, urls: &[String]) -> Result<LightReport, LoadError> {
        let mut connections = Vec::new();
        for url in urls {
            connections.push(Connection::open(url, Transport::Http).await?);
        }
        let first = connections.first_mut().ok_or_else(|| eyre::eyre!("there is no node to ask"))?;
        let rich = MnemonicBuilder::try_from_phrase_nth(&self.mnemonic, 0)
            .map_err(|error| eyre::eyre!("{error}"))?;
        let address = rich.address();
        let chain_id: U64 = first.call("eth_chainId", json!([])).await?;
        let price: U256 = first.call("eth_gasPrice", json!([])).await?;
        let nonce: U64 = first.call("eth_getTransactionCount", json!([address, "latest"])).await?;
        let max_fee = price.saturating_to::<u128>().saturating_mul(10).max(10_000_000_000);
        let sender = Senders::of(chain_id.to(), vec![rich], max_fee);
        let (mut receipts, mut finals) = (Vec::new(), Vec::new());
        let nodes = connections.len();
        for number in 0..self.transfers {
            tokio::time::sleep(self.pause).await;
            let nonce = nonce.to::<u64>() + number as u64;
            let signed = sender.sign(0, nonce, TxKind::Call(address), U256::ONE, Bytes::new(), 21_000);
            let connection = &mut connections[number % nodes];
            let raw = hex::encode_prefixed(&signed.raw);
            let sent = Instant::now();
            let receipt: Receipt = connection.call("eth_sendRawTransactionSync", json!([raw])).await?;
            receipts.push(sent.elapsed().as_secs_f64());
            eyre::ensure!(receipt.status == U64::ONE, "a transfer failed");
            loop {
                let newest: Block =
                    connection.call("eth_getBlockByNumber", json!(["finalized", false])).await?;
                if newest.number >= receipt.block_number {
                    break;
                }
                eyre::ensure!(sent.elapsed() < PATIENCE, "a transfer is not final after {PATIENCE:?}");
                tokio::time::sleep(POLL).await;
            }
            finals.push(sent.elapsed().as_secs_f64());
        }
        let latency = |mut seconds: Vec<f64>| {
            seconds.sort_by(f64::total_cmp);
            let of = |part| 1e3 * percentile(&seconds, part);
            Latency { median: of(0.5), p95: of(0.95), p99: of(0.99) }
        };
        Ok(LightReport { transfers: self.transfers, receipt: latency(receipts), finalized: latency(finals) })
    }
}
