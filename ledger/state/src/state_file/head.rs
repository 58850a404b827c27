//! The block of a state, and those before it that its children need.

use super::{HEADERS, MAX_BLOCK, MAX_HEAD, MAX_HEADER, WHOLE_BLOCKS, frames::FrameReader};
use crate::{
    Tip,
    account::put_varint,
    block::BlockRecord,
    blocks::{self, StoredHeader},
    error::StoreError,
    kv::{Batch, Table, View},
    receipts::{decode_receipts, encode_receipts},
};
use alloy_consensus::{
    BlockBody, Header, ReceiptEnvelope, TxEnvelope,
    proofs::{calculate_receipt_root, calculate_transaction_root, calculate_withdrawals_root},
    transaction::SignerRecoverable,
};
use alloy_primitives::{Address, B256};
use alloy_rlp::Decodable;
use rayon::prelude::*;
use std::io::Read;

/// What a file says of blocks.
#[derive(Debug)]
pub(crate) struct Head {
    pub(crate) genesis: B256,
    /// The oldest first.
    ancestors: Vec<StoredHeader>,
    /// The oldest first; the last one is the block of the state.
    blocks: Vec<BlockRecord>,
}

impl Head {
    /// What the store has of block `height` and those before it.
    pub(crate) fn of(tables: &View, genesis: B256, height: u64) -> Result<Self, StoreError> {
        let header = |height| blocks::header(tables, height);
        let mut blocks = Vec::new();
        for height in (0..=height).rev().take(WHOLE_BLOCKS as usize) {
            // A store that began with a state file has not more.
            let (Some(header), Some(body)) = (header(height)?, blocks::body(tables, height)?) else { break };
            let receipts = blocks::receipts(tables, height)?;
            let receipts = receipts.ok_or_else(|| blocks::absent(Table::Receipts, height))?;
            let StoredHeader { header, hash, total_difficulty } = header;
            let (body, senders) = (body.body, body.senders);
            blocks.push(BlockRecord { header, hash, total_difficulty, body, senders, receipts });
        }
        blocks.reverse();
        let Some(first) = blocks.first() else { return Err(blocks::absent(Table::Bodies, height)) };
        let mut ancestors = Vec::new();
        let rest = HEADERS as usize - blocks.len();
        for height in (0..first.header.number).rev().take(rest) {
            let Some(header) = header(height)? else { break };
            ancestors.push(header);
        }
        ancestors.reverse();
        Ok(Self { genesis, ancestors, blocks })
    }

    /// The block of the state.
    pub(crate) fn block(&self) -> &BlockRecord {
        self.blocks.last().expect("there is one")
    }

    pub(crate) fn tip(&self) -> Tip {
        Tip { height: self.block().header.number, hash: self.block().hash }
    }

    /// The oldest block that is whole.
    pub(crate) fn whole_from(&self) -> u64 {
        self.blocks.first().map_or(0, |block| block.header.number)
    }

    /// Writes all blocks into the tables.
    pub(crate) fn store(&self, batch: &mut Batch<'_>) {
        self.ancestors.iter().for_each(|ancestor| blocks::put_header(batch, ancestor));
        for block in &self.blocks {
            blocks::put_block(batch, block);
        }
    }

    pub(super) fn encode(&self) -> Result<Vec<u8>, StoreError> {
        let mut out = self.genesis.to_vec();
        put_varint(&mut out, self.ancestors.len() as u64);
        for ancestor in &self.ancestors {
            let StoredHeader { header, hash, total_difficulty } = ancestor;
            let value = blocks::encode_header(header, hash, total_difficulty);
            put(&mut out, &value, MAX_HEADER, header.number, "header")?;
        }
        put_varint(&mut out, self.blocks.len() as u64);
        for block in &self.blocks {
            let BlockRecord { header, hash, total_difficulty, body, receipts, .. } = block;
            let number = header.number;
            let value = blocks::encode_header(header, hash, total_difficulty);
            put(&mut out, &value, MAX_HEADER, number, "header")?;
            put(&mut out, &alloy_rlp::encode(body), MAX_BLOCK, number, "body")?;
            put(&mut out, &encode_receipts(receipts), MAX_BLOCK, number, "receipts")?;
        }
        if out.len() > MAX_HEAD {
            let problem = format!("its blocks have {} bytes; {MAX_HEAD} fit", out.len());
            return Err(StoreError::StateFile { offset: 0, problem });
        }
        Ok(out)
    }

    pub(super) fn read(input: &mut FrameReader<impl Read>) -> Result<Self, StoreError> {
        let mut genesis = B256::ZERO;
        input.take(genesis.as_mut_slice())?;
        let mut line = Line { last: None, genesis, left: MAX_HEAD };
        let count = number(input)?;
        if count > HEADERS {
            return Err(input.wrong(format!("{count} headers; there are at most {HEADERS}")));
        }
        let mut ancestors = Vec::new();
        for _ in 0..count {
            ancestors.push(line.header(input)?);
        }
        let count = number(input)?;
        if !(1..=WHOLE_BLOCKS).contains(&count) {
            return Err(input.wrong(format!("{count} whole blocks; there are 1 to {WHOLE_BLOCKS}")));
        }
        let mut blocks = Vec::new();
        for _ in 0..count {
            let header = line.header(input)?;
            let body = line.bytes(input, MAX_BLOCK)?;
            let receipts = line.bytes(input, MAX_BLOCK)?;
            let number = header.header.number;
            let block = block(header, &body, &receipts);
            blocks.push(block.map_err(|problem| input.wrong(format!("block {number}: {problem}")))?);
        }
        Ok(Self { genesis, ancestors, blocks })
    }
}

/// Headers that follow each other.
struct Line {
    last: Option<(u64, B256)>,
    genesis: B256,
    /// Bytes that headers and blocks may still have.
    left: usize,
}

impl Line {
    fn header(&mut self, input: &mut FrameReader<impl Read>) -> Result<StoredHeader, StoreError> {
        let value = self.bytes(input, MAX_HEADER)?;
        let number = value.get(64..).and_then(|mut rlp| Header::decode(&mut rlp).ok());
        let Some(Header { number, .. }) = number else {
            return Err(input.wrong("a header is malformed"));
        };
        let header = blocks::decode_header(number, &value).map_err(|error| input.wrong(error.to_string()))?;
        if let Some((height, hash)) = self.last
            && (height.checked_add(1) != Some(number) || header.header.parent_hash != hash)
        {
            return Err(input.wrong(format!("block {number} does not follow from block {height}")));
        }
        if number == u64::MAX {
            return Err(input.wrong(format!("block {number} cannot have a child")));
        }
        if number == 0 && header.hash != self.genesis {
            return Err(input.wrong(format!("block 0 is {}, not the genesis {}", header.hash, self.genesis)));
        }
        self.last = Some((number, header.hash));
        Ok(header)
    }

    fn bytes(&mut self, input: &mut FrameReader<impl Read>, limit: usize) -> Result<Vec<u8>, StoreError> {
        let bytes = bytes(input, limit.min(self.left))?;
        self.left -= bytes.len();
        Ok(bytes)
    }
}

/// Puts a block together, if all is as its header says.
fn block(header: StoredHeader, mut body: &[u8], receipts: &[u8]) -> Result<BlockRecord, String> {
    let StoredHeader { header, hash, total_difficulty } = header;
    let body_of = BlockBody::<TxEnvelope>::decode(&mut body);
    let decoded = body_of.ok().filter(|_| body.is_empty()).ok_or("its body is malformed")?;
    let receipts =
        decode_receipts(receipts).map_err(|error| format!("its receipts are malformed: {error}"))?;
    let receipts: Vec<ReceiptEnvelope> =
        receipts.into_iter().map(crate::receipts::StoredReceipt::into_envelope).collect();
    let withdrawals = decoded.withdrawals.as_ref().map(|list| calculate_withdrawals_root(list));
    for (field, same) in [
        ("transactions", calculate_transaction_root(&decoded.transactions) == header.transactions_root),
        ("ommers", decoded.calculate_ommers_root() == header.ommers_hash),
        ("withdrawals", withdrawals == header.withdrawals_root),
        ("receipts", calculate_receipt_root(&receipts) == header.receipts_root),
    ] {
        if !same {
            return Err(format!("its {field} are not those of its header"));
        }
    }
    let senders: Result<Vec<Address>, _> =
        decoded.transactions.par_iter().map(SignerRecoverable::recover_signer_unchecked).collect();
    let senders = senders.map_err(|_| "a transaction has no sender")?;
    let block = BlockRecord { header, hash, total_difficulty, body: decoded, senders, receipts };
    blocks::check_block(&block).map_err(|error| error.to_string())?;
    Ok(block)
}

fn put(out: &mut Vec<u8>, bytes: &[u8], limit: usize, height: u64, what: &str) -> Result<(), StoreError> {
    if bytes.len() > limit {
        let problem = format!("the {what} of block {height} has {} bytes; {limit} fit", bytes.len());
        return Err(StoreError::StateFile { offset: 0, problem });
    }
    put_varint(out, bytes.len() as u64);
    out.extend_from_slice(bytes);
    Ok(())
}

/// A number of seven bits per byte, in its shortest form.
pub(super) fn number(input: &mut FrameReader<impl Read>) -> Result<u64, StoreError> {
    let mut number = 0u64;
    for shift in (0..64).step_by(7) {
        let mut byte = [0];
        input.take(&mut byte)?;
        let bits = u64::from(byte[0] & 0x7f);
        let too_long = byte[0] == 0 && shift > 0;
        if too_long || bits << shift >> shift != bits {
            break;
        }
        number |= bits << shift;
        if byte[0] & 0x80 == 0 {
            return Ok(number);
        }
    }
    Err(input.wrong("a number is malformed"))
}

fn bytes(input: &mut FrameReader<impl Read>, limit: usize) -> Result<Vec<u8>, StoreError> {
    let length = number(input)?;
    let length = usize::try_from(length).ok().filter(|length| *length <= limit);
    let length = length.ok_or_else(|| input.wrong(format!("a length is over its limit of {limit} bytes")))?;
    let mut bytes = Vec::new();
    input.take_into(length, &mut bytes)?;
    Ok(bytes)
}
