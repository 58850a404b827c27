//! Executes an ordered Ethereum block on all cores, and returns exactly what sequential execution returns.
//!
//! # Promises
//!
//! * **For every schedule, on any number of threads, in every [`Mode`], the outcome is that of
//!   [`Mode::Sequential`] bit for bit**: receipts, logs, gas, state changes, requests, access list, errors.
//! * All of Ethereum's rules from Frontier to Osaka, system calls, withdrawals and rewards included, as far as
//!   they concern execution. Header rules are not checked here.
//! * Transactions stream out in order as they commit, through a [`CommitSink`].
//! * A block without parallelism costs what sequential execution costs: helping threads only help.
//!
//! # Failure
//!
//! A read that the state cannot answer, a bug in the virtual machine and a panic end the call with an
//! [`ExecutionError`] that names the transaction, the same one on every schedule. Nothing is applied, no thread
//! hangs, and the pool that was lent is as it was. Whether an invalid transaction ends the block or is skipped is
//! the caller's choice ([`Policy`]).
//!
//! # Limits
//!
//! Memory grows with what the block touches, which gas bounds, and is given back when the call returns. Access
//! hints, access lists and schedules are foreign input: they cost time in proportion to their size and are never
//! believed, with the one exception that [`AccessHint::Declared`] is a rule.
//!
//! # Example
//!
//! ```
//! use mundi_execution::*;
//! use revm::{context::{BlockEnv, TxEnv}, primitives::{Address, TxKind, U256, hardfork::SpecId}};
//! use std::num::NonZeroUsize;
//!
//! let (alice, bob) = (Address::repeat_byte(0xa), Address::repeat_byte(0xb));
//! let mut state = MemoryState::new();
//! state.insert_account(alice, 0, U256::from(1_000_000), None);
//!
//! let transfer = TxEnv {
//!     caller: alice,
//!     kind: TxKind::Call(bob),
//!     value: U256::from(7),
//!     gas_limit: 21_000,
//!     ..TxEnv::default()
//! };
//! let block = Block {
//!     env: BlockEnv { gas_limit: 30_000_000, ..BlockEnv::default() },
//!     rules: Rules {
//!         spec: SpecId::SHANGHAI,
//!         eip1283: false,
//!         chain_id: 1,
//!         blobs: None,
//!         block_reward: U256::ZERO,
//!         dao_fork: false,
//!         deposit_contract: Address::ZERO,
//!         code_senders: false,
//!     },
//!     parent_hash: Default::default(),
//!     parent_beacon_block_root: None,
//!     transactions: vec![Transaction::new(transfer)],
//!     ommers: Vec::new(),
//!     withdrawals: None,
//! };
//!
//! let pool = rayon::ThreadPoolBuilder::new().num_threads(1).build()?;
//! let options = Options::new(NonZeroUsize::new(2).expect("two"));
//! let output = execute(&block, &state, &pool, &options, &mut NoSink)?;
//! assert_eq!(output.gas_used, 21_000);
//!
//! state.apply(&output.changes);
//! assert_eq!(state.account(&bob)?.expect("bob was paid").balance, U256::from(7));
//! # Ok::<(), Box<dyn std::error::Error>>(())
//! ```
//!
//! # Where to look
//!
//! `sequential` is the oracle. `optimistic` is the parallel engine: `cells` and `versions` are its memory, `view` is
//! what one transaction sees of it, `worker` executes, `effects` is what comes out, `commit` makes it final,
//! `scheduler` chooses what to speculate on. `transfer` does without a virtual machine, `hints` and `seeds` use what is
//! known beforehand, `rerun` follows a recorded schedule, and `block_steps` is what happens outside transactions.

mod access_list;
mod admission;
mod block;
mod block_steps;
mod cell_table;
mod cells;
mod changes;
mod collect;
mod commit;
mod edge;
mod effects;
mod eip1283;
mod error;
mod helpers;
mod hints;
mod memory;
mod observe;
mod optimistic;
mod options;
mod output;
mod report;
mod rerun;
mod schedule;
mod scheduler;
mod seeds;
mod sequential;
mod state;
mod sync;
mod transfer;
mod undeclared;
mod versions;
mod view;
mod vm;
mod worker;
mod written;

pub use block::{AccessHint, AccessSet, BlobRules, Block, Location, Ommer, Rules, Transaction, TxIndex};
pub use block_steps::push_deposit;
pub use changes::{AccountChange, StateChanges};
pub use eip1283::sstore as sstore_eip1283;
pub use error::{ExecutionError, Stage};
pub use memory::{MemoryState, StoredAccount};
pub use options::{Mode, Options, Policy};
pub use output::{BlockOutput, CommitSink, Committed, NoSink, Outcome, SkipReason, TxReceipt};
pub use report::{CriticalPath, Dependency, Report, Span, Trace};
pub use schedule::{Event, RecordedRead, SCHEDULE_VERSION, Schedule, Seen};
pub use state::{Account, StateError, StateSnapshot};
pub use vm::cfg_env;

use revm::primitives::hardfork::SpecId;

/// Executes `block` on `state`.
///
/// `pool` lends the helping threads, and the calling thread takes part: for `n` threads lend `n - 1`. The caller must
/// not be a thread of that pool. Committed transactions stream to `sink` in order while the block runs.
///
/// # Errors
///
/// [`ExecutionError`], after which nothing has happened to the state; the sink may have seen a prefix.
pub fn execute(
    block: &Block,
    state: &dyn StateSnapshot,
    pool: &rayon::ThreadPool,
    options: &Options,
    sink: &mut dyn CommitSink,
) -> Result<BlockOutput, ExecutionError> {
    if block.rules.spec > SpecId::OSAKA {
        return Err(ExecutionError::Options(format!(
            "rules after Osaka are not supported: {:?}",
            block.rules.spec
        )));
    }
    if options.late_parent_hash && options.collect_access_list {
        return Err(ExecutionError::Options("an access list needs the hash of the parent".into()));
    }
    let threads = options.threads.get().min(pool.current_num_threads() + 1);
    let mode = match options.mode {
        Mode::Auto => auto(block, options),
        Mode::AccessList if options.access_list.is_none() => {
            return Err(ExecutionError::Options("mode access-list needs the block's access list".into()));
        }
        mode => mode,
    };
    if options.schedule.is_some() && mode != Mode::Optimistic {
        return Err(ExecutionError::Options(format!(
            "a schedule is followed in mode optimistic, not {mode}"
        )));
    }
    match mode {
        Mode::Sequential => sequential::execute(block, state, options, sink),
        mode => optimistic::execute(block, state, pool, mode, threads, options, sink),
    }
}

/// Whether the block is over before a second thread has woken up.
fn is_light(block: &Block) -> bool {
    const FEW: usize = 4;
    const SOME: usize = 32;
    const LITTLE_GAS: u64 = 1_500_000;
    let limits = block.transactions.iter().map(|tx| tx.env.gas_limit);
    let gas = limits.fold(0, u64::saturating_add);
    block.transactions.len() <= FEW || (block.transactions.len() <= SOME && gas <= LITTLE_GAS)
}

/// The mode that what is known of the block calls for.
fn auto(block: &Block, options: &Options) -> Mode {
    let declared = |tx: &Transaction| matches!(tx.hint, AccessHint::Declared(_));
    if options.schedule.is_some() {
        Mode::Optimistic
    } else if options.access_list.is_some() {
        Mode::AccessList
    } else if !block.transactions.is_empty() && block.transactions.iter().all(declared) {
        Mode::Declared
    } else if is_light(block) && !options.record && !options.trace {
        Mode::Sequential
    } else {
        Mode::Optimistic
    }
}
