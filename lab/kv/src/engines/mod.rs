//! One adapter per engine.

pub mod canopy;
pub mod fjall;
mod fjall_manifest;
pub mod lmdb;
pub mod redb;
