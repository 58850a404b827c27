//! Nonces: what can be executed, what waits, what takes the place of what.

use crate::world::*;
use alloy_consensus::TxEip1559;
use alloy_primitives::U256;
use mundi_mempool::{ErrorKind, Origin};

#[test]
fn a_gap_makes_what_follows_wait() {
    let world = World::new();
    let mut events = world.pool.subscribe();
    let [zero, one, two] = [0, 1, 2].map(|nonce| signed(0, transfer(nonce, 100, 1)));
    world.submit(&two).unwrap();
    world.submit(&zero).unwrap();
    assert_eq!(world.nonces(address(0)), (vec![0], vec![2]));
    assert_eq!(world.pool.next_nonce(&address(0)), Some(1));
    world.submit(&one).unwrap();
    assert_eq!(world.nonces(address(0)), (vec![0, 1, 2], vec![]));
    assert_eq!(world.pool.next_nonce(&address(0)), Some(3));
    assert_eq!(world.pool.next_nonce(&address(1)), Some(0));
    let [zero, one, two] = [zero, one, two].map(|tx| *tx.tx_hash());
    let expected = [("queued", two), ("pending", zero), ("pending", one), ("pending", two)];
    assert_eq!(told(&mut events), expected);
}

#[test]
fn what_the_balance_does_not_cover_together_waits() {
    let mut world = World::new();
    let paying = |nonce, ether: u128| {
        signed(0, TxEip1559 { value: U256::from(ether * ETHER), ..transfer(nonce, 0, 0) })
    };
    for (nonce, ether) in [(0, 60), (1, 60), (2, 1)] {
        world.submit(&paying(nonce, ether)).unwrap();
    }
    assert_eq!(world.nonces(address(0)), (vec![0], vec![1, 2]));
    // All of them have a place in the sequence, so the next nonce is after them.
    assert_eq!(world.pool.next_nonce(&address(0)), Some(3));
    world.block(&[(address(0), 0, 200 * ETHER)]);
    assert_eq!(world.nonces(address(0)), (vec![0, 1, 2], vec![]));
    world.block(&[(address(0), 0, 120 * ETHER)]);
    assert_eq!(world.nonces(address(0)), (vec![0, 1], vec![2]));
    world.block(&[(address(0), 0, 50 * ETHER)]);
    assert_eq!(world.nonces(address(0)), (vec![], vec![2]));
}

#[test]
fn a_replacement_has_to_offer_more() {
    let world = World::new();
    let mut events = world.pool.subscribe();
    let first = world.submit(&signed(0, transfer(0, 100, 10))).unwrap();
    for (cap, tip, words) in [
        (109, 11, "replacement transaction underpriced: maxFeePerGas 109, minimum needed 110"),
        (110, 10, "replacement transaction underpriced: maxPriorityFeePerGas 10, minimum needed 11"),
    ] {
        let error = world.submit(&signed(0, transfer(0, cap, tip))).unwrap_err();
        assert_eq!((error.kind(), error.to_string().as_str()), (ErrorKind::Replacement, words));
    }
    let second = world.submit(&signed(0, transfer(0, 110, 11))).unwrap();
    assert!(!world.pool.contains(&first));
    assert_eq!(world.pool.status().pending, 1);
    assert_eq!(told(&mut events), [("pending", first), ("replaced", first), ("pending", second)]);
    assert_eq!(world.propose(10), [second]);
}

#[test]
fn what_is_in_flight_is_not_replaced_nor_handed_out_again() {
    let world = World::new();
    let hashes = [0, 1, 2].map(|nonce| world.submit(&signed(0, transfer(nonce, 100, 10))).unwrap());
    assert_eq!(world.propose(2), hashes[..2]);
    let error = world.submit(&signed(0, transfer(0, 1000, 100))).unwrap_err();
    assert_eq!(error.kind(), ErrorKind::Replacement);
    assert!(error.to_string().starts_with("replacement transaction underpriced"));
    assert_eq!(world.propose(10), hashes[2..]);
    assert!(world.propose(10).is_empty());
    // In flight is still in the pool.
    assert_eq!(world.pool.status().pending, 3);
    world.pool.returned([hashes[1]]);
    assert_eq!(world.propose(10), [hashes[1]]);
}

#[test]
fn what_comes_back_goes_again_in_order() {
    let world = World::new();
    let hashes = [0, 1, 2, 3].map(|nonce| world.submit(&signed(0, transfer(nonce, 100, 10))).unwrap());
    assert_eq!(world.propose(4), hashes);
    world.pool.returned([hashes[2], hashes[0]]);
    assert_eq!(world.propose(1), [hashes[0]]);
    assert_eq!(world.propose(4), [hashes[2]]);
    // Unknown ones, and ones that are not in flight, do no harm.
    world.pool.returned([hashes[3], hashes[3], Default::default()]);
    assert_eq!(world.propose(4), [hashes[3]]);
}

#[test]
fn a_removed_transaction_leaves_a_gap() {
    let world = World::new();
    let hashes = [0, 1, 2].map(|nonce| world.submit(&signed(0, transfer(nonce, 100, 10))).unwrap());
    assert_eq!(world.pool.remove(&hashes[1]).unwrap().hash(), hashes[1]);
    assert!(world.pool.remove(&hashes[1]).is_none());
    assert_eq!(world.nonces(address(0)), (vec![0], vec![2]));
    world.submit(&signed(0, transfer(1, 1, 1))).unwrap();
    assert_eq!(world.nonces(address(0)), (vec![0, 1, 2], vec![]));
    assert_eq!(world.pool.find(&address(0), 2).unwrap().hash(), hashes[2]);
    assert_eq!(world.pool.remove_sender(&address(0)), 3);
    world.submit(&signed(1, transfer(0, 100, 10))).unwrap();
    world.pool.clear();
    assert_eq!(world.pool.status(), Default::default());
    assert!(world.pool.content().is_empty());
}

#[test]
fn content_is_by_sender_and_nonce() {
    let world = World::new();
    for (from, nonce) in [(1, 1), (0, 0), (1, 0), (0, 5)] {
        let tx = raw(&signed(from, transfer(nonce, 100, 1)));
        world.pool.submit_raw(&tx, Origin::Local).unwrap();
    }
    let content = world.pool.content();
    assert_eq!(content.len(), 2);
    assert_eq!(content[&address(1)].pending.iter().map(|tx| tx.nonce()).collect::<Vec<_>>(), [0, 1]);
    assert_eq!(content[&address(0)].queued[0].nonce(), 5);
    let status = world.pool.status();
    assert_eq!((status.pending, status.queued), (3, 1));
}
