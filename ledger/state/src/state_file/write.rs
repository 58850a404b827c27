//! Writes the content of a state file.

use super::{ACCOUNT, CODE, END, Head, MAX_CODE, NEW_CODE, SLOT, SeenCode, Totals, frames::FrameWriter};
use crate::{account::put_varint, error::StoreError};
use alloy_primitives::{B256, KECCAK256_EMPTY};
use mundi_execution::Account;
use std::io::Write;

pub(crate) struct StateWriter<W> {
    out: FrameWriter<W>,
    seen: SeenCode,
    totals: Totals,
    buffer: Vec<u8>,
}

impl StateWriter<Vec<u8>> {
    /// Moves what is written so far to the end of `to`.
    pub(crate) fn take_written(&mut self, to: &mut Vec<u8>) {
        to.append(self.out.target());
    }
}

impl<W: Write> StateWriter<W> {
    pub(crate) fn new(out: W, head: &Head) -> Result<Self, StoreError> {
        let mut out = FrameWriter::new(out)?;
        out.put(&head.encode()?)?;
        Ok(Self { out, seen: SeenCode::default(), totals: Totals::default(), buffer: Vec::new() })
    }

    /// The next account; its slots follow. `code` is asked for code that comes for the first time.
    pub(crate) fn account<C: AsRef<[u8]>>(
        &mut self,
        key: &B256,
        account: &Account,
        code: impl FnOnce() -> Result<C, StoreError>,
    ) -> Result<(), StoreError> {
        self.totals.accounts += 1;
        let Account { nonce, balance, code_hash } = *account;
        let has_code = code_hash != KECCAK256_EMPTY;
        let new = has_code && self.seen.add(&code_hash);
        let balance_len = balance.byte_len();
        let out = &mut self.buffer;
        out.clear();
        out.push(ACCOUNT);
        out.extend_from_slice(key.as_slice());
        out.push(balance_len as u8 | if has_code { CODE } else { 0 } | if new { NEW_CODE } else { 0 });
        put_varint(out, nonce);
        out.extend_from_slice(&balance.to_be_bytes::<32>()[32 - balance_len..]);
        if new {
            let code = code()?;
            let code = code.as_ref();
            if code.len() > MAX_CODE {
                let problem = format!("code {code_hash} has {} bytes; {MAX_CODE} fit", code.len());
                return Err(StoreError::StateFile { offset: 0, problem });
            }
            put_varint(out, code.len() as u64);
            out.extend_from_slice(code);
        } else if has_code {
            out.extend_from_slice(code_hash.as_slice());
        }
        self.out.put(&self.buffer)
    }

    /// The next slot of the last account; its value without leading zeros.
    pub(crate) fn slot(&mut self, key: &B256, value: &[u8]) -> Result<(), StoreError> {
        self.totals.slots += 1;
        let mut head = [SLOT; 34];
        head[1..33].copy_from_slice(key.as_slice());
        head[33] = value.len() as u8;
        self.out.put(&head)?;
        self.out.put(value)
    }

    /// Ends the file. Returns what is in it, its length, and what it was written to.
    pub(crate) fn finish(mut self, root: B256) -> Result<(Totals, u64, W), StoreError> {
        let totals = Totals { codes: self.seen.len(), root, ..self.totals };
        self.buffer.clear();
        self.buffer.push(END);
        for number in [totals.accounts, totals.slots, totals.codes] {
            put_varint(&mut self.buffer, number);
        }
        self.buffer.extend_from_slice(root.as_slice());
        self.out.put(&self.buffer)?;
        let (bytes, out) = self.out.finish()?;
        Ok((totals, bytes, out))
    }
}
