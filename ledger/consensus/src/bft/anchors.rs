//! Whether an anchor is right: a node knows when it has executed the block itself.
//!
//! A node executes what it knows to be final. Who proposes an anchor knew that, but a certificate of finality is sent once, and may be lost
//! where the certificates of what came after it are not. If a third of the validators waited for each other's votes like that, nobody
//! would vote any more and no later certificate would come either. So who waits for an anchor asks the others for it.

use super::progress::Progress;
use crate::{
    dissemination::Dissemination,
    payload::{Anchor, Header},
    scheme::{PublicKey, Scheme},
};
use commonware_consensus::{marshal::core::Mailbox, types::Height};
use commonware_runtime::Clock;
use commonware_utils::vec::NonEmptyVec;
use futures::future::{Either, pending, select};
use mundi_chain::Ledger;
use std::{pin::pin, sync::Arc, time::Duration};

/// How long a certificate of finality may be under way before it is asked for.
const UNDER_WAY: Duration = Duration::from_millis(500);

/// Checks anchors.
pub(super) struct Anchors<K: Dissemination> {
    pub(super) ledger: Arc<Ledger>,
    pub(super) progress: Progress,
    pub(super) marshal: Mailbox<Scheme, K::Variant>,
    /// Who can be asked.
    pub(super) others: Vec<PublicKey>,
}

impl<K: Dissemination> Anchors<K> {
    /// Whether this node executes the block that a payload names to the same hash, as soon as it has.
    pub(super) async fn agrees(&self, runtime: &impl Clock, header: &Header<K>) -> bool {
        let anchor = header.anchor;
        let mut executed = self.progress.watch_executed();
        let mut asked = false;
        loop {
            let height = executed.latest().anchor.height;
            if height >= anchor.height {
                return match self.is_own(anchor) {
                    Some(own) => own,
                    None => pending().await,
                };
            }
            let more = pin!(executed.changed());
            if asked || self.progress.ordered() >= anchor.height {
                more.await;
            } else if let Either::Right(_) = select(more, pin!(runtime.sleep(UNDER_WAY))).await {
                asked = true;
                self.ask(header);
            }
        }
    }

    /// Whether a block has this hash; `None` if it is not kept any more, so that nothing can be said.
    fn is_own(&self, anchor: Anchor) -> Option<bool> {
        match self.ledger.block(anchor.height) {
            Ok(block) => block.map(|block| block.hash == anchor.hash),
            Err(error) => {
                tracing::warn!(target: "consensus", %error, "an anchor cannot be checked");
                None
            }
        }
    }

    /// Asks for a certificate that makes the anchor final: its own, or that of a payload after it.
    fn ask(&self, header: &Header<K>) {
        if let Ok(others) = NonEmptyVec::try_from(self.others.clone()) {
            for height in header.anchor.height..header.height.get() {
                self.marshal.hint_finalized(Height::new(height), others.clone());
            }
        }
    }
}
