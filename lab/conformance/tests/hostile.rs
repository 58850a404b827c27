//! Input that is no test, or a wrong one, is told apart from a failure and never panics.

use mundi_conformance::{Config, FailureKind, Kind, Limits, Summary, Workers, run};
use std::{
    io::Write,
    path::{Path, PathBuf},
};

/// A transfer of five wei, for a fork of each shape of block.
const STATE_TEST: &str = r#"{"transfer": {
  "env": {"currentCoinbase": "0x2adc25665018aa1fe0e6bc666dac8fc2697ff9ba", "currentGasLimit": "0x0f4240",
    "currentNumber": "0x01", "currentTimestamp": "0x03e8", "currentDifficulty": "0x020000", "currentBaseFee": "0x07",
    "currentRandom": "0x00", "currentExcessBlobGas": "0x00"},
  "pre": {"0xa94f5374fce5edbc8e2a8697c15331677e6ebf0b":
    {"balance": "0x0de0b6b3a7640000", "code": "0x", "nonce": "0x00", "storage": {}}},
  "transaction": {"data": ["0x"], "gasLimit": ["0x5208"], "gasPrice": "0x0a", "nonce": "0x00", "value": ["0x05"],
    "secretKey": "0x45a915e4d060149eb4365960e6a7a45f334393093061116b197e3240065ff2d8",
    "to": "0x1000000000000000000000000000000000000000"},
  "post": {
    "Frontier": [{"hash": "0x07d40a128f61e1067be8b7f1a3ca5e7f8ded88f05afe37dcbcd2a82acb81b42d",
      "logs": "0x1dcc4de8dec75d7aab85b567b6ccd41ad312451b948a7413f0a142fd40d49347",
      "indexes": {"data": 0, "gas": 0, "value": 0}}],
    "Cancun": [{"hash": "0xafe6e9202afb8d6c8d88aa2d1e79f3342394d8daaa3eddd2192d18fd6acd4d48",
      "logs": "0x1dcc4de8dec75d7aab85b567b6ccd41ad312451b948a7413f0a142fd40d49347",
      "indexes": {"data": 0, "gas": 0, "value": 0}}]}}}"#;

const BLOCK_TEST: &str = r#"{"nothing": {"network": "London", "pre": {}, "genesisRLP": "0xc0", "blocks": [],
  "genesisBlockHeader": {"hash": "0x0000000000000000000000000000000000000000000000000000000000000000"},
  "lastblockhash": "0x0000000000000000000000000000000000000000000000000000000000000000"}}"#;

fn folder(name: &str) -> PathBuf {
    let folder = Path::new(env!("CARGO_TARGET_TMPDIR")).join(name);
    std::fs::create_dir_all(&folder).unwrap();
    folder
}

fn run_path(path: &Path, limits: Limits) -> Summary {
    let pool = |threads| rayon::ThreadPoolBuilder::new().num_threads(threads).build().unwrap();
    let (files, engine) = (pool(2), pool(1));
    let config = Config { limits, ..Config::new([Kind::State, Kind::Block, Kind::Transaction, Kind::Trie]) };
    run(&[path.to_owned()], &config, Workers { files: &files, engine: &engine }, &|_| {})
}

fn run_content(name: &str, content: &[u8]) -> Summary {
    let path = folder("content").join(name);
    std::fs::write(&path, content).unwrap();
    let summary = run_path(&path, Limits::default());
    assert!(summary.failures.iter().all(|failure| !failure.reason.starts_with("panic")), "{summary:?}");
    summary
}

/// Asserts that there is one failure, for unusable input, that says this.
fn assert_malformed(summary: &Summary, message: &str) {
    assert!(summary.unusable());
    let [failure] = &summary.failures[..] else { panic!("expected one failure: {summary:?}") };
    assert_eq!(failure.kind, FailureKind::Malformed, "{failure:?}");
    assert!(failure.reason.contains(message), "{failure:?}");
}

#[test]
fn a_state_test_without_an_encoded_transaction_passes() {
    let summary = run_content("valid.json", STATE_TEST.as_bytes());
    assert!(summary.passed(), "{:#?}", summary.failures);
    assert_eq!(summary.total.vectors, 2);
}

#[test]
fn a_wrong_root_is_a_failure_with_both_values() {
    let wrong = STATE_TEST.replace("\"0x05\"", "\"0x06\"");
    let summary = run_content("wrong.json", wrong.as_bytes());
    assert_eq!((summary.total.failed, summary.total.malformed), (2, 0));
    let failure = &summary.failures[0];
    assert!(
        failure.file.ends_with("wrong.json") && failure.vector == "transfer/Cancun/d0g0v0",
        "{failure:?}"
    );
    assert!(failure.reason.starts_with("state root: expected 0x"), "{failure:?}");
}

#[test]
fn an_expected_exception_must_come() {
    let accepted = STATE_TEST.replace("\"hash\"", "\"expectException\": \"TR_NoFunds\", \"hash\"");
    let summary = run_content("accepted.json", accepted.as_bytes());
    assert!(summary.failures[0].reason.contains("TR_NoFunds"), "{summary:?}");
    let rejected = accepted.replace("0x0de0b6b3a7640000", "0x00");
    assert!(run_content("rejected.json", rejected.as_bytes()).passed());
}

#[test]
fn what_is_no_test_is_malformed() {
    assert_malformed(&run_path(Path::new("/no/such/place"), Limits::default()), "");
    assert_malformed(&run_content("empty.json", b""), "not a test file");
    assert_malformed(&run_content("list.json", b"[1, 2]"), "not a test file");
    assert_malformed(&run_content("deep.json", "[".repeat(100_000).as_bytes()), "not a test file");
    assert_malformed(&run_content("bytes.json", &[0xff; 64]), "not a test file");
    assert_malformed(&run_content("unknown.json", br#"{"a": {"b": 1}}"#), "known kind");
    assert_malformed(&run_content("number.json", br#"{"a": 1}"#), "known kind");
    assert_malformed(&run_content("state.json", br#"{"a": {"post": 1}}"#), "malformed test");
    assert_malformed(&run_content("block.json", br#"{"a": {"blocks": 1}}"#), "malformed test");
    assert_malformed(&run_content("tx.json", br#"{"a": {"txbytes": 1}}"#), "malformed test");
    assert_malformed(&run_content("trie.json", br#"{"a": {"root": 1}}"#), "malformed test");
    assert_malformed(&run_content("genesis.json", BLOCK_TEST.as_bytes()), "genesis");
    let network = BLOCK_TEST.replace("London", "Atlantis");
    assert_malformed(&run_content("network.json", network.as_bytes()), "unknown network 'Atlantis'");
}

#[test]
fn tries_are_bounded() {
    let test = |entries: &[(String, String)]| {
        let entries: Vec<_> =
            entries.iter().map(|(key, value)| format!("[\"{key}\", \"{value}\"]")).collect();
        format!(r#"{{"t": {{"in": [{}], "root": "0x{}"}}}}"#, entries.join(","), "0".repeat(64))
    };
    let key = |bytes: usize| format!("0x{}", "1".repeat(2 * bytes));
    // Each key is the beginning of the next.
    let nested: Vec<_> = (1..=256).map(|bytes| (key(bytes), "v".to_owned())).collect();
    let summary = run_content("nested.json", test(&nested).as_bytes());
    assert!(summary.failures[0].reason.starts_with("root: expected 0x0000"), "{summary:?}");
    let long = test(&[(key(257), "v".to_owned())]);
    assert_malformed(&run_content("long.json", long.as_bytes()), "a key of 257 bytes");
    let many: Vec<_> = (0..1_001).map(|index| (format!("{index:04}"), "v".to_owned())).collect();
    assert_malformed(&run_content("many.json", test(&many).as_bytes()), "more than 1000 changes");
}

#[test]
fn an_index_that_leads_nowhere_is_malformed() {
    let summary = run_content("index.json", STATE_TEST.replace("\"gas\": 0", "\"gas\": 9").as_bytes());
    assert_eq!(summary.total.malformed, 2, "{summary:?}");
}

#[test]
fn cut_or_altered_at_any_byte_it_never_panics() {
    for cut in (0..STATE_TEST.len()).step_by(7) {
        assert!(run_content("cut.json", &STATE_TEST.as_bytes()[..cut]).unusable());
        let mut altered = STATE_TEST.as_bytes().to_vec();
        altered[cut] = b'9';
        run_content("altered.json", &altered);
    }
}

#[test]
fn numbers_at_the_ends_of_their_ranges_never_panic() {
    let greatest = format!("\"0x{}\"", "f".repeat(64));
    for field in [
        "\"0x0f4240\"",
        "\"0x01\"",
        "\"0x03e8\"",
        "\"0x020000\"",
        "\"0x07\"",
        "\"0x0de0b6b3a7640000\"",
        "\"0x5208\"",
        "\"0x0a\"",
        "\"0x05\"",
        "\"0x00\"",
    ] {
        run_content("greatest.json", STATE_TEST.replace(field, &greatest).as_bytes());
    }
}

#[test]
fn archives_are_bounded_and_may_be_broken() {
    let path = folder("archives").join("tests.tar.gz");
    let file = std::fs::File::create(&path).unwrap();
    let mut archive = tar::Builder::new(flate2::write::GzEncoder::new(file, flate2::Compression::fast()));
    for name in ["a/one.json", "b/two.json", "b/.hidden.json", "b/readme.txt"] {
        let mut header = tar::Header::new_gnu();
        header.set_size(STATE_TEST.len() as u64);
        archive.append_data(&mut header, name, STATE_TEST.as_bytes()).unwrap();
    }
    archive.into_inner().unwrap().finish().unwrap();

    let summary = run_path(&path, Limits::default());
    assert!(summary.passed(), "{summary:?}");
    assert_eq!((summary.folders.len(), summary.total.files, summary.total.vectors), (2, 2, 4));

    let small = run_path(&path, Limits { file_bytes: 100, ..Limits::default() });
    assert_eq!(small.total.malformed, 2);
    assert!(small.failures[0].reason.contains("larger than 100 bytes"), "{small:?}");
    let short = run_path(&path, Limits { archive_bytes: 3_000, ..Limits::default() });
    assert!(short.unusable());
    let few = run_path(&path, Limits { entries: 1, ..Limits::default() });
    assert!(few.unusable() && few.total.passed == 2, "{few:?}");

    let bytes = std::fs::read(&path).unwrap();
    for (name, content) in [("cut.tar.gz", &bytes[..bytes.len() / 2]), ("noise.tar.gz", &[7; 1_000][..])] {
        let broken = path.with_file_name(name);
        std::fs::File::create(&broken).unwrap().write_all(content).unwrap();
        assert!(run_path(&broken, Limits::default()).unusable(), "{name}");
    }
}
