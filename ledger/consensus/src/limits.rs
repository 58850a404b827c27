//! What fits into the next payload.

use mundi_chain::{Ledger, ProposalLimits, next_base_fee};

/// What fits into a payload after the ledger's newest block, as far as its header says; bytes and number are not limited.
pub(crate) fn proposal_limits(ledger: &Ledger) -> ProposalLimits {
    let head = ledger.head();
    let header = &head.block.header;
    let blobs = ledger.spec().blob_params_at(ledger.point(&head.block));
    let excess = header.excess_blob_gas.unwrap_or_default();
    ProposalLimits {
        gas: header.gas_limit,
        bytes: usize::MAX,
        blobs: blobs.map_or(0, |params| params.max_blob_count),
        transactions: usize::MAX,
        base_fee: next_base_fee(header),
        blob_base_fee: blobs.map_or(0, |params| params.calc_blob_fee(excess)),
    }
}
