//! A disk that fills up, and a folder that is opened twice.

use crate::{
    dataset,
    engine::{Spec, Table},
    faults,
};
use eyre::Result;
use std::{
    fs,
    path::Path,
    process::{Command, Stdio},
    time::{Duration, Instant},
};

/// Commits blocks and changed accounts until the first error, then tries three times more and reads; prints each step.
pub fn write_until_full(spec: &Spec, dir: &Path) -> Result<()> {
    let store = spec.open(dir)?;
    for table in [Table::Account, Table::Slot, Table::Node] {
        store.load(table, &mut dataset::sorted(table, 20_000))?;
    }
    let mut number = 0;
    let started = Instant::now();
    loop {
        let batch = faults::numbered(number + 1);
        match store.commit(&batch) {
            Ok(()) => number += 1,
            Err(error) => {
                println!("commit {} failed: {error:#}", number + 1);
                break;
            }
        }
        if started.elapsed() > Duration::from_secs(90) {
            println!("gave up after {number} commits");
            break;
        }
    }
    println!("acknowledged {number}");
    for _ in 0..3 {
        match store.commit(&faults::numbered(number + 1)) {
            Ok(()) => {
                number += 1;
                println!("the next commit succeeded\nacknowledged {number}");
            }
            Err(error) => println!("again: {error:#}"),
        }
    }
    let head = store.reader().and_then(|reader| reader.get(Table::Block, b"head"));
    println!("reads: {}", if head.is_ok() { "still work" } else { "fail" });
    drop(store);
    println!("closed");
    Ok(())
}

/// Fills the disk under `dir`, which should be small and hold a file `ballast`; removes that file and verifies.
pub fn full(spec: &Spec, dir: &Path) -> Result<()> {
    let database = dir.join("database");
    let out = std::env::temp_dir().join(format!("kv-full-{}.out", std::process::id()));
    let mut child = Command::new(std::env::current_exe()?)
        .args(["write-until-full", &spec.text, &database.display().to_string()])
        .stdout(fs::File::create(&out)?)
        .stderr(fs::File::create(out.with_extension("err"))?)
        .stdin(Stdio::null())
        .spawn()?;
    let started = Instant::now();
    let status = loop {
        if let Some(status) = child.try_wait()? {
            break status.to_string();
        }
        if started.elapsed() > Duration::from_secs(150) {
            child.kill()?;
            child.wait()?;
            break "hung, killed after 150 s".to_owned();
        }
        std::thread::sleep(Duration::from_millis(10));
    };
    let printed = fs::read_to_string(&out)?;
    println!("{}: {status}\n{printed}", spec.text);
    let complaints = fs::read_to_string(out.with_extension("err"))?;
    println!("stderr: {}", complaints.lines().take(6).collect::<Vec<_>>().join("\n        "));
    let acknowledged =
        printed.lines().filter_map(|line| line.strip_prefix("acknowledged ")?.parse().ok()).next_back();
    if let Some(acknowledged) = acknowledged {
        let (class, what) = faults::verdict(spec, &database, acknowledged)?;
        println!("opened while full: {class}: {what}");
        fs::remove_file(dir.join("ballast"))?;
        let (class, what) = faults::verdict(spec, &database, acknowledged)?;
        println!("opened with space: {class}: {what}");
    }
    Ok(())
}

/// Opens `dir` here and in a child process.
pub fn twice(spec: &Spec, dir: &Path) -> Result<()> {
    let _store = spec.open(dir)?;
    let output = Command::new(std::env::current_exe()?)
        .args(["open", &spec.text, &dir.display().to_string()])
        .output()?;
    println!(
        "{}: second process: {} {}",
        spec.text,
        output.status,
        String::from_utf8_lossy(&output.stderr).trim()
    );
    Ok(())
}
