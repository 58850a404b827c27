//! The hash of a block that is executed and not sealed yet.

use alloy_primitives::B256;
use std::sync::{Arc, Condvar, Mutex};

#[derive(Debug, Default)]
struct State {
    /// `Some(None)`: it will never come.
    value: Mutex<Option<Option<B256>>>,
    changed: Condvar,
}

/// Whoever waits for the hash.
#[derive(Clone, Debug)]
pub(super) struct Promise(Arc<State>);

/// Whoever computes the hash. Dropped before it [keeps](Self::keep) its word, it breaks it.
#[derive(Debug)]
pub(super) struct Promiser(Arc<State>);

impl Promise {
    pub(super) fn new() -> (Promiser, Self) {
        let state = Arc::<State>::default();
        (Promiser(Arc::clone(&state)), Self(state))
    }

    /// A hash that is known.
    pub(super) fn kept(hash: B256) -> Self {
        Self(Arc::new(State { value: Mutex::new(Some(Some(hash))), changed: Condvar::new() }))
    }

    /// Waits for it. `None` if it will never come.
    pub(super) fn wait(&self) -> Option<B256> {
        let value = self.0.value.lock().expect("no holder panics");
        self.0.changed.wait_while(value, |value| value.is_none()).expect("no holder panics").flatten()
    }
}

impl Promiser {
    pub(super) fn keep(&self, hash: B256) {
        self.settle(Some(hash));
    }

    fn settle(&self, result: Option<B256>) {
        self.0.value.lock().expect("no holder panics").get_or_insert(result);
        self.0.changed.notify_all();
    }
}

impl Drop for Promiser {
    fn drop(&mut self) {
        self.settle(None);
    }
}
