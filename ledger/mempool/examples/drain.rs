//! How long the pool's deeds take: `cargo run --release -p mundi-mempool --example drain [TRANSACTIONS] [SENDERS]`.

use alloy_consensus::{SignableTransaction, TxEip1559, TxEnvelope};
use alloy_eips::eip2718::Encodable2718;
use alloy_primitives::{Address, B256, Bytes, Signature, TxKind, U256};
use mundi_chain::{ChainSpec, EthereumHardfork, ForkPoint, ProposalLimits, recover_sender};
use mundi_execution::{Account, MemoryState};
use mundi_mempool::{Config, Head, Mempool, NewHead, Origin};
use rayon::prelude::*;
use std::{
    sync::Arc,
    time::{Duration, Instant},
};

const CHAIN: u64 = 31_337;
/// Signatures are measured on fewer: making them takes longer than checking them.
const SIGNED: usize = 20_000;

fn transfer(nonce: u64, tip: u128) -> TxEip1559 {
    TxEip1559 {
        chain_id: CHAIN,
        nonce,
        gas_limit: 21_000,
        max_fee_per_gas: 1_000 + tip,
        max_priority_fee_per_gas: tip,
        to: TxKind::Call(Address::repeat_byte(0xee)),
        value: U256::from(1),
        ..TxEip1559::default()
    }
}

fn sender(number: usize) -> Address {
    let mut address = Address::ZERO;
    address.0[12..].copy_from_slice(&(number as u64).wrapping_mul(0x9e37_79b9_7f4a_7c15).to_be_bytes());
    address
}

/// A number that looks random.
fn scattered(number: usize) -> u128 {
    (number as u128).wrapping_mul(2_654_435_761) % 10_007
}

fn head(state: MemoryState, height: u64, base_fee: u64) -> Head {
    Head {
        point: ForkPoint::new(height, height),
        base_fee,
        blob_base_fee: 1,
        gas_limit: 1_000_000_000,
        state: Arc::new(state),
    }
}

fn report(what: &str, count: usize, time: Duration) {
    let each = time.as_nanos() as f64 / count.max(1) as f64;
    println!("{what:<44} {count:>8} in {:>9.2} ms, {each:>8.0} ns each", time.as_secs_f64() * 1e3);
}

fn main() {
    let mut arguments = std::env::args().skip(1).map(|text| text.parse::<usize>().expect("a number"));
    let transactions = arguments.next().unwrap_or(200_000);
    let senders = arguments.next().unwrap_or(transactions);
    let spec = Arc::new(ChainSpec::at_fork("Osaka").expect("a fork").with_chain_id(CHAIN));
    let rich = U256::from(u128::MAX);
    let mut state = MemoryState::new();
    (0..senders).for_each(|number| state.insert_account(sender(number), 0, rich, None));

    let pool = Mempool::new(Config::default(), Arc::clone(&spec), head(state.clone(), 1, 10));
    let _listener = pool.subscribe();
    let unsigned: Vec<(TxEnvelope, Address)> = (0..transactions)
        .map(|number| {
            let (nonce, from) = ((number / senders) as u64, sender(number % senders));
            let r = U256::from_be_slice(from.as_slice()) + U256::from(1);
            let tx = transfer(nonce, scattered(number));
            (tx.into_signed(Signature::new(r, U256::from(1), false)).into(), from)
        })
        .collect();
    let start = Instant::now();
    for (tx, from) in unsigned {
        pool.submit_unsigned(tx, from).expect("a valid transaction");
    }
    report("submit, without decoding and signature", transactions, start.elapsed());
    println!("{:?}", pool.status());

    let limits = ProposalLimits {
        gas: u64::MAX,
        bytes: usize::MAX,
        blobs: 0,
        transactions: 10_000,
        base_fee: 10,
        blob_base_fee: 1,
    };
    let mut nonces = vec![0_u64; senders];
    let numbers: std::collections::HashMap<Address, usize> =
        (0..senders).map(|number| (sender(number), number)).collect();
    for height in 2..7 {
        let limits = ProposalLimits { base_fee: 10 + height, ..limits };
        let start = Instant::now();
        let proposed = pool.propose(&limits);
        report("propose", proposed.len(), start.elapsed());
        let mut included = Vec::new();
        let mut accounts = Vec::new();
        for tx in &proposed {
            let number = numbers[&tx.sender];
            nonces[number] += 1;
            included.push(tx.hash());
            let account = Account { nonce: nonces[number], balance: rich, ..Account::default() };
            accounts.push((tx.sender, Some(account)));
        }
        let new = NewHead {
            head: head(MemoryState::new(), height, 10 + height),
            accounts,
            included,
            skipped: Vec::new(),
        };
        let start = Instant::now();
        pool.on_head(&new);
        report("a block of them", proposed.len(), start.elapsed());
    }
    for base_fee in [1_100, 900] {
        let start = Instant::now();
        pool.on_head(&NewHead {
            head: head(state.clone(), 9, base_fee),
            accounts: Vec::new(),
            included: Vec::new(),
            skipped: Vec::new(),
        });
        report("an empty block at another base fee", 1, start.elapsed());
    }
    let start = Instant::now();
    let proposed = pool.propose(&ProposalLimits { base_fee: 0, ..limits });
    report("propose", proposed.len(), start.elapsed());
    let hashes: Vec<B256> = proposed.iter().map(|tx| tx.hash()).collect();
    let start = Instant::now();
    pool.returned(hashes.clone());
    report("return them", proposed.len(), start.elapsed());
    let start = Instant::now();
    let claimed = pool.claim(hashes);
    report("claim them", claimed.len(), start.elapsed());
    signatures(spec);
}

/// Submits signed transactions in batches, and compares with nothing but their signatures.
fn signatures(spec: Arc<ChainSpec>) {
    use alloy_signer::SignerSync;
    let signers: Vec<_> = (1..=100_u64)
        .map(|key| {
            alloy_signer_local::PrivateKeySigner::from_bytes(&B256::from(U256::from(key))).expect("a key")
        })
        .collect();
    let mut state = MemoryState::new();
    signers.iter().for_each(|signer| state.insert_account(signer.address(), 0, U256::from(u128::MAX), None));
    let signed: Vec<TxEnvelope> = (0..SIGNED)
        .into_par_iter()
        .map(|number| {
            let tx = transfer((number / signers.len()) as u64, 5);
            let signature = signers[number % signers.len()].sign_hash_sync(&tx.signature_hash());
            tx.into_signed(signature.expect("a signature")).into()
        })
        .collect();
    let raws: Vec<Bytes> = signed.iter().map(|tx| tx.encoded_2718().into()).collect();
    for threads in [1, 2] {
        let workers = rayon::ThreadPoolBuilder::new().num_threads(threads).build().expect("threads");
        let recover = |tx: &TxEnvelope| recover_sender(EthereumHardfork::Osaka, tx).is_ok();
        let start = Instant::now();
        let valid = workers.install(|| signed.par_iter().filter(|tx| recover(tx)).count());
        report(&format!("signatures alone, {threads} threads"), valid, start.elapsed());
        let pool = Mempool::new(Config::default(), Arc::clone(&spec), head(state.clone(), 1, 10));
        let start = Instant::now();
        let mut taken = 0;
        for batch in raws.chunks(100) {
            taken += pool.submit_batch(batch, Origin::Remote, &workers).iter().flatten().count();
        }
        report(&format!("submit in batches of 100, {threads} threads"), taken, start.elapsed());
    }
}
