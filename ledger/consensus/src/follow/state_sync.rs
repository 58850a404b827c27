//! Beginning with a state instead of with the genesis.
//!
//! What is fetched is checked against a final header, down to the state root; after that a follower goes on with the next payload. What
//! came before is not there.

use super::{
    snapshots::{CHUNK_BYTES, Offer},
    upstream::{Upstream, UpstreamError},
};
use crate::scheme::GroupKey;
use alloy_consensus::{Header, Sealed};
use alloy_primitives::B256;
use futures::executor::block_on;
use mundi_state::{Config, Expected, Medium, StateChunks, StateFileReport, Store, StoreError, Watch};
use rayon::ThreadPool;
use std::{
    fmt, io,
    sync::{Arc, mpsc},
    thread,
    time::Duration,
};

/// Chunks that are fetched ahead of the import.
const AHEAD: usize = 4;

/// How often a chunk is asked for before the import ends.
const ATTEMPTS: u32 = 6;

/// Time before the second time; it doubles.
const PAUSE: Duration = Duration::from_millis(250);

/// Looks for a state to begin with.
#[derive(Clone)]
pub struct StateSync {
    /// What certificates are checked with.
    pub group_key: GroupKey,
    /// Hash of the genesis block.
    pub genesis: B256,
    /// Whom to ask.
    pub upstreams: Vec<Arc<dyn Upstream>>,
    /// How many heights a state has to be ahead to be worth it.
    pub distance: u64,
    /// Most bytes that may be fetched.
    pub most_bytes: u64,
}

impl fmt::Debug for StateSync {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("StateSync").field("distance", &self.distance).finish_non_exhaustive()
    }
}

/// A state that is offered, of a block that is final.
#[derive(Clone)]
pub struct FoundState {
    upstream: Arc<dyn Upstream>,
    header: Sealed<Header>,
    genesis: B256,
    bytes: u64,
}

impl fmt::Debug for FoundState {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("FoundState")
            .field("upstream", &self.upstream.name())
            .field("height", &self.header.number)
            .field("bytes", &self.bytes)
            .finish()
    }
}

impl StateSync {
    /// The states that are offered and [far enough](Self::distance) ahead of a height, the newest first. That of the newest block may be
    /// none: any upstream knows a final header. Waits for upstreams; not to be called within a runtime.
    pub fn find(&self, head: u64) -> Vec<FoundState> {
        let found = self.upstreams.iter().filter_map(|upstream| self.ask(upstream));
        let far = found.filter(|found| found.header.number.saturating_sub(head) > self.distance);
        let mut found: Vec<FoundState> = far.collect();
        found.sort_by_key(|found| std::cmp::Reverse(found.header.number));
        found
    }

    fn ask(&self, upstream: &Arc<dyn Upstream>) -> Option<FoundState> {
        let name = upstream.name();
        let Offer { finalized_header, bytes } = match block_on(upstream.snapshot()) {
            Ok(offer) => offer?,
            Err(error) => {
                tracing::warn!(target: "follow", upstream = name, %error, "an upstream offers no state");
                return None;
            }
        };
        if finalized_header.genesis_hash != self.genesis {
            tracing::warn!(target: "follow", upstream = name, "an upstream offers the state of another chain");
            return None;
        }
        if bytes > self.most_bytes {
            tracing::warn!(target: "follow", upstream = name, bytes, most = self.most_bytes, "a state is too large");
            return None;
        }
        match finalized_header.verify(&self.group_key) {
            Ok(header) => {
                Some(FoundState { upstream: Arc::clone(upstream), header, genesis: self.genesis, bytes })
            }
            Err(error) => {
                tracing::error!(target: "follow", upstream = name, %error, "an upstream offers a state that is not final");
                None
            }
        }
    }
}

impl FoundState {
    /// The block.
    pub const fn header(&self) -> &Sealed<Header> {
        &self.header
    }

    /// Bytes that will be fetched.
    pub const fn bytes(&self) -> u64 {
        self.bytes
    }

    /// Who offers it.
    pub fn upstream(&self) -> &str {
        self.upstream.name()
    }

    /// Fetches it and makes a store of it, in a place that holds none; after an error there is none.
    pub fn import<'p>(
        &self,
        medium: impl Into<Medium<'p>>,
        config: &Config,
        pool: &ThreadPool,
        watch: Watch<'_>,
    ) -> Result<(Store, StateFileReport), StoreError> {
        let expected = Expected { genesis: Some(self.genesis), block: Some(self.header.hash()) };
        let (sender, chunks) = mpsc::sync_channel(AHEAD);
        thread::scope(|scope| {
            scope.spawn(move || self.fetch(&sender));
            let chunks = StateChunks::new(chunks.into_iter(), self.bytes);
            Store::import(medium, config, chunks, expected, pool, watch)
        })
    }

    /// Fetches chunks until nobody wants them any more.
    fn fetch(&self, chunks: &mpsc::SyncSender<io::Result<Vec<u8>>>) {
        for index in 0..self.bytes.div_ceil(CHUNK_BYTES) {
            let chunk = self.chunk(index);
            let failed = chunk.is_err();
            let chunk = chunk.map_err(|error| io::Error::other(format!("{}: {error}", self.upstream.name())));
            if chunks.send(chunk).is_err() || failed {
                return;
            }
        }
    }

    fn chunk(&self, index: u64) -> Result<Vec<u8>, UpstreamError> {
        let mut pause = PAUSE;
        for _ in 1..ATTEMPTS {
            match block_on(self.upstream.chunk(self.header.number, index)) {
                Err(UpstreamError::Unreachable(reason)) => {
                    tracing::debug!(target: "follow", index, reason, "a part of a state is asked for again");
                    thread::sleep(pause);
                    pause *= 2;
                }
                chunk => return chunk.map(Vec::from),
            }
        }
        block_on(self.upstream.chunk(self.header.number, index)).map(Vec::from)
    }
}
