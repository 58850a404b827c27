//! How much one request may ask for.

use std::time::Duration;

/// How much one request may ask for.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Limits {
    /// Gas of a call. Default: 50 million.
    pub call_gas: u64,
    /// Time of a call. Default: 5 s.
    pub call_time: Duration,
    /// Bytes of memory that one call may use in the virtual machine. Default: 256 MiB.
    pub call_memory: usize,
    /// Blocks of one `eth_simulateV1`. Default: 256.
    pub simulated_blocks: usize,
    /// Blocks that one `eth_getLogs` may span. Default: 100,000.
    pub log_blocks: u64,
    /// Logs that one `eth_getLogs` may return. Default: 20,000.
    pub logs: usize,
    /// Slots that one `eth_getProof` or `eth_getStorageValues` may ask for. Default: 1,024.
    pub slots: usize,
    /// Blocks of one `eth_feeHistory`. Default: 1,024.
    pub fee_history_blocks: u64,
    /// Filters that may be installed, all clients together. Default: 10,000.
    pub filters: usize,
    /// How long a filter that nobody asks lives. Default: 5 min.
    pub filter_lifetime: Duration,
    /// Traced blocks of one `trace_filter`. Default: 100.
    pub trace_blocks: u64,
    /// Bytes of one answer. Default: 160 MB.
    pub response_bytes: usize,
    /// What `eth_sendRawTransactionSync` waits by default, and at most. Default: 2 s and 10 s.
    pub sync_wait: (Duration, Duration),
    /// Most wei that one transaction sent by this node may cost in fees. Default: 1 ether; zero is no limit.
    pub fee_cap: u128,
}

impl Default for Limits {
    fn default() -> Self {
        Self {
            call_gas: 50_000_000,
            call_time: Duration::from_secs(5),
            call_memory: 256 << 20,
            simulated_blocks: 256,
            log_blocks: 100_000,
            logs: 20_000,
            slots: 1024,
            fee_history_blocks: 1024,
            filters: 10_000,
            filter_lifetime: Duration::from_secs(300),
            trace_blocks: 100,
            response_bytes: 160_000_000,
            sync_wait: (Duration::from_secs(2), Duration::from_secs(10)),
            fee_cap: 1_000_000_000_000_000_000,
        }
    }
}
