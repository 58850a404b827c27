//! What honest validators say, and whether it holds together: looked at whenever one of them makes a block.

use alloy_primitives::B256;
use mundi_chain::{Head, LedgerObserver, Sealed};
use mundi_state::BlockRecord;
use std::{
    collections::BTreeMap,
    sync::{Arc, Mutex, MutexGuard},
};

/// Most violations that are written down.
const MOST: usize = 16;

/// A block, as the first honest validator that made it has it.
#[derive(Clone, Debug)]
pub(crate) struct Seen {
    pub(crate) hash: B256,
    /// Digest of the payload.
    pub(crate) digest: B256,
    /// Who.
    pub(crate) by: usize,
}

#[derive(Debug, Default)]
struct State {
    blocks: BTreeMap<u64, Seen>,
    /// Height of the block that a final transaction is in.
    confirmed: BTreeMap<B256, u64>,
    /// The newest block of which each machine said that it is durable.
    durable: BTreeMap<usize, u64>,
    violations: Vec<String>,
}

/// What was seen. Clones are of the same one.
#[derive(Clone, Debug, Default)]
pub(crate) struct Record(Arc<Mutex<State>>);

impl Record {
    fn lock(&self) -> MutexGuard<'_, State> {
        self.0.lock().expect("no holder panics")
    }

    /// Something happened that must not.
    pub(crate) fn violation(&self, what: String) {
        let mut state = self.lock();
        if state.violations.len() < MOST {
            state.violations.push(what);
        }
    }

    pub(crate) fn violations(&self) -> Vec<String> {
        self.lock().violations.clone()
    }

    /// The newest height that anybody honest has made a block of.
    pub(crate) fn height(&self) -> u64 {
        self.lock().blocks.last_key_value().map_or(0, |(height, _)| *height)
    }

    pub(crate) fn block(&self, height: u64) -> Option<Seen> {
        self.lock().blocks.get(&height).cloned()
    }

    /// The block that a transaction is in, if it is final.
    pub(crate) fn confirmed(&self, hash: &B256) -> Option<u64> {
        self.lock().confirmed.get(hash).copied()
    }

    /// All transactions that are final, and where.
    pub(crate) fn all_confirmed(&self) -> Vec<(B256, u64)> {
        self.lock().confirmed.iter().map(|(hash, height)| (*hash, *height)).collect()
    }

    /// A machine has lost its disk, and may have less than it had.
    pub(crate) fn lost(&self, by: usize) {
        self.lock().durable.remove(&by);
    }

    /// A machine was switched on and has blocks up to this one.
    fn came_back(&self, by: usize, height: u64) {
        let durable = self.lock().durable.get(&by).copied().unwrap_or_default();
        if height < durable {
            self.violation(format!(
                "node {by} came back with block {height}, and block {durable} was durable"
            ));
        }
    }

    fn sealed(&self, by: usize, block: &BlockRecord) {
        let height = block.header.number;
        let digest = block.header.parent_beacon_block_root.unwrap_or_default();
        let mut wrong = Vec::new();
        let mut state = self.lock();
        state.durable.insert(by, height);
        match state.blocks.get(&height) {
            None => {
                state.blocks.insert(height, Seen { hash: block.hash, digest, by });
                for tx in &block.body.transactions {
                    let hash = *tx.tx_hash();
                    if let Some(before) = state.confirmed.insert(hash, height) {
                        wrong.push(format!("transaction {hash} is in the blocks {before} and {height}"));
                    }
                }
            }
            Some(seen) if seen.digest != digest => wrong.push(format!(
                "height {height} has two final payloads: {} at node {}, {digest} at node {by}",
                seen.digest, seen.by
            )),
            Some(seen) if seen.hash != block.hash => wrong.push(format!(
                "block {height} has two hashes: {} at node {}, {} at node {by}",
                seen.hash, seen.by, block.hash
            )),
            Some(_) => {}
        }
        drop(state);
        wrong.into_iter().for_each(|wrong| self.violation(wrong));
    }
}

/// Looks at the blocks of one honest validator.
pub(crate) struct Witness {
    pub(crate) record: Record,
    pub(crate) node: usize,
}

impl Witness {
    /// This is what the validator begins with.
    pub(crate) fn came_back(&self, head: &Head) {
        self.record.came_back(self.node, head.block.header.number);
    }
}

impl LedgerObserver for Witness {
    fn sealed(&self, sealed: &Sealed, _: &Head) {
        self.record.sealed(self.node, &sealed.block);
    }

    fn reset(&self, removed: &[Arc<BlockRecord>], _: &Head) {
        if !removed.is_empty() {
            self.record.violation(format!("node {} dropped {} final blocks", self.node, removed.len()));
        }
    }
}

#[cfg(test)]
impl Record {
    /// Takes a transaction for final that is not.
    pub(crate) fn confirm(&self, hash: B256, height: u64) {
        self.lock().confirmed.insert(hash, height);
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::{facts::account, load::transfer};
    use alloy_primitives::Address;
    use mundi_chain::{DeveloperGenesis, Genesis};

    /// A block with so many transfers of one sender, from a nonce on.
    fn block(height: u64, nonces: std::ops::Range<u64>) -> BlockRecord {
        let mut block = Genesis::developer(&DeveloperGenesis::default()).unwrap().record();
        block.header.number = height;
        block.header.parent_beacon_block_root = Some(B256::with_last_byte(height as u8));
        let sender = account(1).unwrap();
        for nonce in nonces {
            block.body.transactions.push(transfer(&sender, nonce, Address::ZERO).unwrap());
        }
        block.hash = block.header.hash_slow();
        block
    }

    /// What is said of blocks that nodes 0, 1 and so on have made.
    fn said(blocks: &[BlockRecord]) -> Vec<String> {
        let record = Record::default();
        blocks.iter().enumerate().for_each(|(node, block)| record.sealed(node, block));
        record.violations()
    }

    #[test]
    fn nothing_is_said_of_nodes_that_agree() {
        let record = Record::default();
        for node in 0..2 {
            record.sealed(node, &block(1, 0..2));
            record.sealed(node, &block(2, 2..3));
        }
        assert!(record.violations().is_empty(), "{:?}", record.violations());
        assert_eq!((record.height(), record.all_confirmed().len()), (2, 3));
        let last = *block(2, 2..3).body.transactions[0].tx_hash();
        assert_eq!(record.confirmed(&last), Some(2));
    }

    #[test]
    fn two_payloads_at_a_height_are_noticed() {
        let mut other = block(1, 0..1);
        other.header.parent_beacon_block_root = Some(B256::repeat_byte(7));
        other.hash = other.header.hash_slow();
        let said = said(&[block(1, 0..1), other]);
        assert!(said.len() == 1 && said[0].starts_with("height 1 has two final payloads"), "{said:?}");
    }

    #[test]
    fn a_block_with_two_hashes_is_noticed() {
        let mut other = block(1, 0..1);
        other.header.state_root = B256::repeat_byte(7);
        other.hash = other.header.hash_slow();
        let said = said(&[block(1, 0..1), other]);
        assert!(said.len() == 1 && said[0].starts_with("block 1 has two hashes"), "{said:?}");
    }

    #[test]
    fn a_transaction_in_two_blocks_is_noticed() {
        let said = said(&[block(1, 0..2), block(2, 1..3)]);
        assert!(said.len() == 1 && said[0].ends_with("is in the blocks 1 and 2"), "{said:?}");
    }

    #[test]
    fn who_comes_back_with_less_than_was_durable_is_noticed() {
        let record = Record::default();
        record.came_back(0, 0);
        record.sealed(0, &block(1, 0..1));
        record.sealed(0, &block(2, 1..2));
        record.sealed(1, &block(1, 0..1));
        record.came_back(0, 2);
        record.came_back(1, 1);
        assert!(record.violations().is_empty(), "{:?}", record.violations());
        record.came_back(0, 1);
        assert_eq!(record.violations(), ["node 0 came back with block 1, and block 2 was durable"]);
        record.lost(0);
        record.came_back(0, 0);
        assert_eq!(record.violations().len(), 1);
    }

    #[test]
    fn what_goes_wrong_again_and_again_is_written_down_for_a_while() {
        let record = Record::default();
        (0..2 * MOST).for_each(|number| record.violation(number.to_string()));
        assert_eq!(record.violations().len(), MOST);
    }
}
