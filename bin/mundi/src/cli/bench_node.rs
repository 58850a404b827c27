//! `mundi bench node`.

use super::{MeasuredArgs, at_least_one};
use clap::{Args, ValueHint};
use mundi_load::{Transport, Workload};
use std::num::NonZeroUsize;

/// Measure what a node accepts and commits under load, and how long a transaction takes.
///
/// A fresh `mundi dev` is started, and with --vs another node is measured too, round by round in turns. Each round funds new
/// senders, signs everything beforehand, sends it in batches over a few connections, and watches blocks until all is
/// committed. What signature recovery alone would allow is measured in the same run.
///
/// Generator and nodes share this machine; the report says what each of them used.
#[derive(Debug, Args)]
#[command(after_help = "\
Examples:
  mundi bench node
  mundi bench node --vs http://127.0.0.1:8546 --vs-pid $(pgrep anvil)
  mundi bench node --workload erc20 --transport ws --output json

Exit status:
  0    measured
  1    a node refused or lost transactions
  2    a node cannot be started or does not answer
  130  stopped by Ctrl-C")]
pub(crate) struct BenchNodeArgs {
    /// Another node to measure by turns. It has to make blocks by itself and know the account that pays.
    #[arg(long, value_name = "URL", value_hint = ValueHint::Url)]
    pub(crate) vs: Option<String>,
    /// Process of the other node, to report what it uses.
    #[arg(long, value_name = "PID", requires = "vs")]
    pub(crate) vs_pid: Option<u32>,
    /// What is sent: transfer, erc20 or mixed.
    #[arg(long, value_name = "WORKLOAD", default_value_t)]
    pub(crate) workload: Workload,
    /// How it travels: http (keep-alive) or ws.
    #[arg(long, value_name = "TRANSPORT", default_value_t)]
    pub(crate) transport: Transport,
    /// Transactions of a round.
    #[arg(long, value_name = "N", default_value = "50000", value_parser = at_least_one)]
    pub(crate) transactions: NonZeroUsize,
    /// Transactions in a request.
    #[arg(long, value_name = "N", default_value = "100", value_parser = at_least_one)]
    pub(crate) batch: NonZeroUsize,
    /// Connections, each with one request at a time.
    #[arg(long, value_name = "N", default_value = "4", value_parser = at_least_one)]
    pub(crate) connections: NonZeroUsize,
    /// Accounts that send. With fewer than a batch has transactions for each connection, an account has several in one batch, and
    /// some nodes take those in any order.
    #[arg(long, value_name = "N", default_value = "400", value_parser = at_least_one)]
    pub(crate) senders: NonZeroUsize,
    /// Rounds of each node.
    #[arg(long, value_name = "N", default_value = "5", value_parser = at_least_one)]
    pub(crate) rounds: NonZeroUsize,
    /// Words of the account that pays.
    #[arg(
        long,
        value_name = "WORDS",
        default_value = "test test test test test test test test test test test junk"
    )]
    pub(crate) mnemonic: String,
    #[command(flatten)]
    pub(crate) measured: MeasuredArgs,
}
