//! `mundi sim --list`.

use crate::{Verdict, cli::Output, console};
use mundi_simulation::{Fault, SCENARIOS};
use serde::Serialize;
use std::fmt;

/// What can be simulated.
#[derive(Debug, Serialize)]
struct List {
    scenarios: Vec<ScenarioLine>,
    faults: Vec<FaultLine>,
}

#[derive(Debug, Serialize)]
struct ScenarioLine {
    name: &'static str,
    validators: usize,
    about: &'static str,
}

#[derive(Debug, Serialize)]
struct FaultLine {
    name: &'static str,
    about: &'static str,
}

pub(super) fn run(output: Output) -> eyre::Result<Verdict> {
    let scenarios = SCENARIOS.iter().map(|scenario| ScenarioLine {
        name: scenario.name,
        validators: scenario.validators,
        about: scenario.about,
    });
    let faults = Fault::ALL.map(|fault| FaultLine { name: fault.name(), about: fault.about() });
    console::print_as(output, &List { scenarios: scenarios.collect(), faults: faults.into() })?;
    Ok(Verdict::Right)
}

impl fmt::Display for List {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        writeln!(f, "Scenarios, with as many validators unless --validators says it:")?;
        for ScenarioLine { name, validators, about } in &self.scenarios {
            writeln!(f, "  {name:<12} {validators:>3}  {about}")?;
        }
        writeln!(f, "\nClasses of faults; what is counted is:")?;
        for (number, FaultLine { name, about }) in self.faults.iter().enumerate() {
            let end = if number + 1 == self.faults.len() { "" } else { "\n" };
            write!(f, "  {name:<18} {about}{end}")?;
        }
        Ok(())
    }
}
