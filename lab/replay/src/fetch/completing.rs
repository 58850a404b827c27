//! A state that asks the node for whatever is missing, and remembers it.
//!
//! The tracer sees what transactions touch. It does not see what the block itself touches: the beneficiary, the
//! recipients of withdrawals, ommers' rewards, the system contracts and their storage, the hashes `BLOCKHASH` gives. Executing
//! the block once on this state finds exactly those.

use super::rpc::{Call, Node, RpcError};
use crate::format::{PreAccount, Quantity};
use alloy_primitives::{
    Address, B256, Bytes, KECCAK256_EMPTY, U256, keccak256,
    map::{AddressMap, B256Map},
};
use mundi_execution::{Account, StateError, StateSnapshot};
use revm::bytecode::Bytecode;
use serde::de::DeserializeOwned;
use serde_json::json;
use std::{
    collections::{BTreeMap, BTreeSet},
    sync::{Mutex, MutexGuard, PoisonError},
};

/// What is known of the state before the block, and the node that knows the rest.
#[derive(Debug)]
pub(crate) struct CompletingState<'a> {
    node: &'a Node,
    /// The parent block, as a call parameter.
    parent: String,
    known: Mutex<Known>,
}

/// What is known so far.
#[derive(Debug, Default)]
pub(crate) struct Known {
    pub(crate) accounts: BTreeMap<Address, PreAccount>,
    /// Accounts that do not exist before the block.
    pub(crate) absent: BTreeSet<Address>,
    pub(crate) block_hashes: BTreeMap<u64, B256>,
    /// What the node would not say; taken as empty, for the check that follows to judge.
    pub(crate) warnings: Vec<String>,
    /// Code by hash, and the hash of each account's, so that nothing is hashed twice.
    code: B256Map<Bytecode>,
    code_hashes: AddressMap<B256>,
}

impl Known {
    fn code_hash(&mut self, address: &Address) -> B256 {
        if let Some(hash) = self.code_hashes.get(address) {
            return *hash;
        }
        let code = self.accounts.get(address).and_then(|account| account.code.clone());
        let hash = code.as_ref().map_or(KECCAK256_EMPTY, keccak256);
        self.code_hashes.insert(*address, hash);
        if let Some(code) = code {
            self.code.entry(hash).or_insert_with(|| {
                // Code in a state need not be well formed: it is data until it runs.
                Bytecode::new_raw_checked(code.clone()).unwrap_or_else(|_| Bytecode::new_legacy(code))
            });
        }
        hash
    }
}

impl<'a> CompletingState<'a> {
    pub(crate) fn new(
        node: &'a Node,
        parent: u64,
        accounts: BTreeMap<Address, PreAccount>,
        block_hashes: BTreeMap<u64, B256>,
    ) -> Self {
        let known = Known { accounts, block_hashes, ..Known::default() };
        Self { node, parent: format!("{parent:#x}"), known: Mutex::new(known) }
    }

    pub(crate) fn into_known(self) -> Known {
        self.known.into_inner().unwrap_or_else(PoisonError::into_inner)
    }

    /// Looks `uncertain` accounts up in the parent's state and corrects what the traces said of them.
    pub(crate) fn correct(&self, uncertain: &[Address]) {
        let calls: Vec<Call> = uncertain
            .iter()
            .flat_map(|address| {
                ["eth_getBalance", "eth_getTransactionCount"].map(|m| self.at_parent(m, *address))
            })
            .collect();
        let mut known = self.known();
        let answers = match self.node.batch(&calls) {
            Ok(answers) => answers,
            Err(error) => {
                known
                    .warnings
                    .push(format!("accounts could not be compared with the parent's state: {error}"));
                return;
            }
        };
        let mut failures = 0;
        for (address, pair) in uncertain.iter().zip(answers.chunks(2)) {
            let (Ok(balance), Ok(nonce)) = (quantity(&pair[0]), quantity(&pair[1])) else {
                failures += 1;
                continue;
            };
            let nonce = u64::try_from(nonce.0).unwrap_or(u64::MAX);
            let Some(account) = known.accounts.get_mut(address) else { continue };
            // No balance and no nonce: it did not exist, unless it is one of the contracts of the first years, which began
            // without a nonce. Those have been there before the block if the tracer listed them with no nonce.
            if balance.0.is_zero() && nonce == 0 && (account.nonce > 0 || account.code.is_none()) {
                known.accounts.remove(address);
                known.absent.insert(*address);
            } else {
                account.balance = balance;
                account.nonce = nonce;
            }
        }
        if failures > 0 {
            known.warnings.push(format!("{failures} accounts could not be compared with the parent's state"));
        }
    }

    fn at_parent(&self, method: &'static str, address: Address) -> Call {
        (method, json!([address, self.parent]))
    }

    fn known(&self) -> MutexGuard<'_, Known> {
        self.known.lock().unwrap_or_else(PoisonError::into_inner)
    }

    fn ask_account(&self, address: Address) -> Result<PreAccount, RpcError> {
        let calls =
            ["eth_getBalance", "eth_getTransactionCount", "eth_getCode"].map(|m| self.at_parent(m, address));
        let answers = self.node.batch(&calls)?;
        let nonce = quantity(&answers[1])?.0;
        let code: Bytes = decoded("eth_getCode", &answers[2])?;
        Ok(PreAccount {
            balance: quantity(&answers[0])?,
            nonce: nonce
                .try_into()
                .map_err(|_| RpcError::answer("eth_getTransactionCount", "over 64 bits"))?,
            code: (!code.is_empty()).then_some(code),
            storage: Default::default(),
        })
    }

    fn ask_slot(&self, address: Address, slot: U256) -> Result<Quantity, RpcError> {
        let params = json!([address, format!("{slot:#x}"), self.parent]);
        quantity(&self.node.call("eth_getStorageAt", &params))
    }

    fn ask_block_hash(&self, number: u64) -> Result<B256, RpcError> {
        #[derive(serde::Deserialize)]
        struct OnlyHash {
            hash: B256,
        }
        const METHOD: &str = "eth_getBlockByNumber";
        let answer = self.node.call(METHOD, &json!([format!("{number:#x}"), false]));
        decoded::<OnlyHash>(METHOD, &answer).map(|block| block.hash)
    }
}

impl StateSnapshot for CompletingState<'_> {
    fn account(&self, address: &Address) -> Result<Option<Account>, StateError> {
        let mut known = self.known();
        if known.absent.contains(address) {
            return Ok(None);
        }
        if !known.accounts.contains_key(address) {
            let account = self.ask_account(*address).unwrap_or_else(|error| {
                known.warnings.push(format!("account {address} is taken as absent: {error}"));
                PreAccount::default()
            });
            if account == PreAccount::default() {
                known.absent.insert(*address);
                return Ok(None);
            }
            known.accounts.insert(*address, account);
        }
        let code_hash = known.code_hash(address);
        let account = &known.accounts[address];
        Ok(Some(Account { nonce: account.nonce, balance: account.balance.0, code_hash }))
    }

    fn storage(&self, address: &Address, slot: &U256) -> Result<U256, StateError> {
        let mut known = self.known();
        let value = known.accounts.get(address).and_then(|account| account.storage.0.get(&Quantity(*slot)));
        if let Some(value) = value {
            return Ok(value.0);
        }
        if known.absent.contains(address) {
            return Ok(U256::ZERO);
        }
        let value = self.ask_slot(*address, *slot).unwrap_or_else(|error| {
            known.warnings.push(format!("slot {slot:#x} of {address} is taken as zero: {error}"));
            Quantity::default()
        });
        if let Some(account) = known.accounts.get_mut(address) {
            account.storage.0.insert(Quantity(*slot), value);
        }
        Ok(value.0)
    }

    fn code(&self, code_hash: &B256) -> Result<Bytecode, StateError> {
        let known = self.known();
        known.code.get(code_hash).cloned().ok_or_else(|| StateError(format!("no code with hash {code_hash}")))
    }

    fn block_hash(&self, number: u64) -> Result<B256, StateError> {
        let mut known = self.known();
        if let Some(hash) = known.block_hashes.get(&number) {
            return Ok(*hash);
        }
        let hash = self.ask_block_hash(number).map_err(|error| StateError(error.to_string()))?;
        known.block_hashes.insert(number, hash);
        Ok(hash)
    }
}

type RawAnswer = Result<Box<serde_json::value::RawValue>, RpcError>;

fn quantity(answer: &RawAnswer) -> Result<Quantity, RpcError> {
    decoded("eth_get…", answer)
}

fn decoded<T: DeserializeOwned>(method: &'static str, answer: &RawAnswer) -> Result<T, RpcError> {
    let json = answer.as_ref().map_err(Clone::clone)?;
    serde_json::from_str(json.get()).map_err(|error| RpcError::answer(method, error))
}
