//! Executing a block sequentially and in the chosen mode, checking both, and measuring.

use crate::{
    check,
    compare::{self, Against, Difference, Differences},
    error::{FieldError, InputError},
    prepare::ReplayBlock,
    record::{BlockRecord, nanoseconds},
};
use mundi_execution::{
    BlockOutput, CommitSink, Committed, ExecutionError, Mode, NoSink, Options, Schedule, Stage, StateChanges,
    Trace, TxIndex, execute,
};
use std::{num::NonZeroUsize, sync::Arc, time::Instant};

/// Traced executions behind the costs of the dependency graph.
const TRACES: usize = 3;

/// How blocks are replayed.
#[derive(Clone, Debug)]
pub struct ReplayOptions {
    /// Strategy of the execution under test.
    pub mode: Mode,
    /// Its threads, the caller's included.
    pub threads: NonZeroUsize,
    /// Timed executions of each kind; medians are reported.
    pub runs: NonZeroUsize,
    /// Whether to trace one more parallel execution, for the page.
    pub trace: bool,
    /// Whether to record the schedule of one more parallel execution.
    pub record: bool,
    /// A recorded schedule that every execution under test follows exactly.
    pub schedule: Option<Arc<Schedule>>,
}

impl ReplayOptions {
    /// Automatic mode, three runs, nothing traced.
    pub const fn new(threads: NonZeroUsize) -> Self {
        Self {
            mode: Mode::Auto,
            threads,
            runs: NonZeroUsize::new(3).expect("three is not zero"),
            trace: false,
            record: false,
            schedule: None,
        }
    }
}

/// What replaying a block gave.
#[derive(Clone, Debug)]
pub struct Replayed {
    /// The figures, and the differences if there are any.
    pub record: BlockRecord,
    /// Costs and dependencies from executions on one thread.
    pub graph: Trace,
    /// Spans of a parallel execution, if [`ReplayOptions::trace`] asked for them.
    pub timeline: Option<Trace>,
    /// The recorded schedule, if [`ReplayOptions::record`] asked for it.
    pub schedule: Option<Schedule>,
}

/// Why a block could not be replayed. A block that was replayed and came out wrong is no error: see
/// [`BlockRecord::differences`].
#[derive(Debug, thiserror::Error)]
pub enum ReplayError {
    /// The file is no good, or lacks something that the block reads.
    #[error(transparent)]
    Input(#[from] InputError),
    /// The options contradict each other or the block.
    #[error("{0}")]
    Options(ExecutionError),
}

/// Replays a block.
///
/// Sequential execution comes first and is checked against the header; then the chosen mode is compared with it,
/// access lists included. Then both take turns on the clock, and every result is compared with the first. Last come
/// the executions for the trace, the schedule and the dependency graph, compared as well.
///
/// # Errors
///
/// Input that cannot be executed, and options that do not fit. A transaction that is invalid where it stands or a
/// fault inside the engine are [differences](BlockRecord::differences): finding them is what a replay is for.
pub fn replay(
    block: &ReplayBlock,
    pool: &rayon::ThreadPool,
    options: &ReplayOptions,
) -> Result<Replayed, ReplayError> {
    let mut replayed = Replayed {
        record: BlockRecord::new(block, options),
        graph: Trace::default(),
        timeline: None,
        schedule: None,
    };
    match (Run { block, pool, options }).all(&mut replayed) {
        Ok(()) => {}
        Err(Stop::Error(error)) => return Err(error),
        Err(Stop::Differs(differences)) => replayed.record.differences.extend(differences),
    }
    if let Some(fault) = &block.header_fault {
        // A changed header field that execution checks has shown as a difference by now; the others make the
        // file unusable.
        if replayed.record.differences.is_empty() {
            return Err(InputError::field(&block.path, fault.clone()).into());
        }
    }
    Ok(replayed)
}

/// Why a replay ends early.
enum Stop {
    Error(ReplayError),
    Differs(Vec<Difference>),
}

/// The fixed parts of one replay.
struct Run<'a> {
    block: &'a ReplayBlock,
    pool: &'a rayon::ThreadPool,
    options: &'a ReplayOptions,
}

impl Run<'_> {
    fn all(&self, replayed: &mut Replayed) -> Result<(), Stop> {
        let observed = Options { collect_access_list: true, stream_changes: true, ..Options::sequential() };
        let (oracle, oracle_stream) = self.streamed(&observed, Against::Header)?;
        replayed.record.differences = check::against_header(self.block, &oracle);

        let tested = self.tested(&oracle);
        let observed = Options { collect_access_list: true, stream_changes: true, ..tested.clone() };
        let (output, stream) = self.streamed(&observed, Against::Sequential)?;
        let mut differences = compare::outputs(&oracle, &output);
        if differences.iter().any(|difference| difference.transaction.is_none()) {
            // The block as a whole does not say which transaction went wrong; what each of them changed does.
            differences.splice(0..0, streams(&oracle_stream, &stream));
        }
        differs_if_any(differences)?;

        self.measure(&oracle, &mut replayed.record)?;

        if self.options.trace {
            let traced = Options { trace: true, ..tested.clone() };
            replayed.timeline = self.compared(&traced, &oracle)?.report.trace;
        }
        if self.options.record {
            let recorded = Options { record: true, ..tested };
            replayed.schedule = self.compared(&recorded, &oracle)?.report.schedule;
        }
        let graph = self.graph(&oracle)?;
        replayed.record.explain(&graph, self.options.threads);
        replayed.graph = graph;
        Ok(())
    }

    /// Costs and dependencies, from traced executions on one thread when everything is warm. One interruption by
    /// the machine makes one transaction look dear, so each transaction's least cost counts.
    fn graph(&self, oracle: &BlockOutput) -> Result<Trace, Stop> {
        let traced = Options { trace: true, mode: Mode::Optimistic, ..Options::sequential() };
        let mut graph = Trace::default();
        for run in 0..TRACES {
            let trace = self.compared(&traced, oracle)?.report.trace.unwrap_or_default();
            if run == 0 {
                graph = trace;
            } else {
                for (least, cost) in graph.costs.iter_mut().zip(trace.costs) {
                    *least = cost.min(*least);
                }
            }
        }
        Ok(graph)
    }

    /// The options of the execution under test.
    fn tested(&self, oracle: &BlockOutput) -> Options {
        Options {
            mode: self.options.mode,
            access_list: match self.options.mode {
                Mode::AccessList => oracle.access_list.clone().map(Arc::new),
                _ => None,
            },
            schedule: self.options.schedule.clone(),
            ..Options::new(self.options.threads)
        }
    }

    /// Times both, in turns, so that a machine that slows down slows both.
    fn measure(&self, oracle: &BlockOutput, record: &mut BlockRecord) -> Result<(), Stop> {
        let tested = self.tested(oracle);
        let sequential = Options::sequential();
        let (mut sequential_times, mut tested_times) = (Vec::new(), Vec::new());
        for run in 0..self.options.runs.get() {
            // Which goes first changes from run to run, so that what the first leaves in caches falls on both.
            for turn in [run % 2, (run + 1) % 2] {
                let (options, against, times) = match turn {
                    0 => (&sequential, Against::Header, &mut sequential_times),
                    _ => (&tested, Against::Sequential, &mut tested_times),
                };
                let start = Instant::now();
                let output = self.execute(options, &mut NoSink, against)?;
                times.push(start.elapsed());
                if turn == 1 {
                    record.count(&output.report);
                }
                differs_if_any(compare::outputs(oracle, &sorted(output)))?;
            }
        }
        record.sequential_ns = nanoseconds(median(sequential_times));
        record.parallel_ns = nanoseconds(median(tested_times));
        record.speed_up = ratio(record.sequential_ns, record.parallel_ns);
        Ok(())
    }

    /// Executes and compares the result with the oracle's.
    fn compared(&self, options: &Options, oracle: &BlockOutput) -> Result<BlockOutput, Stop> {
        let output = sorted(self.execute(options, &mut NoSink, Against::Sequential)?);
        differs_if_any(compare::outputs(oracle, &output))?;
        Ok(output)
    }

    /// Executes and keeps each transaction's own changes.
    fn streamed(
        &self,
        options: &Options,
        against: Against,
    ) -> Result<(BlockOutput, Vec<StateChanges>), Stop> {
        let mut stream = Vec::with_capacity(self.block.transactions.len());
        let mut keep = |committed: Committed<'_>| {
            let mut changes = committed.changes.cloned().unwrap_or_default();
            changes.sort();
            stream.push(changes);
        };
        let output = sorted(self.execute(options, &mut keep, against)?);
        Ok((output, stream))
    }

    fn execute(
        &self,
        options: &Options,
        sink: &mut dyn CommitSink,
        against: Against,
    ) -> Result<BlockOutput, Stop> {
        execute(&self.block.block, &self.block.state, self.pool, options, sink)
            .map_err(|error| self.stop(error, against))
    }

    /// What an execution that failed means.
    fn stop(&self, error: ExecutionError, against: Against) -> Stop {
        match (&error, against) {
            // The sequential execution reads nothing that the block does not read.
            (ExecutionError::State { .. }, Against::Header) => {
                Stop::Error(ReplayError::Input(InputError::field(
                    &self.block.path,
                    FieldError::new("pre_state", format!("is incomplete: {error}")),
                )))
            }
            (ExecutionError::Options(_) | ExecutionError::Schedule(_), _) => {
                Stop::Error(ReplayError::Options(error))
            }
            _ => {
                let mut differences = Differences::new(against);
                let transaction = match &error {
                    ExecutionError::InvalidTransaction { index, .. } => Some(*index),
                    ExecutionError::State { at: Stage::Transaction(index), .. }
                    | ExecutionError::Fault { at: Stage::Transaction(index), .. } => Some(*index),
                    _ => None,
                };
                differences.note(transaction, "execution", "a valid block", error);
                Stop::Differs(differences.into_list())
            }
        }
    }
}

fn differs_if_any(differences: Vec<Difference>) -> Result<(), Stop> {
    if differences.is_empty() { Ok(()) } else { Err(Stop::Differs(differences)) }
}

fn sorted(mut output: BlockOutput) -> BlockOutput {
    output.changes.sort();
    output
}

/// Compares the changes of each transaction, and stops at the first that differs: those after it only follow.
fn streams(expected: &[StateChanges], found: &[StateChanges]) -> Vec<Difference> {
    let mut differences = Differences::new(Against::Sequential);
    differences.compare(None, "number of committed transactions", &expected.len(), &found.len());
    for (index, (expected, found)) in expected.iter().zip(found).enumerate() {
        if expected != found {
            let index = TxIndex(u32::try_from(index).unwrap_or(u32::MAX));
            compare::changes(&mut differences, Some(index), expected, found);
            break;
        }
    }
    differences.into_list()
}

fn median(mut times: Vec<std::time::Duration>) -> std::time::Duration {
    times.sort_unstable();
    times.get(times.len() / 2).copied().unwrap_or_default()
}

pub(crate) fn ratio(over: u64, under: u64) -> f64 {
    if under == 0 { 1.0 } else { over as f64 / under as f64 }
}
