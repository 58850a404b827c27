//! Which transactions a block has.

use crate::{
    config::{Config, Deed},
    contracts::{self, COIN, DEPOSIT_DESK},
    population::Population,
    transaction::{Call, Draft, Form},
};
use alloy_eips::{
    eip2930::{AccessList, AccessListItem},
    eip4895::Withdrawal,
    eip7002::WITHDRAWAL_REQUEST_PREDEPLOY_ADDRESS,
    eip7251::CONSOLIDATION_REQUEST_PREDEPLOY_ADDRESS,
    eip7702::{Authorization, constants::PER_EMPTY_ACCOUNT_COST},
};
use alloy_primitives::{Address, B256, TxKind, U256};
use mundi_chain::EthereumHardfork;
use std::collections::VecDeque;

/// Wei in a gwei.
const GWEI: u64 = 1_000_000_000;
/// Gas for an address and a slot of an access list (EIP-2930).
const LISTED_ADDRESS_GAS: u64 = 2_400;
const LISTED_SLOT_GAS: u64 = 1_900;
/// Most authorizations in a transaction.
const MOST_AUTHORIZATIONS: u64 = 2;
/// More gas than any form adds to a call.
const FORM_GAS: u64 = 60_000;
/// No blobs are sent while one costs more gwei per gas.
const DEAR_BLOBS: u128 = 1_000_000_000;
/// Wei that a request to a system contract offers as its fee.
const REQUEST_FEE: u64 = 1_000_000;
/// Most withdrawals of a block (EIP-4895's recommendation for mainnet).
const MOST_WITHDRAWALS: u64 = 16;
/// For how many seconds a swap is valid.
const PATIENCE: u64 = 86_400;

/// What the transactions of a block have to fit in.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Frame {
    pub(crate) fork: EthereumHardfork,
    pub(crate) timestamp: u64,
    pub(crate) gas_limit: u64,
    pub(crate) base_fee: Option<u64>,
    /// Most blobs of the block and of one transaction, and wei per blob gas.
    pub(crate) blobs: Option<(u64, u64, u128)>,
}

/// Makes plans for one block after another.
#[derive(Debug)]
pub(crate) struct Planner {
    chain_id: u64,
    /// Least and most transactions of a block.
    count: (u64, u64),
    deeds: [(Deed, u64); 10],
    /// Calls that are planned and did not fit, with sender and nonce.
    pending: VecDeque<(usize, u64, Call)>,
    withdrawals: u64,
    deposits: u64,
}

impl Planner {
    pub(crate) fn new(config: &Config) -> Self {
        let spread = config.transactions * config.spread / 100;
        Self {
            chain_id: config.chain_id,
            count: ((config.transactions - spread), config.transactions + spread),
            deeds: config.shares.parts(),
            pending: VecDeque::new(),
            withdrawals: 0,
            deposits: 0,
        }
    }

    /// The transactions of the next block.
    pub(crate) fn transactions(&mut self, people: &mut Population, frame: &Frame) -> Vec<Draft> {
        let (least, most) = self.count;
        let count = people.random.between(least, most) as usize;
        let mut gas_left = frame.gas_limit;
        let mut blobs_left = frame.blobs.map_or(0, |(most, _, price)| {
            // Full blocks and empty ones, so that the price moves both ways.
            if price > DEAR_BLOBS { 0 } else { people.random.between(0, most) }
        });
        let mut drafts = Vec::with_capacity(count);
        if frame.fork >= EthereumHardfork::Prague {
            self.plan_request(people);
        }
        loop {
            while let Some((sender, nonce, call)) = self.pending.pop_front() {
                if call.gas + FORM_GAS > gas_left {
                    self.pending.push_front((sender, nonce, call));
                    return drafts;
                }
                let draft = self.dress(people, frame, &mut blobs_left, sender, nonce, call);
                gas_left -= draft.call.gas;
                drafts.push(draft);
            }
            if drafts.len() >= count {
                return drafts;
            }
            let (sender, deed) = (people.sender(), self.deed(people));
            let deadline = frame.timestamp.saturating_add(PATIENCE);
            let calls = people.calls(deed, frame.fork, sender, deadline);
            self.plan(people, sender, calls);
        }
    }

    fn plan(&mut self, people: &mut Population, sender: usize, calls: impl IntoIterator<Item = Call>) {
        for call in calls {
            self.pending.push_back((sender, people.next_nonce(sender), call));
        }
    }

    fn deed(&self, people: &mut Population) -> Deed {
        let all: u64 = self.deeds.iter().map(|(_, part)| part).sum();
        let mut point = people.random.between(0, all - 1);
        for (deed, part) in self.deeds {
            match point.checked_sub(part) {
                Some(rest) => point = rest,
                None => return deed,
            }
        }
        unreachable!("the point is below the sum of all parts")
    }

    /// Requests of the execution layer (EIP-7685), in some blocks.
    fn plan_request(&mut self, people: &mut Population) {
        let mut key = [0; 96];
        key[..8].copy_from_slice(&people.random.word().to_be_bytes());
        let request = |to, data: &[u8]| Call {
            value: U256::from(REQUEST_FEE),
            ..Call::contract(to, data.to_vec().into(), 220_000)
        };
        if people.one_in(2) {
            let sender = people.sender();
            self.plan(people, sender, [request(WITHDRAWAL_REQUEST_PREDEPLOY_ADDRESS, &key[..56])]);
        }
        if people.one_in(8) {
            let sender = people.sender();
            self.plan(people, sender, [request(CONSOLIDATION_REQUEST_PREDEPLOY_ADDRESS, &key)]);
        }
        if people.one_in(4) {
            let (sender, gwei) = (people.sender(), people.random.between(GWEI, 32 * GWEI));
            let data = contracts::deposit(key[0], gwei, self.deposits);
            self.deposits += 1;
            self.plan(people, sender, [Call::contract(DEPOSIT_DESK, data, 70_000)]);
        }
    }

    /// Gives a call its form, and the gas and the price that go with it.
    fn dress(
        &self,
        people: &mut Population,
        frame: &Frame,
        blobs_left: &mut u64,
        sender: usize,
        nonce: u64,
        mut call: Call,
    ) -> Draft {
        let form = self.form(people, frame, blobs_left, call.to);
        call.gas += match &form {
            Form::AccessList(list) | Form::Dynamic(list) => {
                let slots: usize = list.iter().map(|item| item.storage_keys.len()).sum();
                LISTED_ADDRESS_GAS * list.len() as u64 + LISTED_SLOT_GAS * slots as u64
            }
            Form::Delegations(authorizations) => PER_EMPTY_ACCOUNT_COST * authorizations.len() as u64,
            Form::Legacy { .. } | Form::Blobs { .. } => 0,
        };
        let tip = u128::from(people.random.between(0, 2 * GWEI));
        let max_fee = match (frame.base_fee, &form) {
            (None, _) => u128::from(people.random.between(GWEI, 40 * GWEI)),
            (Some(base_fee), Form::Legacy { .. } | Form::AccessList(_)) => u128::from(base_fee) + tip,
            (Some(base_fee), _) => 2 * u128::from(base_fee) + tip,
        };
        Draft { sender, nonce, call, form, max_fee, tip }
    }

    fn form(&self, people: &mut Population, frame: &Frame, blobs_left: &mut u64, to: TxKind) -> Form {
        let fork = frame.fork;
        let legacy = |protected: bool| Form::Legacy { chain_id: protected.then_some(self.chain_id) };
        if fork < EthereumHardfork::SpuriousDragon {
            return legacy(false);
        }
        if let Some(target) = to.to() {
            if let Some((_, most, price)) = frame.blobs
                && *blobs_left > 0
                && people.one_in(12)
            {
                let count = people.random.between(1, most.min(*blobs_left));
                *blobs_left -= count;
                let hashes = (0..count).map(|_| blob_hash(people)).collect();
                return Form::Blobs { hashes, max_fee: 2 * price };
            }
            if fork >= EthereumHardfork::Prague && people.one_in(25) {
                return self.delegations(people);
            }
            if fork >= EthereumHardfork::Berlin && people.one_in(6) {
                let list = access_list(people, *target);
                let dynamic = fork >= EthereumHardfork::London && people.one_in(2);
                return if dynamic { Form::Dynamic(list) } else { Form::AccessList(list) };
            }
        }
        match fork >= EthereumHardfork::London && !people.one_in(3) {
            true => Form::Dynamic(AccessList::default()),
            false => legacy(!people.one_in(8)),
        }
    }

    fn delegations(&self, people: &mut Population) -> Form {
        let count = people.random.between(1, MOST_AUTHORIZATIONS);
        let authorizations = (0..count).map(|_| {
            let (authority, nonce, target) = people.delegation();
            let anywhere = people.one_in(4);
            let chain_id = if anywhere { U256::ZERO } else { U256::from(self.chain_id) };
            (authority, Authorization { chain_id, address: target.unwrap_or_default(), nonce })
        });
        Form::Delegations(authorizations.collect())
    }

    /// The withdrawals of the next block.
    pub(crate) fn withdrawals(&mut self, people: &mut Population) -> Vec<Withdrawal> {
        let count = people.random.between(0, MOST_WITHDRAWALS);
        let mut withdrawal = || {
            let address = if people.one_in(8) { people.new_account() } else { people.account() };
            // One of nothing touches its account all the same.
            let amount = if people.one_in(16) { 0 } else { people.random.between(1, 32 * GWEI) };
            self.withdrawals += 1;
            Withdrawal {
                index: self.withdrawals - 1,
                validator_index: people.random.between(0, 1 << 20),
                address,
                amount,
            }
        };
        (0..count).map(|_| withdrawal()).collect()
    }
}

/// What passes for the hash of a blob's commitment; blocks hold no blobs that could contradict it.
fn blob_hash(people: &mut Population) -> B256 {
    let mut hash = B256::ZERO;
    hash[0] = alloy_eips::eip4844::VERSIONED_HASH_VERSION_KZG;
    hash[24..].copy_from_slice(&people.random.word().to_be_bytes());
    hash
}

/// The called address with some slots, and sometimes another address.
fn access_list(people: &mut Population, target: Address) -> AccessList {
    let slots = people.random.between(0, 3);
    let storage_keys = (0..slots).map(|_| B256::from(U256::from(people.random.between(0, 64)))).collect();
    let mut items = vec![AccessListItem { address: target, storage_keys }];
    if people.one_in(2) {
        items.push(AccessListItem { address: COIN, storage_keys: Vec::new() });
    }
    AccessList(items)
}
