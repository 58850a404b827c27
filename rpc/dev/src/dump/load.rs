//! Loading dumps.

use super::{
    Dump, DumpError, anvil,
    document::{Changes, Decoded},
    replay::Replay,
    unpacked,
};
use crate::{Workbench, workbench::Notes};
use alloy_consensus::TxEnvelope;
use alloy_primitives::{Address, KECCAK256_EMPTY};
use mundi_chain::{Ledger, OrderedTransaction, Payload, Sequencer as _};
use mundi_execution::{StateChanges, StateSnapshot};
use serde::Deserialize;
use std::sync::Arc;

/// What tells documents from each other.
#[derive(Deserialize)]
#[serde(rename_all = "camelCase")]
struct Kind {
    #[serde(default)]
    mundi_chain: Option<serde::de::IgnoredAny>,
}

impl Workbench {
    /// Puts a dumped chain in the place of this one. See [`Dump`] for what fits.
    pub fn load(&self, bytes: &[u8]) -> Result<(), DumpError> {
        let json = unpacked(bytes)?;
        let Kind { mundi_chain } = serde_json::from_slice(&json).map_err(super::malformed)?;
        if mundi_chain.is_none() {
            let accounts = anvil::accounts(&json)?;
            return Ok(self.edit(|view| anvil::take_over(view, accounts))?);
        }
        self.load_dump(&Dump::parse(&json)?)
    }

    /// The same for a dump that was read.
    pub fn load_dump(&self, dump: &Dump) -> Result<(), DumpError> {
        let ledger = &self.ctx.ledger;
        let own = ledger.spec().chain_id();
        if dump.chain_id != own {
            return Err(DumpError::mismatch("chain id of the dump", own, dump.chain_id));
        }
        let blocks = dump.decoded()?;
        let edits = dump.edits.as_ref().map(Changes::to_state_changes);
        let first = ledger.block(self.origin)?;
        let first = first.ok_or_else(|| DumpError::NotWhole("the first block is not kept".into()))?;
        let same = first.hash == dump.origin.hash;
        if !same {
            if dump.origin.number != self.origin {
                return Err(DumpError::mismatch("first height of the dump", self.origin, dump.origin.number));
            }
            if self.setup.fork.is_some() || dump.origin.state.is_none() {
                let what = "first block of the dump, whose state is somewhere else";
                return Err(DumpError::mismatch(what, first.hash, dump.origin.hash));
            }
        }
        let mut notes = self.notes();
        let loaded = self.solo.pause(|| {
            self.reset_paused(&mut notes)?;
            if same {
                self.repeat(&mut notes, blocks)?;
            } else {
                let begin = dump.origin.state.as_ref().map(Changes::to_state_changes);
                Replay::new(self, &mut notes).run(begin.unwrap_or_default(), blocks)?;
            }
            match edits {
                Some(edits) => self.put_checked(&mut notes, edits),
                None => Ok(()),
            }
        });
        self.solo.wake();
        loaded
    }

    /// Gives the ledger the payloads of these blocks, which follow its first one: they have to come out the same.
    fn repeat(&self, notes: &mut Notes, blocks: Vec<Decoded>) -> Result<(), DumpError> {
        for Decoded { hash, block, senders, edits } in blocks {
            let number = block.header.number;
            if let Some(edits) = edits {
                self.put_checked(notes, edits)?;
            }
            let count = block.body.transactions.len();
            let answer = self.ctx.ledger.submit(payload(block, senders))?;
            let sealed = answer.blocking_recv().map_err(|_| halted(&self.ctx.ledger))??;
            if sealed.block.hash != hash {
                let made = sealed.block.body.transactions.len();
                self.go_back(notes, number - 1, None, &[])?;
                return Err(match sealed.skipped.first() {
                    Some((transaction, reason)) => {
                        let got = format!("{made}: {transaction} is not valid there ({reason})");
                        DumpError::mismatch(format!("transactions of block {number}"), count, got)
                    }
                    None => DumpError::mismatch(format!("hash of block {number}"), hash, sealed.block.hash),
                });
            }
        }
        Ok(())
    }

    /// Changes out of a document, whose code has to be there.
    pub(super) fn put_checked(&self, notes: &mut Notes, changes: StateChanges) -> Result<(), DumpError> {
        check_code(&self.ctx.ledger.head().state, &changes)?;
        Ok(self.put(notes, self.height(), changes)?)
    }
}

/// Whether all code is known that accounts are to have.
pub(super) fn check_code(state: &impl StateSnapshot, changes: &StateChanges) -> Result<(), DumpError> {
    for change in &changes.accounts {
        let Some(account) = change.account else { continue };
        let known = account.code_hash == KECCAK256_EMPTY
            || changes.code.iter().any(|(hash, _)| *hash == account.code_hash)
            || state.code(&account.code_hash).is_ok();
        if !known {
            let problem = format!("the code {} of {} is not in it", account.code_hash, change.address);
            return Err(DumpError::Malformed(problem));
        }
    }
    Ok(())
}

fn halted(ledger: &Ledger) -> DumpError {
    let reason = ledger.halted().unwrap_or_else(|| "it was closed".into());
    mundi_chain::LedgerError::Halted(reason).into()
}

/// What a block was made of.
pub(super) fn payload(block: alloy_consensus::Block<TxEnvelope>, senders: Vec<Address>) -> Payload {
    let header = block.header;
    let transactions = block.body.transactions.into_iter().zip(senders);
    Payload {
        height: header.number,
        timestamp: header.timestamp,
        beneficiary: header.beneficiary,
        prev_randao: header.mix_hash,
        digest: header.parent_beacon_block_root.unwrap_or_default(),
        extra_data: header.extra_data,
        gas_limit: Some(header.gas_limit),
        base_fee: header.base_fee_per_gas,
        withdrawals: block.body.withdrawals.unwrap_or_default().into_inner(),
        transactions: transactions
            .map(|(envelope, sender)| Arc::new(OrderedTransaction::new(envelope, sender)))
            .collect(),
    }
}
