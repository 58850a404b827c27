//! A world under construction: its state, and the block that will run on it.

use crate::{
    contracts::{Order, allowance_slot, balance_slot, call},
    deployment::{DEPLOYER, Deployment, Market, SUPPLY, TOKEN},
    random::SplitMix,
};
use alloy_primitives::{Address, B256, Bytes, TxKind, U256, address, keccak256, map::AddressMap};
use mundi_execution::{BlobRules, Block, MemoryState, Rules, Transaction};
use revm::{
    context::{BlockEnv, TxEnv},
    context_interface::block::BlobExcessGasAndPrice,
    primitives::hardfork::SpecId,
};

/// Wei per gas: base fee, tip, and what a legacy transaction pays.
const BASE_FEE: u64 = 7_000_000_000;
const TIP: u64 = 1_000_000_000;
pub(crate) const GAS_PRICE: u64 = BASE_FEE + TIP;
/// Wei in one ether.
pub(crate) const ETHER: u128 = 1_000_000_000_000_000_000;
/// Gas of a plain transfer.
pub(crate) const TRANSFER_GAS: u64 = 21_000;
const BENEFICIARY: Address = address!("0xbe4ef1c1a4be4ef1c1a4be4ef1c1a4be4ef1c1a4");
/// The block's time, and that at which the contracts were deployed.
const TIME: u64 = 1_750_000_000;
pub(crate) const DEPLOYED: u64 = TIME - 120;

/// Whose accounts: the same index gives different accounts for different roles.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Role {
    Sender,
    Recipient,
    Hot,
}

/// One of the two tokens.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Asset {
    Zero,
    One,
}

/// One of the two kinds of market.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Venue {
    /// Reserves whose product stays.
    ConstantProduct,
    /// Liquidity in ranges of prices.
    Concentrated,
}

/// How a transaction pays for gas.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Fee {
    /// A gas price.
    Legacy,
    /// EIP-1559: a most and a tip in wei per gas.
    Dynamic {
        /// Tip.
        tip: u64,
    },
}

/// State and transactions of a block to be.
#[derive(Debug)]
pub(crate) struct World {
    pub(crate) random: SplitMix,
    state: MemoryState,
    transactions: Vec<Transaction>,
    nonces: AddressMap<u64>,
    deployment: Option<Deployment>,
    /// Units given out so far, of each token.
    issued: [U256; 2],
}

impl World {
    /// An empty world whose choices follow from `seed`.
    pub(crate) fn new(seed: u64) -> Self {
        Self {
            random: SplitMix::new(seed),
            state: MemoryState::new(),
            transactions: Vec::new(),
            nonces: AddressMap::default(),
            deployment: None,
            issued: [U256::ZERO; 2],
        }
    }

    /// A world with tokens, router, and the first market of each kind.
    pub(crate) fn with_contracts(seed: u64) -> Self {
        let mut world = Self::new(seed);
        let deployment = Deployment::new(DEPLOYED);
        for contract in [&deployment.token0, &deployment.token1, &deployment.router] {
            world.state.insert_account(contract.address, 1, U256::ZERO, Some(contract.code.clone()));
            for (slot, value) in &contract.storage {
                world.state.insert_storage(contract.address, *slot, *value);
            }
        }
        world.deployment = Some(deployment);
        for venue in [Venue::ConstantProduct, Venue::Concentrated] {
            world.open(venue, 0);
        }
        world
    }

    pub(crate) fn deployment(&self) -> &Deployment {
        self.deployment.as_ref().expect("a workload that calls contracts starts from a world with contracts")
    }

    fn market(&self, venue: Venue) -> &Market {
        match venue {
            Venue::ConstantProduct => &self.deployment().pair,
            Venue::Concentrated => &self.deployment().pool,
        }
    }

    /// Address of a token.
    pub(crate) fn token(&self, asset: Asset) -> Address {
        match asset {
            Asset::Zero => self.deployment().token0.address,
            Asset::One => self.deployment().token1.address,
        }
    }

    /// An address that looks like any other.
    pub(crate) fn address(role: Role, index: usize) -> Address {
        Address::from_word(keccak256([[role as u8; 8], (index as u64).to_be_bytes()].concat()))
    }

    /// Puts an account with this much wei in place.
    pub(crate) fn fund(&mut self, owner: Address, wei: u128) {
        self.state.insert_account(owner, 0, U256::from(wei), None);
    }

    /// Gives units of a token, taken from the deployer's. Once per owner and token.
    pub(crate) fn give(&mut self, asset: Asset, owner: Address, units: U256) {
        self.issued[asset as usize] += units;
        let token = self.token(asset);
        self.state.insert_storage(token, balance_slot(owner), units);
    }

    /// A trader: wei, both tokens, and boundless allowances for the router.
    pub(crate) fn equip(&mut self, owner: Address) {
        self.fund(owner, 10 * ETHER);
        let router = self.deployment().router.address;
        for asset in [Asset::Zero, Asset::One] {
            self.give(asset, owner, U256::from(1_000_000 * TOKEN));
            let token = self.token(asset);
            self.state.insert_storage(token, allowance_slot(owner, router), U256::MAX);
        }
    }

    /// Opens the market of this kind with this number: a copy of the first.
    pub(crate) fn open(&mut self, venue: Venue, number: usize) {
        let market = self.market(venue).clone();
        let address = market.address(number as u64);
        self.state.insert_account(address, 1, U256::ZERO, Some(market.first.code));
        for (slot, value) in market.first.storage {
            self.state.insert_storage(address, slot, value);
        }
        self.give(Asset::Zero, address, market.held.0);
        self.give(Asset::One, address, market.held.1);
    }

    /// Appends a transfer of wei.
    pub(crate) fn transfer(&mut self, fee: Fee, from: Address, to: Address, wei: u128) {
        self.send(fee, from, to, U256::from(wei), Bytes::new(), TRANSFER_GAS);
    }

    /// Appends a transfer of a token.
    pub(crate) fn transfer_token(&mut self, fee: Fee, asset: Asset, from: Address, to: Address, units: U256) {
        let data = call("transfer(address,uint256)", &[&to, &units]);
        let token = self.token(asset);
        self.send(fee, from, token, U256::ZERO, data, 100_000);
    }

    /// Appends a swap of 20 to 1,000 tokens in a random direction, for the sender itself.
    pub(crate) fn swap(&mut self, fee: Fee, venue: Venue, number: usize, from: Address, least: U256) {
        let zero_for_one = self.random.below(2) == 0;
        let amount_in = U256::from(self.random.between(20_000, 1_000_000)) * U256::from(TOKEN / 1_000);
        let market = number as u64;
        let order = Order { market, zero_for_one, amount_in, least, to: from, deadline: TIME };
        let data = match venue {
            Venue::ConstantProduct => order.data("swapConstantProduct"),
            Venue::Concentrated => order.data("swapConcentrated"),
        };
        let router = self.deployment().router.address;
        self.send(fee, from, router, U256::ZERO, data, 400_000);
    }

    fn send(&mut self, fee: Fee, from: Address, to: Address, value: U256, data: Bytes, gas_limit: u64) {
        let nonce = self.nonces.entry(from).or_default();
        let (tx_type, gas_price, gas_priority_fee) = match fee {
            Fee::Legacy => (0, GAS_PRICE.into(), None),
            Fee::Dynamic { tip } => (2, 2 * u128::from(BASE_FEE), Some(tip.into())),
        };
        self.transactions.push(Transaction::new(TxEnv {
            tx_type,
            caller: from,
            gas_limit,
            gas_price,
            kind: TxKind::Call(to),
            value,
            data,
            nonce: *nonce,
            chain_id: Some(1),
            gas_priority_fee,
            ..TxEnv::default()
        }));
        *nonce += 1;
    }

    /// The finished block and the state before it.
    pub(crate) fn finish(mut self) -> (Block, MemoryState) {
        if let Some(deployment) = &self.deployment {
            for (token, issued) in [&deployment.token0, &deployment.token1].into_iter().zip(self.issued) {
                let rest = U256::from(SUPPLY) - issued;
                self.state.insert_storage(token.address, balance_slot(DEPLOYER), rest);
            }
        }
        self.state.insert_account(BENEFICIARY, 0, U256::from(ETHER), None);
        let gas_limit = self.transactions.iter().map(|tx| tx.env.gas_limit).sum();
        let block = Block { transactions: self.transactions, ..empty_block(gas_limit) };
        (block, self.state)
    }
}

/// A block under mainnet's rules of mid-2025 (Prague), without transactions. Its gas limit is as high as its
/// transactions need: a block of a gigagas is what is measured, not mainnet's limit.
fn empty_block(gas_limit: u64) -> Block {
    /// EIP-7691.
    const BLOBS: BlobRules = BlobRules { target: 6, max: 9, max_per_tx: None, update_fraction: 5_007_716 };
    Block {
        env: BlockEnv {
            number: U256::from(22_700_000),
            beneficiary: BENEFICIARY,
            timestamp: U256::from(TIME),
            gas_limit,
            basefee: BASE_FEE,
            difficulty: U256::ZERO,
            prevrandao: Some(keccak256("mundi")),
            blob_excess_gas_and_price: Some(BlobExcessGasAndPrice::new(0, BLOBS.update_fraction)),
            slot_num: 0,
        },
        rules: Rules {
            eip1283: false,
            spec: SpecId::PRAGUE,
            chain_id: 1,
            blobs: Some(BLOBS),
            block_reward: U256::ZERO,
            dao_fork: false,
            deposit_contract: address!("0x00000000219ab540356cBB839Cbe05303d7705Fa"),
            code_senders: false,
        },
        parent_hash: B256::repeat_byte(0x11),
        parent_beacon_block_root: Some(B256::repeat_byte(0x22)),
        transactions: Vec::new(),
        ommers: Vec::new(),
        withdrawals: Some(Vec::new()),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use mundi_execution::StateSnapshot as _;

    #[test]
    fn the_balances_of_a_token_add_up_to_its_supply() {
        let mut world = World::with_contracts(1);
        let owners: Vec<_> = (0..3).map(|index| World::address(Role::Sender, index)).collect();
        for owner in &owners {
            world.equip(*owner);
        }
        world.open(Venue::Concentrated, 1);
        let markets = [
            world.market(Venue::ConstantProduct).address(0),
            world.market(Venue::Concentrated).address(0),
            world.market(Venue::Concentrated).address(1),
        ];
        let tokens = [world.token(Asset::Zero), world.token(Asset::One)];
        let (_, state) = world.finish();
        for token in tokens {
            let holders = owners.iter().chain(&markets).chain([&DEPLOYER]);
            let sum: U256 =
                holders.map(|holder| state.storage(&token, &balance_slot(*holder)).unwrap()).sum();
            assert_eq!(sum, state.storage(&token, &U256::from(2)).unwrap());
        }
    }
}
