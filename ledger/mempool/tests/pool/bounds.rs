//! What happens when there is no room.

use crate::world::*;
use alloy_primitives::B256;
use mundi_mempool::{Config, ErrorKind, Origin, PER_TRANSACTION};

fn submit(world: &World, from: u64, nonce: u64, tip: u128) -> Result<B256, ErrorKind> {
    world.submit(&signed(from, transfer(nonce, 1000, tip))).map_err(|error| error.kind())
}

#[test]
fn a_full_pool_evicts_what_pays_least() {
    let world = World::with(Config { max_transactions: 3, ..Config::default() });
    let mut events = world.pool.subscribe();
    let [poor, middle, rich] =
        [(0, 5), (1, 7), (2, 9)].map(|(from, tip)| submit(&world, from, 0, tip).unwrap());
    assert_eq!(submit(&world, 3, 0, 5), Err(ErrorKind::Full));
    assert_eq!(world.pool.status().pending, 3);
    let better = submit(&world, 3, 0, 6).unwrap();
    assert!(!world.pool.contains(&poor));
    assert_eq!(world.propose(10), [rich, middle, better]);
    assert!(told(&mut events).contains(&("evicted", poor)));
    let error = world.submit(&signed(4, transfer(0, 1000, 500))).unwrap_err();
    assert!(
        error.to_string().starts_with("transaction underpriced: the pool is full (3 transactions"),
        "{error}"
    );
}

#[test]
fn what_cannot_be_executed_goes_first_and_pushes_nobody_out() {
    let world = World::with(Config { max_transactions: 2, ..Config::default() });
    let waiting = submit(&world, 0, 5, 900).unwrap();
    submit(&world, 1, 0, 5).unwrap();
    submit(&world, 2, 0, 1).unwrap();
    assert!(!world.pool.contains(&waiting));
    assert_eq!(submit(&world, 0, 5, 900), Err(ErrorKind::Full));
}

#[test]
fn a_sender_loses_its_last_nonce_and_is_worth_its_poorest() {
    let world = World::with(Config { max_transactions: 3, ..Config::default() });
    let [a0, a1, a2] =
        [(0, 2), (1, 800), (2, 900)].map(|(nonce, tip)| submit(&world, 0, nonce, tip).unwrap());
    // None of the first sender's can be included before its first one, which pays 2.
    submit(&world, 1, 0, 3).unwrap();
    assert!(!world.pool.contains(&a2));
    submit(&world, 2, 0, 3).unwrap();
    assert!(!world.pool.contains(&a1) && world.pool.contains(&a0));
    // Nor does a rich one behind a poor one push anybody out.
    assert_eq!(submit(&world, 0, 1, 900), Err(ErrorKind::Full));
}

#[test]
fn what_is_in_flight_or_local_is_not_evicted() {
    let world = World::with(Config { max_transactions: 2, ..Config::default() });
    let local = raw(&signed(0, transfer(0, 1000, 1)));
    world.pool.submit_raw(&local, Origin::Local).unwrap();
    let flying = submit(&world, 1, 0, 2).unwrap();
    assert_eq!(world.propose(1), [flying]);
    assert_eq!(submit(&world, 2, 0, 900), Err(ErrorKind::Full));
    world.pool.returned([flying]);
    submit(&world, 2, 0, 900).unwrap();
    assert!(!world.pool.contains(&flying));
}

#[test]
fn bytes_are_bounded_too() {
    let length = raw(&signed(0, transfer(0, 1000, 5))).len();
    let world = World::with(Config { max_bytes: 2 * (length + PER_TRANSACTION), ..Config::default() });
    let poor = submit(&world, 0, 0, 5).unwrap();
    submit(&world, 1, 0, 6).unwrap();
    assert_eq!(submit(&world, 2, 0, 5), Err(ErrorKind::Full));
    submit(&world, 2, 0, 7).unwrap();
    assert!(!world.pool.contains(&poor));
    assert_eq!(world.pool.status().bytes, world.pool.config().max_bytes);
    // A replacement needs room in between, too.
    submit(&world, 2, 0, 700).unwrap_err();
}

#[test]
fn a_sender_is_bounded_and_lower_nonces_go_before_higher_ones() {
    let world = World::with(Config { max_per_sender: 3, max_queued_per_sender: 2, ..Config::default() });
    let high = submit(&world, 0, 9, 5).unwrap();
    submit(&world, 0, 8, 5).unwrap();
    assert_eq!(submit(&world, 0, 7, 5), Err(ErrorKind::Full), "two may wait");
    submit(&world, 0, 0, 5).unwrap();
    submit(&world, 0, 1, 5).unwrap();
    assert!(!world.pool.contains(&high), "the third gives way to one that can be executed");
    assert_eq!(world.nonces(address(0)), (vec![0, 1], vec![8]));
    submit(&world, 0, 2, 5).unwrap();
    assert_eq!(submit(&world, 0, 3, 5), Err(ErrorKind::Full));
    let error = world.submit(&signed(0, transfer(3, 1000, 5))).unwrap_err();
    assert!(error.to_string().starts_with("account limit exceeded: 0x"), "{error}");
    assert_eq!(world.nonces(address(0)), (vec![0, 1, 2], vec![]));
}

#[test]
fn a_slow_subscriber_loses_the_oldest_and_is_told() {
    use tokio::sync::broadcast::error::TryRecvError;
    let world = World::with(Config { events: 4, ..Config::default() });
    let mut events = world.pool.subscribe();
    for nonce in 0..6 {
        submit(&world, 0, nonce, 5).unwrap();
    }
    assert_eq!(events.try_recv().unwrap_err(), TryRecvError::Lagged(2));
    assert_eq!(told(&mut events).len(), 4);
}
