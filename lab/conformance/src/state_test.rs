//! State tests: one transaction, as a block of its own, on a given state.

use crate::{
    alloc::{self, Alloc, ChainConfig},
    engine::Engine,
    failure::{Reason, expect},
    quantity::Quantity,
    runner::Recorder,
    states::WithBlockHashes,
    transaction_fields::{Indexes, TransactionFields},
    world::World,
};
use alloy_primitives::{Address, B256, Bytes, Log, U256, keccak256};
use mundi_chain::{ChainSpec, ForkPoint, decode_transaction, recover_sender};
use mundi_execution::{Block, Rules, Transaction};
use revm::{
    context::BlockEnv, context_interface::block::BlobExcessGasAndPrice, primitives::hardfork::SpecId,
};
use serde::Deserialize;
use std::collections::BTreeMap;

#[derive(Debug, Deserialize)]
struct StateTest {
    env: Env,
    pre: Alloc,
    transaction: TransactionFields,
    post: BTreeMap<String, Vec<Post>>,
    config: Option<ChainConfig>,
}

#[derive(Debug, Deserialize)]
#[serde(rename_all = "camelCase")]
struct Env {
    current_coinbase: Address,
    current_gas_limit: Quantity,
    current_number: Quantity,
    current_timestamp: Quantity,
    current_difficulty: Option<Quantity>,
    current_random: Option<Quantity>,
    current_base_fee: Option<Quantity>,
    current_excess_blob_gas: Option<Quantity>,
}

#[derive(Debug, Deserialize)]
#[serde(rename_all = "camelCase")]
struct Post {
    hash: B256,
    logs: B256,
    indexes: Indexes,
    txbytes: Option<Bytes>,
    expect_exception: Option<String>,
}

/// Runs all vectors of one test.
pub(crate) fn run(json: &str, engine: &Engine<'_>, recorder: &mut Recorder<'_>) {
    let test: StateTest = match serde_json::from_str(json) {
        Ok(test) => test,
        Err(error) => return recorder.vector(|| Err(Reason::malformed(&error))),
    };
    let world = World::new(&alloc::changes(&test.pre));
    let vectors = test.post.iter().flat_map(|(fork, posts)| {
        posts.iter().map(move |post| {
            let Indexes { data, gas, value } = post.indexes;
            (format!("{fork}/d{data}g{gas}v{value}"), (fork, post))
        })
    });
    recorder.vectors(vectors.collect(), |(fork, post)| {
        let spec = alloc::chain_spec(fork, test.config.as_ref())?;
        test.vector(&spec, post, &world, engine)
    });
}

impl StateTest {
    fn vector(
        &self,
        spec: &ChainSpec,
        post: &Post,
        world: &World,
        engine: &Engine<'_>,
    ) -> Result<(), Reason> {
        let point = ForkPoint::new(
            self.env.current_number.saturating_u64(),
            self.env.current_timestamp.saturating_u64(),
        );
        let transaction = match self.transaction(spec, point, post)? {
            Ok(transaction) => transaction,
            Err(rejection) => return rejected(post, rejection),
        };
        // A state test is about the transaction alone: no reward, no system calls, no withdrawals.
        let rules = Rules { block_reward: U256::ZERO, dao_fork: false, ..spec.rules_at(point) };
        let block = Block {
            env: self.env.block_env(spec, point, &rules),
            rules,
            parent_hash: B256::ZERO,
            parent_beacon_block_root: None,
            transactions: vec![transaction],
            ommers: Vec::new(),
            withdrawals: None,
        };
        // By convention the hash of a block is that of its number in decimal digits.
        let state = WithBlockHashes { state: world, hash: |number: u64| Some(keccak256(number.to_string())) };
        let executed = match engine.run(&block, &state, None)? {
            Ok(executed) => executed,
            Err(error) => return rejected(post, error.to_string()),
        };
        if let Some(exception) = &post.expect_exception {
            return Err(Reason::Accepted(exception.clone()));
        }
        let logs: Vec<&Log> = executed.output.receipts().flat_map(|receipt| &receipt.logs).collect();
        expect("logs", post.logs, keccak256(alloy_rlp::encode(&logs)))?;
        expect("state root", post.hash, world.root_after(&executed.output.changes))
    }

    /// The transaction of a vector; a text inside says why there is no such transaction.
    fn transaction(
        &self,
        spec: &ChainSpec,
        point: ForkPoint,
        post: &Post,
    ) -> Result<Result<Transaction, String>, Reason> {
        let Some(bytes) = &post.txbytes else {
            let env = self.transaction.at(post.indexes, spec.chain_id())?;
            return Ok(env.map(Transaction::new).ok_or_else(|| "a field is too large".into()));
        };
        let tx = match decode_transaction(bytes) {
            Ok(tx) => tx,
            Err(error) => return Ok(Err(error.to_string())),
        };
        let sender = match recover_sender(spec.fork_at(point), &tx) {
            Ok(sender) => sender,
            Err(error) => return Ok(Err(error.to_string())),
        };
        expect("sender", self.transaction.sender()?, sender)?;
        Ok(Ok(Transaction::from_envelope(&tx, sender)))
    }
}

fn rejected(post: &Post, reason: String) -> Result<(), Reason> {
    match post.expect_exception {
        Some(_) => Ok(()),
        None => Err(Reason::Rejected(reason)),
    }
}

impl Env {
    fn block_env(&self, spec: &ChainSpec, point: ForkPoint, rules: &Rules) -> BlockEnv {
        let base_fee = self.current_base_fee.unwrap_or_default().saturating_u64();
        let random = || B256::from(self.current_random.unwrap_or_default().0);
        let excess_blob_gas = self.current_excess_blob_gas.unwrap_or_default().saturating_u64();
        BlockEnv {
            number: self.current_number.0,
            beneficiary: self.current_coinbase,
            timestamp: self.current_timestamp.0,
            gas_limit: self.current_gas_limit.saturating_u64(),
            basefee: if rules.spec.is_enabled_in(SpecId::LONDON) { base_fee } else { 0 },
            difficulty: self.current_difficulty.unwrap_or_default().0,
            prevrandao: rules.spec.is_enabled_in(SpecId::MERGE).then(random),
            blob_excess_gas_and_price: spec.blob_params_at(point).map(|params| BlobExcessGasAndPrice {
                excess_blob_gas,
                blob_gasprice: params.calc_blob_fee(excess_blob_gas),
            }),
            slot_num: 0,
        }
    }
}
