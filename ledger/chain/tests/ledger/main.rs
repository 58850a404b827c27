//! The ledger: payloads in, sealed blocks out, and everything that readers see of it.

mod blocks;
mod developer;
mod restart;

use alloy_consensus::{SignableTransaction, TxEip1559, TxEnvelope};
use alloy_eips::eip2935::{HISTORY_STORAGE_ADDRESS, HISTORY_STORAGE_CODE};
use alloy_primitives::{Address, B256, Bytes, TxKind, U256, hex};
use alloy_signer::SignerSync;
use alloy_signer_local::PrivateKeySigner;
use mundi_chain::{Genesis, Ledger, LedgerConfig, LedgerPools, OrderedTransaction, Payload, Sealed};
use mundi_state::{Config, History, Store};
use rayon::{ThreadPool, ThreadPoolBuilder};
use std::{num::NonZeroUsize, sync::Arc};

const ETHER: u128 = 1_000_000_000_000_000_000;
/// Returns `BLOCKHASH(number)` of the newest block before the running one, and what the history contract says of it, as two
/// slots of its storage.
const HASHES: Address = Address::repeat_byte(0xbb);

/// `sstore(0, blockhash(number - 1)); mstore(0, number - 1); call history; sstore(1, its answer)`.
fn hashes_code() -> Bytes {
    let mut code = hex!("6001430340 600055 60014303 600052 6020 6000 6020 6000 6000 73").to_vec();
    code.extend(HISTORY_STORAGE_ADDRESS);
    code.extend(hex!("5a f1 50 600051 600155 00"));
    code.into()
}

fn signer(number: u8) -> PrivateKeySigner {
    PrivateKeySigner::from_bytes(&B256::repeat_byte(number + 1)).expect("a small number is a key")
}

fn genesis(chain_id: u64) -> Genesis {
    let funded: String = (0..8)
        .map(|number| format!("\"{}\": {{\"balance\": \"{}\"}},", signer(number).address(), 1000 * ETHER))
        .collect();
    let forks =
        ["homestead", "eip150", "eip155", "eip158", "byzantium", "constantinople", "petersburg", "istanbul"]
            .map(|fork| format!("\"{fork}Block\": 0,"))
            .concat();
    let json = format!(
        "{{\"config\": {{\"chainId\": {chain_id}, {forks} \"berlinBlock\": 0, \"londonBlock\": 0,
            \"terminalTotalDifficulty\": 0, \"shanghaiTime\": 0, \"cancunTime\": 0, \"pragueTime\": 0, \"osakaTime\": 0}},
          \"gasLimit\": \"0x3b9aca00\", \"difficulty\": \"0x0\", \"timestamp\": \"0x1\",
          \"alloc\": {{{funded}
             \"{HISTORY_STORAGE_ADDRESS}\": {{\"balance\": \"0\", \"nonce\": \"1\", \"code\": \"{HISTORY_STORAGE_CODE}\"}},
             \"{HASHES}\": {{\"balance\": \"0\", \"code\": \"{}\"}}}}}}",
        hashes_code()
    );
    Genesis::from_json(json.as_bytes()).expect("the genesis is well formed")
}

fn pool(threads: usize) -> Arc<ThreadPool> {
    Arc::new(ThreadPoolBuilder::new().num_threads(threads).build().expect("threads can be made"))
}

fn state_config() -> Config {
    Config { cache_bytes: 16 << 20, history: History::Full, proofs: History::Full, ..Config::default() }
}

fn start(store: Store, genesis: &Genesis) -> Ledger {
    let config =
        LedgerConfig { threads: NonZeroUsize::new(2).expect("two is not zero"), ..LedgerConfig::default() };
    let pools = LedgerPools { engine: pool(1), background: pool(2) };
    Ledger::start(Arc::new(store), Arc::new(genesis.spec.clone()), config, pools, None).expect("it starts")
}

fn in_memory(genesis: &Genesis) -> Ledger {
    let store = Store::in_memory(&state_config(), &genesis.record(), &genesis.alloc, &pool(1));
    start(store.expect("the genesis is right"), genesis)
}

fn transaction(chain_id: u64, from: u8, nonce: u64, to: Address, value: u128) -> Arc<OrderedTransaction> {
    let key = signer(from);
    let tx = TxEip1559 {
        chain_id,
        nonce,
        gas_limit: 200_000,
        max_fee_per_gas: 100_000_000_000,
        max_priority_fee_per_gas: 1_000_000_000,
        to: TxKind::Call(to),
        value: U256::from(value),
        ..TxEip1559::default()
    };
    let signature = key.sign_hash_sync(&tx.signature_hash()).expect("a key signs");
    Arc::new(OrderedTransaction::new(TxEnvelope::from(tx.into_signed(signature)), key.address()))
}

fn payload(height: u64, transactions: Vec<Arc<OrderedTransaction>>) -> Payload {
    Payload {
        height,
        timestamp: 1 + height,
        beneficiary: Address::repeat_byte(0xfe),
        prev_randao: B256::repeat_byte(height as u8),
        transactions,
        ..Payload::default()
    }
}

fn produce(ledger: &Ledger, payload: Payload) -> Arc<Sealed> {
    let answer = ledger.submit(payload).expect("the ledger runs");
    answer.blocking_recv().expect("an answer comes").expect("the payload becomes a block")
}
