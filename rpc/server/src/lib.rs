//! JSON-RPC over HTTP, WebSocket and IPC, with limits.
