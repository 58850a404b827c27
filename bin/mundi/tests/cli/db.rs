//! `mundi db` as a user meets it.

use crate::command::{Folder, expect, mundi};

fn with_chain(name: &str) -> Folder {
    let folder = Folder::new(name);
    let size = ["--blocks", "40", "--transactions", "4", "--senders", "3", "--seed", "5"];
    expect(&mundi(&[&["generate", "--out", &folder.at("chain")][..], &size].concat()), 0, "head 40", "");
    let (genesis, chain) = (folder.at("chain/genesis.json"), folder.at("chain/chain.rlp"));
    let import =
        ["import", "--datadir", &folder.at("data"), "--genesis", &genesis, "--history", "full", &chain];
    expect(&mundi(&import), 0, "tip 40 0x", "");
    folder
}

#[test]
fn a_store_is_looked_after() {
    let folder = with_chain("db");
    let db = |arguments: &[&str]| mundi(&[&["db"], arguments, &["--datadir", &folder.at("data")]].concat());
    expect(&db(&["path"]), 0, &folder.at("data"), "");
    expect(&db(&["stats"]), 0, "block on disk  40", "");
    expect(&db(&["verify"]), 0, "sound; state root 0x", "");
    expect(&db(&["rewind", "30"]), 0, "block 30 0x", "");
    expect(&db(&["rewind", "31"]), 2, "", "the newest block is 30");
    expect(&db(&["flush"]), 0, "block 30 0x", "");
    expect(&db(&["prune", "--history", "5", "--proofs", "5"]), 0, "states from 25, proofs from 25", "");
    expect(&db(&["rewind", "10"]), 2, "", "kept");
    expect(&db(&["verify"]), 0, "sound; state root 0x", "");
    expect(&db(&["repair"]), 2, "", "--give-up-lost-blocks");
    expect(&db(&["repair", "--give-up-lost-blocks"]), 0, "block 30 0x", "");
    let chain = folder.at("chain/chain.rlp");
    expect(&mundi(&["import", "--datadir", &folder.at("data"), &chain]), 0, "tip 40 0x", "");
}
