use super::*;
use alloy_eips::eip7840::BlobParams;

/// A valid parent and child in the rules of `network`.
fn pair(network: &str) -> (ChainSpec, Header, Header) {
    let spec = ChainSpec::at_fork(network).unwrap();
    let mut parent = Header {
        number: 9,
        timestamp: 1_000,
        gas_limit: 30_000_000,
        difficulty: U256::from(1 << 20),
        ommers_hash: EMPTY_OMMER_ROOT_HASH,
        ..Default::default()
    };
    let fork = spec.fork_at(ForkPoint::new(10, 1_012));
    let since = |first| fork >= first;
    parent.base_fee_per_gas = since(EthereumHardfork::London).then_some(1_000_000_000);
    if since(EthereumHardfork::Cancun) {
        (parent.blob_gas_used, parent.excess_blob_gas) = (Some(0), Some(0));
    }
    let mut child = Header {
        number: 10,
        timestamp: 1_012,
        parent_hash: parent.hash_slow(),
        base_fee_per_gas: parent.next_block_base_fee(BaseFeeParams::ethereum()),
        difficulty: next_difficulty(fork, &parent, 1_012),
        withdrawals_root: since(EthereumHardfork::Shanghai).then_some(B256::ZERO),
        parent_beacon_block_root: since(EthereumHardfork::Cancun).then_some(B256::ZERO),
        requests_hash: since(EthereumHardfork::Prague).then_some(B256::ZERO),
        ..parent.clone()
    };
    child.mix_hash = B256::repeat_byte(7);
    (spec, parent, child)
}

fn check(spec: &ChainSpec, parent: &Header, child: &Header) -> Result<(), HeaderError> {
    let hash = parent.hash_slow();
    let child = Header { parent_hash: hash, ..child.clone() };
    validate_header(spec, &child, Parent { header: parent, hash, total_difficulty: None })
}

/// The message of the error that `change` causes in an otherwise valid child.
fn error(network: &str, change: impl FnOnce(&mut Header, &mut Header)) -> String {
    let (spec, mut parent, mut child) = pair(network);
    check(&spec, &parent, &child).unwrap();
    change(&mut parent, &mut child);
    check(&spec, &parent, &child).unwrap_err().to_string()
}

#[test]
fn each_broken_rule_is_named_with_both_values() {
    assert_eq!(error("Berlin", |_, c| c.number = 11), "number: expected 10, got 11");
    assert_eq!(error("Berlin", |_, c| c.timestamp = 1_000), "timestamp: expected at least 1001, got 1000");
    assert_eq!(
        error("Berlin", |_, c| c.gas_used = 30_000_001),
        "gasUsed: expected at most the gasLimit of 30000000, got 30000001"
    );
    assert_eq!(
        error("Berlin", |_, c| c.extra_data = vec![0; 33].into()),
        "extraData: expected at most 32 bytes, got 33"
    );
    assert_eq!(
        error("Berlin", |_, c| c.difficulty += U256::from(1)),
        "difficulty: expected 1048576, got 1048577"
    );
    assert_eq!(
        error("Berlin", |_, c| c.base_fee_per_gas = Some(7)),
        "baseFeePerGas: not allowed in Berlin, got 7"
    );
    assert_eq!(
        error("London", |_, c| c.base_fee_per_gas = Some(7)),
        "baseFeePerGas: expected 875000000, got 7"
    );
    assert_eq!(
        error("London", |_, c| c.base_fee_per_gas = None),
        "baseFeePerGas: required in London and absent"
    );
    assert_eq!(error("Paris", |_, c| c.difficulty = U256::from(1)), "difficulty: expected 0, got 1");
    assert_eq!(
        error("Paris", |_, c| c.nonce = B64::with_last_byte(1)),
        "nonce: expected 0x0000000000000000, got 0x0000000000000001"
    );
    assert!(error("Paris", |_, c| c.ommers_hash = B256::ZERO).starts_with("sha3Uncles: expected 0x1dcc"));
    assert!(error("Paris", |_, c| c.withdrawals_root = Some(B256::ZERO)).starts_with("withdrawalsRoot: not"));
    assert!(error("Shanghai", |_, c| c.withdrawals_root = None).starts_with("withdrawalsRoot: required"));
    assert!(error("Shanghai", |_, c| c.blob_gas_used = Some(0)).starts_with("blobGasUsed: not allowed"));
    assert!(error("Cancun", |_, c| c.parent_beacon_block_root = None).starts_with("parentBeaconBlockRoot"));
    assert_eq!(error("Cancun", |_, c| c.excess_blob_gas = Some(1)), "excessBlobGas: expected 0, got 1");
    assert_eq!(
        error("Cancun", |_, c| c.blob_gas_used = Some(7 << 17)),
        "blobGasUsed: expected at most 786432, got 917504"
    );
    assert!(error("Cancun", |_, c| c.requests_hash = Some(B256::ZERO)).starts_with("requestsHash: not"));
    assert!(error("Prague", |_, c| c.requests_hash = None).starts_with("requestsHash: required"));
    assert!(error("Osaka", |_, c| c.slot_number = Some(1)).starts_with("slotNumber: not allowed"));
}

#[test]
fn the_gas_limit_moves_by_less_than_a_1024th() {
    let (spec, parent, child) = pair("Berlin");
    for (limit, valid) in
        [(30_029_295, true), (30_029_296, false), (29_970_705, true), (29_970_704, false), (30_000_000, true)]
    {
        let child = Header { gas_limit: limit, ..child.clone() };
        assert_eq!(check(&spec, &parent, &child).is_ok(), valid, "{limit}");
    }
}

#[test]
fn the_first_london_block_doubles_the_gas_limit_and_starts_at_one_gwei() {
    let spec = ChainSpec::at_fork("BerlinToLondonAt5").unwrap();
    let (_, mut parent, mut child) = pair("Berlin");
    (parent.number, child.number) = (4, 5);
    assert!(check(&spec, &parent, &child).is_err());
    (child.gas_limit, child.base_fee_per_gas) = (60_000_000, Some(INITIAL_BASE_FEE));
    check(&spec, &parent, &child).unwrap();
}

#[test]
fn ten_blocks_say_that_they_took_part_in_the_dao_fork() {
    let spec = ChainSpec::at_fork("HomesteadToDaoAt5").unwrap();
    for (number, bound) in [(4, false), (5, true), (14, true), (15, false)] {
        let (_, mut parent, mut child) = pair("Homestead");
        (parent.number, child.number) = (number - 1, number);
        assert_eq!(check(&spec, &parent, &child).is_err(), bound, "{number}");
        child.extra_data = Bytes::from_static(DAO_EXTRA_DATA);
        check(&spec, &parent, &child).unwrap();
    }
}

#[test]
fn excess_blob_gas_follows_the_parameters_of_the_child() {
    let blob = 1_u64 << 17;
    for (network, used, excess, expected) in [
        ("Cancun", 6, 0, 3),
        ("Prague", 6, 0, 0),
        ("Prague", 9, 1, 4),
        // EIP-7918: blobs are cheap beside gas at one gwei, so the excess falls by nothing.
        ("Osaka", 9, 300, 303),
        ("BPO1", 15, 300, 305),
        ("BPO2", 21, 300, 307),
    ] {
        let (spec, mut parent, mut child) = pair(network);
        (parent.blob_gas_used, parent.excess_blob_gas) = (Some(used * blob), Some(excess * blob));
        child.excess_blob_gas = Some(expected * blob);
        check(&spec, &parent, &child).unwrap_or_else(|error| panic!("{network}: {error}"));
    }
    // With expensive blobs the plain rule holds.
    let (spec, mut parent, mut child) = pair("Osaka");
    let params = BlobParams::osaka();
    (parent.blob_gas_used, parent.excess_blob_gas) = (Some(0), Some(2_000 * blob));
    assert!(params.calc_blob_fee(2_000 * blob) > 1_000_000_000);
    child.excess_blob_gas = Some((2_000 - 6) * blob);
    check(&spec, &parent, &child).unwrap();
}

#[test]
fn a_hostile_parent_is_an_error() {
    for change in [
        (|p: &mut Header| p.number = u64::MAX) as fn(&mut Header),
        |p| p.base_fee_per_gas = Some(u64::MAX),
        |p| (p.gas_used, p.gas_limit) = (u64::MAX, 30_000_000),
        |p| p.excess_blob_gas = Some(u64::MAX),
        |p| p.blob_gas_used = Some(u64::MAX),
    ] {
        assert!(error("Osaka", |p, _| change(p)).starts_with("the parent block"));
    }
    // Bounds at the very ends of the number range.
    error("Osaka", |p, _| p.gas_limit = u64::MAX);
    error("Osaka", |p, _| p.gas_limit = 0);
}
