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
    MnemonicBuilder, PrivateKeySigner,
    coins_bip39::{English, Mnemonic},
};
use eyre::WrapErr as _;
use mundi_chain::{Genesis, LedgerConfig};
use mundi_consensus::{Clock as _, Mining, NextBlock, SoloConfig, SystemClock};
use mundi_mempool::Order;
use mundi_node::{ChainSource, DataDir, Developer, Node, NodeConfig, ThreadConfig, Threads};
use mundi_rpc_server::{Origins, ServerConfig};
use mundi_state::Config;
use std::{
    net::{IpAddr, Ipv4Addr, SocketAddr},
    sync::Arc,
};

/// The words of accounts that everybody knows.
const MNEMONIC: &str = "test test test test test test test test test test test junk";

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
        (None, None) => MNEMONIC.to_owned(),
    };
    let signers = (0..accounts.accounts).map(|index| {
        MnemonicBuilder::<English>::default()
            .phrase(mnemonic.as_str())
            .derivation_path(format!("{}{index}", accounts.derivation_path))
            .and_then(|builder| builder.build())
    });
    let signers = signers.collect::<Result<_, _>>().wrap_err("these words and this path make no keys")?;
    let balance = parse_ether(&accounts.balance).wrap_err_with(|| {
        format!("`{}` is no amount of ether: expected as in 10000 or 0.5", accounts.balance)
    })?;
    Ok(Wallet { signers, mnemonic, path: accounts.derivation_path.clone(), balance })
}

fn config(args: &DevArgs, wallet: &Wallet) -> eyre::Result<NodeConfig> {
    let (chain, next) = chain(args, wallet)?;
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
    config.ledger = LedgerConfig { gas_limit: args.blocks.gas_limit, ..LedgerConfig::default() };
    config.pool.order = match args.blocks.order {
        TransactionOrder::Fees => Order::Fees,
        TransactionOrder::Fifo => Order::Fifo,
    };
    config.pool.require_base_fee = true;
    config.pool.min_priority_fee = args.blocks.gas_price.unwrap_or_default();
    let transactions = args.blocks.max_transactions;
    config.sequencer = SoloConfig { mining, ..SoloConfig::default() };
    if let Some(most) = transactions {
        config.sequencer.payload_transactions = most.get();
    }
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
    config.developer =
        Some(Developer { signers: wallet.signers.clone(), next, allow_public: args.server.allow_public });
    Ok(config)
}

/// Where the chain is, and what is decided of its next blocks.
fn chain(args: &DevArgs, wallet: &Wallet) -> eyre::Result<(ChainSource, NextBlock)> {
    let now = SystemClock.now();
    let folder = args.chain.datadir.as_ref().map(DataDir::new);
    if let Some(folder) = folder.as_ref().filter(|folder| folder.is_begun()) {
        let genesis = folder.genesis()?;
        let id = genesis.spec.chain_id();
        if let Some(asked) = args.chain.chain_id.filter(|asked| *asked != id) {
            eyre::bail!(
                "the chain in {} has chain id {id}, not {asked}; another --datadir holds another chain",
                folder.path().display()
            );
        }
        return Ok((ChainSource::Folder(folder.clone(), None), NextBlock::default()));
    }
    let genesis: Genesis = genesis::make(args, wallet, now)?;
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
