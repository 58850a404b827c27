//! Blocks on the wire, and bodies against their headers.

use crate::forks::{ChainSpec, ForkPoint};
use alloy_consensus::{
    Block, Transaction as _, TxEip4844Variant, TxEnvelope, proofs::calculate_transaction_root,
};
use alloy_eips::{
    eip2718::{Decodable2718, Encodable2718},
    eip4844::DATA_GAS_PER_BLOB,
};
use alloy_hardforks::EthereumHardfork;
use alloy_primitives::{B256, Sealed};
use alloy_rlp::Encodable;

/// Greatest size of a block from Osaka on, in bytes of its RLP form (EIP-7934).
pub const MAX_BLOCK_SIZE: usize = (10 - 2) << 20;

/// Bytes that are not a block.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum DecodeError {
    /// Not the RLP form of a block.
    #[error("not a block: {0}")]
    Rlp(#[from] alloy_rlp::Error),
    /// Bytes after the block.
    #[error("{0} bytes follow the block")]
    Trailing(usize),
    /// A blob transaction in the form in which it travels outside blocks, with its blobs.
    #[error("transaction {0} carries a blob sidecar, which does not belong in a block")]
    Sidecar(usize),
    /// The bytes decode, but are not the one encoding of what they decode to.
    #[error("not the canonical encoding: byte {0} differs")]
    NotCanonical(usize),
}

/// Decodes a block by the rules of consensus: one encoding for each block, and nothing after it.
///
/// Decoders of the network protocols are more lenient, so the block is encoded again and compared; cost linear
/// in its size. The seal is the hash of the header.
pub fn decode_block(bytes: &[u8]) -> Result<Sealed<Block<TxEnvelope>>, DecodeError> {
    let mut rest = bytes;
    let block = Block::<TxEnvelope>::decode_sealed(&mut rest)?;
    if !rest.is_empty() {
        return Err(DecodeError::Trailing(rest.len()));
    }
    if let Some(index) = block.body.transactions.iter().position(has_sidecar) {
        return Err(DecodeError::Sidecar(index));
    }
    canonical(&alloy_rlp::encode(block.inner()), bytes)?;
    Ok(block)
}

/// Decodes a transaction in its EIP-2718 form, as strictly as [`decode_block`].
pub fn decode_transaction(bytes: &[u8]) -> Result<TxEnvelope, DecodeError> {
    let tx = TxEnvelope::decode_2718_exact(bytes).map_err(alloy_rlp::Error::from)?;
    if has_sidecar(&tx) {
        return Err(DecodeError::Sidecar(0));
    }
    canonical(&tx.encoded_2718(), bytes)?;
    Ok(tx)
}

fn has_sidecar(tx: &TxEnvelope) -> bool {
    matches!(tx, TxEnvelope::Eip4844(tx) if !matches!(tx.tx(), TxEip4844Variant::TxEip4844(_)))
}

fn canonical(encoded: &[u8], bytes: &[u8]) -> Result<(), DecodeError> {
    if encoded == bytes {
        return Ok(());
    }
    let at = encoded.iter().zip(bytes).position(|(a, b)| a != b);
    Err(DecodeError::NotCanonical(at.unwrap_or(encoded.len().min(bytes.len()))))
}

/// A body that does not belong to its header.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum BodyError {
    /// A root of the header is not that of the body.
    #[error("{field}: the body's is {body}, the header's {header}")]
    Root {
        /// Which.
        field: &'static str,
        /// Computed from the body.
        body: B256,
        /// In the header.
        header: B256,
    },
    /// Withdrawals without a root, or a root without withdrawals.
    #[error("withdrawals: {} in the body, {} in the header", there(*.body), there(*.header))]
    Withdrawals {
        /// Whether the body has a list of withdrawals.
        body: bool,
        /// Whether the header has a root of them.
        header: bool,
    },
    /// The blobs of the transactions are not what the header says.
    #[error("blobGasUsed: the transactions' is {body}, the header's {header}")]
    BlobGas {
        /// Computed from the transactions.
        body: u64,
        /// In the header.
        header: u64,
    },
    /// The block is too large (EIP-7934).
    #[error("size: expected at most {MAX_BLOCK_SIZE} bytes, got {0}")]
    Size(usize),
}

fn there(present: bool) -> &'static str {
    if present { "present" } else { "absent" }
}

/// Checks that the body of a block at `point` is the one its header commits to, and not too large.
pub fn validate_body(spec: &ChainSpec, point: ForkPoint, block: &Block<TxEnvelope>) -> Result<(), BodyError> {
    let (header, body) = (&block.header, &block.body);
    root("sha3Uncles", body.calculate_ommers_root(), header.ommers_hash)?;
    root("transactionsRoot", calculate_transaction_root(&body.transactions), header.transactions_root)?;
    match (body.calculate_withdrawals_root(), header.withdrawals_root) {
        (Some(of_body), Some(of_header)) => root("withdrawalsRoot", of_body, of_header)?,
        (None, None) => {}
        (body, header) => {
            return Err(BodyError::Withdrawals { body: body.is_some(), header: header.is_some() });
        }
    }
    if let Some(of_header) = header.blob_gas_used {
        let blobs: u64 = body.transactions.iter().filter_map(|tx| tx.blob_count()).sum();
        let of_body = blobs.saturating_mul(DATA_GAS_PER_BLOB);
        if of_body != of_header {
            return Err(BodyError::BlobGas { body: of_body, header: of_header });
        }
    }
    if spec.is_active(EthereumHardfork::Osaka, point) && block.length() > MAX_BLOCK_SIZE {
        return Err(BodyError::Size(block.length()));
    }
    Ok(())
}

fn root(field: &'static str, body: B256, header: B256) -> Result<(), BodyError> {
    if body == header { Ok(()) } else { Err(BodyError::Root { field, body, header }) }
}

#[cfg(test)]
mod tests {
    use super::*;
    use alloy_consensus::{BlockBody, Header, SignableTransaction, TxEip1559};
    use alloy_primitives::{Bytes, Signature, TxKind, U256};

    fn block(inputs: &[usize]) -> Block<TxEnvelope> {
        let transactions = inputs.iter().map(|size| {
            let tx =
                TxEip1559 { to: TxKind::Create, input: Bytes::from(vec![7; *size]), ..Default::default() };
            TxEnvelope::from(tx.into_signed(Signature::new(U256::from(1), U256::from(2), false)))
        });
        Block::from_transactions(Header::default(), transactions)
    }

    fn check(network: &str, block: &Block<TxEnvelope>) -> Result<(), BodyError> {
        validate_body(&ChainSpec::at_fork(network).unwrap(), ForkPoint::new(1, 1), block)
    }

    #[test]
    fn a_block_has_one_encoding() {
        let block = block(&[1, 2]);
        let bytes = alloy_rlp::encode(&block);
        assert_eq!(decode_block(&bytes).unwrap().inner(), &block);

        let mut longer = bytes.clone();
        longer.push(0);
        assert_eq!(decode_block(&longer), Err(DecodeError::Trailing(1)));
        for length in 0..bytes.len() {
            assert!(matches!(decode_block(&bytes[..length]), Err(DecodeError::Rlp(_))), "{length}");
        }
    }

    #[test]
    fn a_typed_transaction_without_its_string_header_is_rejected() {
        let block = block(&[1]);
        let mut header = Vec::new();
        block.header.encode(&mut header);
        let wrapped = alloy_rlp::encode(&block.body.transactions[0]);
        // Without the two bytes of the string header the envelope stands bare in the list.
        let bare = &wrapped[2..];
        let mut payload = header;
        alloy_rlp::Header { list: true, payload_length: bare.len() }.encode(&mut payload);
        payload.extend_from_slice(bare);
        payload.push(alloy_rlp::EMPTY_LIST_CODE);
        let mut bytes = Vec::new();
        alloy_rlp::Header { list: true, payload_length: payload.len() }.encode(&mut bytes);
        bytes.extend_from_slice(&payload);
        assert!(decode_block(&bytes).is_err());
    }

    #[test]
    fn roots_of_the_header_commit_to_the_body() {
        let good = block(&[1, 2]);
        check("London", &good).unwrap();
        let mut bad = good.clone();
        bad.body.transactions.pop();
        assert!(matches!(check("London", &bad), Err(BodyError::Root { field: "transactionsRoot", .. })));
        let mut bad = good.clone();
        bad.body.ommers.push(Header::default());
        assert!(matches!(check("London", &bad), Err(BodyError::Root { field: "sha3Uncles", .. })));
        let mut bad = good;
        bad.body.withdrawals = Some(Default::default());
        assert_eq!(
            check("London", &bad).unwrap_err().to_string(),
            "withdrawals: present in the body, absent in the header"
        );
        bad.header.withdrawals_root = Some(B256::ZERO);
        assert!(matches!(check("London", &bad), Err(BodyError::Root { field: "withdrawalsRoot", .. })));
    }

    #[test]
    fn size_is_bounded_from_osaka_on() {
        let empty = BlockBody::<TxEnvelope>::default();
        assert!(empty.transactions.is_empty());
        let large = block(&[MAX_BLOCK_SIZE]);
        check("Prague", &large).unwrap();
        assert!(matches!(check("Osaka", &large), Err(BodyError::Size(_))));
    }
}
