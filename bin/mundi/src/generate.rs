//! `mundi generate`.

use crate::{Verdict, cli::GenerateArgs, console};
use mundi_network::quoted;
use mundi_synthetic::{Config, Forks, Written};
use std::time::Instant;

pub(crate) fn run(args: &GenerateArgs) -> eyre::Result<Verdict> {
    let defaults = Config::new(args.blocks);
    let forks = match (args.fork, args.fork_every) {
        (Some(fork), _) => Forks::Only(fork),
        (None, Some(every)) => Forks::All { every },
        (None, None) => defaults.forks,
    };
    let config = Config {
        seed: args.seed,
        transactions: args.transactions,
        spread: args.spread,
        chain_id: args.chain_id,
        senders: args.senders,
        check_every: args.check_every,
        forks,
        ..defaults
    };
    let pool = console::pool(console::threads(args.threads).get())?;
    let started = Instant::now();
    let bar = console::bar("blocks");
    bar.set_length(args.blocks);
    let written = mundi_synthetic::write(&config, &args.out, &pool, &mut |progress| {
        bar.set_position(progress.blocks);
        if !bar.is_hidden() {
            let megabytes = progress.bytes as f64 / 1e6;
            bar.set_message(format!("{} transactions, {megabytes:.1} MB", progress.transactions));
        }
    });
    bar.finish_and_clear();
    console::print(report(&written?, started.elapsed().as_secs_f64()).as_bytes())?;
    Ok(Verdict::Right)
}

fn report(written: &Written, seconds: f64) -> String {
    let Written { totals, genesis, blocks, bytes } = written;
    format!(
        "{} blocks, {} transactions ({} failed), {:.1} Mgas in {seconds:.1} s\n\
         state: {} accounts, {} slots\n\
         head {} {}\n\
         {}: {:.1} MB\n\
         \n\
         mundi import --genesis {} {}\n",
        totals.blocks,
        totals.transactions,
        totals.failed,
        totals.gas as f64 / 1e6,
        totals.accounts,
        totals.slots,
        totals.blocks,
        totals.head,
        blocks.display(),
        *bytes as f64 / 1e6,
        quoted(genesis),
        quoted(blocks),
    )
}
