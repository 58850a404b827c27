//! `mundi sim`.

use super::threads;
use clap::{
    Args, Subcommand,
    builder::{PossibleValuesParser, TypedValueParser},
};
use mundi_simulation::{REGIONS, SCENARIOS, Scenario, WanSettings};
use std::{num::NonZeroUsize, time::Duration};

/// Most validators of a simulated network.
const MOST_VALIDATORS: usize = 100;

/// Most runs of a campaign.
const MOST_SEEDS: u64 = 1_000_000;

/// Break networks of validators, on one simulated clock, and look whether they keep what they promise.
///
/// What runs is what validators run: consensus, ledger, state store, pool. What is simulated is time, network and disks, and the wish of
/// some to do harm. In each run things go wrong for some seconds, as its scenario and its seed say; then all is well again, but for
/// dishonest validators, and blocks have to come. Checked are, among others: one final payload at a height, equal block hashes
/// everywhere, no final transaction lost, progress within a bounded number of views, certificates, bounded memory.
///
/// The same seed gives the same run, to the last message. A run in which something is wrong is told at once, with the command that
/// repeats it.
///
/// --seed N runs each of the scenarios with that seed. --seeds N makes N runs in all: run number I has the seed I, and scenarios take
/// turns, so that a campaign goes on with --from where another one ended.
///
/// `mundi sim wan` breaks nothing: it measures how long payloads take over the distances of a world, and has options of its own
/// (--payload, --upload, --execution and more: `mundi sim wan --help`).
#[derive(Debug, Args)]
#[command(args_conflicts_with_subcommands = true, disable_help_subcommand = true)]
#[command(after_help = "\
Examples:
  mundi sim                                       each scenario once, with seed 0
  mundi sim --list                                what there is
  mundi sim --seeds 10000                         a campaign over all of them, some hours
  mundi sim --seeds 10000 --from 10000            the next ones
  mundi sim --scenario twins,lies --seeds 500     250 seeds of each
  mundi sim --scenario crash --seed 17            one run, and its trace, which is the same everywhere
  mundi sim --scenario crash --seed 17 --check    twice, and both traces have to be equal
  mundi sim --validators 7 --regions 10           the same troubles, all over the world
  mundi sim --seeds 100 --json | jq .faults
  mundi sim wan --validators 50 --regions 10      no trouble, but distances: how long does it take?

Exit status:
  0    nothing was found
  1    something is wrong with a run
  2    the options make no sense
  130  stopped by Ctrl-C, after the runs that were under way; what was made is told")]
pub(crate) struct SimArgs {
    #[command(subcommand)]
    pub(crate) command: Option<SimCommand>,
    #[command(flatten)]
    pub(crate) runs: SimRunArgs,
}

#[derive(Debug, Subcommand)]
pub(crate) enum SimCommand {
    Wan(SimWanArgs),
}

#[derive(Debug, Args)]
pub(crate) struct SimRunArgs {
    /// Which scenarios [default: all].
    #[arg(long, value_name = "NAME,…", value_delimiter = ',', value_parser = scenarios(), hide_possible_values = true)]
    pub(crate) scenario: Vec<&'static Scenario>,
    /// Run each of them with this seed [default: 0].
    #[arg(long, value_name = "N", conflicts_with = "seeds")]
    pub(crate) seed: Option<u64>,
    /// Make so many runs in all, the scenarios in turn.
    #[arg(long, value_name = "N", value_parser = clap::value_parser!(u64).range(1..=MOST_SEEDS))]
    pub(crate) seeds: Option<u64>,
    /// Number and seed of the first of these runs [default: 0].
    #[arg(long, value_name = "N", requires = "seeds")]
    pub(crate) from: Option<u64>,
    /// How many validators, 1 to 100 [default: as the scenario has it].
    #[arg(long, value_name = "N", value_parser = validators)]
    pub(crate) validators: Option<usize>,
    /// Over how many of the ten regions of `mundi sim wan` they are spread [default: all are equally far apart].
    #[arg(long, value_name = "N", value_parser = regions)]
    pub(crate) regions: Option<usize>,
    /// Blocks that have to be made when all is well again [default: 4].
    #[arg(long, value_name = "N", value_parser = clap::value_parser!(u64).range(1..=10_000))]
    pub(crate) heights: Option<u64>,
    /// Make each run twice, and compare their traces.
    #[arg(long)]
    pub(crate) check: bool,
    /// Runs at once [default: all cores].
    #[arg(long, value_name = "N", value_parser = threads)]
    pub(crate) jobs: Option<NonZeroUsize>,
    /// Run nothing; say which scenarios and classes of faults there are.
    #[arg(long)]
    pub(crate) list: bool,
    /// Write log lines of all validators, as in info or debug,commonware=debug; for single runs.
    #[arg(long, value_name = "LEVEL")]
    pub(crate) log: Option<String>,
    /// Print JSON.
    #[arg(long)]
    pub(crate) json: bool,
}

/// Measure validators all over the world, on the simulated clock: how long payloads take, and what it costs to spread them.
///
/// Validators are spread over regions; a message takes half of the published round-trip time between two of them, and waits for the
/// bandwidth of both ends. Leaders always have a full payload of transfers to propose. Nothing goes wrong. Computing takes no time, but
/// for execution, which takes what --execution says: what is measured is what the protocol and the distances take.
///
/// Memory and time grow with validators, payload and heights: 50 validators with payloads of 1 MiB take minutes.
#[derive(Debug, Args)]
#[command(after_help = "\
Examples:
  mundi sim wan                                          50 validators in 10 regions, payloads of 1 MiB
  mundi sim wan --validators 10 --payload 256KiB
  mundi sim wan --validators 100 --upload 25MB           a fifth of a gigabit
  mundi sim wan --validators 4 --regions 1 --json | jq .finalised

Times are from the proposal until a validator knows of it, over all validators and blocks.

Exit status:
  0  measured
  1  the network did not come to its end, or something was wrong with it
  2  the options make no sense")]
pub(crate) struct SimWanArgs {
    /// How many validators, 4 to 100.
    #[arg(long, value_name = "N", default_value_t = WanSettings::default().validators, value_parser = validators)]
    pub(crate) validators: usize,
    /// Over how many of the ten regions they are spread.
    #[arg(long, value_name = "N", default_value_t = WanSettings::default().regions)]
    pub(crate) regions: usize,
    /// Transactions in a payload, in bytes with a unit: 1KiB to 8MiB.
    #[arg(long, value_name = "SIZE", default_value = "1MiB", value_parser = payload)]
    pub(crate) payload: u32,
    /// What each validator can send in a second; 125MB is a gigabit.
    #[arg(long, value_name = "SIZE", default_value = "125MB", value_parser = bandwidth)]
    pub(crate) upload: u64,
    /// What each can receive in a second [default: as --upload].
    #[arg(long, value_name = "SIZE", value_parser = bandwidth)]
    pub(crate) download: Option<u64>,
    /// How long it takes to execute a payload.
    #[arg(long, value_name = "TIME", default_value = "25ms", value_parser = super::net::time)]
    pub(crate) execution: Duration,
    /// By how much a message may be later by chance.
    #[arg(long, value_name = "TIME", default_value = "2ms", value_parser = super::net::time)]
    pub(crate) jitter: Duration,
    /// Blocks that are measured.
    #[arg(long, value_name = "N", default_value_t = WanSettings::default().heights, value_parser = clap::value_parser!(u64).range(1..=10_000))]
    pub(crate) heights: u64,
    /// Where all choices come from.
    #[arg(long, value_name = "N", default_value_t = 0)]
    pub(crate) seed: u64,
    /// Print JSON.
    #[arg(long)]
    pub(crate) json: bool,
}

fn scenarios() -> impl TypedValueParser<Value = &'static Scenario> {
    let names = SCENARIOS.iter().map(|scenario| scenario.name);
    PossibleValuesParser::new(names)
        .try_map(|name| Scenario::named(&name).ok_or("there is no such scenario: see mundi sim --list"))
}

fn validators(text: &str) -> Result<usize, String> {
    let number = text.parse().ok().filter(|number| (1..=MOST_VALIDATORS).contains(number));
    number.ok_or_else(|| format!("expected a number of validators from 1 to {MOST_VALIDATORS}"))
}

fn regions(text: &str) -> Result<usize, String> {
    let number = text.parse().ok().filter(|number| (1..=REGIONS.len()).contains(number));
    number.ok_or_else(|| format!("expected a number of regions from 1 to {}", REGIONS.len()))
}

fn payload(text: &str) -> Result<u32, String> {
    let bytes = mundi_node::parse_size(text).and_then(|bytes| u32::try_from(bytes).ok());
    bytes.ok_or_else(|| "expected a number of bytes with a unit, as in 256KiB or 1MiB".to_owned())
}

fn bandwidth(text: &str) -> Result<u64, String> {
    let bytes = mundi_node::parse_size(text).filter(|bytes| *bytes > 0);
    bytes.ok_or_else(|| "expected bytes per second with a unit, as in 125MB".to_owned())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn numbers_and_sizes_have_bounds() {
        assert_eq!((validators("1"), validators("100")), (Ok(1), Ok(100)));
        for wrong in ["0", "101", "four", "-1", ""] {
            assert!(validators(wrong).is_err(), "{wrong}");
        }
        assert_eq!((payload("1MiB"), payload("2KiB")), (Ok(1 << 20), Ok(2 << 10)));
        assert!(payload("8GiB").is_err() && payload("much").is_err());
        assert_eq!(bandwidth("125MB"), Ok(125_000_000));
        assert!(bandwidth("0MB").is_err() && bandwidth("fast").is_err());
    }
}
