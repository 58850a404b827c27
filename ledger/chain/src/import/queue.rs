//! Queues between the stages: bounded by number and by weight, closed by whoever leaves first.
//!
//! A sender waits while the queue is full, a receiver while it is empty. When the last item is taken and the sender is
//! gone, the receiver gets `None`; when the receiver is gone, sending fails. So a stage that ends, for whatever reason,
//! ends its neighbours.

use std::{
    collections::VecDeque,
    sync::{Arc, Condvar, Mutex, MutexGuard},
};

/// What a queue holds at most.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Bounds {
    /// Items; at least one.
    pub(super) items: usize,
    /// Sum of their weights. One item may be heavier: it then is alone.
    pub(super) weight: u64,
}

struct Shared<T> {
    state: Mutex<State<T>>,
    changed: Condvar,
    bounds: Bounds,
}

struct State<T> {
    items: VecDeque<(T, u64)>,
    weight: u64,
    sender_left: bool,
    receiver_left: bool,
}

impl<T> Shared<T> {
    fn lock(&self) -> MutexGuard<'_, State<T>> {
        self.state.lock().expect("nothing panics under the lock")
    }
}

/// The end that items go in.
pub(super) struct Sender<T>(Arc<Shared<T>>);

/// The end that items come out of, in order.
pub(super) struct Receiver<T>(Arc<Shared<T>>);

/// The receiver is gone.
#[derive(Debug, PartialEq, Eq)]
pub(super) struct Closed;

/// An empty queue.
pub(super) fn queue<T>(bounds: Bounds) -> (Sender<T>, Receiver<T>) {
    let shared = Arc::new(Shared {
        state: Mutex::new(State {
            items: VecDeque::new(),
            weight: 0,
            sender_left: false,
            receiver_left: false,
        }),
        changed: Condvar::new(),
        bounds,
    });
    (Sender(Arc::clone(&shared)), Receiver(shared))
}

impl<T> Sender<T> {
    /// Waits for room and puts an item in.
    pub(super) fn send(&self, item: T, weight: u64) -> Result<(), Closed> {
        let Bounds { items, weight: most } = self.0.bounds;
        let full = |state: &mut State<T>| {
            let crowded = state.items.len() >= items || state.weight.saturating_add(weight) > most;
            !state.receiver_left && !state.items.is_empty() && crowded
        };
        let mut state =
            self.0.changed.wait_while(self.0.lock(), full).expect("nothing panics under the lock");
        if state.receiver_left {
            return Err(Closed);
        }
        state.items.push_back((item, weight));
        state.weight += weight;
        self.0.changed.notify_all();
        Ok(())
    }
}

impl<T> Receiver<T> {
    /// Waits for an item; `None` when there will be no more.
    pub(super) fn receive(&self) -> Option<T> {
        let empty = |state: &mut State<T>| state.items.is_empty() && !state.sender_left;
        let state = self.0.changed.wait_while(self.0.lock(), empty).expect("nothing panics under the lock");
        self.take(state)
    }

    /// Takes an item if there is one.
    pub(super) fn try_receive(&self) -> Option<T> {
        self.take(self.0.lock())
    }

    fn take(&self, mut state: MutexGuard<'_, State<T>>) -> Option<T> {
        let (item, weight) = state.items.pop_front()?;
        state.weight -= weight;
        self.0.changed.notify_all();
        Some(item)
    }
}

impl<T> Drop for Sender<T> {
    fn drop(&mut self) {
        self.0.lock().sender_left = true;
        self.0.changed.notify_all();
    }
}

impl<T> Drop for Receiver<T> {
    fn drop(&mut self) {
        let mut state = self.0.lock();
        state.receiver_left = true;
        let items = std::mem::take(&mut state.items);
        self.0.changed.notify_all();
        drop(state);
        // Outside the lock: items may be large.
        drop(items);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const BOUNDS: Bounds = Bounds { items: 2, weight: 10 };

    #[test]
    fn items_come_out_in_order_and_then_the_end() {
        let (sender, receiver) = queue(BOUNDS);
        std::thread::scope(|scope| {
            scope.spawn(move || (0..1_000).for_each(|item| sender.send(item, item % 13).unwrap()));
            for item in 0..1_000 {
                assert_eq!(receiver.receive(), Some(item));
            }
            assert_eq!(receiver.receive(), None);
        });
    }

    #[test]
    fn nothing_waits_for_a_receiver_that_has_left() {
        let (sender, receiver) = queue(BOUNDS);
        std::thread::scope(|scope| {
            let waiting = scope.spawn(move || {
                let sent = (0..).take_while(|_| sender.send((), 6).is_ok()).count();
                (sent, sender.send((), 0))
            });
            assert_eq!(receiver.receive(), Some(()));
            drop(receiver);
            let (sent, last) = waiting.join().unwrap();
            assert!((1..=2).contains(&sent), "{sent}");
            assert_eq!(last, Err(Closed));
        });
    }

    #[test]
    fn an_item_heavier_than_the_bound_goes_alone() {
        let (sender, receiver) = queue(BOUNDS);
        sender.send(1, u64::MAX).unwrap();
        std::thread::scope(|scope| {
            scope.spawn(|| sender.send(2, 1).unwrap());
            assert_eq!(receiver.receive(), Some(1));
            assert_eq!(receiver.receive(), Some(2));
        });
        assert_eq!(receiver.try_receive(), None);
    }
}
