//! Synthetic blocks and the benchmark that compares execution modes on them.
