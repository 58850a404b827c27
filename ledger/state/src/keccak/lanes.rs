//! Which lane hashes which input, and when: the part that all instruction sets share.
//!
//! A lane that is done with its input starts the next one in the same step, so lanes idle only at the end of a group
//! of inputs. Three rules keep that end short: the longest inputs go first; when a narrow step is enough for the
//! lanes that are left, they move together; and what would leave most lanes idle is hashed one by one.

use alloy_primitives::{B256, keccak256};
use core::array;

/// Bytes that one permutation takes in.
pub(super) const RATE: usize = 136;

/// Lanes of the widest engine.
pub(super) const LANES: usize = 8;

/// Inputs that are put in order together: enough to make the end of a group cheap, few enough for the stack.
const GROUP: usize = 512;

/// Inputs of this many blocks or more count as equally long. A trie node has at most four.
const CLASSES: usize = 4;

/// The states of all lanes: row `i` has word `i` of each.
#[derive(Clone, Copy, Debug)]
#[repr(C, align(64))]
pub(super) struct State(pub(super) [[u64; LANES]; 25]);

/// What each lane takes in next: up to [`RATE`] bytes. A shorter block is the last of its input, and gets padded.
pub(super) type Blocks<'a> = [&'a [u8]; LANES];

/// An instruction set.
pub(super) trait Engine: Copy {
    /// Lanes that [`Self::step`] works on.
    const WIDTH: usize;

    /// Lanes that [`Self::step_narrow`] works on, at most [`Self::WIDTH`].
    const NARROW: usize;

    /// What a narrow step costs, in quarters of what the scalar code takes for one block.
    const NARROW_COST: usize;

    /// The first [`Self::WIDTH`] lanes take in their blocks and permute. Those in the set `fresh` start from zero.
    fn step(self, state: &mut State, blocks: &Blocks<'_>, fresh: u8);

    /// [`Self::step`] for the first [`Self::NARROW`] lanes.
    fn step_narrow(self, state: &mut State, blocks: &Blocks<'_>, fresh: u8);
}

/// Hashes `input(i)` to `out[i]`.
pub(super) fn hash<'a, E: Engine>(engine: E, input: &impl Fn(usize) -> &'a [u8], out: &mut [B256]) {
    for (group, out) in out.chunks_mut(GROUP).enumerate() {
        hash_group(engine, &|i| input(group * GROUP + i), out);
    }
}

fn hash_group<'a, E: Engine>(engine: E, input: &impl Fn(usize) -> &'a [u8], out: &mut [B256]) {
    let mut order = [0; GROUP];
    let order = &mut order[..out.len()];
    longest_first(input, order);

    let mut queue = &*order;
    let mut lanes = Lanes::new();
    loop {
        if lanes.busy == 0 && faster_one_by_one::<E>(input, queue) {
            for i in queue {
                out[usize::from(*i)] = keccak256(input(usize::from(*i)));
            }
            return;
        }
        lanes.refill::<E>(input, &mut queue);
        lanes.step(engine, out);
    }
}

/// The longest inputs first, so that those which end last are short and the lanes run dry together.
///
/// A counting sort by number of blocks, whose counters are the four quarters of one register.
fn longest_first<'a>(input: &impl Fn(usize) -> &'a [u8], order: &mut [u16]) {
    let shift = |i: usize| 16 * (CLASSES - 1).saturating_sub(input(i).len() / RATE);
    let mut sizes = 0u64;
    for i in 0..order.len() {
        sizes += 1 << shift(i);
    }
    // Where each class begins: the sum of the sizes of those before it.
    let mut places = sizes.wrapping_mul(0x0001_0001_0001_0000);
    for i in 0..order.len() {
        let shift = shift(i);
        order[usize::from((places >> shift) as u16)] = i as u16;
        places += 1 << shift;
    }
}

/// Whether the scalar code is done with the inputs in `queue` before narrow steps would be. True if there are none.
fn faster_one_by_one<'a, E: Engine>(input: &impl Fn(usize) -> &'a [u8], queue: &[u16]) -> bool {
    if queue.len() > E::NARROW {
        return false;
    }
    let blocks = queue.iter().map(|i| input(usize::from(*i)).len() / RATE + 1);
    let longest = blocks.clone().max().unwrap_or(0);
    queue.is_empty() || 4 * blocks.sum::<usize>() < E::NARROW_COST * longest
}

/// What the lanes are doing. Sets of lanes are bits, the first lane the lowest.
struct Lanes<'a> {
    state: State,
    /// Per lane: which input it hashes.
    inputs: [u16; LANES],
    /// Per lane: what it has not yet taken in.
    rest: [&'a [u8]; LANES],
    /// Lanes that hash an input.
    busy: u8,
    /// Lanes whose input begins with the next step.
    fresh: u8,
}

impl<'a> Lanes<'a> {
    const fn new() -> Self {
        Self { state: State([[0; LANES]; 25]), inputs: [0; LANES], rest: [&[]; LANES], busy: 0, fresh: 0 }
    }

    /// Gives each idle lane an input, while there are any.
    #[inline(always)]
    fn refill<E: Engine>(&mut self, input: &impl Fn(usize) -> &'a [u8], queue: &mut &[u16]) {
        for lane in 0..E::WIDTH {
            if self.busy & 1 << lane == 0
                && let Some(i) = queue.split_off_first()
            {
                self.inputs[lane] = *i;
                self.rest[lane] = input(usize::from(*i));
                self.busy |= 1 << lane;
                self.fresh |= 1 << lane;
            }
        }
    }

    /// Each busy lane takes in a block. Those that took in their last write the hash and are idle.
    #[inline(always)]
    fn step<E: Engine>(&mut self, engine: E, out: &mut [B256]) {
        let narrow = E::NARROW < E::WIDTH && self.busy.count_ones() as usize <= E::NARROW;
        if narrow {
            self.move_together::<E>();
        }

        let mut last = 0;
        let blocks: Blocks<'_> = array::from_fn(|lane| {
            let (block, rest) = self.rest[lane].split_at(self.rest[lane].len().min(RATE));
            self.rest[lane] = rest;
            last |= u8::from(block.len() < RATE) << lane;
            block
        });
        if narrow {
            engine.step_narrow(&mut self.state, &blocks, self.fresh);
        } else {
            engine.step(&mut self.state, &blocks, self.fresh);
        }
        self.fresh = 0;

        let mut done = self.busy & last;
        self.busy ^= done;
        while done != 0 {
            let lane = done.trailing_zeros() as usize;
            done &= done - 1;
            let hash = &mut out[usize::from(self.inputs[lane])].0;
            for (bytes, row) in hash.as_chunks_mut::<8>().0.iter_mut().zip(&self.state.0) {
                *bytes = row[lane].to_le_bytes();
            }
        }
    }

    /// Moves the busy lanes, which are few enough, to where a narrow step works on them.
    fn move_together<E: Engine>(&mut self) {
        while self.busy >> E::NARROW != 0 {
            let (from, to) = (self.busy.ilog2() as usize, self.busy.trailing_ones() as usize);
            for row in &mut self.state.0 {
                row[to] = row[from];
            }
            self.inputs[to] = self.inputs[from];
            self.rest[to] = self.rest[from];
            self.rest[from] = &[];
            let both = 1 << from | 1 << to;
            self.busy ^= both;
            if self.fresh & 1 << from != 0 {
                self.fresh ^= both;
            }
        }
    }
}
