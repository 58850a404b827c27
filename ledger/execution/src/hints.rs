//! What access hints say about the order of transactions.

use crate::block::{AccessHint, AccessSet, Block, Location};
use alloy_primitives::{
    Address,
    map::{HashMap, HashSet},
};

/// For each transaction, those before it that it has to wait for, by its hint.
///
/// Two transactions conflict if one writes what the other accesses. With `barriers`, a transaction without a
/// hint conflicts with every other. The number of edges is linear in the size of the hints. `None` if no
/// transaction has a hint.
pub(crate) fn predecessors(block: &Block, barriers: bool) -> Option<Vec<Vec<u32>>> {
    let sets: Vec<Option<&AccessSet>> = block
        .transactions
        .iter()
        .map(|tx| match &tx.hint {
            AccessHint::Unknown => None,
            AccessHint::Likely(set) | AccessHint::Declared(set) => Some(set),
        })
        .collect();
    if sets.iter().all(Option::is_none) {
        return None;
    }
    let places = Places::new(&sets);
    let mut known: HashMap<Place, Accesses> = HashMap::default();
    let mut predecessors = Vec::with_capacity(sets.len());
    for (index, set) in (0..).zip(&sets) {
        let mut before = Vec::new();
        match set {
            Some(set) => {
                known.entry(Place::Everything).or_default().read(index, &mut before);
                let writes: HashSet<Place> = set.writes.iter().map(|location| places.of(location)).collect();
                let reads: HashSet<Place> = set.reads.iter().map(|location| places.of(location)).collect();
                for place in reads.difference(&writes) {
                    known.entry(*place).or_default().read(index, &mut before);
                }
                for place in writes {
                    known.entry(place).or_default().write(index, &mut before);
                }
            }
            None if barriers => known.entry(Place::Everything).or_default().write(index, &mut before),
            None => {}
        }
        before.sort_unstable();
        before.dedup();
        predecessors.push(before);
    }
    Some(predecessors)
}

#[derive(Clone, Copy, PartialEq, Eq, Hash)]
enum Place {
    Everything,
    At(Location),
}

/// Accounts that somebody names as a whole; their slots are not told apart.
struct Places {
    whole: HashSet<Address>,
}

impl Places {
    fn new(sets: &[Option<&AccessSet>]) -> Self {
        let locations = sets.iter().flatten().flat_map(|set| set.reads.iter().chain(&set.writes));
        let whole = locations.filter(|location| matches!(location, Location::Account(_)));
        Self { whole: whole.map(Location::address).collect() }
    }

    fn of(&self, location: &Location) -> Place {
        let address = location.address();
        Place::At(if self.whole.contains(&address) { Location::Account(address) } else { *location })
    }
}

/// Who last wrote a place, and who has read it since.
#[derive(Default)]
struct Accesses {
    writer: Option<u32>,
    readers: Vec<u32>,
}

impl Accesses {
    fn read(&mut self, index: u32, before: &mut Vec<u32>) {
        before.extend(self.writer);
        self.readers.push(index);
    }

    fn write(&mut self, index: u32, before: &mut Vec<u32>) {
        before.extend(self.writer);
        before.append(&mut self.readers);
        self.writer = Some(index);
    }
}
