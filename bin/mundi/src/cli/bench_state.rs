//! `mundi bench state`.

use super::{Output, at_least_one, threads};
use clap::{Args, ValueHint};
use std::{num::NonZeroUsize, path::PathBuf};

/// Measure the state store: roots and commits, reads, bytes on disk, imports.
///
/// A world is built, 10 million accounts and 20 million slots if nothing else is asked for. Then random accounts change, and
/// the new root is computed on one thread, on all, and by alloy's hash builder, which have to agree; accounts are read that
/// the cache holds and that it does not, beside the key-value engine's own reads; and a generated chain is imported as a
/// pipeline and one stage at a time.
///
/// The world takes about 6 GB of disk and some minutes; with --dir it is kept and used again.
#[derive(Debug, Args)]
#[command(after_help = "\
Examples:
  mundi bench state --quick                       200,000 accounts, about a minute
  mundi bench state --accounts 1000000 --slots 2000000
  mundi bench state --dir /data/bench             keeps the world for the next time

Exit status:
  0  measured
  1  two ways to the same root disagree
  2  the store cannot be made or read")]
pub(crate) struct BenchStateArgs {
    /// A small world and fewer rounds.
    #[arg(long)]
    pub(crate) quick: bool,
    /// Accounts of the world [default: 10000000, or 200000 with --quick].
    #[arg(long, value_name = "N", value_parser = clap::value_parser!(u64).range(1_000..=1_000_000_000))]
    pub(crate) accounts: Option<u64>,
    /// Slots of the world [default: 20000000, or 200000 with --quick].
    #[arg(long, value_name = "N", value_parser = clap::value_parser!(u64).range(..=10_000_000_000))]
    pub(crate) slots: Option<u64>,
    /// Accounts that change in a round [default: 20000, or 5000 with --quick].
    #[arg(long, value_name = "N", value_parser = at_least_one)]
    pub(crate) updates: Option<NonZeroUsize>,
    /// Rounds with the writes on one thread, and as many with the writes on all [default: 10, or 4 with --quick].
    #[arg(long, value_name = "N", value_parser = at_least_one)]
    pub(crate) rounds: Option<NonZeroUsize>,
    /// Blocks of the imported chain; 0 leaves imports out [default: 300, or 60 with --quick].
    #[arg(long, value_name = "N", value_parser = clap::value_parser!(u64).range(..=100_000))]
    pub(crate) blocks: Option<u64>,
    /// Threads [default: all cores].
    #[arg(long, value_name = "N", value_parser = threads)]
    pub(crate) threads: Option<NonZeroUsize>,
    /// Bytes for caches, with a unit [default: 2GiB, or 256MiB with --quick].
    #[arg(long, value_name = "SIZE", value_parser = super::import::cache)]
    pub(crate) cache: Option<u64>,
    /// Where stores are made; the world in it is kept [default: a temporary folder, deleted at the end].
    #[arg(long, value_name = "DIR", value_hint = ValueHint::DirPath)]
    pub(crate) dir: Option<PathBuf>,
    /// What to print.
    #[arg(long, value_name = "FORMAT", default_value = "table")]
    pub(crate) output: Output,
}
