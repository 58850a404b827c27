//! Load on a running node, and what becomes of it.
