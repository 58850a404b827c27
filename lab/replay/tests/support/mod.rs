//! A small block of our own with its state.

use alloy_consensus::{
    Header, SignableTransaction, TxEip1559, TxEnvelope, TxLegacy,
    proofs::{calculate_transaction_root, calculate_withdrawals_root},
    transaction::Recovered,
};
use alloy_eips::eip4895::Withdrawal;
use alloy_primitives::{Address, B256, Bytes, Signature, TxKind, U256, address, b256, hex, keccak256};
use alloy_rpc_types_eth::{Block, BlockTransactions, Transaction};
use k256::ecdsa::SigningKey;
use mundi_chain::ChainSpec;
use mundi_execution::{NoSink, Options, execute};
use mundi_replay::BlockFile;
use serde_json::{Value, json};
use std::path::Path;

/// Height and time of the block: under Cancun's rules.
const NUMBER: u64 = 19_500_000;
const TIME: u64 = 1_711_250_000;
const BASE_FEE: u64 = 7_000_000_000;

/// Adds one to slot 0 and logs.
const COUNTER: Address = address!("0x00000000000000000000000000000000000c0de1");
const COUNTER_CODE: &str = "5f546001015f55602a5f5fa100";
/// Stores the hash of the block two before.
const HASHER: Address = address!("0x00000000000000000000000000000000000c0de2");
const HASHER_CODE: &str = "60024303405f5500";
/// Creates a contract with the counter's code.
const INIT_CODE: &str = "6c5f546001015f55602a5f5fa1005f52600d6013f3";

const BENEFICIARY: Address = address!("0x000000000000000000000000000000000000feed");
const VALIDATOR: Address = address!("0x0000000000000000000000000000000000000a1d");

/// A block file that this project made itself: a transfer, calls that depend on each other, a creation and a call
/// of what it created, a read of a block hash, a withdrawal.
pub(crate) fn synthetic() -> Value {
    let keys = [1_u8, 2, 3].map(|seed| SigningKey::from_slice(&[seed; 32]).expect("small numbers are keys"));
    let senders = keys.each_ref().map(sender);
    let created = senders[0].create(2);
    let call = |to: Address| (TxKind::Call(to), Bytes::new());
    let create = (TxKind::Create, Bytes::from(hex::decode(INIT_CODE).expect("hex")));
    let plan = [
        (0, 0, call(VALIDATOR)),
        (1, 0, call(COUNTER)),
        (0, 1, call(COUNTER)),
        (2, 0, call(HASHER)),
        (0, 2, create),
        (1, 1, call(created)),
        (2, 1, call(created)),
        (1, 2, call(COUNTER)),
    ];
    let transactions: Vec<(TxEnvelope, Address)> = plan
        .into_iter()
        .enumerate()
        .map(|(index, (key, nonce, (to, input)))| {
            (sign(&keys[key], nonce, to, input, index % 2 == 0), senders[key])
        })
        .collect();
    let envelopes: Vec<TxEnvelope> = transactions.iter().map(|(tx, _)| tx.clone()).collect();
    let withdrawals =
        vec![Withdrawal { index: 1, validator_index: 2, address: VALIDATOR, amount: 1_000_000_000 }];
    let mut header = Header {
        parent_hash: B256::repeat_byte(0x11),
        beneficiary: BENEFICIARY,
        transactions_root: calculate_transaction_root(&envelopes),
        number: NUMBER,
        timestamp: TIME,
        gas_limit: 30_000_000,
        base_fee_per_gas: Some(BASE_FEE),
        withdrawals_root: Some(calculate_withdrawals_root(&withdrawals)),
        blob_gas_used: Some(0),
        excess_blob_gas: Some(0),
        parent_beacon_block_root: Some(B256::repeat_byte(0x22)),
        extra_data: Bytes::from_static(b"mundi"),
        ommers_hash: b256!("0x1dcc4de8dec75d7aab85b567b6ccd41ad312451b948a7413f0a142fd40d49347"),
        ..Header::default()
    };
    let account = |nonce: u64| json!({ "balance": "0x8ac7230489e80000", "nonce": nonce, "storage": {} });
    let mut pre_state = json!({
        COUNTER.to_string(): { "balance": "0x0", "nonce": 1, "code": format!("0x{COUNTER_CODE}"), "storage": { "0x0": "0x29" } },
        HASHER.to_string(): { "balance": "0x1", "nonce": 1, "code": format!("0x{HASHER_CODE}"), "storage": {} },
        BENEFICIARY.to_string(): { "balance": "0x5", "nonce": 0, "storage": {} },
    });
    for sender in senders {
        pre_state[sender.to_string()] = account(0);
    }
    let block_hashes = json!({ (NUMBER - 2).to_string(): B256::repeat_byte(0x33) });

    let make = |header: Header| {
        let hash = header.hash_slow();
        let transactions = transactions
            .iter()
            .enumerate()
            .map(|(index, (tx, sender))| Transaction {
                inner: Recovered::new_unchecked(tx.clone(), *sender),
                block_hash: Some(hash),
                block_number: Some(NUMBER),
                transaction_index: Some(index as u64),
                effective_gas_price: None,
                block_timestamp: None,
            })
            .collect();
        let block: Block = Block::new(
            alloy_rpc_types_eth::Header { hash, inner: header, total_difficulty: None, size: None },
            BlockTransactions::Full(transactions),
        )
        .with_withdrawals(Some(withdrawals.clone().into()));
        json!({ "block": block, "pre_state": pre_state, "block_hashes": block_hashes })
    };

    // The figures of the header come from sequential execution, which the real blocks vouch for.
    let pool = pool();
    let unfinished = make(header.clone()).to_string();
    let block = BlockFile::parse(Path::new("synthetic"), unfinished.as_bytes())
        .expect("our own file parses")
        .prepare(&ChainSpec::mainnet(), &pool)
        .expect("its parts belong together");
    let output = execute(&block.block, &block.state, &pool, &Options::sequential(), &mut NoSink)
        .expect("our own block is valid");
    assert!(output.receipts().all(|receipt| receipt.success));
    header.gas_used = output.gas_used;
    header.logs_bloom = output.logs_bloom();
    header.receipts_root = output.receipts_root();
    make(header)
}

fn sender(key: &SigningKey) -> Address {
    let point = key.verifying_key().to_encoded_point(false);
    Address::from_slice(&keccak256(&point.as_bytes()[1..])[12..])
}

fn sign(key: &SigningKey, nonce: u64, to: TxKind, input: Bytes, legacy: bool) -> TxEnvelope {
    let (gas_limit, value) = (200_000, U256::from(if input.is_empty() { 3 } else { 0 }));
    let signature = |hash: B256| -> Signature {
        let (signature, recovery) =
            key.sign_prehash_recoverable(hash.as_slice()).expect("a hash can be signed");
        Signature::from_bytes_and_parity(&signature.to_bytes(), recovery.is_y_odd())
    };
    if legacy {
        let gas_price = u128::from(BASE_FEE) + 1_000_000_000;
        let tx = TxLegacy { chain_id: Some(1), nonce, gas_price, gas_limit, to, value, input };
        let signature = signature(tx.signature_hash());
        tx.into_signed(signature).into()
    } else {
        let tx = TxEip1559 {
            chain_id: 1,
            nonce,
            gas_limit,
            max_fee_per_gas: 2 * u128::from(BASE_FEE),
            max_priority_fee_per_gas: 1_000_000_000,
            to,
            value,
            access_list: Default::default(),
            input,
        };
        let signature = signature(tx.signature_hash());
        tx.into_signed(signature).into()
    }
}

/// A pool as the command line makes it for two threads.
pub(crate) fn pool() -> rayon::ThreadPool {
    rayon::ThreadPoolBuilder::new().num_threads(3).build().expect("three threads can be started")
}
