//! Measures embedded key-value engines as a home for Ethereum state, and tries to break them.
//!
//! ```text
//! kv compare DIR ACCOUNTS ROUNDS READS ENGINE…       loads and measures, prints a table of medians
//! kv faults DIR TRIALS SEED clean|killed|torn ENGINE…  damages copies of a small database, counts what comes of it
//! kv full DIR ENGINE                                 writes until the disk under DIR is full, prints what happens
//! kv twice DIR ENGINE                                opens one folder from two processes
//! ```
//!
//! An ENGINE is `fjall`, `redb`, `lmdb` or `canopy`, with settings after a colon: `fjall:block=8192,bits=14`. Each adapter in
//! `engines` lists its settings. All other commands are the child processes of these.

mod compare;
mod dataset;
mod engine;
mod engines;
mod faults;
mod full_disk;
mod phases;
mod process;

use engine::Spec;
use eyre::{Result, bail, eyre};
use std::path::PathBuf;

fn main() -> Result<()> {
    let args: Vec<String> = std::env::args().skip(1).collect();
    let text = |index: usize| {
        args.get(index).cloned().ok_or_else(|| eyre!("argument {index} is missing; see main.rs"))
    };
    let number = |index: usize| -> Result<u64> { Ok(text(index)?.parse()?) };
    let specs =
        |from: usize| args.iter().skip(from).map(|arg| arg.parse::<Spec>()).collect::<Result<Vec<_>>>();
    match text(0)?.as_str() {
        "compare" => {
            return compare::compare(
                &specs(5)?,
                &PathBuf::from(text(1)?),
                number(2)?,
                number(3)?,
                number(4)?,
            );
        }
        "faults" => {
            let mode = text(4)?.parse()?;
            return faults::trials(&specs(5)?, &PathBuf::from(text(1)?), number(2)?, number(3)?, mode);
        }
        "full" => return full_disk::full(&text(2)?.parse()?, &PathBuf::from(text(1)?)),
        "twice" => return full_disk::twice(&text(2)?.parse()?, &PathBuf::from(text(1)?)),
        _ => {}
    }
    let (spec, dir): (Spec, _) = (text(1)?.parse()?, PathBuf::from(text(2)?));
    match text(0)?.as_str() {
        "fill" => phases::fill(&spec, &dir, number(3)?),
        "warm" => phases::warm(&spec, &dir, number(3)?, number(4)?),
        "cold" => phases::cold(&spec, &dir, number(3)?, number(4)?),
        "commits" => phases::commits(&spec, &dir, number(3)?, number(4)?),
        "contended" => phases::contended(&spec, &dir, number(3)?, number(4)?),
        "killed" => phases::killed(&spec, &dir, number(3)?, number(4)?),
        "reopen" => phases::reopen(&spec, &dir),
        "build" => faults::build(&spec, &dir, text(3)?.parse()?),
        "verify" => faults::verify(&spec, &dir, number(3)?),
        "write-until-full" => full_disk::write_until_full(&spec, &dir),
        "open" => spec.open(&dir).map(drop),
        other => bail!("no command `{other}`; see main.rs"),
    }
}
