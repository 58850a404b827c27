//! `mundi replay fetch`.

use crate::{Verdict, cli::FetchArgs, console};
use mundi_chain::ChainSpec;
use mundi_replay::{FetchError, FetchOptions, fetch_block};
use std::time::Duration;

pub(crate) fn run(args: &FetchArgs) -> eyre::Result<Verdict> {
    let options = FetchOptions { url: args.rpc.clone(), timeout: Duration::from_secs(args.timeout) };
    let chain = ChainSpec::mainnet();
    let pool = console::pool(console::threads(None).get())?;
    let bar = console::progress(args.numbers.len(), "blocks");
    let mut verdict = Verdict::Right;
    for number in &args.numbers {
        bar.set_message(number.to_string());
        let written = fetch_block(&options, *number, &chain, &pool)
            .and_then(|fetched| fetched.write(&args.out).map(|path| (fetched, path)));
        match written {
            Ok((fetched, path)) => bar.suspend(|| {
                for warning in &fetched.warnings {
                    console::warn(&format!("warning: block {number}: {warning}"));
                }
                let line = format!(
                    "{}: {} transactions, {} accounts, checked\n",
                    path.display(),
                    fetched.transactions,
                    fetched.accounts
                );
                console::print(line.as_bytes())
            })?,
            Err(error) => {
                let wrong = matches!(error, FetchError::Differs { .. });
                bar.suspend(|| report(&error));
                if verdict != Verdict::Wrong {
                    verdict = if wrong { Verdict::Wrong } else { Verdict::Unusable };
                }
            }
        }
        bar.inc(1);
    }
    bar.finish_and_clear();
    Ok(verdict)
}

fn report(error: &FetchError) {
    console::warn(&format!("error: {error}"));
    if let FetchError::Differs { differences, warnings, .. } = error {
        for difference in differences.iter().skip(1) {
            console::warn(&format!("  {difference}"));
        }
        for warning in warnings {
            console::warn(&format!("  the node: {warning}"));
        }
        console::warn("  nothing was written; try a node that answers all calls, or another client");
    }
}
