//! The code under test: the engine in every mode, each compared with the first.

use crate::failure::Reason;
use alloy_primitives::B256;
use mundi_execution::{
    Block, BlockOutput, Committed, ExecutionError, Mode, NoSink, Options, StateChanges, StateSnapshot,
    execute,
};
use rayon::ThreadPool;
use std::num::NonZeroUsize;

/// Executes blocks in all modes.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Engine<'a> {
    pub(crate) pool: &'a ThreadPool,
    pub(crate) threads: NonZeroUsize,
    /// At least one; the first is what the others are compared with.
    pub(crate) modes: &'a [Mode],
}

/// Turns the changes of each transaction, in order, into the state root after it.
pub(crate) type Roots<'a> = dyn Fn(&[StateChanges]) -> Result<Vec<B256>, Reason> + 'a;

/// What all modes agree on.
pub(crate) type Verdict = Result<Executed, ExecutionError>;

/// An executed block.
#[derive(Debug)]
pub(crate) struct Executed {
    /// As the first mode gave it, changes sorted.
    pub(crate) output: BlockOutput,
    /// The state root after each transaction, where they were asked for.
    pub(crate) post_states: Vec<B256>,
}

impl Engine<'_> {
    /// Executes `block` on `state` in all modes, with the state roots between its transactions if `roots` are wanted.
    ///
    /// An invalid block is a verdict; a fault of the engine and a disagreement between modes are not.
    pub(crate) fn run(
        &self,
        block: &Block,
        state: &dyn StateSnapshot,
        roots: Option<&Roots<'_>>,
    ) -> Result<Verdict, Reason> {
        let mut first: Option<(Mode, Verdict)> = None;
        for mode in self.modes {
            let verdict = self.run_mode(*mode, block, state, roots)?;
            if let Err(error) = &verdict
                && !is_verdict(error)
            {
                return Err(Reason::Broken(*mode, error.clone()));
            }
            match &first {
                None => first = Some((*mode, verdict)),
                Some((oracle, expected)) => {
                    if let Some(what) = difference(expected, &verdict) {
                        return Err(Reason::Disagreement { oracle: *oracle, mode: *mode, what });
                    }
                }
            }
        }
        first.map(|(_, verdict)| verdict).ok_or_else(|| Reason::malformed("no mode to run in"))
    }

    fn run_mode(
        &self,
        mode: Mode,
        block: &Block,
        state: &dyn StateSnapshot,
        roots: Option<&Roots<'_>>,
    ) -> Result<Verdict, Reason> {
        let options = Options::new(self.threads).with_mode(mode);
        let options = Options { stream_changes: roots.is_some(), ..options };
        let mut streamed = Vec::new();
        let executed = match roots {
            None => execute(block, state, self.pool, &options, &mut NoSink),
            Some(_) => {
                let mut sink = |tx: Committed<'_>| streamed.push(tx.changes.cloned().unwrap_or_default());
                execute(block, state, self.pool, &options, &mut sink)
            }
        };
        let mut output = match executed {
            Ok(output) => output,
            Err(error) => return Ok(Err(error)),
        };
        output.changes.sort();
        let post_states = roots.map(|roots| roots(&streamed)).transpose()?.unwrap_or_default();
        Ok(Ok(Executed { output, post_states }))
    }
}

/// Whether an error says something about the block, rather than about the engine.
fn is_verdict(error: &ExecutionError) -> bool {
    matches!(
        error,
        ExecutionError::InvalidTransaction { .. }
            | ExecutionError::SystemCall { .. }
            | ExecutionError::DepositLog(_)
    )
}

fn difference(expected: &Verdict, got: &Verdict) -> Option<String> {
    let (a, b) = match (expected, got) {
        (Ok(a), Ok(b)) => (a, b),
        (Err(a), Err(b)) if a.to_string() == b.to_string() => return None,
        (a, b) => {
            let show = |verdict: &Verdict| match verdict {
                Ok(_) => "accepted".to_owned(),
                Err(error) => format!("rejected, {error}"),
            };
            return Some(format!("expected {}, got {}", show(a), show(b)));
        }
    };
    if let Some(index) = (0..a.output.outcomes.len().max(b.output.outcomes.len()))
        .find(|index| a.output.outcomes.get(*index) != b.output.outcomes.get(*index))
    {
        return Some(format!(
            "outcome of transaction {index}: expected {:?}, got {:?}",
            a.output.outcomes.get(index),
            b.output.outcomes.get(index)
        ));
    }
    if a.output.changes != b.output.changes {
        return Some(changes_difference(&a.output.changes, &b.output.changes));
    }
    if (a.output.gas_used, a.output.blob_gas_used) != (b.output.gas_used, b.output.blob_gas_used) {
        return Some("gas or blob gas".into());
    }
    if a.output.requests != b.output.requests {
        return Some(format!("requests: expected {:?}, got {:?}", a.output.requests, b.output.requests));
    }
    (a.post_states != b.post_states).then(|| "state roots between transactions".into())
}

fn changes_difference(a: &StateChanges, b: &StateChanges) -> String {
    let mut pairs = a.accounts.iter().zip(&b.accounts);
    match pairs.find(|(a, b)| a != b) {
        Some((a, b)) => format!("state changes: expected {a:?}, got {b:?}"),
        None => format!(
            "state changes: expected {} accounts and {} codes, got {} and {}",
            a.accounts.len(),
            a.code.len(),
            b.accounts.len(),
            b.code.len()
        ),
    }
}
