//! What goes in: an ordered block, the rules it runs under, and what is known of each transaction's accesses.

use alloy_consensus::{Transaction as _, TxEnvelope, Typed2718};
use alloy_eips::eip4895::Withdrawal;
use alloy_primitives::{Address, B256, U256, map::HashSet};
use revm::{
    context::{BlockEnv, TxEnv},
    context_interface::either::Either,
    primitives::hardfork::SpecId,
};

/// Position of a transaction in its block, from zero.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, serde::Serialize, serde::Deserialize)]
#[serde(transparent)]
pub struct TxIndex(pub u32);

impl std::fmt::Display for TxIndex {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        self.0.fmt(f)
    }
}

/// The fork rules of one block: what a chain specification says about this height and time.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Rules {
    /// The fork, in revm's enumeration.
    pub spec: SpecId,
    /// Whether `SSTORE` is metered by EIP-1283: Constantinople as first specified, which no public chain ran.
    /// Goes with [`SpecId::PETERSBURG`].
    pub eip1283: bool,
    /// EIP-155 chain id.
    pub chain_id: u64,
    /// Blob parameters in force; `None` before Cancun.
    pub blobs: Option<BlobRules>,
    /// Static block reward in wei, before the ommer shares; zero after the Merge.
    pub block_reward: U256,
    /// Whether this is the block that carries out the DAO fork's irregular state change (EIP-779).
    pub dao_fork: bool,
    /// The deposit contract whose logs become EIP-6110 requests; used from Prague on.
    pub deposit_contract: Address,
    /// Whether accounts with code may send, in spite of EIP-3607: for developers, who send in the name of contracts.
    pub code_senders: bool,
}

/// Blob parameters (EIP-4844, EIP-7691, EIP-7892).
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct BlobRules {
    /// Blobs per block that leave the price unchanged.
    pub target: u64,
    /// Most blobs in a block.
    pub max: u64,
    /// Most blobs in one transaction; `None` leaves only the block's limit (EIP-7594 sets 6 from Osaka).
    pub max_per_tx: Option<u64>,
    /// Denominator of the price's exponent.
    pub update_fraction: u64,
}

/// An ordered block to execute.
#[derive(Clone, Debug)]
pub struct Block {
    /// Number, beneficiary, time, limits and prices.
    pub env: BlockEnv,
    /// Fork rules in force.
    pub rules: Rules,
    /// Hash of the parent block, which EIP-2935 stores.
    pub parent_hash: B256,
    /// EIP-4788 parent beacon block root; `None` before Cancun.
    pub parent_beacon_block_root: Option<B256>,
    /// Transactions in order.
    pub transactions: Vec<Transaction>,
    /// Ommers, for their rewards.
    pub ommers: Vec<Ommer>,
    /// EIP-4895 withdrawals; `None` before Shanghai.
    pub withdrawals: Option<Vec<Withdrawal>>,
}

/// What the reward rule needs of an ommer header.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Ommer {
    /// Who mined it.
    pub beneficiary: Address,
    /// Its height.
    pub number: u64,
}

/// A transaction with its recovered sender and what is known of its accesses.
#[derive(Clone, Debug)]
pub struct Transaction {
    /// The transaction as the virtual machine takes it; `caller` is the recovered sender.
    pub env: TxEnv,
    /// What is known of its accesses.
    pub hint: AccessHint,
}

impl Transaction {
    /// A transaction of which nothing is known.
    pub const fn new(env: TxEnv) -> Self {
        Self { env, hint: AccessHint::Unknown }
    }

    /// Converts a decoded transaction and its recovered sender.
    pub fn from_envelope(tx: &TxEnvelope, sender: Address) -> Self {
        let env = TxEnv {
            tx_type: tx.ty(),
            caller: sender,
            gas_limit: tx.gas_limit(),
            gas_price: tx.max_fee_per_gas(),
            kind: tx.kind(),
            value: tx.value(),
            data: tx.input().clone(),
            nonce: tx.nonce(),
            chain_id: tx.chain_id(),
            access_list: tx.access_list().cloned().unwrap_or_default(),
            gas_priority_fee: tx.max_priority_fee_per_gas(),
            blob_hashes: tx.blob_versioned_hashes().unwrap_or_default().to_vec(),
            max_fee_per_blob_gas: tx.max_fee_per_blob_gas().unwrap_or_default(),
            authorization_list: tx
                .authorization_list()
                .unwrap_or_default()
                .iter()
                .cloned()
                .map(Either::Left)
                .collect(),
        };
        Self::new(env)
    }
}

/// What is known of a transaction's accesses before it runs.
///
/// Correctness never rests on it, with one exception that is a rule and not a hint: an access outside a
/// `Declared` set fails the transaction, in every mode alike.
#[derive(Clone, Debug, Default)]
pub enum AccessHint {
    /// Nothing.
    #[default]
    Unknown,
    /// A guess, used for scheduling only.
    Likely(AccessSet),
    /// A promise, enforced: touching anything else consumes all gas and reverts all effects.
    /// The accounts of the sender and of the fee recipient need no declaration.
    Declared(AccessSet),
}

/// A set of locations, split by intent.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct AccessSet {
    /// Locations that are only read.
    pub reads: HashSet<Location>,
    /// Locations that may be written (and read).
    pub writes: HashSet<Location>,
}

/// A place in the world state.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, serde::Serialize, serde::Deserialize)]
pub enum Location {
    /// Nonce, balance and code of an account. In an [`AccessSet`] it covers the account's storage too.
    Account(Address),
    /// One storage slot.
    Slot(Address, U256),
}

impl Location {
    /// The account in question.
    pub const fn address(&self) -> Address {
        match self {
            Self::Account(address) | Self::Slot(address, _) => *address,
        }
    }
}
