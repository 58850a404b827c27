//! The first block, and the file that describes it.

use crate::{
    config::Config,
    contracts::{self, COIN, DEPOSIT_DESK, NURSERY, coin_slot},
    population::{Population, VAULTS, vault_address},
    schedule::Schedule,
};
use alloy_consensus::{EMPTY_OMMER_ROOT_HASH, Header};
use alloy_eips::{
    eip1559::INITIAL_BASE_FEE, eip2935, eip4788, eip7002, eip7251, eip7685::EMPTY_REQUESTS_HASH,
};
use alloy_primitives::{Address, B256, Bytes, U256, hex};
use alloy_trie::EMPTY_ROOT_HASH;
use mundi_chain::{EthereumHardfork, ForkPoint};
use mundi_execution::{MemoryState, StateSnapshot as _};
use mundi_workload::Exchange;
use serde_json::{Map, Value, json};

/// When the chain begins: the markets of [`Exchange`] ask for a clock that is not before theirs.
pub(crate) const TIME: u64 = Exchange::OPENED;
/// Free text of all headers.
pub(crate) const EXTRA_DATA: &[u8] = b"synthetic";
/// Wei of a sender: more than any chain spends, and too little to overflow.
const FORTUNE: U256 = U256::from_limbs([0, 1 << 46, 0, 0]);
/// Coins of a sender.
const COINS: u64 = 1 << 60;
/// The least difficulty that there is.
const DIFFICULTY: u64 = 131_072;
/// Least gas limit, whatever the transactions need: room for the dearest one.
pub(crate) const LEAST_GAS_LIMIT: u64 = 2_000_000;

/// The state that the chain starts with.
pub(crate) fn state(people: &Population) -> MemoryState {
    let mut state = MemoryState::new();
    let mut contract = |address, nonce, code: Bytes| {
        state.insert_account(address, nonce, U256::ZERO, Some(code));
    };
    for index in 0..VAULTS {
        contract(vault_address(index), 1, contracts::vault().into());
    }
    contract(COIN, 1, contracts::coin().into());
    contract(NURSERY, 1, contracts::nursery().into());
    contract(DEPOSIT_DESK, 1, contracts::deposit_desk().into());
    contract(eip4788::BEACON_ROOTS_ADDRESS, 1, eip4788::BEACON_ROOTS_CODE.clone());
    contract(eip2935::HISTORY_STORAGE_ADDRESS, 1, eip2935::HISTORY_STORAGE_CODE.clone());
    contract(
        eip7002::WITHDRAWAL_REQUEST_PREDEPLOY_ADDRESS,
        1,
        eip7002::WITHDRAWAL_REQUEST_PREDEPLOY_CODE.clone(),
    );
    contract(
        eip7251::CONSOLIDATION_REQUEST_PREDEPLOY_ADDRESS,
        1,
        eip7251::CONSOLIDATION_REQUEST_PREDEPLOY_CODE.clone(),
    );
    for contract in people.exchange().contracts() {
        state.insert_account(contract.address, 1, U256::ZERO, Some(contract.code.clone()));
        for (slot, value) in &contract.storage {
            state.insert_storage(contract.address, *slot, *value);
        }
    }
    for sender in &people.senders {
        state.insert_account(sender.address, 0, FORTUNE, None);
        state.insert_storage(COIN, coin_slot(sender.address), U256::from(COINS));
    }
    state
}

/// The header of the first block. `schedule` has the forks that are active in it.
pub(crate) fn header(config: &Config, schedule: &Schedule, state_root: B256) -> Header {
    let point = ForkPoint::new(0, TIME).with_parent_total_difficulty(U256::ZERO);
    let since = |fork| schedule.spec().is_active(fork, point);
    // A quarter more than blocks use on average, so that most have room for what they want.
    let use_of_gas = config.transactions * config.shares.average_gas();
    let gas_limit = (use_of_gas + use_of_gas / 4).max(LEAST_GAS_LIMIT);
    let difficulty = if since(EthereumHardfork::Paris) { 0 } else { DIFFICULTY };
    Header {
        ommers_hash: EMPTY_OMMER_ROOT_HASH,
        state_root,
        transactions_root: EMPTY_ROOT_HASH,
        receipts_root: EMPTY_ROOT_HASH,
        difficulty: U256::from(difficulty),
        // EIP-1559: the target is half the limit.
        gas_limit: if since(EthereumHardfork::London) { 2 * gas_limit } else { gas_limit },
        timestamp: TIME,
        extra_data: Bytes::from_static(EXTRA_DATA),
        base_fee_per_gas: since(EthereumHardfork::London).then_some(INITIAL_BASE_FEE),
        withdrawals_root: since(EthereumHardfork::Shanghai).then_some(EMPTY_ROOT_HASH),
        blob_gas_used: since(EthereumHardfork::Cancun).then_some(0),
        excess_blob_gas: since(EthereumHardfork::Cancun).then_some(0),
        parent_beacon_block_root: since(EthereumHardfork::Cancun).then_some(B256::ZERO),
        requests_hash: since(EthereumHardfork::Prague).then_some(EMPTY_REQUESTS_HASH),
        ..Header::default()
    }
}

/// The `genesis.json` of a chain whose forks are in `schedule`.
pub(crate) fn json(schedule: &Schedule, header: &Header, state: &MemoryState) -> Value {
    let number = |number: u64| json!(format!("{number:#x}"));
    json!({
        "config": schedule.to_json(),
        "nonce": "0x0",
        "timestamp": number(header.timestamp),
        "extraData": header.extra_data,
        "gasLimit": number(header.gas_limit),
        "difficulty": format!("{:#x}", header.difficulty),
        "mixHash": header.mix_hash,
        "coinbase": header.beneficiary,
        "alloc": alloc(state),
    })
}

/// Accounts in ascending order, so that the same state is the same text.
fn alloc(state: &MemoryState) -> Value {
    let mut accounts: Vec<_> = state.accounts().collect();
    accounts.sort_unstable_by_key(|(address, _)| **address);
    let entry = |(address, stored): (&Address, &mundi_execution::StoredAccount)| {
        let account = &stored.account;
        let mut entry = Map::new();
        entry.insert("balance".into(), json!(format!("{:#x}", account.balance)));
        if account.nonce > 0 {
            entry.insert("nonce".into(), json!(format!("{:#x}", account.nonce)));
        }
        if account.has_code() {
            let code = state.code(&account.code_hash).expect("memory answers every read");
            entry.insert("code".into(), json!(code.original_bytes()));
        }
        if !stored.storage.is_empty() {
            let mut storage: Vec<_> = stored.storage.iter().collect();
            storage.sort_unstable();
            let slots = storage
                .into_iter()
                .map(|(slot, value)| (B256::from(*slot).to_string(), json!(B256::from(*value))));
            entry.insert("storage".into(), Value::Object(slots.collect()));
        }
        (hex::encode(address), Value::Object(entry))
    };
    Value::Object(accounts.into_iter().map(entry).collect())
}
