//! The second stage: all that can be said about a block without executing it, and who sent its transactions.

use super::{
    error::{ImportError, InvalidBlock},
    read::ReadBlock,
};
use crate::{
    BlockSenderError, ChainSpec, Parent, executable_block,
    ommers::{Ancestor, OMMER_ANCESTORS, validate_ommers},
    recover_sender, validate_body, validate_header,
};
use alloy_consensus::{Block, BlockBody, Header, TxEnvelope, transaction::Recovered};
use alloy_hardforks::EthereumHardfork;
use alloy_primitives::{Address, B256, U256};
use mundi_state::{Store, StoreError};
use rayon::prelude::*;
use std::collections::VecDeque;

/// Transactions whose senders one task recovers: about a millisecond.
const SENDERS_AT_ONCE: usize = 16;

/// A block that only execution can still refute.
#[derive(Debug)]
pub(super) struct CheckedBlock {
    pub(super) header: Header,
    pub(super) hash: B256,
    pub(super) total_difficulty: U256,
    pub(super) body: BlockBody<TxEnvelope>,
    pub(super) senders: Vec<Address>,
    /// The same, as the engine takes it.
    pub(super) executable: mundi_execution::Block,
    /// Its size in the source.
    pub(super) bytes: u64,
}

/// Checks blocks one after another.
pub(super) struct Checker<'a> {
    spec: &'a ChainSpec,
    pool: &'a rayon::ThreadPool,
    /// The newest blocks, the parent of the next one first.
    line: VecDeque<Kin>,
}

/// What later blocks need of an earlier one.
struct Kin {
    hash: B256,
    header: Header,
    total_difficulty: U256,
    ommers: Vec<Header>,
}

impl<'a> Checker<'a> {
    /// Continues at the tip of the store.
    pub(super) fn new(
        store: &Store,
        spec: &'a ChainSpec,
        pool: &'a rayon::ThreadPool,
    ) -> Result<Self, StoreError> {
        let tip = store.tip().height;
        let mut line = VecDeque::new();
        for height in (0..=tip).rev().take(OMMER_ANCESTORS) {
            let missing = || StoreError::Damaged(format!("block {height} is missing"));
            let stored = store.header(height)?.ok_or_else(missing)?;
            let ommers = store.body(height)?.ok_or_else(missing)?.body.ommers;
            line.push_back(Kin {
                hash: stored.hash,
                header: stored.header,
                total_difficulty: stored.total_difficulty,
                ommers,
            });
        }
        Ok(Self { spec, pool, line })
    }

    /// Checks the next block, in the order that the crate promises.
    pub(super) fn check(&mut self, read: ReadBlock) -> Result<CheckedBlock, ImportError> {
        let (block, hash) = read.block.into_parts();
        let number = block.header.number;
        let checked = self.validate(block, hash, read.bytes);
        checked.map_err(|reason| ImportError::invalid(number, hash, reason))
    }

    fn validate(
        &mut self,
        block: Block<TxEnvelope>,
        hash: B256,
        bytes: u64,
    ) -> Result<CheckedBlock, InvalidBlock> {
        let kin = self.line.front().expect("a store has at least its genesis");
        let parent =
            Parent { header: &kin.header, hash: kin.hash, total_difficulty: Some(kin.total_difficulty) };
        let point = parent.point_of_child(&block.header);
        let fork = self.spec.fork_at(point);
        if fork >= EthereumHardfork::Amsterdam {
            return Err(InvalidBlock::Fork(fork));
        }
        validate_header(self.spec, &block.header, parent)?;
        let ancestors: Vec<_> = self
            .line
            .iter()
            .map(|kin| Ancestor { hash: kin.hash, header: &kin.header, ommers: &kin.ommers })
            .collect();
        validate_ommers(self.spec, point, &block.body.ommers, &ancestors)?;
        validate_body(self.spec, point, &block)?;
        let total_difficulty = kin.total_difficulty.saturating_add(block.header.difficulty);
        let block = self.recover(fork, block)?;
        let executable = executable_block(self.spec, point, &block);
        let Block { header, body } = block;
        self.line.push_front(Kin {
            hash,
            header: header.clone(),
            total_difficulty,
            ommers: body.ommers.clone(),
        });
        self.line.truncate(OMMER_ANCESTORS);
        let (transactions, senders) = body.transactions.into_iter().map(Recovered::into_parts).unzip();
        let body = BlockBody { transactions, ommers: body.ommers, withdrawals: body.withdrawals };
        Ok(CheckedBlock { header, hash, total_difficulty, body, senders, executable, bytes })
    }

    /// Recovers the senders of a block on the pool.
    fn recover(
        &self,
        fork: EthereumHardfork,
        block: Block<TxEnvelope>,
    ) -> Result<Block<Recovered<TxEnvelope>>, BlockSenderError> {
        let transactions = &block.body.transactions;
        let recover = |tx: &TxEnvelope| recover_sender(fork, tx);
        let senders: Vec<_> = if transactions.len() <= SENDERS_AT_ONCE {
            transactions.iter().map(recover).collect()
        } else {
            let tasks = || transactions.par_iter().with_min_len(SENDERS_AT_ONCE);
            self.pool.install(|| tasks().map(recover).collect())
        };
        let mut senders = senders.into_iter().enumerate();
        block.try_map_transactions(|tx| match senders.next() {
            Some((_, Ok(sender))) => Ok(Recovered::new_unchecked(tx, sender)),
            Some((index, Err(source))) => Err(BlockSenderError { index, source }),
            None => unreachable!("there is one sender for each transaction"),
        })
    }
}
