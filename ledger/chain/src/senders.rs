//! Who sent a transaction, and whether its form exists in the fork at hand.

use alloy_consensus::{
    Block, TxEnvelope, TxType, Typed2718, crypto::RecoveryError, transaction::Recovered,
    transaction::SignerRecoverable,
};
use alloy_hardforks::EthereumHardfork;
use alloy_primitives::Address;

/// A transaction whose form is invalid, whatever the state.
#[derive(Debug, thiserror::Error)]
pub enum SenderError {
    /// A transaction type before its fork.
    #[error("transaction type {0} does not exist in {1}")]
    Type(u8, EthereumHardfork),
    /// A signature with a chain id (EIP-155) before Spurious Dragon.
    #[error("the signature has a chain id, which does not exist in {0}")]
    ReplayProtection(EthereumHardfork),
    /// No public key belongs to the signature; or its `s` is too high, which is invalid from Homestead on (EIP-2).
    #[error("invalid signature: {0}")]
    Signature(#[from] RecoveryError),
}

/// A block with a transaction of invalid form.
#[derive(Debug, thiserror::Error)]
#[error("transaction {index}: {source}")]
pub struct BlockSenderError {
    /// Which transaction.
    pub index: usize,
    /// Why.
    pub source: SenderError,
}

/// Recovers the sender of a transaction under the rules of `fork`. About 50 µs.
pub fn recover_sender(fork: EthereumHardfork, tx: &TxEnvelope) -> Result<Address, SenderError> {
    let since = match tx.tx_type() {
        TxType::Legacy => EthereumHardfork::Frontier,
        TxType::Eip2930 => EthereumHardfork::Berlin,
        TxType::Eip1559 => EthereumHardfork::London,
        TxType::Eip4844 => EthereumHardfork::Cancun,
        TxType::Eip7702 => EthereumHardfork::Prague,
    };
    if fork < since {
        return Err(SenderError::Type(tx.ty(), fork));
    }
    if fork < EthereumHardfork::SpuriousDragon && tx.is_replay_protected() {
        return Err(SenderError::ReplayProtection(fork));
    }
    Ok(if fork < EthereumHardfork::Homestead { tx.recover_signer_unchecked()? } else { tx.recover_signer()? })
}

/// Recovers all senders of a block on the calling thread. To spread the work over threads, call
/// [`recover_sender`] for each transaction.
pub fn recover_senders(
    fork: EthereumHardfork,
    block: Block<TxEnvelope>,
) -> Result<Block<Recovered<TxEnvelope>>, BlockSenderError> {
    let mut index = 0;
    block.try_map_transactions(|tx| {
        let sender = recover_sender(fork, &tx).map_err(|source| BlockSenderError { index, source })?;
        index += 1;
        Ok(Recovered::new_unchecked(tx, sender))
    })
}

#[cfg(test)]
mod tests {
    use super::*;
    use EthereumHardfork as Fork;
    use alloy_consensus::{SignableTransaction, TxEip1559, TxLegacy, crypto::SECP256K1N_HALF};
    use alloy_primitives::{Signature, U256};

    fn legacy(chain_id: Option<u64>, s: U256) -> TxEnvelope {
        let tx = TxLegacy { chain_id, gas_limit: 21_000, ..Default::default() };
        tx.into_signed(Signature::new(U256::from(1), s, false)).into()
    }

    #[test]
    fn forms_begin_with_their_forks() {
        let low = U256::from(1);
        assert!(recover_sender(Fork::Frontier, &legacy(None, low)).is_ok());
        assert!(matches!(
            recover_sender(Fork::Tangerine, &legacy(Some(1), low)),
            Err(SenderError::ReplayProtection(Fork::Tangerine))
        ));
        assert!(recover_sender(Fork::SpuriousDragon, &legacy(Some(1), low)).is_ok());
        let tx: TxEnvelope =
            TxEip1559::default().into_signed(Signature::new(U256::from(1), low, false)).into();
        assert!(matches!(recover_sender(Fork::Berlin, &tx), Err(SenderError::Type(2, Fork::Berlin))));
        assert!(recover_sender(Fork::London, &tx).is_ok());
    }

    #[test]
    fn a_high_s_is_valid_in_frontier_only() {
        let tx = legacy(None, SECP256K1N_HALF + U256::from(1));
        assert!(recover_sender(Fork::Frontier, &tx).is_ok());
        assert!(matches!(recover_sender(Fork::Homestead, &tx), Err(SenderError::Signature(_))));
    }

    #[test]
    fn a_zero_in_a_signature_is_an_error() {
        assert!(recover_sender(Fork::Frontier, &legacy(None, U256::ZERO)).is_err());
    }
}
