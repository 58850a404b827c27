//! What users of this node sent, for those who bring it to whoever orders.

use crate::world::*;
use alloy_consensus::{SignableTransaction, TxEnvelope};
use alloy_primitives::{B256, Signature, U256};
use mundi_mempool::{Config, Origin, Progress};
use tokio::sync::broadcast::error::TryRecvError;

fn send(world: &World, from: u64, nonce: u64, origin: Origin) -> B256 {
    world.pool.submit_raw(&raw(&signed(from, transfer(nonce, 100, 1))), origin).unwrap()
}

fn waiting(world: &World, limit: usize) -> Vec<B256> {
    world.pool.users_waiting(limit).iter().map(|tx| tx.hash()).collect()
}

#[test]
fn subscribers_hear_of_what_users_sent_and_of_nothing_else() {
    let world = World::new();
    let mut users = world.pool.subscribe_users();
    let local = send(&world, 0, 0, Origin::Local);
    send(&world, 1, 0, Origin::Peer);
    let second = send(&world, 2, 1, Origin::Remote);
    let unsigned = transfer(0, 100, 1).into_signed(Signature::new(U256::from(1), U256::from(1), false));
    world.pool.submit_unsigned(TxEnvelope::from(unsigned), address(3)).unwrap();
    let first = send(&world, 2, 0, Origin::Remote);
    for hash in [local, first, second] {
        assert_eq!(users.try_recv().unwrap().hash(), hash, "when its turn comes");
    }
    assert_eq!(users.try_recv().unwrap_err(), TryRecvError::Empty);
}

#[test]
fn who_lags_is_told_and_lists_again() {
    let world = World::with(Config { events: 4, ..Config::default() });
    let mut users = world.pool.subscribe_users();
    let hashes: Vec<B256> = (0..6).map(|nonce| send(&world, 0, nonce, Origin::Remote)).collect();
    assert_eq!(users.try_recv().unwrap_err(), TryRecvError::Lagged(2));
    assert_eq!(waiting(&world, 10), hashes);
}

#[test]
fn the_oldest_that_are_not_in_flight_are_listed_first() {
    let world = World::new();
    let late = send(&world, 0, 1, Origin::Remote);
    let other = send(&world, 1, 0, Origin::Local);
    send(&world, 2, 0, Origin::Peer);
    send(&world, 2, 1, Origin::Remote);
    send(&world, 3, 5, Origin::Remote);
    let early = send(&world, 0, 0, Origin::Remote);
    let third = send(&world, 2, 2, Origin::Remote);
    let own: Vec<B256> = world.pool.content_from(&address(2)).pending.iter().map(|tx| tx.hash()).collect();
    assert_eq!(waiting(&world, 10), [other, own[1], early, late, third], "by turns, not by arrivals");
    assert_eq!(waiting(&world, 2), [other, own[1]]);
    assert!(waiting(&world, 0).is_empty());
    world.pool.claim([other, early]);
    assert_eq!(waiting(&world, 10), [own[1], late, third]);
    world.pool.returned([early]);
    assert_eq!(waiting(&world, 10), [own[1], early, late, third]);
}

#[test]
fn progress_follows_a_transaction() {
    let mut world = World::new();
    let second = send(&world, 0, 1, Origin::Remote);
    assert_eq!(world.pool.progress(&second), Some(Progress::Queued));
    let first = send(&world, 0, 0, Origin::Remote);
    assert_eq!(world.pool.progress(&second), Some(Progress::Waiting));
    world.pool.claim([first]);
    assert_eq!(world.pool.progress(&first), Some(Progress::InFlight));
    world.block_with(&[(address(0), 1, 99 * ETHER)], &[first]);
    assert_eq!(world.pool.progress(&first), None);
    assert_eq!(world.pool.progress(&second), Some(Progress::Waiting));
}
