//! The checked-in bytecode is what the sources compile to.

use std::{
    path::Path,
    process::{Command, Output},
};

fn npm(folder: &Path, arguments: &[&str]) -> std::io::Result<Output> {
    Command::new("npm").args(arguments).current_dir(folder).output()
}

fn text(output: &Output) -> String {
    String::from_utf8_lossy(&output.stdout).into_owned() + &String::from_utf8_lossy(&output.stderr)
}

#[test]
fn compiling_the_contracts_gives_the_checked_in_bytecode() {
    let folder = Path::new(env!("CARGO_MANIFEST_DIR")).join("contracts");
    if !folder.join("node_modules/solc").exists() {
        match npm(&folder, &["ci", "--no-audit", "--no-fund"]) {
            Err(error) => return println!("skipped: npm cannot be started ({error})"),
            Ok(output) if !output.status.success() => {
                return println!("skipped: the compiler cannot be installed:\n{}", text(&output));
            }
            Ok(_) => {}
        }
    }
    let output = npm(&folder, &["run", "--silent", "check"]).expect("npm was there a moment ago");
    assert!(output.status.success(), "{}", text(&output));
}
