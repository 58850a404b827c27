//! Limits of the machine, and views against a model.

use crate::{Budget, Environment, View, machine_error, transact};
use alloy_primitives::{Address, Bytes, TxKind, U256};
use mundi_execution::{MemoryState, Rules, StateSnapshot};
use mundi_rpc_context::Limits;
use proptest::prelude::*;
use revm::{
    bytecode::Bytecode,
    context::{BlockEnv, TxEnv},
    context_interface::{block::BlobExcessGasAndPrice, result::ExecutionResult},
    primitives::hardfork::SpecId,
};
use std::time::Duration;

const CONTRACT: Address = Address::repeat_byte(0xc1);

fn environment(limits: &Limits) -> Environment {
    let rules = Rules {
        spec: SpecId::OSAKA,
        eip1283: false,
        chain_id: 1,
        blobs: None,
        block_reward: U256::ZERO,
        dao_fork: false,
        deposit_contract: Address::ZERO,
        code_senders: false,
    };
    let block = BlockEnv {
        prevrandao: Some(Default::default()),
        blob_excess_gas_and_price: Some(BlobExcessGasAndPrice { excess_blob_gas: 0, blob_gasprice: 1 }),
        ..BlockEnv::default()
    };
    Environment::new(block, rules).for_calls(limits)
}

fn view_with(code: &'static [u8]) -> View<MemoryState> {
    let mut view = View::new(MemoryState::new(), 0);
    view.set_code(CONTRACT, Bytecode::new_legacy(Bytes::from_static(code))).unwrap();
    view
}

fn call(gas_limit: u64) -> TxEnv {
    TxEnv { kind: TxKind::Call(CONTRACT), gas_limit, ..TxEnv::default() }
}

#[test]
fn a_call_ends_with_its_time() {
    let mut view = view_with(&[0x5b, 0x60, 0x00, 0x56]);
    let environment = environment(&Limits::default());
    let ran = transact(&environment, &mut view, call(u64::MAX >> 1), &Budget::of(Duration::ZERO));
    let error = machine_error(ran.unwrap_err());
    assert_eq!(error.message, "execution aborted (timeout = 0ns)");
    assert_eq!(error.code, -32000);
}

#[test]
fn a_call_is_not_given_more_memory_than_allowed() {
    // MSTORE at 0x100000.
    let mut view = view_with(&[0x60, 0x01, 0x62, 0x10, 0x00, 0x00, 0x52]);
    let ran = |view: &mut View<MemoryState>, call_memory| {
        let environment = environment(&Limits { call_memory, ..Limits::default() });
        transact(&environment, view, call(u64::MAX >> 1), &Budget::unlimited()).unwrap().result
    };
    assert!(matches!(ran(&mut view, 4 << 20), ExecutionResult::Success { .. }));
    let ExecutionResult::Halt { reason, .. } = ran(&mut view, 1 << 20) else { panic!("it had the memory") };
    assert!(crate::halt_message(&reason).contains("memory"));
}

/// Something done to a view.
#[derive(Clone, Debug)]
enum Deed {
    Balance(u8, u8),
    Slot(u8, u8, u8),
    Wipe(u8),
    Remove(u8),
    Take,
}

fn deed() -> impl Strategy<Value = Deed> {
    let small = 0..4u8;
    prop_oneof![
        (small.clone(), any::<u8>()).prop_map(|(who, much)| Deed::Balance(who, much)),
        (small.clone(), small.clone(), small.clone())
            .prop_map(|(who, slot, value)| Deed::Slot(who, slot, value)),
        small.clone().prop_map(Deed::Wipe),
        small.prop_map(Deed::Remove),
        Just(Deed::Take),
    ]
}

fn who(index: u8) -> Address {
    Address::with_last_byte(index)
}

proptest! {
    /// Whatever is done, and whenever changes are taken, the state with all taken changes reads as the view.
    #[test]
    fn taken_changes_are_the_view(deeds in prop::collection::vec(deed(), 0..40)) {
        let mut state = MemoryState::new();
        for index in 0..2 {
            state.insert_account(who(index), 1, U256::from(100), None);
            state.insert_storage(who(index), U256::from(1), U256::from(9));
        }
        let mut view = View::new(state.clone(), 0);
        for deed in deeds {
            match deed {
                Deed::Balance(index, much) => {
                    view.update(who(index), |account| account.balance = U256::from(much)).unwrap();
                }
                Deed::Slot(index, slot, value) => {
                    view.set_slot(who(index), U256::from(slot), U256::from(value)).unwrap();
                }
                Deed::Wipe(index) => view.wipe_storage(who(index)).unwrap(),
                Deed::Remove(index) => view.set_account(who(index), None).unwrap(),
                Deed::Take => state.apply(&view.take_changes()),
            }
        }
        state.apply(&view.take_changes());
        prop_assert!(view.take_changes().accounts.is_empty());
        for index in 0..4 {
            let address = who(index);
            prop_assert_eq!(view.account(address).unwrap(), state.account(&address).unwrap());
            for slot in 0..4 {
                let slot = U256::from(slot);
                let seen = revm::Database::storage(&mut view, address, slot).unwrap();
                prop_assert_eq!(seen, state.storage(&address, &slot).unwrap(), "{} {}", address, slot);
            }
        }
    }
}
