//! `mundi net`.

mod create;
mod dkg;
mod orders;
mod up;

pub(crate) use orders::failures;

use crate::{
    Verdict,
    cli::{NetArgs, NetCommand},
};
use eyre::WrapErr as _;
use mundi_network::{Layout, control::Order};
use std::path::{Path, PathBuf};

/// The folder of a network unless another is named.
const DEFAULT_DIR: &str = "mundi-net";

pub(crate) fn run(args: &NetArgs) -> eyre::Result<Verdict> {
    let order = |dir: &Option<PathBuf>, order| orders::give(&open(dir.as_deref())?, &order);
    match &args.command {
        NetCommand::New(new) => create::run(new),
        NetCommand::Dkg(dkg) => dkg::run(dkg),
        NetCommand::Up(up) => up::run(up),
        NetCommand::Down(down) => orders::down(&open(down.dir.as_deref())?),
        NetCommand::Status(status) => orders::status(&open(status.dir.dir.as_deref())?, status.json),
        NetCommand::Kill(args) => order(&args.place.dir, Order::Kill { node: args.node.clone() }),
        NetCommand::Stop(args) => order(&args.place.dir, Order::Stop { node: args.node.clone() }),
        NetCommand::Restart(args) => order(&args.place.dir, Order::Restart { node: args.node.clone() }),
        NetCommand::Pause(args) => order(&args.place.dir, Order::Pause { node: args.node.clone() }),
        NetCommand::Resume(args) => order(&args.place.dir, Order::Resume { node: args.node.clone() }),
        NetCommand::Partition(args) => {
            let groups = orders::groups(&args.groups);
            order(&args.place.dir, Order::Partition { groups, silent: args.silent })
        }
        NetCommand::Heal(args) => order(&args.place.dir, Order::Heal { links: args.links }),
        NetCommand::Link(args) => {
            let (from, to) = (args.from.clone(), args.to.clone());
            order(&args.place.dir, Order::Link { from, to, one_way: args.one_way, change: args.change() })
        }
    }
}

/// This program, to run it for each node.
pub(crate) fn program() -> eyre::Result<PathBuf> {
    std::env::current_exe().wrap_err("cannot find out where this program is, to run it for each node")
}

/// The folder of a network: the one that was named, the one right here, or the one that is made without a name.
fn folder(dir: Option<&Path>) -> &Path {
    let here = || Path::new("network.json").exists().then_some(Path::new("."));
    dir.or_else(here).unwrap_or(Path::new(DEFAULT_DIR))
}

/// The network in such a folder.
fn open(dir: Option<&Path>) -> eyre::Result<Layout> {
    Ok(Layout::open(folder(dir))?)
}
