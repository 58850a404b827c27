//! Replays real blocks from files, checks them and explains their parallelism.
