//! A run: makes the network, lets happen what the plan says, and looks at what came of it.

mod act;
mod checks;
mod lawful;
mod outcome;
#[cfg(test)]
mod tests;

pub use outcome::{Moment, Outcome};

use crate::{
    dice::Dice,
    facts::{BEGINNING, Facts},
    faults::Counters,
    load::Load,
    manner::Manner,
    meddler::{Babble, Contradict, Found, Meddler, Repeat, Select, Signed, Watch, Withhold},
    node::{Death, Node, Sizes},
    plan::{Misconduct, Plan},
    record::Record,
    wan::one_way,
    wires::{End, Member, Wires},
    world::World,
};
use commonware_cryptography::{Hasher, Sha256};
use commonware_runtime::{
    Runner as _,
    deterministic::{Config, Context, Runner},
};
use mundi_consensus::{Coded, LEAST_CODED, Whole, bft::Spread};
use mundi_state::FaultCounts as BlockFaults;
use std::{
    marker::PhantomData,
    panic::{AssertUnwindSafe, catch_unwind},
    sync::Arc,
    time::{Duration, SystemTime, UNIX_EPOCH},
};

/// How often the simulation looks after its validators.
const TICK: Duration = Duration::from_millis(10);

/// Time at the end of a run in which everybody comes to rest.
const REST: Duration = Duration::from_secs(60);

/// Does what a plan says.
pub(crate) fn run(plan: &Plan, watch: &mut dyn FnMut(Moment)) -> Outcome {
    if plan.validators < LEAST_CODED {
        run_with::<Whole>(plan, watch)
    } else {
        run_with::<Coded>(plan, watch)
    }
}

/// The runtime that a plan is run on.
fn config(plan: &Plan) -> Config {
    let limit = plan.healed + plan.most_time() + REST + REST;
    Config::new()
        .with_seed(plan.seed)
        .with_start_time(UNIX_EPOCH + Duration::from_secs(BEGINNING))
        .with_timeout(Some(limit))
        .with_catch_panics(true)
}

fn run_with<K: Spread>(plan: &Plan, watch: &mut dyn FnMut(Moment)) -> Outcome {
    let counters = Counters::default();
    let record = Record::default();
    let (known, said) = (record.clone(), counters.clone());
    let result = catch_unwind(AssertUnwindSafe(|| {
        Runner::new(config(plan)).start(|context| async move {
            match Simulation::<K>::new(context, plan, said, known) {
                Ok(simulation) => simulation.run(watch).await,
                Err(error) => Ended { wrong: Some(error), ..Ended::default() },
            }
        })
    }));
    let mut violations = record.violations();
    let ended = result.unwrap_or_else(|panic| {
        let text = panic.downcast_ref::<String>().cloned();
        let text = text.or_else(|| panic.downcast_ref::<&str>().map(|text| (*text).to_owned()));
        let text = text.unwrap_or_else(|| "a panic".into());
        Ended { wrong: Some(format!("the simulation ended with: {text}")), ..Ended::default() }
    });
    violations.extend(ended.wrong);
    let faults = counters.counts();
    let silent = plan.expected.iter().copied().filter(|fault| faults.of(*fault) == 0).collect();
    Outcome {
        trace: ended.trace,
        height: record.height(),
        transactions: record.all_confirmed().len() as u64,
        views: ended.views,
        messages: ended.messages,
        time: ended.time,
        faults,
        promised: plan.expected.clone(),
        silent,
        violations,
    }
}

/// What is known at the end only.
#[derive(Default)]
struct Ended {
    trace: String,
    views: u64,
    messages: u64,
    time: Duration,
    wrong: Option<String>,
}

/// A network under test.
struct Simulation<'a, K> {
    world: World,
    plan: &'a Plan,
    dice: Dice,
    counters: Counters,
    /// When each machine is switched on again, if it is off.
    returns: Vec<Option<SystemTime>>,
    /// How long it is off after power failed in its disk.
    down: Vec<Duration>,
    /// What the disks with blocks had seen when their machines were switched on.
    block_faults: Vec<BlockFaults>,
    load: Load,
    /// Heights that were there when the quorum was lost, and when it will be back.
    stuck: Option<(SystemTime, SystemTime, Option<u64>)>,
    kind: PhantomData<K>,
}

impl<'a, K: Spread> Simulation<'a, K> {
    fn new(context: Context, plan: &'a Plan, counters: Counters, record: Record) -> Result<Self, String> {
        let mut facts = Facts::new(&context, plan.validators, &[])?;
        facts.rules.max_lag = plan.max_lag;
        let dice = |purpose: &str| Dice::new(plan.seed, purpose);
        let twins: Vec<Member> = plan
            .misconduct
            .iter()
            .filter(|(_, misconduct)| *misconduct == Misconduct::Twin)
            .map(|(member, _)| *member)
            .collect();
        let participants = &facts.committee.participants;
        let wires = Wires::new(&context, dice("wires"), participants, &twins, counters.clone());
        wires.change_links(|from, to, link| {
            link.latency = plan.regions.map_or(plan.latency, |regions| one_way(regions, from, to));
        });
        let mut world = World::new(context, facts, wires, record, plan.pace, None);
        for (end, member) in (0..plan.validators).chain(twins).enumerate() {
            let lies = plan.misconduct.contains(&(member, Misconduct::Lie));
            let lies = if lies { plan.lies.clone() } else { Vec::new() };
            let manner = Manner::new(counters.clone(), plan.max_lag, lies);
            let sizes = Sizes::drawn(&mut dice(&format!("sizes {end}")));
            let (honest, disks) = (plan.is_honest(member), dice(&format!("disk {end}")));
            world.nodes.push(Node::new((end, member), honest, manner, sizes, disks, &counters));
        }
        let machines = world.nodes.len();
        let mut simulation = Self {
            returns: vec![None; machines],
            down: vec![Duration::from_secs(1); machines],
            block_faults: vec![BlockFaults::default(); machines],
            dice: dice("run"),
            load: Load::new(&world.facts, dice("load"), plan.load, world.now()),
            world,
            plan,
            counters,
            stuck: None,
            kind: PhantomData,
        };
        simulation.meddle();
        for end in 0..machines {
            simulation.start(end);
        }
        Ok(simulation)
    }

    /// Puts those who meddle between dishonest machines and the network, and somebody who watches before the others.
    fn meddle(&self) {
        let signed: Signed = Signed::default();
        let watch = |member: Member, found| {
            Box::new(Watch::<K> { member, signed: Arc::clone(&signed), found, kind: PhantomData })
        };
        for Node { end, member, honest, .. } in &self.world.nodes {
            if *honest {
                self.world
                    .wires
                    .set_meddler(*end, Some(watch(*member, Found::Violation(self.world.record.clone()))));
            }
            for (_, misconduct) in self.plan.misconduct.iter().filter(|(other, _)| other == member) {
                let counters = self.counters.clone();
                let meddler: Box<dyn Meddler> = match misconduct {
                    Misconduct::Withhold => Box::new(Withhold(counters)),
                    Misconduct::Select => Box::new(Select(counters)),
                    Misconduct::Babble => Box::new(Babble { counters, me: *member }),
                    Misconduct::Repeat => Box::new(Repeat { counters, past: Default::default() }),
                    Misconduct::Contradict => {
                        let share = self.world.facts.secrets[*member].share().ok();
                        let scheme = share.and_then(|share| self.world.facts.committee.signer(share));
                        let Some(scheme) = scheme else { continue };
                        Box::new(Contradict::<K>::new(counters, scheme))
                    }
                    Misconduct::Twin => watch(*member, Found::Counted(counters)),
                    Misconduct::Lie => continue,
                };
                self.world.wires.set_meddler(*end, Some(meddler));
            }
        }
    }

    fn start(&mut self, end: End) {
        self.returns[end] = None;
        self.block_faults[end] = self.world.nodes[end].blocks.faults();
        self.world.start::<K>(end);
    }

    /// Everything from the beginning to the end.
    async fn run(mut self, watch: &mut dyn FnMut(Moment)) -> Ended {
        let mut wrong = None;
        for (at, action) in &self.plan.actions {
            while wrong.is_none() && self.world.elapsed() < *at {
                wrong = self.tick(watch).await.err();
            }
            self.act(action).await;
        }
        while wrong.is_none() && self.world.elapsed() < self.plan.healed {
            wrong = self.tick(watch).await.err();
        }
        self.heal();
        self.load.end();
        if wrong.is_none() {
            wrong = self.recovers(watch).await.err();
        }
        if wrong.is_none() && self.world.record.violations().is_empty() {
            wrong = self.check().await.err();
        }
        self.count_block_faults();
        let views = self.views();
        let (messages, time) = (self.world.wires.messages(), self.world.elapsed());
        self.world.end().await;
        Ended { trace: self.trace(), views, messages, time, wrong }
    }

    /// What everything so far comes to.
    fn trace(&self) -> String {
        let mut hasher = Sha256::default();
        hasher.update(self.world.context.auditor().state().as_bytes());
        hasher.update(&self.world.wires.trace());
        for height in 1..=self.world.record.height() {
            if let Some(block) = self.world.record.block(height) {
                hasher.update(block.hash.as_slice());
            }
        }
        hasher.finalize().1.to_string()
    }

    /// The newest view that an honest validator is in.
    fn views(&self) -> u64 {
        let live = self.world.nodes.iter().filter(|node| node.honest).filter_map(Node::live);
        live.map(|live| live.progress.view()).max().unwrap_or_default()
    }

    /// Lets a little time pass, and looks after everybody.
    async fn tick(&mut self, watch: &mut dyn FnMut(Moment)) -> Result<(), String> {
        self.world.pass(TICK).await;
        let now = self.world.now();
        for end in 0..self.world.nodes.len() {
            if self.world.nodes[end].is_up() && self.world.nodes[end].disk.is_dead() {
                self.switch_off(end, self.down[end]).await;
            }
            if let Some(death) = self.world.nodes[end].ended() {
                self.ended(end, &death).await;
            }
            if self.returns[end].is_some_and(|at| now >= at) {
                self.start(end);
            }
        }
        self.look_for_progress_without_quorum();
        self.load.act(now, &self.world.nodes, &self.world.record)?;
        watch(Moment { time: self.world.elapsed(), height: self.world.record.height() });
        match self.world.record.violations().first() {
            // It is known already; there is no use in going on.
            Some(_) => Err("the run was ended".into()),
            None => Ok(()),
        }
    }

    /// A validator ended by itself: with a disk that failed it may, but for having something else than the others.
    async fn ended(&mut self, end: End, Death { reason, astray }: &Death) {
        let node = &self.world.nodes[end];
        node.rest();
        let failed = node.disk.has_failed() || node.blocks.faults() != self.block_faults[end];
        let excused = failed && !astray;
        tracing::debug!(target: "simulation", end, reason, excused, "a validator ended");
        if node.honest && !excused {
            self.world.record.violation(format!("node {end} ended by itself: {reason}"));
        }
        let down = self.dice.millis(300, 1500);
        self.switch_off(end, down).await;
    }

    async fn switch_off(&mut self, end: End, down: Duration) {
        let unsynced = mundi_state::Unsynced::drawn(self.dice.next());
        self.world.crash(end, unsynced).await;
        self.returns[end] = Some(self.world.now() + down);
    }

    /// Waits until all honest validators have made blocks after everything is well again.
    async fn recovers(&mut self, watch: &mut dyn FnMut(Moment)) -> Result<(), String> {
        let (view, target) = (self.views(), self.world.record.height() + self.plan.heights);
        let limits = (view + self.plan.most_views(), self.world.now() + self.plan.most_time());
        loop {
            self.tick(watch).await?;
            let executed = |node: &Node| node.live().map_or(0, |live| live.progress.executed().anchor.height);
            let behind: Vec<(End, u64)> = self
                .world
                .nodes
                .iter()
                .filter(|node| node.honest)
                .map(|node| (node.end, executed(node)))
                .filter(|(_, height)| *height < target)
                .collect();
            if behind.is_empty() && self.load.waiting() == 0 {
                return Ok(());
            }
            let done = behind.is_empty();
            if !done && self.views() > limits.0 || self.world.now() > limits.1 {
                let heights: Vec<String> =
                    behind.iter().map(|(end, height)| format!("node {end} is at {height}")).collect();
                return Err(format!(
                    "no progress after healing: view {view} became {}, and to reach height {target}, {}; {} transactions wait",
                    self.views(),
                    heights.join(", "),
                    self.load.waiting(),
                ));
            }
        }
    }
}
