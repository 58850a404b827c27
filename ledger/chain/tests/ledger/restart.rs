//! A ledger goes on where the last one ended.

use super::*;

#[test]
fn what_was_told_is_there_after_a_copy_of_the_directory_is_opened() {
    let genesis = genesis(7);
    let folder = tempfile::tempdir().unwrap();
    let at = folder.path().join("store");
    let store = Store::create(&at, &state_config(), &genesis.record(), &genesis.alloc, &pool(1)).unwrap();
    let mut ledger = start(store, &genesis);
    let to = Address::repeat_byte(9);
    for round in 0..4u64 {
        let mut told = ledger.head().block.header.number;
        let answers: Vec<_> = (0..6)
            .map(|more| {
                let height = round * 6 + more + 1;
                ledger.submit(payload(height, vec![transaction(7, 0, height - 1, to, 1)])).unwrap()
            })
            .collect();
        for answer in answers {
            told = answer.blocking_recv().unwrap().unwrap().block.header.number;
        }
        let hash = ledger.head().block.hash;
        ledger.close().unwrap();
        drop(ledger);
        let store = Store::open(&at, &state_config(), &pool(1)).unwrap();
        ledger = start(store, &genesis);
        assert_eq!((ledger.head().block.header.number, ledger.head().block.hash), (told, hash));
    }
    assert_eq!(ledger.head().block.header.number, 24);
}
