//! Lets things happen.

use super::Simulation;
use crate::{
    dice::MILLION,
    faults::Fault,
    machine::DiskRates,
    plan::{Action, Trouble},
    wires::Member,
};
use mundi_consensus::bft::Spread;
use mundi_state::SimulatedDisk;
use std::time::Duration;

/// How long payloads that are under way may still become final without a quorum of those who are left.
const LAST: Duration = Duration::from_millis(800);

impl<K: Spread> Simulation<'_, K> {
    pub(super) async fn act(&mut self, action: &Action) {
        tracing::debug!(target: "simulation", time = ?self.world.elapsed(), ?action);
        match action {
            Action::Trouble(members, trouble) => self.trouble(members, *trouble),
            Action::Partition(side) => {
                self.cut(|from, to| (side.contains(&from) != side.contains(&to)).then_some(Fault::Partition))
            }
            Action::OneWay(side) => self.cut(|from, to| {
                (side.contains(&from) && !side.contains(&to)).then_some(Fault::OneWayPartition)
            }),
            Action::Split(side) => self.world.wires.split(side),
            Action::HealLinks => self.heal_links(),
            Action::Crash(end, down) => {
                if self.world.nodes[*end].is_up() {
                    self.counters.add(Fault::Crash);
                    self.switch_off(*end, *down).await;
                }
            }
            Action::CrashInStorage(end, operations, down) => {
                self.down[*end] = *down;
                self.world.nodes[*end].disk.set_fuse(*operations);
            }
            Action::NoQuorum(ends, down) => {
                self.counters.add(Fault::NoQuorum);
                for end in ends {
                    self.switch_off(*end, *down).await;
                }
                self.stuck = Some((self.world.now() + LAST, self.world.now() + *down - LAST, None));
            }
            Action::Disk(end, rates) => self.world.nodes[*end].disk.set_rates(*rates),
            Action::Full(end) => self.world.nodes[*end].disk.set_full(true),
            Action::FullOfBlocks(end) => {
                self.world.nodes[*end].rest();
                let blocks = &self.world.nodes[*end].blocks;
                blocks.set_capacity(Some(blocks.bytes()));
            }
            Action::BlockWrite(end, fault, after) => {
                self.world.nodes[*end].rest();
                self.world.nodes[*end].blocks.fail(*fault, *after);
            }
            Action::Skew(end, millis) => self.world.nodes[*end].skew.set(*millis),
            Action::Slow(end, millis) => self.world.nodes[*end].manner.set_slow(*millis),
            Action::LoseDisk(end, down) => {
                self.counters.add(Fault::LostDisk);
                self.switch_off(*end, *down).await;
                self.count_block_faults_of(*end);
                self.world.record.lost(*end);
                let node = &mut self.world.nodes[*end];
                node.disk.wipe(&self.world.context).await;
                node.blocks = SimulatedDisk::new(self.dice.next());
            }
        }
    }

    fn trouble(&self, members: &[Member], trouble: Trouble) {
        let Trouble { delay, jitter, loss, duplication, corruption } = trouble;
        debug_assert!(loss < MILLION, "what loses everything is a partition");
        self.world.wires.change_links(|from, _, link| {
            if members.contains(&from) {
                link.delay = delay;
                link.jitter = jitter;
                link.loss = loss;
                link.duplication = duplication;
                link.corruption = corruption;
            }
        });
    }

    fn cut(&self, cut: impl Fn(Member, Member) -> Option<Fault>) {
        self.world.wires.change_links(|from, to, link| link.cut = cut(from, to));
    }

    fn heal_links(&self) {
        self.world.wires.change_links(|_, _, link| link.heal());
        self.world.wires.split(&[]);
    }

    /// Everything but misconduct is well from now on.
    pub(super) fn heal(&mut self) {
        self.heal_links();
        let now = self.world.now();
        self.stuck = None;
        for node in &self.world.nodes {
            node.disk.set_rates(DiskRates::default());
            node.disk.set_full(false);
            node.disk.clear_fuse();
            node.rest();
            node.blocks.set_capacity(None);
            node.skew.set(0);
            node.manner.set_slow(0);
        }
        for at in self.returns.iter_mut().flatten() {
            *at = now;
        }
    }

    /// While there is no quorum there must be no new blocks.
    pub(super) fn look_for_progress_without_quorum(&mut self) {
        let (now, height) = (self.world.now(), self.world.record.height());
        match &mut self.stuck {
            Some((from, _, before @ None)) if now >= *from => *before = Some(height),
            Some((_, to, Some(before))) if now >= *to => {
                if height > *before {
                    let text = format!("without a quorum there were blocks from {before} to {height}");
                    self.world.record.violation(text);
                }
                self.stuck = None;
            }
            _ => {}
        }
    }

    /// Adds what the disks with blocks have seen.
    pub(super) fn count_block_faults(&self) {
        for end in 0..self.world.nodes.len() {
            self.count_block_faults_of(end);
        }
    }

    fn count_block_faults_of(&self, end: usize) {
        self.world.nodes[end].rest();
        let faults = self.world.nodes[end].blocks.faults();
        let counters = &self.counters;
        counters.add_many(Fault::FailedBlockWrite, faults.failed_writes + faults.failed_syncs);
        counters.add_many(Fault::FullDisk, faults.full_disk);
        counters.add_many(Fault::TornWrite, faults.torn);
    }
}
