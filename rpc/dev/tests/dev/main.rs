//! Developers' methods, as clients call them.

mod dump;
mod fork;
mod mining;
mod model;
mod past;
mod pool;
mod state;
mod world;
