//! A small world: a chain, accounts with keys, transactions of theirs.

use alloy_consensus::{
    SignableTransaction, TxEip1559, TxEip2930, TxEip4844, TxEip4844Variant, TxEip4844WithSidecar, TxEip7702,
    TxEnvelope, TxLegacy,
};
use alloy_eips::{
    eip2718::Encodable2718, eip7594::BlobTransactionSidecarVariant, eip7702::SignedAuthorization,
};
use alloy_primitives::{Address, B256, Bytes, Signature, TxKind, U256};
use alloy_signer::SignerSync;
use alloy_signer_local::PrivateKeySigner;
use mundi_chain::{ChainSpec, ForkPoint, ProposalLimits};
use mundi_execution::{Account, MemoryState};
use mundi_mempool::{Clock, Config, Head, Mempool, NewHead, Origin, PoolError, PoolEvent, Reorganised};
use std::{
    sync::{
        Arc,
        atomic::{AtomicU64, Ordering},
    },
    time::Duration,
};

pub(crate) const CHAIN: u64 = 31_337;
pub(crate) const ETHER: u128 = 1_000_000_000_000_000_000;
pub(crate) const RECIPIENT: Address = Address::repeat_byte(0xee);

/// The account that belongs to a small number.
pub(crate) fn signer(number: u64) -> PrivateKeySigner {
    PrivateKeySigner::from_bytes(&B256::from(U256::from(number + 1))).unwrap()
}

pub(crate) fn address(number: u64) -> Address {
    signer(number).address()
}

/// A clock that stands still until it is moved.
#[derive(Debug, Default)]
pub(crate) struct StoppedClock(AtomicU64);

impl StoppedClock {
    pub(crate) fn advance(&self, seconds: u64) {
        self.0.fetch_add(seconds, Ordering::Relaxed);
    }
}

impl Clock for StoppedClock {
    fn now(&self) -> Duration {
        Duration::from_secs(self.0.load(Ordering::Relaxed))
    }
}

/// A pool on a chain whose state is held in memory.
pub(crate) struct World {
    pub(crate) pool: Mempool,
    pub(crate) state: MemoryState,
    pub(crate) clock: Arc<StoppedClock>,
    pub(crate) height: u64,
    pub(crate) base_fee: u64,
    pub(crate) blob_base_fee: u128,
    pub(crate) gas_limit: u64,
}

impl World {
    /// Ten accounts with a hundred ether each, at a fork.
    pub(crate) fn at(fork: &str, config: Config) -> Self {
        let spec = Arc::new(ChainSpec::at_fork(fork).unwrap().with_chain_id(CHAIN));
        let mut state = MemoryState::new();
        for number in 0..10 {
            state.insert_account(address(number), 0, U256::from(100 * ETHER), None);
        }
        let clock = Arc::new(StoppedClock::default());
        let head = Head {
            point: ForkPoint::new(1, 1),
            base_fee: 10,
            blob_base_fee: 1,
            gas_limit: 30_000_000,
            state: Arc::new(state.clone()),
        };
        let pool = Mempool::with_clock(config, spec, head, Arc::clone(&clock) as _);
        Self { pool, state, clock, height: 0, base_fee: 10, blob_base_fee: 1, gas_limit: 30_000_000 }
    }

    pub(crate) fn with(config: Config) -> Self {
        Self::at("Osaka", config)
    }

    pub(crate) fn new() -> Self {
        Self::with(Config::default())
    }

    pub(crate) fn head(&self) -> Head {
        Head {
            point: ForkPoint::new(self.height + 1, self.height + 1),
            base_fee: self.base_fee,
            blob_base_fee: self.blob_base_fee,
            gas_limit: self.gas_limit,
            state: Arc::new(self.state.clone()),
        }
    }

    /// A block in which these accounts have become something else.
    pub(crate) fn block(&mut self, accounts: &[(Address, u64, u128)]) {
        self.block_with(accounts, &[]);
    }

    pub(crate) fn block_with(&mut self, accounts: &[(Address, u64, u128)], included: &[B256]) {
        self.height += 1;
        for (address, nonce, balance) in accounts {
            self.state.insert_account(*address, *nonce, U256::from(*balance), None);
        }
        let changed = accounts.iter().map(|(address, nonce, balance)| {
            let account = Account { nonce: *nonce, balance: U256::from(*balance), ..Account::default() };
            (*address, Some(account))
        });
        self.pool.on_head(&NewHead {
            head: self.head(),
            accounts: changed.collect(),
            included: included.to_vec(),
            skipped: Vec::new(),
        });
    }

    pub(crate) fn reorganise(&mut self, accounts: &[(Address, u64, u128)]) {
        for (address, nonce, balance) in accounts {
            self.state.insert_account(*address, *nonce, U256::from(*balance), None);
        }
        self.pool.on_reorganised(&Reorganised { head: self.head(), removed: Vec::new() });
    }

    pub(crate) fn submit(&self, tx: &TxEnvelope) -> Result<B256, PoolError> {
        self.pool.submit_raw(&tx.encoded_2718(), Origin::Remote)
    }

    /// Hands out up to a number of transactions at the head's fees, as hashes.
    pub(crate) fn propose(&self, transactions: usize) -> Vec<B256> {
        self.propose_within(&ProposalLimits { transactions, ..self.limits() })
    }

    pub(crate) fn propose_within(&self, limits: &ProposalLimits) -> Vec<B256> {
        self.pool.propose(limits).iter().map(|tx| tx.hash()).collect()
    }

    pub(crate) fn limits(&self) -> ProposalLimits {
        ProposalLimits {
            gas: self.gas_limit,
            bytes: 8 << 20,
            blobs: 6,
            transactions: 10_000,
            base_fee: self.base_fee,
            blob_base_fee: self.blob_base_fee,
        }
    }

    /// Nonces of what a sender has here: pending, queued.
    pub(crate) fn nonces(&self, sender: Address) -> (Vec<u64>, Vec<u64>) {
        let content = self.pool.content_from(&sender);
        let nonces =
            |txs: &[Arc<mundi_mempool::PooledTransaction>]| txs.iter().map(|tx| tx.nonce()).collect();
        (nonces(&content.pending), nonces(&content.queued))
    }
}

/// Everything that has happened, as short words with the beginning of the hash.
pub(crate) fn told(events: &mut tokio::sync::broadcast::Receiver<PoolEvent>) -> Vec<(&'static str, B256)> {
    let mut told = Vec::new();
    while let Ok(event) = events.try_recv() {
        told.push(match event {
            PoolEvent::Pending(tx) => ("pending", tx.hash()),
            PoolEvent::Queued(tx) => ("queued", tx.hash()),
            PoolEvent::Replaced { old, .. } => ("replaced", old),
            PoolEvent::Dropped { hash, reason } => (
                match reason {
                    mundi_mempool::DropReason::Included => "included",
                    mundi_mempool::DropReason::Superseded => "superseded",
                    mundi_mempool::DropReason::Unfunded => "unfunded",
                    mundi_mempool::DropReason::Invalid => "invalid",
                    mundi_mempool::DropReason::Evicted => "evicted",
                    mundi_mempool::DropReason::Expired => "expired",
                    mundi_mempool::DropReason::Removed => "removed",
                },
                hash,
            ),
        });
    }
    told
}

/// A transfer with EIP-1559 fees.
pub(crate) fn transfer(nonce: u64, cap: u128, tip: u128) -> TxEip1559 {
    TxEip1559 {
        chain_id: CHAIN,
        nonce,
        gas_limit: 21_000,
        max_fee_per_gas: cap,
        max_priority_fee_per_gas: tip,
        to: TxKind::Call(RECIPIENT),
        ..TxEip1559::default()
    }
}

pub(crate) fn legacy(nonce: u64, price: u128) -> TxLegacy {
    TxLegacy {
        chain_id: Some(CHAIN),
        nonce,
        gas_limit: 21_000,
        gas_price: price,
        to: TxKind::Call(RECIPIENT),
        ..TxLegacy::default()
    }
}

pub(crate) fn with_access_list(nonce: u64, price: u128) -> TxEip2930 {
    TxEip2930 {
        chain_id: CHAIN,
        nonce,
        gas_limit: 21_000,
        gas_price: price,
        to: TxKind::Call(RECIPIENT),
        ..TxEip2930::default()
    }
}

pub(crate) fn set_code(nonce: u64, authorizations: Vec<SignedAuthorization>) -> TxEip7702 {
    TxEip7702 {
        chain_id: CHAIN,
        nonce,
        gas_limit: 200_000,
        max_fee_per_gas: 100,
        max_priority_fee_per_gas: 1,
        to: RECIPIENT,
        authorization_list: authorizations,
        ..TxEip7702::default()
    }
}

pub(crate) fn with_blobs(nonce: u64, blob_cap: u128, sidecar: &BlobTransactionSidecarVariant) -> TxEip4844 {
    TxEip4844 {
        chain_id: CHAIN,
        nonce,
        gas_limit: 21_000,
        max_fee_per_gas: 100,
        max_priority_fee_per_gas: 1,
        max_fee_per_blob_gas: blob_cap,
        to: RECIPIENT,
        blob_versioned_hashes: sidecar.versioned_hashes().collect(),
        ..TxEip4844::default()
    }
}

pub(crate) fn carrying(tx: TxEip4844, sidecar: BlobTransactionSidecarVariant) -> TxEip4844Variant {
    TxEip4844Variant::TxEip4844WithSidecar(TxEip4844WithSidecar { tx, sidecar })
}

/// Signed by an account.
pub(crate) fn signed<T>(from: u64, tx: T) -> TxEnvelope
where
    T: SignableTransaction<Signature>,
    TxEnvelope: From<alloy_consensus::Signed<T>>,
{
    let signature = signer(from).sign_hash_sync(&tx.signature_hash()).unwrap();
    tx.into_signed(signature).into()
}

pub(crate) fn raw(tx: &TxEnvelope) -> Bytes {
    tx.encoded_2718().into()
}

pub(crate) fn threads(number: usize) -> rayon::ThreadPool {
    rayon::ThreadPoolBuilder::new().num_threads(number).build().unwrap()
}
