//! The first block of a developers' chain.

use super::Wallet;
use crate::cli::DevArgs;
use eyre::WrapErr as _;
use mundi_chain::{DeveloperGenesis, Genesis, MAX_GENESIS_BYTES};
use serde_json::{Value, json};
use std::{fs::File, io::Read as _, path::Path};

/// As the options say: of a file, or of the preset.
pub(super) fn make(args: &DevArgs, wallet: &Wallet, preset: &DeveloperGenesis) -> eyre::Result<Genesis> {
    match &args.chain.init {
        Some(file) => of_file(file, args, wallet),
        None => Ok(Genesis::developer(preset)?),
    }
}

/// A developers' chain. `now` is the time of its first block unless the options say otherwise.
pub(super) fn preset(args: &DevArgs, wallet: &Wallet, now: u64) -> eyre::Result<DeveloperGenesis> {
    let default = DeveloperGenesis::default();
    Ok(DeveloperGenesis {
        chain_id: args.chain.chain_id.unwrap_or(default.chain_id),
        accounts: wallet.signers.iter().map(|signer| signer.address()).collect(),
        balance: wallet.balance,
        timestamp: args.chain.timestamp.unwrap_or(now),
        gas_limit: args.blocks.gas_limit.unwrap_or(default.gas_limit),
        base_fee: args.blocks.base_fee.unwrap_or(default.base_fee),
        fork: match &args.chain.hardfork {
            Some(name) => DeveloperGenesis::fork_named(name)?,
            None => default.fork,
        },
        ..default
    })
}

/// A genesis file with the accounts added that it does not have.
fn of_file(path: &Path, args: &DevArgs, wallet: &Wallet) -> eyre::Result<Genesis> {
    let mut json = Vec::new();
    File::open(path)
        .and_then(|file| file.take(MAX_GENESIS_BYTES + 1).read_to_end(&mut json))
        .wrap_err_with(|| format!("cannot read the genesis file {}", path.display()))?;
    let unusable = || format!("{} is no genesis file that can be used", path.display());
    // Whatever is wrong with the file itself is said with its place.
    let given = Genesis::from_json(&json).wrap_err_with(unusable)?;
    let mut file: Value = serde_json::from_slice(&json).wrap_err_with(unusable)?;
    if let Some(id) = args.chain.chain_id {
        file["config"]["chainId"] = json!(id);
    }
    if let Some(fee) = args.blocks.base_fee {
        file["baseFeePerGas"] = json!(format!("{fee:#x}"));
    }
    if let Some(gas) = args.blocks.gas_limit {
        file["gasLimit"] = json!(format!("{gas:#x}"));
    }
    let has = |address| given.alloc.accounts.iter().any(|change| change.address == address);
    let balance = json!(wallet.balance);
    if let Some(alloc) = file["alloc"].as_object_mut() {
        for address in wallet.signers.iter().map(|signer| signer.address()).filter(|address| !has(*address)) {
            alloc.insert(format!("{address:#x}"), json!({"balance": balance}));
        }
        // What the file says of the state is said of its own accounts.
        file.as_object_mut().map(|file| file.remove("stateRoot"));
    }
    Genesis::from_json(file.to_string().as_bytes()).wrap_err_with(unusable)
}
