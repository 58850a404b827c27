//! `mundi verify`.

use super::block_number;
use alloy_primitives::B256;
use clap::{Args, Subcommand, ValueHint};
use mundi_consensus::GroupKey;
use std::path::PathBuf;

/// Check what a network of validators made final, without a node.
///
/// Nodes give proofs as JSON (`mundi_getFinalizedHeader` and its kin). Whoever knows the group key of the network checks them alone: no
/// node, no chain and no connection is needed, and neither the node that gave the proof nor those who carried it have to be trusted.
///
/// The group key is 96 bytes that never change. It is `groupKey` in network.json, and in what the method mundi_status returns; have
/// it from somebody you trust, and not from where the proofs come from.
#[derive(Debug, Args)]
#[command(disable_help_subcommand = true, arg_required_else_help = true)]
#[command(after_help = r#"Examples:
  curl -s http://localhost:8545 -H 'content-type: application/json' -d \
    '{"jsonrpc":"2.0","id":1,"method":"mundi_getFinalizedHeader","params":["finalized"]}' > header.json
  KEY=$(jq -r .groupKey mundi-net/network.json)
  mundi verify header header.json --group-key $KEY
  mundi verify account account.json --group-key $KEY --json | jq -r .account.balance

`mundi verify COMMAND --help` says what each file is, and how to get one.

Exit status:
  0  proven
  1  not proven, or of another block or chain than was asked for; it says why
  2  the file holds no proof, or the usage is no good"#)]
pub(crate) struct VerifyCommandArgs {
    #[command(subcommand)]
    pub(crate) command: VerifyCommand,
}

#[derive(Debug, Subcommand)]
pub(crate) enum VerifyCommand {
    /// Check the header of a block.
    ///
    /// Prints number, hash, time and state root; all fields of the header with --json.
    #[command(after_help = r#"Examples:
  curl -s http://localhost:8545 -H 'content-type: application/json' -d \
    '{"jsonrpc":"2.0","id":1,"method":"mundi_getFinalizedHeader","params":["finalized"]}' > header.json
  mundi verify header header.json --group-key $KEY
  mundi verify header header.json --group-key $KEY --block 0x1286d5b --json | jq -r .header.stateRoot"#)]
    Header(BlockProofArgs),
    /// Check an account after a block, with the slots that are in the file.
    ///
    /// Prints balance, nonce, code and slots. That there is no such account can be proven too.
    #[command(after_help = r#"Examples:
  curl -s http://localhost:8545 -H 'content-type: application/json' -d \
    '{"jsonrpc":"2.0","id":1,"method":"mundi_getFinalizedAccount",
      "params":["0x70997970C51812dc3A010C7d01b50e0d17dc79C8",[]]}' > account.json
  mundi verify account account.json --group-key $KEY
  mundi verify account account.json --group-key $KEY --json | jq -r .account.balance"#)]
    Account(BlockProofArgs),
    /// Check slots of an account's storage after a block.
    ///
    /// The file is that of an account, with one slot at least. Prints each slot with its value; one that was never written is zero.
    #[command(after_help = r#"Examples:
  curl -s http://localhost:8545 -H 'content-type: application/json' -d \
    '{"jsonrpc":"2.0","id":1,"method":"mundi_getFinalizedAccount",
      "params":["0x000F3df6D732807Ef1319fB7B8bB8522d0Beac02",["0x0","0x1"],"finalized"]}' > slots.json
  mundi verify storage slots.json --group-key $KEY
  mundi verify storage slots.json --group-key $KEY --json | jq -r '.slots[] | .key + " " + .value'"#)]
    Storage(BlockProofArgs),
    /// Check a transaction and its receipt.
    ///
    /// Prints from whom and to whom it was, whether it succeeded, and its logs; all of the receipt with --json.
    #[command(after_help = r#"Examples:
  curl -s http://localhost:8545 -H 'content-type: application/json' -d \
    '{"jsonrpc":"2.0","id":1,"method":"mundi_getFinalizedReceipt","params":["'$HASH'"]}' > receipt.json
  mundi verify receipt receipt.json --group-key $KEY
  mundi verify receipt receipt.json --group-key $KEY --json | jq -r .receipt.status"#)]
    Receipt(BlockProofArgs),
    /// Check which payload was ordered at a height.
    ///
    /// Prints its digest, the executed block that it names, and the certificate's height and view.
    #[command(after_help = r#"Examples:
  curl -s http://localhost:8545 -H 'content-type: application/json' -d \
    '{"jsonrpc":"2.0","id":1,"method":"mundi_getCertificate","params":["0x10"]}' > certificate.json
  mundi verify certificate certificate.json --group-key $KEY"#)]
    Certificate(ProofArgs),
}

#[derive(Debug, Args)]
pub(crate) struct ProofArgs {
    /// The proof as JSON, alone or as the `result` of a JSON-RPC response; `-` is standard input.
    #[arg(value_name = "FILE", value_hint = ValueHint::FilePath)]
    pub(crate) file: PathBuf,
    /// The network's group key: 96 bytes in hexadecimal, with or without 0x.
    #[arg(long, value_name = "HEX")]
    pub(crate) group_key: GroupKey,
    /// Hash of the first block of the chain that it has to be for.
    #[arg(long, value_name = "HASH")]
    pub(crate) genesis: Option<B256>,
    /// Print JSON.
    #[arg(long)]
    pub(crate) json: bool,
}

#[derive(Debug, Args)]
pub(crate) struct BlockProofArgs {
    #[command(flatten)]
    pub(crate) proof: ProofArgs,
    /// Number or hash of the block that it has to be for.
    #[arg(long, value_name = "BLOCK", value_parser = wanted)]
    pub(crate) block: Option<WantedBlock>,
}

/// Which block a proof has to be for.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum WantedBlock {
    Number(u64),
    Hash(B256),
}

fn wanted(text: &str) -> Result<WantedBlock, String> {
    let block = match text.strip_prefix("0x").filter(|digits| digits.len() == 64) {
        Some(digits) => digits.parse().ok().map(WantedBlock::Hash),
        None => block_number(text).ok().map(WantedBlock::Number),
    };
    block.ok_or_else(|| "expected the number of a block, as in 19426587 or 0x1286d5b, or its hash".to_owned())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn blocks_are_wanted_by_number_or_hash() {
        assert_eq!(wanted("10"), Ok(WantedBlock::Number(10)));
        assert_eq!(wanted("0x10"), Ok(WantedBlock::Number(16)));
        assert_eq!(wanted(&B256::repeat_byte(1).to_string()), Ok(WantedBlock::Hash(B256::repeat_byte(1))));
        for text in ["", "latest", "0x", "-1", &format!("0x{}", "g".repeat(64))] {
            assert!(wanted(text).is_err(), "{text}");
        }
    }
}
