//! `mundi generate` as a user meets it.

use crate::command::{Folder, mundi, text};
use std::path::PathBuf;

#[test]
fn a_generated_chain_is_imported_to_its_head_with_the_command_that_is_printed() {
    let folder = Folder::new("generate");
    let out = folder.at("chain");
    let size = ["--blocks", "45", "--transactions", "6", "--senders", "3", "--seed", "9"];
    let output = mundi(&[&["generate", "--out", &out][..], &size].concat());
    assert_eq!(output.status.code(), Some(0), "{}", text(&output.stderr));
    let report = text(&output.stdout);
    let head = report.lines().find_map(|line| line.strip_prefix("head 45 ")).unwrap();
    let (genesis, blocks) = (folder.at("chain/genesis.json"), folder.at("chain/chain.rlp"));
    assert!(report.ends_with(&format!("mundi import --genesis '{genesis}' '{blocks}'\n")), "{report}");

    let output = mundi(&["import", "--datadir", &folder.at("data"), "--genesis", &genesis, &blocks]);
    assert_eq!(output.status.code(), Some(0), "{}", text(&output.stderr));
    assert!(text(&output.stdout).contains(&format!("tip 45 {head} ")), "{}", text(&output.stdout));
}

#[test]
fn what_cannot_be_generated_is_refused() {
    let folder = Folder::new("refused");
    let out = folder.at("chain");
    for (arguments, reason) in [
        (&["--fork", "Amsterdam"][..], "expected the name of a fork"),
        (&["--fork", "DAO"], "no chain can be generated for the fork Dao"),
        (&["--fork", "london", "--fork-every", "3"], "cannot be used with"),
        (&["--blocks", "0"], "0 is not in"),
        (&["--transactions", "5001"], "5001 is not in"),
    ] {
        let output = mundi(&[&["generate", "--out", &out][..], arguments].concat());
        assert_eq!(output.status.code(), Some(2), "{arguments:?}");
        let message = text(&output.stderr);
        assert!(message.contains(reason), "{arguments:?}: {message}");
    }
    assert!(!PathBuf::from(out).exists());
}
