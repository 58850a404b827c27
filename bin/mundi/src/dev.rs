//! `mundi dev`.

mod banner;
mod genesis;

use crate::{
    Verdict,
    cli::{DevArgs, TransactionOrder},
    console,
    interrupt::Interrupt,
    log::{self, LogFormat},
};
use alloy_primitives::{U256, utils::parse_ether};
use alloy_signer_local::{
    PrivateKeySigner,
    coins_bip39::{English, Mnemonic},
};
use eyre::WrapErr as _;
use mundi_chain::{DeveloperGenesis, EthereumHardfork, Genesis};
use mundi_consensus::{Clock as _, Mining, NextBlock, SoloConfig, SystemClock};
use mundi_mempool::Order;
use mundi_node::{ChainSource, DataDir, Developer, Node, NodeConfig, Ordering, ThreadConfig, Threads};
use mundi_rpc_dev::{DEFAULT_MNEMONIC, Dump, Fork, ForkConfig, MAX_DUMP_BYTES, developer_accounts};
use mundi_rpc_server::{Origins, ServerConfig};
use mundi_state::Config;
use std::{
    fs::File,
    io::Read as _,
    net::{IpAddr, Ipv4Addr, SocketAddr},
    sync::Arc,
    time::Duration,
};

/// Keys, and where they come from.
struct Wallet {
    signers: Vec<PrivateKeySigner>,
    mnemonic: String,
    path: String,
    balance: U256,
}

pub(crate) fn run(args: &DevArgs) -> eyre::Result<Verdict> {
    start_log(args)?;
    let mut interrupt = Interrupt::listen()?;
    let wallet = wallet(args)?;
    let threads = Arc::new(Threads::start(&thread_config(args))?);
    crate::node::raise_file_limit();
    let config = config(args, &wallet)?;
    let node = Node::start(config, Arc::clone(&threads))?;
    if let Some(file) = &args.server.config_out {
        console::write_file(file, banner::json(&node, &wallet).as_bytes())?;
    }
    if !args.log.quiet {
        let text =
            if args.log.json { banner::json(&node, &wallet) } else { banner::text(&node, &wallet, args) };
        console::print(text.as_bytes())?;
    }
    crate::node::run_until(&mut interrupt, node)
}

fn start_log(args: &DevArgs) -> eyre::Result<()> {
    let level = match (args.log.quiet, args.log.verbose) {
        (true, _) => "error",
        (false, 0) => "info",
        (false, 1) => "debug",
        (false, _) => "trace",
    };
    let format = if args.log.json { LogFormat::Json } else { LogFormat::Pretty };
    let asked = std::env::var("MUNDI_LOG_LEVEL").ok();
    log::start(format, asked.as_deref().unwrap_or(level))
}

fn thread_config(args: &DevArgs) -> ThreadConfig {
    ThreadConfig::for_cores(console::threads(args.threads))
}

fn wallet(args: &DevArgs) -> eyre::Result<Wallet> {
    let accounts = &args.accounts;
    let mnemonic = match (&accounts.mnemonic, &accounts.mnemonic_random) {
        (Some(words), _) => words.clone(),
        (None, Some(count)) => {
            let words = count.parse().wrap_err("the number of words")?;
            let random = Mnemonic::<English>::new_with_count(&mut rand::rngs::OsRng, words);
            random.wrap_err("cannot make words")?.to_phrase()
        }
        (None, None) => DEFAULT_MNEMONIC.to_owned(),
    };
    let signers = developer_accounts(&mnemonic, accounts.accounts, &accounts.derivation_path)?;
    let balance = parse_ether(&accounts.balance).wrap_err_with(|| {
        format!("`{}` is no amount of ether: expected as in 10000 or 0.5", accounts.balance)
    })?;
    Ok(Wallet { signers, mnemonic, path: accounts.derivation_path.clone(), balance })
}

fn config(args: &DevArgs, wallet: &Wallet) -> eyre::Result<NodeConfig> {
    let load = load(args)?;
    let (chain, next) = chain(args, wallet, load.as_ref())?;
    let mining = match (args.blocks.no_mining, args.blocks.block_time) {
        (true, _) => Mining::Manual,
        (false, None) => Mining::Auto,
        (false, Some(time)) if args.blocks.mixed_mining => Mining::Mixed(time),
        (false, Some(time)) => Mining::Interval(time),
    };
    let mut config = NodeConfig::new(chain);
    config.state = Config {
        cache_bytes: args.chain.cache,
        history: args.chain.history,
        proofs: args.chain.history,
        ..Config::default()
    };
    config.gas_limit = args.blocks.gas_limit;
    config.ledger.trace = args.log.verbose > 0;
    config.pool.order = match args.blocks.order {
        TransactionOrder::Fees => Order::Fees,
        TransactionOrder::Fifo => Order::Fifo,
    };
    config.pool.require_base_fee = true;
    // Before London the price of gas is all tip; later it is a matter of base fees.
    let old = args.chain.hardfork.as_deref().map(DeveloperGenesis::fork_named).transpose()?;
    if old.is_some_and(|fork| fork < EthereumHardfork::London) {
        config.pool.min_priority_fee = args.blocks.gas_price.unwrap_or_default();
    }
    let mut solo = SoloConfig { mining, ..SoloConfig::default() };
    if let Some(most) = args.blocks.max_transactions {
        solo.payload_transactions = most.get();
    }
    config.ordering = Ordering::Solo(solo);
    let loopback = |port| SocketAddr::new(IpAddr::V4(Ipv4Addr::LOCALHOST), port);
    let address = Some(SocketAddr::new(args.server.host, args.server.port));
    config.server = ServerConfig {
        http: address,
        ws: address,
        ipc: args.server.ipc.clone(),
        origins: match (args.server.no_cors, &args.server.allow_origin[..]) {
            (true, _) => Origins::None,
            (false, []) => Origins::Loopback,
            (false, origins) => Origins::list(origins),
        },
        ..ServerConfig::default()
    };
    config.metrics = args.server.metrics_port.map(loopback);
    config.developer = Some(Developer {
        signers: wallet.signers.clone(),
        next,
        impersonate_all: args.accounts.auto_impersonate,
        allow_public: args.server.allow_public,
        load: load.map(|load| load.bytes),
        dump: args.chain.state.clone().or_else(|| args.chain.dump_state.clone()),
    });
    Ok(config)
}

/// A dump to load.
struct Loaded {
    bytes: Vec<u8>,
    /// What is in it; `None` if another program wrote it.
    dump: Option<Dump>,
}

/// The dump that `--load-state` or `--state` names; the latter need not be there yet.
fn load(args: &DevArgs) -> eyre::Result<Option<Loaded>> {
    let path = match (&args.chain.load_state, &args.chain.state) {
        (Some(path), _) => path.clone(),
        (None, Some(path)) => path.clone(),
        (None, None) => return Ok(None),
    };
    let path = if path.is_dir() { path.join("state.json") } else { path };
    if args.chain.load_state.is_none() && !path.exists() {
        return Ok(None);
    }
    let mut bytes = Vec::new();
    File::open(&path)
        .and_then(|file| file.take(MAX_DUMP_BYTES + 1).read_to_end(&mut bytes))
        .wrap_err_with(|| format!("cannot read {}", path.display()))?;
    eyre::ensure!(bytes.len() as u64 <= MAX_DUMP_BYTES, "{} is larger than any dump", path.display());
    let dump = Dump::read(&bytes).ok();
    Ok(Some(Loaded { bytes, dump }))
}

/// Where the chain is, and what is decided of its next blocks.
fn chain(args: &DevArgs, wallet: &Wallet, load: Option<&Loaded>) -> eyre::Result<(ChainSource, NextBlock)> {
    let now = SystemClock.now();
    let folder = args.chain.datadir.as_ref().map(DataDir::new);
    if let Some(folder) = folder.as_ref().filter(|folder| folder.is_begun()) {
        let id = folder.genesis()?.spec.chain_id();
        if let Some(asked) = args.chain.chain_id.filter(|asked| *asked != id) {
            eyre::bail!(
                "the chain in {} has chain id {id}, not {asked}; another --datadir holds another chain",
                folder.path().display()
            );
        }
        return Ok((ChainSource::Folder(folder.clone(), None), NextBlock::default()));
    }
    let preset = genesis::preset(args, wallet, now)?;
    if let Some(url) = &args.fork.url {
        return fork(args, url, preset);
    }
    let genesis = match load.and_then(|load| load.dump.as_ref()) {
        // A chain that begins as the dumped one did takes the dump as it is.
        Some(dump) if args.chain.init.is_none() => {
            let chain_id = args.chain.chain_id.unwrap_or_else(|| dump.chain_id());
            let own = Genesis::developer(&DeveloperGenesis { chain_id, ..preset })?;
            dump.genesis(own.spec.clone())?.unwrap_or(own)
        }
        _ => genesis::make(args, wallet, &preset)?,
    };
    let next = NextBlock {
        // Time goes on from the first block.
        offset: match args.chain.timestamp {
            Some(timestamp) => i64::try_from(timestamp).unwrap_or(i64::MAX).saturating_sub_unsigned(now),
            None => 0,
        },
        ..NextBlock::default()
    };
    let genesis = Box::new(genesis);
    Ok(match folder {
        Some(folder) => (ChainSource::Folder(folder, Some(genesis)), next),
        None => (ChainSource::Memory(genesis), next),
    })
}

/// On top of another chain.
fn fork(args: &DevArgs, url: &str, preset: DeveloperGenesis) -> eyre::Result<(ChainSource, NextBlock)> {
    let (url, named) = split_block(url)?;
    if named.is_some() && args.fork.fork_block_number.is_some() {
        eyre::bail!("the block is named twice: by --fork URL@BLOCK and by --fork-block-number");
    }
    let mut config = ForkConfig::new(url);
    config.block = named.or(args.fork.fork_block_number);
    config.timeout = Duration::from_millis(args.fork.timeout);
    config.retries = args.fork.retries;
    for header in &args.fork.fork_header {
        let (name, value) = header
            .split_once(':')
            .ok_or_else(|| eyre::eyre!("--fork-header: expected NAME: VALUE, got `{header}`"))?;
        config.headers.push((name.trim().to_owned(), value.trim().to_owned()));
    }
    let fork = Fork::open(config).wrap_err("the remote chain cannot be continued")?;
    let preset = DeveloperGenesis {
        chain_id: args.chain.chain_id.unwrap_or_else(|| fork.chain_id()),
        fork: fork.hardfork(),
        ..preset
    };
    let next = NextBlock { base_fee: args.blocks.base_fee, ..NextBlock::default() };
    Ok((ChainSource::Fork { fork: Arc::new(fork), preset: Box::new(preset) }, next))
}

/// `URL@BLOCK`, or `URL` alone.
fn split_block(url: &str) -> eyre::Result<(&str, Option<u64>)> {
    match url.rsplit_once('@') {
        // What comes after a user and a password is a host.
        Some((url, block)) if !block.contains(['/', '.', ':']) && block != "localhost" => {
            let number = block.parse();
            let number = number.map_err(|_| {
                eyre::eyre!(
                    "--fork: expected the number of a block after @, as in {url}@19000000, got `{block}`"
                )
            })?;
            Ok((url, Some(number)))
        }
        _ => Ok((url, None)),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_block_may_follow_the_address() {
        assert_eq!(split_block("http://a.b:1/k@12").unwrap(), ("http://a.b:1/k", Some(12)));
        assert_eq!(split_block("http://a.b:1/k").unwrap(), ("http://a.b:1/k", None));
        assert_eq!(split_block("https://me:secret@a.b/k").unwrap(), ("https://me:secret@a.b/k", None));
        assert_eq!(split_block("http://me@localhost:1@3").unwrap(), ("http://me@localhost:1", Some(3)));
        assert!(split_block("http://a.b@newest").is_err());
    }
}
