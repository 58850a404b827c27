//! The computer that a validator runs on: the deterministic runtime, but with a clock and a disk of its own.

mod disk;

pub(crate) use disk::{Disk, DiskRates};

use crate::faults::{Counters, Fault};
use commonware_runtime::{
    Clock, Error, Handle, Metrics, Name, Spawner, Storage, Supervisor,
    deterministic::Context,
    signal::Signal,
    telemetry::metrics::{Metric, Registered},
};
use disk::DiskBlob;
use rand_core::{TryCryptoRng, TryRng};
use std::{
    convert::Infallible,
    future::Future,
    ops::RangeInclusive,
    sync::{
        Arc,
        atomic::{AtomicI64, Ordering::Relaxed},
    },
    time::{Duration, SystemTime},
};

/// How far a machine's clock is from the right time. Clones are of the same clock.
#[derive(Clone, Debug)]
pub(crate) struct Skew {
    millis: Arc<AtomicI64>,
    counters: Counters,
}

impl Skew {
    /// A clock that is right.
    pub(crate) fn new(counters: Counters) -> Self {
        Self { millis: Arc::default(), counters }
    }

    pub(crate) fn set(&self, millis: i64) {
        self.millis.store(millis, Relaxed);
    }

    /// By how much it is wrong, for somebody who reads it now.
    fn read(&self) -> i64 {
        let millis = self.millis.load(Relaxed);
        if millis != 0 {
            self.counters.add(Fault::ClockSkew);
        }
        millis
    }

    /// What the machine's clock shows at a time.
    fn shown(&self, time: SystemTime) -> SystemTime {
        shift(time, self.read())
    }

    /// When the machine's clock shows a time.
    fn actual(&self, shown: SystemTime) -> SystemTime {
        shift(shown, -self.read())
    }
}

fn shift(time: SystemTime, millis: i64) -> SystemTime {
    let by = Duration::from_millis(millis.unsigned_abs());
    let shifted = if millis < 0 { time.checked_sub(by) } else { time.checked_add(by) };
    shifted.unwrap_or(time)
}

/// A machine, as what runs on it sees it.
pub(crate) struct Machine {
    context: Context,
    skew: Skew,
    disk: Disk,
}

impl Machine {
    pub(crate) const fn new(context: Context, skew: Skew, disk: Disk) -> Self {
        Self { context, skew, disk }
    }

    /// What runs on it takes part from now on.
    pub(crate) fn begun(&self) {
        self.disk.begun();
    }

    fn with(&self, context: Context) -> Self {
        Self { context, skew: self.skew.clone(), disk: self.disk.clone() }
    }
}

impl Supervisor for Machine {
    fn name(&self) -> Name {
        self.context.name()
    }

    fn child(&self, label: &'static str) -> Self {
        self.with(self.context.child(label))
    }

    fn with_attribute(self, key: &'static str, value: impl std::fmt::Display) -> Self {
        let Self { context, skew, disk } = self;
        Self { context: context.with_attribute(key, value), skew, disk }
    }
}

impl Spawner for Machine {
    fn shared(self, blocking: bool) -> Self {
        let Self { context, skew, disk } = self;
        Self { context: context.shared(blocking), skew, disk }
    }

    fn dedicated(self) -> Self {
        let Self { context, skew, disk } = self;
        Self { context: context.dedicated(), skew, disk }
    }

    fn spawn<F, Fut, T>(self, f: F) -> Handle<T>
    where
        F: FnOnce(Self) -> Fut + Send + 'static,
        Fut: Future<Output = T> + Send + 'static,
        T: Send + 'static,
    {
        let Self { context, skew, disk } = self;
        context.spawn(move |context| f(Self { context, skew, disk }))
    }

    async fn stop(self, value: i32, timeout: Option<Duration>) -> Result<(), Error> {
        self.context.stop(value, timeout).await
    }

    fn stopped(&self) -> Signal {
        self.context.stopped()
    }
}

impl Metrics for Machine {
    fn register<N: Into<String>, H: Into<String>, M: Metric>(
        &self,
        name: N,
        help: H,
        metric: M,
    ) -> Registered<M> {
        self.context.register(name, help, metric)
    }

    fn encode(&self) -> String {
        self.context.encode()
    }
}

impl governor::clock::Clock for Machine {
    type Instant = SystemTime;

    fn now(&self) -> SystemTime {
        self.current()
    }
}

impl governor::clock::ReasonablyRealtime for Machine {}

impl Clock for Machine {
    fn current(&self) -> SystemTime {
        self.skew.shown(self.context.current())
    }

    fn sleep(&self, duration: Duration) -> impl Future<Output = ()> + Send + 'static + use<> {
        self.context.sleep(duration)
    }

    fn sleep_until(&self, deadline: SystemTime) -> impl Future<Output = ()> + Send + 'static + use<> {
        self.context.sleep_until(self.skew.actual(deadline))
    }
}

impl TryRng for Machine {
    type Error = Infallible;

    fn try_next_u32(&mut self) -> Result<u32, Infallible> {
        self.context.try_next_u32()
    }

    fn try_next_u64(&mut self) -> Result<u64, Infallible> {
        self.context.try_next_u64()
    }

    fn try_fill_bytes(&mut self, dest: &mut [u8]) -> Result<(), Infallible> {
        self.context.try_fill_bytes(dest)
    }
}

impl TryCryptoRng for Machine {}

impl Storage for Machine {
    type Blob = DiskBlob;

    async fn open_versioned(
        &self,
        partition: &str,
        name: &[u8],
        versions: RangeInclusive<commonware_runtime::BlobVersion>,
    ) -> Result<(DiskBlob, u64, commonware_runtime::BlobVersion), Error> {
        self.disk.alive().await;
        let (blob, size, version) = self.context.open_versioned(partition, name, versions.clone()).await?;
        Ok((self.disk.opened(partition, name, versions, blob), size, version))
    }

    async fn remove(&self, partition: &str, name: Option<&[u8]>) -> Result<(), Error> {
        self.disk.alive().await;
        self.context.remove(partition, name).await?;
        self.disk.removed(partition, name);
        Ok(())
    }

    async fn scan(&self, partition: &str) -> Result<Vec<Vec<u8>>, Error> {
        self.disk.alive().await;
        self.context.scan(partition).await
    }
}
