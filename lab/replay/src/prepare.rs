//! From a block file to what the engine takes, with every check that needs no execution.

use crate::{
    block_file::BlockFile,
    error::{FieldError, InputError},
};
use alloy_consensus::{
    Header, Transaction as _, TxEnvelope,
    proofs::{calculate_ommers_root, calculate_transaction_root},
};
use alloy_primitives::{Address, B256, TxKind, b256};
use mundi_chain::{ChainSpec, EthereumHardfork, ForkPoint, block_env, recover_sender};
use mundi_execution::{Block, MemoryState, Ommer, Transaction};
use rayon::prelude::*;
use revm::primitives::hardfork::SpecId;
use std::path::PathBuf;

/// `sha3Uncles` of a block without ommers.
const NO_OMMERS: B256 = b256!("0x1dcc4de8dec75d7aab85b567b6ccd41ad312451b948a7413f0a142fd40d49347");

/// A block ready to execute, with what is needed to check and explain it.
#[derive(Clone, Debug)]
pub struct ReplayBlock {
    /// The file it came from.
    pub path: PathBuf,
    /// The header, whose figures the execution is checked against.
    pub header: Header,
    /// The header's hash as the file gives it.
    pub hash: B256,
    /// The fork in force.
    pub fork: EthereumHardfork,
    /// What the engine takes.
    pub block: Block,
    /// The state before the block, as far as the block reads it.
    pub state: MemoryState,
    /// What a reader wants to know of each transaction.
    pub transactions: Vec<TransactionInfo>,
    /// Set if the header does not hash to [`hash`](Self::hash): a header field was changed. It is no error yet,
    /// because a field that execution checks gives the more precise message.
    pub header_fault: Option<FieldError>,
}

/// A transaction as a reader names it.
#[derive(Clone, Debug)]
pub struct TransactionInfo {
    /// Its hash.
    pub hash: B256,
    /// Its sender, recovered from the signature.
    pub from: Address,
    /// Its recipient, or `None` for a creation.
    pub to: Option<Address>,
    /// The first four bytes of its input, if it has as many.
    pub selector: Option<[u8; 4]>,
}

impl ReplayBlock {
    /// Number of the block.
    pub const fn number(&self) -> u64 {
        self.header.number
    }

    /// Whether receipts hold a status (Byzantium and later). Earlier receipts hold state roots, which a part of
    /// the world state cannot give, so their root is not checked.
    pub fn has_receipt_status(&self) -> bool {
        self.block.rules.spec.is_enabled_in(SpecId::BYZANTIUM)
    }
}

impl BlockFile {
    /// Checks that the parts of the file belong together and turns them into the engine's input.
    ///
    /// Senders are recovered from signatures on `pool`; the file's own `from` is only compared.
    ///
    /// # Errors
    ///
    /// A transaction whose `from` or `hash` does not follow from its contents, transactions or ommers that are not
    /// those of the header.
    pub fn prepare(self, chain: &ChainSpec, pool: &rayon::ThreadPool) -> Result<ReplayBlock, InputError> {
        let path = self.path.clone();
        self.prepare_fields(chain, pool).map_err(|source| InputError::field(&path, source))
    }

    pub(crate) fn prepare_fields(
        self,
        chain: &ChainSpec,
        pool: &rayon::ThreadPool,
    ) -> Result<ReplayBlock, FieldError> {
        let Self { path, block, pre_state, block_hashes, ommers } = self;
        let (header, hash) = (block.header.inner, block.header.hash);
        let point = ForkPoint::new(header.number, header.timestamp);
        let rules = chain.rules_at(point);

        let rpc_transactions = block.transactions.into_transactions_vec();
        let claimed: Vec<Address> = rpc_transactions.iter().map(|tx| tx.inner.signer()).collect();
        let envelopes: Vec<TxEnvelope> =
            rpc_transactions.into_iter().map(|tx| tx.inner.into_inner()).collect();
        let fork = chain.fork_at(point);
        let senders = pool.install(|| {
            envelopes
                .par_iter()
                .zip(&claimed)
                .enumerate()
                .map(|(index, (tx, claimed))| sender(index, tx, *claimed, fork))
                .collect::<Result<Vec<_>, _>>()
        })?;
        let root = calculate_transaction_root(&envelopes);
        if root != header.transactions_root {
            return Err(FieldError::differs("block.transactionsRoot", header.transactions_root, root));
        }
        check_ommers(&header, &block.uncles, &ommers)?;

        let computed = header.hash_slow();
        let header_fault = (computed != hash).then(|| FieldError::differs("block.hash", hash, computed));

        let mut state = MemoryState::new();
        for (address, account) in &pre_state {
            state.insert_account(*address, account.nonce, account.balance.0, account.code.clone());
            for (slot, value) in &account.storage.0 {
                state.insert_storage(*address, slot.0, value.0);
            }
        }
        for (number, hash) in block_hashes {
            state.insert_block_hash(number, hash);
        }
        // The parent's hash is in the header, whether or not the file lists it again.
        if let Some(parent) = header.number.checked_sub(1) {
            state.insert_block_hash(parent, header.parent_hash);
        }

        Ok(ReplayBlock {
            path,
            hash,
            fork,
            block: Block {
                env: block_env(chain, point, &header),
                parent_hash: header.parent_hash,
                parent_beacon_block_root: header.parent_beacon_block_root,
                transactions: envelopes
                    .iter()
                    .zip(&senders)
                    .map(|(tx, sender)| Transaction::from_envelope(tx, *sender))
                    .collect(),
                ommers: ommers
                    .iter()
                    .map(|ommer| Ommer { beneficiary: ommer.beneficiary, number: ommer.number })
                    .collect(),
                withdrawals: block.withdrawals.map(|withdrawals| withdrawals.into_inner()),
                rules,
            },
            state,
            transactions: envelopes.iter().zip(senders).map(|(tx, from)| info(tx, from)).collect(),
            header,
            header_fault,
        })
    }
}

/// Recovers the sender, and checks what the file says of the transaction besides its contents.
fn sender(
    index: usize,
    tx: &TxEnvelope,
    claimed: Address,
    fork: EthereumHardfork,
) -> Result<Address, FieldError> {
    let field = |name: &str| format!("block.transactions[{index}].{name}");
    let recovered = recover_sender(fork, tx)
        .map_err(|error| FieldError::new(format!("block.transactions[{index}]"), error.to_string()))?;
    if recovered != claimed {
        return Err(FieldError::new(
            field("from"),
            format!("says {claimed}, but the signature is that of {recovered}"),
        ));
    }
    let hash = tx_hash(tx);
    if *tx.tx_hash() != hash {
        return Err(FieldError::differs(field("hash"), tx.tx_hash(), hash));
    }
    Ok(recovered)
}

/// The hash of a transaction's contents; the one it carries is what the file says.
fn tx_hash(tx: &TxEnvelope) -> B256 {
    use alloy_eips::Encodable2718;
    alloy_primitives::keccak256(tx.encoded_2718())
}

fn check_ommers(header: &Header, uncles: &[B256], ommers: &[Header]) -> Result<(), FieldError> {
    if uncles.is_empty() && header.ommers_hash != NO_OMMERS {
        return Err(FieldError::new("block.uncles", "is empty, but sha3Uncles is not that of an empty list"));
    }
    if ommers.is_empty() {
        return Ok(());
    }
    let root = calculate_ommers_root(ommers);
    if root != header.ommers_hash {
        return Err(FieldError::differs("block.sha3Uncles", header.ommers_hash, root));
    }
    for (index, ommer) in ommers.iter().enumerate() {
        // The reward falls by an eighth with each generation; a distance outside this range is never valid.
        if !header.number.checked_sub(ommer.number).is_some_and(|generations| (1..=6).contains(&generations))
        {
            return Err(FieldError::new(
                format!("ommers[{index}].number"),
                format!("is {}, which is not one to six below {}", ommer.number, header.number),
            ));
        }
    }
    Ok(())
}

fn info(tx: &TxEnvelope, from: Address) -> TransactionInfo {
    TransactionInfo {
        hash: *tx.tx_hash(),
        from,
        to: match tx.kind() {
            TxKind::Call(to) => Some(to),
            TxKind::Create => None,
        },
        selector: tx.input().first_chunk().copied(),
    }
}
