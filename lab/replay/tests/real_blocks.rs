//! Every real block, in every mode, gives what its header and sequential execution give.

use mundi_chain::ChainSpec;
use mundi_execution::Mode;
use mundi_replay::{BlockFile, PageBlock, ReplayOptions, ReplayRecord, block_files, render_page, replay};
use std::{
    num::NonZeroUsize,
    path::{Path, PathBuf},
};

#[test]
fn every_real_block_comes_out_right_in_every_mode() {
    let Some(folder) = real_blocks() else { return };
    let (pool, chain) = (pool(), ChainSpec::mainnet());
    let files = block_files(&[folder]).unwrap();
    for (index, file) in files.iter().enumerate() {
        let block = BlockFile::read(file).unwrap().prepare(&chain, &pool).unwrap();
        for mode in Mode::ALL {
            let threads = NonZeroUsize::new(1 + index % 4).unwrap();
            let options = ReplayOptions { mode, runs: NonZeroUsize::MIN, ..ReplayOptions::new(threads) };
            let replayed = replay(&block, &pool, &options)
                .unwrap_or_else(|error| panic!("block {}, {mode} mode: {error}", block.number()));
            let record = &replayed.record;
            assert!(record.is_right(), "block {}, {mode} mode: {:#?}", record.number, record.differences);
            assert_eq!(replayed.graph.costs.len(), record.transactions);
        }
    }
}

#[test]
fn the_page_holds_every_block() {
    let Some(folder) = real_blocks() else { return };
    let (pool, chain) = (pool(), ChainSpec::mainnet());
    let two = NonZeroUsize::new(2).unwrap();
    let options = ReplayOptions { trace: true, runs: NonZeroUsize::MIN, ..ReplayOptions::new(two) };
    let (mut records, mut pages) = (Vec::new(), Vec::new());
    for file in block_files(&[folder]).unwrap().iter().take(12) {
        let block = BlockFile::read(file).unwrap().prepare(&chain, &pool).unwrap();
        let replayed = replay(&block, &pool, &options).unwrap();
        pages.push(PageBlock::new(&block, &replayed));
        records.push(replayed.record);
    }
    let record = ReplayRecord::new(&options, records, Vec::new());
    let page = render_page(&record, &pages);
    for block in &record.blocks {
        assert!(page.contains(&format!("\"number\":{}", block.number)));
    }
}

fn pool() -> rayon::ThreadPool {
    rayon::ThreadPoolBuilder::new().num_threads(3).build().expect("three threads can be started")
}

/// The real blocks, if the fixtures are here.
fn real_blocks() -> Option<PathBuf> {
    let beside = || Path::new(env!("CARGO_MANIFEST_DIR")).join("../../../shared/fixtures");
    let folder = std::env::var_os("MUNDI_FIXTURES").map_or_else(beside, PathBuf::from).join("blocks");
    if folder.is_dir() {
        return Some(folder);
    }
    eprintln!("skipped: no real blocks here; set MUNDI_FIXTURES to a folder with blocks/<number>.json.gz");
    None
}
