//! Error codes that clients may meet.

use jsonrpsee::types::error as library;
use mundi_rpc_context::code;

/// `eth_sendRawTransactionSync` (EIP-7966): the time is over, and the transaction waits.
const SYNC_TIMEOUT: i32 = 4;
/// `eth_sendRawTransactionSync` (EIP-7966): the transaction cannot be included yet.
const SYNC_NOT_READY: i32 = 5;
/// `eth_simulateV1` has codes of its own, from −38010 to −38026.
const SIMULATION: std::ops::RangeInclusive<i32> = -38026..=-38010;

/// All of them but those of `eth_simulateV1`.
pub const KNOWN_CODES: &[i32] = &[
    code::PARSE,
    library::INVALID_REQUEST_CODE,
    code::METHOD_NOT_FOUND,
    code::INVALID_PARAMS,
    code::INTERNAL,
    code::INVALID_INPUT,
    code::NOT_FOUND,
    code::REJECTED,
    code::UNSUPPORTED,
    code::LIMIT,
    code::REVERTED,
    library::TOO_MANY_SUBSCRIPTIONS_CODE,
    library::OVERSIZED_REQUEST_CODE,
    library::OVERSIZED_RESPONSE_CODE,
    library::TOO_BIG_BATCH_REQUEST_CODE,
    library::TOO_BIG_BATCH_RESPONSE_CODE,
    SYNC_TIMEOUT,
    SYNC_NOT_READY,
];

/// Whether clients may meet this code.
pub fn is_known_code(code: i32) -> bool {
    KNOWN_CODES.contains(&code) || SIMULATION.contains(&code)
}
