//! The RLP of a block.

#![no_main]

use alloy_hardforks::EthereumHardfork;
use libfuzzer_sys::fuzz_target;
use mundi_chain::{ChainSpec, ForkPoint, decode_block, recover_senders, validate_body};
use std::sync::OnceLock;

fuzz_target!(|bytes: &[u8]| {
    let Ok(block) = decode_block(bytes) else { return };
    assert_eq!(alloy_rlp::encode(block.inner()), bytes, "there is one encoding");
    static SPEC: OnceLock<ChainSpec> = OnceLock::new();
    let point = ForkPoint { number: 30_000_000, timestamp: 2_000_000_000, parent_total_difficulty: None };
    let _ = validate_body(SPEC.get_or_init(ChainSpec::mainnet), point, block.inner());
    let _ = recover_senders(EthereumHardfork::Osaka, block.into_inner());
});
