//! What is kept of final payloads, given to a ledger that lacks it.

use super::{
    executor,
    progress::{Fault, Progress},
};
use crate::{dissemination::Dissemination, payload::Payload};
use commonware_consensus::{
    Reporter,
    marshal::{Update, core::Variant},
};
use commonware_cryptography::Digested;
use commonware_parallel::Strategy;
use commonware_storage::archive;
use commonware_utils::{Acknowledgement, acknowledgement::Exact};
use futures::future::{Either, select};
use std::{collections::VecDeque, pin::pin};

/// Blocks that a ledger may lack without a word: those that were under way.
const MANY: u64 = 64;

/// A payload that is kept.
pub(super) async fn kept<K: Dissemination, A>(
    archive: &A,
    height: u64,
    strategy: &impl Strategy,
) -> Result<Option<Digested<Payload<K>>>, Fault>
where
    A: archive::Archive<Value = <K::Variant as Variant>::StoredBlock>,
{
    let stored = archive.get(archive::Identifier::Index(height)).await;
    let stored = stored.map_err(|error| Fault::Engine(format!("archive of payloads: {error}")))?;
    match stored {
        Some(stored) => Ok(Some(K::Variant::into_shared(K::Variant::restore_across(stored, strategy).await))),
        None => Ok(None),
    }
}

/// Gives the ledger what it lacks of what is kept, so that it is where it was when this node ended: its blocks were taken back, or it is an
/// older copy.
pub(super) async fn make_good<K: Dissemination, A>(
    archive: &A,
    strategy: &impl Strategy,
    executor: &mut executor::Mailbox<K>,
    progress: &Progress,
    depth: usize,
) -> Result<(), Fault>
where
    A: archive::Archive<Value = <K::Variant as Variant>::StoredBlock>,
{
    let first = progress.executed().anchor.height + 1;
    let mut under_way = VecDeque::new();
    for height in first.. {
        let payload = kept::<K, A>(archive, height, strategy).await?;
        let ended = payload.is_none();
        if let Some(payload) = payload {
            let (ack, durable) = Exact::handle();
            under_way.push_back(durable);
            let _ = executor.report(Update::Block(payload, ack));
            if height == first + MANY {
                tracing::info!(target: "consensus", from = first, "the ledger lacks blocks: they are executed again");
            }
        }
        while under_way.len() > if ended { 0 } else { depth } {
            let Some(oldest) = under_way.pop_front() else { break };
            match select(oldest, pin!(progress.failed())).await {
                Either::Left(_) => {}
                Either::Right((fault, _)) => return Err(fault),
            }
        }
        if ended {
            break;
        }
    }
    Ok(())
}
