//! Ethereum JSON-RPC over blocks, states and the pool.
