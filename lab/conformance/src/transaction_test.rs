//! Transaction tests: decoding, sender and intrinsic gas of a transaction in each fork.

use crate::{
    engine::Engine,
    failure::{Reason, expect},
    quantity::Quantity,
    runner::Recorder,
    states::WithBlockHashes,
    world::World,
};
use alloy_consensus::TxEnvelope;
use alloy_eips::eip2718::Encodable2718;
use alloy_primitives::{Address, B256, Bytes, U256, keccak256};
use alloy_rlp::{Header, PayloadView};
use mundi_chain::{ChainSpec, ForkPoint, decode_transaction, recover_sender};
use mundi_execution::{Account, AccountChange, Block, Rules, StateChanges, Transaction};
use revm::{
    context::{BlockEnv, TxEnv},
    context_interface::cfg::gas::calculate_initial_tx_gas_for_tx,
};
use serde::Deserialize;
use std::collections::BTreeMap;

#[derive(Debug, Deserialize)]
struct TransactionTest {
    txbytes: String,
    result: BTreeMap<String, Expected>,
}

#[derive(Debug, Deserialize)]
#[serde(rename_all = "camelCase")]
struct Expected {
    exception: Option<String>,
    hash: Option<B256>,
    sender: Option<Address>,
    intrinsic_gas: Option<Quantity>,
}

/// Runs a vector for each fork.
pub(crate) fn run(json: &str, engine: &Engine<'_>, recorder: &mut Recorder<'_>) {
    let test: TransactionTest = match serde_json::from_str(json) {
        Ok(test) => test,
        Err(error) => return recorder.vector(|| Err(Reason::malformed(&error))),
    };
    let vectors = test.result.iter().map(|(fork, expected)| (fork.clone(), (fork, expected)));
    recorder.vectors(vectors.collect(), |(fork, expected)| vector(&test.txbytes, fork, expected, engine));
}

fn vector(bytes: &str, fork: &str, expected: &Expected, engine: &Engine<'_>) -> Result<(), Reason> {
    let spec = ChainSpec::at_fork(fork).map_err(Reason::malformed)?;
    match (check(bytes, &spec, engine)?, &expected.exception) {
        (Err(_), Some(_)) => Ok(()),
        (Err(_), None) if has_absurd_price(bytes) => Err(Reason::Skipped(
            "a gas price of 2^128 wei or more, which no one can pay: transactions hold prices in 128 bits"
                .into(),
        )),
        (Err(rejection), None) => Err(Reason::Rejected(rejection)),
        (Ok(_), Some(exception)) => Err(Reason::Accepted(exception.clone())),
        (Ok((tx, env, rules)), None) => {
            if let Some(hash) = expected.hash {
                expect("hash", hash, keccak256(tx.encoded_2718()))?;
            }
            if let Some(sender) = expected.sender {
                expect("sender", sender, env.caller)?;
            }
            if let Some(gas) = expected.intrinsic_gas {
                let initial = calculate_initial_tx_gas_for_tx(&env, rules.spec, None);
                expect("intrinsic gas", gas.0, U256::from(initial.initial_total_gas()))?;
            }
            Ok(())
        }
    }
}

/// Decodes a transaction and has the engine execute it for a sender who can pay for anything. A text inside is the reason
/// for a rejection.
fn check(
    bytes: &str,
    spec: &ChainSpec,
    engine: &Engine<'_>,
) -> Result<Result<(TxEnvelope, TxEnv, Rules), String>, Reason> {
    let bytes: Bytes = match bytes.parse() {
        Ok(bytes) => bytes,
        Err(error) => return Err(Reason::malformed(error)),
    };
    let point = ForkPoint::new(1, 1);
    let decoded = decode_transaction(&bytes).map_err(|error| error.to_string()).and_then(|tx| {
        let sender = recover_sender(spec.fork_at(point), &tx).map_err(|error| error.to_string())?;
        Ok((tx, sender))
    });
    let (tx, sender) = match decoded {
        Ok(decoded) => decoded,
        Err(rejection) => return Ok(Err(rejection)),
    };
    let mut transaction = Transaction::from_envelope(&tx, sender);
    // A value that no one has is not this test's concern.
    transaction.env.value = U256::ZERO;
    let rich = Account { nonce: transaction.env.nonce, balance: U256::MAX, ..Account::default() };
    let world = World::new(&StateChanges {
        accounts: vec![AccountChange {
            address: sender,
            account: Some(rich),
            storage_wiped: false,
            storage: Vec::new(),
        }],
        code: Vec::new(),
    });
    let rules = Rules { block_reward: U256::ZERO, ..spec.rules_at(point) };
    let block = Block {
        env: BlockEnv { number: U256::from(1), basefee: 0, gas_limit: u64::MAX, ..BlockEnv::default() },
        rules: rules.clone(),
        parent_hash: B256::ZERO,
        parent_beacon_block_root: None,
        transactions: vec![transaction.clone()],
        ommers: Vec::new(),
        withdrawals: None,
    };
    let state = WithBlockHashes { state: &world, hash: |_| None };
    Ok(match engine.run(&block, &state, None)? {
        Ok(_) => Ok((tx, transaction.env, rules)),
        Err(error) => Err(error.to_string()),
    })
}

/// Whether a gas price of the transaction takes more than 16 bytes.
fn has_absurd_price(bytes: &str) -> bool {
    let Ok(bytes) = bytes.parse::<Bytes>() else { return false };
    let (prices, mut fields) = match bytes.first() {
        Some(1) => (2..3, &bytes[1..]),
        Some(2..=4) => (2..4, &bytes[1..]),
        _ => (1..2, &bytes[..]),
    };
    let Ok(PayloadView::List(fields)) = Header::decode_raw(&mut fields) else { return false };
    // Items are given with their headers; a price of 17 bytes or more has a header of one byte.
    fields.iter().take(prices.end).skip(prices.start).any(|field| field.len() > 17)
}
