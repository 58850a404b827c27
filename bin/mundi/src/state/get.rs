//! `mundi state get`.

use super::open;
use crate::{
    Verdict,
    cli::{Block, GetArgs},
    console,
};
use alloy_primitives::{B256, KECCAK256_EMPTY, U64, U256, utils::format_ether};
use eyre::WrapErr as _;
use mundi_execution::{Account, StateSnapshot};
use mundi_state::{AccountProof, Snapshot, Store};
use serde_json::{Value, json};
use std::fmt::Write as _;

pub(super) fn run(args: &GetArgs) -> eyre::Result<Verdict> {
    let pool = console::pool(1)?;
    let (_, store) = open(&args.place, &pool)?;
    let (snapshot, hash) = find(&store, args.block)?;
    let found = Found::read(args, &snapshot, hash)?;
    let verified = found.proof.as_ref().map(|proof| proof.verify(snapshot.state_root()));
    if let Some(Err(error)) = verified {
        console::warn(&format!("error: {error}; `mundi state verify` says what is wrong"));
        return Ok(Verdict::Wrong);
    }
    if args.json {
        console::print(format!("{:#}\n", found.json()).as_bytes())?;
        if found.proof.is_some() {
            console::warn(&found.verdict());
        }
    } else {
        console::print(found.text().as_bytes())?;
    }
    Ok(Verdict::Right)
}

/// The state after a block, and the block's hash.
fn find(store: &Store, block: Block) -> eyre::Result<(Snapshot, B256)> {
    let height = match block {
        Block::Latest => store.tip().height,
        Block::Number(height) => height,
        Block::Hash(hash) => {
            let height = store.height_of(&hash)?;
            height.ok_or_else(|| eyre::eyre!("there is no block {hash} here"))?
        }
    };
    let snapshot = store.snapshot(height)?;
    let header = store.header(height)?;
    let hash = header.map(|header| header.hash).ok_or_else(|| eyre::eyre!("block {height} has no header"))?;
    Ok((snapshot, hash))
}

/// What was asked for.
struct Found<'a> {
    args: &'a GetArgs,
    height: u64,
    hash: B256,
    root: B256,
    account: Option<Account>,
    storage_root: B256,
    code_bytes: usize,
    slots: Vec<(U256, U256)>,
    proof: Option<AccountProof>,
}

impl<'a> Found<'a> {
    fn read(args: &'a GetArgs, snapshot: &Snapshot, hash: B256) -> eyre::Result<Self> {
        let address = args.address;
        let account = StateSnapshot::account(snapshot, &address)?;
        let code_bytes = match account.map(|account| account.code_hash) {
            None | Some(KECCAK256_EMPTY) => 0,
            Some(hash) => snapshot.code(&hash)?.len(),
        };
        let slots: Result<Vec<_>, _> =
            args.slots.iter().map(|slot| Ok((*slot, snapshot.storage(&address, slot)?))).collect();
        let keys: Vec<B256> = args.slots.iter().map(|slot| B256::from(*slot)).collect();
        let proof = args.proof.then(|| snapshot.proof(address, &keys)).transpose();
        let proof = proof.wrap_err("there is no proof")?;
        Ok(Self {
            args,
            height: snapshot.height(),
            hash,
            root: snapshot.state_root(),
            account,
            storage_root: snapshot.storage_root(&address)?,
            code_bytes,
            slots: slots.map_err(|error: mundi_execution::StateError| error)?,
            proof,
        })
    }

    fn verdict(&self) -> String {
        format!("the proof holds against state root {} of block {}", self.root, self.height)
    }

    fn text(&self) -> String {
        let mut text = format!("block     {} {}\naddress   {}\n", self.height, self.hash, self.args.address);
        match &self.account {
            None => text.push_str("there is no such account in this state\n"),
            Some(Account { nonce, balance, code_hash }) => {
                let _ = writeln!(
                    text,
                    "balance   {balance} wei ({} ETH)\nnonce     {nonce}",
                    format_ether(*balance)
                );
                match self.code_bytes {
                    0 => text.push_str("code      none\n"),
                    bytes => {
                        let _ = writeln!(text, "code      {bytes} bytes, hash {code_hash}");
                    }
                }
                let _ = writeln!(text, "storage   root {}", self.storage_root);
            }
        }
        for (slot, value) in &self.slots {
            let _ = writeln!(text, "slot {slot}\n  = {} ({value})", B256::from(*value));
        }
        if let Some(proof) = &self.proof {
            let _ = writeln!(text, "proof of the account, nodes: {}", proof.account_proof.len());
            for node in &proof.account_proof {
                let _ = writeln!(text, "  {node}");
            }
            for slot in &proof.storage_proof {
                let _ = writeln!(
                    text,
                    "proof of slot {}, nodes: {}",
                    U256::from_be_bytes(slot.key.0),
                    slot.proof.len()
                );
                for node in &slot.proof {
                    let _ = writeln!(text, "  {node}");
                }
            }
            let _ = writeln!(text, "{}", self.verdict());
        }
        text
    }

    /// As `eth_getProof` has it, or as near to it as can be without a proof.
    fn json(&self) -> Value {
        let Account { nonce, balance, code_hash } = self.account.unwrap_or_default();
        let mut json = json!({
            "address": self.args.address,
            "balance": balance,
            "nonce": U64::from(nonce),
            "codeHash": code_hash,
            "storageHash": self.storage_root,
        });
        match &self.proof {
            Some(proof) => {
                json["accountProof"] = json!(proof.account_proof);
                json["storageProof"] = json!(proof.storage_proof);
            }
            None => {
                let slot = |(slot, value): &(U256, U256)| json!({ "key": B256::from(*slot), "value": value });
                json["blockNumber"] = json!(U64::from(self.height));
                json["blockHash"] = json!(self.hash);
                json["exists"] = json!(self.account.is_some());
                json["codeBytes"] = json!(self.code_bytes);
                json["storage"] = self.slots.iter().map(slot).collect();
            }
        }
        json
    }
}
