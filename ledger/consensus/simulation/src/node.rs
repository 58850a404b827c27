//! A validator on its machine: started, crashed, started again.
//!
//! ## Threads
//! A ledger has threads of its own. A simulated validator waits for each of its blocks; what the ledger does after that, which is to
//! move blocks from memory into its tables, changes nothing but its disk. So whoever touches that disk [lets it rest](Node::rest) before.

mod sizes;

pub(crate) use sizes::Sizes;

use crate::{
    dice::Dice,
    facts::Facts,
    faults::Counters,
    machine::{Disk, Machine, Skew},
    manner::Manner,
    record::{Record, Witness},
    wires::{End, Ends, Member, Wires},
};
use alloy_primitives::Address;
use commonware_parallel::Sequential;
use commonware_runtime::{Clock as _, Handle, Spawner as _, Supervisor as _, deterministic::Context};
use futures::{FutureExt as _, future::Either};
use mundi_chain::{Ledger, SharedSource};
use mundi_consensus::{
    Archive, Pace,
    bft::{self, Channels, EngineConfig, Fault, Progress, Spread, Tuning},
    forward::{self, Forwarder, PoolIntake, PoolOutbox, Workers, follow_leaders, follow_pool},
    namespace,
};
use mundi_mempool::{Mempool, head_after};
use mundi_state::{SimulatedDisk, Store, Unsynced};
use std::{
    sync::{
        Arc, Mutex, MutexGuard,
        atomic::{AtomicU64, Ordering::Relaxed},
    },
    time::Duration,
};

/// Milliseconds on the simulation's clock, for what asks no runtime.
#[derive(Clone, Debug, Default)]
pub(crate) struct PoolClock(pub(crate) Arc<AtomicU64>);

impl mundi_mempool::Clock for PoolClock {
    fn now(&self) -> Duration {
        Duration::from_millis(self.0.load(Relaxed))
    }
}

/// What can be asked of a validator while it lives.
#[derive(Clone)]
pub(crate) struct Live {
    pub(crate) ledger: Arc<Ledger>,
    pub(crate) pool: Arc<Mempool>,
    pub(crate) progress: Progress,
    pub(crate) archive: Arc<dyn Archive>,
}

/// What there is of a validator that was started.
#[derive(Default)]
struct Slot {
    ledger: Option<Arc<Ledger>>,
    /// When it takes part.
    live: Option<Live>,
}

/// Why a validator ended by itself.
#[derive(Clone, Debug)]
pub(crate) struct Death {
    pub(crate) reason: String,
    /// Whether it had something else than what validators agreed on: no disk that fails is a reason for that.
    pub(crate) astray: bool,
}

impl From<String> for Death {
    fn from(reason: String) -> Self {
        Self { reason, astray: false }
    }
}

impl From<Fault> for Death {
    fn from(fault: Fault) -> Self {
        let astray = matches!(fault, Fault::Diverged { .. } | Fault::Foreign { .. });
        Self { reason: fault.to_string(), astray }
    }
}

/// A validator and its machine.
pub(crate) struct Node {
    pub(crate) end: End,
    pub(crate) member: Member,
    /// Whether it keeps to the protocol, whatever happens to it.
    pub(crate) honest: bool,
    pub(crate) disk: Disk,
    pub(crate) blocks: SimulatedDisk,
    pub(crate) skew: Skew,
    pub(crate) manner: Arc<Manner>,
    sizes: Sizes,
    lives: u64,
    task: Option<Handle<Death>>,
    slot: Arc<Mutex<Slot>>,
}

/// What a validator takes transactions from: one of its own for each.
pub(crate) type Sources = Arc<dyn Fn() -> Arc<dyn SharedSource> + Send + Sync>;

/// What a validator is started with.
pub(crate) struct Surroundings {
    pub(crate) facts: Arc<Facts>,
    pub(crate) wires: Wires,
    pub(crate) record: Record,
    pub(crate) clock: PoolClock,
    pub(crate) pace: Pace,
    /// Where transactions come from, if not from a pool.
    pub(crate) source: Option<Sources>,
}

impl Node {
    /// A validator that has not been started, whose disks and clock are well. What goes wrong with them is drawn and counted.
    pub(crate) fn new(
        (end, member): (End, Member),
        honest: bool,
        manner: Manner,
        sizes: Sizes,
        mut dice: Dice,
        counters: &Counters,
    ) -> Self {
        Self {
            end,
            member,
            honest,
            blocks: SimulatedDisk::new(dice.next()),
            disk: Disk::new(dice, counters.clone()),
            skew: Skew::new(counters.clone()),
            manner: Arc::new(manner),
            sizes,
            lives: 0,
            task: None,
            slot: Arc::default(),
        }
    }

    fn slot(&self) -> MutexGuard<'_, Slot> {
        self.slot.lock().expect("no holder panics")
    }

    /// What it can be asked, if it lives and has begun.
    pub(crate) fn live(&self) -> Option<Live> {
        self.slot().live.clone()
    }

    /// Puts something in place of the archive that it is asked for.
    #[cfg(test)]
    pub(crate) fn change_archive(&self, change: impl FnOnce(Arc<dyn Archive>) -> Arc<dyn Archive>) {
        if let Some(live) = &mut self.slot().live {
            live.archive = change(Arc::clone(&live.archive));
        }
    }

    /// Waits until its ledger does nothing.
    pub(crate) fn rest(&self) {
        let ledger = self.slot().ledger.clone();
        if let Some(ledger) = ledger {
            // One that has halted rests.
            let _ = ledger.rest();
        }
    }

    /// Whether it was started and not crashed since.
    pub(crate) const fn is_up(&self) -> bool {
        self.task.is_some()
    }

    /// Starts it over what is on its disks.
    pub(crate) fn start<K: Spread>(&mut self, context: &Context, around: &Arc<Surroundings>) {
        self.lives += 1;
        self.disk.revive();
        let context =
            context.child("node").with_attribute("end", self.end).with_attribute("life", self.lives);
        let life = Life {
            end: self.end,
            member: self.member,
            witness: self.honest.then(|| Witness { record: around.record.clone(), node: self.end }),
            blocks: self.blocks.clone(),
            manner: Arc::clone(&self.manner),
            sizes: self.sizes.clone(),
            slot: Arc::clone(&self.slot),
            around: Arc::clone(around),
        };
        let ends = around.wires.connect(self.end);
        let (skew, disk) = (self.skew.clone(), self.disk.clone());
        self.task = Some(context.spawn(move |context| async move {
            match life.run::<K>(Machine::new(context, skew, disk), ends).await {
                Ok(death) | Err(death) => death,
            }
        }));
    }

    /// Why it ended by itself, if it did.
    pub(crate) fn ended(&mut self) -> Option<Death> {
        let ended = self.task.as_mut()?.now_or_never()?;
        self.task = None;
        Some(ended.unwrap_or_else(|error| format!("{error:?}").into()))
    }

    /// Ends it without a word, as if power had failed; what was not synced has its fate.
    pub(crate) async fn crash(&mut self, context: &Context, wires: &Wires, unsynced: Unsynced) {
        self.rest();
        self.disk.kill();
        self.blocks.crash(unsynced);
        wires.disconnect(self.end);
        if let Some(task) = self.task.take() {
            task.abort();
            // Whatever it says: it was aborted, or had ended.
            let _ = task.await;
        }
        drop(std::mem::take(&mut *self.slot()));
        // Its parts are dropped one after the other.
        context.sleep(Duration::from_millis(5)).await;
        self.disk.recover(context).await;
    }
}

/// One life of a validator.
struct Life {
    end: End,
    member: Member,
    witness: Option<Witness>,
    blocks: SimulatedDisk,
    manner: Arc<Manner>,
    sizes: Sizes,
    slot: Arc<Mutex<Slot>>,
    around: Arc<Surroundings>,
}

impl Life {
    /// Runs until something ends by itself; says what.
    async fn run<K: Spread>(mut self, machine: Machine, ends: Ends) -> Result<Death, Death> {
        let (ledger, pool) = self.open()?;
        let Surroundings { facts, wires, pace, source, .. } = &*self.around;
        let [votes, certificates, resolver, backfill, payloads, standing, transactions] = ends;
        let channels = Channels { votes, certificates, resolver, backfill, payloads, standing };
        let share = facts.secrets[self.member].share().map_err(|error| error.to_string())?;
        let scheme =
            facts.committee.signer(share).ok_or_else(|| "the share is none of the committee's".to_owned())?;
        let public_key = facts.keys()[self.member].clone();
        let source = match source {
            Some(source) => source(),
            None => Arc::clone(&pool) as Arc<dyn SharedSource>,
        };
        let engine = EngineConfig {
            public_key: public_key.clone(),
            scheme,
            rules: facts.rules,
            pace: *pace,
            beneficiary: Address::with_last_byte(self.member as u8),
            tuning: Tuning { conduct: Some(Arc::clone(&self.manner) as _), ..self.sizes.tuning.clone() },
            ledger: Arc::clone(&ledger),
            source,
            pool: Arc::clone(&facts.pools.background),
            strategy: Sequential,
            blocker: wires.fence(self.end),
            peers: wires.peers(),
            partition: format!("end{}-", self.end),
        };
        let running = bft::start::<K, _, _, _, _, _, _>(machine.child("bft"), engine, channels).await;
        let running = running?;
        let progress = running.progress.clone();
        let settings = forward::Config {
            me: public_key,
            namespace: namespace(facts.committee.genesis),
            leadership: follow_leaders(&machine, facts.committee.participants.clone(), &progress),
            limits: forward::Limits::default(),
        };
        let outbox = PoolOutbox::new(Arc::clone(&pool), Workers::InPlace);
        let intake = PoolIntake::new(Arc::clone(&pool), Workers::InPlace);
        let forwarder =
            Forwarder::new(machine.child("forward"), settings, wires.fence(self.end), outbox, intake);
        let forwarding = forwarder.start(transactions);
        follow_pool(&machine, &pool, &progress);
        let live = Live { ledger, pool, progress: progress.clone(), archive: running.archive };
        self.slot.lock().expect("no holder panics").live = Some(live);
        machine.begun();
        let failed = std::pin::pin!(progress.failed());
        let ended = futures::future::select(running.ended, forwarding);
        match futures::future::select(failed, ended).await {
            Either::Left((fault, _)) => Ok(fault.into()),
            Either::Right((Either::Left((ended, _)), _)) => Ok(format!("ordering ended: {ended:?}").into()),
            Either::Right((Either::Right((ended, _)), _)) => {
                Ok(format!("forwarding ended: {ended:?}").into())
            }
        }
    }

    fn open(&mut self) -> Result<(Arc<Ledger>, Arc<Mempool>), String> {
        let Facts { genesis, pools, .. } = &*self.around.facts;
        let Sizes { state: config, ledger: settings, pool, .. } = self.sizes.clone();
        let store = if Store::exists(&self.blocks) {
            Store::open(&self.blocks, &config, &pools.background)
        } else {
            Store::create(&self.blocks, &config, &genesis.record(), &genesis.alloc, &pools.background)
        };
        let store = store.map_err(|error| error.to_string())?;
        let spec = Arc::new(genesis.spec.clone());
        let ledger = Ledger::start(Arc::new(store), Arc::clone(&spec), settings, pools.clone(), None);
        let ledger = Arc::new(ledger.map_err(|error| error.to_string())?);
        self.slot.lock().expect("no holder panics").ledger = Some(Arc::clone(&ledger));
        let head = head_after(&spec, &ledger.head());
        let clock = Arc::new(self.around.clock.clone());
        let pool = Arc::new(Mempool::with_clock(pool, spec, head, clock));
        ledger.observe(Arc::clone(&pool) as _);
        if let Some(witness) = self.witness.take() {
            witness.came_back(&ledger.head());
            ledger.observe(Arc::new(witness));
        }
        Ok((ledger, pool))
    }
}
