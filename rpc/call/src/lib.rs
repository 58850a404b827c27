//! Ethereum JSON-RPC that executes: calls, estimates, simulations, building.
