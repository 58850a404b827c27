//! Mempools as the forwarder sees them.

use crate::forward::{Intake, Outbox, PoolIntake, PoolOutbox, Sent, Standing, Verdict, Workers};
use alloy_consensus::{SignableTransaction, TxEip1559, TxEnvelope};
use alloy_eips::eip2718::Encodable2718;
use alloy_primitives::{Address, B256, Bytes, TxKind, U256};
use alloy_signer::SignerSync;
use alloy_signer_local::PrivateKeySigner;
use commonware_runtime::{Runner as _, deterministic};
use mundi_chain::{ChainSpec, ForkPoint};
use mundi_execution::MemoryState;
use mundi_mempool::{Config, Head, Mempool, Origin};
use std::sync::Arc;

const CHAIN: u64 = 31_337;

fn signer() -> PrivateKeySigner {
    PrivateKeySigner::from_bytes(&B256::from(U256::from(1))).unwrap()
}

fn raw(nonce: u64) -> Bytes {
    let tx = TxEip1559 {
        chain_id: CHAIN,
        nonce,
        gas_limit: 21_000,
        max_fee_per_gas: 100,
        to: TxKind::Call(Address::ZERO),
        ..TxEip1559::default()
    };
    let signature = signer().sign_hash_sync(&tx.signature_hash()).unwrap();
    TxEnvelope::from(tx.into_signed(signature)).encoded_2718().into()
}

fn pool(events: usize) -> Arc<Mempool> {
    let spec = Arc::new(ChainSpec::at_fork("Osaka").unwrap().with_chain_id(CHAIN));
    let mut state = MemoryState::new();
    state.insert_account(signer().address(), 0, U256::from(u64::MAX), None);
    let head = Head {
        point: ForkPoint::new(1, 1),
        base_fee: 10,
        blob_base_fee: 1,
        gas_limit: 30_000_000,
        state: Arc::new(state),
    };
    Arc::new(Mempool::new(Config { events, ..Config::default() }, spec, head))
}

#[test]
fn an_outbox_tells_of_users_and_how_their_transactions_stand() {
    deterministic::Runner::default().start(|_| async {
        let pool = pool(4);
        let mut outbox = PoolOutbox::new(Arc::clone(&pool), Workers::InPlace);
        let send = |nonce, origin| pool.submit_raw(&raw(nonce), origin).unwrap();
        let hashes = [send(0, Origin::Remote), send(1, Origin::Local)];
        assert_eq!(outbox.next().await.unwrap(), Sent { transactions: hashes.to_vec(), missed: 0 });
        assert_eq!(outbox.encoded(&hashes[1]), Some(raw(1)));
        pool.claim([hashes[0]]);
        let queued = send(9, Origin::Remote);
        let standings = [hashes[0], hashes[1], queued, B256::ZERO].map(|hash| outbox.standing(&hash));
        assert_eq!(standings, [Standing::Held, Standing::Waiting, Standing::Held, Standing::Gone]);
        assert_eq!(outbox.list(10).await.unwrap(), [hashes[1]]);
        let more: Vec<B256> = (2..8).map(|nonce| send(nonce, Origin::Remote)).collect();
        assert_eq!(outbox.next().await.unwrap(), Sent { transactions: more[2..].to_vec(), missed: 2 });
    });
}

#[test]
fn an_intake_takes_what_other_nodes_hand_on() {
    let threads = rayon::ThreadPoolBuilder::new().num_threads(2).build().unwrap();
    for workers in [Workers::InPlace, Workers::Threads(Arc::new(threads))] {
        let pool = pool(4);
        let mut users = pool.subscribe_users();
        let mut intake = PoolIntake::new(Arc::clone(&pool), workers);
        let torn = raw(1).slice(..raw(1).len() - 1);
        let batch = vec![raw(0), torn, raw(1), raw(0), Bytes::from_static(&[0xc0])];
        let verdicts = intake.take(batch).blocking_recv().unwrap();
        let pending = pool.pending_of(&signer().address());
        let hashes: Vec<B256> = pending.iter().map(|tx| tx.hash()).collect();
        let [first, second] = hashes[..] else { panic!("{hashes:?}") };
        let (taken, garbage) = (Verdict::Taken, Verdict::Garbage);
        assert_eq!(verdicts, [taken(first), garbage, taken(second), taken(first), garbage]);
        assert!(intake.contains(&first));
        assert!(users.try_recv().is_err(), "it is for others to bring them to leaders");
    }
}
