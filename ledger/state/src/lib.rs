//! Ethereum's world state, durable and provable.
#![expect(dead_code, reason = "the store above these parts is being written")]

mod block;
mod error;
mod kv;

pub use block::BlockRecord;
pub use error::StoreError;
