//! `mundi bench flood`.

use super::{MeasuredArgs, at_least_one};
use clap::Args;
use mundi_load::Heavy;
use std::num::NonZeroUsize;

/// Measure how much longer blocks take while a node is flooded with expensive requests.
///
/// A fresh `mundi dev` is started that makes blocks on command. Quiet and flooded rounds take turns: transfers, signed
/// beforehand, are put into the pool; then a flood begins, or nothing; then blocks are made. The node's own clock tells where a
/// block's time goes, and the client's how long the command took. The ratio is that of neighbouring rounds.
///
/// Each connection of the flood repeats one kind of request as fast as it is answered: calls and traces of an endless loop, all
/// logs of the chain, a full block, estimates of a long loop, proofs of a thousand slots.
///
/// Generator and node share this machine. The threads that flood have a low priority, so that the node is measured and not who
/// gets a core; the report says what each of them used, and everything else that runs here.
#[derive(Debug, Args)]
#[command(after_help = "\
Examples:
  mundi bench flood
  mundi bench flood --only logs,proof --connections 64
  mundi bench flood --most 1.2 --output json

Exit status:
  0    measured
  1    blocks take longer than --most allows
  2    the node cannot be started, or does not do what it should
  130  stopped by Ctrl-C")]
pub(crate) struct BenchFloodArgs {
    /// Transactions of a block.
    #[arg(long, value_name = "N", default_value = "2000", value_parser = at_least_one)]
    pub(crate) transactions: NonZeroUsize,
    /// Blocks of a round.
    #[arg(long, value_name = "N", default_value = "10", value_parser = at_least_one)]
    pub(crate) blocks: NonZeroUsize,
    /// Quiet rounds, and as many flooded ones.
    #[arg(long, value_name = "N", default_value = "15", value_parser = at_least_one)]
    pub(crate) rounds: NonZeroUsize,
    /// Connections that flood, each with one request at a time.
    #[arg(long, value_name = "N", default_value = "16", value_parser = at_least_one)]
    pub(crate) connections: NonZeroUsize,
    /// Only these kinds of requests: call, trace, logs, block, estimate, proof [default: all].
    #[arg(long, value_name = "KIND,…", value_delimiter = ',')]
    pub(crate) only: Vec<Heavy>,
    /// By how much the threads that flood stand back, as `nice` counts.
    #[arg(long, value_name = "N", default_value = "19", value_parser = clap::value_parser!(u8).range(0..=19))]
    pub(crate) courtesy: u8,
    /// The largest ratio of a block's time in the node that is right.
    #[arg(long, value_name = "RATIO")]
    pub(crate) most: Option<f64>,
    #[command(flatten)]
    pub(crate) measured: MeasuredArgs,
}
