//! What is proven, in words and as JSON.

use super::date;
use alloy_consensus::{Header, Sealed, Transaction as _, TxEnvelope, transaction::SignerRecoverable as _};
use alloy_eips::eip2718::Decodable2718 as _;
use alloy_primitives::{B256, KECCAK256_EMPTY, Log, U64, utils::format_ether};
use mundi_consensus::finality::{
    FinalizedHeader, FinalizedPayload, ProvenAccount, ProvenPayload, ProvenReceipt, ReceiptProof,
};
use serde_json::{Value, json};
use std::fmt::{Display, Write as _};

/// Most bytes of a log's data that are shown to people.
const MOST_DATA: usize = 512;

/// What is proven, put together fact by fact.
pub(super) struct Report {
    /// Number and hash of the Ethereum block that it is about, if it is about one.
    pub(super) block: Option<(u64, B256)>,
    text: String,
    /// What comes last in the text: of which chain, and what the proof consists of.
    end: String,
    json: Value,
}

impl Report {
    /// A block's header is proven.
    pub(super) fn header(proof: &FinalizedHeader, header: &Sealed<Header>) -> Self {
        let FinalizedHeader { genesis_hash, certificate, payload_headers, headers, .. } = proof;
        let mut report = Self {
            block: Some((header.number, header.hash())),
            text: String::new(),
            end: String::new(),
            json: json!({ "proven": true, "genesisHash": genesis_hash, "header": header }),
        };
        report.fact("block", format_args!("{} {}", header.number, header.hash()));
        let seconds = header.timestamp;
        report.fact("time", format_args!("{seconds} ({})", date::utc(seconds)));
        report.fact("state root", header.state_root);
        // The first block was ordered by nobody.
        if let Some(payload) = header.parent_beacon_block_root.filter(|_| header.number > 0) {
            report.fact("payload", payload);
        }
        let headers =
            [count(payload_headers.len(), "payload header"), count(headers.len(), "Ethereum header")];
        report.end_with(*genesis_hash, certificate.len(), &headers.join(", "));
        report
    }

    /// A payload is proven.
    pub(super) fn payload(proof: &FinalizedPayload, proven: &ProvenPayload) -> Self {
        let ProvenPayload { height, digest, anchor, certified, view } = proven;
        let number = |number: &u64| U64::from(*number);
        let json = json!({
            "proven": true,
            "genesisHash": proof.genesis_hash,
            "height": number(height),
            "digest": digest,
            "anchor": { "number": number(&anchor.height), "hash": anchor.hash },
            "certificate": { "height": number(certified), "view": number(view) },
        });
        let mut report = Self { block: None, text: String::new(), end: String::new(), json };
        report.fact("payload", format_args!("{height} {digest}"));
        report.fact("anchor", format_args!("block {} {}", anchor.height, anchor.hash));
        report.fact("certified", format_args!("height {certified}, in view {view}"));
        let headers = count(proof.payload_headers.len(), "payload header");
        report.end_with(proof.genesis_hash, proof.certificate.len(), &headers);
        report
    }

    /// And an account, or that there is none.
    pub(super) fn account(self, proven: &ProvenAccount) -> Self {
        let mut report = self.address(proven);
        let Some(account) = &proven.account else {
            report.text.push_str("there is no such account in this state\n");
            report.json["account"] = Value::Null;
            return report;
        };
        let (balance, nonce) = (account.balance, account.nonce);
        report.fact("balance", format_args!("{balance} wei ({} ETH)", format_ether(balance)));
        report.fact("nonce", nonce);
        match account.code_hash {
            KECCAK256_EMPTY => report.fact("code", "none"),
            hash => report.fact("code", format_args!("hash {hash}")),
        }
        report.fact("storage", format_args!("root {}", account.storage_root));
        report.json["account"] = json!({
            "balance": balance,
            "nonce": U64::from(nonce),
            "codeHash": account.code_hash,
            "storageHash": account.storage_root,
        });
        report
    }

    /// Whose the account or the slots are.
    pub(super) fn address(mut self, proven: &ProvenAccount) -> Self {
        self.fact("address", proven.address);
        self.json["address"] = json!(proven.address);
        self
    }

    /// And slots.
    pub(super) fn slots(mut self, proven: &ProvenAccount) -> Self {
        for (slot, value) in &proven.slots {
            let _ = writeln!(self.text, "slot {slot}\n  = {} ({value})", B256::from(*value));
        }
        let slots = proven.slots.iter().map(|(slot, value)| json!({ "key": slot, "value": value }));
        self.json["slots"] = slots.collect();
        self
    }

    /// And a transaction with its receipt.
    pub(super) fn receipt(mut self, proof: &ReceiptProof, proven: &ProvenReceipt) -> Self {
        let ProvenReceipt { index, transaction, receipt, .. } = proven;
        self.fact("transaction", format_args!("{transaction}, number {index} of the block"));
        // Blocks may hold kinds of transactions that are younger than this program.
        let decoded = TxEnvelope::decode_2718_exact(&proof.transaction).ok();
        let from = decoded.as_ref().and_then(|transaction| transaction.recover_signer().ok());
        if let Some(from) = from {
            self.fact("from", from);
        }
        let to = decoded.as_ref().map(TxEnvelope::to);
        match to {
            Some(Some(to)) => self.fact("to", to),
            Some(None) => self.fact("to", "a new contract"),
            None => {}
        }
        self.fact("status", if receipt.status() { "success" } else { "failure" });
        let gas = receipt.cumulative_gas_used();
        self.fact("gas", format_args!("{gas} of the block, up to and with this transaction"));
        self.fact("logs", receipt.logs().len());
        for (position, log) in receipt.logs().iter().enumerate() {
            self.log(position, log);
        }
        self.json["transaction"] =
            json!({ "hash": transaction, "index": U64::from(*index), "from": from, "to": to.flatten() });
        self.json["receipt"] = json!(receipt);
        self
    }

    fn log(&mut self, position: usize, log: &Log) {
        let _ = writeln!(self.text, "log {position} of {}", log.address);
        for topic in log.topics() {
            let _ = writeln!(self.text, "  topic {topic}");
        }
        let data = &log.data.data;
        let _ = match data.len() {
            0 => Ok(()),
            1..=MOST_DATA => writeln!(self.text, "  data  {data}"),
            bytes => writeln!(self.text, "  data  {bytes} bytes, which --json has"),
        };
    }

    fn fact(&mut self, name: &str, value: impl Display) {
        let _ = writeln!(self.text, "{name:<13}{value}");
    }

    fn end_with(&mut self, genesis: B256, certificate: usize, headers: &str) {
        self.end = format!(
            "{:<13}{genesis}\n{:<13}a certificate of {certificate} bytes, {headers}\n",
            "genesis", "proven by"
        );
    }

    /// For people.
    pub(super) fn text(&self) -> String {
        format!("{}{}", self.text, self.end)
    }

    /// For programs.
    pub(super) const fn json(&self) -> &Value {
        &self.json
    }
}

fn count(number: usize, what: &str) -> String {
    format!("{number} {what}{}", if number == 1 { "" } else { "s" })
}
