use super::*;
use alloy_primitives::{Address, U256, address, b256};
use proptest::prelude::*;
use serde_json::{Value, json};
use std::{io::Read as _, path::PathBuf};

/// A file of the JSON-RPC fixtures.
fn rpc_file(name: &str) -> Option<Vec<u8>> {
    let folder = std::env::var_os("MUNDI_FIXTURES").map_or_else(
        || PathBuf::from(env!("CARGO_MANIFEST_DIR")).join("../../../shared/fixtures"),
        PathBuf::from,
    );
    let Ok(file) = std::fs::File::open(folder.join("rpc.tar.gz")) else {
        println!("SKIPPED: there is no rpc.tar.gz in {}; set MUNDI_FIXTURES", folder.display());
        return None;
    };
    let mut archive = tar::Archive::new(flate2::read::GzDecoder::new(file));
    let mut entries = archive.entries().unwrap().map(Result::unwrap);
    let mut entry = entries.find(|entry| entry.path().unwrap().ends_with(name)).unwrap();
    let mut content = Vec::new();
    entry.read_to_end(&mut content).unwrap();
    Some(content)
}

/// A chain on which every fork up to BPO2 holds from the genesis on.
fn modern() -> Value {
    let mut config = json!({"chainId": 1337, "terminalTotalDifficulty": 0, "ethash": {}, "blobSchedule": {
        "bpo1": {"target": 10, "max": 15, "baseFeeUpdateFraction": 8346193},
        "bpo2": {"target": 14, "max": 21, "baseFeeUpdateFraction": 11684671},
    }});
    for key in config::FORK_KEYS.iter().filter(|key| !matches!(key.name, "daoForkBlock" | "amsterdamTime")) {
        let blobs = key.name.strip_prefix("bpo").is_some_and(|rest| rest > "3");
        if !blobs {
            config[key.name] = json!(0);
        }
    }
    json!({"config": config, "gasLimit": "0x1c9c380", "difficulty": "0", "alloc": {}})
}

/// The modern chain with other values; `null` takes a key away.
fn with(changes: &[(&str, Value)]) -> Result<Genesis, GenesisError> {
    let mut file = modern();
    for (pointer, value) in changes {
        let (parent, key) = pointer.rsplit_once('/').unwrap();
        let object = file.pointer_mut(parent).unwrap().as_object_mut().unwrap();
        if value.is_null() {
            object.remove(key);
        } else {
            object.insert(key.to_owned(), value.clone());
        }
    }
    Genesis::from_json(file.to_string().as_bytes())
}

#[track_caller]
fn refused(changes: &[(&str, Value)], message: &str) {
    let error = with(changes).unwrap_err().to_string();
    assert!(error.contains(message), "{error}");
}

#[test]
fn the_conformance_chain_begins_where_its_first_block_says() {
    let Some(file) = rpc_file("genesis.json") else { return };
    let genesis = Genesis::from_json(&file).unwrap();
    let chain = rpc_file("chain.rlp").unwrap();
    let length = alloy_rlp::Header::decode(&mut &chain[..]).unwrap().length_with_payload();
    let block = crate::decode_block(&chain[..length]).unwrap();
    assert_eq!(genesis.hash, block.header.parent_hash);
    assert!(genesis.ignored.is_empty(), "{:?}", genesis.ignored);

    use EthereumHardfork::*;
    let at = |number, timestamp, total: u64| {
        let point = ForkPoint::new(number, timestamp).with_parent_total_difficulty(U256::from(total));
        genesis.spec.fork_at(point)
    };
    assert_eq!(at(35, 350, 4_732_351), GrayGlacier);
    assert_eq!(at(36, 360, 4_732_352), Paris);
    assert_eq!(at(54, 540, 4_732_352), Bpo2);
    assert_eq!(genesis.spec.blob_params_at(ForkPoint::new(54, 540)).unwrap().max_blob_count, 21);
}

#[test]
fn sepolia_has_its_known_hash() {
    let mut alloc = serde_json::Map::new();
    for (balance, addresses) in [
        (
            "0xD3C21BCECCEDA1000000",
            &[
                "0xa2A6d93439144FFE4D27c9E088dCD8b783946263",
                "0xBc11295936Aa79d594139de1B2e12629414F3BDB",
                "0x7cF5b79bfe291A67AB02b393E456cCc4c266F753",
                "0xaaec86394441f915bce3e6ab399977e9906f3b69",
                "0xF47CaE1CF79ca6758Bfc787dbD21E6bdBe7112B8",
                "0xd7eDDB78ED295B3C9629240E8924fb8D8874ddD8",
                "0x8b7F0977Bb4f0fBE7076FA22bC24acA043583F5e",
                "0xe2e2659028143784d557bcec6ff3a0721048880a",
                "0xd9a5179f091d85051d3c982785efd1455cec8699",
                "0xbeef32ca5b9a198d27B4e02F4c70439fE60356Cf",
            ][..],
        ),
        ("0x84595161401484A000000", &["0x0000006916a87b82333f4245046623b23794c65c"]),
        (
            "0x52B7D2DCC80CD2E4000000",
            &[
                "0xb21c33de1fab3fa15499c62b59fe0cc3250020d1",
                "0x10F5d45854e038071485AC9e402308cF80D2d2fE",
                "0xd7d76c58b3a519e9fA6Cc4D22dC017259BC49F1E",
            ],
        ),
        ("0xDE0B6B3A7640000", &["0x799D329e5f583419167cD722962485926E338F4a"]),
    ] {
        for address in addresses {
            alloc.insert((*address).to_owned(), json!({"balance": balance}));
        }
    }
    let mut file = modern();
    file["config"]["terminalTotalDifficulty"] = json!(17_000_000_000_000_000_u64);
    for (key, at) in [
        ("mergeNetsplitBlock", 1_735_371_u64),
        ("shanghaiTime", 1_677_557_088),
        ("cancunTime", 1_706_655_072),
        ("pragueTime", 1_741_159_776),
        ("osakaTime", 1_760_427_360),
        ("bpo1Time", 1_761_017_184),
        ("bpo2Time", 1_761_607_008),
    ] {
        file["config"][key] = json!(at);
    }
    file["alloc"] = alloc.into();
    file["timestamp"] = json!("0x6159af19");
    file["difficulty"] = json!("0x20000");
    file["extraData"] = json!("0x5365706f6c69612c20417468656e732c204174746963612c2047726565636521");
    let genesis = Genesis::from_json(file.to_string().as_bytes()).unwrap();
    assert_eq!(
        genesis.header.state_root,
        b256!("5eb6e371a698b8d68f665192350ffcecbbbf322916f4b51bd79bb6887da3f494")
    );
    assert_eq!(genesis.hash, b256!("25a5cc106eea7138acab33231d7160d69cb777ee0c2c553fcddf5138993e6dd9"));
}

#[test]
fn fields_of_the_header_come_with_their_forks() {
    let header = with(&[]).unwrap().header;
    assert_eq!(header.base_fee_per_gas, Some(1_000_000_000));
    assert_eq!(header.withdrawals_root, Some(EMPTY_ROOT_HASH));
    assert_eq!((header.blob_gas_used, header.excess_blob_gas), (Some(0), Some(0)));
    assert_eq!(header.parent_beacon_block_root, Some(B256::ZERO));
    assert_eq!(header.requests_hash, Some(EMPTY_REQUESTS_HASH));
    assert_eq!(header.state_root, EMPTY_ROOT_HASH);

    let later = |keys: &[&str]| {
        let changes: Vec<_> = keys.iter().map(|key| (*key, json!(9))).collect();
        with(&changes).unwrap().header
    };
    let forks = [
        "/config/bpo2Time",
        "/config/bpo1Time",
        "/config/osakaTime",
        "/config/pragueTime",
        "/config/cancunTime",
    ];
    let shanghai = later(&forks);
    assert!(shanghai.withdrawals_root.is_some() && shanghai.blob_gas_used.is_none());
    let cancun = later(&forks[..4]);
    assert!(cancun.parent_beacon_block_root.is_some() && cancun.requests_hash.is_none());

    let given = with(&[
        ("/baseFeePerGas", json!("0x7")),
        ("/excessBlobGas", json!(131_072)),
        ("/blobGasUsed", json!("0x20000")),
    ]);
    let header = given.unwrap().header;
    assert_eq!(header.base_fee_per_gas, Some(7));
    assert_eq!((header.blob_gas_used, header.excess_blob_gas), (Some(131_072), Some(131_072)));
}

#[test]
fn accounts_begin_with_all_they_are_given() {
    let genesis = with(&[(
        "/alloc",
        json!({
            "00000000000000000000000000000000000000BB": {"balance": 5, "nonce": "0x2", "code": "0x6001",
                "storage": {"0x01": "0x00ff", "02": "0000000000000000000000000000000000000000000000000000000000000010",
                            "0x03": "0x0"}},
            "0x00000000000000000000000000000000000000aa": {"balance": "0x0", "storage": null, "code": "0x"},
            "0x00000000000000000000000000000000000000cc": {"balance": "0", "code": "0x6001"},
            "0x00000000000000000000000000000000000000dd": {"balance": "0", "code": "0xef0100"},
        }),
    )])
    .unwrap();
    let [aa, bb, cc, dd] = &genesis.alloc.accounts[..] else { panic!("{:?}", genesis.alloc) };
    assert_eq!(aa.address, address!("00000000000000000000000000000000000000aa"));
    assert!(aa.account.unwrap().is_empty());
    let account = bb.account.unwrap();
    assert_eq!((account.nonce, account.balance), (2, U256::from(5)));
    assert_eq!(bb.storage, [(U256::from(1), U256::from(255)), (U256::from(2), U256::from(16))]);
    assert_eq!(cc.account.unwrap().code_hash, account.code_hash);
    assert_ne!(dd.account.unwrap().code_hash, account.code_hash);
    assert_eq!(genesis.alloc.code.len(), 2, "the same code is there once");
    // An empty account is in the state all the same.
    let without = with(&[("/alloc", json!({}))]).unwrap();
    let hollow = with(&[("/alloc", json!({Address::ZERO.to_string(): {"balance": 0}}))]).unwrap();
    assert_ne!(hollow.hash, without.hash);
}

#[test]
fn a_gas_limit_of_zero_is_the_default() {
    assert_eq!(with(&[("/gasLimit", json!(0))]).unwrap().header.gas_limit, DEFAULT_GAS_LIMIT);
}

#[test]
fn schedules_with_gaps_and_in_disorder_are_refused() {
    refused(&[("/config/berlinBlock", Value::Null)], "config.londonBlock: berlinBlock is missing before it");
    refused(&[("/config/berlinBlock", json!(7))], "config.londonBlock: 0 is before berlinBlock, which is 7");
    refused(&[("/config/cancunTime", json!(7))], "config.pragueTime: 0 is before cancunTime, which is 7");
    refused(&[("/config/eip158Block", json!(1)), ("/config/eip155Block", json!(0))], "is before eip158Block");
    refused(&[("/config/terminalTotalDifficulty", Value::Null)], "terminalTotalDifficulty is missing");
    let london_later: Vec<_> = ["london", "arrowGlacier", "grayGlacier", "mergeNetsplit"]
        .map(|fork| (format!("/config/{fork}Block"), json!(5)))
        .into();
    let london_later: Vec<_> =
        london_later.iter().map(|(key, value)| (key.as_str(), value.clone())).collect();
    refused(&london_later, "expected londonBlock 0");
    // Glaciers and the DAO fork may be missing.
    with(&[("/config/muirGlacierBlock", Value::Null), ("/config/arrowGlacierBlock", Value::Null)]).unwrap();
}

#[test]
fn rules_of_other_chains_are_refused() {
    refused(&[("/config/verkleTime", json!(9))], "config.verkleTime: this fork is not known here");
    refused(&[("/config/amsterdamTime", json!(0))], "config.amsterdamTime");
    assert!(with(&[("/config/amsterdamTime", json!(9))]).is_ok(), "it may come later");
    let clique = json!({"period": 15, "epoch": 30000});
    assert!(with(&[("/config/clique", clique.clone())]).is_ok(), "nothing is sealed after the Merge");
    refused(
        &[("/config/clique", clique), ("/config/terminalTotalDifficulty", json!(1))],
        "config.clique: blocks sealed by authorities",
    );
    let genesis = with(&[("/config/colour", json!("green")), ("/config/verkleTime", json!(null))]).unwrap();
    assert_eq!(genesis.ignored, ["colour"]);
}

#[test]
fn blob_schedules_are_checked() {
    let entry = |target: u64, max: u64, fraction: u64| json!({"target": target, "max": max, "baseFeeUpdateFraction": fraction});
    let path = "/config/blobSchedule/cancun";
    refused(&[(path, entry(7, 6, 1))], "config.blobSchedule.cancun: target: expected at most the max of 6");
    refused(&[(path, entry(3, 6, 0))], "baseFeeUpdateFraction");
    refused(&[(path, entry(3, 1 << 40, 1))], "max: expected at most");
    refused(&[("/config/blobSchedule/london", entry(3, 6, 1))], "config.blobSchedule.london");
    refused(&[("/config/blobSchedule/bpo2", Value::Null)], "config.bpo2Time: blobSchedule.bpo2 is missing");
    refused(&[(path, json!({"target": "x"}))], "config.blobSchedule.cancun.target: invalid value: \"x\"");
}

#[test]
fn errors_name_the_place() {
    refused(&[("/config/chainId", Value::Null)], "config: missing field `chainId`");
    refused(&[("/config/londonBlock", json!(-1))], "config.londonBlock: invalid value: -1, expected a whole");
    refused(&[("/gasLimit", Value::Null)], "missing field `gasLimit`");
    refused(&[("/difficulty", json!("0xzz"))], "difficulty: invalid value");
    refused(&[("/alloc", json!({"0x12": {"balance": 0}}))], "alloc");
    let address = Address::repeat_byte(0xaa).to_string();
    refused(&[("/alloc", json!({&address: {"balance": []}}))], &format!("alloc.{address}.balance"));
    refused(&[("/alloc", json!({&address: {"nonce": 1}}))], "missing field `balance`");
    refused(
        &[("/alloc", json!({&address: {"balance": 1}, &address[2..]: {"balance": 1}}))],
        "this key was there before",
    );
    refused(&[("/number", json!(1))], "number: expected 0, got 1");
    refused(&[("/stateRoot", json!(B256::ZERO))], "stateRoot: that of alloc is 0x56e8");
    let frontier =
        json!({"config": {"chainId": 1}, "gasLimit": 0, "difficulty": 0, "alloc": {}, "baseFeePerGas": 1});
    let error = Genesis::from_json(frontier.to_string().as_bytes()).unwrap_err();
    assert!(error.to_string().starts_with("baseFeePerGas: 1 begins with London"), "{error}");
    for text in ["", "[", "7", "{}", "{} {}"] {
        assert!(Genesis::from_json(text.as_bytes()).is_err(), "{text}");
    }
    let twice = modern().to_string().replacen("\"chainId\":", "\"chainId\":1,\"chainId\":", 1);
    assert!(Genesis::from_json(twice.as_bytes()).unwrap_err().to_string().contains("was there before"));
    let followed = format!("{} x", modern());
    assert!(Genesis::from_json(followed.as_bytes()).is_err());
}

proptest! {
    #[test]
    fn damaged_files_are_errors_and_never_panics(at in 0_usize..4_000, byte in any::<u8>(), cut in any::<bool>()) {
        let mut file = modern().to_string().into_bytes();
        let at = at % file.len();
        if cut {
            file.truncate(at);
        } else {
            file[at] = byte;
        }
        let _ = Genesis::from_json(&file);
    }
}
