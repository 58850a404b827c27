//! A value that others follow: whoever waits for it to change is woken in the order of waiting.
//!
//! Channels of tokio that do the same wake in an order that is drawn outside of any seed, so simulated runs would not repeat.

use std::{
    pin::pin,
    sync::{Arc, Mutex, MutexGuard},
};
use tokio::sync::Notify;

/// A value, and who waits.
#[derive(Debug)]
pub(super) struct Watched<T>(Arc<Inner<T>>);

#[derive(Debug)]
struct Inner<T> {
    /// How often it has changed, and what it is.
    value: Mutex<(u64, T)>,
    news: Notify,
}

impl<T> Inner<T> {
    fn lock(&self) -> MutexGuard<'_, (u64, T)> {
        self.value.lock().expect("no holder panics")
    }
}

impl<T: Clone> Watched<T> {
    pub(super) fn new(value: T) -> Self {
        Self(Arc::new(Inner { value: Mutex::new((0, value)), news: Notify::new() }))
    }

    pub(super) fn get(&self) -> T {
        self.0.lock().1.clone()
    }

    /// Changes it, and wakes those who wait if `change` says that it has.
    pub(super) fn change(&self, change: impl FnOnce(&mut T) -> bool) {
        let mut value = self.0.lock();
        if !change(&mut value.1) {
            return;
        }
        value.0 += 1;
        drop(value);
        self.0.news.notify_waiters();
    }

    /// Follows it. What it is now is known.
    pub(super) fn follow(&self) -> Following<T> {
        Following { inner: Arc::clone(&self.0), seen: self.0.lock().0 }
    }
}

/// Follows a value.
#[derive(Debug)]
pub struct Following<T> {
    inner: Arc<Inner<T>>,
    seen: u64,
}

impl<T: Clone> Following<T> {
    /// What it is; after that it has changed when it is something else.
    pub fn latest(&mut self) -> T {
        let value = self.inner.lock();
        self.seen = value.0;
        value.1.clone()
    }

    /// Waits until it has changed since it was last [asked for](Self::latest). May be dropped at any time.
    pub async fn changed(&self) {
        loop {
            let mut news = pin!(self.inner.news.notified());
            news.as_mut().enable();
            if self.inner.lock().0 != self.seen {
                return;
            }
            news.await;
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use futures::FutureExt;

    #[test]
    fn changes_are_told_once_and_to_all() {
        let value = Watched::new(1);
        let (mut one, mut other) = (value.follow(), value.follow());
        assert!(one.changed().now_or_never().is_none());
        value.change(|_| false);
        assert!(one.changed().now_or_never().is_none());
        value.change(|value| {
            *value = 2;
            true
        });
        assert!(one.changed().now_or_never().is_some());
        assert!(other.changed().now_or_never().is_some(), "it was not asked for yet");
        assert_eq!((one.latest(), other.latest(), value.get()), (2, 2, 2));
        assert!(one.changed().now_or_never().is_none());
    }

    #[test]
    fn who_waits_first_is_woken_first() {
        let value = Watched::new(0);
        let order = Mutex::new(Vec::new());
        let wait = |number: u32| {
            let (following, order) = (value.follow(), &order);
            async move {
                following.changed().await;
                order.lock().unwrap().push(number);
            }
        };
        let waiting = futures::future::join_all((0..20).map(wait));
        let change = async {
            value.change(|value| {
                *value += 1;
                true
            });
        };
        futures::executor::block_on(futures::future::join(waiting, change));
        assert_eq!(*order.lock().unwrap(), (0..20).collect::<Vec<_>>());
    }
}
