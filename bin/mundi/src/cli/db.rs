//! `mundi db`.

use super::{DataDirArgs, StatsArgs, VerifyArgs};
use clap::{Args, Subcommand};
use mundi_state::History;

/// Look after the store of a chain.
///
/// While no node uses it: a store is for one process at a time.
#[derive(Debug, Args)]
#[command(disable_help_subcommand = true, arg_required_else_help = true)]
#[command(after_help = "\
Examples:
  mundi db path                      where is it?
  mundi db stats                     how large is it, and what for?
  mundi db verify                    is it sound?
  mundi db prune --history 1000      forget older states
  mundi db rewind 19426587           take the chain back to a block

What accounts hold, and carrying states elsewhere: `mundi state --help`.")]
pub(crate) struct DbArgs {
    #[command(subcommand)]
    pub(crate) command: DbCommand,
}

#[derive(Debug, Subcommand)]
pub(crate) enum DbCommand {
    Path(DbPathArgs),
    Stats(StatsArgs),
    Verify(VerifyArgs),
    Flush(FlushArgs),
    Prune(PruneArgs),
    Rewind(RewindArgs),
    Repair(RepairArgs),
}

/// Print the folder of the chain.
#[derive(Debug, Args)]
pub(crate) struct DbPathArgs {
    #[command(flatten)]
    pub(crate) place: DataDirArgs,
}

/// Move the newest blocks from the journal into the tables, so that the next start is quick.
#[derive(Debug, Args)]
pub(crate) struct FlushArgs {
    #[command(flatten)]
    pub(crate) place: DataDirArgs,
}

/// Forget states and proofs of the past. Blocks and receipts stay.
#[derive(Debug, Args)]
pub(crate) struct PruneArgs {
    /// Of how many blocks the state is kept: the last N, or `full` for all that are there.
    #[arg(long, value_name = "full|N", default_value = "128", value_parser = super::import::history)]
    pub(crate) history: History,
    /// Of how many blocks the state can still be proven, likewise.
    #[arg(long, value_name = "full|N", default_value = "128", value_parser = super::import::history)]
    pub(crate) proofs: History,
    #[command(flatten)]
    pub(crate) place: DataDirArgs,
}

/// Take the chain back to a block: all later ones are dropped.
///
/// The state of the block has to be kept with its proofs. What was dropped can be imported again.
#[derive(Debug, Args)]
pub(crate) struct RewindArgs {
    /// The block that becomes the newest.
    #[arg(value_name = "NUMBER", value_parser = super::block_number)]
    pub(crate) height: u64,
    #[command(flatten)]
    pub(crate) place: DataDirArgs,
}

/// Give up blocks whose record in the write-ahead log is damaged, so that the store opens again at the block before.
///
/// Nothing else is touched, and what is cut off is kept beside the log in files that end in `.lost`. Only for a store that says
/// that its log is damaged.
#[derive(Debug, Args)]
pub(crate) struct RepairArgs {
    /// That this is wanted: blocks are lost.
    #[arg(long, required = true)]
    pub(crate) give_up_lost_blocks: bool,
    #[command(flatten)]
    pub(crate) place: DataDirArgs,
}
