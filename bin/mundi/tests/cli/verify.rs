//! `mundi verify` as a user meets it, on proofs that a network of validators made once.

use crate::command::{Folder, command, expect, mundi, refused, text};
use serde_json::{Value, json};
use std::{
    fs::{self, File},
    io::Write as _,
    process::{Output, Stdio},
};

/// What networks proved, with a key.
const GOLDEN: &str = concat!(env!("CARGO_MANIFEST_DIR"), "/../../ledger/consensus/tests/golden");

/// Which command is for which file.
const KINDS: [(&str, &str); 5] = [
    ("header", "header"),
    ("account", "account"),
    ("storage", "account"),
    ("receipt", "receipt"),
    ("certificate", "payload"),
];

/// Where a proof is.
fn path(name: &str) -> String {
    format!("{GOLDEN}/{name}.json")
}

fn golden(name: &str) -> Value {
    serde_json::from_slice(&fs::read(path(name)).unwrap()).unwrap()
}

/// The key under which they are proofs.
fn key() -> String {
    golden("group-key").as_str().unwrap().to_owned()
}

fn verify(kind: &str, file: &str, more: &[&str]) -> Output {
    mundi(&[&["verify", kind, file, "--group-key", &key()], more].concat())
}

fn verified(kind: &str, name: &str) -> Value {
    let output = verify(kind, &path(name), &["--json"]);
    expect(&output, 0, "\"proven\": true", "");
    serde_json::from_slice(&output.stdout).unwrap()
}

/// Writes a file of JSON.
fn written(folder: &Folder, name: &str, content: &Value) -> String {
    folder.file(name, &serde_json::to_vec(content).unwrap())
}

#[test]
fn what_a_network_proved_is_proven_without_it() {
    let folder = Folder::new("verify-alone");
    for (kind, name) in KINDS {
        let output = command(&["verify", kind, &path(name), "--group-key", &key()])
            .current_dir(&folder.0)
            .env_remove("HOME")
            .env_remove("XDG_DATA_HOME")
            .output()
            .unwrap();
        let genesis = golden("header")["genesisHash"].as_str().unwrap().to_owned();
        expect(&output, 0, &format!("genesis      {genesis}\nproven by    a certificate of "), "");
    }
    assert_eq!(fs::read_dir(&folder.0).unwrap().count(), 0, "nothing is kept");
}

#[test]
fn what_is_proven_is_printed() {
    let (header, account, receipt) = (golden("header"), golden("account"), golden("receipt"));
    let proven = verified("header", "header");
    assert_eq!(proven["genesisHash"], header["genesisHash"]);
    let (number, hash) = (&proven["header"]["number"], proven["header"]["hash"].as_str().unwrap());
    let decimal = u64::from_str_radix(&number.as_str().unwrap()[2..], 16).unwrap();
    let block = format!("block        {decimal} {hash}\ntime         ");
    expect(&verify("header", &path("header"), &[]), 0, &block, "");
    expect(&verify("header", &path("header"), &[]), 0, "state root   0x", "");

    let proven = verified("account", "account");
    let address = account["proof"]["address"].as_str().unwrap();
    assert!(proven["address"].as_str().unwrap().eq_ignore_ascii_case(address));
    for field in ["balance", "nonce", "codeHash", "storageHash"] {
        assert_eq!(proven["account"][field], account["proof"][field], "{field}");
    }
    let output = verify("account", &path("account"), &[]);
    for line in [&block[..], "balance      0 wei (0.", "nonce        1\n", "code         hash 0x", "slot 0x"]
    {
        expect(&output, 0, line, "");
    }

    let proven = verified("storage", "account");
    let slot = &account["proof"]["storageProof"][0];
    assert_eq!(proven["slots"], json!([{ "key": slot["key"], "value": slot["value"] }]));
    assert!(proven.get("account").is_none());
    let line = format!("slot {}\n  = 0x", slot["key"].as_str().unwrap());
    expect(&verify("storage", &path("account"), &[]), 0, &line, "");

    let proven = verified("receipt", "receipt");
    assert_eq!(proven["transaction"]["index"], receipt["proof"]["transactionIndex"]);
    let hash = alloy_primitives::keccak256(
        alloy_primitives::hex::decode(receipt["proof"]["transaction"].as_str().unwrap()).unwrap(),
    );
    assert_eq!(proven["transaction"]["hash"], hash.to_string());
    assert_eq!(proven["receipt"]["status"], "0x1");
    let output = verify("receipt", &path("receipt"), &[]);
    for line in [&format!("transaction  {hash}, number ")[..], "from         0x", "status       success\n"] {
        expect(&output, 0, line, "");
    }

    let proven = verified("certificate", "payload");
    assert_eq!(proven["height"], golden("payload")["height"]);
    expect(&verify("certificate", &path("payload"), &[]), 0, "certified    height ", "");
}

#[test]
fn an_account_that_is_there_cannot_be_denied() {
    let folder = Folder::new("verify-nobody");
    let mut account = golden("account");
    for (field, value) in [("balance", "0x0"), ("nonce", "0x0")] {
        account["proof"][field] = value.into();
    }
    for field in ["codeHash", "storageHash"] {
        account["proof"][field] = format!("0x{}", "0".repeat(64)).into();
    }
    let file = written(&folder, "nobody.json", &account);
    expect(&verify("account", &file, &[]), 1, "", "error: not proven: block ");
}

#[test]
fn another_key_proves_nothing() {
    let folder = Folder::new("verify-key");
    let net = folder.at("net");
    expect(&mundi(&["net", "new", "--validators", "1", "--dir", &net]), 0, "Made", "");
    let network: Value = serde_json::from_slice(&folder.read("net/network.json")).unwrap();
    let other = network["groupKey"].as_str().unwrap();
    for (kind, name) in KINDS {
        let output = mundi(&["verify", kind, &path(name), "--group-key", other]);
        expect(&output, 1, "", "error: not proven: the certificate's signature is not of this group key");
        assert!(output.stdout.is_empty());
    }
    let output = mundi(&["verify", "header", &path("header"), "--group-key", other, "--json"]);
    expect(&output, 1, "\"proven\": false", "not proven");
    let json: Value = serde_json::from_slice(&output.stdout).unwrap();
    assert!(json["reason"].as_str().unwrap().starts_with("the certificate's signature"));
}

#[test]
fn a_changed_byte_proves_nothing() {
    let folder = Folder::new("verify-changed");
    for (kind, name, at) in [
        ("header", "header", "/certificate"),
        ("header", "header", "/genesisHash"),
        ("header", "header", "/payloadHeaders/0"),
        ("header", "header", "/headers/0"),
        ("account", "account", "/proof/nonce"),
        ("account", "account", "/proof/address"),
        ("account", "account", "/proof/accountProof/0"),
        ("storage", "account", "/finalizedHeader/headers/0"),
        ("storage", "account", "/proof/storageProof/0/value"),
        ("storage", "account", "/proof/storageProof/0/key"),
        ("receipt", "receipt", "/proof/transaction"),
        ("receipt", "receipt", "/proof/receipt"),
        ("receipt", "receipt", "/proof/receiptProof/0"),
        ("certificate", "payload", "/height"),
    ] {
        let mut proof = golden(name);
        let value = proof.pointer_mut(at).unwrap();
        let mut digits = value.as_str().unwrap().to_owned();
        let last = digits.pop().unwrap();
        digits.push(if last == '7' { '8' } else { '7' });
        *value = digits.into();
        let output = verify(kind, &written(&folder, "changed.json", &proof), &[]);
        expect(&output, 1, "", "error: not proven: ");
        assert!(output.stdout.is_empty(), "{kind} {at}");
        assert_eq!(text(&output.stderr).lines().count(), 1, "{kind} {at}");
    }
}

#[test]
fn whole_responses_are_taken_too() {
    let folder = Folder::new("verify-response");
    for (kind, name) in KINDS {
        let response = json!({ "jsonrpc": "2.0", "id": 1, "result": golden(name) });
        let file = written(&folder, "response.json", &response);
        assert_eq!(verify(kind, &file, &[]).stdout, verify(kind, &path(name), &[]).stdout);
        expect(&verify(kind, &file, &[]), 0, "proven by    a certificate of ", "");
    }
    let refused = |response: Value, message: &str| {
        let file = written(&folder, "response.json", &response);
        expect(&verify("receipt", &file, &[]), 2, "", message);
    };
    let error = json!({ "code": -32001, "message": "block 7 is not final yet" });
    refused(
        json!({ "jsonrpc": "2.0", "id": 1, "error": error }),
        "the node gave no proof: block 7 is not final yet (-32001)",
    );
    refused(json!({ "jsonrpc": "2.0", "id": 1, "result": null }), "the node answered with null");
    refused(Value::Null, "the node answered with null");
    refused(json!([{ "jsonrpc": "2.0", "id": 1, "result": golden("receipt") }]), "expected an object");
}

#[test]
fn proofs_come_through_pipes() {
    let mut child = command(&["verify", "header", "-", "--group-key", &key()])
        .stdin(Stdio::piped())
        .stdout(Stdio::piped())
        .stderr(Stdio::piped())
        .spawn()
        .unwrap();
    child.stdin.take().unwrap().write_all(&fs::read(path("header")).unwrap()).unwrap();
    let output = child.wait_with_output().unwrap();
    assert_eq!(text(&output.stdout), text(&verify("header", &path("header"), &[]).stdout));
    expect(&output, 0, "state root   0x", "");
}

#[test]
fn only_the_block_and_the_chain_that_were_asked_for_will_do() {
    let proven = verified("header", "header");
    let (number, hash) = (&proven["header"]["number"], &proven["header"]["hash"]);
    let (number, hash) = (number.as_str().unwrap(), hash.as_str().unwrap());
    let genesis = proven["genesisHash"].as_str().unwrap();
    for kind in ["header", "account", "storage", "receipt"] {
        let file = path(if kind == "storage" { "account" } else { kind });
        for (option, value) in [("--block", number), ("--block", hash), ("--genesis", genesis)] {
            expect(&verify(kind, &file, &[option, value]), 0, "proven by", "");
        }
        let is_for = format!("{hash}, not ");
        expect(&verify(kind, &file, &["--block", "1000000"]), 1, "", &format!("{is_for}1000000"));
        expect(&verify(kind, &file, &["--block", genesis]), 1, "", &format!("{is_for}{genesis}"));
        expect(&verify(kind, &file, &["--genesis", hash]), 1, "", &format!("genesis {genesis}, not {hash}"));
    }
    let file = path("payload");
    expect(&verify("certificate", &file, &["--genesis", hash]), 1, "", "it is for the chain with genesis");
}

#[test]
fn files_that_are_no_proofs_are_refused() {
    let folder = Folder::new("verify-files");
    let key = key();
    let no = |kind: &str, file: &str, message: &str| {
        refused(&["verify", kind, file, "--group-key", &key], message);
    };
    let sound = fs::read(path("header")).unwrap();
    no("header", &folder.file("cut.json", &sound[..sound.len() / 2]), "it is not JSON, or is cut off");
    no("header", &folder.file("empty.json", b"\n"), "empty.json: there is nothing in it");
    no("header", &folder.file("text.json", b"hello"), "text.json: it is not JSON");
    no("header", &folder.file("number.json", b"7"), "expected an object");
    no("header", &path("receipt"), "it is not what mundi_getFinalizedHeader returns: unknown field");
    no("certificate", &path("header"), "it is not what mundi_getCertificate returns");
    no("header", &folder.at("nowhere.json"), "cannot read");
    no("header", &folder.path(), "cannot read");
    let mut long = golden("header");
    long["certificate"] = format!("0x{}", "00".repeat(201)).into();
    no("header", &written(&folder, "long.json", &long), "201 bytes, and at most 200 can be there");
    let large = folder.at("large.json");
    File::create(&large).unwrap().set_len((64 << 20) + 1).unwrap();
    no("header", &large, "it has more than 67108864 bytes");

    let mut account = golden("account");
    account["proof"]["storageProof"] = json!([]);
    let file = written(&folder, "no slots.json", &account);
    no("storage", &file, "no slot is in it");
    expect(&verify("account", &file, &[]), 0, "nonce        1", "");
}

#[test]
fn keys_are_96_bytes_in_hexadecimal() {
    let (file, key) = (path("header"), key());
    let bare = key.strip_prefix("0x").unwrap();
    expect(&mundi(&["verify", "header", &file, "--group-key", bare]), 0, "proven by", "");
    let refused = |key: &str, message: &str| {
        let output = mundi(&["verify", "header", &file, "--group-key", key]);
        expect(&output, 2, "", message);
        assert!(output.stdout.is_empty());
    };
    refused("0x12", "a group key has 96 bytes, this one 1");
    refused("key", "a group key is 96 bytes in hexadecimal");
    refused(&format!("0x{}", "11".repeat(96)), "these bytes are no group key");
    let missing = mundi(&["verify", "header", &file]);
    expect(&missing, 2, "", "--group-key <HEX>");
}
