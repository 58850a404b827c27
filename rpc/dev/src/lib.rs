//! Developer JSON-RPC: anvil, evm and hardhat methods.
