//! `mundi node`, and how a node runs until it is told to end.

use crate::{Verdict, console, interrupt::Interrupt};
use eyre::WrapErr as _;
use mundi_node::Node;
use std::thread;

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
        (None, Ok(())) => Ok(Verdict::Right),
        (Some(reason), _) => {
            console::warn(&format!("error: the chain has stopped: {reason}"));
            Ok(Verdict::Wrong)
        }
        (None, Err(error)) => Err(error.into()),
    }
}
