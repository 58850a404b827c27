use super::*;
use crate::kv::{Kv, KvOptions};
use alloy_consensus::{
    Receipt, SignableTransaction, Signed, TxEip1559, TxEip2930, TxEip4844, TxEip4844WithSidecar, TxEip7702,
    TxLegacy, TxType,
};
use alloy_eips::{
    eip2930::{AccessList, AccessListItem},
    eip4895::{Withdrawal, Withdrawals},
    eip7594::BlobTransactionSidecarVariant,
    eip7702::{Authorization, SignedAuthorization},
};
use alloy_primitives::{Bloom, Bytes, Log, Signature, TxKind};
use proptest::prelude::*;
use std::{
    path::PathBuf,
    sync::atomic::{AtomicU32, Ordering},
};

fn header_value(block: &BlockRecord) -> Vec<u8> {
    encode_header(&block.header, &block.hash, &block.total_difficulty)
}

/// An empty database, in memory or in a directory of its own, which is removed afterwards.
pub(crate) struct Scratch {
    pub(crate) kv: Kv,
    directory: Option<PathBuf>,
}

impl Scratch {
    pub(crate) fn new() -> Self {
        static COUNT: AtomicU32 = AtomicU32::new(0);
        let count = COUNT.fetch_add(1, Ordering::Relaxed);
        let directory = std::env::temp_dir().join(format!("mundi-blocks-{}-{count}", std::process::id()));
        let kv = Kv::create(&directory, KvOptions { cache_bytes: 1 << 20, threads: 1 }).unwrap();
        Self { kv, directory: Some(directory) }
    }

    /// One on disk and one in memory.
    pub(crate) fn each() -> [Self; 2] {
        [Self::new(), Self { kv: Kv::in_memory(), directory: None }]
    }

    pub(crate) fn put(&self, blocks: &[BlockRecord]) {
        self.replace(&[], blocks);
    }

    pub(crate) fn replace(&self, old: &[BlockRecord], new: &[BlockRecord]) {
        let (mut batch, view) = (self.kv.batch(), self.kv.view());
        for block in old {
            delete_block(&mut batch, &view, block.header.number).unwrap();
        }
        for block in new {
            check_block(block).unwrap();
            put_block(&mut batch, block);
        }
        batch.commit().unwrap();
    }

    fn tables(&self) -> Vec<(Table, Vec<u8>, Vec<u8>)> {
        let view = self.kv.view();
        let entries = Table::ALL.into_iter().flat_map(|table| {
            view.scan(table, &[], &[]).map(move |entry| {
                let (key, value) = entry.unwrap();
                (table, key.to_vec(), value.to_vec())
            })
        });
        entries.collect()
    }
}

impl Drop for Scratch {
    fn drop(&mut self) {
        if let Some(directory) = &self.directory {
            drop(std::fs::remove_dir_all(directory));
        }
    }
}

const TYPES: [TxType; 5] =
    [TxType::Legacy, TxType::Eip2930, TxType::Eip1559, TxType::Eip4844, TxType::Eip7702];

fn access_list() -> AccessList {
    let item =
        AccessListItem { address: Address::repeat_byte(3), storage_keys: vec![B256::repeat_byte(4); 2] };
    AccessList(vec![item; 2])
}

fn sign<T: SignableTransaction<Signature>>(tx: T) -> Signed<T> {
    tx.into_signed(Signature::new(U256::from(5), U256::MAX >> 2, true))
}

fn transaction_of(tx_type: TxType, nonce: u64) -> TxEnvelope {
    let to = Address::repeat_byte(2);
    let input = Bytes::from(vec![7; 70]);
    let (chain_id, access_list, value) = (1, access_list(), U256::from(9));
    match tx_type {
        TxType::Legacy => {
            let chain_id = (nonce.is_multiple_of(2)).then_some(chain_id);
            let to = if nonce.is_multiple_of(3) { TxKind::Create } else { to.into() };
            sign(TxLegacy { chain_id, nonce, to, value, input, ..Default::default() }).into()
        }
        TxType::Eip2930 => sign(TxEip2930 {
            chain_id,
            nonce,
            to: to.into(),
            value,
            input,
            access_list,
            ..Default::default()
        })
        .into(),
        TxType::Eip1559 => sign(TxEip1559 {
            chain_id,
            nonce,
            to: to.into(),
            value,
            input,
            access_list,
            ..Default::default()
        })
        .into(),
        TxType::Eip4844 => {
            let blob_versioned_hashes = vec![B256::repeat_byte(1); 6];
            sign(TxEip4844 { chain_id, nonce, to, blob_versioned_hashes, access_list, ..Default::default() })
                .into()
        }
        TxType::Eip7702 => {
            let authorization = Authorization { chain_id: U256::from(1), address: to, nonce };
            let authorization_list =
                vec![SignedAuthorization::new_unchecked(authorization, 1, value, value); 3];
            sign(TxEip7702 { chain_id, nonce, to, authorization_list, ..Default::default() }).into()
        }
    }
}

/// A block with one transaction for each list of logs, and two more whenever `salt` is even: ommers and withdrawals.
pub(crate) fn block_with_logs(height: u64, salt: u8, logs: Vec<Vec<Log>>) -> BlockRecord {
    let parts = logs.into_iter().zip(TYPES.into_iter().cycle()).zip((height << 32 | u64::from(salt) << 16)..);
    let (transactions, receipts): (Vec<_>, Vec<_>) = parts
        .map(|((logs, tx_type), nonce)| {
            let status = match height {
                0..2 => B256::repeat_byte(salt).into(),
                _ => (nonce % 4 != 0).into(),
            };
            let receipt = Receipt { status, cumulative_gas_used: nonce, logs };
            (transaction_of(tx_type, nonce), ReceiptEnvelope::from_typed(tx_type, receipt))
        })
        .unzip();
    let ommer = Header {
        number: height.saturating_sub(1),
        extra_data: Bytes::from(vec![salt; 32]),
        ..Default::default()
    };
    let ommers = if salt.is_multiple_of(2) { vec![ommer; 2] } else { vec![] };
    let withdrawal =
        Withdrawal { index: 1, validator_index: 2, address: Address::repeat_byte(salt), amount: 3 };
    let withdrawals = salt.is_multiple_of(2).then(|| Withdrawals::new(vec![withdrawal; 16]));
    let logs_bloom = receipts.iter().fold(Bloom::ZERO, |bloom, receipt| bloom | *receipt.logs_bloom());
    let header = Header {
        number: height,
        logs_bloom,
        extra_data: Bytes::from(vec![salt]),
        base_fee_per_gas: salt.is_multiple_of(2).then_some(7),
        withdrawals_root: salt.is_multiple_of(2).then_some(B256::repeat_byte(8)),
        ..Default::default()
    };
    BlockRecord {
        hash: header.hash_slow(),
        header,
        total_difficulty: U256::MAX >> salt,
        senders: (0u64..)
            .take(transactions.len())
            .map(|index| Address::left_padding_from(&index.to_be_bytes()))
            .collect(),
        body: BlockBody { transactions, ommers, withdrawals },
        receipts,
    }
}

fn log(byte: u8, topics: usize) -> Log {
    Log::new_unchecked(
        Address::repeat_byte(byte),
        vec![B256::repeat_byte(byte); topics],
        Bytes::from(vec![byte; 40]),
    )
}

fn sample(height: u64, salt: u8) -> BlockRecord {
    let logs = (0..10).map(|index| (0..index).map(|byte| log(byte, usize::from(byte) % 5)).collect());
    block_with_logs(height, salt, logs.collect())
}

/// Everything that the tables say about a block.
fn read(view: &View, height: u64) -> Option<BlockRecord> {
    let StoredHeader { header, hash, total_difficulty } = header(view, height).unwrap()?;
    let StoredBody { body, senders } = body(view, height).unwrap().unwrap();
    let receipts = receipts(view, height).unwrap().unwrap();
    Some(BlockRecord { header, hash, total_difficulty, body, senders, receipts })
}

#[test]
fn blocks_are_read_as_written() {
    for scratch in Scratch::each() {
        let empty = block_with_logs(u64::MAX, 3, vec![]);
        let blocks = [sample(0, 0), sample(1, 1), sample(2, 2), sample(3, 3), empty];
        scratch.put(&blocks);
        let view = scratch.kv.view();
        for block in &blocks {
            let height = block.header.number;
            assert_eq!(read(&view, height).as_ref(), Some(block));
            assert_eq!(block_hash(&view, height).unwrap(), Some(block.hash));
            assert_eq!(height_of(&view, &block.hash).unwrap(), Some(height));
            let hashes: Vec<_> = block.body.transactions.iter().map(|tx| *tx.tx_hash()).collect();
            assert_eq!(transaction_hashes(&view, height).unwrap(), hashes);
            for (index, hash) in (0..).zip(&hashes) {
                assert_eq!(transaction(&view, hash).unwrap(), Some((height, index)));
            }
        }
    }
}

#[test]
fn nothing_is_found_where_there_is_none() {
    for scratch in Scratch::each() {
        scratch.put(&[sample(7, 0)]);
        let view = scratch.kv.view();
        assert_eq!(read(&view, 8), None);
        assert_eq!(body(&view, 6).unwrap(), None);
        assert_eq!(receipts(&view, 6).unwrap(), None);
        assert_eq!(block_hash(&view, 6).unwrap(), None);
        assert_eq!(height_of(&view, &B256::ZERO).unwrap(), None);
        assert_eq!(transaction(&view, &B256::ZERO).unwrap(), None);
        let problem = delete_block(&mut scratch.kv.batch(), &view, 6).unwrap_err().to_string();
        assert_eq!(problem, "damaged store: headers, block 6: nothing there");
    }
}

#[test]
fn deleting_a_block_leaves_the_tables_as_before() {
    for scratch in Scratch::each() {
        scratch.put(&[sample(4, 0), sample(5, 0)]);
        let before = scratch.tables();
        for block in [sample(6, 1), block_with_logs(6, 2, vec![])] {
            scratch.put(std::slice::from_ref(&block));
            assert!(scratch.tables().len() > before.len());
            scratch.replace(&[block], &[]);
            assert_eq!(scratch.tables(), before);
        }
    }
}

/// A reorganisation: the new block may have the transactions and the terms of the old one.
#[test]
fn a_block_replaces_another_in_one_batch() {
    let (old, mut new) = (sample(6, 1), sample(6, 2));
    new.body.transactions[3..].clone_from_slice(&old.body.transactions[3..]);
    for (expected, scratch) in Scratch::each().into_iter().zip(Scratch::each()) {
        expected.put(&[sample(5, 0), new.clone()]);
        scratch.put(&[sample(5, 0), old.clone()]);
        scratch.replace(std::slice::from_ref(&old), std::slice::from_ref(&new));
        assert_eq!(scratch.tables(), expected.tables());
    }
}

#[test]
fn blocks_that_contradict_themselves_are_refused() {
    let refused = |change: fn(&mut BlockRecord)| {
        let mut block = sample(6, 1);
        change(&mut block);
        check_block(&block).unwrap_err().to_string()
    };
    let problem = refused(|block| block.header.gas_used += 1);
    assert!(problem.starts_with("block 6: hash should be 0x"), "{problem}");
    let problem = refused(|block| block.senders.truncate(9));
    assert_eq!(problem, "block 6: number of senders should be 10, is 9");
    let problem = refused(|block| block.receipts.push(block.receipts[0].clone()));
    assert_eq!(problem, "block 6: number of receipts should be 10, is 11");
    let problem = refused(|block| {
        let sidecar = BlobTransactionSidecarVariant::default();
        let tx = TxEip4844WithSidecar::from_tx_and_sidecar(TxEip4844::default(), sidecar);
        block.body.transactions[3] = sign(TxEip4844Variant::from(tx)).into();
    });
    assert_eq!(problem, "block 6: number of blob sidecars should be 0, is 1");
}

#[test]
fn damage_is_named_by_table_and_height() {
    let scratch = Scratch::new();
    let block = sample(6, 1);
    scratch.put(std::slice::from_ref(&block));
    let tx = block.body.transactions[0].tx_hash();
    let mut batch = scratch.kv.batch();
    for table in [Table::Headers, Table::Bodies, Table::Receipts] {
        batch.put(table, &6u64.to_be_bytes(), b"");
    }
    batch.put(Table::Heights, block.hash.as_slice(), b"1234567");
    batch.put(Table::Transactions, tx.as_slice(), b"12345678");
    batch.commit().unwrap();
    let view = scratch.kv.view();
    let problems = [
        (header(&view, 6).unwrap_err(), "headers, block 6: the value is cut off".to_owned()),
        (block_hash(&view, 6).unwrap_err(), "headers, block 6: the value is cut off".to_owned()),
        (body(&view, 6).unwrap_err(), "bodies, block 6: input too short".to_owned()),
        (transaction_hashes(&view, 6).unwrap_err(), "bodies, block 6: input too short".to_owned()),
        (receipts(&view, 6).unwrap_err(), "receipts, block 6: input too short".to_owned()),
        (
            height_of(&view, &block.hash).unwrap_err(),
            format!("heights, block {}: 7 bytes instead of 8", block.hash),
        ),
        (transaction(&view, tx).unwrap_err(), format!("transactions, {tx}: 8 bytes instead of 12")),
    ];
    for (problem, expected) in problems {
        assert_eq!(problem.to_string(), format!("damaged store: {expected}"));
    }
}

#[test]
fn a_header_of_another_height_is_damage() {
    let value = header_value(&sample(6, 1));
    assert!(decode_header(6, &value).is_ok());
    assert_eq!(
        decode_header(7, &value).unwrap_err().to_string(),
        "damaged store: headers, block 7: the header is that of block 6"
    );
}

#[test]
fn cut_values_are_damage() {
    let block = sample(6, 2);
    let (header, body) = (header_value(&block), encode_body(&block));
    for end in 0..header.len() {
        assert!(decode_header(6, &header[..end]).is_err(), "header cut at {end}");
    }
    for end in 0..body.len() {
        assert!(decode_body(6, &body[..end]).is_err(), "body cut at {end}");
    }
}

proptest! {
    #[test]
    fn flipped_bits_never_panic(bit: prop::sample::Index, more: prop::sample::Index, salt in 0u8..4) {
        let block = sample(6, salt);
        let flip = |mut value: Vec<u8>| {
            for bit in [bit, more].map(|bit| bit.index(value.len() * 8)) {
                value[bit / 8] ^= 1 << (bit % 8);
            }
            value
        };
        // Only the difficulty is not covered by the hash
        if let Ok(stored) = decode_header(6, &flip(header_value(&block))) {
            prop_assert_eq!(stored.header, block.header.clone());
        }
        let body = flip(encode_body(&block));
        if let Ok(stored) = decode_body(6, &body) {
            prop_assert_eq!(stored.senders.len(), stored.body.transactions.len());
            // The decoder of transactions takes some encodings that no encoder writes
            if alloy_rlp::encode(&stored.body) == body[..body.len() - 20 * stored.senders.len()] {
                let hashes: Vec<_> = stored.body.transactions.iter().map(|tx| *tx.tx_hash()).collect();
                prop_assert_eq!(hash_transactions(&body).unwrap(), hashes);
            }
        }
        let _ = hash_transactions(&body);
    }

    #[test]
    fn arbitrary_bytes_never_panic(bytes: Vec<u8>, height: u64) {
        let _ = decode_header(height, &bytes);
        let _ = decode_body(height, &bytes);
        let _ = hash_transactions(&bytes);
        let _ = decode_receipts(&bytes);
    }
}
