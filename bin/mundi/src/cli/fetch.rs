//! `mundi replay fetch`.

use super::block_number;
use clap::{Args, ValueHint};
use std::path::PathBuf;

/// Make block files from an Ethereum node.
///
/// Asks the node for the block and for a trace of what its transactions touch (eth_getBlockByNumber,
/// debug_traceBlockByNumber with the prestate tracer) and for the little that traces leave out. The block is executed
/// and checked before its file is written, so a file that exists replays.
///
/// The node must offer the debug namespace and hold the state of the block before: an archive node, for all but the
/// newest blocks. Ethereum mainnet only.
#[derive(Debug, Args)]
#[command(after_help = "\
Examples:
  mundi replay fetch --rpc http://localhost:8545 19426587
  mundi replay fetch --rpc https://node.example/KEY --out blocks 21000000 21000001 21000002
  mundi replay blocks/

Exit status:
  0  all files are written
  1  a block comes out differently on the state that the node gave; its file is not written
  2  the node gave no usable answer, or the file cannot be written

A folder of yours that is called fetch is replayed as ./fetch.")]
pub(crate) struct FetchArgs {
    /// The node's JSON-RPC over HTTP.
    #[arg(long, value_name = "URL", value_hint = ValueHint::Url, value_parser = rpc_url)]
    pub(crate) rpc: String,
    /// Numbers of the blocks.
    #[arg(required = true, value_name = "NUMBER", value_parser = block_number)]
    pub(crate) numbers: Vec<u64>,
    /// Folder for the files, made if it is absent.
    #[arg(long, value_name = "DIR", default_value = ".", value_hint = ValueHint::DirPath)]
    pub(crate) out: PathBuf,
    /// How long one call to the node may take.
    #[arg(long, value_name = "SECONDS", default_value = "300", value_parser = clap::value_parser!(u64).range(1..=86_400))]
    pub(crate) timeout: u64,
}

fn rpc_url(text: &str) -> Result<String, String> {
    match ["http://", "https://"].iter().any(|scheme| text.starts_with(scheme)) {
        true => Ok(text.to_owned()),
        false => Err("expected a URL that starts with http:// or https://".to_owned()),
    }
}
