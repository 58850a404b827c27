//! Reads the content of a state file, and refuses what is not as it is written.

use super::{
    ACCOUNT, CODE, END, Head, MAX_CODE, NEW_CODE, SLOT, SeenCode, Totals, frames::FrameReader, head::number,
};
use crate::error::StoreError;
use alloy_primitives::{B256, KECCAK256_EMPTY, U256, keccak256};
use mundi_execution::Account;
use std::{io::Read, ops::Range};

/// Accounts and slots in one batch, at most.
const LEAVES: usize = 1 << 16;
/// Bytes of code in one batch, about.
const CODE_BYTES: usize = 16 << 20;

/// An account with some of its slots.
#[derive(Debug)]
pub(crate) struct Part {
    pub(crate) key: B256,
    pub(crate) account: Account,
    /// Its slots among those of the batch.
    pub(crate) slots: Range<usize>,
    /// The slots before these came in the batch before.
    pub(crate) continues: bool,
    /// More slots may follow in the next batch. Only of the last part.
    pub(crate) unfinished: bool,
}

/// What is worked on at once.
#[derive(Debug, Default)]
pub(crate) struct Batch {
    pub(crate) parts: Vec<Part>,
    pub(crate) slots: Vec<(B256, U256)>,
    /// Code that comes for the first time.
    pub(crate) code: Vec<(B256, Vec<u8>)>,
    /// What came up to the end, if this is the end.
    pub(crate) end: Option<Totals>,
}

pub(crate) struct StateReader<R> {
    input: FrameReader<R>,
    seen: SeenCode,
    totals: Totals,
    /// The account whose slots may follow, and the key of its last slot.
    account: Option<(B256, Account, Option<B256>)>,
}

impl<R: Read> StateReader<R> {
    pub(crate) fn new(input: R) -> Result<(Self, Head), StoreError> {
        let mut input = FrameReader::new(input)?;
        let head = Head::read(&mut input)?;
        Ok((Self { input, seen: SeenCode::default(), totals: Totals::default(), account: None }, head))
    }

    /// The next accounts and slots.
    pub(crate) fn batch(&mut self) -> Result<Batch, StoreError> {
        let mut batch = Batch::default();
        let mut code_bytes = 0;
        if let Some((key, account, _)) = self.account {
            batch.parts.push(Part { key, account, slots: 0..0, continues: true, unfinished: true });
        }
        while batch.parts.len() + batch.slots.len() < LEAVES && code_bytes < CODE_BYTES {
            let mut tag = [0];
            self.input.take(&mut tag)?;
            match tag[0] {
                ACCOUNT => {
                    let (key, account) = self.account(&mut batch)?;
                    code_bytes += batch.code.last().map_or(0, |(_, code)| code.len());
                    if let Some(last) = batch.parts.last_mut() {
                        last.unfinished = false;
                    }
                    let slots = batch.slots.len()..batch.slots.len();
                    batch.parts.push(Part { key, account, slots, continues: false, unfinished: true });
                }
                SLOT => {
                    let slot = self.slot()?;
                    batch.slots.push(slot);
                    batch.parts.last_mut().expect("slots have an account").slots.end += 1;
                }
                END => {
                    if let Some(last) = batch.parts.last_mut() {
                        last.unfinished = false;
                    }
                    batch.end = Some(self.end()?);
                    break;
                }
                other => {
                    return Err(self.input.wrong(format!("neither account nor slot nor end, but {other}")));
                }
            }
        }
        Ok(batch)
    }

    fn key(&mut self, before: Option<B256>) -> Result<B256, StoreError> {
        let mut key = B256::ZERO;
        self.input.take(key.as_mut_slice())?;
        match before {
            Some(before) if before >= key => {
                Err(self.input.wrong(format!("{key} does not come after {before}")))
            }
            _ => Ok(key),
        }
    }

    fn account(&mut self, batch: &mut Batch) -> Result<(B256, Account), StoreError> {
        let before = self.account.map(|(key, ..)| key);
        let key = self.key(before)?;
        let mut flags = [0];
        self.input.take(&mut flags)?;
        let [flags] = flags;
        let balance_len = usize::from(flags & !(CODE | NEW_CODE));
        if balance_len > 32 || flags & (CODE | NEW_CODE) == NEW_CODE {
            return Err(self.input.wrong(format!("account {key}: its flags are malformed")));
        }
        let nonce = number(&mut self.input)?;
        let balance = self.word(balance_len)?;
        let mut code_hash = KECCAK256_EMPTY;
        if flags & NEW_CODE != 0 {
            let length = number(&mut self.input)?;
            let length = usize::try_from(length).ok().filter(|length| (1..=MAX_CODE).contains(length));
            let length = length.ok_or_else(|| {
                self.input.wrong(format!("account {key}: its code has not from 1 to {MAX_CODE} bytes"))
            })?;
            let mut code = Vec::new();
            self.input.take_into(length, &mut code)?;
            code_hash = keccak256(&code);
            if !self.seen.add(&code_hash) {
                return Err(self.input.wrong(format!("code {code_hash} comes a second time")));
            }
            batch.code.push((code_hash, code));
        } else if flags & CODE != 0 {
            self.input.take(code_hash.as_mut_slice())?;
            if !self.seen.has(&code_hash) {
                return Err(self
                    .input
                    .wrong(format!("account {key}: its code {code_hash} has not come before")));
            }
        }
        let account = Account { nonce, balance, code_hash };
        self.account = Some((key, account, None));
        self.totals.accounts += 1;
        Ok((key, account))
    }

    fn slot(&mut self) -> Result<(B256, U256), StoreError> {
        let Some((account, _, before)) = self.account else {
            return Err(self.input.wrong("a slot without an account"));
        };
        let key = self.key(before)?;
        let mut length = [0];
        self.input.take(&mut length)?;
        if !(1..=32).contains(&length[0]) {
            return Err(self.input.wrong(format!("slot {key} of {account}: a value of {} bytes", length[0])));
        }
        let value = self.word(length[0].into())?;
        if let Some((_, _, last)) = &mut self.account {
            *last = Some(key);
        }
        self.totals.slots += 1;
        Ok((key, value))
    }

    /// A number without leading zeros.
    fn word(&mut self, length: usize) -> Result<U256, StoreError> {
        let mut bytes = [0; 32];
        self.input.take(&mut bytes[32 - length..])?;
        if length > 0 && bytes[32 - length] == 0 {
            return Err(self.input.wrong("a number has leading zeros"));
        }
        Ok(U256::from_be_bytes(bytes))
    }

    fn end(&mut self) -> Result<Totals, StoreError> {
        let accounts = number(&mut self.input)?;
        let slots = number(&mut self.input)?;
        let codes = number(&mut self.input)?;
        let mut root = B256::ZERO;
        self.input.take(root.as_mut_slice())?;
        let told = Totals { accounts, slots, codes, root };
        let found = Totals { codes: self.seen.len(), root, ..self.totals };
        if told != found {
            let problem = format!(
                "it should have {accounts} accounts, {slots} slots and {codes} codes, and has {}, {} and {}",
                found.accounts, found.slots, found.codes
            );
            return Err(self.input.wrong(problem));
        }
        Ok(told)
    }

    /// The error for something that the last batch says.
    pub(crate) fn wrong(&self, problem: String) -> StoreError {
        StoreError::StateFile { offset: self.input.offset(), problem }
    }

    /// Makes sure that nothing follows; returns the length of the file.
    pub(crate) fn finish(self) -> Result<u64, StoreError> {
        self.input.finish()
    }
}
