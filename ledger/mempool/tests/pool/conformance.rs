//! The raw transactions of Ethereum's RPC conformance suite, on the chain for which they are made.

use alloy_primitives::{Address, B256, Bytes, U256};
use mundi_chain::{ForkPoint, Genesis, decode_block, next_base_fee};
use mundi_execution::{Account, StateError, StateSnapshot};
use mundi_mempool::{Config, Head, Mempool, Origin};
use revm::bytecode::Bytecode;
use std::{collections::BTreeMap, fs, io::Read, path::PathBuf, sync::Arc};

/// Everybody is rich and new.
struct Generous;

impl StateSnapshot for Generous {
    fn account(&self, _: &Address) -> Result<Option<Account>, StateError> {
        Ok(Some(Account { balance: U256::from(u128::MAX), ..Account::default() }))
    }

    fn storage(&self, _: &Address, _: &U256) -> Result<U256, StateError> {
        Ok(U256::ZERO)
    }

    fn code(&self, _: &B256) -> Result<Bytecode, StateError> {
        Err(StateError("nobody has code".into()))
    }

    fn block_hash(&self, _: u64) -> Result<B256, StateError> {
        Ok(B256::ZERO)
    }
}

/// The files of the suite that are needed here, by their names; `None` without the fixtures.
fn files() -> Option<BTreeMap<String, Vec<u8>>> {
    let folder = std::env::var_os("MUNDI_FIXTURES").map_or_else(
        || PathBuf::from(env!("CARGO_MANIFEST_DIR")).join("../../../shared/fixtures"),
        PathBuf::from,
    );
    let Ok(file) = fs::File::open(folder.join("rpc.tar.gz")) else {
        println!("SKIPPED: there is no rpc.tar.gz in {}; set MUNDI_FIXTURES", folder.display());
        return None;
    };
    let mut files = BTreeMap::new();
    let mut archive = tar::Archive::new(flate2::read::GzDecoder::new(file));
    for mut entry in archive.entries().unwrap().map(Result::unwrap) {
        let name = entry.path().unwrap().to_string_lossy().into_owned();
        if ["genesis.json", "chain.rlp"].iter().any(|end| name.ends_with(end))
            || name.contains("eth_sendRawTransaction/")
        {
            let mut content = Vec::new();
            entry.read_to_end(&mut content).unwrap();
            files.insert(name, content);
        }
    }
    Some(files)
}

#[test]
fn the_suites_transactions_are_taken() {
    let Some(files) = files() else { return };
    let named = |end: &str| files.iter().find(|(name, _)| name.ends_with(end)).unwrap().1;
    let genesis = Genesis::from_json(named("genesis.json")).unwrap();
    let mut rest = &named("chain.rlp")[..];
    let mut last = rest;
    while !rest.is_empty() {
        let length = alloy_rlp::Header::decode(&mut &*rest).unwrap().length_with_payload();
        (last, rest) = rest.split_at(length);
    }
    let block = decode_block(last).unwrap();
    let header = &block.header;
    let spec = Arc::new(genesis.spec.clone());
    let head = Head {
        point: ForkPoint::new(header.number + 1, header.timestamp + 1),
        base_fee: next_base_fee(header),
        blob_base_fee: 1,
        gas_limit: header.gas_limit,
        state: Arc::new(Generous),
    };
    let pool = Mempool::new(Config { require_base_fee: true, ..Config::default() }, spec, head);
    let mut cases = 0;
    for (name, content) in files.iter().filter(|(name, _)| name.ends_with(".io")) {
        let text = String::from_utf8_lossy(content);
        let line = |start: &str| text.lines().find_map(|line| line.strip_prefix(start)).unwrap();
        let request: serde_json::Value = serde_json::from_str(line(">> ")).unwrap();
        let raw: Bytes = serde_json::from_value(request["params"][0].clone()).unwrap();
        let answer: serde_json::Value = serde_json::from_str(line("<< ")).unwrap();
        let Ok(hash) = serde_json::from_value::<B256>(answer["result"].clone()) else {
            assert!(pool.submit_raw(&raw, Origin::Remote).is_err(), "{name}");
            continue;
        };
        assert_eq!(pool.submit_raw(&raw, Origin::Remote), Ok(hash), "{name}");
        cases += 1;
    }
    assert!(cases >= 3, "{cases} cases");
}
