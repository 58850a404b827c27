//! Which machines hear what is sent to a validator, if it has several.

use super::{End, Member, State, Wires};
use crate::dice::Dice;
use std::time::SystemTime;

/// How long a choice between twins lasts, in milliseconds.
const TWINS_CHANGE: u64 = 400;

impl Wires {
    /// Lets these machines hear each other only, and the others each other only. Of twins one may be on each side. If it is nobody, all
    /// hear all.
    pub(crate) fn split(&self, side: &[End]) {
        self.lock().side = side.iter().copied().collect();
    }
}

impl State {
    /// Which machines hear what a machine sends to a validator.
    pub(super) fn targets(&self, from: End, to: Member, now: SystemTime) -> Vec<End> {
        let mut ends: Vec<End> = (0..self.ends.len()).filter(|end| self.ends[*end].member == to).collect();
        if !self.side.is_empty() {
            ends.retain(|end| self.side.contains(end) == self.side.contains(&from));
            return ends;
        }
        if ends.len() < 2 {
            return ends;
        }
        let sender = self.ends[from].member;
        let millis = now.duration_since(SystemTime::UNIX_EPOCH).map_or(0, |since| since.as_millis() as u64);
        let mut choice =
            Dice::new((millis / TWINS_CHANGE) << 20 | (sender as u64) << 10 | to as u64, "twins");
        match choice.below(3) {
            0 => vec![ends[0]],
            1 => vec![ends[1]],
            _ => ends,
        }
    }
}
