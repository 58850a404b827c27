//! Assembles a running node: configuration, metrics, shutdown.
