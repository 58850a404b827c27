//! Random changes, blocks, snapshots and ways back, against a model that keeps everything.

use crate::world::{World, accounts, nobody};
use alloy_primitives::{Address, B256, U256};
use proptest::prelude::*;
use serde_json::json;
use std::collections::BTreeMap;

const ACCOUNTS: u8 = 4;

#[derive(Clone, Debug)]
enum Step {
    Balance(u8, u64),
    Nonce(u8, u64),
    Slot(u8, u8, u64),
    Code(u8, u8),
    Send(u8, u64),
    Mine(u8),
    Snapshot,
    Revert(prop::sample::Index),
    Rollback(u8),
    Reset,
}

fn step() -> impl Strategy<Value = Step> {
    let account = 0..ACCOUNTS;
    prop_oneof![
        4 => (account.clone(), 0..5_u64).prop_map(|(account, wei)| Step::Balance(account, wei)),
        2 => (account.clone(), 0..5_u64).prop_map(|(account, nonce)| Step::Nonce(account, nonce)),
        4 => (account.clone(), 0..3_u8, 0..4_u64).prop_map(|(account, slot, value)| Step::Slot(account, slot, value)),
        1 => (account.clone(), 1..4_u8).prop_map(|(account, code)| Step::Code(account, code)),
        3 => (account, 1..5_u64).prop_map(|(account, wei)| Step::Send(account, wei)),
        6 => (1..4_u8).prop_map(Step::Mine),
        3 => Just(Step::Snapshot),
        3 => any::<prop::sample::Index>().prop_map(Step::Revert),
        1 => (0..4_u8).prop_map(Step::Rollback),
        1 => Just(Step::Reset),
    ]
}

#[derive(Clone, Debug, Default, PartialEq, Eq)]
struct Account {
    balance: u64,
    nonce: u64,
    code: Option<u8>,
    slots: BTreeMap<u8, u64>,
}

type State = BTreeMap<u8, Account>;

/// A chain as simple as it can be.
#[derive(Clone, Debug, Default)]
struct Model {
    /// The state after each block.
    blocks: Vec<State>,
    /// That of the next block's beginning.
    now: State,
    /// What waits.
    waiting: Vec<(u8, u64)>,
    saves: Vec<(u64, Save)>,
    saved: u64,
}

#[derive(Clone, Debug)]
struct Save {
    height: usize,
    now: State,
    waiting: Vec<(u8, u64)>,
}

impl Model {
    fn new() -> Self {
        Self { blocks: vec![State::default()], ..Self::default() }
    }

    fn account(&mut self, account: u8) -> &mut Account {
        self.now.entry(account).or_default()
    }

    fn mine(&mut self) {
        for (to, wei) in std::mem::take(&mut self.waiting) {
            self.account(to).balance += wei;
        }
        self.blocks.push(self.now.clone());
    }

    fn cut(&mut self, height: usize) {
        self.blocks.truncate(height + 1);
        self.now = self.blocks[height].clone();
        self.saves.retain(|(_, save)| save.height <= height);
    }
}

fn address(account: u8) -> Address {
    nobody(0xa0 + account)
}

fn apply(world: &World, model: &mut Model, step: &Step) {
    match step {
        Step::Balance(account, wei) => {
            world.call("anvil_setBalance", json!([address(*account), wei]));
            model.account(*account).balance = *wei;
        }
        Step::Nonce(account, nonce) => {
            world.call("anvil_setNonce", json!([address(*account), nonce]));
            model.account(*account).nonce = *nonce;
        }
        Step::Slot(account, slot, value) => {
            let value_word = B256::from(U256::from(*value));
            world.call("anvil_setStorageAt", json!([address(*account), slot, value_word]));
            // An account that is empty but for its storage goes, storage and all, when it is sent something: not tried here.
            if model.account(*account).nonce == 0 {
                world.call("anvil_setNonce", json!([address(*account), 1]));
                model.account(*account).nonce = 1;
            }
            model.account(*account).slots.insert(*slot, *value);
        }
        Step::Code(account, code) => {
            // `STOP`s, so that it can be sent to.
            let code_text = format!("0x{}", "00".repeat((*code).into()));
            world.call("anvil_setCode", json!([address(*account), code_text]));
            model.account(*account).code = Some(*code);
        }
        Step::Send(account, wei) => {
            world.send(address(*account), *wei);
            model.waiting.push((*account, *wei));
        }
        Step::Mine(blocks) => {
            world.call("anvil_mine", json!([blocks]));
            (0..*blocks).for_each(|_| model.mine());
        }
        Step::Snapshot => {
            let id = world.call("evm_snapshot", json!([]));
            assert_eq!(id, format!("{:#x}", model.saved));
            let save = Save {
                height: model.blocks.len() - 1,
                now: model.now.clone(),
                waiting: model.waiting.clone(),
            };
            model.saves.push((model.saved, save));
            model.saved += 1;
        }
        Step::Revert(index) => {
            if model.saves.is_empty() {
                assert_eq!(world.call("evm_revert", json!([model.saved])), false);
                return;
            }
            let at = index.index(model.saves.len());
            let (id, Save { height, now, waiting }) = model.saves[at].clone();
            assert_eq!(world.call("evm_revert", json!([U256::from(id)])), true);
            model.saves.truncate(at);
            model.cut(height);
            (model.now, model.waiting) = (now, waiting);
        }
        Step::Rollback(depth) => {
            let depth = usize::from(*depth);
            if depth >= model.blocks.len() {
                assert!(world.ask("anvil_rollback", json!([depth])).is_err());
                return;
            }
            world.call("anvil_rollback", json!([depth]));
            model.cut(model.blocks.len() - 1 - depth);
            // Transactions of dropped blocks are gone; those that waited have nonces too high to be next, unless nothing that
            // the sender sent was dropped.
        }
        Step::Reset => {
            world.call("anvil_reset", json!([]));
            *model = Model::new();
        }
    }
}

/// Compares a state with the model's.
fn compare(world: &World, state: &State, block: &str) {
    for account in 0..ACCOUNTS {
        let wanted = state.get(&account).cloned().unwrap_or_default();
        let at = json!([address(account), block]);
        assert_eq!(
            world.number("eth_getBalance", at.clone()),
            U256::from(wanted.balance),
            "{account} {block}"
        );
        assert_eq!(
            world.number("eth_getTransactionCount", at.clone()),
            U256::from(wanted.nonce),
            "{account} {block}"
        );
        let code = format!("0x{}", "00".repeat(wanted.code.unwrap_or(0).into()));
        assert_eq!(world.call("eth_getCode", at), code, "{account} {block}");
        for (slot, value) in wanted.slots {
            let got = world.number("eth_getStorageAt", json!([address(account), U256::from(slot), block]));
            assert_eq!(got, U256::from(value), "{account} {slot} {block}");
        }
    }
}

fn run(steps: &[Step]) -> World {
    let world = World::new();
    let mut model = Model::new();
    for step in steps {
        // What waits after a rollback depends on nonces: the model has none of it.
        if let Step::Rollback(_) = step {
            world.call("anvil_dropAllTransactions", json!([]));
            model.waiting.clear();
        }
        apply(&world, &mut model, step);
        assert_eq!(world.height() as usize, model.blocks.len() - 1, "{step:?}");
        compare(&world, &model.now, "latest");
        let some = model.blocks.len() / 2;
        if some + 1 < model.blocks.len() {
            compare(&world, &model.blocks[some], &format!("{some:#x}"));
        }
    }
    let newest = model.blocks.len() - 1;
    for height in 0..newest {
        compare(&world, &model.blocks[height], &format!("{height:#x}"));
    }
    world
}

/// The chain as another one, loaded from its dump, is the same.
fn reload(world: &World, other: &World, same_hashes: bool) {
    let dump = world.call("anvil_dumpState", json!([]));
    assert_eq!(other.call("anvil_loadState", json!([dump])), true);
    assert_eq!(other.height(), world.height());
    let ask = |method: &str, params: serde_json::Value| {
        let (one, two) = (world.call(method, params.clone()), other.call(method, params.clone()));
        assert_eq!(one, two, "{method} {params}");
    };
    for account in 0..ACCOUNTS {
        let address = address(account);
        let heights = (0..world.height()).map(|height| format!("{height:#x}"));
        let from = if same_hashes { 0 } else { 1 };
        for block in heights.skip(from).chain(["latest".to_owned()]) {
            ask("eth_getBalance", json!([address, block]));
            ask("eth_getTransactionCount", json!([address, block]));
            ask("eth_getCode", json!([address, block]));
            for slot in 0..3 {
                ask("eth_getStorageAt", json!([address, U256::from(slot), block]));
            }
        }
    }
    for height in 1..=world.height() {
        let number = json!([format!("{height:#x}"), false]);
        let (one, two) =
            (world.call("eth_getBlockByNumber", number.clone()), other.call("eth_getBlockByNumber", number));
        for field in ["timestamp", "transactions", "receiptsRoot", "gasUsed", "baseFeePerGas"] {
            assert_eq!(one[field], two[field], "{height} {field}");
        }
        assert!(!same_hashes || one == two, "{height}");
    }
    let _ = accounts();
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 48, max_shrink_iters: 200, ..ProptestConfig::default() })]

    #[test]
    fn the_chain_is_always_where_the_model_is(steps in prop::collection::vec(step(), 1..40)) {
        let world = run(&steps);
        reload(&world, &World::new(), true);
        let later = mundi_chain::DeveloperGenesis { timestamp: 1_900_000_000, ..crate::world::preset() };
        reload(&world, &World::with(mundi_consensus::Mining::Manual, &later), false);
    }
}
