//! Tracing JSON-RPC: debug, trace and Otterscan.
