//! Making block files from an Ethereum node.
//!
//! A file is built from `eth_getBlockByNumber` and `debug_traceBlockByNumber` with the prestate tracer, completed
//! by executing the block once on a state that asks the node for what is missing (`eth_getBalance`,
//! `eth_getTransactionCount`, `eth_getCode`, `eth_getStorageAt` and `eth_getBlockByNumber` at the parent), and then
//! read back, executed and checked against its header. A file that does not come out right is not written.

mod completing;
mod prestate;
mod rpc;

pub use rpc::RpcError;

use crate::{
    block_file::{BlockFile, parse_block, to_json},
    check,
    compare::Difference,
    error::{FieldError, InputError},
    format::parse,
};
use alloy_consensus::Header;
use alloy_primitives::B256;
use completing::{CompletingState, Known};
use flate2::{Compression, write::GzEncoder};
use mundi_chain::ChainSpec;
use mundi_execution::{ExecutionError, NoSink, Options, execute};
use mundi_rpc_client::InvalidUrl;
use prestate::Prestate;
use rpc::{Call, Node};
use serde_json::json;
use std::{
    fs,
    io::Write as _,
    path::{Path, PathBuf},
    time::Duration,
};

/// Most ommers a block can have.
const MAX_OMMERS: usize = 2;

/// Where blocks come from and how long to wait.
#[derive(Clone, Debug)]
pub struct FetchOptions {
    /// URL of the node's JSON-RPC over HTTP, `http://` or `https://`.
    pub url: String,
    /// How long one call may take. Tracing a full block can take a node a minute.
    pub timeout: Duration,
}

/// A block file that is made, checked and not yet written.
#[derive(Clone, Debug)]
pub struct Fetched {
    /// The block's number.
    pub number: u64,
    /// Transactions in it.
    pub transactions: usize,
    /// Accounts of which the file holds the state.
    pub accounts: usize,
    /// What the node would not say. The block came out right all the same.
    pub warnings: Vec<String>,
    json: Vec<u8>,
}

/// Why a block file could not be made.
#[derive(Debug, thiserror::Error)]
pub enum FetchError {
    /// There can be no such node.
    #[error(transparent)]
    Url(#[from] InvalidUrl),
    /// The node gave no usable answer.
    #[error("block {number}: {source}{hint}")]
    Rpc {
        /// Which block.
        number: u64,
        /// Why.
        source: RpcError,
        /// What to do about it.
        hint: &'static str,
    },
    /// The node's block is not in order.
    #[error("block {number}, as the node gives it: {source}")]
    Block {
        /// Which block.
        number: u64,
        /// Which field, and why.
        source: FieldError,
    },
    /// The block could not be executed on the state the node gave.
    #[error("block {number} cannot be executed on the state the node gave: {source}")]
    Execution {
        /// Which block.
        number: u64,
        /// Why.
        source: ExecutionError,
    },
    /// The block came out differently from its header, so the state must be incomplete.
    #[error("block {number} comes out differently on the state the node gave: {}", first(differences))]
    Differs {
        /// Which block.
        number: u64,
        /// How.
        differences: Vec<Difference>,
        /// What the node would not say.
        warnings: Vec<String>,
    },
    /// The file could not be written.
    #[error(transparent)]
    Output(InputError),
}

fn first(differences: &[Difference]) -> String {
    differences.first().map_or_else(String::new, ToString::to_string)
}

/// Makes the file of block `number`.
///
/// # Errors
///
/// See [`FetchError`].
pub fn fetch_block(
    options: &FetchOptions,
    number: u64,
    chain: &ChainSpec,
    pool: &rayon::ThreadPool,
) -> Result<Fetched, FetchError> {
    let node = Node::new(&options.url, options.timeout)?;
    let rpc = |hint| move |source| FetchError::Rpc { number, source, hint };
    let height = format!("{number:#x}");
    let raw_block = node.call("eth_getBlockByNumber", &json!([height, true])).map_err(rpc(""))?;
    let block_error = |source| FetchError::Block { number, source };
    let block = parse_block(raw_block.get()).map_err(block_error)?;
    if block.header.inner.number != number {
        let source = FieldError::differs("block.number", block.header.inner.number, number);
        return Err(block_error(source));
    }
    let transactions = block.transactions.len();

    let prestate = if transactions == 0 {
        Prestate::default()
    } else {
        let tracer =
            json!({ "tracer": "prestateTracer", "timeout": format!("{}s", options.timeout.as_secs()) });
        let hint = "; the node must offer the debug namespace and hold the state of the parent block \
                    (an archive node, for all but recent blocks)";
        let traces = node.call("debug_traceBlockByNumber", &json!([height, tracer])).map_err(rpc(hint))?;
        Prestate::merge(traces.get(), transactions).map_err(rpc(""))?
    };
    let (ommers, mut warnings) =
        fetch_ommers(&node, &height, block.uncles.len(), block.header.inner.ommers_hash);

    let path = PathBuf::from(format!("{number}.json"));
    let file = BlockFile {
        path: path.clone(),
        block,
        pre_state: Default::default(),
        block_hashes: Default::default(),
        ommers: ommers.clone(),
    };
    let prepared = file.prepare_fields(chain, pool).map_err(block_error)?;
    let parent = number.saturating_sub(1);
    let hashes = [(parent, prepared.header.parent_hash)].into();
    let state = CompletingState::new(&node, parent, prestate.accounts, hashes);
    state.correct(&prestate.uncertain);
    execute(&prepared.block, &state, pool, &Options::sequential(), &mut NoSink)
        .map_err(|source| FetchError::Execution { number, source })?;

    let Known { accounts, mut block_hashes, warnings: more, .. } = state.into_known();
    warnings.extend(more);
    block_hashes.remove(&parent);
    let json = to_json(&raw_block, &accounts, &block_hashes, &ommers);
    check_file(&path, &json, number, chain, pool, &warnings)?;
    Ok(Fetched { number, transactions, accounts: accounts.len(), warnings, json })
}

/// Reads the file back as any file and executes it.
fn check_file(
    path: &Path,
    json: &[u8],
    number: u64,
    chain: &ChainSpec,
    pool: &rayon::ThreadPool,
    warnings: &[String],
) -> Result<(), FetchError> {
    let block_error = |source| FetchError::Block { number, source };
    let block = BlockFile::parse(path, json)
        .and_then(|file| file.prepare_fields(chain, pool))
        .map_err(block_error)?;
    if let Some(fault) = block.header_fault {
        return Err(block_error(fault));
    }
    let output = execute(&block.block, &block.state, pool, &Options::sequential(), &mut NoSink)
        .map_err(|source| FetchError::Execution { number, source })?;
    let differences = check::against_header(&block, &output);
    if differences.is_empty() {
        Ok(())
    } else {
        Err(FetchError::Differs { number, differences, warnings: warnings.to_vec() })
    }
}

/// The headers of the ommers. A node that will not give them costs no more than their rewards, which no figure of
/// the header but the state root shows.
fn fetch_ommers(node: &Node, height: &str, count: usize, root: B256) -> (Vec<Header>, Vec<String>) {
    const METHOD: &str = "eth_getUncleByBlockNumberAndIndex";
    let calls: Vec<Call> =
        (0..count.min(MAX_OMMERS)).map(|index| (METHOD, json!([height, format!("{index:#x}")]))).collect();
    if calls.is_empty() {
        return Default::default();
    }
    let ommers = node.batch(&calls).and_then(|answers| {
        let headers = answers.into_iter().map(|answer| {
            parse::<Header>(answer?.get(), "ommer").map_err(|error| RpcError::answer(METHOD, error))
        });
        headers.collect::<Result<Vec<_>, _>>()
    });
    match ommers {
        Ok(ommers) if alloy_consensus::proofs::calculate_ommers_root(&ommers) == root => (ommers, Vec::new()),
        Ok(_) => (Vec::new(), vec!["the node's ommers are not those of the header: left out".to_owned()]),
        Err(error) => (Vec::new(), vec![format!("ommers left out: {error}")]),
    }
}

impl Fetched {
    /// Writes the file, compressed, as `<number>.json.gz` in `folder`, which is made if it is absent. The file
    /// appears whole or not at all.
    ///
    /// # Errors
    ///
    /// A folder or file that cannot be written.
    pub fn write(&self, folder: &Path) -> Result<PathBuf, FetchError> {
        let path = folder.join(format!("{}.json.gz", self.number));
        let partial = folder.join(format!(".{}.json.gz.{}", self.number, std::process::id()));
        let written = fs::create_dir_all(folder)
            .and_then(|()| self.write_whole(&partial))
            .and_then(|()| fs::rename(&partial, &path));
        written.map_err(|source| {
            // Best effort: the write has failed already, and that is the error to report.
            let _ = fs::remove_file(&partial);
            FetchError::Output(InputError::io(&path, source))
        })?;
        Ok(path)
    }

    fn write_whole(&self, path: &Path) -> std::io::Result<()> {
        let mut encoder = GzEncoder::new(fs::File::create(path)?, Compression::best());
        encoder.write_all(&self.json)?;
        encoder.finish()?.sync_all()
    }
}
