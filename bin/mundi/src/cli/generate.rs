//! `mundi generate`.

use super::threads;
use clap::{Args, ValueHint};
use mundi_chain::{EthereumHardfork, network_fork};
use mundi_synthetic::Config;
use std::{num::NonZeroUsize, path::PathBuf};

/// Generate a long chain with a growing state, to import.
///
/// Writes genesis.json, as geth has it, and chain.rlp, the blocks in RLP one after another. Transactions are signed, blocks
/// are valid by all rules, and the state roots come from a trie that has nothing in common with the state store. The same
/// options give the same files, byte for byte.
///
/// Transactions pay to new accounts and old ones, move tokens, swap, create and destroy contracts, write and clear storage, in
/// every form that the fork has. Blocks have ommers before the Merge, and withdrawals and requests after it.
///
/// The state is held in memory while the chain is made: some 600 bytes for each account and slot.
#[derive(Debug, Args)]
#[command(after_help = "\
Examples:
  mundi generate --out chain                             10,000 blocks through all forks
  mundi generate --out small --blocks 100 --transactions 20
  mundi generate --out prague --blocks 1000 --fork Prague --seed 7
  mundi import --datadir data --genesis chain/genesis.json chain/chain.rlp

Exit status:
  0  the files are written
  2  the options make no sense, or a file cannot be written")]
pub(crate) struct GenerateArgs {
    /// Folder for the two files, made if it is absent; older files of their names are replaced.
    #[arg(long, value_name = "DIR", value_hint = ValueHint::DirPath)]
    pub(crate) out: PathBuf,
    /// Number of blocks.
    #[arg(long, value_name = "N", default_value = "10000", value_parser = clap::value_parser!(u64).range(1..=Config::MAX_BLOCKS))]
    pub(crate) blocks: u64,
    /// Transactions of an average block.
    #[arg(long, value_name = "N", default_value = "100", value_parser = clap::value_parser!(u64).range(1..=Config::MAX_TRANSACTIONS))]
    pub(crate) transactions: u64,
    /// By how many percent a block may have more or less of them.
    #[arg(long, value_name = "PERCENT", default_value = "50", value_parser = clap::value_parser!(u64).range(0..=100))]
    pub(crate) spread: u64,
    /// Only this fork, from the genesis on, as in Prague [default: all forks but the DAO fork, one after the other].
    #[arg(long, value_name = "FORK", value_parser = fork)]
    pub(crate) fork: Option<EthereumHardfork>,
    /// Blocks of each fork but the last [default: the 200th part of the chain, at least 2].
    #[arg(long, value_name = "N", conflicts_with = "fork", value_parser = clap::value_parser!(u64).range(1..=Config::MAX_BLOCKS))]
    pub(crate) fork_every: Option<u64>,
    /// Where all choices come from.
    #[arg(long, value_name = "N", default_value = "1")]
    pub(crate) seed: u64,
    /// EIP-155 chain id.
    #[arg(long, value_name = "N", default_value = "1337", value_parser = clap::value_parser!(u64).range(1..=Config::MAX_CHAIN_ID))]
    pub(crate) chain_id: u64,
    /// Accounts that send the transactions.
    #[arg(long, value_name = "N", default_value = "256", value_parser = clap::value_parser!(u64).range(1..=Config::MAX_SENDERS))]
    pub(crate) senders: u64,
    /// After how many blocks the root of the whole state is computed from scratch and compared.
    #[arg(long, value_name = "N", default_value = "1000", value_parser = clap::value_parser!(u64).range(1..))]
    pub(crate) check_every: u64,
    /// Threads that sign [default: all cores].
    #[arg(long, value_name = "N", value_parser = threads)]
    pub(crate) threads: Option<NonZeroUsize>,
}

fn fork(name: &str) -> Result<EthereumHardfork, String> {
    let mut name = name.to_owned();
    if let Some(first) = name.get_mut(..1) {
        first.make_ascii_uppercase();
    }
    network_fork(&name).map_err(|_| "expected the name of a fork, as in London, Prague or BPO2".to_owned())
}
