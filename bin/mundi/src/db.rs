//! `mundi db`.

use crate::{
    Verdict,
    cli::{DbArgs, DbCommand, FlushArgs, PruneArgs, RepairArgs, RewindArgs},
    console, datadir, state,
};
use eyre::WrapErr as _;
use mundi_state::{Config, Store};
use std::fmt::Write as _;

pub(crate) fn run(args: &DbArgs) -> eyre::Result<Verdict> {
    match &args.command {
        DbCommand::Path(args) => {
            let folder = datadir::folder(args.place.datadir.as_deref())?;
            console::print(format!("{}\n", folder.path().display()).as_bytes())?;
            Ok(Verdict::Right)
        }
        DbCommand::Stats(args) => state::stats(args),
        DbCommand::Verify(args) => state::verify(args),
        DbCommand::Flush(args) => flush(args),
        DbCommand::Prune(args) => prune(args),
        DbCommand::Rewind(args) => rewind(args),
        DbCommand::Repair(args) => repair(args),
    }
}

fn flush(args: &FlushArgs) -> eyre::Result<Verdict> {
    let pool = console::pool(console::threads(None).get())?;
    let (_, store) = state::open(&args.place, &pool)?;
    store.flush()?;
    told(&store)
}

fn prune(args: &PruneArgs) -> eyre::Result<Verdict> {
    let pool = console::pool(console::threads(None).get())?;
    let folder = datadir::folder(args.place.datadir.as_deref())?;
    let config =
        Config { cache_bytes: 64 << 20, history: args.history, proofs: args.proofs, ..Config::default() };
    let store = Store::open(folder.path(), &config, &pool);
    let store = store.wrap_err_with(|| format!("cannot open {}", folder.path().display()))?;
    store.flush()?;
    told(&store)
}

fn rewind(args: &RewindArgs) -> eyre::Result<Verdict> {
    let pool = console::pool(console::threads(None).get())?;
    let (_, store) = state::open(&args.place, &pool)?;
    let tip = store.tip().height;
    eyre::ensure!(
        args.height <= tip,
        "the newest block is {tip}: there is nothing after {} to drop",
        args.height
    );
    store.rewind(args.height)?;
    told(&store)
}

fn repair(args: &RepairArgs) -> eyre::Result<Verdict> {
    let folder = datadir::folder(args.place.datadir.as_deref())?;
    Store::give_up(folder.path()).wrap_err_with(|| format!("cannot repair {}", folder.path().display()))?;
    let pool = console::pool(console::threads(None).get())?;
    let (_, store) = state::open(&args.place, &pool)?;
    told(&store)
}

/// What there is now.
fn told(store: &Store) -> eyre::Result<Verdict> {
    let (tip, (values, proofs)) = (store.persisted(), store.oldest());
    let mut text = format!("block {} {}\n", tip.height, tip.hash);
    let _ = writeln!(text, "states from {values}, proofs from {proofs}");
    console::print(text.as_bytes())?;
    Ok(Verdict::Right)
}
