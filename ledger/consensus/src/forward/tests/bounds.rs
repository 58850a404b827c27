//! What is too much.

use super::world::*;
use crate::forward::{Limits, MAX_MESSAGE_BYTES, Rate, wire::Message};
use commonware_consensus::types::ViewDelta;
use std::time::Duration;

const TENTH: usize = MAX_MESSAGE_BYTES / 10;

fn slow() -> Rate {
    Rate {
        bytes_per_second: MAX_MESSAGE_BYTES as u64 / 2,
        transactions_per_second: 1_000,
        burst: Duration::from_secs(1),
    }
}

#[test]
fn no_more_is_sent_than_the_rate_allows_and_the_rest_follows() {
    let limits = Limits { outbound: slow(), resend_after: ViewDelta::new(1), ..Limits::default() };
    play(1, Setup { limits, ..Setup::default() }, async |world| {
        let sent: Vec<_> = (0..30).map(|number| world.pools[0].user_sends(&tx(number, TENTH))).collect();
        world.wait(100).await;
        let first = world.pools[1].len();
        assert!((8..=10).contains(&first), "{first} of what may go at once");
        assert!(world.counted(0, "limited_outbound") > 0);
        // Always the same leaders, so that they get everything in the end.
        for turn in 1..40 {
            world.view(1 + turn * NODES as u64).await;
            world.wait(500).await;
        }
        assert!(sent.iter().all(|hash| world.pools[1].has(hash)));
    });
}

#[test]
fn what_exceeds_the_rate_of_a_peer_is_dropped_and_nobody_is_blocked_for_it() {
    let limits = Limits { inbound: slow(), ..Limits::default() };
    play(1, Setup { limits, ..Setup::default() }, async |mut world| {
        for number in 0..30 {
            world.say(4, 0, Message::Transactions(vec![tx(number, TENTH).0]).encode().into());
        }
        world.say(3, 0, Message::Transactions(vec![tx(100, TENTH).0]).encode().into());
        world.wait(100).await;
        let taken = world.counted(0, "taken");
        assert!((9..=11).contains(&taken), "{taken} of what may come at once, and that of another");
        assert_eq!(world.counted(0, "limited_inbound") + taken, 31);
        assert!(!world.blocked(0, 4).await);
        world.wait(2_000).await;
        world.say(4, 0, Message::Transactions(vec![tx(50, TENTH).0]).encode().into());
        world.wait(100).await;
        assert_eq!(world.counted(0, "taken"), taken + 1);
    });
}

#[test]
fn what_comes_faster_than_it_is_checked_is_dropped_newest_first() {
    let limits = Limits { waiting_transactions: 20, checked_at_once: 1, ..Limits::default() };
    play(1, Setup { limits, ..Setup::default() }, async |mut world| {
        world.pools[0].grow_deaf();
        let say = |world: &mut World, node, number| {
            world.say(node, 0, Message::Transactions(vec![tx(number, 50).0]).encode().into());
        };
        // One is being checked for ever; ten of a peer may wait, twenty of all.
        for number in 0..15 {
            say(&mut world, 4, number);
        }
        world.wait(100).await;
        assert_eq!(world.counted(0, "not_checked"), 4);
        for number in 20..28 {
            say(&mut world, 3, number);
            say(&mut world, 2, 20 + number);
        }
        world.wait(100).await;
        assert_eq!(world.counted(0, "not_checked"), 10);
        world.pools[0].hear_again();
        world.wait(100).await;
        assert_eq!((world.counted(0, "taken"), world.counted(0, "lost")), (20, 1));
        assert!(!world.pools[0].has(&alloy_primitives::keccak256(tx(14, 50))));
    });
}

#[test]
fn who_is_behind_does_not_ask() {
    let limits = Limits { waiting_bytes: 1_000, checked_at_once: 1, ..Limits::default() };
    play(1, Setup { limits, ..Setup::default() }, async |mut world| {
        world.pools[4].grow_deaf();
        for (node, number) in [(1, 0), (1, 1), (2, 2)] {
            world.say(node, 4, Message::Transactions(vec![tx(number, 400).0]).encode().into());
            world.wait(100).await;
        }
        world.pools[0].user_sends(&tx(9, 50));
        world.wait(100).await;
        world.view(9).await;
        assert_eq!((world.counted(0, "announced"), world.counted(4, "asked")), (1, 0));
        world.pools[4].hear_again();
        world.view(14).await;
        assert_eq!(world.counted(4, "asked"), 1);
    });
}

#[test]
fn what_was_missed_or_had_no_room_is_listed_again() {
    let limits = Limits { unordered: 20, resend_after: ViewDelta::new(1), ..Limits::default() };
    play(1, Setup { limits, events: 8, ..Setup::default() }, async |world| {
        let sent: Vec<_> = (0..64).map(|number| world.pools[0].user_sends(&tx(number, 100))).collect();
        world.wait(100).await;
        assert!(world.counted(0, "missed") > 0);
        for turn in 1..20 {
            // What a leader has got is ordered.
            for hash in sent.iter().filter(|hash| world.pools[1].has(hash)) {
                world.pools[0].set(hash, crate::forward::Standing::Gone);
            }
            world.view(1 + turn * NODES as u64).await;
            world.wait(500).await;
        }
        assert!(sent.iter().all(|hash| world.pools[1].has(hash)));
    });
}

#[test]
fn what_is_too_large_for_a_message_stays_here() {
    play(1, Setup::default(), async |world| {
        world.pools[0].user_sends(&tx(0, crate::forward::MAX_TRANSACTION_BYTES + 1));
        let largest = world.pools[0].user_sends(&tx(1, crate::forward::MAX_TRANSACTION_BYTES));
        world.wait(200).await;
        assert!(world.pools[1].has(&largest));
        assert_eq!((world.pools[1].len(), world.counted(0, "too_large")), (1, 1));
        // What waits is listed in the next view, and announced in the one after it.
        world.lead(2, &[3]).await;
        world.lead(3, &[3]).await;
        world.lead(9, &[3]).await;
        assert_eq!(
            (world.pools[3].len(), world.counted(3, "asked"), world.counted(0, "too_large")),
            (1, 2, 2)
        );
    });
}
