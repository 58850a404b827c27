//! Users who send transfers to whatever validator is there, and send them again until they are final.

use crate::{
    dice::Dice,
    facts::{CHAIN, Facts},
    node::Node,
    record::Record,
};
use alloy_consensus::{SignableTransaction, TxEip1559, TxEnvelope};
use alloy_eips::eip2718::Encodable2718;
use alloy_primitives::{Address, B256, TxKind, U256};
use alloy_signer::SignerSync;
use alloy_signer_local::PrivateKeySigner;
use mundi_mempool::Origin;
use std::{
    collections::VecDeque,
    time::{Duration, SystemTime},
};

/// After this time a transaction that is not final is sent again, to another validator.
const PATIENCE: Duration = Duration::from_secs(2);

/// Transactions that are under way at most.
pub(crate) const MOST: usize = 48;

/// A transaction that a user waits for.
struct Waiting {
    hash: B256,
    raw: Vec<u8>,
    sent: SystemTime,
}

/// The users.
pub(crate) struct Load {
    dice: Dice,
    accounts: Vec<(PrivateKeySigner, u64)>,
    every: Duration,
    next: SystemTime,
    waiting: VecDeque<Waiting>,
    ended: bool,
}

/// A transfer of one wei, signed.
pub(crate) fn transfer(from: &PrivateKeySigner, nonce: u64, to: Address) -> Result<TxEnvelope, String> {
    let tx = TxEip1559 {
        chain_id: CHAIN,
        nonce,
        gas_limit: 21_000,
        max_fee_per_gas: 10_000_000_000,
        max_priority_fee_per_gas: 1,
        to: TxKind::Call(to),
        value: U256::from(1),
        ..TxEip1559::default()
    };
    let signature = from.sign_hash_sync(&tx.signature_hash()).map_err(|error| error.to_string())?;
    Ok(TxEnvelope::from(tx.into_signed(signature)))
}

impl Load {
    pub(crate) fn new(facts: &Facts, dice: Dice, every: Duration, from: SystemTime) -> Self {
        let accounts = facts.accounts.iter().map(|account| (account.clone(), 0)).collect();
        Self { dice, accounts, every, next: from, waiting: VecDeque::new(), ended: false }
    }

    /// Does what users do at a time.
    pub(crate) fn act(&mut self, now: SystemTime, nodes: &[Node], record: &Record) -> Result<(), String> {
        self.waiting.retain(|tx| record.confirmed(&tx.hash).is_none());
        let up: Vec<&Node> = nodes.iter().filter(|node| node.honest && node.live().is_some()).collect();
        if up.is_empty() {
            return Ok(());
        }
        for tx in &mut self.waiting {
            if now >= tx.sent + PATIENCE {
                tx.sent = now;
                send(up[self.dice.index(up.len())], &tx.raw);
            }
        }
        if self.ended || now < self.next || self.waiting.len() >= MOST {
            return Ok(());
        }
        self.next = now + self.every;
        let account = self.dice.index(self.accounts.len());
        let (signer, nonce) = &mut self.accounts[account];
        let to = Address::with_last_byte(self.dice.next() as u8 | 0x80);
        let tx = transfer(signer, *nonce, to)?;
        *nonce += 1;
        let raw = tx.encoded_2718();
        send(up[self.dice.index(up.len())], &raw);
        self.waiting.push_back(Waiting { hash: *tx.tx_hash(), raw, sent: now });
        Ok(())
    }

    /// Nothing new is sent any more; what is not final is sent again.
    pub(crate) const fn end(&mut self) {
        self.ended = true;
    }

    /// How many transactions are not final.
    pub(crate) fn waiting(&self) -> usize {
        self.waiting.len()
    }
}

fn send(node: &Node, raw: &[u8]) {
    if let Some(live) = node.live() {
        // It may have it, or not want it now: it is sent again.
        let _ = live.pool.submit_raw(raw, Origin::Remote);
    }
}
