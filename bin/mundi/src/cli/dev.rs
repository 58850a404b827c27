//! `mundi dev`.

use super::threads;
use clap::{Args, ValueEnum, ValueHint};
use mundi_rpc_dev::MAX_ACCOUNTS;
use mundi_state::History;
use std::{net::IpAddr, num::NonZeroUsize, path::PathBuf, time::Duration};

/// Start a chain for developers, with rich accounts, at once.
///
/// Ten accounts with 10,000 ether each, a block for every transaction, and what Foundry, Hardhat, ethers, viem, web3.py and
/// wallets talk to: JSON-RPC over HTTP and WebSocket on 127.0.0.1:8545, with the developers' methods that they know (anvil_*,
/// evm_*, hardhat_*). Options are called as in anvil.
///
/// The chain lives in memory unless --datadir names a folder. Ctrl-C ends it, a second one at once.
#[derive(Debug, Args)]
#[command(after_help = "\
Examples:
  mundi dev                                      and in another shell: cast block-number
  mundi dev --port 8546 --chain-id 1337 --block-time 2
  mundi dev --datadir my-chain                   kept for the next time
  mundi dev --state state.json                   loaded at the start, if it is there, and saved at the end
  mundi dev --init genesis.json                  with the accounts of a genesis file too
  mundi dev --fork http://node:8545@19000000     on top of another chain
  mundi dev --no-mining                          blocks on command: cast rpc evm_mine

Exit status:
  0    ended by Ctrl-C or SIGTERM, all in order
  1    the chain stopped by itself; it says why
  2    it cannot start")]
pub(crate) struct DevArgs {
    #[command(flatten)]
    pub(crate) accounts: AccountArgs,
    #[command(flatten)]
    pub(crate) blocks: BlockArgs,
    #[command(flatten)]
    pub(crate) chain: ChainArgs,
    #[command(flatten)]
    pub(crate) fork: ForkArgs,
    #[command(flatten)]
    pub(crate) server: ServerArgs,
    #[command(flatten)]
    pub(crate) log: DevLogArgs,
    /// Threads of the parallel execution [default: all cores].
    #[arg(long, short = 'j', value_name = "N", value_parser = threads, visible_alias = "jobs", help_heading = "Node")]
    pub(crate) threads: Option<NonZeroUsize>,
}

#[derive(Debug, Args)]
#[command(next_help_heading = "Accounts")]
pub(crate) struct AccountArgs {
    /// Accounts that are made.
    #[arg(long, short, value_name = "N", default_value_t = 10, value_parser = clap::value_parser!(u32).range(0..=i64::from(MAX_ACCOUNTS)))]
    pub(crate) accounts: u32,
    /// What each has, in ether.
    #[arg(long, value_name = "ETHER", default_value = "10000")]
    pub(crate) balance: String,
    /// Words from which the keys are made [default: test test test test test test test test test test test junk].
    #[arg(long, short, value_name = "WORDS", conflicts_with = "mnemonic_random")]
    pub(crate) mnemonic: Option<String>,
    /// Make new words, that many.
    #[arg(long, value_name = "N", num_args = 0..=1, default_missing_value = "12", value_parser = ["12", "15", "18", "21", "24"])]
    pub(crate) mnemonic_random: Option<String>,
    /// Path of the keys; the number of the account comes after it.
    #[arg(long, value_name = "PATH", default_value = "m/44'/60'/0'/0/")]
    pub(crate) derivation_path: String,
    /// Send for any account without its key.
    #[arg(long, visible_alias = "auto-unlock")]
    pub(crate) auto_impersonate: bool,
}

#[derive(Debug, Args)]
#[command(next_help_heading = "Blocks")]
pub(crate) struct BlockArgs {
    /// Make a block every so often, not with every transaction; fractions are fine.
    #[arg(long, short, value_name = "SECONDS", value_parser = seconds, visible_alias = "blockTime")]
    pub(crate) block_time: Option<Duration>,
    /// With --block-time: also with every transaction.
    #[arg(long, requires = "block_time", conflicts_with = "no_mining")]
    pub(crate) mixed_mining: bool,
    /// Make blocks on command only (evm_mine, anvil_mine).
    #[arg(long, visible_alias = "no-mine", conflicts_with = "block_time")]
    pub(crate) no_mining: bool,
    /// Which transactions come first.
    #[arg(long, value_name = "ORDER", default_value = "fees")]
    pub(crate) order: TransactionOrder,
    /// Most transactions in a block.
    #[arg(long, value_name = "N")]
    pub(crate) max_transactions: Option<NonZeroUsize>,
    /// Gas limit of blocks [default: 1000000000, or that of the genesis file].
    #[arg(long, value_name = "GAS", value_parser = clap::value_parser!(u64).range(5000..=i64::MAX as u64))]
    pub(crate) gas_limit: Option<u64>,
    /// Least price that a transaction has to pay for gas, in forks before London; later ones have base fees.
    #[arg(long, value_name = "WEI")]
    pub(crate) gas_price: Option<u128>,
    /// Base fee of the first block, in wei; it goes on from there by EIP-1559, and stays zero if it is zero.
    #[arg(long, visible_alias = "block-base-fee-per-gas", value_name = "WEI")]
    pub(crate) base_fee: Option<u64>,
    /// Take transactions from others whose tip is zero; this is always so, and the option is there for scripts.
    #[arg(long, visible_alias = "no-priority-fee", hide = true)]
    pub(crate) disable_min_priority_fee: bool,
}

#[derive(Debug, Args)]
#[command(next_help_heading = "Chain")]
pub(crate) struct ChainArgs {
    /// Chain id [default: 31337].
    #[arg(long, value_name = "ID", value_parser = clap::value_parser!(u64).range(1..))]
    pub(crate) chain_id: Option<u64>,
    /// Rules of the virtual machine, by the name of the fork [default: the newest].
    #[arg(long, value_name = "FORK")]
    pub(crate) hardfork: Option<String>,
    /// Time of the first block, in seconds since 1970; later ones go on from there [default: now].
    #[arg(long, value_name = "SECONDS")]
    pub(crate) timestamp: Option<u64>,
    /// Begin with a genesis file; the accounts above are added to its own.
    #[arg(long, value_name = "GENESIS.json", value_hint = ValueHint::FilePath, conflicts_with_all = ["hardfork", "timestamp"])]
    pub(crate) init: Option<PathBuf>,
    /// Keep the chain in a folder; it goes on from there the next time.
    #[arg(long, value_name = "DIR", value_hint = ValueHint::DirPath)]
    pub(crate) datadir: Option<PathBuf>,
    /// Load the chain from a file if it is there, and save it to it at the end.
    #[arg(long, value_name = "FILE", value_hint = ValueHint::FilePath, conflicts_with_all = ["load_state", "dump_state"])]
    pub(crate) state: Option<PathBuf>,
    /// Load the chain from a file.
    #[arg(long, value_name = "FILE", value_hint = ValueHint::FilePath)]
    pub(crate) load_state: Option<PathBuf>,
    /// Save the chain to a file at the end.
    #[arg(long, value_name = "FILE", value_hint = ValueHint::FilePath)]
    pub(crate) dump_state: Option<PathBuf>,
    /// Of how many blocks the state can be asked for: the last N, or `full` for all.
    #[arg(long, value_name = "full|N", default_value = "full", value_parser = super::import::history)]
    pub(crate) history: History,
    /// Memory for warm state, as in 512MiB or 4GB.
    #[arg(long, value_name = "SIZE", default_value = "256MiB", value_parser = super::import::cache)]
    pub(crate) cache: u64,
}

#[derive(Debug, Args)]
#[command(next_help_heading = "Fork")]
pub(crate) struct ForkArgs {
    /// Go on from another chain, by its node's JSON-RPC; @BLOCK says after which block [default: the newest].
    #[arg(long = "fork", short = 'f', visible_aliases = ["fork-url", "rpc-url"], value_name = "URL[@BLOCK]", value_hint = ValueHint::Url, conflicts_with_all = ["init", "datadir", "hardfork", "timestamp"])]
    pub(crate) url: Option<String>,
    /// After which block.
    #[arg(long, value_name = "BLOCK", requires = "url")]
    pub(crate) fork_block_number: Option<u64>,
    /// An HTTP header for requests to the other node, as in "authorization: Bearer …".
    #[arg(long, value_name = "NAME: VALUE", requires = "url")]
    pub(crate) fork_header: Vec<String>,
    /// How often a request to the other node is repeated after a fault that may pass.
    #[arg(long, value_name = "N", default_value_t = 5, requires = "url")]
    pub(crate) retries: u32,
    /// How long a request to the other node may take, in milliseconds.
    #[arg(long, value_name = "MS", default_value_t = 45_000, requires = "url", value_parser = clap::value_parser!(u64).range(1..=3_600_000))]
    pub(crate) timeout: u64,
}

#[derive(Debug, Args)]
#[command(next_help_heading = "Server")]
pub(crate) struct ServerArgs {
    /// Address to listen on.
    #[arg(long, value_name = "ADDRESS", default_value = "127.0.0.1")]
    pub(crate) host: IpAddr,
    /// Port to listen on; 0 takes a free one.
    #[arg(long, short, value_name = "PORT", default_value_t = 8545)]
    pub(crate) port: u16,
    /// Allow an address that other machines can reach: whoever does can spend and change everything.
    #[arg(long)]
    pub(crate) allow_public: bool,
    /// Web pages that may use the chain, by origin, as in https://app.example.org; `*` for all [default: those of this machine].
    #[arg(long, value_name = "ORIGIN", value_delimiter = ',')]
    pub(crate) allow_origin: Vec<String>,
    /// No web pages.
    #[arg(long, conflicts_with = "allow_origin")]
    pub(crate) no_cors: bool,
    /// Listen on a Unix socket too.
    #[arg(long, visible_alias = "ipcpath", value_name = "PATH", num_args = 0..=1, default_missing_value = "/tmp/mundi.ipc", value_hint = ValueHint::FilePath)]
    pub(crate) ipc: Option<PathBuf>,
    /// Serve figures (/metrics) and health on this port of 127.0.0.1.
    #[arg(long = "metrics.port", value_name = "PORT")]
    pub(crate) metrics_port: Option<u16>,
    /// Write accounts, keys and settings as JSON to a file.
    #[arg(long, value_name = "FILE", value_hint = ValueHint::FilePath)]
    pub(crate) config_out: Option<PathBuf>,
}

#[derive(Debug, Args)]
#[command(next_help_heading = "Output")]
pub(crate) struct DevLogArgs {
    /// Print nothing but errors.
    #[arg(long, short, visible_alias = "silent")]
    pub(crate) quiet: bool,
    /// Print JSON, for programs.
    #[arg(long, conflicts_with = "quiet")]
    pub(crate) json: bool,
    /// Print more, also by how much blocks are faster for being executed in parallel; twice for even more.
    #[arg(long, short, action = clap::ArgAction::Count, conflicts_with = "quiet", visible_alias = "verbosity")]
    pub(crate) verbose: u8,
}

/// Which transactions come first.
#[derive(Clone, Copy, Debug, PartialEq, Eq, ValueEnum)]
pub(crate) enum TransactionOrder {
    /// Those that pay most.
    Fees,
    /// Those that came first.
    Fifo,
}

/// A time that is not zero, and at most a day.
pub(super) fn seconds(text: &str) -> Result<Duration, String> {
    let seconds = text.parse().ok().filter(|seconds: &f64| (0.001..=86_400.0).contains(seconds));
    seconds
        .map(Duration::from_secs_f64)
        .ok_or_else(|| "expected seconds from 0.001 to 86400, as in 2 or 0.5".to_owned())
}

/// Options of anvil that mean nothing here, and why.
const NOT_HERE: [(&str, &str); 26] = [
    ("--mnemonic-seed-unsafe", "name the words with --mnemonic"),
    ("--number", "chains begin at block 0, or with --fork after the block that you name"),
    ("--code-size-limit", "contracts have the size that Ethereum allows them; make the contract smaller"),
    (
        "--disable-code-size-limit",
        "contracts have the size that Ethereum allows them; make the contract smaller",
    ),
    ("--disable-block-gas-limit", "give blocks more gas with --gas-limit"),
    ("--enable-tx-gas-limit", "the limit of EIP-7825 holds from Osaka on; --hardfork prague is without it"),
    ("--disable-pool-balance-checks", "give accounts more with --balance or anvil_setBalance"),
    (
        "--disable-default-create2-deployer",
        "the deployer is part of the first block; --init begins without it",
    ),
    ("--memory-limit", "the memory of calls is bounded by itself"),
    ("--steps-tracing", "debug_traceTransaction gives steps at any time; leave the option out"),
    ("--print-traces", "ask for traces: cast run HASH, or debug_traceTransaction"),
    ("--disable-console-log", "console.log is not printed; leave the option out"),
    ("--prune-history", "say how much is kept with --history N"),
    ("--max-persisted-states", "say how much is kept with --history N"),
    ("--transaction-block-keeper", "all transactions are kept; leave the option out"),
    ("--preserve-historical-states", "a dump has all blocks; leave the option out"),
    ("--state-interval", "--datadir keeps every block when it is made"),
    ("--slots-in-an-epoch", "every block is final at once; leave the option out"),
    ("--cache-path", "nothing is cached on disk; leave the option out"),
    ("--no-request-size-limit", "requests may have 15 MB; send less at a time"),
    (
        "--compute-units-per-second",
        "requests to the other node are retried when it is busy; leave the option out",
    ),
    ("--no-rate-limit", "requests to the other node are retried when it is busy; leave the option out"),
    ("--no-storage-caching", "nothing is cached on disk; leave the option out"),
    ("--fork-transaction-hash", "say after which block with --fork URL@BLOCK"),
    ("--celo", "only Ethereum's rules are known"),
    ("--network", "only Ethereum's rules are known"),
];

/// Why an option of anvil is refused.
pub(crate) fn why_not(option: &str) -> Option<String> {
    let name = option.split('=').next().unwrap_or(option);
    let (_, why) = NOT_HERE.iter().find(|(known, _)| *known == name)?;
    Some(format!("{name} is not supported: {why}"))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn times_have_fractions() {
        assert_eq!(seconds("2"), Ok(Duration::from_secs(2)));
        assert_eq!(seconds("0.25"), Ok(Duration::from_millis(250)));
        for text in ["0", "-1", "nan", "inf", "1e9", "soon", ""] {
            assert!(seconds(text).is_err(), "{text}");
        }
    }
}
