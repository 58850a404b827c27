//! What is not taken, and the words it is refused with.

use crate::world::*;
use alloy_consensus::{SignableTransaction, TxEip1559, TxEnvelope, TxLegacy};
use alloy_eips::eip2718::Encodable2718;
use alloy_primitives::{Address, Bytes, Signature, TxKind, U256};
use mundi_chain::ProposalLimits;
use mundi_mempool::{Config, ErrorKind, Origin, PoolError};

fn refused(world: &World, tx: &TxEnvelope) -> (ErrorKind, String) {
    let error = world.submit(tx).unwrap_err();
    assert_eq!(world.pool.status().bytes, 0, "a rejected transaction leaves the pool as it was");
    (error.kind(), error.to_string())
}

fn says(world: &World, tx: &TxEnvelope, kind: ErrorKind, words: &str) {
    assert_eq!(refused(world, tx), (kind, words.to_owned()));
}

#[test]
fn all_types_are_taken() {
    let world = World::new();
    for (nonce, tx) in [
        signed(0, legacy(0, 100)),
        signed(0, with_access_list(1, 100)),
        signed(0, transfer(2, 100, 1)),
        signed(0, TxLegacy { chain_id: None, ..legacy(3, 100) }),
    ]
    .iter()
    .enumerate()
    {
        let hash = world.submit(tx).unwrap();
        assert_eq!(hash, *tx.tx_hash());
        let pooled = world.pool.get(&hash).unwrap();
        assert_eq!((pooled.nonce(), pooled.sender()), (nonce as u64, address(0)));
        assert_eq!(pooled.envelope(), tx);
        assert_eq!(pooled.network_encoded(), raw(tx));
        assert_eq!(pooled.executable().env.caller, address(0));
    }
    assert_eq!(world.nonces(address(0)), (vec![0, 1, 2, 3], vec![]));
}

#[test]
fn bytes_that_are_no_transaction_are_refused() {
    let world = World::new();
    let good = raw(&signed(0, transfer(0, 100, 1)));
    for length in 0..good.len() {
        let error = world.pool.submit_raw(&good[..length], Origin::Remote).unwrap_err();
        assert_eq!(error.kind(), ErrorKind::Malformed, "{length}");
    }
    let mut longer = good.to_vec();
    longer.push(0);
    assert_eq!(world.pool.submit_raw(&longer, Origin::Remote).unwrap_err().kind(), ErrorKind::Malformed);
    let error = world.pool.submit_raw(&[5, 0xc0], Origin::Remote).unwrap_err();
    assert!(error.to_string().starts_with("transaction type not supported: type 5"), "{error}");
    assert_eq!(world.pool.submit_raw(&[0x7f], Origin::Remote).unwrap_err().kind(), ErrorKind::Unsupported);
}

#[test]
fn every_flipped_bit_is_another_transaction_or_an_error() {
    let world = World::new();
    let good = raw(&signed(0, transfer(0, 100, 1)));
    for at in 0..good.len() * 8 {
        let mut flipped = good.to_vec();
        flipped[at / 8] ^= 1 << (at % 8);
        if let Ok(hash) = world.pool.submit_raw(&flipped, Origin::Remote) {
            assert_ne!(world.pool.get(&hash).unwrap().sender(), address(0));
        }
    }
}

#[test]
fn the_chain_id_has_to_be_this_chains() {
    let tx = signed(0, TxEip1559 { chain_id: 1, ..transfer(0, 100, 1) });
    says(&World::new(), &tx, ErrorKind::Unsupported, "invalid chain id for signer: have 1 want 31337");
    let old = signed(0, TxLegacy { chain_id: None, ..legacy(0, 100) });
    let world = World::with(Config { allow_unprotected: false, ..Config::default() });
    says(
        &world,
        &old,
        ErrorKind::Unsupported,
        "only replay-protected (EIP-155) transactions allowed over RPC",
    );
}

#[test]
fn nonces_and_money_are_checked_against_the_account() {
    let mut world = World::new();
    world.block(&[(address(0), 5, ETHER), (address(1), 0, 0)]);
    says(
        &world,
        &signed(0, transfer(3, 100, 1)),
        ErrorKind::NonceTooLow,
        "nonce too low: next nonce 5, tx nonce 3",
    );
    let poor = signed(1, TxEip1559 { value: U256::from(5), ..transfer(0, 0, 0) });
    says(
        &world,
        &poor,
        ErrorKind::Funds,
        "insufficient funds for gas * price + value: balance 0, tx cost 5, overshot 5",
    );
    let absurd = signed(0, TxEip1559 { value: U256::MAX, ..transfer(5, u128::MAX, 1) });
    assert_eq!(refused(&world, &absurd).0, ErrorKind::Funds);
    assert_eq!(
        refused(&world, &signed(0, transfer(u64::MAX, 100, 1))),
        (ErrorKind::Invalid, format!("nonce has max value: {}", u64::MAX))
    );
}

#[test]
fn gas_has_to_suffice_and_to_fit() {
    let world = World::new();
    let with = |gas_limit, input: Bytes| signed(0, TxEip1559 { gas_limit, input, ..transfer(0, 100, 1) });
    says(
        &world,
        &with(20_999, Bytes::new()),
        ErrorKind::Gas,
        "intrinsic gas too low: gas 20999, minimum needed 21000",
    );
    let data = Bytes::from(vec![1; 1000]);
    says(
        &world,
        &with(40_000, data),
        ErrorKind::Gas,
        "insufficient gas for floor data gas cost: gas 40000, minimum needed 61000",
    );
    says(
        &world,
        &with(16_777_217, Bytes::new()),
        ErrorKind::Gas,
        "transaction gas limit too high (cap: 16777216, tx: 16777217)",
    );
    let prague = World::at("Prague", Config::default());
    prague.submit(&with(16_777_217, Bytes::new())).unwrap();
    let world = World::at("Prague", Config::default());
    says(
        &world,
        &with(30_000_001, Bytes::new()),
        ErrorKind::Gas,
        "exceeds block gas limit: tx gas 30000001, block gas limit 30000000",
    );
}

#[test]
fn sizes_are_bounded() {
    let world = World::new();
    let with = |to, size| {
        signed(
            0,
            TxEip1559 { gas_limit: 16_000_000, to, input: Bytes::from(vec![0; size]), ..transfer(0, 100, 1) },
        )
    };
    says(
        &world,
        &with(TxKind::Create, 49_153),
        ErrorKind::Invalid,
        "max initcode size exceeded: code size 49153, limit 49152",
    );
    let (kind, words) = refused(&world, &with(TxKind::Call(RECIPIENT), 131_072));
    assert_eq!(kind, ErrorKind::Invalid);
    assert!(words.starts_with("oversized data: transaction size 1311"), "{words}");
    world.submit(&with(TxKind::Call(RECIPIENT), 130_000)).unwrap();
}

#[test]
fn fees_are_checked_against_each_other_and_against_policies() {
    let world = World::new();
    says(
        &world,
        &signed(0, transfer(0, 5, 6)),
        ErrorKind::Invalid,
        "max priority fee per gas higher than max fee per gas: maxPriorityFeePerGas: 6, maxFeePerGas: 5",
    );
    let strict = World::with(Config {
        require_base_fee: true,
        min_priority_fee: 2,
        max_fee: Some(U256::from(21_000_000)),
        ..Config::default()
    });
    says(
        &strict,
        &signed(0, transfer(0, 9, 2)),
        ErrorKind::Underpriced,
        "max fee per gas less than block base fee: maxFeePerGas: 9, baseFee: 10",
    );
    says(
        &strict,
        &signed(0, transfer(0, 20, 1)),
        ErrorKind::Underpriced,
        "transaction underpriced: gas tip cap 1, minimum needed 2",
    );
    assert!(strict.pool.submit_raw(&raw(&signed(1, transfer(0, 20, 1))), Origin::Local).is_ok());
    let (kind, words) = {
        let error = strict.submit(&signed(0, transfer(0, 1001, 2))).unwrap_err();
        (error.kind(), error.to_string())
    };
    assert_eq!(kind, ErrorKind::Underpriced);
    assert_eq!(words, "tx fee (21021000 wei) exceeds the configured cap (21000000 wei)");
}

#[test]
fn types_begin_with_their_forks() {
    for (fork, tx) in [
        ("Istanbul", signed(0, with_access_list(0, 100))),
        ("Berlin", signed(0, transfer(0, 100, 1))),
        ("Cancun", signed(0, set_code(0, Vec::new()))),
    ] {
        let world = World::at(fork, Config::default());
        let (kind, words) = refused(&world, &tx);
        assert_eq!(kind, ErrorKind::Unsupported);
        assert!(words.starts_with("transaction type not supported: type"), "{words}");
    }
}

#[test]
fn signatures_have_to_be_somebodys() {
    let world = World::new();
    let tx = transfer(0, 100, 1).into_signed(Signature::new(U256::from(1), U256::ZERO, false));
    let (kind, words) = refused(&world, &tx.into());
    assert_eq!(kind, ErrorKind::Sender);
    assert!(words.starts_with("invalid sender"), "{words}");
}

#[test]
fn contracts_do_not_send_unless_impersonated_and_delegated_accounts_do() {
    let mut world = World::new();
    world.state.insert_account(address(0), 0, U256::from(ETHER), Some(Bytes::from_static(&[0x60, 0x00])));
    let mut designator = vec![0xef, 0x01, 0x00];
    designator.extend_from_slice(RECIPIENT.as_slice());
    world.state.insert_account(address(1), 0, U256::from(ETHER), Some(designator.into()));
    world.block(&[]);
    let (kind, words) = refused(&world, &signed(0, transfer(0, 100, 1)));
    assert_eq!(kind, ErrorKind::Sender);
    assert!(words.starts_with("sender not an eoa: address 0x"), "{words}");
    world.submit(&signed(1, transfer(0, 100, 1))).unwrap();
    let unsigned = transfer(0, 100, 1).into_signed(Signature::new(U256::from(1), U256::from(1), false));
    world.pool.submit_unsigned(unsigned.into(), address(0)).unwrap();
}

#[test]
fn impersonated_senders_need_no_signature() {
    let world = World::new();
    let nobody = Address::repeat_byte(0x77);
    let with = |value| {
        let tx = TxEip1559 { value, ..transfer(0, 0, 0) };
        TxEnvelope::from(tx.into_signed(Signature::new(U256::from(1), U256::from(1), false)))
    };
    let poor = world.pool.submit_unsigned(with(U256::from(1)), nobody).unwrap_err();
    assert_eq!(poor.kind(), ErrorKind::Funds);
    let hash = world.pool.submit_unsigned(with(U256::ZERO), nobody).unwrap();
    let pooled = world.pool.get(&hash).unwrap();
    assert_eq!((pooled.sender(), pooled.is_signed(), pooled.origin()), (nobody, false, Origin::Local));
    let free = ProposalLimits { base_fee: 0, ..world.limits() };
    assert_eq!(world.propose_within(&free), [hash]);
}

#[test]
fn what_is_known_is_refused() {
    let world = World::new();
    let tx = signed(0, transfer(0, 100, 1));
    let hash = world.submit(&tx).unwrap();
    let error = world.submit(&tx).unwrap_err();
    assert_eq!(error, PoolError::AlreadyKnown(hash));
    assert_eq!(error.to_string(), format!("already known: {hash}"));
}

#[test]
fn a_batch_is_taken_in_order() {
    let world = World::new();
    let pool = threads(2);
    let mut raws: Vec<Bytes> = (0..50).map(|nonce| raw(&signed(0, transfer(nonce, 100, 1)))).collect();
    raws.insert(7, Bytes::from_static(&[0xc1, 0x01]));
    let results = world.pool.submit_batch(&raws, Origin::Remote, &pool);
    assert_eq!(results.len(), 51);
    assert_eq!(results[7].as_ref().unwrap_err().kind(), ErrorKind::Malformed);
    assert_eq!(results.iter().filter(|result| result.is_ok()).count(), 50);
    assert_eq!(world.pool.status().pending, 50);
    let again = world.pool.submit_batch(&[raws[0].clone()], Origin::Remote, &pool);
    assert_eq!(again[0].as_ref().unwrap_err().kind(), ErrorKind::Known);
    let encoded: usize =
        world.pool.pending_of(&address(0)).iter().map(|tx| tx.envelope().encode_2718_len()).sum();
    assert!(world.pool.status().bytes > encoded);
}
