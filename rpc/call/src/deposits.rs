//! Deposits that logs announce (EIP-6110).

use alloy_primitives::{B256, Log, U256, b256};

/// `keccak256("DepositEvent(bytes,bytes,bytes,bytes,bytes)")`.
const EVENT: B256 = b256!("649bbc62d0e31342afea4e5cd82d4049e7e1ee912fc0889aa790803be39038c5");
/// Where the ABI puts each field, and its length: key, credentials, amount, signature, index.
const FIELDS: [(usize, usize); 5] = [(160, 48), (256, 32), (320, 8), (384, 96), (512, 8)];
/// Length of the event's data.
const LENGTH: usize = 576;
const WORD: usize = 32;

/// A log of the deposit contract in another form than that of its event.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error("a log of the deposit contract is malformed: {0}")]
pub(crate) struct MalformedDeposit(String);

/// Appends the deposit of a log, if it is one, to a request.
pub(crate) fn append(log: &Log, request: &mut Vec<u8>) -> Result<(), MalformedDeposit> {
    if log.topics().first() != Some(&EVENT) {
        return Ok(());
    }
    let data = &log.data.data;
    if data.len() != LENGTH {
        return Err(MalformedDeposit(format!("{} bytes of data, expected {LENGTH}", data.len())));
    }
    let word = |at: usize| U256::from_be_slice(&data[at..at + WORD]);
    for (index, (offset, length)) in FIELDS.into_iter().enumerate() {
        if word(index * WORD) != U256::from(offset) || word(offset) != U256::from(length) {
            return Err(MalformedDeposit(format!(
                "field {index} is {} bytes at {}, expected {length} at {offset}",
                word(offset),
                word(index * WORD)
            )));
        }
        request.extend_from_slice(&data[offset + WORD..offset + WORD + length]);
    }
    Ok(())
}
