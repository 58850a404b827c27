//! Block files that are broken or forged give an error that names file and field, and never a panic.

mod support;

use mundi_chain::ChainSpec;
use mundi_replay::{
    BlockFile, FieldError, InputError, ReplayError, ReplayOptions, Replayed, block_files, replay,
};
use serde_json::{Value, json};
use std::{
    fs,
    io::Write as _,
    num::NonZeroUsize,
    path::{Path, PathBuf},
};

fn load(file: &Value) -> Result<mundi_replay::ReplayBlock, InputError> {
    let path = Path::new("forged.json");
    let file = BlockFile::parse(path, file.to_string().as_bytes())
        .map_err(|source| InputError::Field { path: path.to_owned(), source })?;
    file.prepare(&ChainSpec::mainnet(), &support::pool())
}

fn run(file: &Value) -> Result<Replayed, ReplayError> {
    let options =
        ReplayOptions { runs: NonZeroUsize::MIN, ..ReplayOptions::new(NonZeroUsize::new(2).unwrap()) };
    replay(&load(file)?, &support::pool(), &options)
}

/// Loads the synthetic block with the value at `pointer` replaced, and expects an error in `field`.
fn rejects(pointer: &str, value: Value, field: &str) {
    let mut file = support::synthetic();
    *file.pointer_mut(pointer).unwrap_or_else(|| panic!("there is no {pointer}")) = value.clone();
    match load(&file) {
        Err(error @ InputError::Field { .. }) => {
            let text = error.to_string();
            assert!(text.starts_with("forged.json: "), "{text}");
            assert!(text.contains(field), "{pointer} = {value}: expected {field} in: {text}");
        }
        other => panic!("{pointer} = {value}: {other:?}"),
    }
}

#[test]
fn the_block_as_made_is_right() {
    let replayed = run(&support::synthetic()).unwrap();
    assert!(replayed.record.is_right(), "{:#?}", replayed.record.differences);
    assert_eq!(
        replayed.record.checked,
        ["gasUsed", "logsBloom", "receiptsRoot", "withdrawalsRoot", "blobGasUsed"]
    );
    assert!(replayed.graph.dependencies.len() >= 3);
}

#[test]
fn broken_values_are_named() {
    let huge = format!("0x1{}", "0".repeat(64));
    rejects("/block/gasUsed", json!("0xzz"), "block.gasUsed");
    rejects("/block/gasUsed", json!("0x10000000000000000"), "block.gasUsed");
    rejects("/block/difficulty", json!(huge), "block.difficulty");
    rejects("/block/number", Value::Null, "block.number");
    rejects("/block/hash", json!("0x12"), "block.hash");
    rejects("/block/transactions", json!({}), "block.transactions");
    rejects("/block/transactions/1/value", json!(huge), "block.transactions[1].value");
    rejects("/block/transactions/1/to", json!("0x12"), "block.transactions[1].to");
    rejects("/block/transactions/1/r", json!("0x"), "block.transactions[1]");
    rejects("/block/transactions/1/type", json!("0x7e"), "block.transactions[1]");
    rejects("/block/transactions/1", json!(format!("0x{}", "1".repeat(64))), "block.transactions[1]");
    rejects("/block/withdrawals/0/amount", json!("many"), "block.withdrawals[0].amount");
    rejects("/pre_state", json!([]), "pre_state");
    let file = support::synthetic();
    let (address, _) = file["pre_state"]
        .as_object()
        .unwrap()
        .iter()
        .find(|(_, account)| account["code"].is_string())
        .unwrap();
    let account = format!("/pre_state/{address}");
    rejects(&format!("{account}/balance"), json!(huge), "balance");
    rejects(&format!("{account}/balance"), json!("12"), "balance");
    rejects(&format!("{account}/nonce"), json!("0x1"), "nonce");
    rejects(&format!("{account}/nonce"), json!(-1), "nonce");
    rejects(&format!("{account}/nonce"), json!(1e30), "nonce");
    rejects(&format!("{account}/code"), json!("0x123"), "code");
    rejects(&format!("{account}/storage"), json!({ "0x1": huge }), "storage");
    rejects(&format!("{account}/storage"), json!({ "slot": "0x1" }), "storage");
    rejects(&format!("{account}/storage"), json!({ "0x1": "0x1", "0x01": "0x2" }), "0x1 appears twice");
    rejects("/block_hashes", json!({ "latest": "0x1" }), "block_hashes");
    rejects("/block_hashes", json!({ "1": huge }), "block_hashes");
}

#[test]
fn parts_that_do_not_belong_together_are_named() {
    let somebody = json!("0x0000000000000000000000000000000000000001");
    rejects("/block/transactions/1/from", somebody, "block.transactions[1].from");
    rejects(
        "/block/transactions/1/hash",
        json!(format!("0x{}", "1".repeat(64))),
        "block.transactions[1].hash",
    );
    rejects("/block/transactions/1/value", json!("0x4"), "block.transactions[1].from");
    rejects("/block/transactionsRoot", json!(format!("0x{}", "1".repeat(64))), "block.transactionsRoot");
    rejects("/block/sha3Uncles", json!(format!("0x{}", "1".repeat(64))), "block.uncles");
    let mut file = support::synthetic();
    file["block"]["transactions"].as_array_mut().unwrap().pop();
    assert!(load(&file).unwrap_err().to_string().contains("block.transactionsRoot"));
}

#[test]
fn unknown_and_missing_fields_are_named() {
    let mut file = support::synthetic();
    file["blockHashes"] = json!({});
    assert!(load(&file).unwrap_err().to_string().contains("blockHashes"));
    for field in ["block", "pre_state"] {
        let mut file = support::synthetic();
        file.as_object_mut().unwrap().remove(field);
        assert!(load(&file).unwrap_err().to_string().contains(field));
    }
}

#[test]
fn a_forged_figure_of_the_header_is_a_difference_with_both_values() {
    let mut file = support::synthetic();
    file["block"]["gasUsed"] = json!("0x5208");
    let record = run(&file).unwrap().record;
    let text = record.differences[0].to_string();
    assert!(text.starts_with("gasUsed: the header says 21000, this execution gives "), "{text}");

    let mut file = support::synthetic();
    file["block"]["receiptsRoot"] = json!(format!("0x{}", "1".repeat(64)));
    assert_eq!(run(&file).unwrap().record.differences[0].field, "receiptsRoot");

    let mut file = support::synthetic();
    file["block"]["withdrawals"][0]["amount"] = json!("0x1");
    assert_eq!(run(&file).unwrap().record.differences[0].field, "withdrawalsRoot");
}

#[test]
fn a_forged_field_that_execution_does_not_show_makes_the_file_unusable() {
    for (field, value) in [("stateRoot", json!(format!("0x{}", "1".repeat(64)))), ("extraData", json!("0x"))]
    {
        let mut file = support::synthetic();
        file["block"][field] = value;
        let Err(ReplayError::Input(InputError::Field { source: FieldError { field, .. }, .. })) = run(&file)
        else {
            panic!("{field} was forged")
        };
        assert_eq!(field, "block.hash");
    }
}

#[test]
fn a_state_on_which_the_block_is_invalid_is_a_difference_that_names_the_transaction() {
    let mut file = support::synthetic();
    let sender = file["block"]["transactions"][1]["from"].as_str().unwrap().to_lowercase();
    for (address, account) in file["pre_state"].as_object_mut().unwrap() {
        if address.to_lowercase() == sender {
            account["balance"] = json!("0x1");
        }
    }
    let record = run(&file).unwrap().record;
    assert_eq!(record.differences[0].transaction.map(|index| index.0), Some(1));
}

#[test]
fn a_file_without_a_hash_that_the_block_reads_is_incomplete() {
    let mut file = support::synthetic();
    file["block_hashes"] = json!({});
    let error = run(&file).unwrap_err().to_string();
    assert!(error.contains("pre_state: is incomplete") && error.contains("19499998"), "{error}");
}

#[test]
fn truncated_files_are_errors_wherever_they_end() {
    let whole = support::synthetic().to_string();
    for end in (0..whole.len()).step_by(97) {
        assert!(BlockFile::parse(Path::new("cut.json"), &whole.as_bytes()[..end]).is_err());
    }
}

#[test]
fn bytes_that_are_no_json_are_errors() {
    let deep = "[".repeat(100_000);
    let nested = format!("{{\"block\":{deep}");
    for bytes in [
        &b""[..],
        b"\0",
        b"\xff\xfe",
        b"null",
        b"[]",
        b"{}",
        b"{\"block\":1}",
        deep.as_bytes(),
        nested.as_bytes(),
    ] {
        assert!(BlockFile::parse(Path::new("junk"), bytes).is_err());
    }
}

#[test]
fn gzip_is_recognised_by_its_contents_and_bounded() {
    let folder = Folder::new("gzip");
    let json = support::synthetic().to_string();
    let compress = |bytes: &[u8]| {
        let mut encoder = flate2::write::GzEncoder::new(Vec::new(), flate2::Compression::fast());
        encoder.write_all(bytes).unwrap();
        encoder.finish().unwrap()
    };
    let packed = compress(json.as_bytes());
    assert_eq!(BlockFile::read(&folder.write("1.json", &packed)).unwrap().number(), 19_500_000);
    assert_eq!(BlockFile::read(&folder.write("2.json.gz", json.as_bytes())).unwrap().number(), 19_500_000);
    let cut = folder.write("cut.json.gz", &packed[..packed.len() / 2]);
    let error = BlockFile::read(&cut).unwrap_err();
    assert!(matches!(error, InputError::Io { .. }) && error.to_string().contains("cut.json.gz"), "{error}");
    let junk = folder.write("junk.json.gz", &[0x1f, 0x8b, 0xff, 0xff]);
    assert!(matches!(BlockFile::read(&junk), Err(InputError::Io { .. })));
}

#[test]
fn folders_give_their_block_files_in_order_of_number() {
    let folder = Folder::new("folder");
    for name in ["10.json", "9.json.gz", "deep/11.json", "notes.txt", ".hidden.json"] {
        folder.write(name, b"{}");
    }
    let found = block_files(std::slice::from_ref(&folder.0)).unwrap();
    assert_eq!(found, ["9.json.gz", "10.json", "deep/11.json"].map(|name| folder.0.join(name)));
    fs::create_dir(folder.0.join("empty")).unwrap();
    assert!(matches!(block_files(&[folder.0.join("empty")]), Err(InputError::NoBlocks { .. })));
    assert!(matches!(block_files(&[folder.0.join("absent")]), Err(InputError::Io { .. })));
}

/// A folder that goes with the test.
struct Folder(PathBuf);

impl Folder {
    fn new(name: &str) -> Self {
        let path = std::env::temp_dir().join(format!("mundi-replay-{name}-{}", std::process::id()));
        let _ = fs::remove_dir_all(&path);
        fs::create_dir_all(&path).unwrap();
        Self(path)
    }

    fn write(&self, name: &str, bytes: &[u8]) -> PathBuf {
        let path = self.0.join(name);
        fs::create_dir_all(path.parent().unwrap()).unwrap();
        fs::write(&path, bytes).unwrap();
        path
    }
}

impl Drop for Folder {
    fn drop(&mut self) {
        let _ = fs::remove_dir_all(&self.0);
    }
}

proptest::proptest! {
    #![proptest_config(proptest::prelude::ProptestConfig { cases: 64, ..Default::default() })]

    /// Whatever happens to one byte, there is a result or an error.
    #[test]
    fn no_changed_byte_causes_a_panic(at in 0_usize..20_000, byte in 32_u8..127) {
        let mut json = support::synthetic().to_string().into_bytes();
        let at = at % json.len();
        json[at] = byte;
        if let Ok(file) = BlockFile::parse(Path::new("changed"), &json)
            && let Ok(block) = file.prepare(&ChainSpec::mainnet(), &support::pool())
        {
            let options = ReplayOptions { runs: NonZeroUsize::MIN, ..ReplayOptions::new(NonZeroUsize::MIN) };
            let _ = replay(&block, &support::pool(), &options);
        }
    }
}
