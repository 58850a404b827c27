//! A genesis as a `genesis.json`, which [`Genesis::from_json`] and other nodes read back to the same first block.

use alloy_hardforks::{EthereumHardfork as Fork, ForkCondition};
use alloy_primitives::{B256, U256, map::B256Map};
use mundi_chain::{ForkPoint, Genesis};
use serde_json::{Map, Value, json};

/// Keys by height, with what they schedule.
const HEIGHTS: [(&str, Fork); 14] = [
    ("homesteadBlock", Fork::Homestead),
    ("daoForkBlock", Fork::Dao),
    ("eip150Block", Fork::Tangerine),
    ("eip155Block", Fork::SpuriousDragon),
    ("eip158Block", Fork::SpuriousDragon),
    ("byzantiumBlock", Fork::Byzantium),
    ("constantinopleBlock", Fork::Constantinople),
    ("petersburgBlock", Fork::Petersburg),
    ("istanbulBlock", Fork::Istanbul),
    ("muirGlacierBlock", Fork::MuirGlacier),
    ("berlinBlock", Fork::Berlin),
    ("londonBlock", Fork::London),
    ("arrowGlacierBlock", Fork::ArrowGlacier),
    ("grayGlacierBlock", Fork::GrayGlacier),
];

/// Keys by time, with what they schedule.
const TIMES: [(&str, Fork); 10] = [
    ("shanghai", Fork::Shanghai),
    ("cancun", Fork::Cancun),
    ("prague", Fork::Prague),
    ("osaka", Fork::Osaka),
    ("bpo1", Fork::Bpo1),
    ("bpo2", Fork::Bpo2),
    ("bpo3", Fork::Bpo3),
    ("bpo4", Fork::Bpo4),
    ("bpo5", Fork::Bpo5),
    ("amsterdam", Fork::Amsterdam),
];

/// The genesis file. A fork that the schedule skips begins with the next one that it has.
pub fn to_json(genesis: &Genesis) -> Vec<u8> {
    let header = &genesis.header;
    let mut file = Map::new();
    file.insert("config".into(), config(genesis));
    for (name, value) in [
        ("nonce", Some(json!(U256::from(u64::from(header.nonce))))),
        ("timestamp", Some(json!(U256::from(header.timestamp)))),
        ("extraData", Some(json!(header.extra_data))),
        ("gasLimit", Some(json!(U256::from(header.gas_limit)))),
        ("gasUsed", Some(json!(U256::from(header.gas_used)))),
        ("difficulty", Some(json!(header.difficulty))),
        ("mixHash", Some(json!(header.mix_hash))),
        ("coinbase", Some(json!(header.beneficiary))),
        ("parentHash", Some(json!(header.parent_hash))),
        ("baseFeePerGas", header.base_fee_per_gas.map(|fee| json!(U256::from(fee)))),
        ("blobGasUsed", header.blob_gas_used.map(|gas| json!(U256::from(gas)))),
        ("excessBlobGas", header.excess_blob_gas.map(|gas| json!(U256::from(gas)))),
    ] {
        if let Some(value) = value {
            file.insert(name.into(), value);
        }
    }
    file.insert("alloc".into(), alloc(genesis));
    let mut text = serde_json::to_vec_pretty(&Value::Object(file)).expect("keys are text");
    text.push(b'\n');
    text
}

fn config(genesis: &Genesis) -> Value {
    let spec = &genesis.spec;
    let mut config = Map::new();
    config.insert("chainId".into(), json!(spec.chain_id()));
    // From the last fork back, so that what is skipped begins with what comes after it.
    let mut height = None;
    for (name, fork) in HEIGHTS.iter().rev() {
        let optional = matches!(fork, Fork::Dao | Fork::MuirGlacier | Fork::ArrowGlacier | Fork::GrayGlacier);
        match spec.condition(*fork) {
            ForkCondition::Block(at) => height = Some(at),
            _ if optional => continue,
            _ => {}
        }
        // Whatever is built on the Merge is built on all before.
        let later =
            matches!(spec.condition(Fork::Paris), ForkCondition::TTD { .. } | ForkCondition::Block(_));
        if let Some(at) = height.or(later.then_some(0)) {
            config.insert((*name).into(), json!(at));
        }
    }
    if spec.least_interval() == 0 {
        config.insert("equalTimestamps".into(), json!(true));
    }
    if spec.dao_fork_block().is_some() {
        config.insert("daoForkSupport".into(), json!(true));
    }
    match spec.condition(Fork::Paris) {
        ForkCondition::TTD { total_difficulty, .. } => {
            config.insert("terminalTotalDifficulty".into(), json!(total_difficulty));
        }
        ForkCondition::Block(_) => {
            config.insert("terminalTotalDifficulty".into(), json!(U256::ZERO));
        }
        _ => {}
    }
    config.insert("depositContractAddress".into(), {
        let rules = spec.rules_at(ForkPoint::new(0, genesis.header.timestamp));
        json!(rules.deposit_contract)
    });
    let mut blobs = Map::new();
    let mut time = None;
    for (name, fork) in TIMES.iter().rev() {
        match spec.condition(*fork) {
            ForkCondition::Timestamp(at) => time = Some(at),
            // Those after Osaka change blobs only, and may be left out.
            _ if *fork > Fork::Osaka => continue,
            _ => {}
        }
        let Some(at) = time else { continue };
        config.insert(format!("{name}Time"), json!(at));
        // The parameters are those that hold once the fork is there, which two forks at one time cannot tell apart: there
        // the later one's hold, for both.
        if *fork >= Fork::Cancun
            && let Some(params) = spec.blob_params_at(ForkPoint::new(u64::MAX, at))
        {
            blobs.insert(
                (*name).into(),
                json!({
                    "target": params.target_blob_count,
                    "max": params.max_blob_count,
                    "baseFeeUpdateFraction": u64::try_from(params.update_fraction).unwrap_or(u64::MAX),
                }),
            );
        }
    }
    if !blobs.is_empty() {
        config.insert("blobSchedule".into(), Value::Object(blobs));
    }
    Value::Object(config)
}

fn alloc(genesis: &Genesis) -> Value {
    let codes: B256Map<_> = genesis.alloc.code.iter().map(|(hash, code)| (*hash, code)).collect();
    let mut alloc = Map::new();
    for change in &genesis.alloc.accounts {
        let Some(account) = &change.account else { continue };
        let mut entry = Map::new();
        entry.insert("balance".into(), json!(account.balance));
        if account.nonce > 0 {
            entry.insert("nonce".into(), json!(U256::from(account.nonce)));
        }
        if let Some(code) = codes.get(&account.code_hash) {
            entry.insert("code".into(), json!(code.original_bytes()));
        }
        if !change.storage.is_empty() {
            let slots = change
                .storage
                .iter()
                .map(|(slot, value)| (B256::from(*slot).to_string(), json!(B256::from(*value))));
            entry.insert("storage".into(), Value::Object(slots.collect()));
        }
        alloc.insert(change.address.to_checksum(None), Value::Object(entry));
    }
    Value::Object(alloc)
}
