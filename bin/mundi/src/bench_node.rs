//! `mundi bench node`.

use crate::{
    Verdict,
    cli::{BenchNodeArgs, fresh_seed},
    console,
    interrupt::Interrupt,
};
use mundi_load::{Child, LoadReport, NodeReport, Outcome, Round, recovery_rate};

/// Transactions whose senders are recovered to find the ceiling: a fraction of a second.
const SAMPLES: usize = 5_000;

/// A node to measure.
struct Target {
    name: &'static str,
    url: String,
    pid: Option<u32>,
    rounds: Vec<Outcome>,
}

pub(crate) fn run(args: &BenchNodeArgs) -> eyre::Result<Verdict> {
    let runtime = tokio::runtime::Builder::new_multi_thread().worker_threads(2).enable_all().build()?;
    let interrupt = Interrupt::listen()?;
    let Some(report) = runtime.block_on(interrupt.or(measure(args)))? else { return Ok(Verdict::Stopped) };
    console::print_as(args.measured.output, &report)?;
    let lost = |round: &Outcome| round.committed < round.sent;
    let own = report.nodes.first().is_some_and(|node| node.rounds.iter().any(lost));
    Ok(if own { Verdict::Wrong } else { Verdict::Right })
}

async fn measure(args: &BenchNodeArgs) -> eyre::Result<LoadReport> {
    let program = args.measured.program()?;
    let child = Child::start(&program, &["dev", "--quiet", "--mnemonic", &args.mnemonic]).await?;
    let mut targets =
        vec![Target { name: "mundi", url: child.url.clone(), pid: child.pid(), rounds: Vec::new() }];
    if let Some(url) = &args.vs {
        targets.push(Target { name: "other", url: url.clone(), pid: args.vs_pid, rounds: Vec::new() });
    }
    let mut round = Round {
        workload: args.workload,
        transport: args.transport,
        transactions: args.transactions.get(),
        batch: args.batch.get(),
        connections: args.connections.get(),
        senders: args.senders.get(),
        seed: fresh_seed(),
        mnemonic: args.mnemonic.clone(),
    };
    let recovered = recovery_rate(SAMPLES);
    let bar = console::bar("rounds");
    bar.set_length((args.rounds.get() * targets.len()) as u64);
    for _ in 0..args.rounds.get() {
        for target in &mut targets {
            bar.set_message(target.name);
            round.seed += 1;
            target.rounds.push(round.run(&target.url, target.pid).await?);
            bar.inc(1);
        }
    }
    bar.finish_and_clear();
    child.stop().await?;
    let cores = console::threads(None).get();
    let mut report = LoadReport::new(&round, cores, recovered);
    for Target { name, rounds, .. } in targets {
        report.nodes.push(NodeReport::new(name.to_owned(), rounds, cores, recovered));
    }
    Ok(report)
}
