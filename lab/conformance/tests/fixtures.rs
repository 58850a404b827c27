//! Every vector of the fixtures passes in every fork, in sequential and optimistic mode; block tests also on a store.

use mundi_conformance::{Config, Kind, SLOW, Summary, Workers, run};
use std::{
    path::{Path, PathBuf},
    thread::available_parallelism,
};

/// Where the fixtures are: `MUNDI_FIXTURES`, or beside the checkout.
fn fixture(name: &str) -> Option<PathBuf> {
    let folder = std::env::var_os("MUNDI_FIXTURES").map_or_else(
        || PathBuf::from(env!("CARGO_MANIFEST_DIR")).join("../../../shared/fixtures"),
        PathBuf::from,
    );
    let path = folder.join(name);
    if path.exists() {
        return Some(path);
    }
    println!("SKIPPED: there is no {}; set MUNDI_FIXTURES to the folder that holds {name}", path.display());
    None
}

fn run_all(path: PathBuf, config: &Config) -> Summary {
    let pool = |threads| rayon::ThreadPoolBuilder::new().num_threads(threads).build().unwrap();
    let (files, engine) = (pool(available_parallelism().map_or(2, Into::into)), pool(3));
    run(&[path], config, Workers { files: &files, engine: &engine }, &|_| {})
}

fn check(summary: &Summary) {
    println!("{}", summary.to_table());
    for failure in summary.failures.iter().take(50) {
        println!("{}::{}: {}", failure.file, failure.vector, failure.reason);
    }
    assert!(summary.passed());
}

#[test]
fn state_tests_pass() {
    let Some(path) = fixture("state-tests.tar.gz") else { return };
    let skip = SLOW.map(String::from).to_vec();
    check(&run_all(path, &Config { skip, ..Config::state_tests() }));
}

#[test]
#[ignore = "takes ten minutes: billions of rounds of a hash function"]
fn slow_state_tests_pass() {
    let Some(path) = fixture("state-tests.tar.gz") else { return };
    for slow in SLOW {
        check(&run_all(path.clone(), &Config { filter: Some(slow.into()), ..Config::state_tests() }));
    }
}

#[test]
fn block_tests_pass() {
    let Some(path) = fixture("blockchain-tests.tar.gz") else { return };
    check(&run_all(path, &Config::block_tests()));
}

/// In memory where there is such a place: what is tested here is not the disk.
#[test]
fn block_tests_pass_in_a_store() {
    let Some(path) = fixture("blockchain-tests.tar.gz") else { return };
    let memory = Path::new("/dev/shm");
    let folder = if memory.is_dir() { tempfile::tempdir_in(memory) } else { tempfile::tempdir() }.unwrap();
    let store = Some(folder.path().to_owned());
    check(&run_all(path, &Config { store, ..Config::new([Kind::Block]) }));
    assert_eq!(folder.path().read_dir().unwrap().count(), 0, "a store takes its folder with it");
}
