//! What consensus tells of its course.

use super::{beacons::Beacons, progress::Progress, standing::Standing};
use crate::{dissemination::Dissemination, payload::Beacon, scheme::Scheme};
use commonware_actor::Feedback;
use commonware_consensus::{
    Reporter, Viewable,
    simplex::types::{Activity, Certificate, Finalization, Notarization},
};

/// Keeps what leaders need, the view, and what those are told that have forgotten where they were.
#[derive(Clone, Debug)]
pub(super) struct Observer<K: Dissemination> {
    pub(super) beacons: Beacons<K>,
    pub(super) standing: Standing<K>,
    pub(super) progress: Progress,
}

impl<K: Dissemination> Observer<K> {
    fn notarized(&self, notarization: Notarization<Scheme, K::Commitment>) {
        self.standing.learn(Certificate::Notarization(notarization.clone()));
        let Notarization { proposal, certificate } = notarization;
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
            Activity::Finalization(finalization) => {
                self.standing.learn(Certificate::Finalization(finalization.clone()));
                let Finalization { proposal, certificate } = finalization;
                self.beacons.add(proposal.view(), proposal.payload, Beacon::Finalized(certificate));
                self.progress.set_view(proposal.view().next().get());
            }
            Activity::Nullification(nullification) => {
                self.progress.set_view(nullification.view().next().get());
                self.standing.learn(Certificate::Nullification(nullification));
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
