//! What is kept of final payloads, given to a ledger that lacks it.

use super::{
    executor::Feed,
    progress::{Fault, Progress},
};
use crate::{dissemination::Dissemination, payload::Payload};
use commonware_consensus::marshal::core::Variant;
use commonware_cryptography::Digested;
use commonware_parallel::Strategy;
use commonware_storage::archive;

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
    progress: &Progress,
    mut ledger: Feed<K>,
) -> Result<(), Fault>
where
    A: archive::Archive<Value = <K::Variant as Variant>::StoredBlock>,
{
    let first = progress.executed().anchor.height + 1;
    for height in first.. {
        let Some(payload) = kept::<K, A>(archive, height, strategy).await? else { break };
        if height == first + MANY {
            tracing::info!(target: "consensus", from = first, "the ledger lacks blocks: they are executed again");
        }
        ledger.give(payload).await?;
    }
    ledger.end().await
}
