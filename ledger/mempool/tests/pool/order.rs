//! Who comes first, and what fits.

use crate::world::*;
use alloy_consensus::TxEip1559;
use alloy_primitives::{B256, Bytes};
use mundi_chain::{PayloadSource, ProposalLimits};
use mundi_mempool::{Config, Order};

#[test]
fn the_best_effective_tip_comes_first() {
    let world = World::new();
    let submit = |from, cap, tip| world.submit(&signed(from, transfer(0, cap, tip))).unwrap();
    let by_tip = submit(0, 1000, 5);
    let by_cap = submit(1, 16, 16);
    let poor = submit(2, 12, 4);
    let equal = submit(3, 500, 5);
    let under = submit(4, 9, 9);
    // 5, 6, 2, 5 (later), −1.
    assert_eq!(world.propose(10), [by_cap, by_tip, equal, poor]);
    world.pool.returned([by_tip, by_cap, poor, equal]);
    // 5, 16, 4, 5, 9: the base fee of the payload decides.
    let free = ProposalLimits { base_fee: 0, ..world.limits() };
    assert_eq!(world.propose_within(&free), [by_cap, under, by_tip, equal, poor]);
}

#[test]
fn a_sender_keeps_the_order_of_its_nonces() {
    let world = World::new();
    let submit = |from, nonce, tip| world.submit(&signed(from, transfer(nonce, 1000, tip))).unwrap();
    let (a0, a1) = (submit(0, 0, 1), submit(0, 1, 50));
    let (b0, b1) = (submit(1, 0, 20), submit(1, 1, 2));
    assert_eq!(world.propose(10), [b0, b1, a0, a1]);
}

#[test]
fn first_come_first_served_if_so_configured() {
    let mut world = World::with(Config { order: Order::Fifo, ..Config::default() });
    let submit =
        |world: &World, from, nonce, cap| world.submit(&signed(from, transfer(nonce, cap, 1))).unwrap();
    let first = submit(&world, 0, 0, 20);
    let late = submit(&world, 1, 1, 20);
    let under = submit(&world, 2, 0, 9);
    let second = submit(&world, 1, 0, 90);
    // The late one came before its nonce did, and goes as soon as it can.
    assert_eq!(world.propose(10), [first, second, late]);
    world.base_fee = 9;
    world.block(&[]);
    assert_eq!(world.propose(10), [under]);
}

#[test]
fn a_change_of_the_base_fee_changes_the_order() {
    let mut world = World::new();
    let steady = world.submit(&signed(0, transfer(0, 1000, 3))).unwrap();
    let capped = world.submit(&signed(1, transfer(0, 50, 50))).unwrap();
    for (base_fee, expected) in [(10, vec![capped, steady]), (48, vec![steady, capped]), (60, vec![steady])] {
        world.base_fee = base_fee;
        world.block(&[]);
        let proposed = world.propose(10);
        assert_eq!(proposed, expected, "{base_fee}");
        world.pool.returned(proposed);
    }
}

#[test]
fn limits_hold_and_what_does_not_fit_lets_others_pass() {
    let world = World::new();
    let submit = |from, tip, gas_limit, size| {
        let tx = TxEip1559 { gas_limit, input: Bytes::from(vec![0; size]), ..transfer(0, 1000, tip) };
        world.submit(&signed(from, tx)).unwrap()
    };
    let large = submit(0, 9, 1_000_000, 0);
    let long = submit(1, 8, 100_000, 5_000);
    let small = submit(2, 7, 21_000, 0);
    let smaller = submit(3, 6, 21_000, 0);
    let within = |gas, bytes, transactions| {
        let limits = ProposalLimits { gas, bytes, transactions, ..world.limits() };
        let proposed = world.propose_within(&limits);
        world.pool.returned(proposed.iter().copied());
        proposed
    };
    assert_eq!(within(1_142_000, 1 << 20, 10), [large, long, small, smaller]);
    assert_eq!(within(1_141_999, 1 << 20, 10), [large, long, small]);
    assert_eq!(within(200_000, 1 << 20, 10), [long, small, smaller]);
    assert_eq!(within(2_000_000, 1_000, 10), [large, small, smaller]);
    assert_eq!(within(2_000_000, 1 << 20, 2), [large, long]);
    assert!(within(2_000_000, 1 << 20, 0).is_empty());
    assert!(within(20_999, 1 << 20, 10).is_empty());
}

#[test]
fn the_pool_is_a_source_of_payloads() {
    let world = World::new();
    let hash = world.submit(&signed(0, transfer(0, 100, 1))).unwrap();
    let source: &dyn PayloadSource = &world.pool;
    let proposed = source.propose(&world.limits());
    assert_eq!((proposed[0].hash(), proposed[0].sender), (hash, address(0)));
    assert!(source.propose(&world.limits()).is_empty());
    source.returned(&proposed);
    let again: Vec<B256> = source.propose(&world.limits()).iter().map(|tx| tx.hash()).collect();
    assert_eq!(again, [hash]);
}
