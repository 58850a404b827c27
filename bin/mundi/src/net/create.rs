//! `mundi net new`.

use crate::{Verdict, cli::NetNewArgs, console};
use eyre::WrapErr as _;
use getrandom::SysRng;
use mundi_chain::{DeveloperGenesis, Genesis};
use mundi_consensus::{deal, introduce};
use mundi_network::{DEFAULT_PORTS, Dealt, DealtNode, NewNetwork, Placement, Ports, quoted};
use mundi_node::{genesis_to_json, read_genesis};
use mundi_rpc_dev::{DEFAULT_DERIVATION_PATH, DEFAULT_MNEMONIC, developer_accounts};
use rand_core::UnwrapErr;
use std::{
    fmt::Write as _,
    time::{SystemTime, UNIX_EPOCH},
};

/// Validators unless told otherwise: the fewest that outlive the loss of one.
const VALIDATORS: usize = 4;

pub(super) fn run(args: &NetNewArgs) -> eyre::Result<Verdict> {
    let ports = args.base_port.map_or(Ok(DEFAULT_PORTS), Ports::from_base)?;
    let placement = match &args.hosts {
        Some(hosts) => Placement::hosts(hosts.clone(), ports)?,
        None => Placement::Local(ports),
    };
    let hosts = args.hosts.as_ref().map(Vec::len);
    let addresses = placement.addresses(args.validators.or(hosts).unwrap_or(VALIDATORS))?;
    // Before the work, which takes a while when there are many.
    NewNetwork::check(&args.dir)?;
    let genesis = genesis(args)?;
    let member = |(number, address)| (format!("node{number}"), address);
    let members: Vec<(String, String)> = addresses.into_iter().enumerate().map(member).collect();
    let make = if args.dkg { introduce } else { deal };
    let secrets = make(UnwrapErr(SysRng), genesis.hash, &members).wrap_err("cannot make keys")?;
    let json = |value: &mundi_consensus::ValidatorFile| serde_json::to_string_pretty(value);
    let nodes = secrets.validators.iter().map(|file| Ok(DealtNode { validator: json(file)? }));
    let dealt = Dealt {
        network: serde_json::to_string_pretty(&secrets.network)?,
        nodes: nodes.collect::<Result<_, serde_json::Error>>()?,
    };
    let network = NewNetwork {
        dir: args.dir.clone(),
        placement,
        genesis: genesis_to_json(&genesis),
        dealt,
        cores: console::threads(None),
    };
    network.write()?;
    console::print(report(args, &network, &genesis, &secrets.network).as_bytes())?;
    Ok(Verdict::Right)
}

/// That of the file, or one with rich accounts and the time at which the network is made.
fn genesis(args: &NetNewArgs) -> eyre::Result<Genesis> {
    if let Some(file) = &args.genesis {
        let genesis = read_genesis(file)?;
        eyre::ensure!(
            genesis.spec.least_interval() == 0,
            "{}: validators make several blocks in a second, which this genesis does not allow: it needs `\"equalTimestamps\": true` in its `config`",
            file.display()
        );
        return Ok(genesis);
    }
    let words = args.mnemonic.as_deref().unwrap_or(DEFAULT_MNEMONIC);
    let signers = developer_accounts(words, args.accounts, DEFAULT_DERIVATION_PATH)?;
    let now = SystemTime::now().duration_since(UNIX_EPOCH).unwrap_or_default();
    let preset = DeveloperGenesis {
        chain_id: args.chain_id,
        accounts: signers.iter().map(|signer| signer.address()).collect(),
        balance: args.balance,
        timestamp: now.as_secs(),
        ..DeveloperGenesis::default()
    };
    Ok(Genesis::developer(&preset)?)
}

/// What was made, and what to do with it.
fn report(
    args: &NetNewArgs,
    network: &NewNetwork,
    genesis: &Genesis,
    public: &mundi_consensus::NetworkFile,
) -> String {
    let (dir, word) = (args.dir.display(), quoted(&args.dir));
    let count = public.validators.len();
    let many = if count == 1 { "" } else { "s" };
    let mut text = format!(
        "Made a network of {count} validator{many} in {dir}\n\n\
         chain      {}, first block {}\n\
         group key  {}\n\
         accounts   {}\n",
        genesis.spec.chain_id(),
        genesis.hash,
        if public.has_key() { public.group_key.to_string() } else { "none yet".into() },
        accounts(args),
    );
    match &network.placement {
        Placement::Local(ports) => {
            let last = u16::try_from(count - 1).unwrap_or_default();
            let (first, last) = (ports.rpc, ports.rpc + last);
            let ports = if count == 1 { format!("{first}") } else { format!("{first} to {last}") };
            let up =
                if args.dir.as_os_str() == super::DEFAULT_DIR { String::new() } else { format!(" {word}") };
            let _ =
                write!(text, "JSON-RPC   127.0.0.1, port{} {ports}\n\n", if count == 1 { "" } else { "s" },);
            if !public.has_key() {
                let _ = writeln!(text, "Its key:   mundi net dkg{up}");
            }
            let _ = writeln!(text, "Run it:    mundi net up{up}");
        }
        Placement::Hosts(..) => {
            let _ = writeln!(
                text,
                "\nEach node needs genesis.json, network.json and its own folder, and nobody else's:"
            );
            for (number, member) in public.validators.iter().enumerate() {
                let _ = writeln!(text, "  {dir}/node{number}  to the host of {}", member.address);
            }
            if !public.has_key() {
                let _ = writeln!(text, "On each of them at the same time: mundi net dkg {word} --node I");
            }
            let _ = writeln!(
                text,
                "There: cd {} && mundi node --config mundi.toml",
                quoted(&args.dir.join("nodeI"))
            );
        }
    }
    text
}

/// Who has money.
fn accounts(args: &NetNewArgs) -> String {
    if let Some(file) = &args.genesis {
        return format!("those of {}", file.display());
    }
    let ether = alloy_primitives::utils::format_ether(args.balance);
    let whose =
        if args.mnemonic.is_none() { ": those of `mundi dev`, whose keys everybody knows" } else { "" };
    format!("{} with {} ether each{whose}", args.accounts, ether.trim_end_matches('0').trim_end_matches('.'))
}
