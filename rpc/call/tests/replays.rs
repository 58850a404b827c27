//! Every transaction of the conformance chain once more, in the state before it: all forks from Homestead on.

use alloy_consensus::TxReceipt;
use mundi_execution::Transaction;
use mundi_rpc_call::{Budget, Environment, executed_again, replay_before, transact};
use mundi_rpc_context::test::conformance_context;

#[test]
fn transactions_do_again_what_their_receipts_say() {
    let Some(context) = conformance_context() else { return };
    let ctx = &context.ctx;
    let mut transactions = 0;
    for height in 1..=ctx.ledger.head().block.header.number {
        let block = ctx.ledger.block(height).unwrap().unwrap();
        let environment = Environment::of_block(ctx, &block);
        let mut gas_before = 0;
        for (index, receipt) in block.receipts.iter().enumerate() {
            let mut view = replay_before(ctx, &block, index, &Budget::unlimited()).unwrap();
            let (tx, sender) = (&block.body.transactions[index], block.senders[index]);
            let tx = Transaction::from_envelope(tx, sender).env;
            let ran = transact(&environment, &mut view, tx, &Budget::unlimited()).unwrap().result;
            let at = format!("transaction {index} of block {height}");
            assert_eq!(ran.tx_gas_used(), receipt.cumulative_gas_used() - gas_before, "{at}");
            if receipt.status_or_post_state().is_eip658() {
                assert_eq!(ran.is_success(), receipt.status(), "{at}");
            }
            assert_eq!(ran.logs(), receipt.logs(), "{at}");
            gas_before = receipt.cumulative_gas_used();
            transactions += 1;
        }
    }
    assert!(transactions > 50);
}

#[test]
fn blocks_execute_again_with_their_access_lists() {
    let Some(context) = conformance_context() else { return };
    let ctx = &context.ctx;
    for height in 1..=ctx.ledger.head().block.header.number {
        let block = ctx.ledger.block(height).unwrap().unwrap();
        let output = executed_again(ctx, &block).unwrap();
        assert_eq!(output.gas_used, block.header.gas_used, "block {height}");
        assert_eq!(output.logs_bloom(), block.header.logs_bloom, "block {height}");
        assert!(output.access_list.is_some_and(|list| !list.is_empty()), "block {height}");
    }
}
