//! Checking an execution against the block's header.

use crate::{
    compare::{Against, Difference, Differences},
    prepare::ReplayBlock,
};
use alloy_consensus::proofs::calculate_withdrawals_root;
use mundi_execution::BlockOutput;
use std::fmt;

/// Compares what executing `block` gave with every figure of its header that a part of the world state can show:
/// `gasUsed`, `logsBloom`, `receiptsRoot` from Byzantium on, and `withdrawalsRoot`, `blobGasUsed` and
/// `requestsHash` from the fork on that has them.
pub(crate) fn against_header(block: &ReplayBlock, output: &BlockOutput) -> Vec<Difference> {
    let header = &block.header;
    let mut d = Differences::new(Against::Header);
    d.compare(None, "gasUsed", &header.gas_used, &output.gas_used);
    if block.has_receipt_status() {
        d.compare(None, "receiptsRoot", &header.receipts_root, &output.receipts_root());
    }
    d.compare(None, "logsBloom", &header.logs_bloom, &output.logs_bloom());
    let withdrawals = block.block.withdrawals.as_deref().map(calculate_withdrawals_root);
    optional(&mut d, "withdrawalsRoot", header.withdrawals_root, withdrawals);
    let blob_gas = block.block.rules.blobs.map(|_| output.blob_gas_used);
    optional(&mut d, "blobGasUsed", header.blob_gas_used, blob_gas);
    let requests = output.requests.as_ref().map(|requests| requests.requests_hash());
    optional(&mut d, "requestsHash", header.requests_hash, requests);
    d.into_list()
}

/// The names of the header's figures that [`against_header`] compares for this block.
pub(crate) fn checked_fields(block: &ReplayBlock) -> Vec<&'static str> {
    let header = &block.header;
    let mut fields = vec!["gasUsed", "logsBloom"];
    for (name, checked) in [
        ("receiptsRoot", block.has_receipt_status()),
        ("withdrawalsRoot", header.withdrawals_root.is_some()),
        ("blobGasUsed", header.blob_gas_used.is_some()),
        ("requestsHash", header.requests_hash.is_some()),
    ] {
        if checked {
            fields.push(name);
        }
    }
    fields
}

/// Compares figures that some forks have and some have not.
fn optional<T: PartialEq + fmt::Display>(
    d: &mut Differences,
    field: &str,
    header: Option<T>,
    found: Option<T>,
) {
    let shown = |value: &Option<T>| value.as_ref().map_or_else(|| "nothing".to_owned(), ToString::to_string);
    if header != found {
        d.note(None, field, shown(&header), shown(&found));
    }
}
