//! What the command line takes. The help texts are a newcomer's first lesson: they say what a command is for, and
//! show it in use.

mod bench_flood;
mod bench_net;
mod bench_node;
mod bench_state;
mod db;
mod dev;
mod fetch;
mod generate;
mod import;
mod measured;
mod net;
mod node;
mod sim;
mod state;
mod verify;

pub(crate) use bench_flood::BenchFloodArgs;
pub(crate) use bench_net::BenchNetArgs;
pub(crate) use bench_node::BenchNodeArgs;
pub(crate) use bench_state::BenchStateArgs;
pub(crate) use db::{DbArgs, DbCommand, FlushArgs, PruneArgs, RepairArgs, RewindArgs};
pub(crate) use dev::{DevArgs, TransactionOrder, why_not};
pub(crate) use fetch::FetchArgs;
pub(crate) use generate::GenerateArgs;
pub(crate) use import::ImportArgs;
pub(crate) use measured::{MeasuredArgs, fresh_seed};
pub(crate) use net::{NetArgs, NetCommand, NetDkgArgs, NetNewArgs, NetUpArgs};
pub(crate) use node::{ConfigArgs, ConfigCommand, NodeArgs, SettingArgs};
pub(crate) use sim::{SimArgs, SimCommand, SimRunArgs, SimWanArgs};
pub(crate) use state::{
    Block, DataDirArgs, ExportArgs, GetArgs, StateArgs, StateCommand, StateImportArgs, StatsArgs, VerifyArgs,
};
pub(crate) use verify::{BlockProofArgs, ProofArgs, VerifyCommand, VerifyCommandArgs, WantedBlock};

use clap::{
    Args, Parser, Subcommand, ValueEnum, ValueHint,
    builder::{PossibleValuesParser, TypedValueParser as _},
};
use mundi_execution::Mode;
use std::{num::NonZeroUsize, path::PathBuf};

/// Mundi, a world supercomputer: executes Ethereum blocks in parallel, with exactly the results of sequential
/// execution.
#[derive(Debug, Parser)]
#[command(name = "mundi", version, max_term_width = 110, arg_required_else_help = true)]
#[command(disable_help_subcommand = true)]
#[command(after_help = "\
Examples:
  mundi dev                              a chain for developers, at once
  mundi node --genesis genesis.json      a node that keeps a chain
  mundi net new && mundi net up          a network of validators, on this machine
  mundi verify header header.json --group-key HEX
                                         is it what such a network made final?
  mundi sim                              break such networks, on a simulated clock
  mundi import --genesis genesis.json chain.rlp
                                         execute a chain from its first block on, and keep it
  mundi generate --out chain             make a long chain to import
  mundi state get ADDRESS                what does an account hold?
  mundi bench execution --quick          how fast is this machine, on generated blocks?
  mundi replay blocks/                   execute real blocks in parallel and check them
  mundi replay blocks/ --report r.html   the same, as a page to look at
  mundi replay fetch --rpc URL 19426587  get a block from a node

`mundi COMMAND --help` says more about a command, with examples.

Exit status:
  0  all is well
  1  something came out wrong: a block that differs, a test vector that fails
  2  the input or the usage is no good

NO_COLOR=1 turns colours off.")]
pub(crate) struct Cli {
    #[command(subcommand)]
    pub(crate) command: Command,
}

#[derive(Debug, Subcommand)]
pub(crate) enum Command {
    Dev(Box<DevArgs>),
    Node(NodeArgs),
    Net(Box<NetArgs>),
    Sim(Box<SimArgs>),
    Verify(Box<VerifyCommandArgs>),
    Import(ImportArgs),
    State(StateArgs),
    Db(DbArgs),
    Config(ConfigArgs),
    Replay(ReplayCommandArgs),
    /// Run Ethereum's state tests: one transaction each, in every fork.
    ///
    /// Takes files, folders and .tar.gz archives of ethereum/tests (GeneralStateTests) and execution-spec-tests
    /// (state_tests); tests of other kinds are passed over. Every vector runs in sequential and in optimistic mode, and
    /// both must give what the file says.
    #[command(after_help = "\
Examples:
  mundi statetest GeneralStateTests/
  mundi statetest state-tests.tar.gz --skip-slow
  mundi statetest state-tests.tar.gz --filter Prague
  mundi statetest state-tests.tar.gz --json | jq .total

Exit status:
  0  all vectors pass
  1  some fail
  2  there are none, or a file cannot be read")]
    Statetest(ConformanceArgs),
    /// Run Ethereum's block tests, and the transaction and trie tests beside them.
    ///
    /// Takes files, folders and .tar.gz archives of ethereum/tests (BlockchainTests, TransactionTests, TrieTests) and
    /// execution-spec-tests (blockchain_tests); tests of other kinds are passed over. Every block is executed in sequential
    /// and in optimistic mode, and both must give what the file says.
    ///
    /// States are kept in memory, or with --store on disk, as `mundi import` keeps them.
    #[command(after_help = "\
Examples:
  mundi blocktest BlockchainTests/ValidBlocks
  mundi blocktest --store blockchain-tests.tar.gz
  mundi blocktest blockchain-tests.tar.gz --filter uncle
  mundi blocktest blockchain-tests.tar.gz --json | jq .skips

Exit status:
  0  all vectors pass
  1  some fail
  2  there are none, or a file cannot be read")]
    Blocktest(BlockTestArgs),
    Bench(BenchArgs),
    Generate(GenerateArgs),
    /// Print a completion script for a shell.
    ///
    /// Tab then completes commands, options, modes and paths.
    #[command(after_help = "\
Examples:
  source <(mundi completions bash)                                     for this session
  mundi completions bash > ~/.local/share/bash-completion/completions/mundi
  mundi completions zsh > ~/.zfunc/_mundi
  mundi completions fish > ~/.config/fish/completions/mundi.fish")]
    Completions {
        /// Which shell.
        shell: clap_complete::Shell,
    },
}

/// Execute real blocks in parallel, and check them against their headers and sequential execution.
///
/// Reads block files: a block as a node gives it, with the part of the state that it reads. Each block is executed
/// sequentially and in the chosen mode, in turns. gasUsed, logsBloom, receiptsRoot (and withdrawalsRoot, blobGasUsed,
/// requestsHash where the header has them) must be those of the header, and every receipt and state change those of
/// sequential execution.
///
/// The table shows how much faster the block was, and how much faster a perfect scheduler would have made it: what
/// depends on what in a block bounds its speed-up, whatever the number of threads.
#[derive(Debug, Args)]
#[command(args_conflicts_with_subcommands = true, subcommand_negates_reqs = true)]
#[command(disable_help_subcommand = true)]
#[command(after_help = "\
Examples:
  mundi replay blocks/                           all blocks of a folder, on all cores
  mundi replay 19426587.json.gz --threads 4      one block on four threads
  mundi replay blocks/ --report report.html      a page with timelines and dependency graphs
  mundi replay blocks/ --output json | jq .totals
  mundi replay block.json --record run.json      keep the schedule of a run, and
  mundi replay block.json --schedule run.json    repeat that run exactly, on one thread
  mundi replay fetch --rpc http://localhost:8545 19426587

Exit status:
  0  all blocks came out right
  1  a difference; it says which transaction, which field, and both values
  2  a file that cannot be used; the others are replayed all the same")]
pub(crate) struct ReplayCommandArgs {
    #[command(subcommand)]
    pub(crate) command: Option<ReplayCommand>,
    #[command(flatten)]
    pub(crate) replay: ReplayArgs,
}

#[derive(Debug, Subcommand)]
pub(crate) enum ReplayCommand {
    Fetch(FetchArgs),
}

#[derive(Debug, Args)]
pub(crate) struct ReplayArgs {
    /// Block files, plain or gzip, and folders of them.
    #[arg(required = true, value_name = "PATH", value_hint = ValueHint::AnyPath)]
    pub(crate) paths: Vec<PathBuf>,
    #[command(flatten)]
    pub(crate) engine: EngineArgs,
    /// Timed executions of each kind; medians are shown.
    #[arg(long, value_name = "N", default_value = "3", value_parser = at_least_one)]
    pub(crate) runs: NonZeroUsize,
    /// What to print.
    #[arg(long, value_name = "FORMAT", default_value = "table")]
    pub(crate) output: Output,
    /// Write a page to look at: timelines of workers, dependency graphs, critical paths, hot keys, predictions.
    #[arg(long, value_name = "FILE.html", value_hint = ValueHint::FilePath)]
    pub(crate) report: Option<PathBuf>,
    /// Write the schedule of one more execution (of a single block).
    #[arg(long, value_name = "FILE", value_hint = ValueHint::FilePath, conflicts_with = "schedule")]
    pub(crate) record: Option<PathBuf>,
    /// Follow a recorded schedule exactly (of a single block).
    #[arg(long, value_name = "FILE", value_hint = ValueHint::FilePath)]
    pub(crate) schedule: Option<PathBuf>,
}

#[derive(Clone, Copy, Debug, Args)]
pub(crate) struct EngineArgs {
    /// Threads of the parallel execution [default: all cores].
    #[arg(long, value_name = "N", value_parser = threads)]
    pub(crate) threads: Option<NonZeroUsize>,
    /// Strategy; all give the same result.
    ///
    /// A block file holds no declared access sets: `declared` then runs as `optimistic` does. `access-list` is given
    /// the list that sequential execution built.
    #[arg(long, value_name = "MODE", default_value = "auto", value_parser = modes())]
    pub(crate) mode: Mode,
}

/// Most threads that can be asked for.
const MOST_THREADS: usize = 1024;

fn at_least_one(text: &str) -> Result<NonZeroUsize, String> {
    text.parse().map_err(|_| "expected a whole number from 1 on".to_owned())
}

fn threads(text: &str) -> Result<NonZeroUsize, String> {
    let threads = text.parse().ok().filter(|threads: &NonZeroUsize| threads.get() <= MOST_THREADS);
    threads.ok_or_else(|| format!("expected a whole number from 1 to {MOST_THREADS}"))
}

fn block_number(text: &str) -> Result<u64, String> {
    let number = match text.strip_prefix("0x") {
        Some(hex) => u64::from_str_radix(hex, 16),
        None => text.parse(),
    };
    number.map_err(|_| "expected the number of a block, as in 19426587 or 0x1286d5b".to_owned())
}

fn modes() -> impl clap::builder::TypedValueParser<Value = Mode> {
    PossibleValuesParser::new(Mode::ALL.map(Mode::name)).try_map(|name| name.parse::<Mode>())
}

#[derive(Clone, Copy, Debug, PartialEq, Eq, ValueEnum)]
pub(crate) enum Output {
    /// A table for people.
    Table,
    /// JSON for programs.
    Json,
}

#[derive(Debug, Args)]
pub(crate) struct ConformanceArgs {
    /// Test files, archives and folders.
    #[arg(required = true, value_name = "PATH", value_hint = ValueHint::AnyPath)]
    pub(crate) paths: Vec<PathBuf>,
    /// Print JSON: counts per folder, every failure, everything that was skipped and why.
    #[arg(long)]
    pub(crate) json: bool,
    /// Threads of each parallel execution; more than cores is fine and tests more.
    #[arg(long, value_name = "N", default_value = "4", value_parser = threads)]
    pub(crate) threads: NonZeroUsize,
    /// Only vectors whose name contains this; a name is FILE::TEST/FORK/….
    #[arg(long, value_name = "TEXT")]
    pub(crate) filter: Option<String>,
    /// Skip the few vectors that take minutes each.
    #[arg(long)]
    pub(crate) skip_slow: bool,
}

#[derive(Debug, Args)]
pub(crate) struct BlockTestArgs {
    #[command(flatten)]
    pub(crate) conformance: ConformanceArgs,
    /// Import each chain into a state store of its own, and compare what it holds.
    ///
    /// Valid blocks are published and written, invalid ones must leave the store as it was, and a heavier branch makes
    /// it rewind. At the end blocks, accounts, slots and proofs are read back; then the store is closed, opened, compared
    /// again and verified.
    ///
    /// The stores are made in DIR and go with their tests. Without =DIR they are made in memory (/dev/shm), or where that
    /// does not exist in the folder for temporary files.
    #[arg(long, value_name = "DIR", num_args = 0..=1, require_equals = true, value_hint = ValueHint::DirPath)]
    pub(crate) store: Option<Option<PathBuf>>,
}

/// Measure how fast this machine executes blocks.
#[derive(Debug, Args)]
#[command(disable_help_subcommand = true, arg_required_else_help = true)]
#[command(after_help = "\
Examples:
  mundi bench execution --quick
  mundi bench execution --only erc20 --threads 2
  mundi bench node
  mundi bench flood
  mundi bench net")]
pub(crate) struct BenchArgs {
    #[command(subcommand)]
    pub(crate) command: BenchCommand,
}

#[derive(Debug, Subcommand)]
pub(crate) enum BenchCommand {
    Execution(BenchExecutionArgs),
    State(BenchStateArgs),
    Node(BenchNodeArgs),
    Flood(BenchFloodArgs),
    Net(BenchNetArgs),
}

/// Measure the engine against sequential execution, on generated blocks and on yours.
///
/// Blocks of plain transfers, token transfers and swaps are generated: independent ones, ones with a hot account, serial
/// chains and a mix. Sequential execution and the engine take turns in one process on one state in memory, and every
/// result is compared. Ratios above one mean faster than sequential.
///
/// The same blocks then run, smaller, on a state whose first reads are slow, as those of a disk are.
#[derive(Debug, Args)]
#[command(after_help = "\
Examples:
  mundi bench execution --quick                     small blocks, under a minute
  mundi bench execution                             blocks of a gigagas, minutes
  mundi bench execution --only erc20,mix --threads 2
  mundi bench execution --only swaps --cold-read-us 500
  mundi bench execution --only none --blocks blocks/ --output json

Exit status:
  0  measured
  1  a run gave something else than sequential execution
  2  there is nothing to measure, or a block file cannot be used")]
pub(crate) struct BenchExecutionArgs {
    /// Blocks of a tenth of the size, and fewer rounds.
    #[arg(long)]
    pub(crate) quick: bool,
    /// Only generated workloads whose name contains one of these; `none` for none [default: all].
    #[arg(long, value_name = "TEXT,…", default_value = "", hide_default_value = true)]
    pub(crate) only: String,
    /// Block files and folders to measure as well.
    #[arg(long, value_name = "PATH", value_hint = ValueHint::AnyPath)]
    pub(crate) blocks: Vec<PathBuf>,
    /// Threads [default: all cores].
    #[arg(long, value_name = "N", value_parser = threads)]
    pub(crate) threads: Option<NonZeroUsize>,
    /// Modes to compare with sequential execution.
    #[arg(long, value_name = "MODE,…", default_value = "auto", value_delimiter = ',', value_parser = modes())]
    pub(crate) mode: Vec<Mode>,
    /// Timed rounds of each workload, at least [default: 11, or 5 with --quick].
    #[arg(long, value_name = "N", value_parser = at_least_one)]
    pub(crate) runs: Option<NonZeroUsize>,
    /// Seed of the generated blocks.
    #[arg(long, value_name = "N", default_value = "1")]
    pub(crate) seed: u64,
    /// How long a first read of the state sleeps in the part with slow reads, in microseconds.
    #[arg(long, value_name = "N", default_value = "100", value_parser = clap::value_parser!(u64).range(1..=1_000_000))]
    pub(crate) cold_read_us: u64,
    /// Leave out the part with slow reads.
    #[arg(long, conflicts_with = "cold_read_us")]
    pub(crate) no_cold: bool,
    /// What to print.
    #[arg(long, value_name = "FORMAT", default_value = "table")]
    pub(crate) output: Output,
}
