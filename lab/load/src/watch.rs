//! Watching blocks come.

use crate::connection::{Connection, LoadError};
use alloy_primitives::{B256, U64, map::B256Map};
use serde::Deserialize;
use serde_json::json;
use std::time::{Duration, Instant};

/// How often the watcher asks for a new block.
pub const POLL: Duration = Duration::from_millis(5);
/// How long nothing may be committed before the watcher gives up.
const PATIENCE: Duration = Duration::from_secs(15);

#[derive(Deserialize)]
#[serde(rename_all = "camelCase")]
struct Block {
    transactions: Vec<B256>,
    gas_used: U64,
}

/// What came.
#[derive(Debug, Default)]
pub(crate) struct Seen {
    /// When each transaction was first seen in a block.
    pub(crate) at: B256Map<Instant>,
    pub(crate) blocks: u64,
    pub(crate) gas: u64,
    pub(crate) last: Option<Instant>,
}

/// Watches from the block after `height` on until `count` transactions have come, or none for a long time.
pub(crate) async fn watch(url: &str, mut height: u64, count: usize) -> Result<Seen, LoadError> {
    let mut connection = Connection::open(url, crate::Transport::Http).await?;
    let mut seen = Seen::default();
    let mut patience = Instant::now();
    while seen.at.len() < count && patience.elapsed() < PATIENCE {
        let newest: U64 = connection.call("eth_blockNumber", json!([])).await?;
        if newest.to::<u64>() <= height {
            tokio::time::sleep(POLL).await;
            continue;
        }
        height += 1;
        let params = json!([format!("0x{height:x}"), false]);
        let block: Option<Block> = connection.call("eth_getBlockByNumber", params).await?;
        let Some(block) = block else { continue };
        let now = Instant::now();
        seen.blocks += 1;
        seen.gas += block.gas_used.to::<u64>();
        if !block.transactions.is_empty() {
            seen.last = Some(now);
            patience = now;
        }
        for hash in block.transactions {
            seen.at.entry(hash).or_insert(now);
        }
    }
    Ok(seen)
}
