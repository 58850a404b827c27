//! `mundi config` as a user meets it.

use crate::command::{Folder, command, expect, mundi, refused, text};

#[test]
fn the_default_file_is_right_and_says_what_is_in_force() {
    let folder = Folder::new("config");
    let default = mundi(&["config", "default"]);
    expect(&default, 0, "[http]\n# JSON-RPC over HTTP.\nenabled = true\n", "");
    let file = folder.file("node.toml", &default.stdout);
    expect(&mundi(&["config", "check", &file]), 0, "node.toml: all right", "");
    let shown = mundi(&["config", "show", "--config", &file, "--http.port", "1", "--no-mine"]);
    expect(&shown, 0, "port = 1  # command line", "");
    expect(&shown, 0, "mine = false  # command line", "");
    expect(&shown, 0, &format!("history = \"128\"  # {file}"), "");
    let shown = command(&["config", "show"]).env("MUNDI_STATE_HISTORY", "full").output().unwrap();
    expect(&shown, 0, "history = \"full\"  # MUNDI_STATE_HISTORY", "");
    let shown = command(&["config", "show"]).env("MUNDI_CONFIG", &file).output().unwrap();
    expect(&shown, 0, &format!("enabled = true  # {file}"), "");
}

#[test]
fn mistakes_are_named_with_the_nearest_key() {
    let folder = Folder::new("config-mistakes");
    let file = |content: &str| folder.file("node.toml", content.as_bytes());
    let check = |content: &str, message: &str| refused(&["config", "check", &file(content)], message);
    check("[http]\nprot = 8545", "there is no setting http.prot, did you mean http.port?");
    check("dattadir = 'x'", "did you mean datadir?");
    check("[http]\nport = 'x'", "http.port");
    check("[http\n", "TOML parse error at line 1");
    check("genesis = 'nowhere.json'", "cannot read the genesis file nowhere.json");
    check("[admin]\nport = 8551", "the listener needs a secret");
    refused(&["config", "check", "nowhere.toml"], "cannot read nowhere.toml");
    refused(&["node", "--http.port", "x"], "http.port (command line): expected a port from 0 to 65535");
    refused(&["node", "--http.prot", "1"], "unexpected argument '--http.prot'");
    let wrong = command(&["node"]).env("MUNDI_HTTP_PROT", "1").output().unwrap();
    assert_eq!(wrong.status.code(), Some(2));
    assert!(text(&wrong.stderr).contains("did you mean MUNDI_HTTP_PORT?"), "{}", text(&wrong.stderr));
}
