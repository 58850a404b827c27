//! What newcomers do wrong: each mistake gets one line that says what to do, and status 2.

use crate::command::{Folder, mundi, refused};
use std::path::PathBuf;

#[test]
fn paths_that_lead_nowhere() {
    let empty = Folder::new("empty");
    refused(&["replay"], "required arguments");
    refused(&["replay", "nowhere"], "nowhere: no such file or folder");
    refused(&["replay", "19426587"], "`mundi replay fetch --rpc URL 19426587` makes one");
    refused(&["replay", &empty.path()], "no block files here (expected *.json or *.json.gz)");
    refused(&["statetest", "nowhere"], "nowhere: no such file or folder");
    refused(&["statetest", &empty.path()], "there are no tests here");
    refused(&["bench", "execution", "--blocks", "nowhere"], "nowhere: no such file or folder");
}

#[test]
fn files_that_are_something_else() {
    let folder = Folder::new("else");
    refused(&["replay", &folder.file("a.json", b"hello")], "a.json: the file: is not JSON");
    refused(&["replay", &folder.file("b.json", b"{}")], "no block file as `mundi replay fetch` makes them");
    refused(&["replay", &folder.file("c.json", b"")], "c.json: the file: is empty");
    refused(
        &["replay", &folder.file("d.json.gz", b"\x1f\x8b?")],
        "starts as gzip does, but is damaged or cut",
    );
    refused(&["statetest", &folder.file("e.json", b"hello")], "e.json: not a test file");
    let trie = folder.file("trie.json", br#"{"t": {"in": {}, "root": "0x00"}}"#);
    refused(&["statetest", &trie], "another kind: try `mundi blocktest`");
    refused(
        &["blocktest", &trie, "--filter", "none of these"],
        "no vector here has 'none of these' in its name",
    );
    refused(&["blocktest", "--store=nowhere", &trie], "there is no folder nowhere for the stores");
}

#[test]
fn values_out_of_range() {
    refused(&["replay", "x", "--threads", "0"], "a whole number from 1 to 1024");
    refused(&["replay", "x", "--threads", "99999"], "a whole number from 1 to 1024");
    refused(&["replay", "x", "--runs", "0"], "a whole number from 1 on");
    refused(&["replay", "x", "--mode", "fast"], "invalid value 'fast'");
    refused(&["replay", "fetch", "--rpc", "localhost", "1"], "starts with http:// or https://");
    refused(
        &["replay", "fetch", "--rpc", "http://localhost", "latest"],
        "the number of a block, as in 19426587",
    );
    refused(&["bench", "execution", "--only", "nonsense"], "their names are transfers/independent");
    refused(&["bench", "execution", "--only", "none"], "nothing to measure");
    refused(&["bench", "execution", "--cold-read-us", "0"], "not in 1..=1000000");
    refused(&["bench", "execution", "--cold-read-us", "5", "--no-cold"], "cannot be used with");
}

#[test]
fn targets_that_cannot_be_written_are_found_before_the_work() {
    let folder = Folder::new("target");
    let block = folder.file("1.json", b"never read");
    refused(&["replay", &block, "--report", &folder.path()], "it is a folder; name a file in it");
    refused(&["replay", &block, "--report", &format!("{}/no/r.html", folder.path())], "there is no folder");
    let record = format!("{}/run.json", folder.path());
    refused(&["replay", &block, "--record", &record, "--mode", "sequential"], "needs a parallel mode");
    assert!(!PathBuf::from(record).exists());
}

#[test]
fn skipped_vectors_are_counted_with_their_reason() {
    let folder = Folder::new("skips");
    let file = folder.file("loopMul.json", br#"{"t": {"in": {}, "root": "0x00"}}"#);
    let output = mundi(&["blocktest", &file, "--skip-slow"]);
    let table = String::from_utf8(output.stdout).unwrap();
    assert!(
        table.contains("1 skipped, as ") && table.contains("loopMul.json::t: left out, as asked"),
        "{table}"
    );
    assert_eq!(output.status.code(), Some(0));
}

#[test]
fn slow_reads_are_as_slow_as_asked() {
    let arguments =
        ["bench", "execution", "--quick", "--only", "transfers/serial", "--runs", "1", "--threads", "2"];
    let output = mundi(&[&arguments[..], &["--cold-read-us", "7", "--output", "json"]].concat());
    let json: serde_json::Value = serde_json::from_slice(&output.stdout).unwrap();
    assert_eq!(json["cold"][0]["cold_reads"][0], 7);
    assert_eq!(json["generated"][0]["name"], "transfers/serial");
}
