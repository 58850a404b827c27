//! The third stage: writes what is published, and tells everybody.

use super::{Item, root::Published};
use crate::ledger::{Head, LedgerEvent, LedgerState, Shared};
use mundi_state::StoreError;
use std::{
    sync::{Arc, mpsc::Receiver},
    time::Instant,
};

/// Most blocks that are written in one step.
const WRITE_AT_ONCE: usize = 64;

pub(super) fn run(shared: &Shared, input: &Receiver<Item<Published>>) {
    while let Ok(first) = input.recv() {
        let mut blocks = Vec::new();
        let mut barrier = None;
        let mut next = Some(first);
        while let Some(item) = next.take() {
            match item {
                Item::Block(block) => blocks.push(*block),
                Item::Barrier(reply) => barrier = Some(reply),
            }
            if barrier.is_none() && blocks.len() < WRITE_AT_ONCE {
                next = input.try_recv().ok();
            }
        }
        if let Err(error) = write(shared, blocks) {
            shared.halt(&error.to_string());
            return;
        }
        if let Some(reply) = barrier {
            let _ = reply.send(());
        }
    }
}

fn write(shared: &Shared, blocks: Vec<Published>) -> Result<(), StoreError> {
    if blocks.is_empty() {
        return Ok(());
    }
    let start = Instant::now();
    shared.store.persist()?;
    let written = start.elapsed();
    for Published { mut sealed, snapshot, submitted, reply } in blocks {
        sealed.timings.write = written;
        sealed.timings.total = submitted.elapsed();
        let sealed = Arc::new(sealed);
        let state = LedgerState::new(snapshot, None, shared.beneath.clone());
        let head = shared.set_head(Head { block: Arc::clone(&sealed.block), state });
        for observer in &*shared.observers.read().expect("no holder panics") {
            observer.sealed(&sealed, &head);
        }
        let _ = shared.events.send(LedgerEvent::NewHead(Arc::clone(&sealed)));
        let _ = reply.send(Ok(sealed));
    }
    if shared.store.needs_flush() {
        shared.store.flush_aged()?;
    }
    Ok(())
}
