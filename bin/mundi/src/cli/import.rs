//! `mundi import`.

use super::threads;
use clap::{
    Args, ValueHint,
    builder::{PossibleValuesParser, TypedValueParser as _},
};
use mundi_execution::Mode;
use mundi_state::History;
use std::{num::NonZeroUsize, path::PathBuf};

/// Least bytes for the cache.
const MIN_CACHE: u64 = 1 << 20;

/// Execute a chain of blocks from its genesis on, check every header field down to the state root, and keep it.
///
/// Reads a genesis file as geth has it, and files of blocks in RLP, one after another, as `geth export` writes them. Every
/// block is executed on all cores. Its header must be what the rules, its body and its execution say; the first that is not
/// stops the import with block number, field, expected and got, and everything before it is kept.
///
/// An import goes on where the last one ended: blocks that are there already are passed over. Ctrl-C stops between blocks
/// and keeps what was executed; a second one stops at once, which does no harm either.
///
/// Reading, recovering senders, executing, computing roots and writing go on at the same time; the table at the end says
/// how long each was busy.
#[derive(Debug, Args)]
#[command(after_help = "\
Examples:
  mundi import --genesis genesis.json chain.rlp      a new chain, in the default folder
  mundi import more.rlp.gz                           its next blocks
  mundi import --datadir ~/chain --genesis genesis.json chain.rlp --cache 4GiB
  geth export /dev/stdout | mundi import --genesis genesis.json -

Exit status:
  0    all blocks are in
  1    a block is invalid; those before it are in
  2    a file cannot be used, or the store cannot be opened or written
  130  stopped by Ctrl-C; the same command goes on")]
pub(crate) struct ImportArgs {
    /// Files of blocks, plain or gzip, in order; `-` is standard input.
    #[arg(required = true, value_name = "CHAIN.rlp", value_hint = ValueHint::FilePath)]
    pub(crate) files: Vec<PathBuf>,
    /// The genesis file; needed the first time, and to schedule more forks later.
    #[arg(long, value_name = "GENESIS.json", value_hint = ValueHint::FilePath)]
    pub(crate) genesis: Option<PathBuf>,
    /// Folder of the chain [default: $XDG_DATA_HOME/mundi or ~/.local/share/mundi].
    #[arg(long, value_name = "DIR", value_hint = ValueHint::DirPath)]
    pub(crate) datadir: Option<PathBuf>,
    /// Threads of the parallel execution [default: all cores].
    #[arg(long, value_name = "N", value_parser = threads)]
    pub(crate) threads: Option<NonZeroUsize>,
    /// Strategy; all give the same result.
    #[arg(long, value_name = "MODE", default_value = "auto", value_parser = modes())]
    pub(crate) mode: Mode,
    /// Memory for warm state, as in 512MiB or 4GB.
    #[arg(long, value_name = "SIZE", default_value = "512MiB", value_parser = cache)]
    pub(crate) cache: u64,
    /// Of how many blocks the state can be asked for: the last N, or `full` for all.
    #[arg(long, value_name = "full|N", default_value = "128", value_parser = history)]
    pub(crate) history: History,
    /// Of how many blocks the state can be proven, and to which the chain can be taken back; trie nodes take about twenty times
    /// as much space as values.
    #[arg(long, value_name = "full|N", default_value = "128", value_parser = history)]
    pub(crate) proofs: History,
}

/// The modes that need nothing but the block.
fn modes() -> impl clap::builder::TypedValueParser<Value = Mode> {
    let modes = [Mode::Auto, Mode::Sequential, Mode::Optimistic];
    PossibleValuesParser::new(modes.map(Mode::name)).try_map(|name| name.parse::<Mode>())
}

pub(super) fn history(text: &str) -> Result<History, String> {
    text.parse().map_err(|_| "expected `full` or a number of blocks".to_owned())
}

pub(super) fn cache(text: &str) -> Result<u64, String> {
    let bytes =
        mundi_node::parse_size(text).ok_or("expected a number of bytes with a unit, as in 512MiB or 4GB")?;
    if bytes < MIN_CACHE { Err("expected at least 1MiB".to_owned()) } else { Ok(bytes) }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_cache_has_a_least_size() {
        assert_eq!(cache("4 GiB"), Ok(4 << 30));
        assert!(cache("1kB").is_err() && cache("much").is_err());
    }
}
