//! `mundi net` as a user meets it: making networks, and what is refused.

use crate::command::{Folder, command, expect, mundi, refused, text};
use serde_json::Value;
use std::{fs, os::unix::fs::PermissionsExt as _};

fn json(bytes: &[u8]) -> Value {
    serde_json::from_slice(bytes).unwrap()
}

#[test]
fn a_new_network_has_all_its_files_and_says_what_to_do_with_them() {
    let folder = Folder::new("net-new");
    let dir = folder.at("net");
    let made = mundi(&[
        "net",
        "new",
        "--dir",
        &dir,
        "--validators",
        "5",
        "--base-port",
        "21000",
        "--chain-id",
        "77",
    ]);
    expect(&made, 0, "Made a network of 5 validators", "");
    expect(&made, 0, &format!("mundi net up '{dir}'"), "");
    expect(&made, 0, "ports 21000 to 21004", "");
    let network = json(&folder.read("net/network.json"));
    assert_eq!(network["validators"].as_array().unwrap().len(), 5);
    assert_eq!(network["validators"][4]["address"], "127.0.0.1:21204");
    assert_eq!(network["groupKey"].as_str().unwrap().len(), 2 + 2 * 96);
    let genesis = json(&folder.read("net/genesis.json"));
    assert_eq!(genesis["config"]["chainId"], 77);
    assert_eq!(genesis["config"]["equalTimestamps"], true);
    let secret = folder.0.join("net/node3/validator.json");
    assert_eq!(fs::metadata(&secret).unwrap().permissions().mode() & 0o777, 0o600);
    let secrets = json(&fs::read(secret).unwrap());
    assert!(!text(&made.stdout).contains(secrets["privateKey"].as_str().unwrap()), "secrets stay in files");
    let settings = text(&folder.read("net/node3/mundi.toml"));
    for line in ["port = 21003", "port = 21103", "listen = \"127.0.0.1:21303\""] {
        assert!(settings.lines().any(|other| other == line), "{line} in {settings}");
    }
    refused(&["net", "new", "--dir", &dir], "there is a network in");
    assert_eq!(json(&folder.read("net/network.json")), network, "it is left as it is");
}

#[test]
fn each_network_has_keys_of_its_own() {
    let folder = Folder::new("net-keys");
    let key = |name: &str| {
        expect(
            &mundi(&["net", "new", "--validators", "1", "--dir", &folder.at(name)]),
            0,
            "1 validator in",
            "",
        );
        json(&folder.read(&format!("{name}/network.json")))["groupKey"].clone()
    };
    assert_ne!(key("a"), key("b"));
}

#[test]
fn a_network_begins_with_a_genesis_of_ones_own() {
    let folder = Folder::new("net-genesis");
    let new = |name: &str, more: &[&str]| {
        mundi(&[&["net", "new", "--validators", "1", "--dir", &folder.at(name)][..], more].concat())
    };
    expect(&new("first", &["--chain-id", "4242", "--accounts", "2"]), 0, "Made", "");
    let file = folder.at("first/genesis.json");
    let made = new("second", &["--genesis", &file]);
    expect(&made, 0, "chain      4242, first block 0x", "");
    expect(&made, 0, &format!("accounts   those of {file}"), "");
    assert_eq!(folder.read("second/genesis.json"), folder.read("first/genesis.json"));
    let hash = |name: &str| json(&folder.read(name))["genesisHash"].clone();
    assert_eq!(hash("first/network.json"), hash("second/network.json"));

    let mut genesis = json(&folder.read("first/genesis.json"));
    genesis["config"]["equalTimestamps"] = false.into();
    let slow = folder.file("slow.json", genesis.to_string().as_bytes());
    let third = folder.at("third");
    for (genesis, more, message) in [
        (&*slow, &[][..], "it needs `\"equalTimestamps\": true` in its `config`"),
        ("nowhere.json", &[], "cannot read the genesis file nowhere.json"),
        (&file, &["--accounts", "1"], "cannot be used with"),
        (&file, &["--chain-id", "1"], "cannot be used with"),
    ] {
        refused(&[&["net", "new", "--dir", &third, "--genesis", genesis][..], more].concat(), message);
        assert!(!folder.0.join("third").exists(), "nothing is left behind");
    }
}

#[test]
fn a_network_is_made_right_here() {
    let folder = Folder::new("net-here");
    let made = command(&["net", "new", "--validators", "1", "--dir", "."]).current_dir(&folder.0).output();
    expect(&made.unwrap(), 0, "mundi net up .", "");
    let down = command(&["net", "down"]).current_dir(&folder.0).output();
    expect(&down.unwrap(), 0, "the network in . does not run", "");
}

#[test]
fn validators_make_their_group_key_together() {
    let folder = Folder::new("net-dkg");
    let dir = folder.at("net");
    let new = ["net", "new", "--dkg", "--dir", &dir, "--base-port", "21500"];
    expect(&mundi(&new), 0, &format!("mundi net dkg '{dir}'"), "");
    let share = |node: usize| {
        json(&folder.read(&format!("net/node{node}/validator.json")))["share"].as_str().unwrap().to_owned()
    };
    assert!((0..4).all(|node| share(node) == "0x"), "nobody has dealt any");
    refused(&["net", "up", &dir], "have no group key yet");
    expect(&mundi(&["net", "dkg", &dir]), 0, "The validators made their group key", "the ceremony begins");
    let network = json(&folder.read("net/network.json"));
    assert_eq!(network["groupKey"].as_str().unwrap().len(), 2 + 2 * 96);
    let shares: std::collections::BTreeSet<_> = (0..4).map(share).collect();
    assert!(shares.len() == 4 && !shares.contains("0x"), "each has one of its own");
    let secret = fs::metadata(folder.0.join("net/node0/validator.json")).unwrap();
    assert_eq!(secret.permissions().mode() & 0o777, 0o600);
    expect(&mundi(&["net", "dkg", &dir]), 0, "has its key", "");
    assert_eq!(json(&folder.read("net/network.json")), network, "it is left as it is");
}

#[test]
fn a_network_of_several_hosts_says_what_belongs_where() {
    let folder = Folder::new("net-hosts");
    let dir = folder.at("net");
    let made = mundi(&["net", "new", "--dir", &dir, "--hosts", "10.0.0.7,node-b.example.org"]);
    expect(&made, 0, "node1  to the host of node-b.example.org:30400", "");
    let settings = text(&folder.read("net/node1/mundi.toml"));
    assert!(settings.contains("listen = \"0.0.0.0:30400\""), "{settings}");
    refused(&["net", "up", &dir], "on several hosts");
}

#[test]
fn networks_that_cannot_be_are_refused() {
    let folder = Folder::new("net-refused");
    let dir = folder.at("net");
    let new = |more: &[&str], message: &str| {
        refused(&[&["net", "new", "--dir", &dir][..], more].concat(), message);
        assert!(!folder.0.join("net").exists(), "nothing is left behind");
    };
    new(&["--validators", "0"], "expected 1 to 100");
    new(&["--validators", "101"], "expected 1 to 100");
    new(&["--base-port", "80"], "port 80 is no first port");
    new(&["--hosts", "a b"], "'a b' is no host");
    new(&["--balance", "much"], "an amount of ether");
    new(&["--mnemonic", "one two"], "mnemonic");
    folder.file("full", b"");
    refused(&["net", "new", "--dir", &folder.path()], "is not empty");
}

#[test]
fn orders_need_a_network_that_runs() {
    let folder = Folder::new("net-orders");
    let dir = folder.at("net");
    refused(&["net", "status", &dir], "there is no network in");
    expect(&mundi(&["net", "new", "--validators", "1", "--dir", &dir]), 0, "Made", "");
    for order in [
        &["status", &dir][..],
        &["kill", "0", "--dir", &dir],
        &["partition", "0,1", "2", "--dir", &dir],
        &["heal", "--dir", &dir],
        &["link", "0", "1", "--delay", "50ms", "--dir", &dir],
    ] {
        refused(&[&["net"][..], order].concat(), "does not run: start it with `mundi net up");
    }
    expect(&mundi(&["net", "down", &dir]), 0, "does not run", "");
    refused(&["net", "link", "0", "1", "--delay", "50"], "a time with its unit");
    refused(&["net", "link", "0", "1", "--cut", "--stall"], "cannot be used with");
}
