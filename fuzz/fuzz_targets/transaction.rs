//! A raw transaction, as `eth_sendRawTransaction` takes it.

#![no_main]

use alloy_eips::eip2718::Encodable2718 as _;
use alloy_primitives::{Address, B256, U256};
use libfuzzer_sys::fuzz_target;
use mundi_chain::{ChainSpec, ForkPoint, decode_transaction};
use mundi_execution::{Account, StateError, StateSnapshot};
use mundi_mempool::{Config, Head, Mempool, Origin};
use revm::bytecode::Bytecode;
use std::sync::{Arc, OnceLock};

/// Transactions that are kept, few so that some are evicted.
const KEPT: usize = 64;

/// A state in which everybody is rich and has done nothing.
struct Rich;

impl StateSnapshot for Rich {
    fn account(&self, _: &Address) -> Result<Option<Account>, StateError> {
        Ok(Some(Account { balance: U256::MAX >> 1, ..Account::default() }))
    }

    fn storage(&self, _: &Address, _: &U256) -> Result<U256, StateError> {
        Ok(U256::ZERO)
    }

    fn code(&self, _: &B256) -> Result<Bytecode, StateError> {
        Ok(Bytecode::default())
    }

    fn block_hash(&self, _: u64) -> Result<B256, StateError> {
        Ok(B256::ZERO)
    }
}

fn pool() -> &'static Mempool {
    static POOL: OnceLock<Mempool> = OnceLock::new();
    POOL.get_or_init(|| {
        let head = Head {
            point: ForkPoint { number: 30_000_000, timestamp: 2_000_000_000, parent_total_difficulty: None },
            base_fee: 0,
            blob_base_fee: 1,
            gas_limit: 60_000_000,
            state: Arc::new(Rich),
        };
        let config = Config { max_transactions: KEPT, ..Config::default() };
        Mempool::new(config, Arc::new(ChainSpec::mainnet()), head)
    })
}

fuzz_target!(|bytes: &[u8]| {
    if let Ok(transaction) = decode_transaction(bytes) {
        assert_eq!(transaction.encoded_2718(), bytes, "there is one encoding");
    }
    if let Ok(hash) = pool().submit_raw(bytes, Origin::Remote) {
        let pooled = pool().get(&hash).expect("what was taken is there");
        assert_eq!(pooled.hash(), hash);
        // Blobs may get proofs of a newer kind.
        if pooled.sidecar().is_none() {
            assert_eq!(&pooled.network_encoded()[..], bytes);
        }
    }
});
