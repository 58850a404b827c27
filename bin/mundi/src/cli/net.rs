//! `mundi net`.

use alloy_primitives::U256;
use clap::{Args, Subcommand, ValueHint};
use mundi_network::control::LinkChange;
use mundi_network::faults::Gate;
use mundi_rpc_dev::MAX_ACCOUNTS;
use std::{path::PathBuf, time::Duration};

/// Networks of validators: make one, run it on this machine, break it.
///
/// `mundi net new` makes a folder with keys, genesis and settings; `mundi net up` runs all its nodes, and shows how they are; the
/// other commands talk to what runs. Commands that take a folder look for ./mundi-net if none is named, or for a network right here.
#[derive(Debug, Args)]
#[command(disable_help_subcommand = true, arg_required_else_help = true)]
#[command(after_help = "\
Examples:
  mundi net new --validators 4           keys, genesis and settings in ./mundi-net
  mundi net up                           run it; Ctrl-C ends it
and while it runs, in another shell:
  mundi net status                       how is everybody?
  mundi net kill 2                       as a power failure does
  mundi net restart 2
  mundi net partition 0,1 2,3            two halves that do not hear each other
  mundi net link 0 1 --delay 50ms --loss 1%
  mundi net heal
  mundi net down

Exit status:
  0  all is well
  1  a node failed: it ended by itself, with an error, or only when it was killed because it took too long
  2  the network cannot be made or run, or an order was refused")]
pub(crate) struct NetArgs {
    #[command(subcommand)]
    pub(crate) command: NetCommand,
}

#[derive(Debug, Subcommand)]
pub(crate) enum NetCommand {
    New(NetNewArgs),
    Dkg(NetDkgArgs),
    Up(NetUpArgs),
    /// End a network that runs: all its nodes in good order, and then what runs them.
    ///
    /// It also ends nodes whose supervisor was killed.
    #[command(after_help = "\
Examples:
  mundi net down                    the network in ./mundi-net, or the one right here
  mundi net down seven

Exit status:
  0  all have ended in good order, or none ran
  1  a node failed, or had to be killed")]
    Down(NetDirArgs),
    Status(NetStatusArgs),
    /// End a node as a power failure does.
    #[command(after_help = "Examples:\n  mundi net kill 2\n  mundi net kill node2 --dir seven")]
    Kill(NetNodeArgs),
    /// End a node in good order.
    #[command(after_help = "\
Examples:
  mundi net stop 2
  mundi net stop node2 --dir seven

Exit status:
  0  it has ended in good order
  1  it ended with an error, or had to be killed")]
    Stop(NetNodeArgs),
    /// Start a node again; one that runs is ended first, in good order.
    #[command(after_help = "\
Examples:
  mundi net restart 2
  mundi net restart node2 --dir seven

Exit status:
  0  it is starting
  1  it is starting, and before that it ended with an error, or had to be killed")]
    Restart(NetNodeArgs),
    /// Let a node sleep: it keeps its connections and does nothing.
    #[command(after_help = "Examples:\n  mundi net pause 2\n  mundi net pause node2 --dir seven")]
    Pause(NetNodeArgs),
    /// Wake a node up.
    #[command(after_help = "Examples:\n  mundi net resume 2\n  mundi net resume node2 --dir seven")]
    Resume(NetNodeArgs),
    Partition(NetPartitionArgs),
    Heal(NetHealArgs),
    Link(NetLinkArgs),
}

/// Make the folder of a new network: genesis, keys and settings of each node.
///
/// The keys, and the shares of the key under which the validators sign together, are made by this one program, which knows them all
/// while it makes them. That is for networks of one owner; with --dkg the validators make the shared key themselves.
///
/// The genesis gives money to the accounts that developers' tools know, unless there is a file of your own.
#[derive(Debug, Args)]
#[command(after_help = "\
Examples:
  mundi net new                                   four validators in ./mundi-net
  mundi net new --validators 7 --dir seven --base-port 20000
  mundi net new --hosts 10.0.0.7,10.0.0.8,10.0.0.9,10.0.0.10
                                                  one on each of these hosts; see deploy/network.md
  mundi net new --dkg && mundi net dkg            nobody ever knows the secret of the group key
  mundi net new --genesis genesis.json            your own first block; its `config` has \"equalTimestamps\": true

Ports: JSON-RPC 8545, figures 9545, peers 30400, behind the proxy 30500; node I has the I-th from there on. With --base-port P they
begin at P, P + 100, P + 200 and P + 300.")]
pub(crate) struct NetNewArgs {
    /// How many validators: 1 to 100. With --hosts as many as hosts, unless it is said.
    #[arg(long, short = 'n', value_name = "N")]
    pub(crate) validators: Option<usize>,
    /// Folder of the network.
    #[arg(long, value_name = "DIR", default_value = "mundi-net", value_hint = ValueHint::DirPath)]
    pub(crate) dir: PathBuf,
    /// Hosts on which the nodes will be, in turn, by name or address; without it, all on this machine.
    #[arg(long, value_name = "HOST,…", value_delimiter = ',')]
    pub(crate) hosts: Option<Vec<String>>,
    /// Make no group key: the validators do that, with `mundi net dkg`.
    #[arg(long)]
    pub(crate) dkg: bool,
    /// First of the ports that the network takes.
    #[arg(long, value_name = "PORT")]
    pub(crate) base_port: Option<u16>,
    /// The genesis file, as geth has it [default: one is made].
    #[arg(long, value_name = "GENESIS.json", value_hint = ValueHint::FilePath)]
    #[arg(conflicts_with_all = ["chain_id", "accounts", "balance", "mnemonic"])]
    pub(crate) genesis: Option<PathBuf>,
    /// EIP-155 chain id.
    #[arg(long, value_name = "ID", default_value_t = 31337)]
    pub(crate) chain_id: u64,
    /// Accounts that have money.
    #[arg(long, value_name = "N", default_value_t = 10, value_parser = clap::value_parser!(u32).range(0..=i64::from(MAX_ACCOUNTS)))]
    pub(crate) accounts: u32,
    /// What each has, in ether.
    #[arg(long, value_name = "ETHER", default_value = "10000", value_parser = ether)]
    pub(crate) balance: U256,
    /// Words from which their keys are made [default: test test test test test test test test test test test junk].
    #[arg(long, value_name = "WORDS")]
    pub(crate) mnemonic: Option<String>,
}

/// Let the validators of a network make their group key together, so that nobody ever knows its secret.
///
/// For a network of `mundi net new --dkg`, before it runs for the first time. Each validator deals a secret to each other one and adds
/// up what it is dealt: that is its share. The public key goes into network.json, each share into its validator.json.
///
/// All validators have to be there within the waiting time. One that stops goes on where it was with the same command, as long as others
/// still run it. If no key is made, begin the next --attempt, all of them.
#[derive(Debug, Args)]
#[command(after_help = "\
Examples:
  mundi net new --dkg && mundi net dkg             all nodes on this machine, each a process of its own
  mundi net dkg /etc/mundi/net --node 2            on the host of node 2; on the others likewise, at the same time

It listens where the node itself does later: stop the node first.")]
pub(crate) struct NetDkgArgs {
    /// Folder of the network.
    #[arg(value_name = "DIR", value_hint = ValueHint::DirPath)]
    pub(crate) dir: Option<PathBuf>,
    /// Take part as this node alone, by number or name; the others are elsewhere.
    #[arg(long, value_name = "NODE")]
    pub(crate) node: Option<String>,
    /// Which attempt this is, the same for all; one that came to nothing is not gone on with.
    #[arg(long, value_name = "N", default_value_t = 0)]
    pub(crate) attempt: u32,
    /// How many have to be there, at least a quorum [default: all]. The shares of those who are not can be known to everybody.
    #[arg(long, value_name = "N")]
    pub(crate) required: Option<usize>,
    /// How long to wait for all to be there, as in 90s.
    #[arg(long, value_name = "TIME", default_value = "120s", value_parser = time)]
    pub(crate) wait: Duration,
}

/// Run all nodes of a network on this machine, until Ctrl-C or `mundi net down`.
///
/// On a terminal it shows a table of the nodes, anew every second, above their log lines; elsewhere log lines alone. All lines are in
/// DIR/run/net.log, those of node I in DIR/run/nodeI.log. A node that ends by itself is shown as failed and stays down: see why, then
/// `mundi net restart I`.
#[derive(Debug, Args)]
#[command(after_help = "\
Examples:
  mundi net up                      the network in ./mundi-net
  mundi net up seven --detach       in the background: mundi net status seven, mundi net down seven
  mundi net up --plain --blocks     log lines alone, with one for each block of each node
  mundi net up -- --log.level debug more arguments for each `mundi node`")]
pub(crate) struct NetUpArgs {
    /// Folder of the network.
    #[arg(value_name = "DIR", value_hint = ValueHint::DirPath)]
    pub(crate) dir: Option<PathBuf>,
    /// Log lines alone, also on a terminal.
    #[arg(long)]
    pub(crate) plain: bool,
    /// Show the lines that only say that a node has one more block.
    #[arg(long)]
    pub(crate) blocks: bool,
    /// Return when all nodes answer, and leave them running.
    #[arg(long, conflicts_with_all = ["plain", "blocks"])]
    pub(crate) detach: bool,
    /// No proxy between the nodes: a little faster, and nothing can be done to their links.
    #[arg(long)]
    pub(crate) direct: bool,
    /// What lost packets and jitter follow from.
    #[arg(long, value_name = "N", default_value_t = 0)]
    pub(crate) seed: u64,
    /// In the background: say nothing.
    #[arg(long, hide = true, conflicts_with = "detach")]
    pub(crate) silent: bool,
    /// More arguments for each node.
    #[arg(last = true, value_name = "ARGUMENT")]
    pub(crate) arguments: Vec<String>,
}

#[derive(Debug, Args)]
pub(crate) struct NetDirArgs {
    /// Folder of the network.
    #[arg(value_name = "DIR", value_hint = ValueHint::DirPath)]
    pub(crate) dir: Option<PathBuf>,
}

/// Show how the nodes of a network that runs are.
#[derive(Debug, Args)]
#[command(after_help = "\
Examples:
  mundi net status
  mundi net status seven --json | jq .chain.height

LAG is how many payloads are ordered and not executed yet; FINALITY is from proposal to finality, over the last twenty
seconds; TX/S is transactions in blocks, over the last five.")]
pub(crate) struct NetStatusArgs {
    #[command(flatten)]
    pub(crate) dir: NetDirArgs,
    /// Print JSON.
    #[arg(long)]
    pub(crate) json: bool,
}

#[derive(Debug, Args)]
pub(crate) struct NetNodeArgs {
    /// Which node, by number or name.
    #[arg(value_name = "NODE")]
    pub(crate) node: String,
    #[command(flatten)]
    pub(crate) place: NetPlaceArgs,
}

#[derive(Debug, Args)]
pub(crate) struct NetPlaceArgs {
    /// Folder of the network.
    #[arg(long, value_name = "DIR", value_hint = ValueHint::DirPath)]
    pub(crate) dir: Option<PathBuf>,
}

/// Separate groups of nodes from each other.
///
/// Nodes that are not named form one more group. What was separated before is joined first.
#[derive(Debug, Args)]
#[command(after_help = "\
Examples:
  mundi net partition 0,1 2,3      two halves; also as '0,1|2,3'
  mundi net partition 0            node 0 alone
  mundi net partition 0 --silent   the same, and nobody is told: connections stay, and nothing comes")]
pub(crate) struct NetPartitionArgs {
    /// Groups of nodes.
    #[arg(value_name = "A,B", required = true)]
    pub(crate) groups: Vec<String>,
    /// Hold what they say to each other, instead of closing their connections.
    #[arg(long)]
    pub(crate) silent: bool,
    #[command(flatten)]
    pub(crate) place: NetPlaceArgs,
}

/// Open all links between nodes again.
#[derive(Debug, Args)]
#[command(after_help = "\
Examples:
  mundi net heal                   nobody is separated any more
  mundi net heal --links           and all links are as good as new")]
pub(crate) struct NetHealArgs {
    /// Forget delays, losses and limits too.
    #[arg(long)]
    pub(crate) links: bool,
    #[command(flatten)]
    pub(crate) place: NetPlaceArgs,
}

/// Make a link between two nodes better or worse, in both directions.
///
/// What is not said stays as it is. Losses are those of a network below TCP: no byte is lost, but each lost packet holds up what is
/// behind it.
#[derive(Debug, Args)]
#[command(after_help = "\
Examples:
  mundi net link 0 1 --delay 50ms --jitter 10ms --loss 1%
  mundi net link all all --delay 40ms --bandwidth 12MB
  mundi net link 0 all --one-way --stall       nobody hears node 0
  mundi net link 0 1 --delay 0ms --loss 0%     as good as new
  mundi net heal --links                       all of them")]
pub(crate) struct NetLinkArgs {
    /// From which node; `all` is everyone.
    #[arg(value_name = "A")]
    pub(crate) from: String,
    /// To which node; likewise.
    #[arg(value_name = "B")]
    pub(crate) to: String,
    /// By how much everything is later, as in 50ms or 0.2s.
    #[arg(long, value_name = "TIME", value_parser = time)]
    pub(crate) delay: Option<Duration>,
    /// By how much more at most, drawn anew for each segment.
    #[arg(long, value_name = "TIME", value_parser = time)]
    pub(crate) jitter: Option<Duration>,
    /// How many packets of 1,460 bytes are lost, as in 1% or 0.01.
    #[arg(long, value_name = "SHARE", value_parser = share)]
    pub(crate) loss: Option<f64>,
    /// Bytes per second, as in 12MB; 0 is no limit.
    #[arg(long, value_name = "SIZE", value_parser = size)]
    pub(crate) bandwidth: Option<u64>,
    /// Close connections, and refuse new ones.
    #[arg(long, group = "gate")]
    pub(crate) cut: bool,
    /// Hold everything, and close nothing.
    #[arg(long, group = "gate")]
    pub(crate) stall: bool,
    /// Let everything pass again.
    #[arg(long, group = "gate")]
    pub(crate) open: bool,
    /// Only from A to B.
    #[arg(long)]
    pub(crate) one_way: bool,
    #[command(flatten)]
    pub(crate) place: NetPlaceArgs,
}

impl NetLinkArgs {
    /// What is different from now on.
    pub(crate) fn change(&self) -> LinkChange {
        let gate = match (self.cut, self.stall, self.open) {
            (true, ..) => Some(Gate::Cut),
            (_, true, _) => Some(Gate::Stalled),
            (.., true) => Some(Gate::Open),
            _ => None,
        };
        let Self { delay, jitter, loss, bandwidth, .. } = *self;
        LinkChange { delay, jitter, loss, bandwidth, gate }
    }
}

fn ether(text: &str) -> Result<U256, String> {
    alloy_primitives::utils::parse_ether(text)
        .map_err(|_| "expected an amount of ether, as in 10000 or 0.5".to_owned())
}

fn size(text: &str) -> Result<u64, String> {
    mundi_node::parse_size(text).ok_or_else(|| "expected bytes per second, as in 12MB".to_owned())
}

pub(super) fn time(text: &str) -> Result<Duration, String> {
    let (number, unit) = match text.strip_suffix("ms") {
        Some(number) => (number, 1e-3),
        None => (text.strip_suffix('s').unwrap_or("no unit"), 1.0),
    };
    let seconds = number.trim().parse().ok().map(|number: f64| number * unit);
    seconds
        .and_then(|seconds| Duration::try_from_secs_f64(seconds).ok())
        .ok_or_else(|| "expected a time with its unit, as in 50ms or 0.2s".to_owned())
}

fn share(text: &str) -> Result<f64, String> {
    let share = match text.strip_suffix('%') {
        Some(percent) => percent.trim().parse().map(|percent: f64| percent / 100.0),
        None => text.parse(),
    };
    share.map_err(|_| "expected a share, as in 1% or 0.01".to_owned())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn times_have_units_and_shares_may() {
        assert_eq!(time("50ms"), Ok(Duration::from_millis(50)));
        assert_eq!(time("0.2s"), Ok(Duration::from_millis(200)));
        assert_eq!(time("0ms"), Ok(Duration::ZERO));
        for wrong in ["50", "ms", "-1s", "1e99s", "nans", ""] {
            assert!(time(wrong).is_err(), "{wrong}");
        }
        assert_eq!((share("1%"), share("0.25"), share("x%").is_err()), (Ok(0.01), Ok(0.25), true));
    }
}
