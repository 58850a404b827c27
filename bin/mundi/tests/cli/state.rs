//! `mundi state` as a user meets it.

use crate::command::{Folder, command, conformance_folder, expect, fixtures, mundi, text};
use mundi_state::{Config, Store};
use serde_json::Value;
use std::{
    fs,
    io::Write as _,
    path::{Path, PathBuf},
    process::{Command, Output, Stdio},
};

/// Blocks of the chain that most tests are about.
const BLOCKS: u64 = 45;

impl Folder {
    /// With a generated chain in `chain`, of which so many blocks are imported into `data`.
    fn with_chain(name: &str, imported: usize) -> Self {
        let folder = Self::new(name);
        let blocks = BLOCKS.to_string();
        let size = ["--blocks", &blocks, "--transactions", "8", "--senders", "4", "--seed", "11"];
        expect(&mundi(&[&["generate", "--out", &folder.at("chain")][..], &size].concat()), 0, "head 45", "");
        let chain = fs::read(folder.0.join("chain/chain.rlp")).unwrap();
        let mut end = 0;
        for _ in 0..imported {
            end += alloy_rlp::Header::decode(&mut &chain[end..]).unwrap().length_with_payload();
        }
        fs::write(folder.0.join("first.rlp"), &chain[..end]).unwrap();
        fs::write(folder.0.join("rest.rlp"), &chain[end..]).unwrap();
        let genesis = folder.at("chain/genesis.json");
        let import =
            ["import", "--datadir", &folder.at("data"), "--genesis", &genesis, &folder.at("first.rlp")];
        expect(&mundi(&import), 0, &format!("tip {imported} 0x"), "");
        folder
    }

    /// `mundi state` on the store in `data`.
    fn state(&self, arguments: &[&str]) -> Output {
        self.state_in("data", arguments)
    }

    fn state_in(&self, store: &str, arguments: &[&str]) -> Output {
        mundi(&[&["state"], arguments, &["--datadir", &self.at(store)]].concat())
    }

    fn json(&self, arguments: &[&str]) -> Value {
        let output = self.state(&[arguments, &["--json"]].concat());
        assert_eq!(output.status.code(), Some(0), "{}", text(&output.stderr));
        serde_json::from_slice(&output.stdout).unwrap()
    }
}

/// An account of the genesis.
fn first_account(folder: &Folder) -> String {
    let genesis: Value =
        serde_json::from_slice(&fs::read(folder.0.join("chain/genesis.json")).unwrap()).unwrap();
    let (address, _) = genesis["alloc"].as_object().unwrap().iter().next().unwrap();
    if address.starts_with("0x") { address.clone() } else { format!("0x{address}") }
}

/// An account with storage in the newest state, and a slot of it that is not zero.
fn contract(folder: &Folder) -> (String, String) {
    let genesis: Value =
        serde_json::from_slice(&fs::read(folder.0.join("chain/genesis.json")).unwrap()).unwrap();
    for (address, _) in genesis["alloc"].as_object().unwrap() {
        let slots = ["0", "1", "2", "3", "0x4", "5", "6", "7"];
        let found = folder.json(&[&["get", address][..], &slots].concat());
        let held = found["storage"].as_array().unwrap().iter().find(|slot| slot["value"] != "0x0");
        if let Some(slot) = held {
            return (address.clone(), slot["key"].as_str().unwrap().to_owned());
        }
    }
    panic!("no contract in the genesis has storage");
}

#[test]
fn an_account_and_its_slots_are_printed_and_proven() {
    let folder = Folder::with_chain("get", BLOCKS as usize);
    let (address, slot) = contract(&folder);
    let output = folder.state(&["get", &address, &slot, "0x1234567"]);
    expect(&output, 0, "block     45 0x", "");
    for line in
        ["balance   ", " ETH)", "nonce     ", "code      ", "storage   root 0x", "slot 19088743\n  = 0x0000"]
    {
        assert!(text(&output.stdout).contains(line), "{line}: {}", text(&output.stdout));
    }
    let output = folder.state(&["get", &address, &slot, "19088743", "--proof"]);
    expect(&output, 0, "proof of the account, ", "");
    expect(&output, 0, "the proof holds against state root 0x", "");

    let proof = folder.json(&["get", &address, &slot, "19088743", "--proof"]);
    let plain = folder.json(&["get", &address, &slot, "19088743"]);
    for field in ["balance", "nonce", "codeHash", "storageHash"] {
        assert_eq!(proof[field], plain[field], "{field}");
    }
    assert_eq!(proof["storageProof"][0]["key"], slot.as_str());
    assert_ne!(proof["storageProof"][0]["value"], "0x0");
    assert_eq!(proof["storageProof"][1]["value"], "0x0");
    let mut fields: Vec<_> = proof.as_object().unwrap().keys().cloned().collect();
    fields.sort();
    let wanted = ["accountProof", "address", "balance", "codeHash", "nonce", "storageHash", "storageProof"];
    assert_eq!(fields, wanted);

    let absent = "0x00000000000000000000000000000000deadbeef";
    expect(&folder.state(&["get", absent, "--proof"]), 0, "there is no such account in this state", "");
    assert_eq!(folder.json(&["get", absent])["exists"], false);

    // By number and by hash, of a block that is kept.
    let hash = folder.json(&["get", &address, "--block", "20"])["blockHash"].as_str().unwrap().to_owned();
    let by_hash = folder.json(&["get", &address, "--block", &hash]);
    assert_eq!(by_hash, folder.json(&["get", &address, "--block", "0x14"]));
    assert_eq!(by_hash["blockNumber"], "0x14");
    let output = folder.state(&["get", &address, "--block", "20", "--proof"]);
    expect(&output, 0, "the proof holds against state root 0x", "");
}

#[test]
fn what_cannot_be_got_is_said_in_one_line() {
    let folder = Folder::with_chain("refused", 30);
    let address = first_account(&folder);
    let refused = |arguments: &[&str], message: &str| {
        let output = folder.state(arguments);
        expect(&output, 2, "", message);
        assert!(output.stdout.is_empty() && text(&output.stderr).starts_with("error: "));
    };
    refused(&["get", "0x1234"], "expected 20 bytes");
    refused(&["get", "0x00000000219aB540356cBB839Cbe05303d7705Fa"], "do not fit (EIP-55)");
    refused(&["get", &address, "ten"], "decimal or with 0x");
    refused(&["get", &address, "--block", "31"], "no state for block 31: kept are 0 to 30");
    refused(&["get", &address, "--block", &format!("0x{}", "1".repeat(64))], "there is no block 0x1111");
    refused(&["get", &address, "--block", "newest"], "its hash, or `latest`");
    for command in [&["get", &address][..], &["stats"], &["verify"], &["export", &folder.at("x.bin")]] {
        let output = folder.state_in("nowhere", command);
        expect(&output, 2, "", "holds no store");
        assert!(!folder.0.join("nowhere").exists() && !folder.0.join("x.bin").exists());
    }
    {
        let pool = rayon::ThreadPoolBuilder::new().num_threads(1).build().unwrap();
        let _store = Store::open(&folder.0.join("data"), &Config::default(), &pool).unwrap();
        refused(&["get", &address], "in use by another process");
        refused(&["stats"], "in use by another process");
        refused(&["verify"], "in use by another process");
        refused(&["export", &folder.at("x.bin")], "in use by another process");
    }
    refused(&["export", &folder.at("data")], "it is a folder; name a file in it");
    refused(&["export", &folder.at("no/x.bin")], "there is no folder");
    refused(&["import", &folder.at("x.bin")], "cannot read");
    refused(&["import", &folder.at("first.rlp")], "holds a store already");
}

#[test]
fn sizes_are_told() {
    let folder = Folder::with_chain("stats", BLOCKS as usize);
    let output = folder.state(&["stats"]);
    for line in ["block on disk  45", "accounts", "write-ahead log", "together", "states from    0"] {
        expect(&output, 0, line, "");
    }
    let stats = folder.json(&["stats", "--count"]);
    assert_eq!(stats["persisted"], 45);
    let tables = stats["tables"].as_array().unwrap();
    let keys =
        |name: &str| tables.iter().find(|table| table["name"] == name).unwrap()["keys"].as_u64().unwrap();
    assert_eq!(keys("headers"), 46);
    assert!(keys("accounts") > 4 && tables.iter().all(|table| table["counted"] == true));
    assert!(stats["accounts"]["least"].as_f64().unwrap() > 33.0);
}

#[test]
fn a_sound_store_is_verified_and_a_damaged_one_is_not() {
    let folder = Folder::with_chain("verify", BLOCKS as usize);
    let output = folder.state(&["verify"]);
    expect(&output, 0, "sound; state root 0x", "");
    // The state goes through a file, so that all of it is in the tables.
    expect(&folder.state(&["export", &folder.at("state.bin")]), 0, "block 45 0x", "");
    expect(
        &folder.state_in("other", &["import", &folder.at("state.bin")]),
        0,
        "block 45 0x",
        "goes on from here",
    );
    let output = folder.state_in("other", &["verify", "--json"]);
    let report: Value = serde_json::from_slice(&output.stdout).unwrap();
    assert_eq!((&report["sound"], &report["block"]), (&Value::Bool(true), &Value::from(45)));

    // One bit of the largest file.
    let mut files = Vec::new();
    walk(&folder.0.join("other/tables"), &mut files);
    let (length, largest) = files.iter().map(|path| (fs::metadata(path).unwrap().len(), path)).max().unwrap();
    let mut bytes = fs::read(largest).unwrap();
    bytes[length as usize / 2] ^= 4;
    fs::write(largest, bytes).unwrap();
    let output = folder.state_in("other", &["verify"]);
    assert_eq!(output.status.code(), Some(2), "{}{}", text(&output.stdout), text(&output.stderr));
    assert!(text(&output.stderr).contains(&largest.display().to_string()), "{}", text(&output.stderr));
}

fn walk(folder: &Path, files: &mut Vec<PathBuf>) {
    for entry in fs::read_dir(folder).unwrap().map(|entry| entry.unwrap().path()) {
        if entry.is_dir() { walk(&entry, files) } else { files.push(entry) }
    }
}

#[test]
fn a_state_is_carried_elsewhere_and_the_chain_goes_on() {
    let folder = Folder::with_chain("carry", 30);
    let file = folder.at("state.bin");
    let output = folder.state(&["export", &file]);
    expect(&output, 0, "block 30 0x", "");
    let told = text(&output.stdout);
    let hash = told.lines().next().unwrap().strip_prefix("block 30 ").unwrap();
    let genesis = folder.at("chain/genesis.json");

    let zeros = format!("0x{}", "0".repeat(64));
    let other_block = folder.state_in("new", &["import", &file, "--genesis", &genesis, "--block", &zeros]);
    expect(&other_block, 2, "", "it is of block 0x");
    let imported = folder.state_in("new", &["import", &file, "--genesis", &genesis, "--block", hash]);
    expect(&imported, 0, &format!("block 30 {hash}"), "");
    expect(&folder.state_in("new", &["import", &file]), 2, "", "holds a store already");
    let output = mundi(&["import", "--datadir", &folder.at("new"), &folder.at("rest.rlp")]);
    expect(&output, 0, "15 blocks imported", "");
    expect(&mundi(&["import", "--datadir", &folder.at("data"), &folder.at("rest.rlp")]), 0, "tip 45 0x", "");
    // What is known already is passed over, as far as it is there.
    let whole = mundi(&["import", "--datadir", &folder.at("new"), &folder.at("chain/chain.rlp")]);
    expect(&whole, 0, "0 blocks imported", "");

    // Both stores have the same state, through pipes and in files.
    let piped = folder.state_in("new", &["export", "-"]);
    assert_eq!(piped.status.code(), Some(0), "{}", text(&piped.stderr));
    assert!(text(&piped.stderr).starts_with("block 45 0x"));
    expect(&folder.state(&["export", &file]), 0, "block 45 0x", "");
    assert!(fs::read(&file).unwrap() == piped.stdout);
    let mut packed = flate2::write::GzEncoder::new(Vec::new(), flate2::Compression::fast());
    packed.write_all(&piped.stdout).unwrap();
    let arguments = ["state", "import", "-", "--datadir", &folder.at("third")];
    let mut child = command(&arguments)
        .stdin(Stdio::piped())
        .stdout(Stdio::piped())
        .stderr(Stdio::piped())
        .spawn()
        .unwrap();
    child.stdin.take().unwrap().write_all(&packed.finish().unwrap()).unwrap();
    expect(&child.wait_with_output().unwrap(), 0, "block 45 0x", "goes on from here");
    expect(&folder.state_in("third", &["verify"]), 0, "sound", "");
    let names: Vec<_> = fs::read_dir(&folder.0).unwrap().map(|entry| entry.unwrap().file_name()).collect();
    assert!(names.iter().all(|name| !name.to_string_lossy().ends_with(".part")), "{names:?}");
}

#[test]
fn files_that_are_no_good_are_refused_and_leave_nothing() {
    let folder = Folder::with_chain("nogood", 20);
    let file = folder.at("state.bin");
    expect(&folder.state(&["export", &file]), 0, "block 20 0x", "");
    let sound = fs::read(&file).unwrap();
    let refused = |bytes: &[u8], message: &str| {
        fs::write(&file, bytes).unwrap();
        let output = folder.state_in("new", &["import", &file]);
        expect(&output, 2, "", message);
        let names: Vec<_> =
            fs::read_dir(folder.0.join("new")).unwrap().map(|entry| entry.unwrap().file_name()).collect();
        assert_eq!(names, ["LOCK"]);
        expect(&folder.state_in("new", &["stats"]), 2, "", "holds no store");
    };
    refused(&sound[..sound.len() / 2], "the file is cut off here");
    refused(b"hello", "it does not begin as state files do");
    let mut wrong = sound.clone();
    wrong[sound.len() / 2] ^= 1;
    refused(&wrong, "the checksum is not that of the frame: the file is damaged");
    wrong.clone_from(&sound);
    wrong[15] = 2;
    refused(&wrong, "it has version 2, this program reads version 1; use a newer program");
    fs::write(&file, sound).unwrap();
    expect(&folder.state_in("new", &["import", &file]), 0, "block 20 0x", "goes on from here");
}

#[cfg(unix)]
#[test]
fn an_interrupted_import_leaves_nothing() {
    let folder = Folder::with_chain("interrupt", 20);
    let file = folder.at("state.bin");
    expect(&folder.state(&["export", &file]), 0, "block 20 0x", "");
    let bytes = fs::read(&file).unwrap();
    let start = |arguments: &[&str]| {
        let mut child = command(&["state", "import", "-", "--datadir", &folder.at("new")])
            .args(arguments)
            .stdin(Stdio::piped())
            .stdout(Stdio::piped())
            .stderr(Stdio::piped())
            .spawn()
            .unwrap();
        let mut stdin = child.stdin.take().unwrap();
        stdin.write_all(&bytes[..bytes.len() / 2]).unwrap();
        // When this is there, signals are listened for.
        while !folder.0.join("new/IMPORTING").exists() {
            std::thread::yield_now();
        }
        (child, stdin)
    };
    let (child, mut stdin) = start(&[]);
    assert!(Command::new("kill").args(["-INT", &child.id().to_string()]).status().unwrap().success());
    let _ = stdin.write_all(&bytes[bytes.len() / 2..]);
    drop(stdin);
    expect(&child.wait_with_output().unwrap(), 130, "", "stopped; nothing is imported");
    expect(&folder.state_in("new", &["stats"]), 2, "", "holds no store");

    // Killed, it cannot clean up.
    let (mut child, stdin) = start(&[]);
    child.kill().unwrap();
    child.wait().unwrap();
    drop(stdin);
    expect(&folder.state_in("new", &["stats"]), 2, "", "its import was not finished");
    let output = mundi(&["import", "--datadir", &folder.at("new"), &folder.at("rest.rlp")]);
    assert_eq!(output.status.code(), Some(2), "{}", text(&output.stderr));
    expect(&folder.state_in("new", &["import", &file]), 0, "block 20 0x", "goes on from here");
    expect(&folder.state_in("new", &["verify"]), 0, "sound", "");
}

/// What other nodes answer to `eth_getProof` on the conformance chain.
#[test]
fn proofs_are_those_of_other_nodes() {
    let Some(cases) = fixtures(|path| path.starts_with("eth_getProof")) else { return };
    let Some(folder) = conformance_folder("proofs") else { return };
    let (genesis, chain) = (folder.at("genesis.json"), folder.at("chain.rlp"));
    let import = ["import", "--datadir", &folder.at("data"), "--genesis", &genesis, &chain];
    assert_eq!(mundi(&import).status.code(), Some(0));
    assert!(!cases.is_empty());
    for (name, case) in cases {
        let case = text(&case);
        let line = |prefix: &str| -> Value {
            let line = case.lines().find_map(|line| line.strip_prefix(prefix)).unwrap();
            serde_json::from_str(line).unwrap()
        };
        let (request, response) = (line(">> "), line("<< "));
        let params = request["params"].as_array().unwrap();
        let mut arguments = vec!["get", params[0].as_str().unwrap(), "--proof"];
        arguments.extend(params[1].as_array().unwrap().iter().map(|slot| slot.as_str().unwrap()));
        let block = params.get(2).and_then(Value::as_str).unwrap_or("latest");
        arguments.extend(["--block", block]);
        assert_eq!(folder.json(&arguments), response["result"], "{}", name.display());
    }
}
