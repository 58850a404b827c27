//! The contracts that the blocks call: checked-in bytecode, and how their calls and storage are laid out.
//!
//! Sources, compiler lock and settings lie in `contracts/`; a test recompiles them and compares.

use alloy_primitives::{Address, B256, Bytes, U256, hex, keccak256};

/// Creation bytecode of a contract of `contracts/src`.
macro_rules! creation_code {
    ($name:literal) => {
        hex::decode(include_str!(concat!("../contracts/bytecode/", $name, ".hex")).trim_end())
            .expect("the compile script writes plain hex")
    };
}

/// OpenZeppelin's ERC-20.
pub(crate) fn token() -> Vec<u8> {
    creation_code!("Token")
}

/// The constant-product pair.
pub(crate) fn pair() -> Vec<u8> {
    creation_code!("ConstantProductPair")
}

/// The concentrated-liquidity pool.
pub(crate) fn pool() -> Vec<u8> {
    creation_code!("ConcentratedPool")
}

/// The router of both.
pub(crate) fn router() -> Vec<u8> {
    creation_code!("Router")
}

/// The pools' price arithmetic by itself.
#[cfg(test)]
pub(crate) fn tick_price_probe() -> Vec<u8> {
    creation_code!("TickPriceProbe")
}

/// A value that fills one word of call data.
pub(crate) trait Word {
    fn word(&self) -> [u8; 32];
}

impl Word for U256 {
    fn word(&self) -> [u8; 32] {
        self.to_be_bytes()
    }
}

impl Word for B256 {
    fn word(&self) -> [u8; 32] {
        self.0
    }
}

impl Word for Address {
    fn word(&self) -> [u8; 32] {
        self.into_word().0
    }
}

impl Word for i32 {
    fn word(&self) -> [u8; 32] {
        let mut word = [if *self < 0 { 0xff } else { 0 }; 32];
        word[28..].copy_from_slice(&self.to_be_bytes());
        word
    }
}

/// Words one after another.
pub(crate) fn words(words: &[&dyn Word]) -> Vec<u8> {
    words.iter().flat_map(|word| word.word()).collect()
}

/// Call data of a function whose arguments are all of static type.
pub(crate) fn call(signature: &str, arguments: &[&dyn Word]) -> Bytes {
    let mut data = keccak256(signature).0[..4].to_vec();
    data.extend(words(arguments));
    data.into()
}

/// An order to the router.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Order {
    /// Number of the pair or pool.
    pub(crate) market: u64,
    pub(crate) zero_for_one: bool,
    pub(crate) amount_in: U256,
    /// Least output; less reverts.
    pub(crate) least: U256,
    pub(crate) to: Address,
    /// Seconds since the epoch.
    pub(crate) deadline: u64,
}

impl Order {
    /// Call data for the router's `function`.
    pub(crate) fn data(&self, function: &str) -> Bytes {
        call(
            &format!("{function}((uint256,bool,uint256,uint256,address,uint256))"),
            &[
                &U256::from(self.market),
                &U256::from(self.zero_for_one as u8),
                &self.amount_in,
                &self.least,
                &self.to,
                &U256::from(self.deadline),
            ],
        )
    }
}

/// Storage slot of an account's balance in [`token`].
pub(crate) fn balance_slot(owner: Address) -> U256 {
    mapping_slot(&owner, U256::ZERO)
}

/// Storage slot of an allowance in [`token`].
pub(crate) fn allowance_slot(owner: Address, spender: Address) -> U256 {
    mapping_slot(&spender, mapping_slot(&owner, U256::ONE))
}

/// Where Solidity keeps the entry of `key` in the mapping at `slot`.
fn mapping_slot(key: &Address, slot: U256) -> U256 {
    keccak256(words(&[key, &slot])).into()
}
