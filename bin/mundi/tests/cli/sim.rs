//! `mundi sim` as a user meets it.

use crate::command::{expect, mundi, refused, text};
use mundi_simulation::{Fault, SCENARIOS};
use serde_json::Value;
use std::process::Output;

fn json(output: &Output) -> Value {
    assert_eq!(output.status.code(), Some(0), "{}", text(&output.stderr));
    serde_json::from_slice(&output.stdout).unwrap()
}

/// The last line, which is the trace.
fn trace(output: &Output) -> String {
    expect(output, 0, "nothing is wrong with 1 run", "");
    let out = text(&output.stdout);
    let line = out.lines().last().and_then(|line| line.strip_prefix("trace "));
    line.unwrap_or_else(|| panic!("there is no trace in: {out}")).to_owned()
}

#[test]
fn one_run_has_a_trace_that_is_the_same_in_every_process() {
    let once = trace(&mundi(&["sim", "--scenario", "crash", "--seed", "3"]));
    assert!(once.len() == 64 && once.chars().all(|digit| digit.is_ascii_hexdigit()), "{once}");
    let twice = mundi(&["sim", "--scenario", "crash", "--seed", "3", "--check"]);
    expect(&twice, 0, ", made twice in ", "");
    assert_eq!(trace(&twice), once);
    assert_ne!(trace(&mundi(&["sim", "--scenario", "crash", "--seed", "4"])), once);
}

#[test]
fn the_seeds_of_a_campaign_are_spread_over_its_scenarios() {
    let report = json(&mundi(&["sim", "--scenario", "calm,links", "--seeds", "3", "--from", "7", "--json"]));
    let runs = report["runs"].as_array().unwrap();
    let commands: Vec<&str> = runs.iter().map(|run| run["command"].as_str().unwrap()).collect();
    assert_eq!(
        commands,
        [
            "mundi sim --scenario links --seed 7",
            "mundi sim --scenario calm --seed 8",
            "mundi sim --scenario links --seed 9"
        ]
    );
    assert!(report["planned"] == 3 && report["made"] == 3 && report["failed"] == 0, "{report}");
    let faults = report["faults"].as_array().unwrap();
    assert_eq!(faults.len(), Fault::ALL.len());
    let delay = faults.iter().find(|line| line["fault"] == "delay").unwrap();
    assert!(delay["times"].as_u64().unwrap() > 100 && delay["runs"] == 2, "{delay}");
    let links = &report["scenarios"][0];
    assert!(links["scenario"] == "links" && links["runs"] == 2, "{links}");
    assert!(links["blocks"].as_u64().unwrap() >= 8 && links["transactions"].as_u64().unwrap() > 0, "{links}");
}

#[test]
fn networks_are_as_large_as_asked() {
    let args = ["sim", "--scenario", "calm", "--validators", "3", "--heights", "2", "--jobs", "1", "--json"];
    let report = json(&mundi(&args));
    assert_eq!(report["runs"][0]["command"], "mundi sim --scenario calm --seed 0 --validators 3 --heights 2");
}

#[test]
fn what_there_is_can_be_listed() {
    let listed = mundi(&["sim", "--list"]);
    for scenario in SCENARIOS {
        expect(&listed, 0, scenario.about, "");
    }
    for fault in Fault::ALL {
        expect(&listed, 0, fault.about(), "");
    }
    let listed = json(&mundi(&["sim", "--list", "--json"]));
    assert_eq!(listed["scenarios"][0]["name"], SCENARIOS[0].name);
    assert_eq!(listed["faults"].as_array().unwrap().len(), Fault::ALL.len());
}

#[test]
fn a_small_world_is_measured() {
    let args = ["sim", "wan", "--validators", "4", "--regions", "2", "--payload", "8KiB", "--heights", "3"];
    let table = mundi(&args);
    expect(&table, 0, "4 validators in 2 of ten regions; 3 blocks", "");
    expect(&table, 0, "until finalised", "");
    expect(&table, 0, "cloudping", "");
    let report = json(&mundi(&[&args[..], &["--json"]].concat()));
    expect(&table, 0, report["trace"].as_str().unwrap(), "");
    let median = |stage: &str| report[stage]["median"].as_f64().unwrap();
    assert!(
        median("notarised") <= median("finalised") && median("finalised") <= median("anchored"),
        "{report}"
    );
    assert!(report["leaderUpload"].as_f64().unwrap() >= 1.0, "{report}");
}

#[test]
fn what_cannot_be_simulated_is_refused() {
    refused(&["sim", "--scenario", "sunshine"], "invalid value 'sunshine'");
    refused(&["sim", "--seed", "1", "--seeds", "2"], "cannot be used with");
    refused(&["sim", "--from", "1"], "required arguments");
    refused(&["sim", "--seeds", "0"], "0 is not in");
    refused(&["sim", "--seeds", "2", "--from", "18446744073709551615"], "there are no 2 seeds from");
    refused(&["sim", "--validators", "0"], "from 1 to 100");
    refused(&["sim", "--heights", "0"], "0 is not in");
    refused(&["sim", "wan", "--validators", "3"], "coded from 4 validators on");
    refused(&["sim", "wan", "--regions", "11"], "1 to 10 regions");
    refused(&["sim", "--regions", "11"], "a number of regions from 1 to 10");
    refused(&["sim", "wan", "--payload", "1000"], "no transfer");
    refused(&["sim", "wan", "--upload", "0MB"], "bytes per second");
    refused(&["sim", "wan", "--execution", "25"], "a time with its unit");
}
