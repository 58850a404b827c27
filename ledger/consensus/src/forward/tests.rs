//! Five nodes on a simulated network.

mod behaviour;
mod bounds;
mod mempools;
mod world;
