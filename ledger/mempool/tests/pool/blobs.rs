//! Blob transactions: proofs, fees, retrieval.

use crate::world::*;
use alloy_consensus::TxEip4844Variant;
use alloy_eips::{
    eip4844::builder::{SidecarBuilder, SimpleCoder},
    eip7594::BlobTransactionSidecarVariant,
};
use alloy_primitives::B256;
use mundi_chain::{OrderedTransaction, ProposalLimits};
use mundi_mempool::{Config, ErrorKind, Reorganised};
use std::sync::Arc;

/// A sidecar with a number of blobs, with proofs of whole blobs or of cells.
fn sidecar(seed: u8, blobs: usize, cells: bool) -> BlobTransactionSidecarVariant {
    let data = vec![seed; blobs * 100_000];
    let builder = SidecarBuilder::<SimpleCoder>::from_slice(&data);
    let sidecar: BlobTransactionSidecarVariant =
        if cells { builder.build_7594().unwrap().into() } else { builder.build_4844().unwrap().into() };
    assert_eq!(sidecar.blobs().len(), blobs);
    sidecar
}

fn submit(
    world: &World,
    from: u64,
    blob_cap: u128,
    sidecar: &BlobTransactionSidecarVariant,
) -> Result<B256, ErrorKind> {
    let tx = carrying(with_blobs(0, blob_cap, sidecar), sidecar.clone());
    world.submit(&signed(from, tx)).map_err(|error| error.kind())
}

#[test]
fn cell_proofs_are_taken_and_others_converted() {
    let world = World::new();
    let (old, new) = (sidecar(1, 1, false), sidecar(1, 1, true));
    let converted = submit(&world, 0, 10, &old).unwrap();
    let given = submit(&world, 1, 10, &new).unwrap();
    for hash in [converted, given] {
        let pooled = world.pool.get(&hash).unwrap();
        assert_eq!(**pooled.sidecar().unwrap(), new);
        assert!(matches!(pooled.envelope().as_eip4844().unwrap().tx(), TxEip4844Variant::TxEip4844(_)));
        assert_eq!(*pooled.envelope().tx_hash(), hash);
        assert!(pooled.size() > 131_072 && pooled.encoded_length() < 1_000);
    }
    let tx = signed(1, carrying(with_blobs(0, 10, &new), new.clone()));
    assert_eq!(world.pool.get(&given).unwrap().network_encoded(), raw(&tx));
}

#[test]
fn before_osaka_blobs_are_proven_whole() {
    let world = World::at("Prague", Config::default());
    assert_eq!(submit(&world, 0, 10, &sidecar(1, 1, true)), Err(ErrorKind::Blobs));
    let hash = submit(&world, 0, 10, &sidecar(1, 1, false)).unwrap();
    assert!(world.pool.sidecar(&hash).unwrap().is_eip4844());
    let early = World::at("Shanghai", Config::default());
    assert_eq!(submit(&early, 0, 10, &sidecar(1, 1, false)), Err(ErrorKind::Unsupported));
}

#[test]
fn what_does_not_belong_together_is_refused() {
    let world = World::new();
    let (good, other) = (sidecar(1, 1, true), sidecar(2, 1, true));
    let send = |tx| world.submit(&signed(0, tx)).unwrap_err().to_string();

    let foreign = carrying(with_blobs(0, 10, &good), other.clone());
    assert!(send(foreign).starts_with("invalid blob sidecar: wrong versioned hash"));

    let mut forged = good.clone().into_eip7594().unwrap();
    forged.cell_proofs[5] = other.as_eip7594().unwrap().cell_proofs[5];
    assert_eq!(
        send(carrying(with_blobs(0, 10, &good), forged.into())),
        "invalid blob sidecar: invalid KZG proof"
    );

    let mut swapped = good.clone().into_eip7594().unwrap();
    swapped.blobs = other.clone().into_blobs();
    assert_eq!(
        send(carrying(with_blobs(0, 10, &good), swapped.into())),
        "invalid blob sidecar: invalid KZG proof"
    );

    let mut short = good.clone().into_eip7594().unwrap();
    short.cell_proofs.pop();
    let words = send(carrying(with_blobs(0, 10, &good), short.into()));
    assert_eq!(words, "invalid blob sidecar: invalid number of proofs: 127, want 128");

    let mut blobless = good.clone().into_eip7594().unwrap();
    blobless.blobs.clear();
    let words = send(carrying(with_blobs(0, 10, &good), blobless.into()));
    assert_eq!(words, "invalid blob sidecar: invalid number of blobs: 0, want 1");

    let mut old = sidecar(1, 1, false).into_eip4844().unwrap();
    old.proofs[0] = sidecar(2, 1, false).as_eip4844().unwrap().proofs[0];
    let words = send(carrying(with_blobs(0, 10, &good), old.into()));
    assert_eq!(words, "invalid blob sidecar: invalid KZG proof");

    assert_eq!(
        send(TxEip4844Variant::TxEip4844(with_blobs(0, 10, &good))),
        "missing sidecar in blob transaction"
    );
    let mut none = with_blobs(0, 10, &good);
    none.blob_versioned_hashes.clear();
    assert_eq!(send(TxEip4844Variant::TxEip4844(none)), "blobless blob transaction");
    let mut strange = with_blobs(0, 10, &good);
    strange.blob_versioned_hashes[0].0[0] = 2;
    assert_eq!(send(TxEip4844Variant::TxEip4844(strange)), "blob 0 has an invalid hash version: 2");
    let mut many = with_blobs(0, 10, &good);
    many.blob_versioned_hashes = vec![many.blob_versioned_hashes[0]; 7];
    assert_eq!(send(TxEip4844Variant::TxEip4844(many)), "too many blobs in transaction: have 7, permitted 6");
    assert_eq!(world.pool.status(), Default::default());
}

#[test]
fn blobs_wait_for_their_fee_and_fit_into_the_block() {
    let mut world = World::new();
    let one = sidecar(1, 1, true);
    let (rich, poor) = (submit(&world, 0, 20, &one).unwrap(), submit(&world, 1, 5, &one).unwrap());
    world.blob_base_fee = 6;
    world.block(&[]);
    assert_eq!(world.propose(10), [rich]);
    world.pool.returned([rich]);
    world.blob_base_fee = 21;
    world.block(&[]);
    assert!(world.propose(10).is_empty());
    world.blob_base_fee = 5;
    world.block(&[]);
    let limits = ProposalLimits { blobs: 1, ..world.limits() };
    assert_eq!(world.propose_within(&limits), [rich]);
    assert!(world.propose_within(&ProposalLimits { blobs: 0, ..limits }).is_empty());
    assert_eq!(world.propose_within(&limits), [poor]);
}

#[test]
fn blobs_are_found_by_their_hashes_for_a_while_after_inclusion() {
    let mut world = World::with(Config { included_blobs: 2, ..Config::default() });
    let sidecars: Vec<_> = (0..3).map(|seed| sidecar(seed + 1, 1, true)).collect();
    let versioned: Vec<B256> = sidecars.iter().flat_map(|sidecar| sidecar.versioned_hashes()).collect();
    let hashes: Vec<B256> =
        (0..3).map(|from| submit(&world, from, 10, &sidecars[from as usize]).unwrap()).collect();
    let found = world.pool.blobs(&[versioned[2], B256::ZERO, versioned[0]]);
    assert!(found[1].is_none());
    let first = found[2].as_ref().unwrap();
    assert_eq!(first.blob(), &sidecars[0].blobs()[0]);
    assert_eq!(first.commitment(), &sidecars[0].commitments()[0]);
    assert_eq!(first.proofs().len(), 128);

    for (from, hash) in hashes.iter().enumerate() {
        world.block_with(&[(address(from as u64), 1, ETHER)], &[*hash]);
    }
    let there: Vec<bool> = world.pool.blobs(&versioned).iter().map(Option::is_some).collect();
    assert_eq!(there, [false, true, true]);
    assert!(world.pool.sidecar(&hashes[0]).is_none() && world.pool.sidecar(&hashes[1]).is_some());

    // A block that is removed gives its blobs back, as long as they are here.
    let removed = [0, 1].map(|from: u64| {
        let sidecar = &sidecars[from as usize];
        let tx: TxEip4844Variant = TxEip4844Variant::TxEip4844(with_blobs(0, 10, sidecar));
        world.state.insert_account(address(from), 0, alloy_primitives::U256::from(ETHER), None);
        Arc::new(OrderedTransaction::new(signed(from, tx), address(from)))
    });
    world.pool.on_reorganised(&Reorganised { head: world.head(), removed: removed.to_vec() });
    assert_eq!(world.propose(10), [hashes[1]]);
}

#[test]
fn a_replacement_doubles_all_fees() {
    let world = World::new();
    let one = sidecar(1, 1, true);
    submit(&world, 0, 10, &one).unwrap();
    let with = |factor: u128, blob_factor: u128| {
        let mut tx = with_blobs(0, 10 * blob_factor, &one);
        tx.max_fee_per_gas *= factor;
        tx.max_priority_fee_per_gas *= factor;
        world.submit(&signed(0, carrying(tx, one.clone()))).map_err(|error| error.to_string())
    };
    assert_eq!(
        with(2, 1).unwrap_err(),
        "replacement transaction underpriced: maxFeePerBlobGas 10, minimum needed 20"
    );
    assert!(with(1, 2).unwrap_err().starts_with("replacement transaction underpriced: maxFeePerGas"));
    with(2, 2).unwrap();
    assert_eq!(world.pool.status().pending, 1);
}
