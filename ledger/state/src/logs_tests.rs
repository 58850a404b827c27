use super::*;
use crate::{
    block::BlockRecord,
    blocks::tests::{Scratch, block_with_logs},
    log_index::STRETCH,
};
use alloy_primitives::Bytes;
use proptest::{prelude::*, test_runner::TestRunner};
use std::cell::Cell;

const UNLIMITED: LogLimits =
    LogLimits { logs: usize::MAX, bytes: usize::MAX, reads: usize::MAX, terms: usize::MAX };

fn address(byte: u8) -> Address {
    Address::repeat_byte(byte)
}

fn topic(byte: u8) -> B256 {
    B256::repeat_byte(byte)
}

fn log(by: u8, topics: &[u8]) -> Log {
    let topics = topics.iter().copied().map(topic).collect();
    Log::new_unchecked(address(by), topics, Bytes::from_static(b"ten bytes!"))
}

/// What a search should find, by looking at every log.
fn oracle(blocks: &[BlockRecord], filter: &LogFilter) -> Vec<FoundLog> {
    let mut found = Vec::new();
    for block in blocks.iter().filter(|block| filter.heights.contains(&block.header.number)) {
        let mut log_index = 0;
        for (transaction_index, receipt) in (0..).zip(&block.receipts) {
            for log in receipt.logs() {
                let by = filter.addresses.is_empty() || filter.addresses.contains(&log.address);
                let about = filter.topics.iter().enumerate().all(|(position, wanted)| {
                    match log.topics().get(position) {
                        _ if wanted.is_empty() => true,
                        Some(topic) => wanted.contains(topic),
                        None => false,
                    }
                });
                if by && about {
                    found.push(FoundLog {
                        height: block.header.number,
                        block_hash: block.hash,
                        transaction_index,
                        transaction_hash: *block.body.transactions[transaction_index as usize].tx_hash(),
                        log_index,
                        log: log.clone(),
                    });
                }
                log_index += 1;
            }
        }
    }
    found
}

fn any_log() -> impl Strategy<Value = Log> {
    (0u8..4, prop::collection::vec(0u8..4, 0..=4)).prop_map(|(by, topics)| log(by, &topics))
}

fn any_blocks() -> impl Strategy<Value = Vec<BlockRecord>> {
    let transaction = prop::collection::vec(any_log(), 0..3);
    let block = (0u64..3, prop::collection::vec(transaction, 0..3));
    (0u64..1000, prop::collection::vec(block, 0..40)).prop_map(|(mut height, blocks)| {
        let blocks = blocks.into_iter().map(|(gap, logs)| {
            height += 1 + gap;
            block_with_logs(height, 1, logs)
        });
        blocks.collect()
    })
}

/// Terms from 0 to 4: the last of them is in no log.
fn any_filter() -> impl Strategy<Value = LogFilter> {
    let terms = || prop_oneof![2 => Just(vec![]), 1 => prop::collection::vec(0u8..5, 1..4)];
    let topics = [terms(), terms(), terms(), terms()];
    (0u64..1200, 0u64..200, terms(), topics).prop_map(|(first, count, addresses, topics)| LogFilter {
        heights: first..=first + count,
        addresses: addresses.into_iter().map(address).collect(),
        topics: topics.map(|topics| topics.into_iter().map(topic).collect()),
    })
}

#[test]
fn a_search_finds_what_reading_every_log_finds() {
    let cases = (any_blocks(), prop::collection::vec(any_filter(), 40));
    for scratch in Scratch::each() {
        // One database of a kind for all cases, because opening one costs most of the time
        let kept = Cell::new(Vec::new());
        let check = |(blocks, filters): (Vec<BlockRecord>, Vec<LogFilter>)| {
            scratch.replace(&kept.replace(blocks.clone()), &blocks);
            let view = scratch.kv.view();
            for mut filter in filters {
                for heights in [filter.heights.clone(), 0..=u64::MAX] {
                    filter.heights = heights;
                    prop_assert_eq!(logs(&view, &filter, UNLIMITED).unwrap(), oracle(&blocks, &filter));
                }
            }
            Ok(())
        };
        TestRunner::new(ProptestConfig::with_cases(64)).run(&cases, check).unwrap();
    }
}

/// 300 blocks in which everyone logs, and a few in which somebody rare does: lists longer than a stretch.
fn long_chain() -> Vec<BlockRecord> {
    let block = |height: u64| {
        let mut logs = vec![log(1, &[1, 2])];
        if height % 97 == 5 {
            logs.push(log(2, &[1]));
        }
        block_with_logs(height, 1, vec![vec![], logs])
    };
    (0..300).map(block).collect()
}

#[test]
fn long_lists_are_read_in_stretches() {
    let (scratch, blocks) = (Scratch::new(), long_chain());
    scratch.put(&blocks);
    let view = scratch.kv.view();
    let mut filter = LogFilter::new(0..=1000);
    filter.addresses = vec![address(1)];
    let found = logs(&view, &filter, UNLIMITED).unwrap();
    assert_eq!(found, oracle(&blocks, &filter));
    assert_eq!(found.len(), 300);

    let reads = 300 + 300usize.div_ceil(STRETCH);
    let limits = LogLimits { reads, ..UNLIMITED };
    assert_eq!(logs(&view, &filter, limits).unwrap(), found);
    let problem = logs(&view, &filter, LogLimits { reads: reads - 1, ..UNLIMITED }).unwrap_err();
    assert_eq!(
        problem.to_string(),
        "search for logs stopped at block 299: more than 304 reads of the store; ask for fewer blocks or less"
    );
}

#[test]
fn a_rare_term_skips_the_list_of_a_frequent_one() {
    let (scratch, blocks) = (Scratch::new(), long_chain());
    scratch.put(&blocks);
    let mut filter = LogFilter::new(0..=1000);
    filter.topics[0] = vec![topic(1)];
    filter.addresses = vec![address(2)];
    // The rare list once, the frequent one for each of its heights, and the blocks
    let limits = LogLimits { reads: 1 + 4 + 4, ..UNLIMITED };
    let found = logs(&scratch.kv.view(), &filter, limits).unwrap();
    assert_eq!(found.iter().map(|found| found.height).collect::<Vec<_>>(), [5, 102, 199, 296]);
    assert_eq!(found, oracle(&blocks, &filter));
}

#[test]
fn every_limit_is_an_error_that_names_it() {
    let scratch = Scratch::new();
    scratch.put(&long_chain());
    let view = scratch.kv.view();
    let mut filter = LogFilter::new(10..=12);
    let problem = |filter: &LogFilter, limits| match logs(&view, filter, limits) {
        Err(StoreError::LogLimit { what, limit, height }) => (what, limit, height),
        other => panic!("{other:?}"),
    };
    let exact = LogLimits { logs: 3, bytes: 30, reads: 6, terms: 0 };
    assert_eq!(logs(&view, &filter, exact).unwrap().len(), 3);
    assert_eq!(problem(&filter, LogLimits { logs: 2, ..exact }), ("logs", 2, 12));
    assert_eq!(problem(&filter, LogLimits { bytes: 29, ..exact }), ("bytes of logs", 29, 12));
    assert_eq!(problem(&filter, LogLimits { reads: 3, ..exact }), ("reads of the store", 3, 11));
    filter.topics[3] = vec![topic(1)];
    assert_eq!(problem(&filter, exact), ("addresses and topics", 0, 10));
}

#[test]
fn heights_at_both_ends_of_the_numbers_are_searched() {
    let scratch = Scratch::new();
    let blocks = [0, u64::MAX].map(|height| block_with_logs(height, 1, vec![vec![log(1, &[])]]));
    scratch.put(&blocks);
    let view = scratch.kv.view();
    for addresses in [vec![], vec![address(1)]] {
        let filter = LogFilter { addresses, ..LogFilter::new(0..=u64::MAX) };
        assert_eq!(logs(&view, &filter, UNLIMITED).unwrap(), oracle(&blocks, &filter));
        #[expect(clippy::reversed_empty_ranges, reason = "callers may ask so")]
        let nothing = LogFilter { heights: 5..=4, ..filter };
        assert_eq!(logs(&view, &nothing, UNLIMITED).unwrap(), []);
    }
}

#[test]
fn an_entry_without_a_matching_log_finds_nothing() {
    let scratch = Scratch::new();
    scratch.put(&[block_with_logs(1, 1, vec![vec![log(1, &[])]])]);
    let mut batch = scratch.kv.batch();
    // As if the terms of two addresses were equal
    crate::log_index::put(&mut batch, 1, [log(2, &[])].iter());
    batch.commit().unwrap();
    let filter = LogFilter { addresses: vec![address(2)], ..LogFilter::new(0..=9) };
    assert_eq!(logs(&scratch.kv.view(), &filter, UNLIMITED).unwrap(), []);
}

#[test]
fn an_index_that_contradicts_the_blocks_is_damage() {
    let scratch = Scratch::new();
    scratch.put(&[block_with_logs(1, 1, vec![vec![log(1, &[])]])]);
    let filter = LogFilter { addresses: vec![address(1)], ..LogFilter::new(0..=9) };
    let problem = || logs(&scratch.kv.view(), &filter, UNLIMITED).unwrap_err().to_string();

    let mut batch = scratch.kv.batch();
    batch.delete(Table::Receipts, &1u64.to_be_bytes());
    batch.commit().unwrap();
    assert_eq!(problem(), "damaged store: receipts, block 1: nothing there");

    let mut batch = scratch.kv.batch();
    let key = scratch.kv.view().scan(Table::Logs, &[], &[]).next().unwrap().unwrap().0;
    batch.put(Table::Logs, &[&*key, &[0]].concat(), &[]);
    batch.commit().unwrap();
    let term = u64::from_be_bytes(key[..8].try_into().unwrap());
    assert_eq!(problem(), format!("damaged store: logs, term {term:#018x}: a key of 17 bytes instead of 16"));
}
