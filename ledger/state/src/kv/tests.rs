use super::*;
use crate::blocks::tests::Scratch;
use proptest::prelude::*;

const TOUCHED: [Table; 3] = [Table::Accounts, Table::History, Table::Meta];

type Entry = (Vec<u8>, Vec<u8>);

fn table() -> impl Strategy<Value = Table> {
    (0..TOUCHED.len()).prop_map(|at| TOUCHED[at])
}

fn key() -> impl Strategy<Value = Vec<u8>> {
    proptest::collection::vec(prop_oneof![0u8..3, Just(u8::MAX)], 1..4)
}

/// Puts, or deletes where there is no value, of one batch.
fn batch() -> impl Strategy<Value = Vec<(Table, Vec<u8>, Option<u8>)>> {
    // A key at most once in a batch.
    let writes = proptest::collection::btree_map((0..TOUCHED.len(), key()), any::<Option<u8>>(), 0..12);
    writes.prop_map(|writes| {
        writes.into_iter().map(|((table, key), value)| (TOUCHED[table], key, value)).collect()
    })
}

fn entry((key, value): (Value, Value)) -> Entry {
    (key.to_vec(), value.to_vec())
}

/// All that a view answers about a key, in every role of it.
fn answers(view: &View, table: Table, key: &[u8]) -> (Option<Vec<u8>>, [Vec<Entry>; 3], Option<Entry>) {
    let scan =
        |prefix: &[u8], start: &[u8]| view.scan(table, prefix, start).map(|e| entry(e.unwrap())).collect();
    (
        view.get(table, key).unwrap().map(|value| value.to_vec()),
        [scan(&[], key), scan(key, key), scan(&key[..1], key)],
        view.last(table, key).unwrap().map(entry),
    )
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 24, failure_persistence: None, ..ProptestConfig::default() })]

    #[test]
    fn tables_in_memory_answer_as_those_on_disk_do(
        batches in proptest::collection::vec(batch(), 1..12),
        asked in proptest::collection::vec((table(), key()), 1..40),
    ) {
        let scratches = Scratch::each();
        let mut views = Vec::new();
        for batch in batches {
            for scratch in &scratches {
                let mut writes = scratch.kv.batch();
                for (table, key, value) in &batch {
                    match value {
                        Some(value) => writes.put(*table, key, &[*value; 30]),
                        None => writes.delete(*table, key),
                    }
                }
                writes.commit().unwrap();
            }
            views.push(scratches.each_ref().map(|scratch| scratch.kv.view()));
        }
        for [disk, memory] in &views {
            for (table, key) in &asked {
                prop_assert_eq!(answers(disk, *table, key), answers(memory, *table, key));
            }
        }
        let [_, memory] = scratches;
        for table in TOUCHED {
            let kept = memory.kv.view().scan(table, &[], &[]).count() as u64;
            prop_assert_eq!(memory.kv.approximate_len(table), kept);
        }
    }
}
