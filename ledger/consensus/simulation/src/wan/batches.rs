//! Payloads of transfers that were signed beforehand: what users of a busy network have sent.
//!
//! The transfers come from a fixed number of senders in turn, each with its next nonce, and go to as many receivers: so the state that they
//! change stays small whatever is measured. All validators have all batches, and take the first one that is in no payload that they know
//! of.

use crate::{facts::account, load::transfer};
use alloy_eips::eip2718::Encodable2718;
use alloy_primitives::{Address, B256, U256};
use alloy_signer_local::PrivateKeySigner;
use mundi_chain::{OrderedTransaction, PayloadSource, ProposalLimits, SharedSource};
use std::{
    collections::{BTreeSet, HashMap},
    sync::{Arc, Mutex, MutexGuard},
};

/// Number of the first sender.
const FIRST: u64 = 1_000;

/// How many send, and how many receive.
const USERS: u64 = 512;

/// Bytes of the shortest transfer, and of the longest.
const LENGTHS: (usize, usize) = (100, 130);

/// Batches more than blocks, for payloads that come to nothing.
const SPARE: u64 = 8;

struct Table {
    senders: Vec<Address>,
    batches: Vec<Vec<Arc<OrderedTransaction>>>,
    /// Batch and position.
    by_hash: HashMap<B256, (usize, usize)>,
}

/// What users have sent.
#[derive(Clone)]
pub(super) struct Batches(Arc<Table>);

impl Batches {
    /// Enough for so many blocks, each batch as many transfers as fit into so many bytes.
    pub(super) fn new(bytes: u32, blocks: u64) -> Result<Self, String> {
        let senders = (0..USERS).map(|number| account(FIRST + number)).collect::<Result<Vec<_>, _>>()?;
        let mut table = Table {
            senders: senders.iter().map(PrivateKeySigner::address).collect(),
            batches: Vec::new(),
            by_hash: HashMap::new(),
        };
        // Sender and nonce of one transfer after another.
        let mut next = (0..).flat_map(|nonce| senders.iter().enumerate().map(move |user| (nonce, user)));
        for _ in 0..blocks + SPARE {
            let mut left = bytes as usize;
            let mut batch = Vec::new();
            while left >= LENGTHS.1 {
                let Some((nonce, (user, sender))) = next.next() else { break };
                let to = Address::from_word(B256::from(U256::from(user + (1 << 32))));
                let envelope = transfer(sender, nonce, to)?;
                let length = envelope.encode_2718_len();
                debug_assert!((LENGTHS.0..LENGTHS.1).contains(&length), "a transfer has {length} bytes");
                left = left.saturating_sub(length);
                table.by_hash.insert(*envelope.tx_hash(), (table.batches.len(), batch.len()));
                batch.push(Arc::new(OrderedTransaction::new(envelope, sender.address())));
            }
            table.batches.push(batch);
        }
        Ok(Self(Arc::new(table)))
    }

    /// Who sends.
    pub(super) fn senders(&self) -> Vec<Address> {
        self.0.senders.clone()
    }

    /// What one validator knows of them.
    pub(super) fn source(&self) -> Arc<dyn SharedSource> {
        Arc::new(Source { table: Arc::clone(&self.0), taken: Mutex::default() })
    }
}

struct Source {
    table: Arc<Table>,
    /// Batches that are in payloads.
    taken: Mutex<BTreeSet<usize>>,
}

impl Source {
    fn taken(&self) -> MutexGuard<'_, BTreeSet<usize>> {
        self.taken.lock().expect("no holder panics")
    }

    fn batch_of(&self, hashes: &[B256]) -> Option<usize> {
        hashes.first().and_then(|hash| self.table.by_hash.get(hash)).map(|(batch, _)| *batch)
    }
}

impl PayloadSource for Source {
    fn propose(&self, limits: &ProposalLimits) -> Vec<Arc<OrderedTransaction>> {
        let mut taken = self.taken();
        let next = (0..self.table.batches.len()).find(|batch| !taken.contains(batch));
        let Some(next) = next else { return Vec::new() };
        taken.insert(next);
        self.table.batches[next].iter().take(limits.transactions).cloned().collect()
    }

    fn returned(&self, transactions: &[Arc<OrderedTransaction>]) {
        let hashes: Vec<B256> = transactions.iter().map(|tx| tx.hash()).collect();
        self.release(&hashes);
    }
}

impl SharedSource for Source {
    fn claim(&self, hashes: &[B256]) -> Vec<B256> {
        match self.batch_of(hashes) {
            Some(batch) if self.taken().insert(batch) => hashes.to_vec(),
            _ => Vec::new(),
        }
    }

    fn release(&self, hashes: &[B256]) {
        if let Some(batch) = self.batch_of(hashes) {
            self.taken().remove(&batch);
        }
    }

    fn known(&self, hash: &B256) -> Option<Arc<OrderedTransaction>> {
        let (batch, position) = self.table.by_hash.get(hash)?;
        Some(Arc::clone(&self.table.batches[*batch][*position]))
    }
}
