//! `mundi replay` as a user meets it.

use crate::command::{Folder, command, mundi, text};
use serde_json::Value;
use std::{
    fs,
    path::{Path, PathBuf},
    process::Stdio,
};

/// The small block that the replay library made itself.
fn block() -> String {
    let path: PathBuf =
        [env!("CARGO_MANIFEST_DIR"), "..", "..", "lab", "replay", "tests", "data", "block.json"]
            .iter()
            .collect();
    path.display().to_string()
}

impl Folder {
    /// Writes the block with one field changed.
    fn forged(&self, name: &str, pointer: &str, value: Value) -> String {
        let mut file: Value = serde_json::from_str(&fs::read_to_string(block()).unwrap()).unwrap();
        *file.pointer_mut(pointer).unwrap() = value;
        self.file(name, file.to_string().as_bytes())
    }
}

#[test]
fn a_right_block_gives_a_table_and_status_0() {
    let output = mundi(&["replay", &block(), "--threads", "2"]);
    assert_eq!(output.status.code(), Some(0), "{}", text(&output.stderr));
    let table = text(&output.stdout);
    assert!(table.contains("19500000") && table.contains("equal") && !table.contains('\u{1b}'), "{table}");
    assert!(output.stderr.is_empty(), "no progress bar without a terminal");
}

#[test]
fn json_goes_to_programs() {
    let output = mundi(&["replay", &block(), "--output", "json", "--runs", "1", "--mode", "optimistic"]);
    let json: Value = serde_json::from_slice(&output.stdout).unwrap();
    assert_eq!(json["blocks"][0]["mode"], "optimistic");
    assert_eq!(json["totals"]["mismatches"], 0);
}

#[test]
fn a_difference_is_shown_precisely_and_gives_status_1() {
    let folder = Folder::new("difference");
    let file = folder.forged("1.json", "/block/gasUsed", "0x5208".into());
    let output = mundi(&["replay", &file]);
    assert_eq!(output.status.code(), Some(1));
    let table = text(&output.stdout);
    assert!(table.contains("gasUsed: the header says 21000, this execution gives "), "{table}");
}

#[test]
fn an_unusable_file_is_named_and_gives_status_2_while_others_are_replayed() {
    let folder = Folder::new("unusable");
    let file = folder.forged("1.json", "/block/transactions/1/value", "0x4".into());
    let output = mundi(&["replay", &file, &block()]);
    assert_eq!(output.status.code(), Some(2));
    let message = text(&output.stderr);
    assert!(message.contains("1.json: block.transactions[1].from: "), "{message}");
    assert!(text(&output.stdout).contains("19500000"));
    for arguments in [&["replay", "/nowhere/at/all"][..], &["replay"], &["replay", "--mode", "fast", "x"]] {
        let output = mundi(arguments);
        assert_eq!(output.status.code(), Some(2), "{arguments:?}");
        assert!(output.stdout.is_empty() && !output.stderr.is_empty(), "{arguments:?}");
    }
}

#[test]
fn the_page_is_one_file() {
    let folder = Folder::new("page");
    let page = folder.at("page.html");
    let output = mundi(&["replay", &block(), "--report", &page]);
    assert_eq!(output.status.code(), Some(0), "{}", text(&output.stderr));
    let page = fs::read_to_string(page).unwrap();
    assert!(page.starts_with("<!doctype html>") && page.contains("\"number\":19500000"));
}

#[test]
fn a_recorded_schedule_is_repeated() {
    let folder = Folder::new("schedule");
    let schedule = folder.at("schedule.json");
    let output =
        mundi(&["replay", &block(), "--mode", "optimistic", "--threads", "2", "--record", &schedule]);
    assert_eq!(output.status.code(), Some(0), "{}", text(&output.stderr));
    let output = mundi(&["replay", &block(), "--mode", "optimistic", "--schedule", &schedule]);
    assert_eq!(output.status.code(), Some(0), "{}", text(&output.stderr));

    fs::write(&schedule, "{\"version\":1}").unwrap();
    let output = mundi(&["replay", &block(), "--mode", "optimistic", "--schedule", &schedule]);
    assert_eq!(output.status.code(), Some(2));
    assert!(text(&output.stderr).contains("schedule.json"));
    let output = mundi(&["replay", &block(), &block(), "--record", &schedule]);
    assert_eq!(output.status.code(), Some(2));
    assert!(text(&output.stderr).contains("one block"));
}

#[test]
fn a_closed_pipe_is_no_error() {
    let mut child =
        command(&["completions", "bash"]).stdout(Stdio::piped()).stderr(Stdio::piped()).spawn().unwrap();
    drop(child.stdout.take());
    let output = child.wait_with_output().unwrap();
    assert!(output.stderr.is_empty(), "{}", text(&output.stderr));
    assert_eq!(output.status.code(), Some(0));
}

#[test]
fn every_command_shows_examples() {
    for command in [
        &["--help"][..],
        &["replay", "--help"],
        &["replay", "fetch", "--help"],
        &["statetest", "--help"],
        &["blocktest", "--help"],
        &["bench", "execution", "--help"],
        &["completions", "--help"],
        &["dev", "--help"],
        &["node", "--help"],
        &["config", "--help"],
        &["db", "--help"],
        &["sim", "--help"],
        &["sim", "wan", "--help"],
        &["verify", "--help"],
        &["bench", "node", "--help"],
        &["bench", "flood", "--help"],
        &["bench", "net", "--help"],
        &["net", "--help"],
        &["net", "new", "--help"],
        &["net", "dkg", "--help"],
        &["net", "up", "--help"],
        &["net", "down", "--help"],
        &["net", "status", "--help"],
        &["net", "kill", "--help"],
        &["net", "stop", "--help"],
        &["net", "restart", "--help"],
        &["net", "pause", "--help"],
        &["net", "resume", "--help"],
        &["net", "partition", "--help"],
        &["net", "heal", "--help"],
        &["net", "link", "--help"],
    ] {
        let help = text(&mundi(command).stdout);
        assert!(help.contains("Examples:"), "{command:?}: {help}");
    }
}

#[test]
fn a_node_that_is_not_there_gives_status_2() {
    let folder = Folder::new("fetch");
    let output =
        mundi(&["replay", "fetch", "--rpc", "http://127.0.0.1:9/secret", "--out", &folder.at("out"), "1"]);
    assert_eq!(output.status.code(), Some(2));
    let message = text(&output.stderr);
    assert!(message.contains("block 1") && !message.contains("secret"), "{message}");
    assert!(!Path::new(&folder.at("out")).exists());
}
