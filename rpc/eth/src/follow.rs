//! Following the chain: block by block, forwards and backwards, whatever is missed on the way.

use mundi_chain::{Ledger, LedgerEvent};
use mundi_state::{BlockRecord, StoreError};
use std::{collections::VecDeque, sync::Arc};
use tokio::sync::broadcast::{Receiver, error::RecvError};

/// Most blocks that are caught up on; who is further behind goes on at the head.
const MAX_BEHIND: u64 = 10_000;

/// What happened next.
#[derive(Clone, Debug)]
pub enum Step {
    /// The block is the newest.
    Added(Arc<BlockRecord>),
    /// The block, which was the newest, is no longer part of the chain.
    Removed(Arc<BlockRecord>),
}

/// Follows the chain from its head on.
///
/// Each block is told once, in order; blocks that are taken back are told newest first. Who falls behind the ledger's events
/// is caught up from the store; if blocks were taken back meanwhile, that is not told.
#[derive(Debug)]
pub struct ChainFollower {
    ledger: Arc<Ledger>,
    events: Receiver<LedgerEvent>,
    next: VecDeque<Step>,
    /// The height of the newest block that was told.
    last: u64,
    /// Heights still to be read, when events were missed.
    behind: std::ops::Range<u64>,
}

impl ChainFollower {
    /// Follows from the head on.
    pub fn new(ledger: Arc<Ledger>) -> Self {
        let events = ledger.events();
        let last = ledger.head().block.header.number;
        Self { ledger, events, next: VecDeque::new(), last, behind: 0..0 }
    }

    /// The next step, as soon as there is one. `None` when the ledger has ended, or cannot be read.
    pub async fn next(&mut self) -> Option<Step> {
        loop {
            if let Some(step) = self.next.pop_front() {
                return Some(step);
            }
            match self.behind.next() {
                Some(height) => self.read(height).ok()?,
                None => match self.events.recv().await {
                    Ok(event) => self.take(event)?,
                    Err(RecvError::Lagged(_)) => self.restart(),
                    Err(RecvError::Closed) => return None,
                },
            }
        }
    }

    fn take(&mut self, event: LedgerEvent) -> Option<()> {
        match event {
            LedgerEvent::NewHead(sealed) if sealed.block.header.number > self.last => {
                self.last = sealed.block.header.number;
                self.next.push_back(Step::Added(Arc::clone(&sealed.block)));
            }
            // Read from the store already.
            LedgerEvent::NewHead(_) => {}
            LedgerEvent::Reorganised { removed, head } => {
                let told = removed.into_iter().filter(|block| block.header.number <= self.last);
                self.next.extend(told.map(Step::Removed));
                self.last = self.last.min(head.header.number);
            }
            LedgerEvent::Halted(_) => return None,
        }
        Some(())
    }

    /// Listens anew and reads what was missed.
    fn restart(&mut self) {
        self.events = self.ledger.events();
        let head = self.ledger.head().block.header.number;
        self.behind = (self.last + 1).max(head.saturating_sub(MAX_BEHIND))..head + 1;
        self.last = head;
    }

    fn read(&mut self, height: u64) -> Result<(), StoreError> {
        // What was taken back since then is told by an event, and was never added.
        if let Some(block) = self.ledger.block(height)? {
            self.next.push_back(Step::Added(block));
        }
        Ok(())
    }
}
