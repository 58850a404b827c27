//! Giving others what they follow.

use super::upstream::{MOST_BATCH, MOST_BATCH_BYTES, Served};
use crate::{archive::Archive, finality::FindError};
use mundi_chain::Ledger;

/// Final payloads from a height on, for [`Upstream::finalized`](super::Upstream::finalized): at most so many `bytes`, but one at
/// least, and if there is a certificate among them, no further than the last one. Empty if there is nothing yet.
///
/// # Errors
/// [`FindError::NotKept`] if the payload at the height is gone.
pub async fn serve(
    archive: &dyn Archive,
    ledger: &Ledger,
    from: u64,
    bytes: u32,
) -> Result<Vec<Served>, FindError> {
    let most = bytes.min(MOST_BATCH_BYTES) as usize;
    let mut served: Vec<Served> = Vec::new();
    let mut size = 0;
    let mut certified = 0;
    for height in from..=u64::MAX {
        let Some(payload) = archive.payload(height).await else { break };
        size += payload.len();
        if !served.is_empty() && size > most {
            break;
        }
        let certificate = archive.certificate(height).await;
        let is_certified = certificate.is_some();
        served.push(Served { payload, certificate });
        if is_certified {
            certified = served.len();
        }
        if served.len() == MOST_BATCH {
            break;
        }
    }
    if certified > 0 {
        served.truncate(certified);
    } else if served.is_empty() && from <= ledger.head().block.header.number {
        return Err(FindError::NotKept(from));
    }
    Ok(served)
}
