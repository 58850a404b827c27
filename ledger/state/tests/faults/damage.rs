//! Damaged files: what is read of them is right, or an error.

use crate::{
    POOL,
    chain::{self, Link, Size},
    config,
    random::{Random, seed},
    scratch,
};
use mundi_state::{Store, Watch};
use std::{
    collections::BTreeMap,
    fs,
    path::{Path, PathBuf},
};

/// Files damaged, one after the other, each in a copy of its own.
const TRIALS: u64 = 400;

/// A store with blocks in its tables, in the journal and in the history, as it lies on disk; and as it lay there when it
/// was not closed yet, as after a kill.
fn store(directory: &Path, killed: &Path, random: &mut Random) -> Vec<Link> {
    let (genesis, alloc, link) = chain::genesis();
    let store = Store::create(directory, &config(), &genesis, &alloc, &POOL).expect("a new store");
    let mut links = vec![link];
    for height in 1..40 {
        let salt = random.next() | 1;
        let state = links.last().expect("the genesis").state().clone();
        let changes = chain::changes_of(&state, salt, Size::Mixed);
        let staged = store.stage(&store.latest(), &changes, &POOL).expect("staged");
        let parent = chain::stub(store.tip());
        let block = chain::block(Some(&parent), staged.state_root(), salt);
        store.publish(block, staged, &POOL).expect("published");
        store.persist().expect("persisted");
        if height % 7 == 0 {
            store.flush().expect("flushed");
        }
        links.push(links.last().expect("the genesis").next(salt, Size::Mixed));
    }
    copy(directory, killed);
    links
}

/// All files of a folder that hold something.
fn files(folder: &Path) -> Vec<PathBuf> {
    let mut found = Vec::new();
    for entry in fs::read_dir(folder).expect("a folder") {
        let path = entry.expect("an entry").path();
        match path.is_dir() {
            true => found.extend(files(&path)),
            false if fs::metadata(&path).is_ok_and(|file| file.len() > 0) => found.push(path),
            false => {}
        }
    }
    found.sort();
    found
}

fn copy(from: &Path, to: &Path) {
    fs::create_dir_all(to).expect("a folder");
    for entry in fs::read_dir(from).expect("a folder") {
        let entry = entry.expect("an entry");
        let target = to.join(entry.file_name());
        match entry.path().is_dir() {
            true => copy(&entry.path(), &target),
            false => drop(fs::copy(entry.path(), target).expect("copied")),
        }
    }
}

/// Damages one file; says how.
fn damage(files: &[PathBuf], random: &mut Random) -> String {
    let path = &files[random.below(files.len() as u64) as usize];
    let mut bytes = fs::read(path).expect("readable");
    // Behind the end of a journal are zeros without a meaning.
    let used = bytes.iter().rposition(|byte| *byte != 0).map_or(bytes.len(), |last| last + 1) as u64;
    let at = random.below(used) as usize;
    let name = path.display();
    let done = match random.below(8) {
        0..4 => {
            bytes[at] ^= 1 << random.below(8);
            format!("a bit of byte {at} of {name} flipped")
        }
        4 | 5 => {
            bytes.truncate(at);
            format!("{name} cut to {at} bytes")
        }
        6 => {
            let end = (at + 512).min(bytes.len());
            bytes[at..end].fill(0);
            format!("bytes {at} to {end} of {name} zeroed")
        }
        _ => {
            fs::remove_file(path).expect("removed");
            return format!("{name} removed");
        }
    };
    fs::write(path, bytes).expect("written");
    done
}

/// Opens a store and reads all of it.
fn read(directory: &Path, links: &[Link], random: &mut Random) -> Result<(), String> {
    let store = Store::open(directory, &config(), &POOL).map_err(|error| error.to_string())?;
    chain::compare(&store, links, true, random)?;
    let report = store.verify(4, &POOL, Watch::NOBODY).map_err(|error| error.to_string())?;
    match report.inconsistencies.first() {
        Some(first) => Err(first.to_string()),
        None => Ok(()),
    }
}

#[test]
fn a_damaged_file_is_an_error_or_makes_no_difference() {
    let seed = seed(0x4d55_4e44_4930);
    let mut random = Random(seed);
    let scratch = scratch();
    let (whole, killed) = (scratch.path().join("whole"), scratch.path().join("killed"));
    let links = store(&whole, &killed, &mut random);
    let mut outcomes = BTreeMap::new();
    for trial in 0..TRIALS {
        let damaged = scratch.path().join("damaged");
        copy(if trial % 2 == 0 { &whole } else { &killed }, &damaged);
        let done = damage(&files(&damaged), &mut random);
        println!("seed {seed:#x}, trial {trial}: {done}");
        // What is wrong and said to be right panics.
        let outcome = match read(&damaged, &links, &mut random) {
            Ok(()) => "no difference",
            Err(error) => {
                println!("  {error}");
                "error"
            }
        };
        *outcomes.entry(outcome).or_insert(0) += 1;
        fs::remove_dir_all(&damaged).expect("removed");
    }
    println!("{outcomes:?}");
    assert!(outcomes["error"] > TRIALS / 4);
    for undamaged in [&whole, &killed] {
        read(undamaged, &links, &mut random).expect("a store that nobody damaged");
    }
}
