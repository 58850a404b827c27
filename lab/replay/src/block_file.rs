//! A block file: a block with the part of the world state that it reads.

use crate::{
    error::{FieldError, InputError},
    format::{BlockNumber, PreAccount, Quantity, RawBody, RawFile, Unique, parse, parse_transaction},
    source,
};
use alloy_consensus::Header;
use alloy_primitives::{Address, B256};
use alloy_rpc_types_eth::{Block, BlockTransactions};
use std::{
    collections::BTreeMap,
    path::{Path, PathBuf},
};

/// A block with the part of the world state that it reads, as a file holds it.
///
/// ```json
/// {"block": …, "pre_state": {address: {"balance": hex, "nonce": number, "code"?: hex, "storage": {slot: value}}},
///  "block_hashes": {number: hash}, "ommers"?: [header]}
/// ```
///
/// `block` is what `eth_getBlockByNumber(n, true)` answers. `pre_state` is the state before the block of every
/// account and slot that it reads; `block_hashes` holds the hashes that the `BLOCKHASH` instruction asks for.
/// `ommers` are the headers whose hashes the block lists as `uncles`; without them the block runs without paying
/// ommer rewards, which no figure of the header but `stateRoot` shows.
///
/// Parsing checks form only: [`prepare`](Self::prepare) checks that the parts belong together.
#[derive(Clone, Debug)]
pub struct BlockFile {
    /// Where it came from, for messages.
    pub path: PathBuf,
    /// The block.
    pub block: Block,
    /// Accounts before the block.
    pub pre_state: BTreeMap<Address, PreAccount>,
    /// Hashes of ancestors by number.
    pub block_hashes: BTreeMap<u64, B256>,
    /// Headers of the ommers.
    pub ommers: Vec<Header>,
}

impl BlockFile {
    /// Reads a block file, plain or gzip.
    ///
    /// # Errors
    ///
    /// A file that cannot be read, is over [`MAX_FILE_BYTES`](crate::MAX_FILE_BYTES) or unpacks to more than
    /// [`MAX_JSON_BYTES`](crate::MAX_JSON_BYTES), or a field that does not hold what it should.
    pub fn read(path: &Path) -> Result<Self, InputError> {
        let bytes = source::read(path)?;
        Self::parse(path, &bytes).map_err(|source| InputError::field(path, source))
    }

    /// Parses the JSON of a block file; `path` is used in messages only.
    ///
    /// # Errors
    ///
    /// The first field that does not hold what it should.
    pub fn parse(path: &Path, json: &[u8]) -> Result<Self, FieldError> {
        let json = std::str::from_utf8(json)
            .map_err(|error| FieldError::new("the file", format!("is not JSON: {error}")))?;
        let file: RawFile<'_> = parse(json, "")?;
        Ok(Self {
            path: path.to_owned(),
            block: parse_block(file.block.get())?,
            pre_state: file.pre_state.0,
            block_hashes: file
                .block_hashes
                .0
                .into_iter()
                .map(|(number, hash)| (number.0, B256::from(hash.0)))
                .collect(),
            ommers: file.ommers,
        })
    }

    /// The block's number.
    pub const fn number(&self) -> u64 {
        self.block.header.inner.number
    }
}

/// Parses what `eth_getBlockByNumber(n, true)` answers.
pub(crate) fn parse_block(json: &str) -> Result<Block, FieldError> {
    let header: Header = parse(json, "block")?;
    let body: RawBody<'_> = parse(json, "block")?;
    let transactions = body
        .transactions
        .iter()
        .enumerate()
        .map(|(index, json)| parse_transaction(json.get(), &format!("block.transactions[{index}]")))
        .collect::<Result<Vec<_>, _>>()?;
    let header =
        alloy_rpc_types_eth::Header { hash: body.hash, inner: header, total_difficulty: None, size: None };
    Ok(Block::new(header, BlockTransactions::Full(transactions))
        .with_uncles(body.uncles)
        .with_withdrawals(body.withdrawals.map(Into::into)))
}

/// The JSON of a block file, around the block as the node gave it.
pub(crate) fn to_json(
    block: &serde_json::value::RawValue,
    pre_state: &BTreeMap<Address, PreAccount>,
    block_hashes: &BTreeMap<u64, B256>,
    ommers: &[Header],
) -> Vec<u8> {
    #[derive(serde::Serialize)]
    struct File<'a> {
        block: &'a serde_json::value::RawValue,
        pre_state: &'a BTreeMap<Address, PreAccount>,
        block_hashes: Unique<BlockNumber, B256>,
        #[serde(skip_serializing_if = "<[_]>::is_empty")]
        ommers: &'a [Header],
    }
    let block_hashes =
        Unique(block_hashes.iter().map(|(number, hash)| (BlockNumber(*number), *hash)).collect());
    serde_json::to_vec(&File { block, pre_state, block_hashes, ommers })
        .expect("maps with text keys and plain values always serialise")
}

impl PreAccount {
    /// The value of a slot, zero if it is not listed.
    pub fn slot(&self, slot: alloy_primitives::U256) -> alloy_primitives::U256 {
        self.storage.0.get(&Quantity(slot)).map_or_else(Default::default, |value| value.0)
    }
}
