//! New heads, other heads, and time.

use crate::world::*;
use alloy_consensus::TxEip1559;
use alloy_primitives::U256;
use mundi_chain::{ChainSpec, ForkPoint, OrderedTransaction};
use mundi_execution::{MemoryState, SkipReason};
use mundi_mempool::{Config, Head, Mempool, NewHead, Origin, Reorganised};
use revm::context_interface::result::InvalidTransaction;
use std::{sync::Arc, time::Duration};

#[test]
fn a_block_takes_its_transactions_and_their_rivals_out() {
    let mut world = World::new();
    let mut events = world.pool.subscribe();
    let hashes = [0, 1, 2].map(|nonce| world.submit(&signed(0, transfer(nonce, 100, 1))).unwrap());
    assert_eq!(world.propose(1), hashes[..1]);
    told(&mut events);
    // The second nonce was used by somebody else's transaction.
    world.block_with(&[(address(0), 2, ETHER)], &hashes[..1]);
    assert_eq!(told(&mut events), [("included", hashes[0]), ("superseded", hashes[1])]);
    assert_eq!(world.nonces(address(0)), (vec![2], vec![]));
    assert_eq!(world.propose(10), hashes[2..]);
    world.block_with(&[(address(0), 3, ETHER)], &hashes[2..]);
    assert_eq!(world.pool.status(), Default::default());
    // Nobody who asks between two blocks finds it nowhere, or its nonce free.
    assert!(world.pool.get(&hashes[2]).is_some() && !world.pool.contains(&hashes[2]));
    assert!(world.pool.get(&hashes[0]).is_none());
    assert_eq!(world.pool.next_nonce(&address(0)), Some(3));
}

#[test]
fn nonces_that_jump_close_and_open_gaps() {
    let mut world = World::new();
    for nonce in [0, 3, 4] {
        world.submit(&signed(0, transfer(nonce, 100, 1))).unwrap();
    }
    world.block(&[(address(0), 3, ETHER)]);
    assert_eq!(world.nonces(address(0)), (vec![3, 4], vec![]));
    world.reorganise(&[(address(0), 1, ETHER)]);
    assert_eq!(world.nonces(address(0)), (vec![], vec![3, 4]));
    assert!(world.propose(10).is_empty());
    world.reorganise(&[(address(0), u64::MAX - 1, ETHER)]);
    assert_eq!(world.pool.status(), Default::default());
}

#[test]
fn who_cannot_pay_any_more_loses_what_he_cannot_pay() {
    let mut world = World::new();
    let mut events = world.pool.subscribe();
    let dear = signed(0, TxEip1559 { value: U256::from(50 * ETHER), ..transfer(1, 100, 1) });
    let hashes = [signed(0, transfer(0, 100, 1)), dear, signed(0, transfer(2, 100, 1))]
        .map(|tx| world.submit(&tx).unwrap());
    told(&mut events);
    world.block(&[(address(0), 0, ETHER)]);
    assert_eq!(told(&mut events), [("queued", hashes[2]), ("unfunded", hashes[1])]);
    assert_eq!(world.nonces(address(0)), (vec![0], vec![2]));
}

#[test]
fn what_a_block_left_out_comes_back_or_goes() {
    let mut world = World::new();
    let [fits, broken] = [0, 1].map(|from| world.submit(&signed(from, transfer(0, 100, 1))).unwrap());
    assert_eq!(world.propose(10).len(), 2);
    world.height += 1;
    world.pool.on_head(&NewHead {
        head: world.head(),
        accounts: Vec::new(),
        included: Vec::new(),
        skipped: vec![
            (fits, SkipReason::BlockGas { limit: 21_000, left: 0 }),
            (broken, SkipReason::Invalid(InvalidTransaction::RejectCallerWithCode)),
        ],
    });
    assert_eq!(world.propose(10), [fits]);
    assert!(!world.pool.contains(&broken));
}

#[test]
fn rules_that_become_stricter_are_applied_to_all() {
    let spec = ChainSpec::at_fork("PragueToOsakaAtTime15k").unwrap().with_chain_id(CHAIN);
    let mut state = MemoryState::new();
    (0..2).for_each(|number| state.insert_account(address(number), 0, U256::from(ETHER), None));
    let head = |time, gas_limit| Head {
        point: ForkPoint::new(time, time),
        base_fee: 10,
        blob_base_fee: 1,
        gas_limit,
        state: Arc::new(state.clone()),
    };
    let pool = Mempool::new(Config::default(), Arc::new(spec), head(1, 30_000_000));
    let with = |from, gas_limit| {
        let tx = signed(from, TxEip1559 { gas_limit, ..transfer(0, 100, 1) });
        pool.submit_raw(&raw(&tx), Origin::Remote).unwrap()
    };
    let (huge, small) = (with(0, 20_000_000), with(1, 100_000));
    let next = |time, gas_limit| {
        pool.on_head(&NewHead {
            head: head(time, gas_limit),
            accounts: Vec::new(),
            included: Vec::new(),
            skipped: Vec::new(),
        });
    };
    next(14_999, 30_000_000);
    assert!(pool.contains(&huge));
    next(15_000, 30_000_000);
    assert!(!pool.contains(&huge) && pool.contains(&small));
    next(15_001, 99_999);
    assert!(!pool.contains(&small));
}

#[test]
fn transactions_of_removed_blocks_come_back() {
    let mut world = World::new();
    let txs = [0, 1].map(|nonce| signed(0, transfer(nonce, 100, 1)));
    let hashes = [0, 1].map(|at: usize| world.submit(&txs[at]).unwrap());
    world.block_with(&[(address(0), 2, ETHER)], &hashes);
    assert_eq!(world.pool.status().pending, 0);
    world.state.insert_account(address(0), 0, U256::from(ETHER), None);
    let removed = txs.map(|tx| Arc::new(OrderedTransaction::new(tx, address(0)))).to_vec();
    world.pool.on_reorganised(&Reorganised { head: world.head(), removed: removed.clone() });
    assert_eq!(world.propose(10), hashes);

    let world = World::with(Config { restore_removed: false, ..Config::default() });
    world.pool.on_reorganised(&Reorganised { head: world.head(), removed });
    assert_eq!(world.pool.status().pending, 0);
}

#[test]
fn what_waits_too_long_is_dropped() {
    let config = Config { lifetime: Duration::from_secs(100), ..Config::default() };
    let mut world = World::with(config);
    let mut events = world.pool.subscribe();
    let old = world.submit(&signed(0, transfer(0, 100, 1))).unwrap();
    let flying = world.submit(&signed(1, transfer(0, 1000, 100))).unwrap();
    let local = raw(&signed(2, transfer(0, 100, 1)));
    let local = world.pool.submit_raw(&local, Origin::Local).unwrap();
    assert_eq!(world.propose(1), [flying]);
    world.clock.advance(60);
    let young = world.submit(&signed(3, transfer(0, 100, 1))).unwrap();
    world.clock.advance(41);
    told(&mut events);
    world.block(&[]);
    assert_eq!(told(&mut events), [("expired", old)]);
    assert!([flying, local, young].iter().all(|hash| world.pool.contains(hash)));
    world.pool.returned([flying]);
    world.clock.advance(101);
    world.pool.expire();
    assert!(!world.pool.contains(&flying) && !world.pool.contains(&young));
    assert!(world.pool.contains(&local));
}

#[test]
fn a_new_sender_is_measured_by_the_newest_state() {
    let mut world = World::new();
    world.block(&[(address(0), 7, ETHER)]);
    assert!(world.submit(&signed(0, transfer(6, 100, 1))).is_err());
    world.submit(&signed(0, transfer(7, 100, 1))).unwrap();
    assert_eq!(world.nonces(address(0)), (vec![7], vec![]));
}
