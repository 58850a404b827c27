//! Runs test files: tells their kinds apart, spreads them over threads and gathers the results.

use crate::{
    block_test,
    engine::Engine,
    failure::{Failure, FailureKind, Reason, Skip},
    source::{self, Limits, TestFile},
    state_test,
    stored::Place,
    summary::Summary,
    transaction_test, trie_test,
};
use mundi_execution::Mode;
use rayon::{
    ThreadPool,
    iter::{IntoParallelIterator, ParallelIterator},
};
use serde::{Deserialize, de::IgnoredAny};
use serde_json::value::RawValue;
use std::{
    collections::BTreeMap,
    num::NonZeroUsize,
    panic::{AssertUnwindSafe, catch_unwind},
    path::PathBuf,
    sync::atomic::{AtomicU64, Ordering},
};

/// What a test file tests.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, serde::Serialize)]
#[serde(rename_all = "lowercase")]
pub enum Kind {
    /// One transaction on a state (`GeneralStateTests`, `state_tests`).
    State,
    /// A chain of blocks (`BlockchainTests`, `blockchain_tests`).
    Block,
    /// Decoding of a transaction (`TransactionTests`).
    Transaction,
    /// Roots of tries (`TrieTests`).
    Trie,
}

/// How to run test files.
#[derive(Clone, Debug)]
pub struct Config {
    /// Which kinds to run. Files of other kinds are passed over.
    pub kinds: Vec<Kind>,
    /// Modes to execute in; the first is what the others are compared with.
    pub modes: Vec<Mode>,
    /// Threads for each execution.
    pub threads: NonZeroUsize,
    /// Only vectors whose name (`file::test` and what tells the vectors of the test apart) contains this.
    pub filter: Option<String>,
    /// Vectors whose name contains one of these are skipped, see [`SLOW`].
    pub skip: Vec<String>,
    /// A folder for stores: the states of each block test are kept in a store of its own in there, which goes when the
    /// test is done. `None` keeps them in memory.
    pub store: Option<PathBuf>,
    /// Bounds on what is read.
    pub limits: Limits,
}

/// Names of vectors that take minutes each: billions of rounds of a hash function, or hundreds of millions of steps.
/// They are run like all others unless they are put into [`Config::skip`].
pub const SLOW: [&str; 3] = ["CALLBlake2f_MaxRounds", "loopMul", "static_Call50000_sha256"];

impl Config {
    /// These kinds, in sequential and optimistic mode on four threads, with default limits.
    pub fn new(kinds: impl Into<Vec<Kind>>) -> Self {
        Self {
            kinds: kinds.into(),
            modes: vec![Mode::Sequential, Mode::Optimistic],
            threads: NonZeroUsize::new(4).expect("four is not zero"),
            filter: None,
            skip: Vec::new(),
            store: None,
            limits: Limits::default(),
        }
    }

    /// What `mundi statetest` runs.
    pub fn state_tests() -> Self {
        Self::new([Kind::State])
    }

    /// What `mundi blocktest` runs: block tests, and the transaction and trie tests that come with them.
    pub fn block_tests() -> Self {
        Self::new([Kind::Block, Kind::Transaction, Kind::Trie])
    }
}

/// The pools that lend their threads. They are two, because a thread that runs a file waits for the engine.
#[derive(Clone, Copy, Debug)]
pub struct Workers<'a> {
    /// Files are run here, one per thread at a time. Stores compute their roots here too.
    pub files: &'a ThreadPool,
    /// The engine takes its helping threads from here.
    pub engine: &'a ThreadPool,
}

/// How far a run is.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Progress {
    /// Files done.
    pub files: u64,
    /// Vectors done.
    pub vectors: u64,
    /// Vectors and files that did not pass.
    pub failures: u64,
}

/// Runs all test files under `paths`. After each file `progress` is called, on whichever thread ran it.
///
/// Call it from a thread that belongs to neither pool.
///
/// ```no_run
/// use mundi_conformance::{Config, Workers, run};
///
/// let pool = |threads| rayon::ThreadPoolBuilder::new().num_threads(threads).build();
/// let (files, engine) = (pool(2)?, pool(3)?);
/// let workers = Workers { files: &files, engine: &engine };
/// let summary = run(&["state-tests.tar.gz".into()], &Config::state_tests(), workers, &|_| {});
/// println!("{}", summary.to_table());
/// # Ok::<(), Box<dyn std::error::Error>>(())
/// ```
pub fn run(
    paths: &[PathBuf],
    config: &Config,
    workers: Workers<'_>,
    progress: &(dyn Fn(Progress) + Sync),
) -> Summary {
    let engine = Engine { pool: workers.engine, threads: config.threads, modes: &config.modes };
    let place = config.store.as_deref().map(|folder| Place { folder, pool: workers.files });
    let mut summary = Summary::default();
    let (files, vectors, failed) = (AtomicU64::new(0), AtomicU64::new(0), AtomicU64::new(0));
    let other_kinds = AtomicU64::new(0);
    let run_one = |file: TestFile| {
        let result = match run_file(&file, config, &engine, place) {
            FileOutcome::Ran(result) => Some(result),
            FileOutcome::OtherKind => {
                other_kinds.fetch_add(1, Ordering::Relaxed);
                None
            }
            FileOutcome::FilteredOut => None,
        };
        let add =
            |counter: &AtomicU64, by: usize| counter.fetch_add(by as u64, Ordering::Relaxed) + by as u64;
        let (done, bad) = result.as_ref().map_or((0, 0), |result| (result.vectors, result.failures.len()));
        progress(Progress {
            files: add(&files, 1),
            vectors: add(&vectors, done as usize),
            failures: add(&failed, bad),
        });
        result.map(|result| (file.name, result))
    };
    let errors = source::read_all(paths, config.limits, &mut |batch| {
        let results: Vec<_> = workers.files.install(|| batch.into_par_iter().map(run_one).collect());
        for (name, result) in results.into_iter().flatten() {
            summary.add(&name, result);
        }
    });
    summary.other_kinds = other_kinds.into_inner();
    for error in errors {
        let failures = vec![malformed(&error.name, "", error.reason)];
        summary.add(&error.name, FileResult { failures, ..FileResult::default() });
    }
    summary
}

/// What came of one file.
enum FileOutcome {
    /// Some of its vectors ran, or it is malformed.
    Ran(FileResult),
    /// All its tests are of kinds that are not wanted.
    OtherKind,
    /// The filter let none of its vectors through, or it holds none.
    FilteredOut,
}

/// The vectors of one file.
#[derive(Debug, Default)]
pub(crate) struct FileResult {
    pub(crate) vectors: u64,
    pub(crate) failures: Vec<Failure>,
    pub(crate) skips: Vec<Skip>,
}

/// Collects the results of the vectors of one test.
pub(crate) struct Recorder<'a> {
    file: &'a str,
    test: &'a str,
    config: &'a Config,
    result: FileResult,
}

impl Recorder<'_> {
    /// Runs the only vector of the test.
    pub(crate) fn vector(&mut self, run: impl Fn() -> Result<(), Reason> + Sync) {
        self.vectors(vec![(String::new(), ())], |()| run());
    }

    /// Runs vectors, in parallel, unless they are filtered out. Their names tell them apart from the others of their
    /// test.
    pub(crate) fn vectors<T: Send>(
        &mut self,
        vectors: Vec<(String, T)>,
        run: impl Fn(T) -> Result<(), Reason> + Sync,
    ) {
        let run_one = |(name, vector): (String, T)| {
            let separator = if name.is_empty() { "" } else { "/" };
            let name = format!("{}{separator}{name}", self.test);
            let full = format!("{}::{name}", self.file);
            if self.config.filter.as_deref().is_some_and(|filter| !full.contains(filter)) {
                return None;
            }
            if self.config.skip.iter().any(|skip| full.contains(skip)) {
                return Some((name, Err(Reason::Skipped("left out, as asked".into()))));
            }
            let result = catch_unwind(AssertUnwindSafe(|| run(vector)))
                .unwrap_or_else(|panic| Err(Reason::Panic(message_of(&*panic))));
            Some((name, result))
        };
        let results: Vec<_> = vectors.into_par_iter().map(run_one).collect();
        for (vector, result) in results.into_iter().flatten() {
            self.result.vectors += 1;
            let file = self.file.to_owned();
            match result {
                Ok(()) => {}
                Err(Reason::Skipped(reason)) => self.result.skips.push(Skip { file, vector, reason }),
                Err(reason) => {
                    let (kind, reason) = (reason.kind(), reason.to_string());
                    self.result.failures.push(Failure { file, vector, kind, reason });
                }
            }
        }
    }
}

fn message_of(panic: &(dyn std::any::Any + Send)) -> String {
    let text = panic.downcast_ref::<&str>().map(|text| (*text).to_owned());
    text.or_else(|| panic.downcast_ref::<String>().cloned()).unwrap_or_else(|| "without a message".into())
}

fn malformed(file: &str, vector: &str, reason: String) -> Failure {
    Failure { file: file.to_owned(), vector: vector.to_owned(), kind: FailureKind::Malformed, reason }
}

fn run_file(file: &TestFile, config: &Config, engine: &Engine<'_>, place: Option<Place<'_>>) -> FileOutcome {
    let mut result = FileResult::default();
    let tests: BTreeMap<String, &RawValue> = match serde_json::from_slice(&file.content) {
        Ok(tests) => tests,
        Err(error) => {
            result.failures.push(malformed(&file.name, "", format!("not a test file: {error}")));
            return FileOutcome::Ran(result);
        }
    };
    let mut wanted = false;
    for (name, test) in &tests {
        let kind = match kind_of(test) {
            Ok(kind) => kind,
            Err(reason) => {
                result.vectors += 1;
                result.failures.push(malformed(&file.name, name, reason));
                continue;
            }
        };
        if !config.kinds.contains(&kind) {
            continue;
        }
        wanted = true;
        let mut recorder = Recorder { file: &file.name, test: name, config, result: FileResult::default() };
        match kind {
            Kind::State => state_test::run(test.get(), engine, &mut recorder),
            Kind::Block => block_test::run(test.get(), engine, place, &mut recorder),
            Kind::Transaction => transaction_test::run(test.get(), engine, &mut recorder),
            Kind::Trie => trie_test::run(test.get(), file.name.contains("secure"), &mut recorder),
        }
        result.vectors += recorder.result.vectors;
        result.failures.append(&mut recorder.result.failures);
        result.skips.append(&mut recorder.result.skips);
    }
    if result.vectors > 0 || (wanted && config.filter.is_none()) {
        FileOutcome::Ran(result)
    } else if wanted || tests.is_empty() {
        FileOutcome::FilteredOut
    } else {
        FileOutcome::OtherKind
    }
}

/// The fields by which the kinds of tests are told apart.
#[derive(Deserialize)]
struct Shape {
    post: Option<IgnoredAny>,
    blocks: Option<IgnoredAny>,
    txbytes: Option<IgnoredAny>,
    root: Option<IgnoredAny>,
    tests: Option<IgnoredAny>,
}

fn kind_of(test: &RawValue) -> Result<Kind, String> {
    let shape: Shape =
        serde_json::from_str(test.get()).map_err(|error| format!("not a test of a known kind: {error}"))?;
    if shape.blocks.is_some() {
        Ok(Kind::Block)
    } else if shape.post.is_some() {
        Ok(Kind::State)
    } else if shape.txbytes.is_some() {
        Ok(Kind::Transaction)
    } else if shape.root.is_some() || shape.tests.is_some() {
        Ok(Kind::Trie)
    } else {
        Err("not a test of a known kind".into())
    }
}
