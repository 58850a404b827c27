//! What execution gave, against what the header says.

use alloy_consensus::{Header, proofs::calculate_receipt_root};
use alloy_primitives::B256;
use mundi_execution::{BlockOutput, Rules};
use revm::primitives::hardfork::SpecId;

/// A header that says something else than execution.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum OutputError {
    /// A field differs.
    #[error("{field}: execution gives {executed}, the header says {header}")]
    Field {
        /// Which.
        field: &'static str,
        /// From execution.
        executed: String,
        /// From the header.
        header: String,
    },
    /// Before Byzantium receipts hold state roots, and not one for each receipt was given.
    #[error("receiptsRoot: {receipts} receipts before Byzantium need as many state roots, got {roots}")]
    PostStates {
        /// Number of receipts.
        receipts: usize,
        /// Number of state roots.
        roots: usize,
    },
}

/// Checks what execution gave against the header: `gasUsed`, `receiptsRoot`, `logsBloom`, `blobGasUsed` and
/// `requestsHash`, in this order. The state root is the caller's to check: the engine does not compute it.
///
/// `post_states` are the state roots after each transaction. They are needed before Byzantium only, where receipts hold
/// them in place of a status (EIP-658); give an empty slice otherwise.
pub fn validate_output(
    rules: &Rules,
    header: &Header,
    output: &BlockOutput,
    post_states: &[B256],
) -> Result<(), OutputError> {
    field("gasUsed", output.gas_used, header.gas_used)?;
    field("receiptsRoot", receipts_root(rules, output, post_states)?, header.receipts_root)?;
    let bloom = output.logs_bloom();
    if bloom != header.logs_bloom {
        let (executed, header) = (bloom.to_string(), header.logs_bloom.to_string());
        return Err(OutputError::Field { field: "logsBloom", executed, header });
    }
    if let Some(blob_gas_used) = header.blob_gas_used {
        field("blobGasUsed", output.blob_gas_used, blob_gas_used)?;
    }
    let requests_hash = output.requests.as_ref().map(|requests| requests.requests_hash());
    if requests_hash != header.requests_hash {
        return Err(OutputError::Field {
            field: "requestsHash",
            executed: requests_hash.map_or("none".into(), |hash| hash.to_string()),
            header: header.requests_hash.map_or("none".into(), |hash| hash.to_string()),
        });
    }
    Ok(())
}

fn receipts_root(rules: &Rules, output: &BlockOutput, post_states: &[B256]) -> Result<B256, OutputError> {
    if rules.spec.is_enabled_in(SpecId::BYZANTIUM) {
        return Ok(output.receipts_root());
    }
    let receipts = output.receipts().count();
    if receipts != post_states.len() {
        return Err(OutputError::PostStates { receipts, roots: post_states.len() });
    }
    let receipts: Vec<_> =
        output.receipts().zip(post_states).map(|(receipt, root)| receipt.to_envelope(Some(*root))).collect();
    Ok(calculate_receipt_root(&receipts))
}

fn field<T: PartialEq + ToString>(field: &'static str, executed: T, header: T) -> Result<(), OutputError> {
    if executed == header {
        return Ok(());
    }
    Err(OutputError::Field { field, executed: executed.to_string(), header: header.to_string() })
}
