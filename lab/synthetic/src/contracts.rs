//! Small contracts that run under every fork's rules, and calls to them.
//!
//! * A *vault* writes as many slots as it is told, or destroys itself.
//! * The *coin* keeps balances and logs transfers, as an ERC-20 token does.
//! * The *nursery* creates vaults at addresses that depend on a salt alone (EIP-1014), so that one that was destroyed comes back
//!   where it was.
//! * The *deposit desk* logs what it is told, in the place of the contract whose logs are requests (EIP-6110).

use crate::assembler::Assembler;
use alloy_primitives::{Address, B256, Bytes, U256, address, keccak256};
use revm::bytecode::opcode::*;

/// Where the coin is.
pub(crate) const COIN: Address = address!("0xc01ac01ac01ac01ac01ac01ac01ac01ac01ac01a");
/// Where the nursery is.
pub(crate) const NURSERY: Address = address!("0x9e579e579e579e579e579e579e579e579e579e57");
/// Where the deposit desk is.
pub(crate) const DEPOSIT_DESK: Address = address!("0xde90de90de90de90de90de90de90de90de90de90");
/// Slots that the constructor of a nursery's vault writes.
pub(crate) const NURSERY_SLOTS: u64 = 2;

/// The code of a vault. Called with the first of some slots, their number *n* and a value *v*, each a word, it writes
/// *v·k* to the *k*-th slot and logs the number; called with one word, it destroys itself in favour of that address; called with
/// nothing, it takes money.
pub(crate) fn vault() -> Vec<u8> {
    Assembler::default()
        .op(&[CALLDATASIZE, ISZERO])
        .jump_if("end")
        .byte(32)
        .op(&[CALLDATASIZE, EQ])
        .jump_if("destroy")
        // LOG1 of the number, under the first slot.
        .byte(32)
        .byte(32)
        .byte(0)
        .op(&[CALLDATACOPY])
        .byte(0)
        .op(&[CALLDATALOAD])
        .byte(32)
        .byte(0)
        .op(&[LOG1])
        // The number of slots still to be written stays on the stack.
        .byte(32)
        .op(&[CALLDATALOAD])
        .target("loop")
        .op(&[DUP1, ISZERO])
        .jump_if("end")
        .byte(64)
        .op(&[CALLDATALOAD, DUP2, MUL])
        .byte(1)
        .op(&[DUP3, SUB])
        .byte(0)
        .op(&[CALLDATALOAD, ADD, SSTORE])
        .byte(1)
        .op(&[SWAP1, SUB])
        .push_label("loop")
        .op(&[JUMP])
        .target("destroy")
        .byte(0)
        .op(&[CALLDATALOAD, SELFDESTRUCT])
        .target("end")
        .op(&[STOP])
        .finish()
}

/// Call data for a [`vault`]: `v·k` for the `k`-th of `count` slots from `first` on. A value of zero clears them.
pub(crate) fn write(first: u64, count: u64, value: U256) -> Bytes {
    words([U256::from(first), U256::from(count), value])
}

/// Call data for a [`vault`]: it is to destroy itself, and pay what it has to `heir`.
pub(crate) fn destroy(heir: Address) -> Bytes {
    words([U256::from_be_slice(heir.as_slice())])
}

/// The code of the coin: called with a recipient and an amount, it moves them and logs the transfer. Too large an amount
/// consumes all gas.
pub(crate) fn coin() -> Vec<u8> {
    Assembler::default()
        .op(&[CALLER])
        .byte(0)
        .op(&[MSTORE])
        .byte(64)
        .byte(0)
        .op(&[KECCAK256, DUP1, SLOAD])
        .byte(32)
        // amount, balance, slot
        .op(&[CALLDATALOAD, DUP1, DUP3, LT])
        .jump_if("poor")
        .op(&[SWAP1, DUP2, SWAP1, SUB, SWAP1, SWAP2, SSTORE])
        // amount
        .byte(0)
        .op(&[CALLDATALOAD])
        .byte(0)
        .op(&[MSTORE])
        .byte(64)
        .byte(0)
        .op(&[KECCAK256, DUP1, SLOAD, DUP3, ADD, SWAP1, SSTORE])
        .byte(0)
        .op(&[MSTORE])
        .byte(0)
        .op(&[CALLDATALOAD, CALLER])
        .push(keccak256("Transfer(address,address,uint256)").as_slice())
        .byte(32)
        .byte(0)
        .op(&[LOG3, STOP])
        .target("poor")
        .op(&[INVALID])
        .finish()
}

/// Call data for the [`coin`].
pub(crate) fn pay(to: Address, amount: U256) -> Bytes {
    words([U256::from_be_slice(to.as_slice()), amount])
}

/// Where the [`coin`] keeps an account's balance.
pub(crate) fn coin_slot(owner: Address) -> U256 {
    keccak256(words([U256::from_be_slice(owner.as_slice()), U256::ZERO])).into()
}

/// A constructor that writes slots 0, 1, … and gives a contract its code.
pub(crate) fn constructor(slots: &[u64], code: &[u8]) -> Vec<u8> {
    let mut assembler = Assembler::default();
    for (slot, value) in (0_u8..).zip(slots) {
        assembler = assembler.push(&value.to_be_bytes()).byte(slot).op(&[SSTORE]);
    }
    returning(assembler, code)
}

/// A constructor that writes this many slots, destroys what it constructs, and leaves nothing (EIP-6780 keeps this).
pub(crate) fn ephemeral(slots: u8) -> Vec<u8> {
    let writes = (0..slots).fold(Assembler::default(), |code, slot| code.byte(1).byte(slot).op(&[SSTORE]));
    writes.op(&[CALLER, SELFDESTRUCT]).finish()
}

fn returning(constructor: Assembler, code: &[u8]) -> Vec<u8> {
    constructor
        .push(&length(code))
        .op(&[DUP1])
        .push_label("code")
        .byte(0)
        .op(&[CODECOPY])
        .byte(0)
        .op(&[RETURN])
        .data("code")
        .op(code)
        .finish()
}

/// The constructor of the nursery's vaults: it writes down the height, and the hash of the block before.
fn nursery_constructor() -> Vec<u8> {
    let writes = Assembler::default()
        .op(&[NUMBER])
        .byte(0)
        .op(&[SSTORE])
        .byte(1)
        .op(&[NUMBER, SUB, BLOCKHASH])
        .byte(1)
        .op(&[SSTORE]);
    returning(writes, &vault())
}

/// The code of the nursery: called with a salt, it creates a vault; nothing happens if that is there already.
pub(crate) fn nursery() -> Vec<u8> {
    let constructor = nursery_constructor();
    Assembler::default()
        .push(&length(&constructor))
        .push_label("constructor")
        .byte(0)
        .op(&[CODECOPY])
        .byte(0)
        .op(&[CALLDATALOAD])
        .push(&length(&constructor))
        .byte(0)
        .op(&[CALLVALUE, CREATE2, STOP])
        .data("constructor")
        .op(&constructor)
        .finish()
}

/// Call data for the [`nursery`].
pub(crate) fn bear(salt: u64) -> Bytes {
    words([U256::from(salt)])
}

/// Where the [`nursery`] creates the vault of a salt.
pub(crate) fn nursery_vault(salt: u64) -> Address {
    NURSERY.create2(B256::from(U256::from(salt)), keccak256(nursery_constructor()))
}

/// The code of the deposit desk: it logs its call data as a deposit.
pub(crate) fn deposit_desk() -> Vec<u8> {
    Assembler::default()
        .op(&[CALLDATASIZE])
        .byte(0)
        .byte(0)
        .op(&[CALLDATACOPY])
        .push(keccak256("DepositEvent(bytes,bytes,bytes,bytes,bytes)").as_slice())
        .op(&[CALLDATASIZE])
        .byte(0)
        .op(&[LOG1, STOP])
        .finish()
}

/// The data of a deposit's log: public key, withdrawal credentials, amount, signature and index, laid out as EIP-6110 asks.
pub(crate) fn deposit(fill: u8, gwei: u64, index: u64) -> Bytes {
    let fields: [&[u8]; 5] =
        [&[fill; 48], &[fill; 32], &gwei.to_le_bytes(), &[fill; 96], &index.to_le_bytes()];
    let (mut heads, mut tails) = (Vec::new(), Vec::new());
    for field in fields {
        heads.extend(U256::from(32 * fields.len() + tails.len()).to_be_bytes::<32>());
        tails.extend(U256::from(field.len()).to_be_bytes::<32>());
        tails.extend(field);
        tails.resize(tails.len().next_multiple_of(32), 0);
    }
    [heads, tails].concat().into()
}

fn length(code: &[u8]) -> [u8; 2] {
    u16::try_from(code.len()).expect("contracts are small").to_be_bytes()
}

fn words<const N: usize>(words: [U256; N]) -> Bytes {
    words.map(|word| word.to_be_bytes::<32>()).concat().into()
}
