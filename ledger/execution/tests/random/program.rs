//! Small random contracts over few addresses and slots, built to collide.

use alloy_primitives::{Address, Bytes};
use proptest::prelude::*;
use revm::bytecode::opcode::*;

/// Number of accounts without code at first, and of contracts.
pub(crate) const ACCOUNTS: u8 = 6;
pub(crate) const CONTRACTS: u8 = 6;

/// An address out of the small pool: accounts, contracts, the fee recipient, a precompile, nobody, a child.
pub(crate) fn address(index: u8) -> Address {
    match index % 16 {
        i @ 0..ACCOUNTS => Address::repeat_byte(0x10 + i),
        i @ 6..12 => Address::repeat_byte(0xc0 + i - 6),
        12 => beneficiary(),
        13 => Address::with_last_byte(4),
        14 => Address::repeat_byte(0x99),
        _ => child(),
    }
}

/// The fee recipient.
pub(crate) fn beneficiary() -> Address {
    Address::repeat_byte(0xfe)
}

/// Where contract 0 puts its `CREATE2` children.
pub(crate) fn child() -> Address {
    address(6).create2_from_code([0; 32], child_init())
}

/// A step of a contract.
#[derive(Clone, Debug)]
pub(crate) enum Action {
    Increment(u8),
    IncrementOfCaller,
    Store(u8, u8),
    Balance(u8, u8),
    SelfBalance(u8),
    CodeSize(u8, u8),
    CodeHash(u8, u8),
    CodeCopy(u8, u8),
    Pay { fresh: bool, value: u8, result: u8 },
    Call { kind: u8, to: u8, value: u8, result: u8 },
    Create { salted: bool, value: u8 },
    Destroy(u8),
    DestroySelf,
    RevertIfOdd(u8),
    Invalid,
    Log(u8),
    Transient(u8),
    Burn(u8),
    BlockHash(u8),
    Stop,
}

pub(crate) fn action() -> impl Strategy<Value = Action> {
    let slot = 0..3_u8;
    let who = 0..16_u8;
    prop_oneof![
        6 => slot.clone().prop_map(Action::Increment),
        3 => Just(Action::IncrementOfCaller),
        2 => (slot.clone(), 0..3_u8).prop_map(|(slot, value)| Action::Store(slot, value)),
        2 => (slot.clone(), who.clone()).prop_map(|(slot, who)| Action::Balance(slot, who)),
        1 => slot.clone().prop_map(Action::SelfBalance),
        1 => (slot.clone(), who.clone()).prop_map(|(slot, who)| Action::CodeSize(slot, who)),
        2 => (slot.clone(), who.clone()).prop_map(|(slot, who)| Action::CodeHash(slot, who)),
        1 => (slot.clone(), who.clone()).prop_map(|(slot, who)| Action::CodeCopy(slot, who)),
        2 => (any::<bool>(), 0..3_u8, slot.clone())
            .prop_map(|(fresh, value, result)| Action::Pay { fresh, value, result }),
        6 => (0..6_u8, who.clone(), 0..3_u8, slot.clone())
            .prop_map(|(kind, to, value, result)| Action::Call { kind, to, value, result }),
        2 => (any::<bool>(), 0..3_u8).prop_map(|(salted, value)| Action::Create { salted, value }),
        1 => who.prop_map(Action::Destroy),
        1 => Just(Action::DestroySelf),
        1 => slot.clone().prop_map(Action::RevertIfOdd),
        1 => Just(Action::Invalid),
        2 => slot.clone().prop_map(Action::Log),
        1 => slot.clone().prop_map(Action::Transient),
        1 => (1..5_u8).prop_map(Action::Burn),
        1 => slot.prop_map(Action::BlockHash),
        1 => Just(Action::Stop),
    ]
}

/// Init code whose child stores something and, when called, writes a slot and may destroy itself.
pub(crate) fn child_init() -> Bytes {
    let mut runtime = Code::default();
    runtime.increment(0);
    // Destroys itself in favour of its caller when the counter's second bit is set.
    runtime.op(&[PUSH1, 0, SLOAD, PUSH1, 2, AND, ISZERO]);
    runtime.skip_if(&[CALLER, SELFDESTRUCT]);
    let runtime = runtime.0;
    let mut init = Code::default();
    init.op(&[PUSH1, 7, PUSH1, 1, SSTORE]);
    let at = init.0.len() as u8 + 12;
    let length = runtime.len() as u8;
    init.op(&[PUSH1, length, PUSH1, at, PUSH1, 0, CODECOPY, PUSH1, length, PUSH1, 0, RETURN]);
    init.0.extend_from_slice(&runtime);
    init.0.into()
}

/// Code under construction.
#[derive(Default)]
struct Code(Vec<u8>);

impl Code {
    fn op(&mut self, bytes: &[u8]) {
        self.0.extend_from_slice(bytes);
    }

    fn push(&mut self, value: u8) {
        self.op(&[PUSH1, value]);
    }

    fn push_address(&mut self, index: u8) {
        self.op(&[PUSH20]);
        self.0.extend_from_slice(address(index).as_slice());
    }

    fn increment(&mut self, slot: u8) {
        self.op(&[PUSH1, slot, SLOAD, PUSH1, 1, ADD, PUSH1, slot, SSTORE]);
    }

    /// Jumps over `body` if the top of the stack is not zero.
    fn skip_if(&mut self, body: &[u8]) {
        let target = self.0.len() + 4 + body.len();
        let [high, low] = u16::try_from(target).expect("short code").to_be_bytes();
        self.op(&[PUSH2, high, low, JUMPI]);
        self.op(body);
        self.op(&[JUMPDEST]);
    }

    fn action(&mut self, action: &Action) {
        match *action {
            Action::Increment(slot) => self.increment(slot),
            Action::IncrementOfCaller => self.op(&[CALLER, SLOAD, PUSH1, 1, ADD, CALLER, SSTORE]),
            Action::Store(slot, value) => self.op(&[PUSH1, value, PUSH1, slot, SSTORE]),
            Action::Balance(slot, who) => {
                self.push_address(who);
                self.op(&[BALANCE, PUSH1, slot, SSTORE]);
            }
            // The instruction itself is unknown before Istanbul and ends the call there.
            Action::SelfBalance(slot) if slot == 0 => self.op(&[SELFBALANCE, PUSH1, slot, SSTORE]),
            Action::SelfBalance(slot) => self.op(&[ADDRESS, BALANCE, PUSH1, slot, SSTORE]),
            Action::CodeSize(slot, who) => {
                self.push_address(who);
                self.op(&[EXTCODESIZE, PUSH1, slot, SSTORE]);
            }
            Action::CodeHash(slot, who) => {
                self.push_address(who);
                self.op(&[EXTCODEHASH, PUSH1, slot, SSTORE]);
            }
            Action::CodeCopy(slot, who) => {
                self.op(&[PUSH1, 32, PUSH1, 0, PUSH1, 0]);
                self.push_address(who);
                self.op(&[EXTCODECOPY, PUSH1, 0, MLOAD, PUSH1, slot, SSTORE]);
            }
            // To an address that the caller determines, or to one that a counter makes new each time.
            Action::Pay { fresh, value, result } => {
                for _ in 0..4 {
                    self.push(0);
                }
                self.push(value);
                let to = if fresh { &[PUSH1, result, SLOAD, PUSH2, 0x77, 0x00, ADD][..] } else { &[ORIGIN] };
                self.op(to);
                self.op(&[PUSH2, 0x20, 0x00, CALL, PUSH1, result, SLOAD, ADD, PUSH1, result, SSTORE]);
            }
            Action::Call { kind, to, value, result } => {
                for _ in 0..4 {
                    self.push(0);
                }
                // Most calls carry value.
                let (opcode, has_value) = [
                    (CALL, true),
                    (CALLCODE, true),
                    (DELEGATECALL, false),
                    (CALL, true),
                    (STATICCALL, false),
                    (CALL, true),
                ][kind as usize % 6];
                if has_value {
                    self.push(value);
                }
                self.push_address(to);
                self.op(&[PUSH2, 0xc0, 0x00, opcode, PUSH1, result, SLOAD, ADD, PUSH1, result, SSTORE]);
            }
            Action::Create { salted, value } => {
                let init = child_init();
                for (at, chunk) in init.chunks(32).enumerate() {
                    let mut word = [0; 32];
                    word[..chunk.len()].copy_from_slice(chunk);
                    self.op(&[PUSH32]);
                    self.op(&word);
                    self.op(&[PUSH1, at as u8 * 32, MSTORE]);
                }
                if salted {
                    self.push(0);
                }
                self.op(&[PUSH1, init.len() as u8, PUSH1, 0, PUSH1, value]);
                self.op(&[if salted { CREATE2 } else { CREATE }, POP]);
            }
            Action::Destroy(to) => {
                self.push_address(to);
                self.op(&[SELFDESTRUCT]);
            }
            Action::DestroySelf => self.op(&[ADDRESS, SELFDESTRUCT]),
            Action::RevertIfOdd(slot) => {
                self.op(&[PUSH1, slot, SLOAD, PUSH1, 1, AND, ISZERO]);
                self.skip_if(&[PUSH1, 0, PUSH1, 0, REVERT]);
            }
            Action::Invalid => self.op(&[INVALID]),
            Action::Log(slot) => self.op(&[PUSH1, slot, SLOAD, PUSH1, 0, PUSH1, 0, LOG1]),
            Action::Transient(slot) => {
                self.op(&[PUSH1, slot, TLOAD, PUSH1, 1, ADD, DUP1, PUSH1, slot, TSTORE, PUSH1, slot, SSTORE]);
            }
            Action::Burn(rounds) => {
                for _ in 0..rounds {
                    self.op(&[PUSH1, 32, PUSH1, 0, KECCAK256, POP]);
                }
            }
            Action::BlockHash(slot) => self.op(&[PUSH1, 1, NUMBER, SUB, BLOCKHASH, PUSH1, slot, SSTORE]),
            Action::Stop => self.op(&[STOP]),
        }
    }
}

/// The code of a contract.
pub(crate) fn code(actions: &[Action]) -> Bytes {
    let mut code = Code::default();
    actions.iter().for_each(|action| code.action(action));
    code.0.into()
}
