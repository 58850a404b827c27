//! Who and what is there: what has been planned so far, so that the next thing can build on it.
//!
//! Nothing here waits for results: plans are made so that they succeed, and nothing later depends on one that is meant to fail.

use crate::{
    config::{Config, Deed},
    contracts::{self, COIN, NURSERY, NURSERY_SLOTS},
    keys::{Role, Signer, address},
    transaction::Call,
};
use alloy_primitives::{Address, TxKind, U256};
use mundi_chain::EthereumHardfork;
use mundi_workload::{Exchange, SplitMix, Venue};

/// Vaults in the genesis.
pub(crate) const VAULTS: u64 = 8;
/// Markets of each kind.
pub(crate) const MARKETS: usize = 8;
/// Most slots that a call writes or clears.
const MOST_SLOTS: u64 = 12;
/// Gas for a slot that is written, by the dearest rules, with what it costs to get there.
const WRITE_GAS: u64 = 22_400;
/// Gas for a slot that is cleared: before the refund.
const CLEAR_GAS: u64 = 5_600;
/// Gas of a call to a contract, with its data, by the dearest rules.
const CALL_GAS: u64 = 32_000;
/// One in this many creations of a contract gives it the same code as others have.
const SAME_CODE: usize = 4;
/// Most bytes of a contract's code that are its own.
const MOST_OWN_BYTES: usize = 256;

/// A contract that writes what it is told.
#[derive(Clone, Copy, Debug)]
struct Vault {
    address: Address,
    /// The slots from `low` up to `high` are written.
    low: u64,
    high: u64,
}

#[derive(Debug)]
pub(crate) struct Population {
    seed: u64,
    pub(crate) random: SplitMix,
    pub(crate) senders: Vec<Signer>,
    nonces: Vec<u64>,
    exchange: Exchange,
    /// How far each market has been pushed to one side, in tokens.
    pushed: [[i64; MARKETS]; 2],
    /// Number of plain accounts.
    accounts: u64,
    /// Contracts that are there. Those of the genesis come first, and are never destroyed.
    vaults: Vec<Vault>,
    /// Salts of the nursery's vaults that are there, and of those that were destroyed.
    alive: Vec<u64>,
    dead: Vec<u64>,
    /// Nonces of the accounts that sign authorizations.
    authorities: Vec<u64>,
}

impl Population {
    pub(crate) fn new(config: &Config) -> Self {
        let seed = config.seed;
        let senders: Vec<_> =
            (0..config.senders).map(|index| Signer::new(seed, Role::Sender, index)).collect();
        let traders: Vec<_> = senders.iter().map(|sender| sender.address).collect();
        let vaults = (0..VAULTS).map(|index| Vault { address: vault_address(index), low: 0, high: 0 });
        Self {
            seed,
            random: SplitMix::new(seed),
            nonces: vec![0; senders.len()],
            senders,
            exchange: Exchange::new(&traders, MARKETS),
            pushed: [[0; MARKETS]; 2],
            accounts: 0,
            vaults: vaults.collect(),
            alive: Vec::new(),
            dead: Vec::new(),
            authorities: Vec::new(),
        }
    }

    pub(crate) const fn exchange(&self) -> &Exchange {
        &self.exchange
    }

    /// Whether something happens that happens one time in `times`.
    pub(crate) const fn one_in(&mut self, times: usize) -> bool {
        self.random.below(times) == 0
    }

    /// Any sender.
    pub(crate) const fn sender(&mut self) -> usize {
        self.random.below(self.nonces.len())
    }

    /// The nonce of a sender's next transaction, which there will be.
    pub(crate) fn next_nonce(&mut self, sender: usize) -> u64 {
        let nonce = self.nonces[sender];
        self.nonces[sender] += 1;
        nonce
    }

    /// An account that was never there.
    pub(crate) fn new_account(&mut self) -> Address {
        self.accounts += 1;
        address(self.seed, Role::Account, self.accounts - 1)
    }

    /// An account that may be there, old ones far more often than young ones.
    pub(crate) fn account(&mut self) -> Address {
        let index = self.skewed(self.accounts.max(1) as usize) as u64;
        self.accounts = self.accounts.max(1);
        address(self.seed, Role::Account, index)
    }

    /// A number below `bound`; the density falls with the number like the logarithm of its inverse, twice over.
    const fn skewed(&mut self, bound: usize) -> usize {
        let (first, second) = (self.random.below(bound), self.random.below(bound));
        let nearer = if first < second { first } else { second };
        self.random.below(nearer + 1)
    }

    fn vault(&mut self) -> usize {
        // Half of all calls go to the contracts of the genesis, whose storage so becomes large.
        if self.one_in(2) { self.random.below(VAULTS as usize) } else { self.random.below(self.vaults.len()) }
    }

    /// One or two calls that do a thing, one after the other by one sender.
    pub(crate) fn calls(
        &mut self,
        deed: Deed,
        fork: EthereumHardfork,
        sender: usize,
        deadline: u64,
    ) -> Vec<Call> {
        match deed {
            Deed::NewAccount => vec![self.first_payment(fork)],
            Deed::Payment => {
                let value = if self.one_in(16) { 0 } else { self.random.between(1, 1 << 50) };
                let to = self.account();
                vec![Call::transfer(to, U256::from(value))]
            }
            Deed::Swap if fork >= EthereumHardfork::Cancun => vec![self.swap(sender, deadline)],
            Deed::Token | Deed::Swap => vec![self.token(fork)],
            Deed::Write => {
                let vault = self.vault();
                let (count, value) =
                    (self.random.between(1, MOST_SLOTS), U256::from(self.random.between(1, 1 << 40)));
                let vault = &mut self.vaults[vault];
                let data = contracts::write(vault.high, count, value);
                vault.high += count;
                vec![Call::contract(vault.address, data, CALL_GAS + WRITE_GAS * count)]
            }
            Deed::Clear => {
                let (vault, most) = (self.vault(), self.random.between(1, MOST_SLOTS));
                let vault = &mut self.vaults[vault];
                let count = most.min(vault.high - vault.low);
                let data = contracts::write(vault.low, count, U256::ZERO);
                vault.low += count;
                vec![Call::contract(vault.address, data, CALL_GAS + CLEAR_GAS * count)]
            }
            Deed::Create => vec![self.create(sender)],
            Deed::Destroy if fork >= EthereumHardfork::Cancun => vec![self.ephemeral()],
            Deed::Destroy => vec![self.destroy()],
            Deed::Rebirth if fork < EthereumHardfork::Constantinople => vec![self.create(sender)],
            Deed::Rebirth => self.rebirth(fork),
            Deed::Fail => vec![self.failure(fork)],
        }
    }

    fn first_payment(&mut self, fork: EthereumHardfork) -> Call {
        // Before EIP-161 a transfer of nothing leaves an empty account behind; touched later, it goes.
        let nothing = fork < EthereumHardfork::SpuriousDragon && self.one_in(8);
        let value = if nothing { 0 } else { self.random.between(1, 1 << 60) };
        Call::transfer(self.new_account(), U256::from(value))
    }

    fn token(&mut self, fork: EthereumHardfork) -> Call {
        let to = if self.one_in(8) { self.new_account() } else { self.account() };
        let units = U256::from(self.random.between(1, 1 << 40));
        if fork >= EthereumHardfork::Cancun && !self.one_in(4) {
            let token = self.exchange.tokens()[self.random.below(2)];
            return Call::contract(token, Exchange::transfer(to, units), 60_000);
        }
        Call::contract(COIN, contracts::pay(to, units), CALL_GAS + 34_000)
    }

    fn swap(&mut self, sender: usize, deadline: u64) -> Call {
        let venue = [Venue::ConstantProduct, Venue::Concentrated][self.random.below(2)];
        let market = self.skewed(MARKETS);
        let tokens = self.random.between(20, 1_000);
        let opposite = self.one_in(4);
        // Mostly back to where it began, so that no market runs dry however long the chain.
        let pushed = &mut self.pushed[venue as usize][market];
        let zero_for_one = (*pushed < 0) != opposite;
        // The second token is worth half the first.
        let tokens = if zero_for_one { tokens } else { 2 * tokens };
        *pushed += if zero_for_one { tokens as i64 } else { -(tokens as i64) / 2 };
        let trader = self.senders[sender].address;
        let (router, data) = self.exchange.swap(venue, market as u64, zero_for_one, tokens, trader, deadline);
        Call::contract(router, data, 190_000)
    }

    fn create(&mut self, sender: usize) -> Call {
        let slots: Vec<u64> = (0..self.random.between(0, 6)).map(|_| self.random.word() | 1).collect();
        let mut code = contracts::vault();
        if !self.one_in(SAME_CODE) {
            let own = self.random.between(1, MOST_OWN_BYTES as u64);
            code.extend((0..own).map(|_| self.random.word() as u8));
        }
        let data = contracts::constructor(&slots, &code);
        let address = self.senders[sender].address.create(self.nonces[sender]);
        self.vaults.push(Vault { address, low: 0, high: slots.len() as u64 });
        let gas = 60_000 + 68 * data.len() + 200 * code.len() + WRITE_GAS as usize * slots.len();
        Call { to: TxKind::Create, value: U256::ZERO, data: data.into(), gas: gas as u64 }
    }

    fn destroy(&mut self) -> Call {
        if self.vaults.len() <= VAULTS as usize {
            return self.ephemeral();
        }
        let range = self.vaults.len() - VAULTS as usize;
        let vault = self.vaults.swap_remove(VAULTS as usize + self.random.below(range));
        let heir = self.account();
        Call::contract(vault.address, contracts::destroy(heir), CALL_GAS + 40_000)
    }

    /// A contract that is destroyed while it is created.
    fn ephemeral(&mut self) -> Call {
        let slots = self.random.between(0, 3);
        let data = contracts::ephemeral(slots as u8).into();
        let value = U256::from(self.random.between(0, 1_000));
        Call { to: TxKind::Create, value, data, gas: 95_000 + WRITE_GAS * slots }
    }

    fn rebirth(&mut self, fork: EthereumHardfork) -> Vec<Call> {
        const BIRTH_GAS: u64 = CALL_GAS + 32_000 + NURSERY_SLOTS * WRITE_GAS + 40_000;
        let bear = |salt| Call::contract(NURSERY, contracts::bear(salt), BIRTH_GAS);
        let destroy = |salt, heir| {
            let data = contracts::destroy(heir);
            Call::contract(contracts::nursery_vault(salt), data, CALL_GAS + 40_000)
        };
        let mortal = fork < EthereumHardfork::Cancun;
        let heir = self.account();
        match self.random.below(4) {
            // Destroyed and created again, in one block unless the block is full.
            0 if mortal && !self.alive.is_empty() => {
                let salt = self.alive[self.random.below(self.alive.len())];
                vec![destroy(salt, heir), bear(salt)]
            }
            // Destroyed for now.
            1 if mortal && !self.alive.is_empty() => {
                let salt = self.alive.swap_remove(self.random.below(self.alive.len()));
                self.dead.push(salt);
                vec![destroy(salt, heir)]
            }
            // Created again after some blocks, perhaps under the rules of another fork.
            2 if !self.dead.is_empty() => {
                let salt = self.dead.swap_remove(self.random.below(self.dead.len()));
                self.alive.push(salt);
                vec![bear(salt)]
            }
            _ => {
                let salt = (self.alive.len() + self.dead.len()) as u64;
                self.alive.push(salt);
                let slots = self.random.between(1, MOST_SLOTS);
                let data = contracts::write(NURSERY_SLOTS, slots, U256::from(salt + 1));
                let vault = contracts::nursery_vault(salt);
                vec![bear(salt), Call::contract(vault, data, CALL_GAS + WRITE_GAS * slots)]
            }
        }
    }

    /// A call that fails: it asks for more than there is.
    fn failure(&mut self, fork: EthereumHardfork) -> Call {
        let to = self.account();
        if fork >= EthereumHardfork::Cancun && self.one_in(2) {
            let token = self.exchange.tokens()[self.random.below(2)];
            return Call::contract(token, Exchange::transfer(to, U256::MAX), 60_000);
        }
        Call::contract(COIN, contracts::pay(to, U256::MAX), 50_000)
    }

    /// An authority with its nonce, and the contract that it is to run from now on, if any.
    pub(crate) fn delegation(&mut self) -> (u64, u64, Option<Address>) {
        let count = self.authorities.len();
        let known = count > 0 && self.one_in(3);
        let index = if known { self.random.below(count) } else { count };
        if !known {
            self.authorities.push(0);
        }
        let nonce = self.authorities[index];
        self.authorities[index] += 1;
        if known && self.one_in(2) {
            return (index as u64, nonce, None);
        }
        if !known {
            // Its storage grows like a contract's.
            let address = Signer::new(self.seed, Role::Authority, index as u64).address;
            self.vaults.push(Vault { address, low: 0, high: 0 });
        }
        let target = self.random.below(VAULTS as usize) as u64;
        (index as u64, nonce, Some(vault_address(target)))
    }
}

/// Where a vault of the genesis is.
pub(crate) fn vault_address(index: u64) -> Address {
    let mut address = [0xfa; 20];
    address[19] = index as u8;
    address.into()
}
