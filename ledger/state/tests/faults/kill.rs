//! Kill -9 at any moment: the store opens at a wholly committed block, with all that was acknowledged.
//!
//! A child process (this program once more) works on a store and writes down each step before it and after it. It is
//! killed while it is at one of them, and what it left behind is compared with the chain that follows from its notes.

use crate::{
    POOL,
    chain::{self, Link, Size},
    config,
    random::{Random, seed},
    scratch,
};
use mundi_state::{Store, StoreError};
use std::{
    collections::BTreeMap,
    fmt::Display,
    fs::{File, OpenOptions},
    io::Write,
    os::unix::process::ExitStatusExt,
    path::{Path, PathBuf},
    process::{Command, Stdio},
    str::FromStr,
    time::{Duration, Instant},
};

/// Where the child works: folder, size of blocks, seed.
const TASK: &str = "FAULTS_CHILD";

/// Kills in one store before the next one is made.
const KILLS_PER_STORE: usize = 20;

/// Blocks whose states are kept here: more than a store ever keeps with the settings of these tests.
const STATES: usize = 64;

/// A child that has not come to its end by then is killed wherever it is.
const PATIENCE: Duration = Duration::from_secs(10);

/// Where children are killed.
const STEPS: [&str; 9] = ["open", "open", "block", "persist", "persist", "flush", "flush", "rewind", "close"];

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Note {
    Create,
    Open,
    Opened(u64),
    /// A block with this salt is staged and published.
    Block(u64),
    Persist,
    /// Persisted up to this height.
    Acked(u64),
    Flush,
    Flushed,
    Rewind(u64),
    Rewound,
    Refused,
    Close,
    Closed,
}

impl Note {
    fn name(self) -> String {
        let name = format!("{self:?}").to_lowercase();
        name.split('(').next().unwrap_or_default().to_owned()
    }
}

impl FromStr for Note {
    type Err = String;

    fn from_str(line: &str) -> Result<Self, String> {
        let (name, number) = line.trim_end_matches(')').split_once('(').unwrap_or((line, "0"));
        let number = number.parse().map_err(|_| line.to_owned())?;
        Ok(match name {
            "Create" => Self::Create,
            "Open" => Self::Open,
            "Opened" => Self::Opened(number),
            "Block" => Self::Block(number),
            "Persist" => Self::Persist,
            "Acked" => Self::Acked(number),
            "Flush" => Self::Flush,
            "Flushed" => Self::Flushed,
            "Rewind" => Self::Rewind(number),
            "Rewound" => Self::Rewound,
            "Refused" => Self::Refused,
            "Close" => Self::Close,
            "Closed" => Self::Closed,
            _ => return Err(line.to_owned()),
        })
    }
}

fn notes_file(folder: &Path) -> PathBuf {
    folder.join("notes")
}

/// The child's work. Does nothing in a run of all tests.
#[test]
#[ignore = "the child of the other tests"]
fn child() {
    let Ok(task) = std::env::var(TASK) else { return };
    let [folder, size, seed, step, passes, moment] = task.split('\n').collect::<Vec<_>>()[..] else {
        panic!("{task}")
    };
    let number = |text: &str| text.parse::<u64>().expect("a number");
    let size = if size == "heavy" { Size::Heavy } else { Size::Mixed };
    let end =
        End { step: step.to_owned(), passes: number(passes), moment: Duration::from_micros(number(moment)) };
    Work::new(Path::new(folder), size, number(seed), end).run();
}

/// When the child is killed: a moment after it began a step for the last of several times.
#[derive(Clone, Debug)]
struct End {
    step: String,
    passes: u64,
    moment: Duration,
}

impl End {
    fn random(random: &mut Random) -> Self {
        let step = STEPS[random.below(STEPS.len() as u64) as usize];
        // Opening and closing are far apart.
        let passes = random.below(if matches!(step, "open" | "close") { 2 } else { 4 });
        let longest = [10, 60, 300, 5000][random.below(4) as usize];
        Self { step: step.to_owned(), passes, moment: Duration::from_micros(random.below(longest)) }
    }

    fn begins(&mut self, note: Note) {
        if self.step == note.name() {
            if self.passes == 0 {
                let moment = self.moment;
                std::thread::spawn(move || {
                    let began = Instant::now();
                    while began.elapsed() < moment {
                        std::hint::spin_loop();
                    }
                    // What `kill -9` sends.
                    signal_hook::low_level::raise(9)
                });
            }
            self.passes = self.passes.wrapping_sub(1);
        }
    }
}

struct Work {
    folder: PathBuf,
    size: Size,
    random: Random,
    notes: File,
    end: End,
}

impl Work {
    fn new(folder: &Path, size: Size, seed: u64, end: End) -> Self {
        let notes = OpenOptions::new().append(true).create(true).open(notes_file(folder)).expect("a file");
        Self { folder: folder.to_path_buf(), size, random: Random(seed), notes, end }
    }

    fn note(&mut self, note: Note) {
        self.notes.write_all(format!("{note:?}\n").as_bytes()).expect("written");
        self.end.begins(note);
    }

    /// Makes the store if there is none, then works on it without end.
    fn run(mut self) {
        let directory = self.folder.join("store");
        let mut chain = Chain::read(&self.folder, self.size);
        if !Store::exists(&directory) {
            self.note(Note::Create);
            let (genesis, alloc, _) = chain::genesis();
            let store = Store::create(&directory, &config(), &genesis, &alloc, &POOL).expect("created");
            drop(store);
        }
        loop {
            self.note(Note::Open);
            let store = Store::open(&directory, &config(), &POOL).expect("opened");
            let height = store.tip().height;
            self.note(Note::Opened(height));
            chain.take(Note::Opened(height));
            for _ in 0..20 + self.random.below(60) {
                self.step(&store, &mut chain);
            }
            self.note(Note::Close);
            drop(store);
            self.note(Note::Closed);
        }
    }

    fn step(&mut self, store: &Store, chain: &mut Chain) {
        match self.random.below(40) {
            0..6 => self.persist(store),
            6..9 => {
                self.note(Note::Flush);
                store.flush().expect("flushed");
                self.note(Note::Flushed);
            }
            9..12 => {
                let height = store.tip().height.saturating_sub(self.random.below(8));
                self.note(Note::Rewind(height));
                chain.take(Note::Rewind(height));
                let outcome = match store.rewind(height) {
                    Ok(()) => Note::Rewound,
                    Err(StoreError::NotKept { .. }) => Note::Refused,
                    Err(error) => panic!("{error}"),
                };
                self.note(outcome);
                chain.take(outcome);
            }
            _ => {
                let salt = self.random.next() >> 1;
                self.note(Note::Block(salt));
                // The chain is taken on by the note, as the parent does it.
                chain::publish(store, chain.tip(), salt, self.size).expect("published");
                chain.take(Note::Block(salt));
                if self.random.one_in(2) {
                    self.persist(store);
                    if store.needs_flush() {
                        self.note(Note::Flush);
                        store.flush().expect("flushed");
                        self.note(Note::Flushed);
                    }
                }
            }
        }
    }

    fn persist(&mut self, store: &Store) {
        self.note(Note::Persist);
        store.persist().expect("persisted");
        let height = store.persisted().height;
        self.note(Note::Acked(height));
    }
}

/// The chain that follows from notes.
struct Chain {
    size: Size,
    links: Vec<Link>,
    /// What [`links`](Self::links) are without the last, unacknowledged, dropping of blocks.
    undropped: Option<Vec<Link>>,
    /// Was on disk.
    acked: u64,
    /// Notes read.
    read: usize,
    last: Note,
}

impl Chain {
    fn new(size: Size) -> Self {
        let links = vec![chain::genesis().2];
        Self { size, links, undropped: None, acked: 0, read: 0, last: Note::Create }
    }

    fn read(folder: &Path, size: Size) -> Self {
        let mut chain = Self::new(size);
        chain.read_on(folder);
        chain
    }

    /// Takes the notes that are new.
    fn read_on(&mut self, folder: &Path) {
        let text = std::fs::read_to_string(notes_file(folder)).unwrap_or_default();
        // A line is one write, so it is there wholly or not at all.
        for line in text.lines().skip(self.read) {
            self.take(line.parse().expect("a note"));
            self.read += 1;
        }
    }

    fn tip(&self) -> &Link {
        self.links.last().expect("the genesis")
    }

    fn take(&mut self, note: Note) {
        self.last = note;
        match note {
            Note::Opened(height) => self.settle(height),
            Note::Block(salt) => {
                let link = self.tip().next(salt, self.size);
                self.links.push(link);
                if let Some(old) = self.links.len().checked_sub(STATES) {
                    self.links[old].forget();
                }
            }
            Note::Acked(height) => self.acked = height,
            Note::Rewind(height) => {
                self.undropped = Some(self.links.clone());
                self.links.truncate(height as usize + 1);
            }
            Note::Rewound => {
                self.undropped = None;
                self.acked = self.acked.min(self.links.len() as u64 - 1);
            }
            Note::Refused => self.links = self.undropped.take().expect("blocks were to be dropped"),
            _ => {}
        }
    }

    /// The store is at this height now.
    fn settle(&mut self, height: u64) {
        if let Some(undropped) = self.undropped.take()
            && height >= self.links.len() as u64
        {
            self.links = undropped;
        }
        self.links.truncate(height as usize + 1);
        self.acked = height;
    }

    /// Whether a store may be at this height after a kill.
    fn allows(&self, height: u64) -> bool {
        let dropped = self.links.len() as u64 - 1;
        match &self.undropped {
            // Dropped, or not: blocks above the kept ones may have been in memory only.
            Some(links) => {
                height == dropped.min(self.acked) || (self.acked..links.len() as u64).contains(&height)
            }
            None => (self.acked..=dropped).contains(&height),
        }
    }
}

/// Runs a child up to its end.
fn run_child(folder: &Path, size: Size, seed: u64, end: &End, context: &dyn Display) {
    let size = if size == Size::Heavy { "heavy" } else { "mixed" };
    let End { step, passes, moment } = end;
    let errors = folder.join("stderr");
    let mut child = Command::new(std::env::current_exe().expect("this program"))
        .args(["--exact", "kill::child", "--ignored", "--nocapture", "--test-threads=1"])
        .env(TASK, format!("{}\n{size}\n{seed}\n{step}\n{passes}\n{}", folder.display(), moment.as_micros()))
        .stdout(Stdio::null())
        .stderr(File::create(&errors).expect("a file"))
        .spawn()
        .expect("it starts");
    let began = Instant::now();
    let status = loop {
        match child.try_wait().expect("a child") {
            Some(status) => break status,
            None if began.elapsed() > PATIENCE => {
                child.kill().expect("killed");
                break child.wait().expect("gone");
            }
            None => std::thread::sleep(Duration::from_millis(1)),
        }
    };
    if status.signal() != Some(9) {
        let errors = std::fs::read_to_string(errors).unwrap_or_default();
        panic!("{context}: the child ended by itself with {status}\n{errors}");
    }
}

/// Kills in stores of their own, one after the other.
fn run(size: Size, stores: u64, seed: u64) -> BTreeMap<String, usize> {
    let mut kills = BTreeMap::new();
    for number in 0..stores {
        let seed = seed + number;
        let mut random = Random(seed);
        let scratch = scratch();
        let folder = scratch.path();
        let mut chain = Chain::new(size);
        for kill in 0..KILLS_PER_STORE {
            let context = format!("FAULTS_SEED={seed}, kill {kill}");
            let end = End::random(&mut random);
            run_child(folder, size, random.next(), &end, &context);
            chain.read_on(folder);
            *kills.entry(chain.last.name()).or_default() += 1;
            if chain.last == Note::Open && random.one_in(2) {
                // The next child opens what this one left half opened.
                continue;
            }
            let directory = folder.join("store");
            if !Store::exists(&directory) {
                assert_eq!(chain.last, Note::Create, "{context}");
                continue;
            }
            let store = Store::open(&directory, &config(), &POOL).unwrap_or_else(|error| {
                panic!("{context}: after {:?}: {error}", chain.last);
            });
            let height = store.tip().height;
            assert!(
                chain.allows(height),
                "{context}: after {:?} the store is at {height}; {} was acknowledged, {} published",
                chain.last,
                chain.acked,
                chain.links.len() - 1
            );
            chain.settle(height);
            let deep = random.one_in(12);
            chain::compare(&store, &chain.links, deep, &mut random)
                .unwrap_or_else(|error| panic!("{context}: {error}"));
        }
        if size == Size::Heavy {
            // More than the log holds: it was rotated, and values are in tables' files.
            assert!(
                !folder.join("store/tables/0.jnl").exists(),
                "FAULTS_SEED={seed}: the first log is still there"
            );
        }
    }
    kills
}

#[test]
fn after_a_kill_the_store_opens_at_an_acknowledged_block_or_a_later_one() {
    let kills = run(Size::Mixed, 14, seed(0x4d55_4e44_4900));
    println!("kills by step: {kills:?}");
    assert!(kills.values().sum::<usize>() >= 250);
}

/// Big blocks make the engine write its tables, merge them and rotate its log meanwhile.
#[test]
fn after_a_kill_among_big_blocks_too() {
    let kills = run(Size::Heavy, 1, seed(0x4d55_4e44_4910));
    println!("kills by step: {kills:?}");
}

#[test]
fn a_store_killed_while_it_is_created_is_there_wholly_or_is_created_again() {
    let seed = seed(0x4d55_4e44_4920);
    let mut random = Random(seed);
    let (mut whole, mut none) = (0, 0);
    for kill in 0..30 {
        let context = format!("FAULTS_SEED={seed}, kill {kill}");
        let scratch = scratch();
        let folder = scratch.path();
        let end =
            End { step: "create".into(), passes: 0, moment: Duration::from_micros(random.below(30_000)) };
        run_child(folder, Size::Mixed, 1, &end, &context);
        let directory = folder.join("store");
        let store = match Store::exists(&directory) {
            true => {
                whole += 1;
                Store::open(&directory, &config(), &POOL)
            }
            false => {
                none += 1;
                let refused = Store::open(&directory, &config(), &POOL);
                assert!(matches!(refused, Err(StoreError::Missing(_))), "{context}: {refused:?}");
                let (genesis, alloc, _) = chain::genesis();
                Store::create(&directory, &config(), &genesis, &alloc, &POOL)
            }
        };
        let store = store.unwrap_or_else(|error| panic!("{context}: {error}"));
        let mut chain = Chain::read(folder, Size::Mixed);
        assert!(chain.allows(store.tip().height), "{context}");
        chain.settle(store.tip().height);
        chain::compare(&store, &chain.links, true, &mut random)
            .unwrap_or_else(|error| panic!("{context}: {error}"));
    }
    println!("killed while created: {whole} whole, {none} not there");
}
