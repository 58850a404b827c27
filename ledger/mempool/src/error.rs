//! Why a transaction is not taken, in the words that Ethereum's clients look for.

use alloy_primitives::{Address, B256, U256};
use mundi_chain::EthereumHardfork;

/// What kind of a reason it is, for those who turn it into a code.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum ErrorKind {
    /// The bytes are no transaction.
    Malformed,
    /// A form that does not exist on this chain, or not yet.
    Unsupported,
    /// Wrong in itself: it can never be valid.
    Invalid,
    /// The signature, or who signed.
    Sender,
    /// The nonce is used up.
    NonceTooLow,
    /// The balance does not suffice.
    Funds,
    /// The gas limit is too low or too high.
    Gas,
    /// It offers too little.
    Underpriced,
    /// It replaces another one without offering enough more, or too late.
    Replacement,
    /// It is in the pool already.
    Known,
    /// A bound of the pool.
    Full,
    /// Blobs, their commitments or proofs.
    Blobs,
    /// The pool could not find out.
    Internal,
}

/// Why a transaction is not taken.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum PoolError {
    /// The bytes do not decode.
    #[error("failed to decode signed transaction: {0}")]
    Decode(String),
    /// They decode, but are not the one encoding of what they decode to.
    #[error("failed to decode signed transaction: not the canonical encoding, byte {0} differs")]
    NotCanonical(usize),
    /// A type before its fork, or one that is not known.
    #[error("transaction type not supported: type {tx_type} in {fork}")]
    Type {
        /// EIP-2718 type.
        tx_type: u8,
        /// The fork of the next block.
        fork: EthereumHardfork,
    },
    /// Too many bytes.
    #[error("oversized data: transaction size {size}, limit {limit}")]
    Size {
        /// Of the encoded transaction.
        size: usize,
        /// The most.
        limit: usize,
    },
    /// Signed for another chain.
    #[error("invalid chain id for signer: have {have} want {want}")]
    ChainId {
        /// The transaction's.
        have: u64,
        /// This chain's.
        want: u64,
    },
    /// A signature without a chain id.
    #[error("only replay-protected (EIP-155) transactions allowed over RPC")]
    Unprotected,
    /// Nobody, or somebody impossible, has signed.
    #[error("invalid sender: {0}")]
    Sender(String),
    /// The sender is a contract (EIP-3607).
    #[error("sender not an eoa: address {address}, codehash: {code_hash}")]
    SenderNotEoa {
        /// The sender.
        address: Address,
        /// Of its code.
        code_hash: B256,
    },
    /// The nonce cannot grow any more (EIP-2681).
    #[error("nonce has max value: {0}")]
    NonceMax(u64),
    /// A transaction with this nonce is part of the chain already.
    #[error("nonce too low: next nonce {next}, tx nonce {nonce}")]
    NonceTooLow {
        /// The sender's next nonce.
        next: u64,
        /// The transaction's.
        nonce: u64,
    },
    /// The sender cannot pay.
    #[error("insufficient funds for gas * price + value: balance {balance}, tx cost {cost}, overshot {}", cost - balance)]
    InsufficientFunds {
        /// The sender's, in wei.
        balance: U256,
        /// The most that the transaction can take.
        cost: U256,
    },
    /// The gas does not suffice for being included.
    #[error("intrinsic gas too low: gas {gas}, minimum needed {needed}")]
    IntrinsicGas {
        /// The gas limit.
        gas: u64,
        /// What is charged before execution.
        needed: u64,
    },
    /// The gas does not suffice for the data (EIP-7623).
    #[error("insufficient gas for floor data gas cost: gas {gas}, minimum needed {needed}")]
    FloorDataGas {
        /// The gas limit.
        gas: u64,
        /// The floor.
        needed: u64,
    },
    /// More gas than a block has.
    #[error("exceeds block gas limit: tx gas {gas}, block gas limit {limit}")]
    BlockGasLimit {
        /// The gas limit.
        gas: u64,
        /// The block's.
        limit: u64,
    },
    /// More gas than a transaction may have (EIP-7825).
    #[error("transaction gas limit too high (cap: {cap}, tx: {gas})")]
    GasLimitTooHigh {
        /// The gas limit.
        gas: u64,
        /// The most.
        cap: u64,
    },
    /// Too much code for a creation (EIP-3860).
    #[error("max initcode size exceeded: code size {size}, limit {limit}")]
    InitCodeSize {
        /// Of the code.
        size: usize,
        /// The most.
        limit: usize,
    },
    /// The tip is above the cap.
    #[error(
        "max priority fee per gas higher than max fee per gas: maxPriorityFeePerGas: {tip}, maxFeePerGas: {cap}"
    )]
    TipAboveCap {
        /// The tip.
        tip: u128,
        /// The cap.
        cap: u128,
    },
    /// The next block's base fee is above the cap.
    #[error("max fee per gas less than block base fee: maxFeePerGas: {cap}, baseFee: {base_fee}")]
    FeeCapTooLow {
        /// The cap.
        cap: u128,
        /// The base fee.
        base_fee: u64,
    },
    /// The tip is below what this node takes.
    #[error("transaction underpriced: gas tip cap {tip}, minimum needed {needed}")]
    TipTooLow {
        /// The tip.
        tip: u128,
        /// The least.
        needed: u128,
    },
    /// The fees are above what this node takes.
    #[error("tx fee ({fee} wei) exceeds the configured cap ({cap} wei)")]
    FeeAboveCap {
        /// The most that gas and blobs can cost.
        fee: U256,
        /// The limit.
        cap: U256,
    },
    /// The pool has it.
    #[error("already known: {0}")]
    AlreadyKnown(B256),
    /// It does not offer enough more than the one in its place.
    #[error("replacement transaction underpriced: {field} {new}, minimum needed {needed}")]
    ReplacementUnderpriced {
        /// Which fee.
        field: &'static str,
        /// What it offers.
        new: u128,
        /// What would be enough.
        needed: u128,
    },
    /// The one in its place is about to be included.
    #[error(
        "replacement transaction underpriced: nonce {nonce} is being included by {hash}, it is too late to replace it"
    )]
    ReplacementTooLate {
        /// The nonce.
        nonce: u64,
        /// Who has it.
        hash: B256,
    },
    /// The pool is full of better ones.
    #[error(
        "transaction underpriced: the pool is full ({transactions} transactions, {bytes} bytes) and none of them offers less"
    )]
    PoolFull {
        /// In the pool.
        transactions: usize,
        /// In the pool.
        bytes: usize,
    },
    /// The sender has enough of them.
    #[error("account limit exceeded: {sender} has {transactions} transactions, {bytes} bytes in the pool")]
    SenderFull {
        /// Who.
        sender: Address,
        /// How many.
        transactions: usize,
        /// How large.
        bytes: usize,
    },
    /// The sender has enough of them that cannot be executed.
    #[error(
        "queued transactions exceed the limit: {sender} has {queued} that cannot be executed yet; next nonce {next}, tx nonce {nonce}"
    )]
    QueueFull {
        /// Who.
        sender: Address,
        /// How many.
        queued: usize,
        /// The nonce that is missing.
        next: u64,
        /// The transaction's.
        nonce: u64,
    },
    /// A delegated account may have few (EIP-7702).
    #[error("in-flight transaction limit reached for delegated accounts: {sender}, limit {limit}")]
    DelegatedSenderFull {
        /// Who.
        sender: Address,
        /// The most.
        limit: usize,
    },
    /// A delegated account's nonces may have no gap (EIP-7702).
    #[error("gapped-nonce tx from delegated accounts: {sender}, next nonce {next}, tx nonce {nonce}")]
    DelegatedSenderGap {
        /// Who.
        sender: Address,
        /// The nonce that is missing.
        next: u64,
        /// The transaction's.
        nonce: u64,
    },
    /// It delegates an account that has transactions waiting (EIP-7702).
    #[error("authority already reserved: {0} has transactions waiting")]
    AuthorityReserved(Address),
    /// A set-code transaction that sets nothing.
    #[error("EIP-7702 transaction with empty auth list")]
    NoAuthorizations,
    /// A blob transaction without blobs.
    #[error("blobless blob transaction")]
    NoBlobs,
    /// A blob transaction came without its sidecar.
    #[error("missing sidecar in blob transaction")]
    NoSidecar,
    /// More blobs than a transaction may have.
    #[error("too many blobs in transaction: have {have}, permitted {limit}")]
    TooManyBlobs {
        /// Of the transaction.
        have: u64,
        /// The most.
        limit: u64,
    },
    /// The kind of proofs does not fit the fork.
    #[error("unexpected sidecar version, want: {want}, got: {got}")]
    SidecarVersion {
        /// The fork's.
        want: u8,
        /// The transaction's.
        got: u8,
    },
    /// A blob hash that is no hash of a commitment.
    #[error("blob {index} has an invalid hash version: {version}")]
    BlobHashVersion {
        /// Which blob.
        index: usize,
        /// The first byte.
        version: u8,
    },
    /// The blobs, commitments and proofs do not belong together.
    #[error("invalid blob sidecar: {0}")]
    Sidecar(String),
    /// The state could not be read.
    #[error("the sender's account could not be read, try again: {0}")]
    State(String),
}

impl PoolError {
    /// What kind of a reason it is.
    pub const fn kind(&self) -> ErrorKind {
        match self {
            Self::Decode(_) | Self::NotCanonical(_) => ErrorKind::Malformed,
            Self::Type { .. } | Self::ChainId { .. } | Self::Unprotected => ErrorKind::Unsupported,
            Self::Size { .. }
            | Self::InitCodeSize { .. }
            | Self::TipAboveCap { .. }
            | Self::NonceMax(_)
            | Self::NoAuthorizations => ErrorKind::Invalid,
            Self::Sender(_) | Self::SenderNotEoa { .. } => ErrorKind::Sender,
            Self::NonceTooLow { .. } => ErrorKind::NonceTooLow,
            Self::InsufficientFunds { .. } => ErrorKind::Funds,
            Self::IntrinsicGas { .. }
            | Self::FloorDataGas { .. }
            | Self::BlockGasLimit { .. }
            | Self::GasLimitTooHigh { .. } => ErrorKind::Gas,
            Self::FeeCapTooLow { .. } | Self::TipTooLow { .. } | Self::FeeAboveCap { .. } => {
                ErrorKind::Underpriced
            }
            Self::AlreadyKnown(_) => ErrorKind::Known,
            Self::ReplacementUnderpriced { .. } | Self::ReplacementTooLate { .. } => ErrorKind::Replacement,
            Self::PoolFull { .. }
            | Self::SenderFull { .. }
            | Self::QueueFull { .. }
            | Self::DelegatedSenderFull { .. }
            | Self::DelegatedSenderGap { .. }
            | Self::AuthorityReserved(_) => ErrorKind::Full,
            Self::NoBlobs
            | Self::NoSidecar
            | Self::TooManyBlobs { .. }
            | Self::SidecarVersion { .. }
            | Self::BlobHashVersion { .. }
            | Self::Sidecar(_) => ErrorKind::Blobs,
            Self::State(_) => ErrorKind::Internal,
        }
    }
}
