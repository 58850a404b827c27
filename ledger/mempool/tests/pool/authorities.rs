//! EIP-7702: accounts that are delegated, or about to be, may have few transactions waiting.

use crate::world::*;
use alloy_eips::eip7702::{Authorization, SignedAuthorization};
use alloy_primitives::{B256, Bytes, U256};
use alloy_signer::SignerSync;
use mundi_mempool::{Config, ErrorKind, Origin};

fn authorization(of: u64) -> SignedAuthorization {
    let authorization = Authorization { chain_id: U256::from(CHAIN), address: RECIPIENT, nonce: 0 };
    let signature = signer(of).sign_hash_sync(&authorization.signature_hash()).unwrap();
    authorization.into_signed(signature)
}

fn submit(world: &World, from: u64, nonce: u64) -> Result<B256, String> {
    world.submit(&signed(from, transfer(nonce, 100, 1))).map_err(|error| error.to_string())
}

#[test]
fn set_code_transactions_are_taken_with_their_authorities() {
    let world = World::new();
    let tx = set_code(0, vec![authorization(1), authorization(2), authorization(1)]);
    let hash = world.submit(&signed(0, tx)).unwrap();
    let pooled = world.pool.get(&hash).unwrap();
    let mut expected = vec![address(1), address(2)];
    expected.sort();
    assert_eq!(pooled.authorities(), expected);
    let empty = world.submit(&signed(3, set_code(0, Vec::new()))).unwrap_err();
    assert_eq!(empty.to_string(), "EIP-7702 transaction with empty auth list");
    assert_eq!(empty.kind(), ErrorKind::Invalid);
}

#[test]
fn a_delegated_sender_has_one_transaction_without_gap() {
    let mut world = World::new();
    let mut designator = vec![0xef, 0x01, 0x00];
    designator.extend_from_slice(RECIPIENT.as_slice());
    world.state.insert_account(address(0), 3, U256::from(ETHER), Some(Bytes::from(designator)));
    world.block(&[]);
    assert!(submit(&world, 0, 4).unwrap_err().starts_with("gapped-nonce tx from delegated accounts"));
    submit(&world, 0, 3).unwrap();
    assert!(
        submit(&world, 0, 4).unwrap_err().starts_with("in-flight transaction limit reached for delegated")
    );
    // A replacement is no second one, and the operator may.
    world.submit(&signed(0, transfer(3, 200, 2))).unwrap();
    world.pool.submit_raw(&raw(&signed(0, transfer(4, 100, 1))), Origin::Local).unwrap();
}

#[test]
fn an_account_about_to_be_delegated_counts_as_delegated() {
    let mut world = World::new();
    let hash = world.submit(&signed(0, set_code(0, vec![authorization(1)]))).unwrap();
    submit(&world, 1, 0).unwrap();
    assert!(submit(&world, 1, 1).unwrap_err().starts_with("in-flight transaction limit"));
    world.block_with(&[(address(0), 1, ETHER)], &[hash]);
    submit(&world, 1, 1).unwrap();
}

#[test]
fn who_has_transactions_waiting_is_not_delegated_by_others() {
    let world = World::new();
    submit(&world, 1, 0).unwrap();
    submit(&world, 1, 1).unwrap();
    let error = world.submit(&signed(0, set_code(0, vec![authorization(1)]))).unwrap_err();
    assert!(error.to_string().starts_with("authority already reserved: 0x"), "{error}");
    // By itself it is.
    world.submit(&signed(1, set_code(2, vec![authorization(1)]))).unwrap();

    let lenient = World::with(Config { max_per_delegated_sender: 16, ..Config::default() });
    submit(&lenient, 1, 0).unwrap();
    submit(&lenient, 1, 1).unwrap();
    lenient.submit(&signed(0, set_code(0, vec![authorization(1)]))).unwrap();
    submit(&lenient, 1, 2).unwrap();
}
