//! What other leaders' payloads hold.

use crate::world::*;
use alloy_consensus::TxEip1559;
use alloy_primitives::{Address, B256, TxKind};

/// Transactions of one sender from nonce 0 on, in the pool.
fn queue(world: &World, from: u64, count: u64) -> Vec<B256> {
    (0..count).map(|nonce| world.submit(&signed(from, transfer(nonce, 100, 1))).unwrap()).collect()
}

#[test]
fn what_is_claimed_is_not_handed_out_again_until_it_is_returned() {
    let world = World::new();
    let hashes = queue(&world, 0, 4);
    assert_eq!(world.pool.claim(hashes[..2].to_vec()), hashes[..2]);
    assert_eq!(world.propose(1), hashes[2..3]);
    assert_eq!(
        world.pool.claim(hashes.clone()),
        hashes[3..],
        "what is in flight already is not claimed again"
    );
    assert!(world.propose(10).is_empty());
    world.pool.returned(hashes[..2].to_vec());
    assert_eq!(world.propose(10), hashes[..2]);
}

#[test]
fn only_the_next_ones_of_a_sender_are_claimed() {
    let world = World::new();
    let hashes = queue(&world, 0, 3);
    let apart = world.submit(&signed(0, transfer(9, 100, 1))).unwrap();
    assert!(world.pool.claim([hashes[1], hashes[2], apart, B256::ZERO]).is_empty());
    assert_eq!(world.pool.claim([hashes[1], hashes[0], hashes[1]]), [hashes[0], hashes[1]]);
}

#[test]
fn another_transaction_at_the_same_nonce_leaves_the_pool_as_it_is() {
    let mut world = World::new();
    let hashes = queue(&world, 0, 2);
    let other = signed(0, TxEip1559 { to: TxKind::Call(Address::ZERO), ..transfer(0, 100, 1) });
    assert!(world.pool.claim([*other.tx_hash(), hashes[1]]).is_empty());
    assert_eq!(world.nonces(address(0)), (vec![0, 1], vec![]));
    let mut events = world.pool.subscribe();
    world.block_with(&[(address(0), 1, 99 * ETHER)], &[*other.tx_hash()]);
    assert_eq!(told(&mut events), [("superseded", hashes[0])]);
    assert_eq!(world.propose(10), hashes[1..]);
}

#[test]
fn what_was_claimed_cannot_be_replaced_and_goes_with_the_block() {
    let mut world = World::new();
    let hashes = queue(&world, 0, 1);
    world.pool.claim(hashes.clone());
    assert!(world.submit(&signed(0, transfer(0, 1_000, 100))).is_err());
    world.block_with(&[(address(0), 1, 99 * ETHER)], &hashes);
    assert_eq!(world.pool.status().pending, 0);
}
