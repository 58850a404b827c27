//! `mundi import` as a user meets it.

use crate::command::{Folder, command, conformance_folder, expect};
use std::{
    io::Write as _,
    process::{Child, Command, Output, Stdio},
};

/// A folder with the files of the conformance chain.
struct ChainFolder(Folder);

impl std::ops::Deref for ChainFolder {
    type Target = Folder;

    fn deref(&self) -> &Folder {
        &self.0
    }
}

impl ChainFolder {
    /// `None` without the fixtures.
    fn new(name: &str) -> Option<Self> {
        conformance_folder(name).map(Self)
    }

    fn command(&self, arguments: &[&str]) -> Command {
        let mut command = command(&["import", "--datadir", &self.at("data")]);
        command.args(arguments);
        command
    }

    fn import(&self, arguments: &[&str]) -> Output {
        self.command(arguments).output().unwrap()
    }

    /// What the last line about the tip says when the whole chain is in.
    fn tip(&self) -> String {
        let head: serde_json::Value = serde_json::from_slice(&self.read("headfcu.json")).unwrap();
        format!("tip 54 {}", head["params"][0]["headBlockHash"].as_str().unwrap())
    }

    /// Where each block ends.
    fn ends(&self) -> Vec<usize> {
        let chain = self.read("chain.rlp");
        let mut ends = Vec::new();
        while ends.last().is_none_or(|end| *end < chain.len()) {
            let start = ends.last().copied().unwrap_or_default();
            let length = alloy_rlp::Header::decode(&mut &chain[start..]).unwrap().length_with_payload();
            ends.push(start + length);
        }
        ends
    }
}

#[test]
fn a_chain_is_imported_and_goes_on_where_it_ended() {
    let Some(folder) = ChainFolder::new("whole") else { return };
    let (genesis, chain) = (folder.at("genesis.json"), folder.at("chain.rlp"));
    let bytes = folder.read("chain.rlp");
    let (first, second) = bytes.split_at(folder.ends()[20]);
    let pieces = [folder.file("1.rlp", first), folder.file("2.rlp", second)];

    let output = folder.import(&["--genesis", &genesis, &pieces[0], "--threads", "2"]);
    expect(&output, 0, "21 blocks imported, 0 known before", "");
    let output = folder.import(&[
        &pieces[0],
        &pieces[1],
        "--mode",
        "optimistic",
        "--history",
        "full",
        "--cache",
        "16MiB",
    ]);
    expect(&output, 0, "33 blocks imported, 21 known before", "");
    expect(&output, 0, &folder.tip(), "");
    expect(&output, 0, "execute", "");
    expect(&folder.import(&["--genesis", &genesis, &chain]), 0, "0 blocks imported, 54 known before", "");
}

#[test]
fn compressed_files_and_standard_input_are_read() {
    let Some(folder) = ChainFolder::new("packed") else { return };
    let bytes = folder.read("chain.rlp");
    let (first, second) = bytes.split_at(folder.ends()[30]);
    let mut packed = flate2::write::GzEncoder::new(Vec::new(), flate2::Compression::fast());
    packed.write_all(first).unwrap();
    let packed = packed.finish().unwrap();
    let output = folder.import(&["--genesis", &folder.at("genesis.json"), &folder.file("1.gz", &packed)]);
    expect(&output, 0, "31 blocks imported", "");
    let cut = folder.file("2.gz", &packed[..packed.len() - 20]);
    expect(&folder.import(&[&cut]), 2, "0 blocks imported", "2.gz: cannot read on after byte");

    let mut child = folder.command(&["-"]).stdin(Stdio::piped()).stdout(Stdio::piped()).spawn().unwrap();
    child.stdin.take().unwrap().write_all(second).unwrap();
    expect(&child.wait_with_output().unwrap(), 0, &folder.tip(), "");
}

#[test]
fn a_bad_block_ends_the_import_with_status_1() {
    let Some(folder) = ChainFolder::new("bad") else { return };
    let mut bytes = folder.read("chain.rlp");
    let genesis = folder.at("genesis.json");
    let ends = folder.ends();
    let cut = folder.file("cut.rlp", &bytes[..ends[11] - 1]);
    let output = folder.import(&["--genesis", &genesis, &cut]);
    expect(&output, 1, "tip 11 0x", "cut.rlp: the file is cut off: the block at byte");
    // The state root stands after two hashes and an address.
    bytes[ends[11] + 3 + 2 * 33 + 21 + 20] ^= 1;
    let bad = folder.file("bad.rlp", &bytes);
    let output = folder.import(&[&bad, &folder.at("chain.rlp")]);
    expect(&output, 1, "1 blocks imported, 11 known before", "bad.rlp: block 13: stateRoot: expected 0x");
    expect(&output, 1, "tip 12 0x", ", got 0x");
}

#[test]
fn mistakes_get_one_line_and_status_2() {
    let Some(folder) = ChainFolder::new("mistakes") else { return };
    let (genesis, chain) = (folder.at("genesis.json"), folder.at("chain.rlp"));
    let refused = |arguments: &[&str], message: &str| {
        let output = folder.import(arguments);
        expect(&output, 2, "", message);
        assert!(output.stdout.is_empty());
        let stderr = String::from_utf8(output.stderr).unwrap();
        assert!(stderr.starts_with("error: "), "{stderr}");
    };
    refused(&[], "required arguments");
    refused(&[&chain], "begin it with --genesis GENESIS.json");
    refused(&["nowhere.rlp"], "cannot read nowhere.rlp");
    refused(&[&folder.at("")], "is a folder: name files of blocks");
    refused(&["--genesis", "nowhere.json", &chain], "cannot read the genesis file nowhere.json");
    refused(&["--cache", "lots", &chain], "as in 512MiB or 4GB");
    refused(&["--history", "some", &chain], "expected `full` or a number of blocks");
    refused(&["--mode", "access-list", &chain], "invalid value 'access-list'");
    let text = String::from_utf8(folder.read("genesis.json")).unwrap();
    let typo =
        folder.file("typo.json", text.replace("\"berlinBlock\": 24", "\"berlinBlock\": \"x\"").as_bytes());
    refused(
        &["--genesis", &typo, &chain],
        "typo.json is no genesis file that can be used: config.berlinBlock",
    );
    assert!(!folder.0.0.join("data").exists(), "nothing is made before all is read");

    expect(&folder.import(&["--genesis", &genesis, &chain]), 0, &folder.tip(), "");
    let other = text.replace("\"timestamp\": \"0x0\"", "\"timestamp\": \"0x1\"");
    let other = folder.file("other.json", other.as_bytes());
    refused(&["--genesis", &other, &chain], "another --datadir holds another chain");
    // Still the right one.
    expect(&folder.import(&[&chain]), 0, "54 known before", "");
    // Another schedule of the same chain is kept for the next time.
    let later = text.replace("\"bpo2Time\": 540,", "\"bpo2Time\": 540, \"colour\": 1,");
    let later = folder.file("later.json", later.as_bytes());
    expect(&folder.import(&["--genesis", &later, &chain]), 0, "", "config.colour means nothing here");
    expect(&folder.import(&[&chain]), 0, "", "config.colour means nothing here");
}

#[cfg(unix)]
#[test]
fn an_interrupt_ends_the_import_cleanly() {
    let Some(folder) = ChainFolder::new("interrupt") else { return };
    let bytes = folder.read("chain.rlp");
    let ends = folder.ends();
    let genesis = folder.at("genesis.json");
    let mut child: Child = folder
        .command(&["--genesis", &genesis, "-"])
        .stdin(Stdio::piped())
        .stdout(Stdio::piped())
        .stderr(Stdio::piped())
        .spawn()
        .unwrap();
    let mut stdin = child.stdin.take().unwrap();
    stdin.write_all(&bytes[..ends[9]]).unwrap();
    // When the chain's folder is there, signals are listened for.
    while !folder.0.0.join("data").join("genesis.json").exists() {
        std::thread::yield_now();
    }
    let sent = Command::new("kill").args(["-INT", &child.id().to_string()]).status().unwrap();
    assert!(sent.success());
    // It waits for this block before it can end. If it has ended by then, nobody reads it.
    let _ = stdin.write_all(&bytes[ends[9]..ends[10]]);
    let _ = stdin.flush();
    let output = child.wait_with_output().unwrap();
    drop(stdin);
    expect(&output, 130, "blocks imported", "stopped; the same command goes on from here");
    expect(&folder.import(&[&folder.at("chain.rlp")]), 0, &folder.tip(), "");
}
