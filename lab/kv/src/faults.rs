//! Damages copies of a small database and counts what comes of it.
//!
//! The database holds 20,000 accounts, their slots and nodes, and after them [`BATCHES`] commits, each with its number under a
//! fixed key. [`verify`] knows the state after every commit: whatever the engine returns must be the state after the last
//! acknowledged one, or after the one that was under way.
//!
//! * `clean`: closed in good order; then one bit is flipped or one file cut short.
//! * `killed`: ended without closing; then the same.
//! * `torn`: ended without closing while the last commit was being written, by a machine that lost power: of the blocks of
//!   4 KiB that this commit changed, any subset is on the disk. Where an engine syncs its data before the root that points to
//!   it, the root stays old.
//!
//! A flip goes to a random file, or, every second time, to a random byte of all; never behind a file's last byte that is not
//! zero. Each trial runs in a child process, so that a crash counts as one.

use crate::{
    dataset::{self, Random},
    engine::{Put, Spec, Table},
    process,
};
use eyre::{Result, bail, ensure};
use std::{
    collections::BTreeMap,
    fs,
    os::unix::{fs::FileExt, process::ExitStatusExt},
    path::{Path, PathBuf},
    process::{Command, Stdio},
    str::FromStr,
    time::{Duration, Instant},
};

const ACCOUNTS: u64 = 20_000;
/// Commits after the load.
pub const BATCHES: u64 = 30;
/// Accounts changed by each.
const CHANGED: u64 = 100;
/// A trial that takes longer has hung.
const PATIENCE: Duration = Duration::from_secs(5);

/// How the database was left.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Mode {
    Clean,
    Killed,
    Torn,
}

impl FromStr for Mode {
    type Err = eyre::Report;

    fn from_str(text: &str) -> Result<Self> {
        Ok(match text {
            "clean" => Self::Clean,
            "killed" => Self::Killed,
            "torn" => Self::Torn,
            other => bail!("no mode `{other}`; there are clean, killed and torn"),
        })
    }
}

/// Commit `number`, 1 the first: changed accounts and nodes, and a block's record of 30,000 bytes.
pub fn numbered(number: u64) -> Vec<Put> {
    let mut batch = dataset::batch(ACCOUNTS, CHANGED, number);
    batch.extend(dataset::block(number));
    batch
}

/// Writes the database that is to be damaged into `dir/before`; for torn writes also its state after one more commit into `dir/after`.
pub fn build(spec: &Spec, dir: &Path, mode: Mode) -> Result<()> {
    let live = dir.join("live");
    let store = spec.open(&live)?;
    for table in [Table::Account, Table::Slot, Table::Node] {
        store.load(table, &mut dataset::sorted(table, ACCOUNTS))?;
    }
    for number in 1..=BATCHES {
        store.commit(&numbered(number))?;
    }
    match mode {
        Mode::Clean => drop(store),
        Mode::Killed => {}
        Mode::Torn => {
            store.settle()?;
            process::copy(&live, &dir.join("before"))?;
            store.commit(&numbered(BATCHES + 1))?;
            process::copy(&live, &dir.join("after"))?;
            std::process::abort();
        }
    }
    process::copy(&live, &dir.join("before"))?;
    std::process::abort();
}

/// The ways a trial ends, as exit codes of [`verify`]; panics and crashes are told from what is left of the process.
const INTACT: i32 = 0;
const OPEN_ERROR: i32 = 10;
const READ_ERROR: i32 = 11;
const WRONG: i32 = 12;
const LOST: i32 = 13;

/// Opens the database, reads everything and exits with what it found; `acknowledged` commits must be there.
pub fn verify(spec: &Spec, dir: &Path, acknowledged: u64) -> Result<()> {
    let exit = |code: i32, what: &str| -> ! {
        println!("{what}");
        std::process::exit(code)
    };
    let store = match spec.open(dir) {
        Ok(store) => store,
        Err(error) => exit(OPEN_ERROR, &format!("open: {error:#}")),
    };
    let read = || -> Result<(i32, String)> {
        let reader = store.reader()?;
        let head = match reader.get(Table::Block, b"head")? {
            Some(bytes) => u64::from_be_bytes(bytes.try_into().unwrap_or([0xff; 8])),
            None => 0,
        };
        if head > acknowledged + 1 {
            return Ok((WRONG, format!("head is {head}")));
        }
        let mut expected: [BTreeMap<Vec<u8>, Vec<u8>>; 4] = Default::default();
        for table in [Table::Account, Table::Slot, Table::Node] {
            for index in 0..dataset::count(table, ACCOUNTS) {
                expected[table as usize].insert(dataset::key(table, index), dataset::value(table, index, 0));
            }
        }
        for number in 1..=head {
            for put in numbered(number) {
                expected[put.table as usize].insert(put.key, put.value);
            }
        }
        // Without its first commit the database has lost all of them, and perhaps the load as well.
        if head == 0 && acknowledged > 0 {
            return Ok((LOST, format!("no commit is left, {acknowledged} were acknowledged")));
        }
        for table in Table::ALL {
            let expected = &expected[table as usize];
            for (key, value) in expected {
                match reader.get(table, key)? {
                    Some(found) if found == *value => {}
                    Some(_) => {
                        return Ok((WRONG, format!("get: wrong value in {}, head {head}", table.name())));
                    }
                    None => {
                        return Ok((WRONG, format!("get: value missing in {}, head {head}", table.name())));
                    }
                }
            }
            let mut left = expected.iter();
            let mut differs = false;
            reader.scan(table, &mut |key, value| {
                differs |= left.next() != Some((&key.to_vec(), &value.to_vec()));
                Ok(())
            })?;
            if differs || left.next().is_some() {
                return Ok((WRONG, format!("scan: wrong items in {}, head {head}", table.name())));
            }
        }
        if head < acknowledged {
            return Ok((LOST, format!("last commit is {head}, {acknowledged} was acknowledged")));
        }
        Ok((INTACT, "intact".to_owned()))
    };
    match read() {
        Ok((code, what)) => exit(code, &what),
        Err(error) => exit(READ_ERROR, &format!("read: {error:#}")),
    }
}

/// Runs [`verify`] in a child process, and returns the class and the first line it printed.
pub fn verdict(spec: &Spec, dir: &Path, acknowledged: u64) -> Result<(&'static str, String)> {
    // Not beside the database, whose disk may be full.
    let out = std::env::temp_dir().join(format!("kv-verdict-{}.out", std::process::id()));
    let err = out.with_extension("err");
    let mut child = Command::new(std::env::current_exe()?)
        .args(["verify", &spec.text, &dir.display().to_string(), &acknowledged.to_string()])
        .stdout(fs::File::create(&out)?)
        .stderr(fs::File::create(&err)?)
        .stdin(Stdio::null())
        .spawn()?;
    let started = Instant::now();
    let status = loop {
        if let Some(status) = child.try_wait()? {
            break status;
        }
        if started.elapsed() > PATIENCE {
            child.kill()?;
            child.wait()?;
            return Ok(("hang", String::new()));
        }
        std::thread::sleep(Duration::from_millis(1));
    };
    let printed = String::from_utf8_lossy(&fs::read(&out)?).lines().next().unwrap_or("").to_owned();
    let complaint = String::from_utf8_lossy(&fs::read(&err)?).lines().take(3).collect::<Vec<_>>().join(" ");
    Ok(match (status.code(), status.signal()) {
        (Some(INTACT), _) => ("intact", printed),
        (Some(OPEN_ERROR), _) => ("error at open", printed),
        (Some(READ_ERROR), _) => ("error at read", printed),
        (Some(WRONG), _) => ("WRONG", printed),
        (Some(LOST), _) => ("LOST COMMITS", printed),
        // A panic while another one unwinds aborts.
        _ if complaint.contains("panicked at") => ("panic", complaint),
        (_, Some(signal)) => ("crash", format!("signal {signal} {complaint}")),
        (code, _) => ("other", format!("{code:?} {complaint}")),
    })
}

/// The length of a file without the zeros at its end.
fn used(bytes: &[u8]) -> usize {
    bytes.iter().rposition(|byte| *byte != 0).map_or(0, |last| last + 1)
}

/// Damages one file of `dir`, and says how.
fn damage(dir: &Path, random: &mut Random) -> Result<String> {
    let mut candidates: Vec<(PathBuf, usize)> = Vec::new();
    for path in process::files(dir)? {
        let length = used(&fs::read(&path)?);
        // A lock file holds nothing that is read.
        if length > 0 && !path.file_name().is_some_and(|name| name == "lock.mdb" || name == "lock") {
            candidates.push((path, length));
        }
    }
    ensure!(!candidates.is_empty(), "no file to damage in {}", dir.display());
    let total: usize = candidates.iter().map(|(_, length)| length).sum();
    let by_bytes = random.below(2) == 0;
    let (path, length) = if by_bytes {
        let mut at = random.below(total as u64) as usize;
        candidates
            .iter()
            .find(|(_, length)| {
                let here = at < *length;
                at = at.saturating_sub(*length);
                here
            })
            .expect("the position is within the sum")
    } else {
        &candidates[random.below(candidates.len() as u64) as usize]
    };
    let file = fs::OpenOptions::new().read(true).write(true).open(path)?;
    let name = path.strip_prefix(dir)?.display();
    let at = random.below(*length as u64);
    if random.below(5) == 0 {
        file.set_len(at)?;
        return Ok(format!("cut {name} at {at} of {length}"));
    }
    let mut byte = [0];
    file.read_exact_at(&mut byte, at)?;
    byte[0] ^= 1 << random.below(8);
    file.write_all_at(&byte, at)?;
    Ok(format!("flip {name} at {at} of {length}"))
}

/// Lays a random subset of the blocks that differ between `before` and `after` over `before`.
fn tear(spec: &Spec, dir: &Path, into: &Path, random: &mut Random) -> Result<String> {
    const BLOCK: usize = 4096;
    process::copy(&dir.join("before"), into)?;
    let keep = random.below(1001);
    let (mut changed, mut kept) = (0, 0);
    for path in process::files(&dir.join("after"))? {
        let name = path.strip_prefix(dir.join("after"))?;
        let new = fs::read(&path)?;
        let old = fs::read(dir.join("before").join(name)).unwrap_or_default();
        if old == new {
            continue;
        }
        let file = fs::OpenOptions::new().write(true).create(true).truncate(false).open(into.join(name))?;
        file.set_len(new.len() as u64)?;
        for (index, chunk) in new.chunks(BLOCK).enumerate() {
            let at = index * BLOCK;
            if old.get(at..(at + chunk.len()).min(old.len())) == Some(chunk) {
                continue;
            }
            // LMDB syncs its data before it writes one of the two roots in the first two pages.
            if spec.name() == "lmdb" && index < 2 {
                continue;
            }
            changed += 1;
            if random.below(1000) < keep {
                file.write_all_at(chunk, at as u64)?;
                kept += 1;
            }
        }
    }
    Ok(format!("{kept} of {changed} blocks"))
}

/// Runs `trials` trials per engine and prints a table, and one example per class.
pub fn trials(specs: &[Spec], dir: &Path, trials: u64, seed: u64, mode: Mode) -> Result<()> {
    for spec in specs {
        let base = dir.join(format!("faults-{}", spec.name()));
        if base.exists() {
            fs::remove_dir_all(&base)?;
        }
        fs::create_dir_all(&base)?;
        let word = format!("{mode:?}").to_lowercase();
        // The child ends by aborting once its copies are made.
        Command::new(std::env::current_exe()?)
            .args(["build", &spec.text, &base.display().to_string(), &word])
            .stderr(Stdio::null())
            .status()?;
        let trial = base.join("trial");
        process::copy(&base.join("before"), &trial)?;
        let (class, what) = verdict(spec, &trial, BATCHES)?;
        ensure!(class == "intact", "{}: undamaged, but {class}: {what}", spec.text);
        let mut random = Random::new(seed);
        let mut counts: BTreeMap<&str, (u64, Vec<String>)> = BTreeMap::new();
        for _ in 0..trials {
            let how = if mode == Mode::Torn {
                tear(spec, &base, &trial, &mut random)?
            } else {
                process::copy(&base.join("before"), &trial)?;
                damage(&trial, &mut random)?
            };
            let (class, what) = verdict(spec, &trial, BATCHES)?;
            let (count, examples) = counts.entry(class).or_default();
            *count += 1;
            if class != "intact" {
                examples.push(format!("{how}: {what}"));
            }
        }
        println!("{} {word}, {trials} trials", spec.text);
        for (class, (count, examples)) in counts {
            println!("  {class}: {count}");
            for example in examples.iter().step_by((examples.len() / 6).max(1)).take(6) {
                println!("      {example}");
            }
        }
        fs::remove_dir_all(&base)?;
    }
    Ok(())
}
