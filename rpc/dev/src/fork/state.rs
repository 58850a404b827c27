//! The state of a remote chain after one block.

use super::remote::{CacheConfig, Remote, RemoteError, read};
use alloy_primitives::{Address, B256, Bytes, KECCAK256_EMPTY, U64, U256, keccak256, map::B256Map};
use alloy_rpc_types_eth::Header as RpcHeader;
use mundi_execution::{Account, StateError, StateSnapshot};
use quick_cache::{Weighter, sync::Cache};
use revm::bytecode::Bytecode;
use serde_json::json;
use std::{
    fmt,
    sync::{Arc, RwLock},
};

/// Block hashes that are remembered; `BLOCKHASH` reaches 256 blocks back.
const HASHES: usize = 1024;
/// Contracts that may be read at most: of each it has to be known where its code is.
const MAX_CONTRACTS: usize = 4_000_000;
/// Most bytes of code that an account of a remote chain may have: more than any known chain allows.
const MAX_CODE: usize = 1 << 20;

#[derive(Clone)]
struct CodeWeight;

impl Weighter<B256, Bytecode> for CodeWeight {
    fn weight(&self, _: &B256, code: &Bytecode) -> u64 {
        const FIXED: u64 = 128;
        FIXED + code.len() as u64
    }
}

/// The state of a remote chain after one block, read when it is asked for. Reads block the thread.
pub struct ForkState {
    remote: Arc<Remote>,
    height: u64,
    hash: B256,
    accounts: Cache<Address, Option<Account>>,
    slots: Cache<(Address, U256), U256>,
    code: Cache<B256, Bytecode, CodeWeight>,
    hashes: Cache<u64, B256>,
    /// An account that has this code.
    homes: RwLock<B256Map<Address>>,
}

impl fmt::Debug for ForkState {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("ForkState")
            .field("remote", &self.remote)
            .field("height", &self.height)
            .finish_non_exhaustive()
    }
}

fn unreadable(error: RemoteError) -> StateError {
    StateError(error.to_string())
}

impl ForkState {
    pub(super) fn new(remote: Arc<Remote>, height: u64, hash: B256, config: CacheConfig) -> Self {
        const ESTIMATED_CONTRACTS: usize = 4096;
        Self {
            remote,
            height,
            hash,
            accounts: Cache::new(config.accounts),
            slots: Cache::new(config.slots),
            code: Cache::with_weighter(ESTIMATED_CONTRACTS, config.code_bytes, CodeWeight),
            hashes: Cache::new(HASHES),
            homes: RwLock::default(),
        }
    }

    /// Height of the block.
    pub const fn height(&self) -> u64 {
        self.height
    }

    fn block(&self) -> U64 {
        U64::from(self.height)
    }

    fn fetch_account(&self, address: &Address) -> Result<Option<Account>, StateError> {
        const CALLS: [&str; 3] = ["eth_getBalance", "eth_getTransactionCount", "eth_getCode"];
        let params = json!([address, self.block()]);
        let answers = self.remote.batch(CALLS.map(|method| (method, params.clone())));
        let [balance, nonce, code] = answers.map_err(unreadable)?;
        let balance: U256 = read(CALLS[0], &balance).map_err(unreadable)?;
        let nonce: U64 = read(CALLS[1], &nonce).map_err(unreadable)?;
        let code: Bytes = read(CALLS[2], &code).map_err(unreadable)?;
        let code_hash = if code.is_empty() { KECCAK256_EMPTY } else { keccak256(&code) };
        self.learn_code(*address, code_hash, code)?;
        let account = Account { nonce: nonce.to(), balance, code_hash };
        Ok((!account.is_empty()).then_some(account))
    }

    fn learn_code(&self, address: Address, hash: B256, code: Bytes) -> Result<(), StateError> {
        if hash == KECCAK256_EMPTY {
            return Ok(());
        }
        if code.len() > MAX_CODE {
            let length = code.len();
            return Err(StateError(format!(
                "the code of {address} has {length} bytes: expected at most {MAX_CODE}"
            )));
        }
        let mut homes = self.homes.write().expect("no holder panics");
        if homes.len() >= MAX_CONTRACTS && !homes.contains_key(&hash) {
            return Err(StateError(format!(
                "more than {MAX_CONTRACTS} contracts of the remote chain were read"
            )));
        }
        homes.insert(hash, address);
        drop(homes);
        let code = Bytecode::new_raw_checked(code.clone()).unwrap_or_else(|_| Bytecode::new_legacy(code));
        self.code.insert(hash, code);
        Ok(())
    }

    fn fetch_code(&self, hash: &B256) -> Result<Bytecode, StateError> {
        const CALL: &str = "eth_getCode";
        let home = self.homes.read().expect("no holder panics").get(hash).copied();
        let home = home.ok_or_else(|| StateError(format!("no account with the code {hash} is known")))?;
        let code: Bytes = self.remote.ask(CALL, json!([home, self.block()])).map_err(unreadable)?;
        if keccak256(&code) != *hash {
            return Err(StateError(format!("the remote node gave another code of {home} than before")));
        }
        Ok(Bytecode::new_raw_checked(code.clone()).unwrap_or_else(|_| Bytecode::new_legacy(code)))
    }

    fn fetch_hash(&self, number: u64) -> Result<B256, StateError> {
        const CALL: &str = "eth_getBlockByNumber";
        let found: Option<RpcHeader> =
            self.remote.ask(CALL, json!([U64::from(number), false])).map_err(unreadable)?;
        let header = found.filter(|header| header.inner.number == number);
        header
            .map(|header| header.hash)
            .ok_or_else(|| StateError(format!("the remote node does not have block {number}")))
    }
}

impl StateSnapshot for ForkState {
    fn account(&self, address: &Address) -> Result<Option<Account>, StateError> {
        self.accounts.get_or_insert_with(address, || self.fetch_account(address))
    }

    fn storage(&self, address: &Address, slot: &U256) -> Result<U256, StateError> {
        const CALL: &str = "eth_getStorageAt";
        self.slots.get_or_insert_with(&(*address, *slot), || {
            let params = json!([address, slot, self.block()]);
            let value: B256 = self.remote.ask(CALL, params).map_err(unreadable)?;
            Ok(value.into())
        })
    }

    fn code(&self, code_hash: &B256) -> Result<Bytecode, StateError> {
        if *code_hash == KECCAK256_EMPTY {
            return Ok(Bytecode::default());
        }
        self.code.get_or_insert_with(code_hash, || self.fetch_code(code_hash))
    }

    fn block_hash(&self, number: u64) -> Result<B256, StateError> {
        if number == self.height {
            return Ok(self.hash);
        }
        if number > self.height {
            return Err(StateError(format!("block {number} is not one of the remote chain")));
        }
        self.hashes.get_or_insert_with(&number, || self.fetch_hash(number))
    }
}
