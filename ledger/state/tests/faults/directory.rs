//! Directories that are not to be opened: in use, of another format, no store, not readable.

use crate::{POOL, chain, config, scratch};
use mundi_state::{Store, StoreError};
use std::{
    fs,
    os::unix::{
        fs::{MetadataExt, PermissionsExt},
        process::CommandExt,
    },
    path::Path,
    process::Command,
};

/// What the child is to open, as somebody else.
const DIRECTORY: &str = "FAULTS_DIRECTORY";

fn create(directory: &Path) -> Result<Store, StoreError> {
    let (genesis, alloc, _) = chain::genesis();
    Store::create(directory, &config(), &genesis, &alloc, &POOL)
}

fn open(directory: &Path) -> Result<Store, StoreError> {
    Store::open(directory, &config(), &POOL)
}

/// The error, which has to name the directory or something in it.
fn refused(opened: Result<Store, StoreError>, directory: &Path) -> StoreError {
    let error = opened.expect_err("refused");
    assert!(error.to_string().contains(&directory.display().to_string()), "{error}");
    error
}

/// Opens what the environment names, and says what came of it.
#[test]
#[ignore = "the child of the other tests"]
fn child() {
    let Some(directory) = std::env::var_os(DIRECTORY) else { return };
    match open(Path::new(&directory)) {
        Ok(_) => println!("outcome: opened"),
        Err(error) => println!("outcome: {error}"),
    }
}

fn command(directory: &Path) -> Command {
    let mut command = Command::new(std::env::current_exe().expect("this program"));
    command.args(["--exact", "directory::child", "--ignored", "--nocapture"]).env(DIRECTORY, directory);
    command
}

fn outcome(mut command: Command) -> Option<String> {
    let output = command.output().ok()?;
    let text = String::from_utf8_lossy(&output.stdout).into_owned();
    Some(text.lines().find_map(|line| line.split("outcome: ").nth(1)).expect("an outcome").to_owned())
}

#[test]
fn a_store_is_open_in_one_process_at_a_time() {
    let scratch = scratch();
    let directory = scratch.path().join("store");
    let store = create(&directory).expect("created");
    assert!(matches!(open(&directory), Err(StoreError::Locked)));
    assert!(matches!(create(&directory), Err(StoreError::Locked)));
    assert!(matches!(Store::check_files(&directory, |_, _| {}), Err(StoreError::Locked)));
    assert!(matches!(Store::give_up(&directory), Err(StoreError::Locked)));
    assert_eq!(outcome(command(&directory)).as_deref(), Some(&*StoreError::Locked.to_string()));
    drop(store);
    assert_eq!(outcome(command(&directory)).as_deref(), Some("opened"));
    drop(open(&directory).expect("opened"));
}

/// A snapshot keeps the engine's files in use after its store is gone.
#[test]
fn a_store_is_not_opened_again_while_a_snapshot_of_it_is_there() {
    let scratch = scratch();
    let store = create(scratch.path()).expect("created");
    let snapshot = store.latest();
    drop(store);
    assert!(matches!(open(scratch.path()), Err(StoreError::Locked)));
    drop(snapshot);
    drop(open(scratch.path()).expect("opened"));
}

#[test]
fn a_newer_format_is_refused() {
    let scratch = scratch();
    let directory = scratch.path();
    drop(create(directory).expect("created"));
    fs::write(directory.join("VERSION"), "mundi-state 2\n").expect("written");
    for refused in [open(directory), create(directory)] {
        let error = refused.expect_err("a newer format");
        assert!(matches!(error, StoreError::Format { found: 2, known: 1 }));
        assert_eq!(
            error.to_string(),
            "the store has format 2 in its file VERSION, this program knows format 1; use a newer program"
        );
    }
    for text in [
        "",
        "mundi-state 0",
        "mundi-state",
        "mundi-state x",
        "something else 1",
        &"mundi-state 1 ".repeat(100),
    ] {
        fs::write(directory.join("VERSION"), text).expect("written");
        let error = refused(open(directory), directory);
        assert!(error.to_string().contains("VERSION"), "{error}");
    }
    fs::remove_file(directory.join("VERSION")).expect("removed");
    let error = refused(open(directory), directory);
    assert!(error.to_string().contains("VERSION"), "{error}");
    assert!(matches!(create(directory), Err(StoreError::Exists(_))));
}

#[test]
fn what_is_no_store_is_refused_and_left_alone() {
    let scratch = scratch();
    let nothing = scratch.path().join("nothing");
    assert!(!Store::exists(&nothing));
    assert!(matches!(refused(open(&nothing), &nothing), StoreError::Missing(_)));
    assert!(!nothing.exists(), "it is not created");

    let other = scratch.path().join("other");
    fs::create_dir(&other).expect("created");
    fs::write(other.join("letter"), "Dear").expect("written");
    assert!(matches!(refused(open(&other), &other), StoreError::Missing(_)));
    assert_eq!(fs::read_dir(&other).expect("a folder").count(), 1, "nothing is added");

    let file = scratch.path().join("file");
    fs::write(&file, "no folder").expect("written");
    refused(open(&file), &file);
    refused(create(&file), &file);
    assert_eq!(fs::read_to_string(&file).expect("read"), "no folder");

    drop(create(&other).expect("other files do not matter"));
    assert!(matches!(refused(create(&other), &other), StoreError::Exists(_)));
    assert_eq!(fs::read_to_string(other.join("letter")).expect("read"), "Dear");
}

#[test]
fn a_directory_that_may_not_be_read_or_written_is_refused() {
    let scratch = scratch();
    let directory = scratch.path().join("store");
    drop(create(&directory).expect("created"));
    let mode = |mode| fs::set_permissions(&directory, fs::Permissions::from_mode(mode)).expect("changed");
    fs::set_permissions(scratch.path(), fs::Permissions::from_mode(0o755)).expect("changed");
    let is_root = fs::metadata("/proc/self").is_ok_and(|process| process.uid() == 0);
    for bits in [0o000, 0o555] {
        mode(bits);
        let error = if is_root {
            // The superuser may do everything, so somebody else tries.
            let mut command = command(&directory);
            command.uid(65534);
            outcome(command)
        } else {
            Some(open(&directory).expect_err("no permission").to_string())
        };
        let Some(error) = error else {
            println!("skipped: this program cannot be started by another user");
            continue;
        };
        assert!(
            error.contains("ermission denied") && error.contains(&directory.display().to_string()),
            "{error}"
        );
    }
    mode(0o755);
    drop(open(&directory).expect("opened"));
}
