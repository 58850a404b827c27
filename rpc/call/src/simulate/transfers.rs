//! Logs of a transaction, with one for each transfer of ether among them.

use alloy_primitives::{Address, B256, Log, LogData, U256, address, b256};
use revm::{
    Inspector,
    context::{ContextTr, JournalTr},
    interpreter::{
        CallInputs, CallOutcome, CallScheme, CreateInputs, CreateOutcome, Interpreter, InterpreterTypes,
    },
};

/// Who emits the logs of transfers (ERC-7528).
const ETHER: Address = address!("eeeeeeeeeeeeeeeeeeeeeeeeeeeeeeeeeeeeeeee");
/// `keccak256("Transfer(address,address,uint256)")`.
const TRANSFER: B256 = b256!("ddf252ad1be2c89b69c2b068fc378daa952ba7f163c4a11628f55a4df523b3ef");

/// Collects logs and transfers; those of frames that fail are dropped.
#[derive(Debug, Default)]
pub(super) struct Transfers {
    frames: Vec<Vec<Log>>,
    finished: Vec<Log>,
}

impl Transfers {
    /// What a finished transaction left.
    pub(super) fn into_logs(self) -> Vec<Log> {
        self.finished
    }

    fn enter(&mut self) {
        self.frames.push(Vec::new());
    }

    fn push(&mut self, log: Log) {
        if let Some(frame) = self.frames.last_mut() {
            frame.push(log);
        }
    }

    fn transfer(&mut self, from: Address, to: Address, value: U256) {
        if !value.is_zero() {
            let topics = vec![TRANSFER, from.into_word(), to.into_word()];
            let data = LogData::new_unchecked(topics, value.to_be_bytes::<32>().into());
            self.push(Log { address: ETHER, data });
        }
    }

    fn leave(&mut self, success: bool) {
        let logs = self.frames.pop().filter(|_| success).unwrap_or_default();
        self.frames.last_mut().unwrap_or(&mut self.finished).extend(logs);
    }
}

impl<CTX: ContextTr, W: InterpreterTypes> Inspector<CTX, W> for Transfers {
    fn log(&mut self, _: &mut CTX, log: Log) {
        self.push(log);
    }

    fn log_full(&mut self, _: &mut Interpreter<W>, _: &mut CTX, log: Log) {
        self.push(log);
    }

    fn call(&mut self, _: &mut CTX, inputs: &mut CallInputs) -> Option<CallOutcome> {
        self.enter();
        if let (CallScheme::Call, Some(value)) = (inputs.scheme, inputs.transfer_value()) {
            self.transfer(inputs.caller, inputs.target_address, value);
        }
        None
    }

    fn call_end(&mut self, _: &mut CTX, _: &CallInputs, outcome: &mut CallOutcome) {
        self.leave(outcome.result.result.is_ok());
    }

    fn create(&mut self, context: &mut CTX, inputs: &mut CreateInputs) -> Option<CreateOutcome> {
        self.enter();
        let caller = inputs.caller();
        let nonce = context.journal_mut().load_account(caller).map_or(0, |account| account.data.info.nonce);
        self.transfer(caller, inputs.created_address(nonce), inputs.value());
        None
    }

    fn create_end(&mut self, _: &mut CTX, _: &CreateInputs, outcome: &mut CreateOutcome) {
        self.leave(outcome.result.result.is_ok());
    }

    fn selfdestruct(&mut self, contract: Address, target: Address, value: U256) {
        self.transfer(contract, target, value);
    }
}
