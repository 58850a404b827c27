//! Importing: blocks out of a stream of bytes, through the engine, into a store.
//!
//! ## What it promises
//! * Every block is checked by all the rules of the crate, in its order, down to the state root. The first bad block, or the
//!   first bytes that are none, stop the import with height, field, expected and got; everything before is in the store and
//!   on disk.
//! * An import goes on where the last one ended, however that ended: blocks that the store has are recognised by their
//!   hash and passed over. Another block at a height that is taken is an error.
//! * A cancellation stops between blocks; what was executed is kept.
//!
//! ## How
//! Five stages work at the same time, each on its own block, in order, with bounded queues in between:
//!
//! ```text
//! read, decode ─► header, body, senders ─► execute ─► receipts, state root, publish ─► write
//!                 (pool)                   (pool)     (pool)                           (all that is published)
//! ```
//!
//! A block executes on the newest published state and the changes of the blocks in between
//! ([`Pending`](mundi_state::Pending)), so the engine need not wait for roots, nor roots for the disk. A stage hands an error on
//! like a block and ends; the blocks before it go their way to the disk.
//!
//! ## Limits
//! A block has at most [`ImportOptions::max_block_bytes`]; each queue holds at most [`ImportOptions::queue_blocks`] blocks of
//! together about [`ImportOptions::queue_bytes`]. A source that blocks, such as a pipe, delays a cancellation until it gives
//! something.

mod check;
mod error;
mod execute;
mod progress;
mod queue;
mod read;
mod root;

pub use error::{ImportError, InvalidBlock};
pub use progress::{Busy, Progress};

use crate::forks::ChainSpec;
use check::Checker;
use execute::Executor;
use mundi_execution::Mode;
use mundi_state::{Store, Tip};
use progress::{Stage, Tally};
use queue::{Bounds, Receiver, Sender, queue};
use rayon::ThreadPool;
use read::{BlockReader, Next};
use root::{PublishedBlock, Publisher};
use std::{io::Read, num::NonZeroUsize, thread};

/// How to import.
#[derive(Clone, Debug)]
pub struct ImportOptions {
    /// The engine's strategy. Default: automatic.
    pub mode: Mode,
    /// Threads of the engine, the stage's own included. Default: all cores.
    pub threads: NonZeroUsize,
    /// Greatest size of a block. Default: 128 MiB.
    pub max_block_bytes: u64,
    /// Most blocks in each queue between two stages, 1 to 256; before the last stage four times as many. Default: 16.
    pub queue_blocks: usize,
    /// Most bytes in each queue between two stages, about. Default: 64 MiB.
    pub queue_bytes: u64,
}

impl Default for ImportOptions {
    fn default() -> Self {
        Self {
            mode: Mode::Auto,
            threads: thread::available_parallelism().unwrap_or(NonZeroUsize::MIN),
            max_block_bytes: 128 << 20,
            queue_blocks: 16,
            queue_bytes: 64 << 20,
        }
    }
}

/// Most blocks in a queue: all that are on their way are fewer than the reader remembers.
const MAX_QUEUE_BLOCKS: usize = 256;
/// How many times as many blocks may wait for the last stage as for the others.
const WRITE_QUEUE: usize = 4;
const _: () = assert!(MAX_QUEUE_BLOCKS * 8 < read::REMEMBERED);

/// Threads lent to an import.
#[derive(Clone, Copy, Debug)]
pub struct ImportPools<'a> {
    /// For the engine: one thread fewer than [`ImportOptions::threads`].
    pub engine: &'a ThreadPool,
    /// For senders, receipts and roots.
    pub background: &'a ThreadPool,
}

/// An import that came to its end.
#[derive(Clone, Copy, Debug)]
pub struct ImportSummary {
    /// The newest block of the store.
    pub tip: Tip,
    /// What was done.
    pub progress: Progress,
    /// Whether it was cancelled before the end of the source.
    pub cancelled: bool,
}

/// An import into a store.
#[derive(Clone, Copy)]
pub struct Import<'a> {
    /// Where to. Nothing else may publish to it meanwhile.
    pub store: &'a Store,
    /// The fork schedule.
    pub spec: &'a ChainSpec,
    /// How.
    pub options: &'a ImportOptions,
    /// On which threads. The caller is not one of them.
    pub pools: ImportPools<'a>,
    /// Asked before each block: whether to stop.
    pub cancelled: &'a (dyn Fn() -> bool + Sync),
    /// Told after each block that is published or passed over, from threads of the import, and at the end.
    pub progress: &'a (dyn Fn(&Progress) + Sync),
}

fn spawn<'scope>(
    scope: &'scope thread::Scope<'scope, '_>,
    stage: &str,
    work: impl FnOnce() + Send + 'scope,
) -> Result<(), ImportError> {
    let thread = thread::Builder::new().name(format!("import {stage}"));
    thread.spawn_scoped(scope, work).map(drop).map_err(ImportError::Thread)
}

/// A block on its way, or the end of the way.
type Item<T> = Result<T, Box<ImportError>>;

impl Import<'_> {
    /// Imports all blocks of `source`: the RLP of one after another, as `geth export` and hive write them.
    pub fn run(&self, source: impl Read + Send) -> Result<ImportSummary, ImportError> {
        // What an earlier import has published and not written is not lost.
        self.store.persist()?;
        let tally = Tally::new(self.store.tip().height);
        let checker = Checker::new(self.store, self.spec, self.pools.background)?;
        let executor = Executor::new(self.store, self.pools.engine, self.options);
        let publisher = Publisher::new(self.store, self.pools.background);
        let reader = BlockReader::new(self.store, &tally, source, self.options.max_block_bytes);
        let end = self.stages(&tally, reader, checker, executor, &publisher);
        let progress = tally.progress();
        (self.progress)(&progress);
        end?;
        Ok(ImportSummary { tip: self.store.tip(), progress, cancelled: tally.was_cut_short() })
    }

    /// Runs the stages side by side until the source ends, a block is bad or the import is cancelled.
    fn stages(
        &self,
        tally: &Tally,
        reader: BlockReader<'_, impl Read + Send>,
        mut checker: Checker<'_>,
        mut executor: Executor<'_>,
        publisher: &Publisher<'_>,
    ) -> Result<(), ImportError> {
        let bounds = Bounds {
            items: self.options.queue_blocks.clamp(1, MAX_QUEUE_BLOCKS),
            weight: self.options.queue_bytes,
        };
        let (read, to_check) = queue(bounds);
        let (checked, to_execute) = queue(bounds);
        let (executed, to_publish) = queue(bounds);
        // Moving blocks into the tables takes long and comes seldom: the others go on meanwhile.
        let bounds = Bounds { items: (WRITE_QUEUE * bounds.items).min(MAX_QUEUE_BLOCKS), ..bounds };
        let (published, to_write) = queue(bounds);
        thread::scope(move |scope| {
            spawn(scope, "read", move || self.read(tally, reader, &read))?;
            spawn(scope, "recover", move || {
                let work = |block| tally.time(Stage::Recover, || checker.check(block));
                self.stage(Some(tally), &to_check, &checked, work, |block| 3 * block.bytes);
            })?;
            spawn(scope, "execute", move || {
                let work = |block| tally.time(Stage::Execute, || executor.execute(block));
                self.stage(Some(tally), &to_execute, &executed, work, |block| block.weight());
            })?;
            spawn(scope, "root", move || {
                let work = |block| {
                    let block = tally.time(Stage::Root, || publisher.publish(block))?;
                    tally.import(block.height, block.transactions, block.gas, block.bytes);
                    (self.progress)(&tally.progress());
                    Ok(block)
                };
                // What is executed is kept, whether the import goes on or not.
                self.stage(None, &to_publish, &published, work, |block| block.weight);
            })?;
            // Let go of before the other stages are waited for: those in front of a last stage that failed end with it.
            let to_write = to_write;
            self.write(tally, &to_write)
        })
    }

    /// The first stage.
    fn read(
        &self,
        tally: &Tally,
        mut reader: BlockReader<'_, impl Read>,
        output: &Sender<Item<read::ReadBlock>>,
    ) {
        loop {
            if (self.cancelled)() {
                return tally.cut_short();
            }
            let sent = match tally.time(Stage::Read, || reader.next()) {
                Ok(Next::End) => return,
                Ok(Next::Known) => {
                    (self.progress)(&tally.progress());
                    Ok(())
                }
                Ok(Next::New(block)) => {
                    let weight = 2 * block.bytes;
                    output.send(Ok(*block), weight)
                }
                Err(error) => {
                    let _ = output.send(Err(Box::new(error)), 0);
                    return;
                }
            };
            if sent.is_err() {
                return;
            }
        }
    }

    /// A stage in the middle: works on one block after another and hands it on, until there are no more, the next
    /// stage has ended, or the import is cancelled, if this stage cares.
    fn stage<I, O>(
        &self,
        cancellable: Option<&Tally>,
        input: &Receiver<Item<I>>,
        output: &Sender<Item<O>>,
        mut work: impl FnMut(I) -> Result<O, ImportError>,
        weight: impl Fn(&O) -> u64,
    ) {
        while let Some(item) = input.receive() {
            if let Some(tally) = cancellable
                && (self.cancelled)()
            {
                return tally.cut_short();
            }
            let sent = match item.and_then(|block| work(block).map_err(Box::new)) {
                Ok(block) => {
                    let weight = weight(&block);
                    output.send(Ok(block), weight)
                }
                Err(error) => {
                    let _ = output.send(Err(error), 0);
                    return;
                }
            };
            if sent.is_err() {
                return;
            }
        }
    }

    /// The last stage: writes all that is published, again and again.
    fn write(&self, tally: &Tally, input: &Receiver<Item<PublishedBlock>>) -> Result<(), ImportError> {
        while let Some(first) = input.receive() {
            let mut end = first.err();
            for _ in 0..MAX_QUEUE_BLOCKS {
                if end.is_some() {
                    break;
                }
                match input.try_receive() {
                    Some(item) => end = item.err(),
                    None => break,
                }
            }
            tally.time(Stage::Write, || {
                self.store.persist()?;
                if self.store.needs_flush() { self.store.flush_aged() } else { Ok(()) }
            })?;
            if let Some(error) = end {
                return Err(*error);
            }
        }
        Ok(())
    }
}
