//! The JSON of a replay is stable: what it looks like is pinned here, with what depends on the clock masked.
//!
//! `MUNDI_UPDATE_GOLDEN=1 cargo test -p mundi-replay` writes the golden files anew.

mod support;

use mundi_chain::ChainSpec;
use mundi_execution::Mode;
use mundi_replay::{BlockFile, ReplayOptions, ReplayRecord, UnusableFile, replay};
use serde_json::Value;
use std::{
    fs,
    num::NonZeroUsize,
    path::{Path, PathBuf},
};

#[test]
fn the_synthetic_block_is_the_one_in_the_file() {
    let json = serde_json::to_string_pretty(&support::synthetic()).unwrap();
    compare("block.json", &json);
}

#[test]
fn the_json_of_a_replay_is_stable() {
    let (pool, chain) = (support::pool(), ChainSpec::mainnet());
    let options = ReplayOptions {
        mode: Mode::Sequential,
        runs: NonZeroUsize::new(2).unwrap(),
        ..ReplayOptions::new(NonZeroUsize::MIN)
    };
    let mut forged = support::synthetic();
    forged["block"]["gasUsed"] = "0x5208".into();
    let records = [support::synthetic(), forged].map(|file| {
        let block = BlockFile::parse(Path::new("block.json"), file.to_string().as_bytes())
            .unwrap()
            .prepare(&chain, &pool)
            .unwrap();
        replay(&block, &pool, &options).unwrap().record
    });
    let unusable = UnusableFile { file: "cut.json".into(), error: "cut.json: the file: EOF".into() };
    let record = ReplayRecord::new(&options, records.into(), vec![unusable]);
    let mut json: Value = serde_json::from_str(&record.to_json()).unwrap();
    mask(&mut json);
    compare("replay.json", &serde_json::to_string_pretty(&json).unwrap());
}

/// Masks times, ratios of times and what follows from them.
fn mask(json: &mut Value) {
    match json {
        Value::Object(fields) => {
            for (name, value) in fields {
                if name.ends_with("_ns") || name.ends_with("speed_up") {
                    *value = "masked".into();
                } else if name == "critical_path" {
                    value["transactions"] = "masked".into();
                    value["main_location"] = "masked".into();
                }
                mask(value);
            }
        }
        Value::Array(values) => values.iter_mut().for_each(mask),
        _ => {}
    }
}

fn compare(name: &str, text: &str) {
    let path: PathBuf = [env!("CARGO_MANIFEST_DIR"), "tests", "data", name].iter().collect();
    let text = format!("{text}\n");
    if std::env::var_os("MUNDI_UPDATE_GOLDEN").is_some() {
        fs::write(&path, &text).unwrap();
    }
    let golden = fs::read_to_string(&path).unwrap();
    assert_eq!(text, golden, "{name} changed: if that is meant, see the head of this file");
}
