//! A ledger goes on with a state that a running ledger sent, and makes the same blocks of the same payloads.

use alloy_consensus::{SignableTransaction, TxEip1559, TxEnvelope};
use alloy_eips::eip2935::{HISTORY_STORAGE_ADDRESS, HISTORY_STORAGE_CODE};
use alloy_primitives::{Address, B256, TxKind, U256, hex};
use alloy_signer::SignerSync;
use alloy_signer_local::PrivateKeySigner;
use mundi_chain::{Genesis, Ledger, LedgerConfig, LedgerPools, OrderedTransaction, Payload};
use mundi_execution::StateSnapshot;
use mundi_state::{BlockRecord, Config, Expected, SimulatedDisk, StateChunks, Store, Watch};
use rayon::{ThreadPool, ThreadPoolBuilder};
use std::{
    num::NonZeroUsize,
    sync::{Arc, mpsc},
};

/// Keeps `BLOCKHASH(number - 256)` in slot 0 and the sum of all that it got in slot 1.
const HASHES: Address = Address::repeat_byte(0xbb);
const HASHES_CODE: [u8; 18] = hex!("610100 43 03 40 80 600055 600154 01 600155 00");

/// Blocks before the state is sent: more than `BLOCKHASH` reaches.
const BLOCKS: u64 = 300;

fn signer() -> PrivateKeySigner {
    PrivateKeySigner::from_bytes(&B256::repeat_byte(1)).expect("a small number is a key")
}

fn genesis(forks: &str) -> Genesis {
    let earlier =
        ["homestead", "eip150", "eip155", "eip158", "byzantium", "constantinople", "petersburg", "istanbul"]
            .map(|fork| format!("\"{fork}Block\": 0,"))
            .concat();
    let json = format!(
        "{{\"config\": {{\"chainId\": 7, {earlier} \"berlinBlock\": 0, \"londonBlock\": 0,
            \"terminalTotalDifficulty\": 0, \"shanghaiTime\": 0, \"cancunTime\": 0{forks}}},
          \"gasLimit\": \"0x3b9aca00\", \"difficulty\": \"0x0\", \"timestamp\": \"0x1\",
          \"alloc\": {{
            \"{}\": {{\"balance\": \"1000000000000000000000\"}},
            \"{HISTORY_STORAGE_ADDRESS}\": {{\"balance\": \"0\", \"nonce\": \"1\", \"code\": \"{HISTORY_STORAGE_CODE}\"}},
            \"{HASHES}\": {{\"balance\": \"0\", \"code\": \"0x{}\"}}}}}}",
        signer().address(),
        alloy_primitives::hex::encode(HASHES_CODE),
    );
    Genesis::from_json(json.as_bytes()).expect("the genesis is well formed")
}

fn pool(threads: usize) -> Arc<ThreadPool> {
    Arc::new(ThreadPoolBuilder::new().num_threads(threads).build().expect("threads can be made"))
}

fn config() -> Config {
    Config { cache_bytes: 16 << 20, ..Config::default() }
}

fn start(store: Store, genesis: &Genesis) -> Ledger {
    let threads = NonZeroUsize::new(2).expect("two is not zero");
    let config = LedgerConfig { threads, ..LedgerConfig::default() };
    let pools = LedgerPools { engine: pool(1), background: pool(2) };
    Ledger::start(Arc::new(store), Arc::new(genesis.spec.clone()), config, pools, None).expect("it starts")
}

fn payload(height: u64) -> Payload {
    let transaction = |index: u64| {
        let tx = TxEip1559 {
            chain_id: 7,
            nonce: 2 * (height - 1) + index,
            gas_limit: 200_000,
            max_fee_per_gas: 100_000_000_000,
            to: TxKind::Call(if index == 0 { HASHES } else { Address::repeat_byte(height as u8) }),
            value: U256::from(index),
            ..TxEip1559::default()
        };
        let signature = signer().sign_hash_sync(&tx.signature_hash()).expect("a key signs");
        Arc::new(OrderedTransaction::new(TxEnvelope::from(tx.into_signed(signature)), signer().address()))
    };
    Payload {
        height,
        timestamp: 1 + height,
        beneficiary: Address::repeat_byte(0xfe),
        prev_randao: B256::repeat_byte(height as u8),
        transactions: vec![transaction(0), transaction(1)],
        ..Payload::default()
    }
}

fn produce(ledger: &Ledger, height: u64) -> Arc<BlockRecord> {
    let answer = ledger.submit(payload(height)).expect("the ledger runs");
    let sealed = answer.blocking_recv().expect("an answer comes").expect("the payload becomes a block");
    assert_eq!(sealed.block.body.transactions.len(), 2);
    Arc::clone(&sealed.block)
}

fn goes_on(forks: &str) {
    let genesis = genesis(forks);
    let (first, second) = (SimulatedDisk::new(1), SimulatedDisk::new(2));
    let store = Store::create(&first, &config(), &genesis.record(), &genesis.alloc, &pool(2));
    let old = start(store.expect("created"), &genesis);
    (1..=BLOCKS).for_each(|height| drop(produce(&old, height)));
    let at = BLOCKS - 20;
    let block = old.store().header(at).expect("readable").expect("it is there").hash;
    let mut export = old.store().export_at(at).expect("it is kept");
    let (sender, receiver) = mpsc::sync_channel(1);
    let expected = Expected { genesis: Some(genesis.hash), block: Some(block) };
    let sent = std::thread::scope(|scope| {
        scope.spawn(move || {
            while let Some(chunk) = export.next_chunk().expect("sound") {
                sender.send(Ok(chunk)).expect("somebody receives");
            }
        });
        let chunks = StateChunks::new(receiver.into_iter(), 64 << 20);
        Store::import(&second, &config(), chunks, expected, &pool(2), Watch::NOBODY)
    });
    let (store, report) = sent.expect("imported");
    assert_eq!((report.block.height, report.block.hash, store.tip().hash), (at, block, block));
    let new = start(store, &genesis);
    let slot = |ledger: &Ledger| ledger.store().latest().storage(&HASHES, &U256::ZERO).expect("readable");
    for height in at + 1..=BLOCKS + 5 {
        let block = produce(&new, height);
        let expected = match height > BLOCKS {
            true => produce(&old, height).hash,
            false => old.store().header(height).expect("readable").expect("it is there").hash,
        };
        assert_eq!(block.hash, expected, "block {height}");
        assert_eq!(B256::from(slot(&new)), old.store().header(height - 256).unwrap().unwrap().hash);
    }
    assert!(new.store().export_at(at - 1).is_err());
}

#[test]
fn a_ledger_goes_on_before_prague() {
    goes_on("");
}

#[test]
fn a_ledger_goes_on_with_the_history_contract() {
    goes_on(", \"pragueTime\": 0, \"osakaTime\": 0");
}
