//! `mundi node` and `mundi config`, and how a node runs until it is told to end.

use crate::{
    Verdict,
    cli::{ConfigArgs, ConfigCommand, NodeArgs, SettingArgs},
    console, datadir,
    interrupt::Interrupt,
    log::{self, LogFormat},
};
use eyre::WrapErr as _;
use mundi_node::{DataDir, MAX_SETTINGS_BYTES, Node, Settings, SettingsError, Threads, default_file};
use std::{env, path::Path, path::PathBuf, sync::Arc, thread};

/// Variables that begin as those of settings do, and are none.
const OTHER_VARIABLES: [&str; 2] = ["MUNDI_CONFIG", "MUNDI_FIXTURES"];

pub(crate) fn run(args: &NodeArgs) -> eyre::Result<Verdict> {
    let settings = settings(&args.settings)?;
    let format = if settings.logs_json() { LogFormat::Json } else { LogFormat::Pretty };
    log::start(format, settings.log_level())?;
    let mut interrupt = Interrupt::listen()?;
    let folder = datadir::folder(settings.datadir().as_deref())?;
    let config = settings.node(folder.clone())?;
    let files = raise_file_limit();
    let threads = settings.threads(console::threads(None));
    tracing::info!(
        target: "node",
        version = env!("CARGO_PKG_VERSION"),
        datadir = %folder.path().display(),
        engine = threads.engine,
        rpc = threads.rpc,
        open_files = files,
        "starting",
    );
    let node = Node::start(config, Arc::new(Threads::start(&threads)?))?;
    let head = node.ledger().head();
    tracing::info!(
        target: "node",
        chain = node.ledger().spec().chain_id(),
        height = head.block.header.number,
        hash = %head.block.hash,
        "the chain is open",
    );
    drop(head);
    let addresses = node.addresses();
    let url = |scheme, address| move || format!("{scheme}://{address}");
    for (what, place) in [
        ("HTTP", addresses.http.map(|address| url("http", address)())),
        ("WebSocket", addresses.ws.map(|address| url("ws", address)())),
        ("IPC", addresses.ipc.as_ref().map(|path| path.display().to_string())),
        ("HTTP with a token", addresses.admin.map(|address| url("http", address)())),
        ("figures and health", addresses.metrics.map(|address| url("http", address)())),
    ] {
        if let Some(place) = place {
            tracing::info!(target: "node", "{what} at {place}");
        }
    }
    run_until(&mut interrupt, node)
}

/// Raises the limit of open files; what cannot be raised is said, and is no reason not to run.
pub(crate) fn raise_file_limit() -> Option<u64> {
    match mundi_node::raise_file_limit() {
        Ok(limit) => limit,
        Err(error) => {
            tracing::warn!(target: "node", "{error}");
            None
        }
    }
}

/// Waits for Ctrl-C, SIGTERM or the end of the chain, and stops the node in good order.
pub(crate) fn run_until(interrupt: &mut Interrupt, node: Node) -> eyre::Result<Verdict> {
    let waker = interrupt.waker()?;
    let halted = node.watch_for_halt(move || waker.wake());
    thread::Builder::new().name("halt".into()).spawn(halted).wrap_err("cannot start a thread")?;
    interrupt.wait()?;
    let reason = node.halted();
    tracing::info!(target: "node", "stopping; once more to stop at once");
    let stopped = node.stop();
    match (reason, stopped) {
        (None, Ok(())) => {
            tracing::info!(target: "node", "stopped");
            Ok(Verdict::Right)
        }
        (Some(reason), _) => {
            console::warn(&format!("error: the chain has stopped: {reason}"));
            Ok(Verdict::Wrong)
        }
        (None, Err(error)) => Err(error.into()),
    }
}

fn with_file(settings: Settings, file: &Path) -> eyre::Result<Settings> {
    Ok(settings.with_file(file, &datadir::read_text(file, MAX_SETTINGS_BYTES)?)?)
}

/// Flags over variables over a file over defaults.
fn settings(args: &SettingArgs) -> eyre::Result<Settings> {
    let file = args.config.clone().or_else(|| env::var_os("MUNDI_CONFIG").map(PathBuf::from));
    let settings = match file {
        Some(file) => with_file(Settings::default(), &file)?,
        None => Settings::default(),
    };
    let variables = env::vars_os().filter_map(|(name, value)| {
        // What is not text is none of ours, or a value that is refused all the same.
        Some((name.into_string().ok()?, value.to_string_lossy().into_owned()))
    });
    let mut flags: Vec<(&str, &str)> =
        args.flags.0.iter().map(|(name, value)| (*name, value.as_str())).collect();
    if args.no_mine {
        flags.push(("blocks.mine", "false"));
    }
    Ok(settings.with_variables(variables, &OTHER_VARIABLES)?.with_flags(flags)?)
}

pub(crate) fn config(args: &ConfigArgs) -> eyre::Result<Verdict> {
    match &args.command {
        ConfigCommand::Default => console::print(default_file().as_bytes())?,
        ConfigCommand::Check { file } => {
            let settings = with_file(Settings::default(), file)?;
            let folder = settings.datadir().map_or_else(|| DataDir::new("."), DataDir::new);
            settings
                .node(folder)
                .map_err(|error: SettingsError| eyre::eyre!("{}: {error}", file.display()))?;
            console::print(format!("{}: all right\n", file.display()).as_bytes())?;
        }
        ConfigCommand::Show(args) => console::print(settings(&args.settings)?.show().as_bytes())?,
    }
    Ok(Verdict::Right)
}
