//! What every batch says of itself.
//!
//! The engine's log has no numbers that would show a gap, and its sequence numbers are outside of its checksums. So
//! each batch ends with a mark that numbers it, bounds its sequence number, and says which batch was the last before
//! it in every table. It is the value of [`FOOT`] in the table of meta data; in every other table that it touches, a batch
//! leaves its bound there. What is in a table can thus be compared with what should be.

use super::TABLES;

/// Key of what a batch leaves in each table that it touches; before all others, and not one of them.
pub(crate) const FOOT: [u8; 1] = [0];

/// Numbers a batch.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Mark {
    /// The store's own number.
    pub(crate) store: u64,
    /// Counts batches from 1.
    pub(crate) batch: u64,
    /// The newest block on disk, once the batch is.
    pub(crate) height: u64,
    /// The batch's sequence number in the engine is at least this, and that of the batch before is less.
    pub(crate) from: u64,
    /// Bit *i*: the batch touches table *i*.
    pub(crate) touched: u64,
    /// For each table [`from`](Self::from) of the last batch before this one that touched it; 0 for none.
    pub(crate) before: [u64; TABLES],
}

/// Bytes of a mark.
pub(crate) const MARK_BYTES: usize = 8 * (5 + TABLES);

impl Mark {
    /// For each table [`from`](Self::from) of the last batch that touched it, up to this one; 0 for none.
    pub(crate) fn after(&self) -> [u64; TABLES] {
        std::array::from_fn(
            |table| {
                if self.touched >> table & 1 == 1 { self.from } else { self.before[table] }
            },
        )
    }

    pub(crate) fn to_bytes(self) -> [u8; MARK_BYTES] {
        let mut bytes = [0; MARK_BYTES];
        let fields = [self.store, self.batch, self.height, self.from, self.touched];
        let fields = fields.iter().chain(&self.before);
        for (place, field) in bytes.chunks_exact_mut(8).zip(fields) {
            place.copy_from_slice(&field.to_be_bytes());
        }
        bytes
    }

    pub(crate) fn from_bytes(bytes: &[u8]) -> Option<Self> {
        let bytes: &[u8; MARK_BYTES] = bytes.try_into().ok()?;
        let mut fields = bytes.as_chunks::<8>().0.iter().map(|field| u64::from_be_bytes(*field));
        let mut field = || fields.next().expect("as many as bytes");
        let [store, batch, height, from, touched] = std::array::from_fn(|_| field());
        Some(Self { store, batch, height, from, touched, before: std::array::from_fn(|_| field()) })
    }
}
