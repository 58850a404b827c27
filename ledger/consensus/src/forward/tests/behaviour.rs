//! What reaches whom.

use super::world::*;
use crate::forward::{Standing, short::ShortId, wire::Message};
use alloy_primitives::B256;
use commonware_utils::probability;
use std::time::Duration;

#[test]
fn what_users_send_reaches_the_current_and_the_next_leader() {
    play(1, Setup::default(), async |world| {
        let hashes: Vec<B256> = (0..100).map(|number| world.pools[0].user_sends(&tx(number, 110))).collect();
        world.wait(100).await;
        for (node, pool) in world.pools.iter().enumerate() {
            let has = hashes.iter().all(|hash| pool.has(hash));
            assert_eq!((has, pool.len()), if node <= 2 { (true, 100) } else { (false, 0) }, "{node}");
        }
        assert_eq!(world.counted(0, "sent"), 200);
        assert_eq!(world.counted(1, "taken"), 100);
        // What others brought is not brought on.
        world.view(20).await;
        assert_eq!(world.counted(1, "announced"), 0);
    });
}

#[test]
fn the_leader_itself_sends_to_the_next_one_only() {
    play(1, Setup::default(), async |world| {
        world.pools[1].user_sends(&tx(0, 110));
        world.wait(100).await;
        assert_eq!(world.pools.iter().map(|pool| pool.len()).collect::<Vec<_>>(), [0, 1, 1, 0, 0]);
    });
}

#[test]
fn what_dead_leaders_got_is_announced_to_later_ones() {
    play(1, Setup::default(), async |world| {
        world.cut(1).await;
        world.cut(2).await;
        let hashes: Vec<B256> = (0..10).map(|number| world.pools[0].user_sends(&tx(number, 110))).collect();
        world.wait(50).await;
        for view in 2..9 {
            world.view(view).await;
            assert_eq!(world.pools[3].len() + world.pools[4].len(), 0, "view {view}");
        }
        // Views 5 and 9 are those to look again. The leaders of view 5 are this node and a dead one.
        world.view(9).await;
        assert!(hashes.iter().all(|hash| world.pools[4].has(hash)));
        assert_eq!((world.counted(4, "asked"), world.counted(0, "served")), (10, 10));
    });
}

#[test]
fn who_has_what_is_announced_does_not_ask() {
    play(1, Setup::default(), async |world| {
        world.pools[0].user_sends(&tx(0, 110));
        world.pools[2].user_sends(&tx(0, 110));
        world.wait(100).await;
        // The leaders of view 6 are those of view 1.
        world.view(6).await;
        assert_eq!(world.counted(0, "announced"), 2);
        assert_eq!(world.counted(1, "asked") + world.counted(2, "asked"), 0);
        assert_eq!(world.counted(0, "served"), 0);
    });
}

#[test]
fn what_the_pool_of_a_leader_lost_is_asked_for_again() {
    play(1, Setup::default(), async |mut world| {
        let hash = world.pools[0].user_sends(&tx(0, 110));
        world.wait(100).await;
        world.pools[1].forget(&hash);
        world.view(6).await;
        assert!(world.pools[1].has(&hash));
        assert_eq!((world.counted(1, "asked"), world.counted(2, "asked")), (1, 0));
        // What was served once is not served again without another announcement, and what nobody announced never.
        world.say(1, 0, Message::Request(vec![ShortId([7; 8])]).encode().into());
        world.wait(100).await;
        assert_eq!(world.counted(0, "served"), 1);
        assert!(!world.blocked(0, 1).await);
    });
}

#[test]
fn what_is_in_a_payload_is_not_announced_unless_the_payload_dies() {
    play(1, Setup::default(), async |world| {
        let (held, gone) = (world.pools[0].user_sends(&tx(0, 110)), world.pools[0].user_sends(&tx(1, 110)));
        world.wait(100).await;
        world.pools[0].set(&held, Standing::Held);
        world.pools[0].set(&gone, Standing::Gone);
        for view in 2..14 {
            world.view(view).await;
        }
        assert_eq!(world.counted(0, "announced"), 0);
        world.pools[0].set(&held, Standing::Waiting);
        world.pools[0].set(&gone, Standing::Waiting);
        for view in 14..18 {
            world.view(view).await;
        }
        assert_eq!(world.counted(0, "announced"), 2, "one transaction to two leaders");
    });
}

#[test]
fn what_was_sent_when_nobody_led_is_announced_to_the_first_leaders() {
    play(1, Setup::default(), async |world| {
        world.lead(2, &[]).await;
        let hash = world.pools[0].user_sends(&tx(0, 110));
        world.wait(100).await;
        assert_eq!((world.counted(0, "sent"), world.counted(0, "limited_outbound")), (0, 0));
        world.lead(3, &[0]).await;
        world.lead(6, &[3, 4, 3]).await;
        assert_eq!(world.counted(0, "announced"), 0, "this node led, and has until view 7");
        world.lead(7, &[3, 4, 3]).await;
        assert!(world.pools[3].has(&hash) && world.pools[4].has(&hash));
        assert_eq!(world.counted(0, "announced"), 2);
    });
}

#[test]
fn what_comes_while_the_pool_is_listed_goes_at_once() {
    play(1, Setup::default(), async |world| {
        // The new view comes first, and has what was there from the beginning listed.
        world.pools[0].user_sends(&tx(0, 110));
        world.lead(2, &[3, 4]).await;
        assert_eq!((world.counted(0, "sent"), world.counted(0, "announced")), (2, 0));
    });
}

#[test]
fn peers_that_send_garbage_are_blocked() {
    play(1, Setup::default(), async |mut world| {
        world.say(3, 0, vec![9, 9, 9]);
        world.say(4, 0, Message::Transactions(vec![vec![GARBAGE; 20].into()]).encode().into());
        world.say(3, 1, Message::Transactions(vec![tx(0, 50).0]).encode().into());
        world.wait(100).await;
        assert!(world.blocked(0, 3).await && world.blocked(0, 4).await);
        assert!(!world.blocked(1, 3).await);
        assert_eq!((world.pools[0].len(), world.pools[1].len()), (0, 1));
        assert_eq!(world.counted(0, "blocked"), 2);
    });
}

#[test]
fn the_same_seed_leaves_the_same_trace() {
    let trace = |seed| {
        let setup =
            Setup { jitter: Duration::from_millis(15), success: probability!(0.7), ..Setup::default() };
        play(seed, setup, async |world| {
            let mut hashes = Vec::new();
            for view in 2..40 {
                for node in 0..NODES {
                    let number = view as u32 * 10 + node as u32;
                    hashes.push((node, world.pools[node].user_sends(&tx(number, 100 + 50 * node))));
                }
                world.view(view).await;
            }
            for view in 40..400 {
                world.view(view).await;
            }
            let everywhere = hashes.iter().filter(|(_, hash)| world.pools.iter().all(|pool| pool.has(hash)));
            assert_eq!(everywhere.count(), hashes.len(), "lost messages are made good");
        })
    };
    assert_eq!(trace(7), trace(7));
    assert_ne!(trace(7), trace(8));
}
