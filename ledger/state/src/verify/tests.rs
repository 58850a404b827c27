use super::*;
use crate::{
    account::Record,
    kv::Batch,
    test_store::{POOL, account, address, block, changes, commit, config, scratch, store},
    trie::NodeKey,
};
use alloy_trie::Nibbles;

/// Verifies what the tables hold now.
fn check(store: &Store, limit: usize) -> VerifyReport {
    let tables = store.kv.view();
    let base = &store.view().base;
    let root = store.header(base.height).unwrap().unwrap().header.state_root;
    POOL.install(|| verify(&tables, base.height, root, limit, Watch::NOBODY)).unwrap()
}

/// Damages a sound store and returns what is found, as text.
fn found(damage: impl FnOnce(&Store, &mut Batch<'_>)) -> Vec<String> {
    let folder = scratch();
    let (store, _) = store(&folder.path().join("store"));
    store.flush().unwrap();
    let mut batch = store.kv.batch();
    damage(&store, &mut batch);
    batch.commit().unwrap();
    let report = check(&store, 100);
    assert!(!report.more);
    report.inconsistencies.iter().map(ToString::to_string).collect()
}

#[track_caller]
fn names(found: &[String], wanted: &[&str]) {
    for wanted in wanted {
        assert!(found.iter().any(|line| line.contains(wanted)), "{wanted} is not in {found:#?}");
    }
    assert!(found.len() <= wanted.len(), "{found:#?}");
}

fn record(store: &Store, index: u64) -> (B256, Record) {
    let hash = keccak256(address(index));
    let record = store.kv.view().get(Table::Accounts, hash.as_slice()).unwrap().unwrap();
    (hash, Record::decode(&record).unwrap())
}

#[test]
fn a_sound_store_is_sound_and_counted() {
    let folder = scratch();
    let (store, tip) = store(&folder.path().join("store"));
    let before_flush = store.verify(10, &POOL, Watch::NOBODY).unwrap();
    assert_eq!(before_flush.inconsistencies, []);
    assert!(before_flush.height < tip.header.number);
    store.flush().unwrap();
    let report = store.verify(10, &POOL, Watch::NOBODY).unwrap();
    assert_eq!(report.inconsistencies, []);
    assert_eq!((report.height, report.state_root), (20, tip.header.state_root));
    let keys = |table| store.kv.view().scan(table, &[], &[]).count() as u64;
    assert_eq!(report.accounts, keys(Table::Accounts));
    assert!(report.slots > 5000 && report.slots <= keys(Table::Slots));
    assert!(report.nodes > 1000 && report.nodes <= keys(Table::Nodes));
    assert_eq!(report.codes, keys(Table::Code));
    let stats = store.stats(true).unwrap();
    assert_eq!(stats.accounts.entries, report.accounts);
    assert_eq!((stats.persisted, stats.flushed), (20, 20));
    assert!(stats.accounts.minimum().unwrap() > 34.0 && stats.slots.minimum().unwrap() > 33.0);
}

#[test]
fn states_of_all_small_sizes_are_sound() {
    for accounts in 0..40 {
        let folder = scratch();
        let empty = block(None, alloy_trie::EMPTY_ROOT_HASH);
        let directory = folder.path().join("store");
        let store = Store::create(&directory, &config(), &empty, &changes([]), &POOL).unwrap();
        commit(&store, &empty, &changes((0..accounts).map(|index| account(index, index, &[]))));
        store.flush().unwrap();
        let report = store.verify(10, &POOL, Watch::NOBODY).unwrap();
        assert_eq!(report.inconsistencies, []);
        assert_eq!(report.accounts, accounts);
    }
}

#[test]
fn a_wrong_account_has_a_name() {
    let hash = keccak256(address(5));
    let found = found(|store, batch| {
        let (hash, mut record) = record(store, 5);
        record.account.nonce += 1;
        batch.put(Table::Accounts, hash.as_slice(), &record.to_bytes());
    });
    names(&found, &["the flat values have root", &format!("account {hash}: its value is not the one")]);
}

#[test]
fn an_account_that_came_or_went_has_a_name() {
    let (new, gone) = (keccak256(address(4711)), keccak256(address(200)));
    let came = found(|_, batch| {
        let record = Record::without_storage(Default::default());
        batch.put(Table::Accounts, new.as_slice(), &record.to_bytes());
    });
    assert_eq!(came.len(), 2);
    assert!(came[0].contains("the flat values have root"), "{came:?}");
    let went = found(|_, batch| batch.delete(Table::Accounts, gone.as_slice()));
    names(&went, &["the flat values have root", "the trie has something here, the flat values have nothing"]);
    let torn = found(|_, batch| batch.put(Table::Accounts, gone.as_slice(), b"\xff"));
    names(&torn, &[&format!("account {gone}: its record is malformed")]);
    let cut = found(|_, batch| batch.put(Table::Accounts, &gone[..20], b"\x00\x00"));
    names(&cut, &["a key of accounts has 20 bytes"]);
}

#[test]
fn a_wrong_slot_has_a_name() {
    let slot = keccak256(U256_OF_1234);
    let found = found(|store, batch| {
        let (_, record) = record(store, 7);
        let key = crate::view::slot_key(record.storage, &slot);
        assert!(store.kv.view().get(Table::Slots, &key).unwrap().is_some());
        batch.put(Table::Slots, &key, &[1]);
    });
    let (state, slot) = ("state: the flat values have root", format!("slot {slot} in storage"));
    // The root computed from the record as it is stays right; that of the account is not.
    names(&found, &[state, &slot, "its 5000 slots have root"]);
}

/// Slot 1234 as it is hashed.
const U256_OF_1234: [u8; 32] = {
    let mut word = [0; 32];
    (word[30], word[31]) = (4, 210);
    word
};

#[test]
fn storage_that_nobody_has_is_found() {
    let found = found(|store, batch| {
        let (hash, record) = record(store, 9);
        let id = record.storage;
        batch.put(Table::Slots, &crate::view::slot_key(1 << 33, &hash), &[1]);
        batch.put(Table::Accounts, hash.as_slice(), &Record::without_storage(record.account).to_bytes());
        assert_ne!(id, 0);
    });
    assert!(found.iter().any(|line| line.starts_with("storage 8589934592: no account has it")), "{found:?}");
    let of_nobody = found.iter().filter(|line| line.contains("no account has it"));
    assert!(of_nobody.count() >= 2, "{found:?}");
}

#[test]
fn storage_is_nobody_elses() {
    let found = found(|store, batch| {
        let (hash, mut record) = record(store, 9);
        record.storage = self::record(store, 7).1.storage;
        batch.put(Table::Accounts, hash.as_slice(), &record.to_bytes());
    });
    assert!(found.iter().any(|line| line.contains("is somebody else's")), "{found:?}");
}

#[test]
fn nodes_are_what_their_parents_say() {
    let folder = scratch();
    let (store, _) = store(&folder.path().join("store"));
    store.flush().unwrap();
    let tables = store.kv.view();
    let storage = record(&store, 7).1.storage;
    for trie in [ACCOUNTS, storage] {
        let nodes: Vec<_> = tables
            .scan(Table::Nodes, &trie.to_be_bytes(), &trie.to_be_bytes())
            .map(|entry| entry.map(|(key, value)| (key.to_vec(), value.to_vec())).unwrap())
            .collect();
        assert!(nodes.len() > 50);
        let path = |key: &[u8]| {
            super::findings::Owner { storage: trie, account: None }
                .node(&NodeKey::from_bytes(key).unwrap().path)
        };
        for (at, (key, record)) in nodes.iter().enumerate().step_by(13) {
            let Place::Node { path, .. } = path(key) else { unreachable!() };
            let name = format!("node '{path}' of the trie");
            let mut wrong = record.clone();
            *wrong.last_mut().unwrap() ^= 1;
            let cases = [
                (Some(wrong), "it is not what"),
                (Some(vec![0x80]), "its record is malformed"),
                (None, "it is missing"),
            ];
            let (value, problem) = &cases[at % 3];
            let mut batch = store.kv.batch();
            match value {
                Some(value) => batch.put(Table::Nodes, key, value),
                None => batch.delete(Table::Nodes, key),
            }
            batch.commit().unwrap();
            let found: Vec<_> = check(&store, 100).inconsistencies.iter().map(ToString::to_string).collect();
            assert!(
                found.iter().any(|line| line.contains(&name) && line.contains(problem)),
                "{name}: {found:#?}"
            );
            let mut batch = store.kv.batch();
            batch.put(Table::Nodes, key, record);
            batch.commit().unwrap();
        }
        let mut deep = Nibbles::from_nibbles([1, 2, 3, 4, 5, 6, 7, 8, 9]);
        for extra in [deep, {
            deep.push(9);
            deep
        }] {
            let key = NodeKey::new(trie, extra).to_bytes();
            let mut batch = store.kv.batch();
            batch.put(Table::Nodes, &key, &nodes[0].1);
            batch.commit().unwrap();
            let found = check(&store, 100).inconsistencies;
            assert_eq!(found.len(), 1, "{found:?}");
            assert_eq!(found[0].problem, "it is stored and not part of the trie");
            let mut batch = store.kv.batch();
            batch.delete(Table::Nodes, &key);
            batch.commit().unwrap();
        }
    }
    assert_eq!(check(&store, 1).inconsistencies, []);
}

#[test]
fn code_is_there_and_has_its_hash() {
    let missing = found(|store, batch| {
        let (_, record) = record(store, 1001);
        batch.delete(Table::Code, record.account.code_hash.as_slice());
    });
    names(&missing, &["is not there"]);
    let wrong = found(|store, batch| {
        let (_, record) = record(store, 1001);
        batch.put(Table::Code, record.account.code_hash.as_slice(), b"other");
    });
    names(&wrong, &["the code under this hash has"]);
}

#[test]
fn it_ends_when_there_is_enough_or_when_told() {
    let folder = scratch();
    let (store, _) = store(&folder.path().join("store"));
    store.flush().unwrap();
    let told = Watch { cancelled: &|| true, ..Watch::NOBODY };
    assert!(matches!(store.verify(1, &POOL, told), Err(StoreError::Cancelled)));
    let mut batch = store.kv.batch();
    for (index, entry) in store.kv.view().scan(Table::Code, &[], &[]).enumerate() {
        batch.put(Table::Code, &entry.unwrap().0, &index.to_be_bytes());
    }
    batch.commit().unwrap();
    let report = check(&store, 3);
    assert_eq!((report.inconsistencies.len(), report.more), (3, true));
}
