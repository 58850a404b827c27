//! The command line of Mundi: parses, wires, prints.
//!
//! Exit status: 0 if all is well, 1 if something came out differently from what it should (a mismatch, a failed
//! vector), 2 if the input or the usage is no good, 130 if Ctrl-C ended it. Results go to standard output, everything
//! else to standard error.

mod bench;
mod bench_flood;
mod bench_net;
mod bench_node;
mod bench_state;
mod cli;
mod conformance;
mod console;
mod datadir;
mod db;
mod dev;
mod fetch;
mod generate;
mod import;
mod interrupt;
mod log;
mod net;
mod node;
mod replay;
mod sim;
mod state;
mod verify;

use clap::{
    CommandFactory as _, Parser as _,
    error::{ContextKind, ContextValue, ErrorKind},
};
use cli::{BenchCommand, Cli, Command, ReplayCommand};
use std::process::ExitCode;

#[global_allocator]
static ALLOCATOR: mimalloc::MiMalloc = mimalloc::MiMalloc;

/// How a command that ran to its end came out.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Verdict {
    /// All is well.
    Right,
    /// Something came out differently.
    Wrong,
    /// Some of the input is no good; the rest is well.
    Unusable,
    /// All is well so far, and the user has ended it.
    Stopped,
}

impl From<Verdict> for ExitCode {
    fn from(verdict: Verdict) -> Self {
        Self::from(match verdict {
            Verdict::Right => 0,
            Verdict::Wrong => 1,
            Verdict::Unusable => 2,
            Verdict::Stopped => 130,
        })
    }
}

fn main() -> ExitCode {
    match run(parse()) {
        Ok(verdict) => verdict.into(),
        Err(error) => {
            console::error(&error);
            Verdict::Unusable.into()
        }
    }
}

/// The command line. Options that another program has, and this one for a reason has not, are refused with that reason.
fn parse() -> Cli {
    let error = match Cli::try_parse() {
        Ok(cli) => return cli,
        Err(error) => error,
    };
    let option = match (error.kind(), error.get(ContextKind::InvalidArg)) {
        (ErrorKind::UnknownArgument, Some(ContextValue::String(option))) => option,
        _ => error.exit(),
    };
    let is_dev = std::env::args_os().nth(1).is_some_and(|command| command == "dev");
    match is_dev.then(|| cli::why_not(option)).flatten() {
        Some(why) => Cli::command().error(ErrorKind::UnknownArgument, why).exit(),
        None => error.exit(),
    }
}

fn run(cli: Cli) -> eyre::Result<Verdict> {
    match cli.command {
        Command::Dev(args) => dev::run(&args),
        Command::Node(args) => node::run(&args),
        Command::Net(args) => net::run(&args),
        Command::Sim(args) => sim::run(&args),
        Command::Verify(args) => verify::run(&args),
        Command::Config(args) => node::config(&args),
        Command::Db(args) => db::run(&args),
        Command::Import(args) => import::run(&args),
        Command::State(args) => state::run(&args),
        Command::Replay(args) => match args.command {
            Some(ReplayCommand::Fetch(fetch)) => fetch::run(&fetch),
            None => replay::run(&args.replay),
        },
        Command::Statetest(args) => conformance::state_tests(&args),
        Command::Blocktest(args) => conformance::block_tests(&args),
        Command::Bench(args) => match args.command {
            BenchCommand::Execution(execution) => bench::run(&execution),
            BenchCommand::State(state) => bench_state::run(&state),
            BenchCommand::Node(node) => bench_node::run(&node),
            BenchCommand::Flood(flood) => bench_flood::run(&flood),
            BenchCommand::Net(net) => bench_net::run(&net),
        },
        Command::Generate(args) => generate::run(&args),
        Command::Completions { shell } => {
            let mut script = Vec::new();
            clap_complete::generate(shell, &mut Cli::command(), "mundi", &mut script);
            console::print(&script)?;
            Ok(Verdict::Right)
        }
    }
}
