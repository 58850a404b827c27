//! What `mundi dev` says first.

use super::Wallet;
use crate::cli::DevArgs;
use alloy_primitives::{B256, utils::format_ether};
use mundi_node::Node;
use serde_json::json;
use std::fmt::Write as _;

/// For people.
pub(super) fn text(node: &Node, wallet: &Wallet, args: &DevArgs) -> String {
    let mut text = String::new();
    let head = node.ledger().head();
    let header = &head.block.header;
    let _ = writeln!(text, "Mundi {}, a chain for developers\n", env!("CARGO_PKG_VERSION"));
    if !wallet.signers.is_empty() {
        let _ = writeln!(text, "Accounts, with {} ETH each\n", trimmed(&format_ether(wallet.balance)));
        for (index, signer) in wallet.signers.iter().enumerate().take(SHOWN) {
            let _ = writeln!(text, "({index}) {}", signer.address());
        }
        let _ = writeln!(text, "\nPrivate keys\n");
        for (index, signer) in wallet.signers.iter().enumerate().take(SHOWN) {
            let _ = writeln!(text, "({index}) {}", B256::from(signer.to_bytes()));
        }
        if wallet.signers.len() > SHOWN {
            let _ = writeln!(text, "… and {} more", wallet.signers.len() - SHOWN);
        }
        let _ = writeln!(text, "\nMnemonic         {}", wallet.mnemonic);
        let _ = writeln!(text, "Derivation path  {}", wallet.path);
        let _ = writeln!(
            text,
            "These keys are known to everybody or printed above: send nothing of worth to them.\n"
        );
    }
    let fact = |text: &mut String, name: &str, value: &dyn std::fmt::Display| {
        let _ = writeln!(text, "{name:<17}{value}");
    };
    let spec = node.ledger().spec();
    fact(&mut text, "Chain id", &spec.chain_id());
    fact(&mut text, "Rules", &format!("{:?}", spec.fork_at(node.ledger().point(&head.block))));
    fact(&mut text, "Head", &format!("block {}, {}", header.number, head.block.hash));
    fact(&mut text, "Base fee", &format!("{} wei", header.base_fee_per_gas.unwrap_or_default()));
    fact(&mut text, "Gas limit", &header.gas_limit);
    let place = match (&args.chain.datadir, node.fork()) {
        (Some(folder), _) => format!("in {}", folder.display()),
        (None, Some(fork)) => format!("in memory, on top of block {} of {}", fork.height(), fork.shown_url()),
        (None, None) => "in memory: gone at the end (--datadir DIR keeps it)".to_owned(),
    };
    fact(&mut text, "Chain", &place);
    let addresses = node.addresses();
    text.push('\n');
    if let Some(http) = addresses.http {
        fact(&mut text, "HTTP", &format!("http://{http}"));
        fact(&mut text, "WebSocket", &format!("ws://{http}"));
    }
    if let Some(ipc) = &addresses.ipc {
        fact(&mut text, "IPC", &ipc.display());
    }
    if let Some(metrics) = addresses.metrics {
        fact(&mut text, "Metrics", &format!("http://{metrics}/metrics"));
    }
    text.push_str(&next_steps(node, wallet));
    text
}

/// Most accounts that are listed.
const SHOWN: usize = 20;

fn next_steps(node: &Node, wallet: &Wallet) -> String {
    // What cast asks by itself.
    let url = match node.addresses().http {
        Some(http) if http.port() == 8545 && http.ip().is_loopback() => String::new(),
        Some(http) => format!(" --rpc-url http://{http}"),
        None => return String::new(),
    };
    let mut text = "\nTry next\n\n  cast block latest".to_owned() + &url;
    if let [first, second, ..] = &wallet.signers[..] {
        let (key, to) = (B256::from(first.to_bytes()), second.address());
        let _ = write!(text, "\n  cast send {to} --value 1ether --private-key {key}{url}");
        let _ = write!(text, "\n  cast balance {to} --ether{url}");
    }
    text.push_str("\n\n");
    text
}

/// 10000.000 as 10000.
fn trimmed(number: &str) -> &str {
    match number.contains('.') {
        true => number.trim_end_matches('0').trim_end_matches('.'),
        false => number,
    }
}

/// For programs: names as anvil has them.
pub(super) fn json(node: &Node, wallet: &Wallet) -> String {
    let head = node.ledger().head();
    let header = &head.block.header;
    let addresses: Vec<_> = wallet.signers.iter().map(|signer| signer.address().to_string()).collect();
    let keys: Vec<_> =
        wallet.signers.iter().map(|signer| B256::from(signer.to_bytes()).to_string()).collect();
    let endpoints = node.addresses();
    let config = json!({
        "available_accounts": addresses,
        "private_keys": keys,
        "wallet": {"mnemonic": wallet.mnemonic, "derivation_path": wallet.path},
        "chain_id": node.ledger().spec().chain_id(),
        "base_fee": header.base_fee_per_gas.map(|fee| fee.to_string()),
        "gas_limit": header.gas_limit.to_string(),
        "genesis_timestamp": header.timestamp.to_string(),
        "endpoints": {
            "http": endpoints.http.map(|http| format!("http://{http}")),
            "ws": endpoints.http.map(|http| format!("ws://{http}")),
            "ipc": endpoints.ipc,
            "metrics": endpoints.metrics.map(|metrics| format!("http://{metrics}/metrics")),
        },
    });
    format!("{config}\n")
}
