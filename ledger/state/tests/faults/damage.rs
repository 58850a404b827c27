//! Damaged files: whatever is read afterwards is right, or an error says where the damage is.

use crate::{
    POOL,
    chain::{self, Link, Size},
    config,
    random::{Random, seed},
    scratch,
};
use mundi_state::{Expected, Store, StoreError, Watch};
use std::{
    collections::BTreeMap,
    fs,
    panic::{AssertUnwindSafe, catch_unwind},
    path::{Path, PathBuf},
};

/// Names of the store's parts of which an error has to give one, if not the file.
const PLACES: [&str; 20] = [
    "meta",
    "accounts",
    "slots",
    "nodes",
    "code",
    "journal",
    "history",
    "touched",
    "headers",
    "bodies",
    "receipts",
    "heights",
    "transactions",
    "logs",
    "garbage",
    "header",
    "trie",
    "flat values",
    "VERSION",
    "state root",
];

/// A store to be damaged, and what it holds.
struct Sample {
    directory: PathBuf,
    chain: Vec<Link>,
}

/// A store of blocks alone, all of it in the engine's log.
fn young(folder: &Path, random: &mut Random) -> Sample {
    let directory = folder.join("young");
    let (genesis, alloc, link) = chain::genesis();
    drop(Store::create(&directory, &config(), &genesis, &alloc, &POOL).expect("created"));
    let mut chain = vec![link];
    // Opened again, because a log that was never opened has room for 64 MiB.
    grow(&directory, &mut chain, 40, Size::Mixed, random);
    Sample { directory, chain }
}

/// A store that began with a state file, so that tables have files, and that was closed and opened several times.
fn grown(folder: &Path, young: &Sample, random: &mut Random) -> Sample {
    let directory = folder.join("grown");
    let source = Store::open(&young.directory, &config(), &POOL).expect("opened");
    let mut file = Vec::new();
    source.export(&mut file, Watch::NOBODY).expect("exported");
    drop(source);
    let imported = Store::import(&directory, &config(), &*file, Expected::default(), &POOL, Watch::NOBODY)
        .expect("imported");
    drop(imported);
    let mut chain = young.chain.clone();
    grow(&directory, &mut chain, 20, Size::Mixed, random);
    grow(&directory, &mut chain, 20, Size::Mixed, random);
    Sample { directory, chain }
}

/// The same store as it lies on disk while it is open, as a kill leaves it.
fn killed(folder: &Path, sample: &Sample, random: &mut Random) -> Sample {
    let (directory, mut chain) = (folder.join("killed"), sample.chain.clone());
    let store = Store::open(&sample.directory, &config(), &POOL).expect("opened");
    for _ in 0..10 {
        chain::grow(&store, &mut chain, random.next() >> 1, Size::Mixed).expect("committed");
    }
    copy(&sample.directory, &directory);
    Sample { directory, chain }
}

fn grow(directory: &Path, chain: &mut Vec<Link>, blocks: usize, size: Size, random: &mut Random) {
    let store = Store::open(directory, &config(), &POOL).expect("opened");
    for _ in 0..blocks {
        chain::grow(&store, chain, random.next() >> 1, size).expect("committed");
    }
}

pub(crate) fn copy(from: &Path, to: &Path) {
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

fn files(directory: &Path) -> Vec<PathBuf> {
    let mut found = Vec::new();
    for entry in fs::read_dir(directory).expect("a folder") {
        let path = entry.expect("an entry").path();
        match path.is_dir() {
            true => found.extend(files(&path)),
            false => found.push(path),
        }
    }
    found.sort();
    found
}

/// Whether a path is that of a table's file.
fn is_table(path: &Path) -> bool {
    path.parent().is_some_and(|folder| folder.ends_with("tables"))
        && path.file_name().is_some_and(|name| name.to_string_lossy().parse::<u64>().is_ok())
}

/// Damages one file, or exchanges two; says how.
fn damage(directory: &Path, random: &mut Random) -> String {
    let files = files(directory);
    let tables: Vec<_> = files.iter().filter(|path| is_table(path)).collect();
    let pick = |random: &mut Random| {
        // Any file, or any table's file, or the file of any byte.
        match random.below(3) {
            0 => return files[random.below(files.len() as u64) as usize].clone(),
            1 if !tables.is_empty() => return tables[random.below(tables.len() as u64) as usize].clone(),
            _ => {}
        }
        let len = |path: &PathBuf| fs::metadata(path).expect("a file").len();
        let mut at = random.below(files.iter().map(len).sum());
        let holds = |path: &&PathBuf| match at.checked_sub(len(path)) {
            None => true,
            Some(rest) => {
                at = rest;
                false
            }
        };
        files.iter().find(holds).expect("a byte of some file").clone()
    };
    let path = pick(random);
    let name = |path: &Path| path.strip_prefix(directory).expect("below it").display().to_string();
    let mut bytes = fs::read(&path).expect("read");
    let len = bytes.len() as u64;
    let how = match random.below(12) {
        0..6 if len > 0 => {
            let bit = random.below(8 * len);
            bytes[bit as usize / 8] ^= 1 << (bit % 8);
            format!("bit {bit} of {} flipped", name(&path))
        }
        6 | 7 => {
            let end = random.below(len + 1);
            bytes.truncate(end as usize);
            format!("{} cut at {end} of {len}", name(&path))
        }
        8 if len > 0 => {
            let start = random.below(len) / 512 * 512;
            let end = (start + [512, 4096][random.below(2) as usize]).min(len);
            bytes[start as usize..end as usize].fill(0);
            format!("{} zeroed from {start} to {end}", name(&path))
        }
        9 => {
            bytes.extend(chain::bytes(random, 100));
            format!("{} followed by other bytes", name(&path))
        }
        10 => {
            fs::remove_file(&path).expect("removed");
            return format!("{} removed", name(&path));
        }
        _ => {
            let other = pick(random);
            let swapped = fs::read(&other).expect("read");
            fs::write(&other, &bytes).expect("written");
            bytes = swapped;
            format!("{} and {} exchanged", name(&path), name(&other))
        }
    };
    fs::write(&path, bytes).expect("written");
    how
}

#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
enum Outcome {
    Right,
    RefusedToOpen,
    RefusedToRead,
}

/// Opens a store and reads everything. Panics if anything is wrong and nothing says so.
fn read(directory: &Path, chain: &[Link], random: &mut Random) -> (Outcome, String) {
    let store = match Store::open(directory, &config(), &POOL) {
        Ok(store) => store,
        Err(error) => return (Outcome::RefusedToOpen, error.to_string()),
    };
    match chain::compare(&store, chain, true, random) {
        Ok(()) => (Outcome::Right, String::new()),
        Err(error) => (Outcome::RefusedToRead, error),
    }
}

fn trials(sample: &Sample, trials: usize, seed: u64) {
    let mut random = Random(seed);
    let mut outcomes: BTreeMap<Outcome, usize> = BTreeMap::new();
    let scratch = scratch();
    let mut failures = Vec::new();
    for trial in 0..trials {
        let directory = scratch.path().join(trial.to_string());
        copy(&sample.directory, &directory);
        let how = damage(&directory, &mut random);
        let read = catch_unwind(AssertUnwindSafe(|| read(&directory, &sample.chain, &mut random)));
        match read {
            Err(panic) => {
                let message = panic.downcast_ref::<String>().cloned();
                let message = message.or_else(|| panic.downcast_ref::<&str>().map(|text| (*text).to_owned()));
                failures.push(format!("trial {trial}, {how}: {}", message.unwrap_or_default()));
            }
            Ok((outcome, error)) => {
                *outcomes.entry(outcome).or_default() += 1;
                let place = directory.display().to_string();
                if !error.is_empty() && !PLACES.iter().chain([&&*place]).any(|place| error.contains(place)) {
                    failures.push(format!("trial {trial}, {how}: nothing is named: {error}"));
                }
                if std::env::var_os("FAULTS_SHOW").is_some() {
                    println!("{outcome:?}, {how}: {error}");
                }
            }
        }
        fs::remove_dir_all(&directory).expect("removed");
    }
    println!("{outcomes:?}");
    assert!(failures.is_empty(), "FAULTS_SEED={seed}\n{}", failures.join("\n"));
}

#[test]
fn damage_of_a_store_in_the_log_is_named_or_does_no_harm() {
    let seed = seed(0x4d55_4e44_4930);
    let scratch = scratch();
    let mut random = Random(seed);
    let young = young(scratch.path(), &mut random);
    trials(&young, 250, seed);
    trials(&killed(scratch.path(), &young, &mut random), 250, seed);
}

#[test]
fn damage_of_a_store_with_table_files_is_named_or_does_no_harm() {
    let seed = seed(0x4d55_4e44_4931);
    let scratch = scratch();
    let mut random = Random(seed);
    let young = young(scratch.path(), &mut random);
    let grown = grown(scratch.path(), &young, &mut random);
    trials(&grown, 500, seed);
    trials(&killed(scratch.path(), &grown, &mut random), 300, seed);
}

/// Every file of every table, not only what is read on opening.
#[test]
fn a_check_of_all_files_finds_every_damaged_one() {
    let seed = seed(0x4d55_4e44_4932);
    let scratch = scratch();
    let mut random = Random(seed);
    let young = young(scratch.path(), &mut random);
    let sample = grown(scratch.path(), &young, &mut random);
    Store::check_files(&sample.directory, |_, _| {}).expect("nothing is damaged");
    let tables: Vec<_> = files(&sample.directory).into_iter().filter(|path| is_table(path)).collect();
    assert!(tables.len() > 4, "{tables:?}");
    for path in tables {
        let bytes = fs::read(&path).expect("read");
        let mut flipped = bytes.clone();
        flipped[random.below(bytes.len() as u64) as usize] ^= 1 << random.below(8);
        fs::write(&path, flipped).expect("written");
        let error = Store::check_files(&sample.directory, |_, _| {}).expect_err("it is damaged").to_string();
        assert!(error.contains(&path.display().to_string()), "FAULTS_SEED={seed} {error}");
        fs::write(&path, bytes).expect("written");
    }
}

/// The log's file.
fn log_file(directory: &Path) -> PathBuf {
    let mut logs: Vec<_> = files(directory)
        .into_iter()
        .filter(|path| path.extension().is_some_and(|name| name == "jnl"))
        .collect();
    logs.pop().expect("a log")
}

/// A power failure while a batch is written: any of its sectors are on disk, and the note that it is there is not.
#[test]
fn a_batch_torn_by_a_power_failure_is_dropped_and_nothing_else() {
    let seed = seed(0x4d55_4e44_4933);
    let mut random = Random(seed);
    let scratch = scratch();
    let Sample { directory, mut chain } = young(scratch.path(), &mut random);
    let before = scratch.path().join("before");
    let after = scratch.path().join("after");
    let store = Store::open(&directory, &config(), &POOL).expect("opened");
    for _ in 0..3 {
        chain::grow(&store, &mut chain, 3 * (random.next() >> 3) + 1, Size::Heavy).expect("committed");
    }
    copy(&directory, &before);
    chain::grow(&store, &mut chain, 3 * (random.next() >> 3) + 1, Size::Heavy).expect("committed");
    copy(&directory, &after);
    drop(store);
    let (old, new) = (fs::read(log_file(&before)).expect("read"), fs::read(log_file(&after)).expect("read"));
    assert!(new.starts_with(&old) && new.len() > old.len());
    let mut heights = BTreeMap::new();
    for trial in 0..60 {
        let torn = scratch.path().join("torn");
        copy(&before, &torn);
        let mut log = old.clone();
        log.resize(new.len(), 0);
        // Sometimes all of them.
        let chance = if random.one_in(8) { u64::MAX } else { 1 + random.below(6) };
        for start in (old.len() / 512 * 512..new.len()).step_by(512) {
            let sector = start.max(old.len())..(start + 512).min(new.len());
            if !random.one_in(chance) {
                log[sector.clone()].copy_from_slice(&new[sector]);
            }
        }
        if random.one_in(3) {
            log.truncate(old.len() + random.below((new.len() - old.len()) as u64) as usize);
        }
        fs::write(log_file(&torn), log).expect("written");
        let store = Store::open(&torn, &config(), &POOL)
            .unwrap_or_else(|error| panic!("FAULTS_SEED={seed}, trial {trial}: {error}"));
        let height = store.tip().height as usize;
        assert!(height + 2 == chain.len() || height + 1 == chain.len(), "FAULTS_SEED={seed}, trial {trial}");
        let mut chain = chain[..=height].to_vec();
        chain::compare(&store, &chain, false, &mut random).expect("all is readable");
        chain::grow(&store, &mut chain, 1, Size::Mixed).expect("it goes on");
        drop(store);
        let store = Store::open(&torn, &config(), &POOL).expect("opened again");
        assert_eq!(store.tip().height as usize, height + 1);
        drop(store);
        *heights.entry(height).or_insert(0) += 1;
        fs::remove_dir_all(&torn).expect("removed");
    }
    println!("torn at {}: {heights:?}", chain.len() - 1);
}

/// After a power failure the note of what was acknowledged may be old; damage before later batches is found all the same.
#[test]
fn damage_of_the_log_is_an_error_even_where_the_note_of_its_length_is_old() {
    let seed = seed(0x4d55_4e44_4934);
    let mut random = Random(seed);
    let scratch = scratch();
    let Sample { directory, mut chain } = young(scratch.path(), &mut random);
    let head = directory.join("tables/head");
    let (old_head, old_len) =
        (fs::read(&head).expect("read"), fs::metadata(log_file(&directory)).expect("a file").len());
    grow(&directory, &mut chain, 12, Size::Mixed, &mut random);
    let log = log_file(&directory);
    let bytes = fs::read(&log).expect("read");
    // The last batch could be a torn one.
    let last = bytes.windows(4).rposition(|end| end == b"FJL\x03").expect("an end");
    let end = bytes[..last].windows(4).rposition(|end| end == b"FJL\x03").expect("an end") + 4;
    fs::write(&head, old_head).expect("written");
    for trial in 0..80 {
        let mut damaged = bytes.clone();
        let at = old_len + random.below(end as u64 - old_len);
        damaged[at as usize] ^= 1 << random.below(8);
        fs::write(&log, &damaged).expect("written");
        let error = Store::open(&directory, &config(), &POOL).expect_err("damage");
        let context = format!("FAULTS_SEED={seed}, trial {trial}: byte {at}: {error}");
        assert!(matches!(error, StoreError::Lost { .. }), "{context}");
        assert!(error.to_string().contains(&log.display().to_string()), "{context}");
        assert_eq!(fs::read(&log).expect("read"), damaged, "{context}: nothing is touched");
    }
    fs::write(&log, &bytes).expect("written");
    let store = Store::open(&directory, &config(), &POOL).expect("opened");
    chain::compare(&store, &chain, true, &mut random).expect("all is readable");
}

#[test]
fn what_follows_damage_of_the_log_can_be_given_up() {
    let seed = seed(0x4d55_4e44_4935);
    let mut random = Random(seed);
    let scratch = scratch();
    let sample = young(scratch.path(), &mut random);
    let log = log_file(&sample.directory);
    let bytes = fs::read(&log).expect("read");
    for trial in 0..12 {
        let context = format!("FAULTS_SEED={seed}, trial {trial}");
        let directory = scratch.path().join("given-up");
        copy(&sample.directory, &directory);
        let mut damaged = bytes.clone();
        // Behind the genesis.
        let at = bytes.len() / 4 + random.below(bytes.len() as u64 * 3 / 4) as usize;
        damaged[at] ^= 1 << random.below(8);
        fs::write(log_file(&directory), damaged).expect("written");
        let error = Store::open(&directory, &config(), &POOL).expect_err("damage");
        let StoreError::Lost { found: Some(found), acknowledged, .. } = error else {
            panic!("{context}: {error}")
        };
        assert_eq!(acknowledged as usize, sample.chain.len() - 1, "{context}");
        Store::give_up(&directory).unwrap_or_else(|error| panic!("{context}: {error}"));
        let store =
            Store::open(&directory, &config(), &POOL).unwrap_or_else(|error| panic!("{context}: {error}"));
        assert_eq!(store.tip().height, found, "{context}");
        let mut chain = sample.chain[..=found as usize].to_vec();
        chain::compare(&store, &chain, true, &mut random).expect("all is readable");
        chain::grow(&store, &mut chain, 5, Size::Mixed).expect("it goes on");
        drop(store);
        let store = Store::open(&directory, &config(), &POOL).expect("opened again");
        chain::compare(&store, &chain, true, &mut random).expect("all is readable");
        drop(store);
        assert!(log_file(&directory).with_extension("lost").exists(), "{context}: what is cut off is kept");
        fs::remove_dir_all(&directory).expect("removed");
    }
}

#[test]
fn without_its_log_a_store_is_lost_and_says_so() {
    let scratch = scratch();
    let sample = young(scratch.path(), &mut Random(seed(0x4d55_4e44_4936)));
    fs::remove_file(log_file(&sample.directory)).expect("removed");
    let refused = [
        Store::open(&sample.directory, &config(), &POOL).map(drop),
        Store::give_up(&sample.directory),
        Store::open(&sample.directory, &config(), &POOL).map(drop),
    ];
    for refused in refused {
        let error = refused.expect_err("nothing is left");
        let newest = sample.chain.len() as u64 - 1;
        assert!(
            matches!(error, StoreError::Lost { acknowledged, found: None, .. } if acknowledged == newest),
            "{error}"
        );
        assert!(error.to_string().contains(&sample.directory.display().to_string()), "{error}");
    }
}
