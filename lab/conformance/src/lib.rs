//! Runs Ethereum's own state tests and block tests.
