//! Ordering: who decides which transaction comes next.
//!
//! [`Solo`] orders on its own, for networks of one node and for developers. It stands behind the
//! [`Sequencer`](mundi_chain::Sequencer) trait, as does everything that orders.

mod clock;
mod solo;

pub use clock::{Clock, SystemClock};
pub use solo::{Mining, NextBlock, ProduceError, Solo, SoloConfig};
