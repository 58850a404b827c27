//! Synthetic state: keys are spread uniformly as hashes are, values cannot be compressed, everything is a function of an index.
//!
//! Ratios are Ethereum's: two slots per account, 0.11 stored trie nodes per account.

use crate::engine::{Pair, Put, Table};

/// How many items there are for `accounts` accounts.
pub const fn count(table: Table, accounts: u64) -> u64 {
    match table {
        Table::Account => accounts,
        Table::Slot => accounts * 2,
        Table::Node => accounts * 11 / 100,
        Table::Block => 0,
    }
}

/// A small generator (SplitMix64).
#[derive(Clone, Debug)]
pub struct Random(u64);

impl Random {
    pub const fn new(seed: u64) -> Self {
        Self(seed)
    }

    pub const fn next(&mut self) -> u64 {
        self.0 = self.0.wrapping_add(0x9e37_79b9_7f4a_7c15);
        let mut z = self.0;
        z = (z ^ (z >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
        z = (z ^ (z >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
        z ^ (z >> 31)
    }

    /// Less than `bound`.
    pub const fn below(&mut self, bound: u64) -> u64 {
        self.next() % bound
    }

    fn bytes(&mut self, length: usize) -> Vec<u8> {
        let mut bytes = Vec::with_capacity(length + 8);
        while bytes.len() < length {
            bytes.extend_from_slice(&self.next().to_be_bytes());
        }
        bytes.truncate(length);
        bytes
    }
}

/// The key of item `index`: 32 bytes for accounts, 40 for slots, 6 to 10 for nodes, the number itself for blocks.
pub fn key(table: Table, index: u64) -> Vec<u8> {
    let mut random = Random::new((index << 2) | table as u64);
    match table {
        Table::Account => random.bytes(32),
        Table::Slot => random.bytes(40),
        Table::Node => {
            let length = 6 + random.clone().below(5) as usize;
            random.bytes(length)
        }
        Table::Block => index.to_be_bytes().to_vec(),
    }
}

/// The value of item `index` after it was written `generation` times more: 20 to 80 bytes for accounts, 1 to 32 for slots, 300 to
/// 400 for nodes, 30,000 for blocks.
pub fn value(table: Table, index: u64, generation: u64) -> Vec<u8> {
    let mut random = Random::new(!((index << 2) | table as u64) ^ (generation << 40));
    let length = match table {
        Table::Account => 20 + random.below(61),
        Table::Slot => 1 + random.below(32),
        Table::Node => 300 + random.below(101),
        Table::Block => 30_000,
    };
    random.bytes(length as usize)
}

/// All items of a table in ascending order of their keys.
pub fn sorted(table: Table, accounts: u64) -> impl Iterator<Item = Pair> {
    let mut order: Vec<(u64, u32)> = (0..count(table, accounts))
        .map(|index| {
            let key = key(table, index);
            let mut head = [0; 8];
            let length = key.len().min(8);
            head[..length].copy_from_slice(&key[..length]);
            (u64::from_be_bytes(head), index as u32)
        })
        .collect();
    order.sort_unstable_by(|a, b| {
        a.0.cmp(&b.0).then_with(|| key(table, a.1.into()).cmp(&key(table, b.1.into())))
    });
    order.into_iter().map(move |(_, index)| (key(table, index.into()), value(table, index.into(), 0)))
}

/// A batch that changes `changed` random accounts and three nodes for each, in ascending order of keys and each item once.
pub fn batch(accounts: u64, changed: u64, generation: u64) -> Vec<Put> {
    let mut random = Random::new(generation.wrapping_mul(0x1234_5678_9abc_def1));
    let mut items: Vec<(Table, u64)> = Vec::new();
    for _ in 0..changed {
        items.push((Table::Account, random.below(accounts)));
        for _ in 0..3 {
            items.push((Table::Node, random.below(count(Table::Node, accounts))));
        }
    }
    let mut puts: Vec<Put> = items
        .into_iter()
        .map(|(table, index)| Put { table, key: key(table, index), value: value(table, index, generation) })
        .collect();
    puts.sort_unstable_by(|a, b| (a.table as u8, &a.key).cmp(&(b.table as u8, &b.key)));
    puts.dedup_by(|a, b| a.table == b.table && a.key == b.key);
    puts
}

/// What one block writes: a record under its number, and the number of the last block under a fixed key.
pub fn block(number: u64) -> Vec<Put> {
    let record =
        Put { table: Table::Block, key: key(Table::Block, number), value: value(Table::Block, number, 0) };
    vec![record, head(number)]
}

/// The number of the last block, under a key that no block has.
pub fn head(number: u64) -> Put {
    Put { table: Table::Block, key: b"head".to_vec(), value: number.to_be_bytes().to_vec() }
}

/// Keys and values of a batch, in bytes.
pub fn logical_bytes(batch: &[Put]) -> u64 {
    batch.iter().map(|put| (put.key.len() + put.value.len()) as u64).sum()
}
