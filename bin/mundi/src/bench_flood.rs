//! `mundi bench flood`.

use crate::{
    Verdict,
    cli::{BenchFloodArgs, fresh_seed},
    console,
    interrupt::Interrupt,
};
use mundi_load::{Child, FloodBench, FloodReport, Heavy, stand_back};
use mundi_rpc_dev::DEFAULT_MNEMONIC;
use std::net::{Ipv4Addr, SocketAddr, TcpListener};
use tokio::runtime::{Builder, Handle};

pub(crate) fn run(args: &BenchFloodArgs) -> eyre::Result<Verdict> {
    let courtesy = args.courtesy;
    let flooders = Builder::new_multi_thread()
        .worker_threads(1)
        .thread_name("flood")
        .on_thread_start(move || {
            // Where it is not possible the report shows what the generator used.
            let _ = stand_back(courtesy);
        })
        .enable_all()
        .build()?;
    // The node is started, and told to make blocks, by threads that do not stand back.
    let runtime = Builder::new_current_thread().enable_all().build()?;
    let measured = Interrupt::listen()?.or(measure(args, flooders.handle()));
    let Some(report) = runtime.block_on(measured)? else { return Ok(Verdict::Stopped) };
    console::print_as(args.measured.output, &report)?;
    let too_slow = args.most.is_some_and(|most| report.ratio() > most);
    Ok(if too_slow { Verdict::Wrong } else { Verdict::Right })
}

async fn measure(args: &BenchFloodArgs, flooders: &Handle) -> eyre::Result<FloodReport> {
    let program = args.measured.program()?;
    let figures = TcpListener::bind((Ipv4Addr::LOCALHOST, 0))?.local_addr()?.port();
    let (transactions, port) = (args.transactions.to_string(), figures.to_string());
    let child = Child::start(
        &program,
        &["dev", "--quiet", "--max-transactions", &transactions, "--metrics.port", &port],
    )
    .await?;
    let bench = FloodBench {
        transactions: args.transactions.get(),
        blocks: args.blocks.get(),
        rounds: args.rounds.get(),
        connections: args.connections.get(),
        kinds: if args.only.is_empty() { Heavy::ALL.to_vec() } else { args.only.clone() },
        courtesy: args.courtesy,
        seed: fresh_seed(),
        mnemonic: DEFAULT_MNEMONIC.to_owned(),
    };
    let bar = console::bar("rounds");
    bar.set_length(2 * bench.rounds as u64);
    let figures = SocketAddr::from((Ipv4Addr::LOCALHOST, figures));
    let report = bench.run(&child.url, figures, child.pid(), flooders, || bar.inc(1)).await?;
    bar.finish_and_clear();
    child.stop().await?;
    Ok(report)
}
