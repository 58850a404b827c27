//! Otterscan's questions about the whole chain. There is no index behind them: blocks are executed again, within a bound, and
//! states are searched by halving.

use crate::{
    answer,
    otterscan::{page_size, shortened},
    parity,
    replay::Replay,
    watch::{Allowance, Recorder, Recording, Watch},
};
use alloy_consensus::Transaction as _;
use alloy_primitives::{Address, B256, U64, U256};
use alloy_rpc_types_trace::{
    otterscan::ContractCreator,
    parity::{Action, TraceOutput},
};
use mundi_chain::LedgerState;
use mundi_execution::StateSnapshot;
use mundi_rpc_context::{Args, Ctx, RpcError};
use mundi_state::BlockRecord;
use revm::{
    Inspector,
    interpreter::{CallInputs, CallOutcome, CreateInputs, CreateOutcome},
};
use serde_json::{Value, json};
use std::sync::Arc;

/// Blocks without transactions that are passed for each block that may be executed.
const EMPTY_PER_TRACED: u64 = 100;

/// Sees whether an address takes part in a transaction.
#[derive(Debug)]
struct Touch {
    address: Address,
    seen: bool,
}

impl Touch {
    fn see(&mut self, addresses: &[Address]) {
        self.seen |= addresses.contains(&self.address);
    }
}

impl Recorder for Touch {}

impl<CTX> Inspector<CTX> for Touch {
    fn call(&mut self, _: &mut CTX, inputs: &mut CallInputs) -> Option<CallOutcome> {
        self.see(&[inputs.caller, inputs.target_address, inputs.bytecode_address]);
        None
    }

    fn create(&mut self, _: &mut CTX, inputs: &mut CreateInputs) -> Option<CreateOutcome> {
        self.see(&[inputs.caller()]);
        None
    }

    fn create_end(&mut self, _: &mut CTX, _: &CreateInputs, outcome: &mut CreateOutcome) {
        if let Some(address) = outcome.address {
            self.see(&[address]);
        }
    }

    fn selfdestruct(&mut self, contract: Address, target: Address, _: U256) {
        self.see(&[contract, target]);
    }
}

/// The transactions of a block that an address takes part in, in order.
fn touching(
    ctx: &Ctx,
    block: &Arc<BlockRecord>,
    address: Address,
    allowance: &Allowance,
) -> Result<Vec<usize>, RpcError> {
    let mut replay = Replay::new(ctx, block)?;
    let mut found = Vec::new();
    for index in 0..block.body.transactions.len() {
        let mut watch = Watch::new(Touch { address, seen: false }, Recording::default(), allowance);
        let result = replay.inspect(&mut watch, allowance)?;
        replay.commit(result.state);
        if watch.inspector.seen {
            found.push(index);
        }
    }
    Ok(found)
}

/// What a search has found.
#[derive(Debug, Default)]
struct Page {
    transactions: Vec<Value>,
    receipts: Vec<Value>,
}

/// Fills a page from `heights`. Whole blocks only, so that the next page can begin at a block. Whether all heights were seen.
fn search(
    ctx: &Ctx,
    address: Address,
    heights: impl Iterator<Item = u64>,
    size: usize,
    newest_first: bool,
) -> Result<(Page, bool), RpcError> {
    let most = ctx.limits.trace_blocks;
    let allowance = answer::allowance(ctx, None);
    let (mut traced, mut empty) = (0, 0);
    let mut page = Page::default();
    for height in heights {
        if page.transactions.len() >= size {
            return Ok((page, false));
        }
        let Some(block) = ctx.ledger.block(height)? else { continue };
        let bare = block.body.transactions.is_empty() || height == 0;
        if bare {
            empty += 1;
        } else {
            traced += 1;
        }
        if traced > most || empty > most.saturating_mul(EMPTY_PER_TRACED) {
            if page.transactions.is_empty() {
                return Err(RpcError::limit(format!(
                    "no transaction of {address} was found before block {height}, and a search executes at most \
                     {most} blocks; go on from there"
                )));
            }
            return Ok((page, false));
        }
        if bare {
            continue;
        }
        let mut found = match touching(ctx, &block, address, &allowance) {
            Ok(found) => found,
            Err(error) if page.transactions.is_empty() => return Err(error),
            // What was found is worth more than the reason why there is no more; the next page gets to know it.
            Err(_) => return Ok((page, false)),
        };
        if newest_first {
            found.reverse();
        }
        for index in found {
            if let Some((tx, receipt)) = shortened(ctx, &block, index)? {
                page.transactions.push(tx);
                page.receipts.push(receipt);
            }
        }
    }
    Ok((page, true))
}

fn answer(page: Page, first: bool, last: bool) -> Value {
    json!({"txs": page.transactions, "receipts": page.receipts, "firstPage": first, "lastPage": last})
}

/// `ots_searchTransactionsBefore`: newest first, from the block before the given one down; zero stands for the newest.
pub(crate) fn before(ctx: &Ctx, mut args: Args<'_>) -> Result<Value, RpcError> {
    let (address, height, size): (Address, U64, U64) = (args.next()?, args.next()?, args.next()?);
    let size = page_size(size)?;
    let height: u64 = height.to();
    let above = ctx.ledger.head().block.header.number + 1;
    let first = height == 0 || height >= above;
    let from = if first { above } else { height };
    let (page, complete) = search(ctx, address, (0..from).rev(), size, true)?;
    Ok(answer(page, first, complete))
}

/// `ots_searchTransactionsAfter`: the blocks after the given one, upwards; on the page the newest come first. Zero stands for
/// the beginning of the chain.
pub(crate) fn after(ctx: &Ctx, mut args: Args<'_>) -> Result<Value, RpcError> {
    let (address, height, size): (Address, U64, U64) = (args.next()?, args.next()?, args.next()?);
    let size = page_size(size)?;
    let height: u64 = height.to();
    let head = ctx.ledger.head().block.header.number;
    let last = height == 0;
    let from = if last { 0 } else { height.saturating_add(1) };
    let (mut page, complete) = search(ctx, address, from..=head, size, false)?;
    page.transactions.reverse();
    page.receipts.reverse();
    Ok(answer(page, complete, last))
}

/// The first height whose state is `so`, between one at which it is not and one at which it is.
fn first_height(
    ctx: &Ctx,
    mut not: u64,
    mut is: u64,
    so: impl Fn(&LedgerState) -> Result<bool, RpcError>,
) -> Result<u64, RpcError> {
    while is - not > 1 {
        let middle = not + (is - not) / 2;
        if so(&ctx.ledger.state(middle)?)? {
            is = middle;
        } else {
            not = middle;
        }
    }
    Ok(is)
}

/// The block in which something became `so` that stays so; `None` if it never did, or was so from the first block on.
fn since(
    ctx: &Ctx,
    what: &str,
    so: impl Fn(&LedgerState) -> Result<bool, RpcError>,
) -> Result<Option<Arc<BlockRecord>>, RpcError> {
    let head = ctx.ledger.head().block.header.number;
    let (oldest, _) = ctx.ledger.store().oldest();
    if !so(&ctx.ledger.state(head)?)? {
        return Ok(None);
    }
    if so(&ctx.ledger.state(oldest)?)? {
        return match oldest {
            0 => Ok(None),
            oldest => Err(RpcError::invalid_input(format!(
                "{what} at or before block {oldest}, the oldest whose state is kept"
            ))),
        };
    }
    Ok(ctx.ledger.block(first_height(ctx, oldest, head, so)?)?)
}

/// `ots_getTransactionBySenderAndNonce`.
pub(crate) fn by_sender_and_nonce(ctx: &Ctx, mut args: Args<'_>) -> Result<Option<B256>, RpcError> {
    let (sender, nonce): (Address, U64) = (args.next()?, args.next()?);
    let nonce: u64 = nonce.to();
    let sent = |state: &LedgerState| Ok(state.account(&sender)?.is_some_and(|account| account.nonce > nonce));
    let Some(block) = since(ctx, &format!("{sender} used nonce {nonce}"), sent)? else { return Ok(None) };
    let all = &block.body.transactions;
    let is_sent = |index: &usize| block.senders[*index] == sender && all[*index].nonce() == nonce;
    // An authorization (EIP-7702) uses up a nonce without a transaction.
    Ok((0..all.len()).find(is_sent).map(|index| *all[index].tx_hash()))
}

/// `ots_getContractCreator`.
pub(crate) fn contract_creator(ctx: &Ctx, mut args: Args<'_>) -> Result<Option<ContractCreator>, RpcError> {
    let address: Address = args.next()?;
    let there = |state: &LedgerState| Ok(state.account(&address)?.is_some_and(|account| account.has_code()));
    let Some(block) = since(ctx, &format!("{address} was created"), there)? else { return Ok(None) };
    let mut replay = Replay::new(ctx, &block)?;
    let allowance = answer::allowance(ctx, None);
    for tx in &block.body.transactions {
        let mut watch = parity::frames(&allowance);
        let result = replay.inspect(&mut watch, &allowance)?;
        let created = result
            .state
            .get(&address)
            .is_some_and(|account| account.is_created() && !account.info.is_empty_code_hash());
        replay.commit(result.state);
        if !created {
            continue;
        }
        // A creation that was undone may come before the one that stayed.
        let traces = watch.inspector.into_parity_builder().into_transaction_traces();
        let creator = traces.iter().rev().find_map(|trace| match (&trace.action, &trace.result) {
            (Action::Create(action), Some(TraceOutput::Create(output))) if output.address == address => {
                Some(action.from)
            }
            _ => None,
        });
        return Ok(creator.map(|creator| ContractCreator { hash: *tx.tx_hash(), creator }));
    }
    Ok(None)
}
