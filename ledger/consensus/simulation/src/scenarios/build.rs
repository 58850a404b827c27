//! Makes plans: what exactly goes wrong in a scenario follows from the seed.

use super::Settings;
use crate::{
    dice::Dice,
    faults::Fault,
    machine::DiskRates,
    plan::{Action, Misconduct, Plan, Trouble},
    wires::Member,
};
use mundi_state::DiskFault;
use std::time::Duration;

/// Blocks that have to be made when all is well again.
const HEIGHTS: u64 = 4;

/// How long trouble lasts.
const TROUBLE: u64 = 5_000;

/// A plan in the making.
pub(super) struct Builder {
    dice: Dice,
    plan: Plan,
}

impl Builder {
    pub(super) fn new(settings: &Settings, validators: usize) -> Self {
        let mut dice = Dice::new(settings.seed, "plan");
        let plan = Plan {
            latency: dice.millis(2, 40),
            regions: settings.regions,
            load: dice.millis(60, 300),
            healed: Duration::from_millis(TROUBLE),
            heights: settings.heights.unwrap_or(HEIGHTS),
            ..Plan::new(settings.seed, validators)
        };
        Self { dice, plan }
    }

    pub(super) fn plan(mut self) -> Plan {
        self.plan.actions.sort_by_key(|(at, _)| *at);
        let dishonest = self.plan.misconduct.len();
        debug_assert!(dishonest <= self.plan.tolerated(), "{dishonest} dishonest validators are too many");
        self.plan
    }

    fn expect(&mut self, faults: &[Fault]) {
        self.plan.expected.extend(faults);
    }

    fn at(&mut self, millis: u64, action: Action) {
        self.plan.actions.push((Duration::from_millis(millis), action));
    }

    /// Some moment of the time of trouble.
    fn moment(&mut self) -> u64 {
        self.dice.between(500, TROUBLE - 500)
    }

    fn anybody(&mut self) -> Member {
        self.dice.index(self.plan.validators)
    }

    fn all(&self) -> Vec<Member> {
        (0..self.plan.validators).collect()
    }

    /// Any of them, but neither nobody nor everybody.
    fn some(&mut self) -> Vec<Member> {
        let all = self.all();
        let many = self.dice.between(1, (all.len() as u64 - 1).max(1));
        self.dice.shuffled(&all).into_iter().take(many as usize).collect()
    }

    /// Validators that break the protocol, as many as are tolerated, each in one of these ways.
    fn dishonest(&mut self, ways: &[Misconduct]) {
        let all = self.all();
        let many = self.plan.tolerated();
        let members: Vec<Member> = self.dice.shuffled(&all).into_iter().take(many).collect();
        let first = self.dice.index(ways.len());
        for (number, member) in members.into_iter().enumerate() {
            self.plan.misconduct.push((member, ways[(first + number) % ways.len()]));
        }
    }

    pub(super) fn calm(&mut self) {}

    pub(super) fn links(&mut self) {
        let all = self.all();
        let most = [50_000, 100_000, 200_000][self.dice.index(3)];
        let trouble = Trouble {
            delay: self.dice.millis(1, 150),
            jitter: self.dice.millis(1, 200),
            loss: self.dice.between(10_000, most) as u32,
            duplication: self.dice.between(10_000, 200_000) as u32,
            corruption: self.dice.between(1_000, 10_000) as u32,
        };
        self.at(200, Action::Trouble(all, trouble));
        self.expect(&[Fault::Delay, Fault::Jitter, Fault::Loss, Fault::Duplication, Fault::Corruption]);
    }

    pub(super) fn partition(&mut self) {
        let (both, one) = (self.some(), self.some());
        let middle = self.dice.between(2_000, 3_000);
        self.at(500, Action::Partition(both));
        self.at(middle, Action::HealLinks);
        self.at(middle + 300, Action::OneWay(one));
        self.expect(&[Fault::Partition, Fault::OneWayPartition]);
    }

    pub(super) fn crash(&mut self) {
        for _ in 0..self.dice.between(2, 6) {
            let (at, who, down) = (self.moment(), self.anybody(), self.dice.millis(50, 2_000));
            self.at(at, Action::Crash(who, down));
        }
        self.expect(&[Fault::Crash]);
    }

    pub(super) fn storage(&mut self) {
        for _ in 0..self.dice.between(3, 7) {
            let (at, who, down) = (self.moment(), self.anybody(), self.dice.millis(50, 1_000));
            let operations = self.dice.below(40);
            self.at(at, Action::CrashInStorage(who, operations, down));
        }
        // In the midst of coming back.
        let (who, down) = (self.anybody(), Duration::from_millis(100));
        for number in 0..3 {
            let (at, operations) = (1_500 + 700 * number, self.dice.below(60));
            self.at(at, Action::Crash(who, down));
            self.at(at + 1, Action::CrashInStorage(who, operations, down));
        }
        self.expect(&[Fault::CrashInStorage, Fault::CrashInRecovery]);
    }

    pub(super) fn disk(&mut self) {
        let rates = DiskRates {
            write: self.dice.between(1_000, 20_000) as u32,
            sync: self.dice.between(1_000, 20_000) as u32,
        };
        let (first, second) = (self.anybody(), self.anybody());
        self.at(500, Action::Disk(first, rates));
        for _ in 0..3 {
            let at = self.moment();
            let fault = if self.dice.happens(500_000) { DiskFault::Write } else { DiskFault::Sync };
            let after = self.dice.below(3);
            self.at(at, Action::BlockWrite(second, fault, after));
        }
        self.expect(&[Fault::FailedBlockWrite]);
    }

    pub(super) fn full(&mut self) {
        let (who, at) = (self.anybody(), self.dice.between(500, 2_000));
        let action = if self.dice.happens(500_000) { Action::Full(who) } else { Action::FullOfBlocks(who) };
        self.at(at, action);
        self.expect(&[Fault::FullDisk]);
    }

    pub(super) fn clock(&mut self) {
        for who in self.all() {
            let millis = self.dice.between(0, 4_000) as i64 - 2_000;
            let at = self.dice.between(0, 2_000);
            self.at(at, Action::Skew(who, millis));
        }
        self.expect(&[Fault::ClockSkew]);
    }

    pub(super) fn slow(&mut self) {
        self.plan.max_lag = self.dice.between(2, 6);
        self.plan.load = Duration::from_millis(40);
        let everybody = self.dice.happens(500_000);
        let who = if everybody { self.all() } else { vec![self.anybody()] };
        for who in who {
            let millis = self.dice.between(200, 1_500);
            self.at(300, Action::Slow(who, millis));
        }
        self.expect(&[Fault::SlowNode]);
    }

    pub(super) fn quorum(&mut self) {
        let all = self.all();
        let many = self.plan.tolerated() + 1;
        let gone = self.dice.shuffled(&all).into_iter().take(many).collect();
        let down = self.dice.millis(2_500, 3_500);
        let at = self.dice.between(800, 1_500);
        self.at(at, Action::NoQuorum(gone, down));
        self.expect(&[Fault::NoQuorum]);
    }

    pub(super) fn lost(&mut self) {
        let (all, many) = (self.all(), self.plan.tolerated());
        for member in self.dice.shuffled(&all).into_iter().take(many) {
            let (at, down) = (self.moment(), self.dice.millis(50, 1_000));
            self.at(at, Action::LoseDisk(member, down));
        }
        self.expect(&[Fault::LostDisk]);
    }

    pub(super) fn twins(&mut self) {
        self.dishonest(&[Misconduct::Twin]);
        if !self.plan.misconduct.is_empty() && self.dice.happens(500_000) {
            // The first of each pair on one side, the second on the other, honest ones on either.
            let honest = self.all().into_iter().filter(|member| self.plan.is_honest(*member));
            let mut side: Vec<usize> = honest.collect();
            side.retain(|_| self.dice.happens(500_000));
            side.extend(self.plan.misconduct.iter().map(|(member, _)| *member));
            let (from, to) = (self.dice.between(500, 1_500), self.dice.between(2_500, 4_000));
            self.at(from, Action::Split(side));
            self.at(to, Action::HealLinks);
        }
        self.expect(&[Fault::Twins]);
    }

    pub(super) fn contradict(&mut self) {
        self.dishonest(&[Misconduct::Contradict]);
        self.expect(&[Fault::ConflictingVotes]);
    }

    pub(super) fn withhold(&mut self) {
        self.dishonest(&[Misconduct::Withhold, Misconduct::Select]);
        let first = self.plan.misconduct.first().map(|(_, misconduct)| *misconduct);
        let withholds = first == Some(Misconduct::Withhold);
        self.expect(&[if withholds { Fault::Withholding } else { Fault::SelectiveShards }]);
    }

    pub(super) fn lies(&mut self) {
        self.plan.max_lag = 3;
        self.plan.load = Duration::from_millis(30);
        self.dishonest(&[Misconduct::Lie]);
        // So that execution is behind, and there is something to lie about.
        for who in self.all() {
            self.at(1_500, Action::Slow(who, 600));
        }
        self.plan.healed = Duration::from_millis(TROUBLE + 3_000);
        self.expect(&[Fault::BadBytes]);
    }

    pub(super) fn garbage(&mut self) {
        self.dishonest(&[Misconduct::Babble, Misconduct::Repeat]);
        let babbles = self.plan.misconduct.iter().any(|(_, way)| *way == Misconduct::Babble);
        self.expect(&[if babbles { Fault::Garbage } else { Fault::Replay }]);
    }

    pub(super) fn few(&mut self) {
        self.links();
        self.crash();
    }

    pub(super) fn everything(&mut self) {
        use Misconduct::{Babble, Contradict, Lie, Repeat, Select, Twin, Withhold};
        let ways = self.dice.shuffled(&[Withhold, Select, Babble, Repeat, Contradict, Lie, Twin]);
        self.dishonest(&ways);
        let parts: [fn(&mut Self); 8] = [
            Self::links,
            Self::partition,
            Self::crash,
            Self::storage,
            Self::disk,
            Self::full,
            Self::clock,
            Self::slow,
        ];
        let parts = self.dice.shuffled(&parts);
        for part in parts.into_iter().take(3) {
            part(self);
        }
        // One thing keeps another from happening.
        self.plan.expected.clear();
    }
}
