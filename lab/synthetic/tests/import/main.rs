//! Generated chains are what they promise to be.

mod chain;

use alloy_consensus::Typed2718 as _;
use chain::{import, root, split};
use mundi_chain::{EthereumHardfork, Genesis, Import, ImportOptions, ImportPools};
use mundi_execution::Mode;
use mundi_state::Store;
use mundi_synthetic::{Config, Forks, Generator, write};
use rayon::{ThreadPool, ThreadPoolBuilder};
use std::{collections::BTreeSet, fs, path::PathBuf};

fn pool(threads: usize) -> ThreadPool {
    ThreadPoolBuilder::new().num_threads(threads).build().unwrap()
}

fn short(blocks: u64) -> Config {
    Config { transactions: 25, senders: 20, check_every: 7, ..Config::new(blocks) }
}

/// The genesis file and the blocks of a chain.
fn generate(config: &Config, pool: &ThreadPool) -> (Vec<u8>, Vec<u8>) {
    let mut generator = Generator::new(config, pool).unwrap();
    let mut file = Vec::new();
    while let Some(block) = generator.next_block(pool).unwrap() {
        file.extend(alloy_rlp::encode(&block));
    }
    (generator.genesis_json(), file)
}

#[test]
fn a_chain_through_all_forks_is_imported_and_has_every_kind_of_change() {
    let pool = pool(2);
    let config = short(60);
    let mut generator = Generator::new(&config, &pool).unwrap();
    let (mut file, mut expected) = (Vec::new(), 0);
    while let Some(block) = generator.next_block(&pool).unwrap() {
        file.extend(alloy_rlp::encode(&block));
        expected += block.body.transactions.len();
        assert_eq!(block.header.state_root, root(generator.state()));
    }
    let imported = import(&generator.genesis_json(), &file, &pool);
    let totals = generator.totals();
    assert_eq!((totals.head, totals.blocks), (imported.hash, 60));
    assert_eq!(totals.transactions as usize, expected);
    assert_eq!(totals.accounts as usize, imported.accounts[59]);
    assert_eq!(totals.failed, imported.failed);

    let forks: BTreeSet<_> = imported.forks.iter().copied().collect();
    let all = EthereumHardfork::VARIANTS.iter().copied();
    let passed = all.filter(|fork| *fork <= EthereumHardfork::Bpo2 && *fork != EthereumHardfork::Dao);
    assert_eq!(forks, passed.collect());
    assert!(imported.accounts[59] > imported.accounts[0] + 400, "{:?}", imported.accounts);
    let types: BTreeSet<_> = imported.transactions.iter().map(|tx| tx.ty()).collect();
    assert_eq!(types, (0..=4).collect());
    for (what, count) in [
        ("ommers", imported.ommers),
        ("withdrawals", imported.withdrawals),
        ("requests", imported.requests),
        ("accounts that are gone", imported.gone),
        ("contracts that came back in a block", imported.reborn),
        ("slots set to zero", imported.cleared),
    ] {
        assert!(count > 0, "no {what}");
    }
    // Few fail, so what is meant to succeed does.
    assert!(
        imported.failed > 0 && imported.failed < expected as u64 / 20,
        "{} of {expected}",
        imported.failed
    );
}

#[test]
fn chains_of_one_fork_are_imported() {
    use EthereumHardfork::*;
    let pool = pool(1);
    for fork in [Frontier, Constantinople, Berlin, London, Paris, Shanghai, Cancun, Prague, Bpo2] {
        let (genesis, file) = generate(&Config { forks: Forks::Only(fork), ..short(6) }, &pool);
        let imported = import(&genesis, &file, &pool);
        assert_eq!(imported.forks, [fork; 6], "{fork}");
    }
}

#[test]
fn the_same_configuration_gives_the_same_files_on_any_number_of_threads() {
    let config = short(50);
    let (first, second) = (generate(&config, &pool(1)), generate(&config, &pool(3)));
    assert!(first == second);
    let (_, other) = generate(&Config { seed: 2, ..config }, &pool(2));
    assert!(first.1 != other);
}

#[test]
fn a_longer_chain_begins_like_a_shorter_one() {
    let pool = pool(1);
    let config = Config { forks: Forks::All { every: 2 }, ..short(5) };
    let (_, five) = generate(&config, &pool);
    let (_, nine) = generate(&Config { blocks: 9, ..config }, &pool);
    assert!(nine.starts_with(&five));
}

#[test]
fn blocks_have_about_as_many_transactions_as_asked_for_and_fees_go_nowhere() {
    let pool = pool(2);
    let config = Config { transactions: 12, forks: Forks::Only(EthereumHardfork::Bpo2), ..short(500) };
    let mut generator = Generator::new(&config, &pool).unwrap();
    let mut fees = BTreeSet::new();
    while let Some(block) = generator.next_block(&pool).unwrap() {
        let count = block.body.transactions.len();
        assert!(count <= 12 + 6 + 2 + 3, "{count}");
        fees.insert(block.header.base_fee_per_gas.unwrap());
    }
    let totals = generator.totals();
    assert!((11 * 500..14 * 500).contains(&totals.transactions), "{totals:?}");
    assert!(fees.len() > 100, "{fees:?}");
    assert!(*fees.last().unwrap() < 1_000_000_000_000, "{fees:?}");
}

#[test]
fn files_hold_what_the_generator_makes() {
    let folder = PathBuf::from(env!("CARGO_TARGET_TMPDIR")).join("synthetic-files");
    let (pool, config) = (pool(1), short(4));
    let mut reported = Vec::new();
    let written = write(&config, &folder, &pool, &mut |progress| reported.push(progress)).unwrap();
    let (genesis, blocks) = generate(&config, &pool);
    assert_eq!(fs::read(&written.genesis).unwrap(), genesis);
    assert_eq!(fs::read(&written.blocks).unwrap(), blocks);
    assert_eq!(written.bytes, blocks.len() as u64);
    assert_eq!(reported.iter().map(|progress| progress.blocks).collect::<Vec<_>>(), [1, 2, 3, 4]);
    let (first, _) = split(&blocks);
    assert_eq!(reported[0].bytes, first.len() as u64);
    fs::remove_dir_all(folder).unwrap();
}

#[test]
fn the_state_store_takes_a_chain_of_all_forks_to_its_head() {
    let (engine, background) = (pool(2), pool(2));
    let config = Config { seed: 3, ..short(60) };
    let mut generator = Generator::new(&config, &engine).unwrap();
    let mut file = Vec::new();
    while let Some(block) = generator.next_block(&engine).unwrap() {
        file.extend(alloy_rlp::encode(&block));
    }
    let genesis = Genesis::from_json(&generator.genesis_json()).unwrap();
    let folder = tempfile::tempdir().unwrap();
    let options = mundi_state::Config::default();
    let store =
        Store::create(folder.path(), &options, &genesis.record(), &genesis.alloc, &background).unwrap();
    let import = Import {
        store: &store,
        spec: &genesis.spec,
        options: &ImportOptions { mode: Mode::Optimistic, ..ImportOptions::default() },
        pools: ImportPools { engine: &engine, background: &background },
        cancelled: &|| false,
        progress: &|_| (),
    };
    let tip = import.run(&file[..]).unwrap().tip;
    assert_eq!((tip.height, tip.hash), (60, generator.totals().head));
}
