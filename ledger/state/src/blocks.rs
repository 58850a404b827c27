//! What is kept of blocks: headers, bodies, receipts, and where to find them.
//!
//! | table | key | value |
//! |---|---|---|
//! | headers | height | hash ‖ total difficulty (32 bytes) ‖ header RLP |
//! | bodies | height | body RLP ‖ senders (20 bytes each) |
//! | receipts | height | see [`receipts`](crate::receipts) |
//! | heights | block hash | height |
//! | transactions | transaction hash | height ‖ index in the block (4 bytes) |
//! | logs | see [`log_index`] | |
//!
//! Numbers are big-endian; a height has 8 bytes.
//!
//! ## Invariants
//! * A block is in all tables or in none: [`put_block`] and [`delete_block`] write one batch.
//! * Blocks kept satisfy [`check_block`].
//!
//! Bytes that do not decode, or contradict their key, give [`StoreError::Damaged`]; a header is checked against
//! its hash. What decoding allocates is at most a small multiple of the bytes read.

use crate::{
    block::BlockRecord,
    error::StoreError,
    kv::{Batch, Table, View},
    log_index,
    receipts::{StoredReceipt, decode_receipts, encode_receipts},
};
use alloy_consensus::{BlockBody, Header, ReceiptEnvelope, TxEip4844Variant, TxEnvelope};
use alloy_primitives::{Address, B256, U256, keccak256};
use alloy_rlp::{Decodable, Encodable};
use std::fmt::Display;

/// A header with what is known of its place in the chain.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct StoredHeader {
    /// The header.
    pub header: Header,
    /// Its hash.
    pub hash: B256,
    /// Sum of the difficulties up to and with this block.
    pub total_difficulty: U256,
}

/// The body of a block with the senders of its transactions.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct StoredBody {
    /// Transactions, ommers and withdrawals.
    pub body: BlockBody<TxEnvelope>,
    /// Sender of each transaction, in the order of the transactions.
    pub senders: Vec<Address>,
}

/// Whether a block can be kept: the hash is that of the header, there are as many senders and receipts as
/// transactions, and blob transactions are as in a block, without their sidecars.
pub(crate) fn check_block(block: &BlockRecord) -> Result<(), StoreError> {
    let height = block.header.number;
    let transactions = &block.body.transactions;
    let count = transactions.len();
    let sidecars = transactions.iter().filter(|tx| has_sidecar(tx)).count();
    let hash = block.header.hash_slow();
    if hash != block.hash {
        let (expected, got) = (hash.to_string(), block.hash.to_string());
        return Err(StoreError::Mismatch { height, field: "hash", expected, got });
    }
    for (field, expected, got) in [
        ("number of senders", count, block.senders.len()),
        ("number of receipts", count, block.receipts.len()),
        ("number of blob sidecars", 0, sidecars),
    ] {
        if expected != got {
            let (expected, got) = (expected.to_string(), got.to_string());
            return Err(StoreError::Mismatch { height, field, expected, got });
        }
    }
    Ok(())
}

fn has_sidecar(tx: &TxEnvelope) -> bool {
    matches!(tx, TxEnvelope::Eip4844(tx) if !matches!(tx.tx(), TxEip4844Variant::TxEip4844(_)))
}

/// Writes a block, which satisfies [`check_block`], into all tables.
pub(crate) fn put_block(batch: &mut Batch<'_>, block: &BlockRecord) {
    let key = block.header.number.to_be_bytes();
    let header = encode_header(&block.header, &block.hash, &block.total_difficulty);
    batch.put(Table::Headers, &key, &header);
    batch.put(Table::Bodies, &key, &encode_body(block));
    batch.put(Table::Receipts, &key, &encode_receipts(&block.receipts));
    batch.put(Table::Heights, block.hash.as_slice(), &key);
    for (index, tx) in (0u32..).zip(&block.body.transactions) {
        let mut place = [0; 12];
        place[..8].copy_from_slice(&key);
        place[8..].copy_from_slice(&index.to_be_bytes());
        batch.put(Table::Transactions, tx.tx_hash().as_slice(), &place);
    }
    let logs = block.receipts.iter().flat_map(ReceiptEnvelope::logs);
    log_index::put(batch, block.header.number, logs);
}

/// Writes a header whose block is not here.
pub(crate) fn put_header(batch: &mut Batch<'_>, header: &StoredHeader) {
    let key = header.header.number.to_be_bytes();
    let value = encode_header(&header.header, &header.hash, &header.total_difficulty);
    batch.put(Table::Headers, &key, &value);
    batch.put(Table::Heights, header.hash.as_slice(), &key);
}

/// Removes a block of `view` from all tables.
///
/// A block put later in the same batch stays, also when it has the same height or transactions.
///
/// # Errors
/// [`StoreError::Damaged`] if the block is not there, or not wholly.
pub(crate) fn delete_block(batch: &mut Batch<'_>, view: &View, height: u64) -> Result<(), StoreError> {
    let key = height.to_be_bytes();
    let hash = block_hash(view, height)?.ok_or_else(|| absent(Table::Headers, height))?;
    for hash in transaction_hashes(view, height)? {
        batch.delete(Table::Transactions, hash.as_slice());
    }
    let receipts = stored_receipts(view, height)?.ok_or_else(|| absent(Table::Receipts, height))?;
    log_index::delete(batch, height, receipts.iter().flat_map(|stored| &stored.receipt.logs));
    batch.delete(Table::Heights, hash.as_slice());
    for table in [Table::Headers, Table::Bodies, Table::Receipts] {
        batch.delete(table, &key);
    }
    Ok(())
}

/// The header of a block.
pub(crate) fn header(view: &View, height: u64) -> Result<Option<StoredHeader>, StoreError> {
    let value = view.get(Table::Headers, &height.to_be_bytes())?;
    value.map(|value| decode_header(height, &value)).transpose()
}

/// The hash of a block, as the table has it: cheaper than [`header`], which checks it.
pub(crate) fn block_hash(view: &View, height: u64) -> Result<Option<B256>, StoreError> {
    let Some(value) = view.get(Table::Headers, &height.to_be_bytes())? else { return Ok(None) };
    let (hash, _) = value.split_first_chunk::<32>().ok_or_else(|| cut(Table::Headers, height))?;
    Ok(Some(hash.into()))
}

/// The height of the block with this hash.
pub(crate) fn height_of(view: &View, hash: &B256) -> Result<Option<u64>, StoreError> {
    let Some(value) = view.get(Table::Heights, hash.as_slice())? else { return Ok(None) };
    let height = (*value).try_into().map_err(|_| {
        StoreError::Damaged(format!("heights, block {hash}: {} bytes instead of 8", value.len()))
    })?;
    Ok(Some(u64::from_be_bytes(height)))
}

/// The body of a block.
pub(crate) fn body(view: &View, height: u64) -> Result<Option<StoredBody>, StoreError> {
    let value = view.get(Table::Bodies, &height.to_be_bytes())?;
    value.map(|value| decode_body(height, &value)).transpose()
}

/// The receipts of a block, one per transaction.
pub(crate) fn receipts(view: &View, height: u64) -> Result<Option<Vec<ReceiptEnvelope>>, StoreError> {
    let receipts = stored_receipts(view, height)?;
    Ok(receipts.map(|receipts| receipts.into_iter().map(StoredReceipt::into_envelope).collect()))
}

/// The receipts of a block without their blooms, which are most of the cost of [`receipts`].
pub(crate) fn stored_receipts(view: &View, height: u64) -> Result<Option<Vec<StoredReceipt>>, StoreError> {
    let value = view.get(Table::Receipts, &height.to_be_bytes())?;
    value
        .map(|value| decode_receipts(&value).map_err(|error| damaged(Table::Receipts, height, error)))
        .transpose()
}

/// The height of the block with this transaction, and the transaction's index in it.
pub(crate) fn transaction(view: &View, hash: &B256) -> Result<Option<(u64, u32)>, StoreError> {
    let Some(value) = view.get(Table::Transactions, hash.as_slice())? else { return Ok(None) };
    match value.split_first_chunk::<8>() {
        Some((height, index)) if index.len() == 4 => {
            let index = index.iter().fold(0, |index, byte| index << 8 | u32::from(*byte));
            Ok(Some((u64::from_be_bytes(*height), index)))
        }
        _ => {
            let problem = format!("transactions, {hash}: {} bytes instead of 12", value.len());
            Err(StoreError::Damaged(problem))
        }
    }
}

/// The hashes of a block's transactions, without decoding these.
///
/// # Errors
/// [`StoreError::Damaged`] if there is no such body, or it is not a body.
pub(crate) fn transaction_hashes(view: &View, height: u64) -> Result<Vec<B256>, StoreError> {
    let value = view.get(Table::Bodies, &height.to_be_bytes())?;
    let value = value.ok_or_else(|| absent(Table::Bodies, height))?;
    hash_transactions(&value).map_err(|error| damaged(Table::Bodies, height, error))
}

fn hash_transactions(mut bytes: &[u8]) -> Result<Vec<B256>, alloy_rlp::Error> {
    let mut body = alloy_rlp::Header::decode_bytes(&mut bytes, true)?;
    let mut list = alloy_rlp::Header::decode_bytes(&mut body, true)?;
    let mut hashes = Vec::new();
    while !list.is_empty() {
        // A legacy transaction is an RLP list; a typed one is a string that holds its EIP-2718 encoding.
        let item = list;
        let header = alloy_rlp::Header::decode(&mut list)?;
        let (payload, rest) =
            list.split_at_checked(header.payload_length).ok_or(alloy_rlp::Error::InputTooShort)?;
        let encoding = if header.list { &item[..item.len() - rest.len()] } else { payload };
        hashes.push(keccak256(encoding));
        list = rest;
    }
    Ok(hashes)
}

/// A value of [`Table::Headers`].
pub(crate) fn encode_header(header: &Header, hash: &B256, total_difficulty: &U256) -> Vec<u8> {
    let mut value = Vec::with_capacity(64 + header.length());
    value.extend_from_slice(hash.as_slice());
    value.extend_from_slice(&total_difficulty.to_be_bytes::<32>());
    header.encode(&mut value);
    value
}

/// Reads a value of [`Table::Headers`].
pub(crate) fn decode_header(height: u64, bytes: &[u8]) -> Result<StoredHeader, StoreError> {
    let damaged = |problem: &dyn Display| damaged(Table::Headers, height, problem);
    let cut = || cut(Table::Headers, height);
    let (hash, bytes) = bytes.split_first_chunk::<32>().ok_or_else(cut)?;
    let (total_difficulty, mut bytes) = bytes.split_first_chunk::<32>().ok_or_else(cut)?;
    if keccak256(bytes) != *hash {
        return Err(damaged(&"the hash is not that of the header"));
    }
    let header = Header::decode(&mut bytes).map_err(|error| damaged(&error))?;
    if !bytes.is_empty() {
        return Err(damaged(&"bytes after the header"));
    }
    if header.number != height {
        return Err(damaged(&format_args!("the header is that of block {}", header.number)));
    }
    let total_difficulty = U256::from_be_bytes(*total_difficulty);
    Ok(StoredHeader { header, hash: hash.into(), total_difficulty })
}

fn encode_body(block: &BlockRecord) -> Vec<u8> {
    let mut value = Vec::with_capacity(block.body.length() + 20 * block.senders.len());
    block.body.encode(&mut value);
    value.extend(block.senders.iter().flat_map(|sender| sender.0));
    value
}

/// Reads a value of [`Table::Bodies`].
fn decode_body(height: u64, mut bytes: &[u8]) -> Result<StoredBody, StoreError> {
    let damaged = |problem: &dyn Display| damaged(Table::Bodies, height, problem);
    let body = BlockBody::<TxEnvelope>::decode(&mut bytes).map_err(|error| damaged(&error))?;
    let (senders, rest) = bytes.as_chunks::<20>();
    if !rest.is_empty() || senders.len() != body.transactions.len() {
        let (count, bytes) = (body.transactions.len(), bytes.len());
        return Err(damaged(&format_args!("{bytes} bytes of senders for {count} transactions")));
    }
    Ok(StoredBody { body, senders: senders.iter().map(Address::from).collect() })
}

/// The error for a value that does not decode.
pub(crate) fn damaged(table: Table, height: u64, problem: impl Display) -> StoreError {
    StoreError::Damaged(format!("{}, block {height}: {problem}", table.name()))
}

/// The error for a value that should be there.
pub(crate) fn absent(table: Table, height: u64) -> StoreError {
    damaged(table, height, "nothing there")
}

fn cut(table: Table, height: u64) -> StoreError {
    damaged(table, height, "the value is cut off")
}

#[cfg(test)]
#[path = "blocks_tests.rs"]
pub(crate) mod tests;
