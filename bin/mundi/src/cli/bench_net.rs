//! `mundi bench net`.

use super::{MeasuredArgs, at_least_one};
use clap::Args;
use std::num::NonZeroUsize;

/// Measure a network of validators on this machine: how fast transfers are final, how many it commits, how soon a validator is back.
///
/// A new network is made in a temporary folder and run as `mundi net up` does. First single transfers are sent to its nodes by turns, and
/// nothing else. Then a fresh `mundi dev --datadir` and the network are put under load by turns, as `mundi bench node` does; the network sleeps
/// while the other is measured. At last two nodes of it are killed, which leaves it without a quorum, and one is started again: the
/// network goes on with its first vote.
///
/// Each validator executes everything, so on one machine N of them do N times the work of one node: the ratio to compare is that to the
/// N-th part of what one node commits.
#[derive(Debug, Args)]
#[command(after_help = "\
Examples:
  mundi bench net
  mundi bench net --validators 7 --rounds 5
  mundi bench net --history 10000        the validator that comes back has this many blocks

Exit status:
  0    measured
  1    transactions were lost
  2    a node cannot be started or does not answer
  130  stopped by Ctrl-C; what was started for it is ended")]
pub(crate) struct BenchNetArgs {
    /// How many validators; at least four.
    #[arg(long, value_name = "N", default_value_t = 4, value_parser = clap::value_parser!(u8).range(4..=20))]
    pub(crate) validators: u8,
    /// Single transfers.
    #[arg(long, value_name = "N", default_value = "100", value_parser = at_least_one)]
    pub(crate) transfers: NonZeroUsize,
    /// Transactions of a round under load.
    #[arg(long, value_name = "N", default_value = "20000", value_parser = at_least_one)]
    pub(crate) transactions: NonZeroUsize,
    /// Rounds under load, of each of the two.
    #[arg(long, value_name = "N", default_value = "3", value_parser = at_least_one)]
    pub(crate) rounds: NonZeroUsize,
    /// Least blocks that there are before validators are killed; made without pauses between them.
    #[arg(long, value_name = "N", default_value_t = 0)]
    pub(crate) history: u64,
    /// First of the ports that the network takes.
    #[arg(long, value_name = "PORT", default_value_t = 28_000)]
    pub(crate) base_port: u16,
    #[command(flatten)]
    pub(crate) measured: MeasuredArgs,
}
