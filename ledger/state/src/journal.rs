//! A block's changes as they are written until they are flushed: enough to make its layer again.

use crate::{
    account::{Reader, Record, put_varint, slot_bytes, slot_value},
    error::StoreError,
    stage::Work,
    trie::TrieId,
    view::View,
};
use alloy_primitives::U256;
use mundi_execution::Account;

/// Flag of an account: it exists afterwards.
const EXISTS: u8 = 1;
/// Flag: its storage is new, whatever it had before.
const FRESH: u8 = 2;

/// Hash, flags, account, storage id and slots of each account; then what storage was given up.
pub(crate) fn encode(works: &[Work], next_storage: TrieId) -> Vec<u8> {
    let mut out = Vec::with_capacity(64 * works.len() + 16);
    put_varint(&mut out, next_storage);
    put_varint(&mut out, works.len() as u64);
    for work in works {
        out.extend_from_slice(work.hash.as_slice());
        let exists = if work.new.is_some() { EXISTS } else { 0 };
        let fresh = if work.fresh { FRESH } else { 0 };
        out.push(exists | fresh);
        if let Some(account) = work.new {
            let record = Record::without_storage(account).to_bytes();
            put_varint(&mut out, record.len() as u64);
            out.extend_from_slice(&record);
        }
        put_varint(&mut out, work.storage);
        put_varint(&mut out, work.slots.len() as u64);
        for slot in &work.slots {
            let value = slot_bytes(&slot.new);
            out.extend_from_slice(slot.hash.as_slice());
            out.push(value.len() as u8);
            out.extend_from_slice(&value);
        }
    }
    out
}

/// Reads what [`encode`] wrote, with the values before from `parent`.
pub(crate) fn decode(bytes: &[u8], parent: &View) -> Result<(Vec<Work>, TrieId), StoreError> {
    let malformed = || StoreError::Damaged("a journal entry is malformed".into());
    let mut reader = Reader(bytes);
    let next_storage = reader.varint().ok_or_else(malformed)?;
    let count = reader.varint().ok_or_else(malformed)?;
    let mut works = Vec::new();
    for _ in 0..count {
        let work = read_work(&mut reader).ok_or_else(malformed)??;
        works.push(work);
    }
    if !reader.0.is_empty() {
        return Err(malformed());
    }
    for work in &mut works {
        work.old = parent.account_by_hash(&work.hash)?;
        if !work.fresh {
            for slot in &mut work.slots {
                slot.old = parent.slot_by_hash(work.storage, &slot.hash)?;
            }
        }
    }
    Ok((works, next_storage))
}

fn read_work(reader: &mut Reader<'_>) -> Option<Result<Work, StoreError>> {
    let hash = reader.hash()?;
    let flags = reader.byte().filter(|flags| flags & !(EXISTS | FRESH) == 0)?;
    let new: Option<Account> = if flags & EXISTS != 0 {
        let len = reader.varint()?;
        match Record::decode(reader.take(usize::try_from(len).ok()?)?) {
            Ok(record) => Some(record.account),
            Err(error) => return Some(Err(error)),
        }
    } else {
        None
    };
    let storage = reader.varint()?;
    let count = reader.varint()?;
    let mut slots = Vec::new();
    for _ in 0..count {
        let hash = reader.hash()?;
        let len = reader.byte()?;
        match slot_value(reader.take(len.into())?) {
            Ok(new) => slots.push(crate::stage::SlotWork { hash, slot: U256::ZERO, old: U256::ZERO, new }),
            Err(error) => return Some(Err(error)),
        }
    }
    let fresh = flags & FRESH != 0;
    Some(Ok(Work { hash, old: None, new, storage, fresh, slots }))
}
