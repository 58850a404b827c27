//! Repeats a recorded schedule on one thread: every speculative execution sees what it saw, and every commit
//! happens as it did, so that a wrong result is wrong again.

use crate::{
    block::{Location, TxIndex},
    commit::Committer,
    effects::Effects,
    error::ExecutionError,
    schedule::{Event, RecordedRead, SCHEDULE_VERSION, Schedule, Seen},
    transfer,
    view::Source,
    worker::{Execution, Worker},
};
use alloy_primitives::map::HashMap;

/// How many executions there were.
#[derive(Clone, Copy, Debug, Default)]
pub(crate) struct Counts {
    pub(crate) executions: u64,
    pub(crate) in_order: u64,
    pub(crate) speculated: u64,
    pub(crate) transfers: u64,
}

impl std::ops::AddAssign for Counts {
    fn add_assign(&mut self, other: Self) {
        self.executions += other.executions;
        self.in_order += other.in_order;
        self.speculated += other.speculated;
        self.transfers += other.transfers;
    }
}

/// Follows the schedule from the first event to the last.
pub(crate) fn follow<'b, 'a>(
    schedule: &Schedule,
    committer: &mut Committer<'b, 'a>,
    worker: &mut Worker<'b, 'a>,
) -> Result<Counts, ExecutionError> {
    check(schedule, committer)?;
    let mut counts = Counts::default();
    let mut results: HashMap<TxIndex, Box<Effects<'a>>> = HashMap::default();
    for event in &schedule.events {
        match event {
            Event::Speculated { tx, reads, .. } => {
                if tx.0 as usize >= committer.block.transactions.len() {
                    return Err(misfit(format!("it speculates on transaction {tx}, which does not exist")));
                }
                if *tx < committer.next {
                    return Err(misfit(format!("it speculates on transaction {tx}, which is committed")));
                }
                counts.executions += 1;
                let effects = speculate(*tx, reads, worker)?;
                effects.publish(worker.view());
                if let Some(old) = results.insert(*tx, effects) {
                    old.kill();
                }
            }
            Event::Committed { tx, speculative } => {
                if *tx != committer.next || tx.0 as usize >= committer.block.transactions.len() {
                    return Err(misfit(format!(
                        "it commits transaction {tx} where {} is next",
                        committer.next
                    )));
                }
                let result = results.remove(tx);
                commit(committer, worker, result, *speculative, &mut counts)?;
            }
        }
    }
    if (committer.next.0 as usize) < committer.block.transactions.len() {
        return Err(misfit(format!("it ends before transaction {} is committed", committer.next)));
    }
    Ok(counts)
}

fn misfit(message: String) -> ExecutionError {
    ExecutionError::Schedule(message)
}

fn check(schedule: &Schedule, committer: &Committer<'_, '_>) -> Result<(), ExecutionError> {
    let number: u64 = committer.block.env.number.saturating_to();
    let count = committer.block.transactions.len();
    if schedule.version != SCHEDULE_VERSION {
        return Err(misfit(format!("its version is {}, expected {SCHEDULE_VERSION}", schedule.version)));
    }
    if schedule.block != number || schedule.transactions as usize != count {
        return Err(misfit(format!(
            "it is of block {} with {} transactions, this is block {number} with {count}",
            schedule.block, schedule.transactions
        )));
    }
    Ok(())
}

fn speculate<'a>(
    tx: TxIndex,
    reads: &[RecordedRead],
    worker: &mut Worker<'_, 'a>,
) -> Result<Box<Effects<'a>>, ExecutionError> {
    let script: HashMap<Location, Seen> = reads.iter().map(|read| (read.location, read.seen)).collect();
    match worker.execute(tx, Source::Scripted(script)) {
        Execution::Done(effects) => Ok(effects),
        Execution::Invalid(reason) => {
            Err(misfit(format!("transaction {tx} is invalid on what it read: {reason}")))
        }
        Execution::Undeclared => Err(misfit(format!("transaction {tx} leaves its declared set"))),
        Execution::Abandoned => unreachable!("only speculation is given up"),
        Execution::Failed(error) => Err(misfit(error.to_string())),
    }
}

fn commit<'b, 'a>(
    committer: &mut Committer<'b, 'a>,
    worker: &mut Worker<'b, 'a>,
    result: Option<Box<Effects<'a>>>,
    speculative: bool,
    counts: &mut Counts,
) -> Result<(), ExecutionError> {
    let tx = committer.next;
    if speculative {
        let effects = result.ok_or_else(|| misfit(format!("transaction {tx} has no result to commit")))?;
        let env = &committer.block.transactions[tx.0 as usize].env;
        if let Err(reason) = committer.totals.admit(committer.block, env) {
            return Err(misfit(format!("it commits a result of transaction {tx}: {reason}")));
        }
        if let Some(location) = committer.conflict(&effects) {
            return Err(misfit(format!(
                "the result of transaction {tx} does not hold at {location:?}, but was committed"
            )));
        }
        counts.speculated += 1;
        return committer.commit(worker, effects);
    }
    let speculated = result.is_some();
    if let Some(effects) = result {
        effects.kill();
        worker.recycle(effects);
    }
    let transaction = &committer.block.transactions[tx.0 as usize];
    if !speculated
        && transfer::is_plain(committer.block, transaction)
        && let Ok(parties) = transfer::parties(transaction, worker.view())
        && committer.transfer(parties, worker.view())?
    {
        counts.transfers += 1;
        return Ok(());
    }
    counts.executions += 1;
    counts.in_order += 1;
    committer.execute(worker, |_| ())
}
