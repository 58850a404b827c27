//! Proofs of what a network made final, checked by somebody who knows nothing but its key.

use crate::network::Network;
use alloy_eips::eip4788::BEACON_ROOTS_ADDRESS;
use alloy_primitives::{Address, B256, Bytes, U256, hex};
use commonware_runtime::{Runner, deterministic};
use mundi_chain::Ledger;
use mundi_consensus::{
    Archive, GroupKey,
    finality::{
        EthProof, EthSlot, FinalityError, FinalizedAccount, FinalizedHeader, FinalizedPayload,
        FinalizedReceipt, FindError, MOST_CERTIFICATE_BYTES, ReceiptProof, finalized_header,
        finalized_payload,
    },
};
use serde::{Serialize, de::DeserializeOwned};
use serde_json::Value;
use std::time::Duration;

/// What a network of this size makes final in a few heights, seen from one of its validators.
fn network<T: Send + 'static>(validators: usize, look: impl AsyncFnOnce(Network) -> T + Send + 'static) -> T {
    let config = deterministic::Config::new().with_seed(5).with_timeout(Some(Duration::from_secs(300)));
    deterministic::Runner::new(config).start(|context| async move {
        let network = Network::start(&context, validators).await;
        for nonce in 0..5 {
            network.validators[0].send(nonce);
        }
        network.reach(&context, 12).await;
        look(network).await
    })
}

fn transfers(ledger: &Ledger) -> u64 {
    let with = |height: &u64| !ledger.block(*height).unwrap().unwrap().body.transactions.is_empty();
    (1..=8).find(with).unwrap()
}

fn time(ledger: &Ledger, height: u64) -> u64 {
    ledger.block(height).unwrap().unwrap().header.timestamp
}

/// Where the contract keeps the beacon root of a block of this time: behind as many slots with times.
fn root_slot(time: u64) -> B256 {
    B256::from(U256::from(time % 8191 + 8191))
}

async fn header(archive: &dyn Archive, ledger: &Ledger, height: u64) -> FinalizedHeader {
    finalized_header(archive, ledger, height).await.unwrap()
}

/// What `eth_getProof` returns for the contract that remembers beacon roots (EIP-4788), and its slot of a block's root: the digest of
/// the payload that became the block. A slot with a time may be zero, as runs begin in 1970, and what is not there is proved by the
/// same nodes under many keys.
fn eth_proof(ledger: &Ledger, height: u64, pool: &rayon::ThreadPool) -> EthProof {
    let address = BEACON_ROOTS_ADDRESS;
    let slots = [root_slot(time(ledger, height))];
    let (_, proof) = ledger.state(height).unwrap().proof(ledger.store(), address, &slots, pool).unwrap();
    let account = proof.account.unwrap_or_default();
    let slots = proof.storage_proof.into_iter();
    EthProof {
        address,
        balance: account.balance,
        code_hash: account.code_hash,
        nonce: account.nonce,
        storage_hash: account.storage_root,
        account_proof: proof.account_proof,
        storage_proof: slots
            .map(|slot| EthSlot { key: slot.key.into(), value: slot.value, proof: slot.proof })
            .collect(),
    }
}

/// A network's key, and everything that it proves.
struct Proofs {
    key: GroupKey,
    header: FinalizedHeader,
    payload: FinalizedPayload,
    account: FinalizedAccount,
    receipt: FinalizedReceipt,
}

fn proofs(validators: usize) -> Proofs {
    network(validators, async |network: Network| {
        let validator = &network.validators[0];
        let (archive, ledger) = (&*validator.archive, &*validator.ledger);
        let height = transfers(ledger);
        let finalized_header = header(archive, ledger, height).await;
        let block = ledger.block(height).unwrap().unwrap();
        let proof = ReceiptProof::new(&block, 0).unwrap();
        let receipt = FinalizedReceipt { finalized_header: finalized_header.clone(), proof };
        let proof = eth_proof(ledger, height, &network.chain.pools.background);
        let account = FinalizedAccount { finalized_header: finalized_header.clone(), proof };
        let payload = finalized_payload(archive, ledger, height).await.unwrap();
        Proofs { key: network.group_key, header: finalized_header, payload, account, receipt }
    })
}

#[test]
fn every_final_header_is_proved_by_the_key_alone() {
    for validators in [3, 4] {
        network(validators, async |network: Network| {
            let validator = &network.validators[1];
            let (archive, ledger) = (&*validator.archive, &*validator.ledger);
            for height in 0..=8 {
                let proof = header(archive, ledger, height).await;
                let proven = proof.verify(&network.group_key).unwrap();
                assert_eq!(proven.hash(), validator.hash(height));
                assert_eq!(proven.number, height);
            }
            for height in 1..=10 {
                let proof = finalized_payload(archive, ledger, height).await.unwrap();
                let proven = proof.verify(&network.group_key).unwrap();
                let block = ledger.block(height).unwrap().unwrap();
                assert_eq!(block.header.parent_beacon_block_root, Some(proven.digest));
                assert_eq!(proven.height, height);
            }
            let missing = finalized_header(archive, ledger, 1_000_000).await.unwrap_err();
            assert!(matches!(missing, FindError::NotFinal(1_000_000)), "{missing}");
        });
    }
}

#[test]
fn a_certificate_has_157_bytes_where_payloads_are_coded_and_89_where_not() {
    // Beside the payload's name and the signature there are epoch, view and parent's view, which grow from one byte each: with a
    // view of ten million there are six more.
    let bytes = |validators| proofs(validators).payload.certificate.len();
    assert_eq!(bytes(4), 100 + 48 + 3);
    assert_eq!(bytes(3), 32 + 48 + 3);
    const { assert!(100 + 48 + 3 * 10 <= MOST_CERTIFICATE_BYTES) };
}

#[test]
fn accounts_slots_and_receipts_are_proved_under_a_final_header() {
    let Proofs { key, account, receipt, .. } = proofs(4);
    let proven = account.verify(&key).unwrap();
    assert_eq!(proven.account.unwrap().nonce, 1);
    let root = proven.header.parent_beacon_block_root.unwrap();
    assert!(!root.is_zero());
    assert_eq!(proven.slots, [(root_slot(proven.header.timestamp), U256::from_be_bytes(root.0))]);
    let proven = receipt.verify(&key).unwrap();
    assert!(proven.receipt.status());
    assert_eq!(proven.index, 0);
    assert_eq!(proven.transaction, alloy_primitives::keccak256(&receipt.proof.transaction));

    let mut nobody = account.clone();
    nobody.proof.address = Address::repeat_byte(0xcc);
    assert!(matches!(nobody.verify(&key), Err(FinalityError::State { .. })));
}

#[test]
fn another_key_or_another_genesis_proves_nothing() {
    let Proofs { key, mut header, .. } = proofs(4);
    let other = proofs(3).key;
    assert!(matches!(header.verify(&other), Err(FinalityError::Signature { .. })));
    header.verify(&key).unwrap();
    header.genesis_hash.0[7] ^= 1;
    assert!(matches!(header.verify(&key), Err(FinalityError::Signature { .. })));
}

#[test]
fn what_does_not_belong_together_is_told_apart() {
    let Proofs { key, header, .. } = proofs(4);
    let refused = |change: &dyn Fn(&mut FinalizedHeader)| {
        let mut changed = header.clone();
        change(&mut changed);
        changed.verify(&key).unwrap_err()
    };
    let error = refused(&|proof| proof.headers.clear());
    assert!(matches!(error, FinalityError::Empty("headers")), "{error}");
    let error = refused(&|proof| proof.payload_headers.clear());
    assert!(matches!(error, FinalityError::Empty("payloadHeaders")), "{error}");
    let error = refused(&|proof| proof.headers.insert(0, proof.headers[0].clone()));
    assert!(matches!(error, FinalityError::HeaderLink { index: 1, .. }), "{error}");
    let error = refused(&|proof| proof.payload_headers.insert(0, proof.payload_headers[0].clone()));
    assert!(matches!(error, FinalityError::PayloadLink { index: 1, .. }), "{error}");
    let error = refused(&|proof| proof.headers = vec![proof.headers[0].clone(); 3000]);
    assert!(matches!(error, FinalityError::TooMany { count: 3000, .. }), "{error}");
    let error = refused(&|proof| proof.coded = false);
    assert!(matches!(error, FinalityError::Certificate(_)), "{error}");
    let error = refused(&|proof| proof.headers[0] = [&proof.headers[0][..], &[0]].concat().into());
    assert!(matches!(error, FinalityError::Header { index: 0, .. }), "{error}");
}

/// Every byte of a file counts: with another one it is refused, or says the same in other words, as with large letters for small
/// ones among digits.
fn every_flip_is_refused<T: Serialize + PartialEq>(
    proof: &T,
    read: impl Fn(&[u8]) -> serde_json::Result<T>,
    holds: impl Fn(&T) -> bool,
) {
    let text = serde_json::to_vec(proof).unwrap();
    let sound = read(&text).unwrap();
    assert!(sound == *proof && holds(&sound));
    let mut refused = 0;
    for at in 0..text.len() {
        // The lowest bit keeps a digit a digit; the others make it something else.
        for bit in [0, 1 + at % 7] {
            let mut flipped = text.clone();
            flipped[at] ^= 1 << bit;
            let Ok(read) = read(&flipped) else {
                refused += 1;
                continue;
            };
            if read != *proof {
                assert!(!holds(&read), "byte {at}, bit {bit}: {}", String::from_utf8_lossy(&flipped));
                refused += 1;
            }
        }
    }
    assert!(refused > text.len());
}

/// Every byte of what a file says counts, in whatever words it is said: with any of them changed it is refused, without exception.
fn every_change_is_refused<T: Serialize + DeserializeOwned>(proof: &T, holds: impl Fn(&T) -> bool) {
    let mut json = serde_json::to_value(proof).unwrap();
    let mut values = Vec::new();
    find_values(&json, String::new(), &mut values);
    let mut refused = 0;
    for path in values {
        let sound = json.pointer(&path).unwrap().clone();
        for changed in changes(&sound) {
            *json.pointer_mut(&path).unwrap() = changed.clone();
            let read = serde_json::from_value::<T>(json.clone());
            assert!(!read.is_ok_and(|read| holds(&read)), "{path} with {changed} for {sound}");
            refused += 1;
        }
        *json.pointer_mut(&path).unwrap() = sound;
    }
    assert!(refused > 300);
    assert!(holds(&serde_json::from_value(json).unwrap()), "all is as it was");
}

/// Where a file has something that is neither a list nor an object.
fn find_values(json: &Value, path: String, found: &mut Vec<String>) {
    match json {
        Value::Object(members) => {
            members.iter().for_each(|(name, value)| find_values(value, format!("{path}/{name}"), found));
        }
        Value::Array(entries) => {
            let entries = entries.iter().enumerate();
            entries.for_each(|(index, value)| find_values(value, format!("{path}/{index}"), found));
        }
        _ => found.push(path),
    }
}

/// A value with a bit of each of its bytes another way; numbers are bytes too.
fn changes(value: &Value) -> Vec<Value> {
    let Some(text) = value.as_str() else { return vec![(!value.as_bool().unwrap()).into()] };
    let digits = text.strip_prefix("0x").unwrap();
    let even = if digits.len().is_multiple_of(2) { digits.to_owned() } else { format!("0{digits}") };
    let bytes = hex::decode(even).unwrap();
    let flipped = |at: usize| {
        let mut bytes = bytes.clone();
        bytes[at] ^= 1 << (at % 8);
        Value::String(hex::encode_prefixed(bytes))
    };
    (0..bytes.len()).map(flipped).collect()
}

fn parse<T: DeserializeOwned>(text: &[u8]) -> serde_json::Result<T> {
    serde_json::from_slice(text)
}

/// A slot is the same whether its key is written as a number or in full.
fn parse_account(text: &[u8]) -> serde_json::Result<FinalizedAccount> {
    let mut account: FinalizedAccount = parse(text)?;
    for slot in &mut account.proof.storage_proof {
        slot.key = slot.key.as_b256().into();
    }
    Ok(account)
}

#[test]
fn every_flipped_byte_of_a_header_is_refused() {
    let Proofs { key, header, payload, .. } = proofs(4);
    every_flip_is_refused(&header, parse, |proof| proof.verify(&key).is_ok());
    every_change_is_refused(&header, |proof| proof.verify(&key).is_ok());
    every_flip_is_refused(&payload, parse, |proof| proof.verify(&key).is_ok());
    every_change_is_refused(&payload, |proof| proof.verify(&key).is_ok());
}

#[test]
fn every_flipped_byte_of_an_account_or_a_receipt_is_refused() {
    let Proofs { key, account, receipt, .. } = proofs(3);
    every_flip_is_refused(&account, parse_account, |proof| proof.verify(&key).is_ok());
    every_change_is_refused(&account, |proof| proof.verify(&key).is_ok());
    every_flip_is_refused(&receipt, parse, |proof| proof.verify(&key).is_ok());
    every_change_is_refused(&receipt, |proof| proof.verify(&key).is_ok());
}

#[test]
fn files_are_bounded_and_hold_nothing_unknown() {
    let Proofs { header, .. } = proofs(3);
    let json = serde_json::to_value(&header).unwrap();
    let read = |json: &Value| serde_json::from_value::<FinalizedHeader>(json.clone());
    assert_eq!(read(&json).unwrap(), header);
    let with = |field: &str, value: Value| {
        let mut json = json.clone();
        json[field] = value;
        read(&json).unwrap_err().to_string()
    };
    assert!(with("other", 1.into()).contains("unknown field `other`"));
    let long = hex::encode_prefixed(vec![0; MOST_CERTIFICATE_BYTES + 1]);
    assert!(with("certificate", long.into()).contains("201 bytes, and at most 200 can be there"));
    assert!(with("certificate", "00".into()).contains("bytes begin with 0x"));
    let many = serde_json::to_value(vec![Bytes::new(); 2049]).unwrap();
    assert!(with("headers", many).contains("more than the 2048 that can be there"));
}

/// Proofs that were made once, with the key of their network.
const GOLDEN: &str = concat!(env!("CARGO_MANIFEST_DIR"), "/tests/golden");

fn golden<T: DeserializeOwned>(name: &str) -> T {
    let text = std::fs::read(format!("{GOLDEN}/{name}.json")).unwrap();
    serde_json::from_slice(&text).unwrap()
}

#[test]
fn proofs_that_were_made_once_hold_for_ever() {
    let key: GroupKey = golden::<String>("group-key").parse().unwrap();
    let header: FinalizedHeader = golden("header");
    let proven = header.verify(&key).unwrap();
    let payload: FinalizedPayload = golden("payload");
    assert_eq!(proven.parent_beacon_block_root, Some(payload.verify(&key).unwrap().digest));
    let account: FinalizedAccount = golden("account");
    let root = proven.parent_beacon_block_root.unwrap();
    assert_eq!(
        account.verify(&key).unwrap().slots,
        [(root_slot(proven.timestamp), U256::from_be_bytes(root.0))]
    );
    let receipt: FinalizedReceipt = golden("receipt");
    assert!(receipt.verify(&key).unwrap().receipt.status());
}

#[test]
#[ignore = "writes the files of the test above anew, when their format changes on purpose"]
fn write_golden_files() {
    let Proofs { key, header, payload, account, receipt } = proofs(4);
    let write = |name: &str, value: Value| {
        let text = serde_json::to_string_pretty(&value).unwrap();
        std::fs::write(format!("{GOLDEN}/{name}.json"), text + "\n").unwrap();
    };
    std::fs::create_dir_all(GOLDEN).unwrap();
    write("group-key", key.to_string().into());
    write("header", serde_json::to_value(header).unwrap());
    write("payload", serde_json::to_value(payload).unwrap());
    write("account", serde_json::to_value(account).unwrap());
    write("receipt", serde_json::to_value(receipt).unwrap());
}
