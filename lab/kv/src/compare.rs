//! Runs the phases for several engines in turn and prints the medians.
//!
//! Each phase is a child process, and engines alternate within a phase, so that a change of the machine's load meets all of them.

use crate::engine::Spec;
use eyre::{Result, ensure};
use std::{collections::BTreeMap, path::Path, process::Command};

/// Runs a phase in a child process, and returns what it measured. A phase that is meant to die returns nothing.
pub fn child(args: &[String], must_succeed: bool) -> Result<Vec<(String, f64)>> {
    let output = Command::new(std::env::current_exe()?).args(args).output()?;
    ensure!(
        output.status.success() || !must_succeed,
        "{args:?}: {}: {}",
        output.status,
        String::from_utf8_lossy(&output.stderr)
    );
    let text = String::from_utf8_lossy(&output.stdout).into_owned();
    Ok(text
        .lines()
        .filter_map(|line| {
            let (name, value) = line.split_once(' ')?;
            Some((name.to_owned(), value.parse().ok()?))
        })
        .collect())
}

/// Measures all `specs` with `accounts` accounts in folders below `dir`, in `rounds` rounds after one load.
pub fn compare(specs: &[Spec], dir: &Path, accounts: u64, rounds: u64, reads: u64) -> Result<()> {
    let mut results: BTreeMap<String, Vec<Vec<f64>>> = BTreeMap::new();
    let mut order: Vec<String> = Vec::new();
    let mut note = |index: usize, measured: Vec<(String, f64)>| {
        for (name, value) in measured {
            if !order.contains(&name) {
                order.push(name.clone());
            }
            results.entry(name).or_insert_with(|| vec![Vec::new(); specs.len()])[index].push(value);
        }
    };
    let folder = |index: usize| dir.join(format!("{index}-{}", specs[index].name()));
    let mut phase = |name: &str, extra: &[u64], must_succeed: bool| -> Result<()> {
        for (index, spec) in specs.iter().enumerate() {
            let mut args = vec![
                name.to_owned(),
                spec.text.clone(),
                folder(index).display().to_string(),
                accounts.to_string(),
            ];
            args.extend(extra.iter().map(u64::to_string));
            note(index, child(&args, must_succeed)?);
        }
        Ok(())
    };
    for index in 0..specs.len() {
        if folder(index).exists() {
            std::fs::remove_dir_all(folder(index))?;
        }
    }
    phase("fill", &[], true)?;
    for round in 0..rounds {
        let generation = 1 + round * 10_000;
        phase("warm", &[reads], true)?;
        phase("cold", &[reads.min(5_000)], true)?;
        phase("commits", &[generation], true)?;
        phase("contended", &[generation + 5_000], true)?;
        phase("killed", &[generation + 6_000], false)?;
        phase("reopen", &[], true)?;
    }
    let cells = |cells: Vec<String>| println!("| {} |", cells.join(" | "));
    cells(
        std::iter::once(String::from("median")).chain(specs.iter().map(|spec| spec.text.clone())).collect(),
    );
    cells(std::iter::once(String::from("---")).chain(specs.iter().map(|_| String::from("---:"))).collect());
    for name in order {
        let row = results[&name].iter().map(|samples| {
            let mut samples = samples.clone();
            samples.sort_unstable_by(f64::total_cmp);
            samples.get(samples.len() / 2).map_or_else(|| "–".to_owned(), |value| format!("{value:.2}"))
        });
        cells(std::iter::once(name.clone()).chain(row).collect());
    }
    Ok(())
}
