//! `mundi net dkg`.

use super::{DEFAULT_DIR, program};
use crate::{
    Verdict,
    cli::NetDkgArgs,
    console,
    log::{self, LogFormat},
};
use eyre::WrapErr as _;
use mundi_consensus::{
    NetworkFile, ValidatorFile,
    dkg::{Ceremony, DkgConfig, DkgOutcome, Timeouts, run as make},
};
use mundi_network::{Layout, NodePlace, quoted};
use std::{
    fmt::Write as _,
    io::{BufRead as _, BufReader, Read},
    num::NonZeroUsize,
    path::Path,
    process::{Child, Command, Stdio},
    thread,
    time::Duration,
};

/// Threads of a participant: most of the time it waits for others.
const THREADS: NonZeroUsize = NonZeroUsize::new(2).unwrap();

/// How often it is looked whether a participant has ended.
const LOOK: Duration = Duration::from_millis(100);

pub(super) fn run(args: &NetDkgArgs) -> eyre::Result<Verdict> {
    let dir = super::folder(args.dir.as_deref());
    match &args.node {
        Some(name) => take_part(args, dir, &Layout::open_node(dir, name)?),
        None => run_all(args, &super::open(Some(dir))?),
    }
}

/// Takes part as one node, and puts the key and the share where they belong.
fn take_part(args: &NetDkgArgs, dir: &Path, node: &NodePlace) -> eyre::Result<Verdict> {
    log::start(LogFormat::Pretty, "info")?;
    let (public, secret) = (dir.join("network.json"), node.dir.join("validator.json"));
    let network = NetworkFile::read(&public)?;
    let mut validator = ValidatorFile::read(&secret)?;
    let ceremony = Ceremony::of(&network, args.attempt, args.required)?;
    let names: Vec<_> =
        ceremony.participants.iter().map(|other| (other.key.clone(), other.name.clone())).collect();
    // Without the proxy of a network that runs, a node on this machine listens where the others dial it.
    let listen = node.public().filter(|address| address.ip().is_loopback()).unwrap_or(node.listen);
    let directory = node.dir.join(format!("dkg-{}", args.attempt));
    let outcome = make(DkgConfig {
        ceremony,
        signer: validator.key()?,
        listen,
        directory: directory.clone(),
        threads: THREADS,
        timeouts: Timeouts { gather: args.wait, ..Timeouts::default() },
    })?;
    // Another node may have written the public file meanwhile, with the same key.
    let mut network = NetworkFile::read(&public)?;
    outcome.fill(&mut network, &mut validator)?;
    network.committee()?;
    // The share comes first: a network whose file has a key is one whose nodes have their shares.
    validator.write(&secret)?;
    network.write(&public)?;
    console::print(report(&outcome, &names, &node.name, &directory).as_bytes())?;
    Ok(Verdict::Right)
}

/// What came of it, for people.
fn report(
    outcome: &DkgOutcome,
    names: &[(mundi_consensus::PublicKey, String)],
    me: &str,
    directory: &Path,
) -> String {
    let called = |keys: &[mundi_consensus::PublicKey]| {
        let found = names.iter().filter(|(key, _)| keys.contains(key)).map(|(_, name)| name.as_str());
        found.collect::<Vec<_>>().join(", ")
    };
    let mut text = format!("group key  {}\n{me} has its share.\n", outcome.group_key);
    if !outcome.revealed.is_empty() {
        let _ = writeln!(
            text,
            "Everybody can know the shares of {}, which were not there in time: count them among those that may lie.",
            called(&outcome.revealed)
        );
    }
    if !outcome.unfinished.is_empty() {
        let _ = writeln!(
            text,
            "Not heard of having finished: {}. They can only finish while others still run this.",
            called(&outcome.unfinished)
        );
    }
    let _ = writeln!(
        text,
        "{} is not needed any more once all have finished; it holds secrets.",
        directory.display()
    );
    text
}

/// Runs all nodes, each in a process of its own.
fn run_all(args: &NetDkgArgs, layout: &Layout) -> eyre::Result<Verdict> {
    let dir = layout.dir.display();
    eyre::ensure!(
        layout.is_local(),
        "the nodes in {dir} are on several hosts: run `mundi net dkg DIR --node I` on each, at the same time"
    );
    let public = layout.dir.join("network.json");
    let share = |node: &NodePlace| ValidatorFile::read(&node.dir.join("validator.json"));
    let shares = layout.nodes.iter().map(share).collect::<Result<Vec<_>, _>>()?;
    let network = NetworkFile::read(&public)?;
    if network.has_key() && shares.iter().all(|file| file.share().is_ok()) {
        console::print(format!("the network in {dir} has its key: {}\n", network.group_key).as_bytes())?;
        return Ok(Verdict::Right);
    }
    let participants: Vec<Participant> =
        layout.nodes.iter().map(|node| Participant::start(args, layout, node)).collect::<Result<_, _>>()?;
    wait(participants)?;
    let network = NetworkFile::read(&public)?;
    network.committee()?;
    let up = if layout.dir == Path::new(DEFAULT_DIR) {
        String::new()
    } else {
        format!(" {}", quoted(&layout.dir))
    };
    let text = format!(
        "\nThe validators made their group key, and each has its share of it.\n\n\
         group key  {}\n\n\
         Run it:    mundi net up{up}\n",
        network.group_key
    );
    console::print(text.as_bytes())?;
    Ok(Verdict::Right)
}

/// A process that takes part. Dropped, it is ended.
struct Participant {
    name: String,
    process: Child,
    lines: Vec<thread::JoinHandle<()>>,
}

impl Participant {
    fn start(args: &NetDkgArgs, layout: &Layout, node: &NodePlace) -> eyre::Result<Self> {
        let mut command = Command::new(program()?);
        command.args(["net", "dkg"]).arg(&layout.dir).args(["--node", &node.name]);
        command.args(["--attempt", &args.attempt.to_string()]);
        command.args(["--wait", &format!("{}ms", args.wait.as_millis())]);
        if let Some(required) = args.required {
            command.args(["--required", &required.to_string()]);
        }
        let process = command
            .stdin(Stdio::null())
            .stdout(Stdio::null())
            .stderr(Stdio::piped())
            .spawn()
            .wrap_err_with(|| format!("cannot start {}", node.name))?;
        let mut participant = Self { name: node.name.clone(), lines: Vec::new(), process };
        if let Some(errors) = participant.process.stderr.take() {
            participant.show(errors)?;
        }
        Ok(participant)
    }

    /// Shows its lines with its name before them.
    fn show(&mut self, lines: impl Read + Send + 'static) -> eyre::Result<()> {
        let name = self.name.clone();
        let show = move || {
            for line in BufReader::new(lines).lines().map_while(Result::ok) {
                console::warn(&format!("{name}  {line}"));
            }
        };
        let thread = thread::Builder::new().name("lines".into()).spawn(show);
        self.lines.push(thread.wrap_err("cannot start a thread")?);
        Ok(())
    }
}

impl Drop for Participant {
    fn drop(&mut self) {
        // One that has ended is not there any more.
        let _ = self.process.kill();
        let _ = self.process.wait();
        self.lines.drain(..).for_each(|lines| _ = lines.join());
    }
}

/// Waits for all of them; if one fails, the others are ended.
fn wait(mut participants: Vec<Participant>) -> eyre::Result<()> {
    while !participants.is_empty() {
        for at in (0..participants.len()).rev() {
            let status = participants[at].process.try_wait().wrap_err("cannot wait for a node")?;
            let Some(status) = status else { continue };
            let Participant { name, .. } = &participants[at];
            eyre::ensure!(
                status.success(),
                "{name} made no key, and its lines above say why; the same command goes on where it was"
            );
            participants.swap_remove(at);
        }
        thread::sleep(LOOK);
    }
    Ok(())
}
