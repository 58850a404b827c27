//! The price of leaving a declared access set: the transaction fails, keeps its place and pays for all its gas.

use crate::{
    admission::TxResult,
    block::{AccessSet, Block, Location},
    state::Account,
};
use alloy_primitives::{Address, U256};
use revm::{context::TxEnv, context_interface::Transaction, primitives::hardfork::SpecId};

/// Whether the set covers an access. Every transaction touches the accounts of its sender and of the fee
/// recipient, given as `exempt`; they need no declaration.
pub(crate) fn covers(set: &AccessSet, exempt: [Address; 2], location: Location) -> bool {
    let account = Location::Account(location.address());
    exempt.map(Location::Account).contains(&location)
        || set.writes.contains(&location)
        || set.reads.contains(&location)
        || set.writes.contains(&account)
        || set.reads.contains(&account)
}

/// What a transaction that left its set does to the world.
#[derive(Debug)]
pub(crate) struct Charge {
    pub(crate) sender: Address,
    /// Taken from the sender.
    pub(crate) cost: U256,
    /// The fee recipient's part.
    pub(crate) reward: U256,
    pub(crate) result: TxResult,
}

impl Charge {
    /// The sender afterwards. It could pay, because the transaction was valid.
    pub(crate) fn apply(&self, sender: Option<Account>) -> Account {
        let sender = sender.unwrap_or_default();
        Account {
            nonce: sender.nonce.saturating_add(1),
            balance: sender.balance.saturating_sub(self.cost),
            ..sender
        }
    }
}

/// The charge for `tx`.
pub(crate) fn charge(block: &Block, tx: &TxEnv) -> Charge {
    let base_fee = u128::from(block.env.basefee);
    let blob_price = block.env.blob_excess_gas_and_price.map_or(0, |blob| blob.blob_gasprice);
    let price = tx.effective_gas_price(base_fee);
    let blob_cost = U256::from(blob_price) * U256::from(tx.total_blob_gas());
    Charge {
        sender: tx.caller,
        cost: U256::from(price) * U256::from(tx.gas_limit) + blob_cost,
        reward: U256::from(priority_price(block, price)) * U256::from(tx.gas_limit),
        result: TxResult { success: false, gas_used: tx.gas_limit, logs: Vec::new(), created: None },
    }
}

/// The part of the gas price that goes to the fee recipient: all of it before London, what is above the base
/// fee since (EIP-1559).
pub(crate) fn priority_price(block: &Block, effective_gas_price: u128) -> u128 {
    if block.rules.spec.is_enabled_in(SpecId::LONDON) {
        effective_gas_price.saturating_sub(u128::from(block.env.basefee))
    } else {
        effective_gas_price
    }
}
