//! What consensus tells of its course.

use super::{beacons::Beacons, progress::Progress};
use crate::{dissemination::Dissemination, payload::Beacon, scheme::Scheme};
use commonware_actor::Feedback;
use commonware_consensus::{
    Reporter, Viewable,
    simplex::types::{Activity, Finalization, Notarization},
};

/// Keeps what leaders need, and the view.
#[derive(Clone, Debug)]
pub(super) struct Observer<K: Dissemination> {
    pub(super) beacons: Beacons<K>,
    pub(super) progress: Progress,
}

impl<K: Dissemination> Observer<K> {
    fn notarized(&self, Notarization { proposal, certificate }: Notarization<Scheme, K::Commitment>) {
        self.beacons.add(proposal.view(), proposal.payload, Beacon::Notarized(certificate));
        self.progress.set_view(proposal.view().next().get());
    }
}

impl<K: Dissemination> Reporter for Observer<K> {
    type Activity = Activity<Scheme, K::Commitment>;

    fn report(&mut self, activity: Self::Activity) -> Feedback {
        match activity {
            Activity::Notarization(notarization) | Activity::Certification(notarization) => {
                self.notarized(notarization);
            }
            Activity::Finalization(Finalization { proposal, certificate }) => {
                self.beacons.add(proposal.view(), proposal.payload, Beacon::Finalized(certificate));
                self.progress.set_view(proposal.view().next().get());
            }
            Activity::Nullification(nullification) => {
                self.progress.set_view(nullification.view().next().get());
            }
            Activity::ConflictingNotarize(_)
            | Activity::ConflictingFinalize(_)
            | Activity::NullifyFinalize(_) => {
                tracing::warn!(target: "consensus", "a validator signs against itself");
            }
            Activity::Notarize(_) | Activity::Nullify(_) | Activity::Finalize(_) => {}
        }
        Feedback::Ok
    }
}
