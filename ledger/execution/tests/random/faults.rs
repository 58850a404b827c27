//! A state whose reads fail, panic or dawdle, for the same keys each time.

use alloy_primitives::{Address, B256, U256, keccak256};
use mundi_execution::{Account, MemoryState, StateError, StateSnapshot};
use revm::bytecode::Bytecode;
use std::{panic, sync::Once, time::Duration};

#[derive(Clone, Copy)]
enum Fault {
    Delay,
    Error,
    Panic,
}

/// A state with faults.
pub(crate) struct Faulty<'s> {
    state: &'s MemoryState,
    seed: u64,
    fault: Fault,
}

const PANIC: &str = "injected panic";

impl<'s> Faulty<'s> {
    pub(crate) fn delays(state: &'s MemoryState, seed: u64) -> Self {
        Self { state, seed, fault: Fault::Delay }
    }

    pub(crate) fn errors(state: &'s MemoryState, seed: u64) -> Self {
        Self { state, seed, fault: Fault::Error }
    }

    pub(crate) fn panics(state: &'s MemoryState, seed: u64) -> Self {
        // Keep the expected panics out of the test's output.
        static QUIET: Once = Once::new();
        QUIET.call_once(|| {
            let default = panic::take_hook();
            panic::set_hook(Box::new(move |info| {
                if info.payload_as_str() != Some(PANIC) {
                    default(info);
                }
            }));
        });
        Self { state, seed, fault: Fault::Panic }
    }

    fn strike(&self, key: &[u8]) -> Result<(), StateError> {
        let hash = keccak256([&self.seed.to_be_bytes(), key].concat());
        match self.fault {
            Fault::Delay => {
                std::thread::sleep(Duration::from_micros(u64::from(hash[0]) / 4));
                Ok(())
            }
            _ if hash[0] >= 12 => Ok(()),
            Fault::Error => Err(StateError("injected error".into())),
            Fault::Panic => panic!("{PANIC}"),
        }
    }
}

impl StateSnapshot for Faulty<'_> {
    fn account(&self, address: &Address) -> Result<Option<Account>, StateError> {
        self.strike(address.as_slice())?;
        self.state.account(address)
    }

    fn storage(&self, address: &Address, slot: &U256) -> Result<U256, StateError> {
        self.strike(&[address.as_slice(), &slot.to_be_bytes::<32>()].concat())?;
        self.state.storage(address, slot)
    }

    fn code(&self, code_hash: &B256) -> Result<Bytecode, StateError> {
        self.strike(code_hash.as_slice())?;
        self.state.code(code_hash)
    }

    fn block_hash(&self, number: u64) -> Result<B256, StateError> {
        self.strike(&number.to_be_bytes())?;
        self.state.block_hash(number)
    }
}
