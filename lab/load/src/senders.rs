//! Who sends what.

use alloy_consensus::{SignableTransaction, TxEip1559, TxEnvelope, transaction::SignerRecoverable};
use alloy_eips::eip2718::Encodable2718;
use alloy_primitives::{Address, B256, Bytes, TxKind, U256, keccak256};
use alloy_signer::SignerSync;
use alloy_signer_local::PrivateKeySigner;
use mundi_workload::{Exchange, SplitMix};
use rayon::prelude::*;
use std::{fmt, str::FromStr, time::Instant};

/// What is sent.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, serde::Serialize)]
#[serde(rename_all = "lowercase")]
pub enum Workload {
    /// Plain transfers between the senders.
    #[default]
    Transfer,
    /// Transfers of one ERC-20 token.
    Erc20,
    /// Both, by turns.
    Mixed,
}

impl FromStr for Workload {
    type Err = String;

    fn from_str(text: &str) -> Result<Self, String> {
        match text {
            "transfer" => Ok(Self::Transfer),
            "erc20" => Ok(Self::Erc20),
            "mixed" => Ok(Self::Mixed),
            other => Err(format!("unknown workload '{other}': expected transfer, erc20 or mixed")),
        }
    }
}

impl fmt::Display for Workload {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::Transfer => "transfer",
            Self::Erc20 => "erc20",
            Self::Mixed => "mixed",
        })
    }
}

/// Keys, and the nonces that come next.
#[derive(Debug)]
pub struct Senders {
    chain_id: u64,
    keys: Vec<PrivateKeySigner>,
    max_fee: u128,
}

/// A signed transaction.
#[derive(Clone, Debug)]
pub(crate) struct Signed {
    pub(crate) hash: B256,
    pub(crate) raw: Vec<u8>,
}

impl Senders {
    /// Fresh keys, derived from a seed.
    ///
    /// # Panics
    /// If one of them is zero or beyond the curve's order, which happens once in 2¹²⁷.
    pub fn new(chain_id: u64, count: usize, seed: u64, max_fee: u128) -> Self {
        let key = |index: usize| {
            let bytes = keccak256([seed.to_be_bytes(), (index as u64).to_be_bytes()].concat());
            PrivateKeySigner::from_bytes(&bytes).expect("a hash is a key")
        };
        Self { chain_id, keys: (0..count).map(key).collect(), max_fee }
    }

    /// These keys.
    pub fn of(chain_id: u64, keys: Vec<PrivateKeySigner>, max_fee: u128) -> Self {
        Self { chain_id, keys, max_fee }
    }

    /// Their addresses.
    pub fn addresses(&self) -> Vec<Address> {
        self.keys.iter().map(PrivateKeySigner::address).collect()
    }

    pub(crate) fn sign(
        &self,
        sender: usize,
        nonce: u64,
        to: TxKind,
        value: U256,
        input: Bytes,
        gas_limit: u64,
    ) -> Signed {
        let tx = TxEip1559 {
            chain_id: self.chain_id,
            nonce,
            gas_limit,
            max_fee_per_gas: self.max_fee,
            max_priority_fee_per_gas: 1_000_000,
            to,
            value,
            input,
            ..TxEip1559::default()
        };
        let signature = self.keys[sender].sign_hash_sync(&tx.signature_hash()).expect("a local key signs");
        let signed = TxEnvelope::from(tx.into_signed(signature));
        Signed { hash: *signed.tx_hash(), raw: signed.encoded_2718() }
    }

    /// Signs `count` transactions, the senders by turns: for each sender a list in the order of its nonces, from zero.
    pub(crate) fn workload(
        &self,
        workload: Workload,
        token: Option<Address>,
        count: usize,
        seed: u64,
    ) -> Vec<Vec<Signed>> {
        let addresses = self.addresses();
        let senders = self.keys.len();
        (0..senders)
            .into_par_iter()
            .map(|sender| {
                let mut random = SplitMix::new(seed ^ sender as u64);
                let own = count / senders + usize::from(sender < count % senders);
                (0..own as u64)
                    .map(|nonce| {
                        let to = addresses[random.below(senders)];
                        match (workload, token) {
                            (Workload::Erc20, Some(token)) => self.token(sender, nonce, token, to),
                            (Workload::Mixed, Some(token)) if nonce % 2 == 1 => {
                                self.token(sender, nonce, token, to)
                            }
                            _ => self.sign(sender, nonce, TxKind::Call(to), U256::ONE, Bytes::new(), 21_000),
                        }
                    })
                    .collect()
            })
            .collect()
    }

    fn token(&self, sender: usize, nonce: u64, token: Address, to: Address) -> Signed {
        let input = Exchange::transfer(to, U256::ONE);
        self.sign(sender, nonce, TxKind::Call(token), U256::ZERO, input, 80_000)
    }

    /// Code that deploys a token of which each sender has a million.
    pub(crate) fn token_init_code(&self) -> Bytes {
        let exchange = Exchange::new(&self.addresses(), 1);
        let [token, _] = exchange.tokens();
        let contract = exchange.contracts().iter().find(|contract| contract.address == token);
        let contract = contract.expect("an exchange has its tokens");
        let mut code = Vec::new();
        for (slot, value) in &contract.storage {
            // PUSH32 value, PUSH32 slot, SSTORE
            code.push(0x7f);
            code.extend(value.to_be_bytes::<32>());
            code.push(0x7f);
            code.extend(slot.to_be_bytes::<32>());
            code.push(0x55);
        }
        // PUSH3 length, DUP1, PUSH3 offset, PUSH0, CODECOPY, PUSH0, RETURN
        let offset = code.len() + 13;
        let word = |number: usize| u32::try_from(number).expect("code is small").to_be_bytes();
        code.push(0x62);
        code.extend(&word(contract.code.len())[1..]);
        code.extend([0x80, 0x62]);
        code.extend(&word(offset)[1..]);
        code.extend([0x5f, 0x39, 0x5f, 0xf3]);
        code.extend(&contract.code);
        code.into()
    }
}

/// How many senders of transactions one core recovers in a second.
pub fn recovery_rate(samples: usize) -> f64 {
    let senders = Senders::new(1, 1, 0, 1);
    let signed: Vec<TxEnvelope> = (0..samples as u64)
        .map(|nonce| {
            let raw =
                senders.sign(0, nonce, TxKind::Call(Address::ZERO), U256::ONE, Bytes::new(), 21_000).raw;
            alloy_eips::eip2718::Decodable2718::decode_2718(&mut &raw[..]).expect("it was just encoded")
        })
        .collect();
    let start = Instant::now();
    let recovered = signed.iter().filter(|tx| tx.recover_signer().is_ok()).count();
    recovered as f64 / start.elapsed().as_secs_f64()
}
