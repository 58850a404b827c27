use super::*;
use crate::{
    History, LogFilter, LogLimits, Watch,
    kv::Table,
    test_store::{POOL, account, address, block, changes, commit, config},
};
use alloy_consensus::{EMPTY_ROOT_HASH, Header};
use alloy_primitives::U256;
use mundi_execution::StateSnapshot;

fn in_memory(config: &Config) -> (Store, BlockRecord) {
    let genesis = block(None, EMPTY_ROOT_HASH);
    let store = Store::in_memory(config, &genesis, &StateChanges::default(), &POOL).unwrap();
    (store, genesis)
}

/// Blocks that each change the same accounts, and destroy and remake one with storage.
fn grow(store: &Store, mut tip: BlockRecord, blocks: u64) -> BlockRecord {
    for height in tip.header.number + 1..=tip.header.number + blocks {
        let (mut again, _) = account(3, 5 + height % 3, &[]);
        again.storage_wiped = true;
        let (mut paid, _) = account(1, 0, &[]);
        paid.account.as_mut().unwrap().balance = U256::from(height);
        tip = commit(store, &tip, &changes([(again, None), (paid, None), account(10 + height % 7, 2, &[])]));
    }
    tip
}

#[test]
fn a_store_in_memory_keeps_as_much_of_the_past_as_it_should() {
    let (store, genesis) = in_memory(&config());
    let tip = grow(&store, genesis, 30);
    store.flush().unwrap();
    let keys = |store: &Store| {
        [Table::History, Table::Touched, Table::Slots, Table::Nodes, Table::Garbage]
            .map(|table| store.kv.approximate_len(table))
    };
    let before = keys(&store);
    grow(&store, tip, 210);
    store.flush().unwrap();
    assert_eq!(keys(&store), before, "the past is as long as before");
    assert_eq!(store.kv.approximate_len(Table::Journal), 0, "nobody opens it again");
    assert_eq!(store.oldest(), (236, 236));
    assert!(store.snapshot(235).is_err() && store.snapshot(236).is_ok());
    let report = store.verify(10, &POOL, Watch::NOBODY).unwrap();
    assert_eq!((report.height, report.inconsistencies.len()), (240, 0));
    assert!(store.header(1).unwrap().is_some(), "blocks are kept");
}

#[test]
fn a_store_that_keeps_everything_is_rewound_to_any_height() {
    let config = Config { history: History::Full, proofs: History::Full, ..config() };
    let (store, genesis) = in_memory(&config);
    grow(&store, genesis, 40);
    let held = store.snapshot(38).unwrap();
    for height in [39, 21, 20, 3, 0] {
        let expected = store.snapshot(height).unwrap();
        store.rewind(height).unwrap();
        assert_eq!(store.tip().height, height);
        assert_eq!(store.latest().state_root(), expected.state_root());
        let balance = |snapshot: &Snapshot| snapshot.account(&address(1)).unwrap().map(|a| a.balance);
        assert_eq!(balance(&store.latest()), (height > 0).then(|| U256::from(height)));
        assert_eq!(balance(&held), Some(U256::from(38)), "dropped, and as it was");
        held.proof(address(3), &[]).unwrap().verify(held.state_root()).unwrap();
        assert!(store.verify(10, &POOL, Watch::NOBODY).unwrap().inconsistencies.is_empty());
    }
    grow(&store, block(None, EMPTY_ROOT_HASH), 10);
    assert!(store.verify(10, &POOL, Watch::NOBODY).unwrap().inconsistencies.is_empty());
}

#[test]
fn a_store_above_a_foreign_block_begins_with_its_header_alone() {
    let header = Header {
        number: 1000,
        state_root: B256::repeat_byte(1),
        difficulty: U256::from(9),
        ..Header::default()
    };
    // Not what Ethereum would make of the header.
    let hash = B256::repeat_byte(2);
    let store = Store::above(&config(), header.clone(), hash, &POOL).unwrap();
    assert_eq!((store.tip(), store.genesis()), (Tip { height: 1000, hash }, hash));
    let first = store.header(1000).unwrap().unwrap();
    assert_eq!((&first.header, first.hash, first.total_difficulty), (&header, hash, U256::from(9)));
    assert_eq!(store.height_of(&hash).unwrap(), Some(1000));
    assert!(store.body(1000).unwrap().is_none() && store.receipts(1000).unwrap().is_none());
    assert!(store.header(999).unwrap().is_none());
    assert_eq!(store.latest().state_root(), EMPTY_ROOT_HASH);
    assert!(store.latest().block_hash(999).is_err());
    assert_eq!(store.latest().block_hash(1000).unwrap(), hash);

    let parent = BlockRecord { header, hash, ..block(None, B256::ZERO) };
    let stranger = BlockRecord { hash: B256::ZERO, ..parent.clone() };
    let next = block(Some(&stranger), EMPTY_ROOT_HASH);
    let refused = store.commit(next, &StateChanges::default(), &POOL).unwrap_err().to_string();
    assert!(refused.starts_with("block 1001: parentHash should be 0x0202"), "{refused}");

    grow(&store, parent.clone(), 20);
    store.flush().unwrap();
    assert_eq!(store.oldest_block().unwrap(), 1001);
    let filter = |from| LogFilter::new(from..=1020);
    assert!(store.logs(&filter(1001), LogLimits::default()).is_ok());
    let refused = store.logs(&filter(1000), LogLimits::default());
    assert!(matches!(refused, Err(StoreError::BlockNotKept { height: 1000, oldest: 1001 })));
    assert!(store.verify(10, &POOL, Watch::NOBODY).unwrap().inconsistencies.is_empty());

    let all = Config { history: History::Full, proofs: History::Full, ..config() };
    let store = Store::above(&all, parent.header.clone(), hash, &POOL).unwrap();
    grow(&store, parent, 20);
    store.flush().unwrap();
    assert_eq!(store.oldest(), (1000, 1000));
    assert!(matches!(store.rewind(999), Err(StoreError::NotKept { oldest: 1000, .. })));
    store.rewind(1000).unwrap();
    assert_eq!(store.tip(), Tip { height: 1000, hash });
    assert_eq!(store.latest().state_root(), EMPTY_ROOT_HASH);
    assert!(store.latest().account(&address(1)).unwrap().is_none());
}
