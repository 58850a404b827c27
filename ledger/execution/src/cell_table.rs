//! A set of cells that many threads search and extend without a lock.
//!
//! # Promises
//!
//! * A cell, once inserted, stays. For one key there is never more than one cell, whoever inserts at the same time.
//! * A search is wait-free; an insertion repeats only when another thread took the very place it wanted.
//!
//! # How it works
//!
//! Open addressing: a key's home is a group of neighbouring places, in two cache lines, tried in an order that its hash
//! fixes. A group that is full sends its keys on to the next table, twice as large. Places only ever go from empty to
//! taken. So whoever looks for a key goes the same way as whoever inserted it, and whoever wants to insert finds either
//! the key or the first place that is empty, which only one thread can take. Three bits of the hash ride in each
//! pointer, so that few cells of other keys are looked at.

use crate::sync::{AtomicPtr, Ordering};
use std::{marker::PhantomData, ptr, sync::OnceLock};

/// Places tried in one table before going on to the next.
const GROUP: usize = 16;
/// Tables, each twice as large as the one before: more places than memory has room for.
const TABLES: usize = 40;

/// Bits of a pointer that are free because of alignment.
const TAG_MASK: usize = 7;

fn tag(hash: u64) -> usize {
    (hash >> 61) as usize & TAG_MASK
}

/// A set of borrowed cells.
pub(crate) struct CellTable<'a, C> {
    smallest: usize,
    tables: [OnceLock<Box<[AtomicPtr<C>]>>; TABLES],
    cells: PhantomData<&'a C>,
}

impl<'a, C> CellTable<'a, C> {
    /// An empty set; `expected` guesses how many cells there will be.
    pub(crate) fn new(expected: usize) -> Self {
        const { assert!(align_of::<C>() > TAG_MASK) };
        // A quarter full: most places tried are the first.
        let smallest = (expected * 4).next_power_of_two().max(4 * GROUP);
        Self { smallest, tables: [const { OnceLock::new() }; TABLES], cells: PhantomData }
    }

    /// The places of a key in one table, in order.
    fn places(&self, table: usize, hash: u64) -> impl Iterator<Item = &AtomicPtr<C>> {
        let places = self.tables[table]
            .get_or_init(|| (0..self.smallest << table).map(|_| AtomicPtr::new(ptr::null_mut())).collect());
        let groups = places.len() / GROUP;
        // Other bits for other tables, so that a full group scatters.
        let at = hash.rotate_right(7 * table as u32) as usize & (groups - 1);
        let group = &places[at * GROUP..(at + 1) * GROUP];
        let first = (hash >> 48) as usize % GROUP;
        group[first..].iter().chain(&group[..first])
    }

    /// The cell in a place, if there is one and its key may be the one with this hash.
    fn cell(found: *mut C, hash: u64) -> Option<&'a C> {
        let cell = found.map_addr(|address| address & !TAG_MASK);
        // SAFETY: places hold null or, but for the tag, what was inserted as `&'a C`.
        unsafe { cell.as_ref() }.filter(|_| found.addr() & TAG_MASK == tag(hash))
    }

    /// The cell that `is` accepts, or else the one that `new` makes. `hash` is that of the key.
    pub(crate) fn find_or_insert(
        &self,
        hash: u64,
        is: impl Fn(&C) -> bool,
        new: impl FnOnce() -> &'a C,
    ) -> &'a C {
        let mut new = Some(new);
        let mut made: Option<&'a C> = None;
        for table in 0..TABLES {
            for place in self.places(table, hash) {
                let mut found = place.load(Ordering::Acquire);
                if found.is_null() {
                    let cell = *made.get_or_insert_with(|| new.take().expect("made once")());
                    let tagged = ptr::from_ref(cell).cast_mut().map_addr(|address| address | tag(hash));
                    match place.compare_exchange(ptr::null_mut(), tagged, Ordering::AcqRel, Ordering::Acquire)
                    {
                        Ok(_) => return cell,
                        Err(other) => found = other,
                    }
                }
                if let Some(cell) = Self::cell(found, hash).filter(|cell| is(cell)) {
                    return cell;
                }
            }
        }
        unreachable!("the tables have more places than memory has room for cells")
    }

    /// The cell that `is` accepts.
    pub(crate) fn find(&self, hash: u64, is: impl Fn(&C) -> bool) -> Option<&'a C> {
        for table in 0..TABLES {
            // A table that nobody needed yet holds nothing.
            self.tables[table].get()?;
            for place in self.places(table, hash) {
                let found = place.load(Ordering::Acquire);
                if found.is_null() {
                    return None;
                }
                if let Some(cell) = Self::cell(found, hash).filter(|cell| is(cell)) {
                    return Some(cell);
                }
            }
        }
        None
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[repr(align(8))]
    struct Entry(u32, u32);

    fn leak(key: u32) -> &'static Entry {
        static NEXT: std::sync::atomic::AtomicU32 = std::sync::atomic::AtomicU32::new(0);
        let serial = NEXT.fetch_add(1, std::sync::atomic::Ordering::Relaxed);
        Box::leak(Box::new(Entry(key, serial)))
    }

    #[cfg(not(feature = "loom"))]
    #[test]
    fn every_key_has_one_cell_however_bad_the_hash() {
        for spread in [0, 1, 1 << 20] {
            let table = CellTable::new(10);
            for key in 0..300_u32 {
                let hash = u64::from(key) * spread;
                assert!(table.find(hash, |cell: &Entry| cell.0 == key).is_none());
                let cell = table.find_or_insert(hash, |cell| cell.0 == key, || leak(key));
                let again = table.find_or_insert(hash, |cell| cell.0 == key, || unreachable!("it is there"));
                assert!(ptr::eq(cell, again));
            }
            for key in 0..300_u32 {
                assert!(
                    table
                        .find(u64::from(key) * spread, |cell| cell.0 == key)
                        .is_some_and(|cell| cell.1 < u32::MAX)
                );
            }
        }
    }

    #[cfg(not(feature = "loom"))]
    #[test]
    fn threads_agree_on_the_cell_of_a_key() {
        let table = CellTable::new(4);
        let found: Vec<Vec<usize>> = std::thread::scope(|scope| {
            let search = || {
                let find = |key: u32| {
                    ptr::from_ref(table.find_or_insert(
                        u64::from(key % 7),
                        |cell: &Entry| cell.0 == key,
                        || leak(key),
                    ))
                    .addr()
                };
                (0..500).map(find).collect::<Vec<_>>()
            };
            let threads: Vec<_> = (0..4).map(|_| scope.spawn(search)).collect();
            threads.into_iter().map(|thread| thread.join().expect("no panic")).collect()
        });
        assert!(found.windows(2).all(|pair| pair[0] == pair[1]));
    }

    /// Run with `cargo test -p mundi-execution --features loom --lib`.
    #[cfg(feature = "loom")]
    #[test]
    fn concurrent_insertions_of_one_key_agree() {
        loom::model(|| {
            let table: &'static CellTable<'static, Entry> = Box::leak(Box::new(CellTable::new(1)));
            // Both keys have the same home.
            table.find_or_insert(0, |cell| cell.0 == 9, || leak(9));
            let insert = |key: u32| move || table.find_or_insert(0, |cell| cell.0 == key, || leak(key)).1;
            let other = loom::thread::spawn(insert(1));
            let (first, second) = (insert(1)(), insert(2)());
            assert_eq!(other.join().expect("no panic"), first);
            assert_ne!(first, second);
            assert_eq!(table.find(0, |cell| cell.0 == 2).map(|cell| cell.1), Some(second));
        });
    }
}
