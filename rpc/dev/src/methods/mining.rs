//! When blocks are made, and making them.

use crate::{
    Workbench,
    declare::Declare,
    methods::time::{MAX_TIME, too_late},
    number::{NUMBER, Number},
};
use alloy_primitives::{Address, B256};
use alloy_rpc_types_eth::{Block, Transaction};
use mundi_consensus::{Mining, ProduceError};
use mundi_rpc_context::{Args, RpcError, Schema, optional, required};
use mundi_rpc_eth::form;
use mundi_state::BlockRecord;
use serde::Deserialize;
use std::{sync::Arc, time::Duration};

/// Blocks that one call makes at most; each takes about a tenth of a millisecond and some kilobytes.
const MAX_BLOCKS: u64 = 100_000;
/// Blocks that one call makes and shows at most.
const MAX_DETAILED: u64 = 256;
/// The longest interval between blocks, in seconds: ten years.
const MAX_INTERVAL: u64 = 10 * 366 * 24 * 3600;

/// What `evm_mine` takes.
#[derive(Deserialize)]
#[serde(untagged)]
enum MineOptions {
    Timestamp(Number),
    Options {
        #[serde(default)]
        timestamp: Option<Number>,
        #[serde(default)]
        blocks: Option<Number>,
    },
}

const MINE_OPTIONS: Schema = Schema::OneOf(&[
    Schema::Quantity,
    Schema::Number,
    Schema::Object(&[("timestamp", NUMBER, false), ("blocks", NUMBER, false)]),
]);

/// What one call is to make.
#[derive(Clone, Copy)]
struct Order {
    blocks: u64,
    /// Time of the first.
    timestamp: Option<u64>,
    /// Seconds between them.
    interval: Option<u64>,
}

fn by_options(mut args: Args<'_>, most: u64) -> Result<Order, RpcError> {
    let (timestamp, blocks) = match args.optional::<MineOptions>()? {
        None => (None, None),
        Some(MineOptions::Timestamp(timestamp)) => (Some(timestamp), None),
        Some(MineOptions::Options { timestamp, blocks }) => (timestamp, blocks),
    };
    Ok(Order {
        blocks: blocks.map_or(Ok(1), |blocks| blocks.at_most(most, "blocks"))?,
        timestamp: timestamp.map(|timestamp| timestamp.at_most(MAX_TIME, "timestamp")).transpose()?,
        interval: None,
    })
}

fn by_number(mut args: Args<'_>) -> Result<Order, RpcError> {
    let (blocks, interval) = (args.optional::<Number>()?, args.optional::<Number>()?);
    Ok(Order {
        blocks: blocks.map_or(Ok(1), |blocks| blocks.at_most(MAX_BLOCKS, "blocks"))?,
        timestamp: None,
        // Clients say zero when they mean none.
        interval: interval
            .map(|interval| interval.at_most(MAX_TIME, "interval"))
            .transpose()?
            .filter(|interval| *interval > 0),
    })
}

pub(super) fn declare(declare: &mut Declare<'_>) {
    declare.add_long(
        &["evm_mine"],
        "Makes a block, or several, of what waits, or empty.",
        &[optional("options", MINE_OPTIONS)],
        Schema::Quantity,
        |args| by_options(args, MAX_BLOCKS),
        |bench, order| bench.mine(order, |_| {}).map(|()| "0x0"),
    );
    declare.add_long(
        &["evm_mine_detailed", "anvil_mine_detailed"],
        "Makes a block, or several, and gives them with their transactions.",
        &[optional("options", MINE_OPTIONS)],
        Schema::Array(&Schema::Object(&[
            ("hash", Schema::Hash, true),
            ("number", Schema::Quantity, true),
            ("transactions", Schema::Array(&Schema::Any), true),
        ])),
        |args| by_options(args, MAX_DETAILED),
        |bench, order| {
            let mut blocks: Vec<Block<Transaction>> = Vec::new();
            bench.mine(order, |block| blocks.push(form::block(block, true)))?;
            Ok(blocks)
        },
    );
    declare.add_long(
        &["anvil_mine", "hardhat_mine"],
        "Makes a number of blocks, some seconds apart if an interval is given.",
        &[optional("blocks", NUMBER), optional("interval", NUMBER)],
        Schema::Null,
        by_number,
        |bench, order| bench.mine(order, |_| {}),
    );
    declare.add(
        &["anvil_getAutomine", "hardhat_getAutomine"],
        "Whether a block is made as soon as a transaction waits.",
        &[],
        Schema::Bool,
        |bench, _| Ok(matches!(bench.solo.mining(), Mining::Auto | Mining::Mixed(_))),
    );
    declare.add(
        &["evm_setAutomine", "anvil_setAutomine"],
        "Whether a block is to be made as soon as a transaction waits.",
        &[required("enabled", Schema::Bool)],
        Schema::Null,
        |bench, mut args| {
            let automine = args.next::<bool>()?;
            bench.solo.set_mining(match (automine, bench.solo.mining()) {
                (true, _) => Mining::Auto,
                (false, Mining::Interval(interval) | Mining::Mixed(interval)) => Mining::Interval(interval),
                (false, Mining::Auto | Mining::Manual) => Mining::Manual,
            });
            Ok(())
        },
    );
    declare.add(
        &["evm_setIntervalMining", "anvil_setIntervalMining"],
        "From here on a block is made every so many seconds and not otherwise; zero: on command only.",
        &[required("seconds", NUMBER)],
        Schema::Null,
        |bench, mut args| {
            let seconds = args.next::<Number>()?.at_most(MAX_INTERVAL, "seconds")?;
            bench.solo.set_mining(match seconds {
                0 => Mining::Manual,
                seconds => Mining::Interval(Duration::from_secs(seconds)),
            });
            Ok(())
        },
    );
    declare.add(
        &["anvil_getIntervalMining"],
        "The seconds between blocks, if they are made in intervals.",
        &[],
        Schema::Nullable(&Schema::Number),
        |bench, _| {
            Ok(match bench.solo.mining() {
                Mining::Interval(interval) | Mining::Mixed(interval) => Some(interval.as_secs()),
                Mining::Auto | Mining::Manual => None,
            })
        },
    );
    decisions(declare);
}

/// What can be decided of blocks to come.
fn decisions(declare: &mut Declare<'_>) {
    declare.add(
        &["anvil_setCoinbase", "hardhat_setCoinbase"],
        "Who gets the fees from here on.",
        &[required("address", Schema::Address)],
        Schema::Null,
        |bench, mut args| {
            let address = args.next::<Address>()?;
            bench.solo.decide(|next| next.beneficiary = Some(address));
            Ok(())
        },
    );
    declare.add(
        &["anvil_setNextBlockBaseFeePerGas", "hardhat_setNextBlockBaseFeePerGas"],
        "Sets the base fee of the next block, in wei.",
        &[required("baseFeePerGas", NUMBER)],
        Schema::Null,
        |bench, mut args| {
            let fee = args.next::<Number>()?.at_most(u64::MAX, "baseFeePerGas")?;
            bench.decide(|next| next.base_fee = Some(fee))
        },
    );
    declare.add(
        &["hardhat_setPrevRandao", "anvil_setPrevRandao"],
        "Sets what PREVRANDAO gives in the next block.",
        &[required("prevRandao", Schema::Hash)],
        Schema::Null,
        |bench, mut args| {
            let value = args.next::<B256>()?;
            bench.solo.decide(|next| next.prev_randao = Some(value));
            Ok(())
        },
    );
    declare.add(
        &["evm_setBlockGasLimit", "anvil_setBlockGasLimit"],
        "Sets the gas limit of blocks from here on.",
        &[required("gasLimit", NUMBER)],
        Schema::Bool,
        |bench, mut args| {
            let limit = args.next::<Number>()?.at_most(mundi_chain::MAX_GAS_LIMIT, "gasLimit")?;
            if limit < mundi_chain::MIN_GAS_LIMIT {
                let least = mundi_chain::MIN_GAS_LIMIT;
                return Err(RpcError::invalid_params(format!(
                    "gasLimit: expected at least {least}, got {limit}"
                )));
            }
            bench.decide(|next| next.gas_limit = Some(limit)).map(|()| true)
        },
    );
    declare.add(
        &["anvil_setMinGasPrice", "hardhat_setMinGasPrice"],
        "Not supported: under EIP-1559 the base fee is the least price.",
        &[required("gasPrice", NUMBER)],
        Schema::Null,
        |_, mut args| {
            let _ = args.next::<Number>()?;
            Err::<(), _>(RpcError::invalid_params(
                "a least gas price is not supported with EIP-1559: use anvil_setNextBlockBaseFeePerGas",
            ))
        },
    );
}

impl Workbench {
    fn mine(&self, order: Order, mut made: impl FnMut(&Arc<BlockRecord>)) -> Result<(), RpcError> {
        let mut timestamp = order.timestamp;
        for _ in 0..order.blocks {
            if let Some(timestamp) = timestamp {
                if timestamp > MAX_TIME {
                    return Err(too_late(timestamp));
                }
                self.solo.pause(|| {
                    self.check_timestamp(timestamp)?;
                    self.solo.decide(|next| next.timestamp = Some(timestamp));
                    Ok::<_, RpcError>(())
                })?;
            }
            let sealed = self.solo.produce().map_err(not_produced)?;
            made(&sealed.block);
            timestamp = order.interval.map(|interval| sealed.block.header.timestamp.saturating_add(interval));
        }
        Ok(())
    }
}

pub(super) fn not_produced(error: ProduceError) -> RpcError {
    match error {
        ProduceError::Ledger(error) => error.into(),
        error @ ProduceError::Stopped => RpcError::internal(error),
    }
}
