//! What measurements of running nodes have in common.

use super::Output;
use clap::{Args, ValueHint};
use eyre::WrapErr as _;
use std::{
    path::PathBuf,
    time::{SystemTime, UNIX_EPOCH},
};

#[derive(Debug, Args)]
pub(crate) struct MeasuredArgs {
    /// The program that is started [default: this one].
    #[arg(long, value_name = "FILE", value_hint = ValueHint::FilePath)]
    program: Option<PathBuf>,
    /// How to print the result.
    #[arg(long, value_name = "FORMAT", default_value = "table")]
    pub(crate) output: Output,
}

impl MeasuredArgs {
    /// The program, as it is called from any folder.
    pub(crate) fn program(&self) -> eyre::Result<PathBuf> {
        match &self.program {
            Some(program) => std::path::absolute(program)
                .wrap_err_with(|| format!("`{}` is no path of a program", program.display())),
            None => crate::net::program(),
        }
    }
}

/// A seed that no run before has had, with room for those of its rounds.
pub(crate) fn fresh_seed() -> u64 {
    SystemTime::now().duration_since(UNIX_EPOCH).map_or(0, |since| since.as_secs()) << 16
}
