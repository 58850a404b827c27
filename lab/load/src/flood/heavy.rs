//! Requests that cost the node much and the client nothing.

use alloy_primitives::{Address, B256, U256, address};
use bytes::Bytes;
use serde_json::{Value, json};
use std::{fmt, str::FromStr};

/// Gas of a call: what nodes allow by default.
const GAS: u64 = 50_000_000;
/// Where the code of calls is put.
const PLACE: Address = address!("0x00000000000000000000000000000000f100d000");
/// `JUMPDEST PUSH1 0 JUMP`: goes on until the gas is used up.
const ENDLESS: &str = "0x5b600056";
/// Counts down from half a million and succeeds, with 26 gas for each step: `PUSH3 500000 JUMPDEST PUSH1 1 SWAP1 SUB DUP1 PUSH1 4 JUMPI`.
/// Estimating it takes some twenty runs.
const COUNTDOWN: &str = "0x6207a1205b60019003806004575b00";
/// Slots of a proof.
const SLOTS: u64 = 1_000;

/// A kind of request.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, serde::Serialize)]
#[serde(rename_all = "lowercase")]
pub enum Heavy {
    /// `eth_call` of an endless loop.
    Call,
    /// `debug_traceCall` of it, an entry for each instruction.
    Trace,
    /// `eth_getLogs` over the whole chain.
    Logs,
    /// `eth_getBlockByNumber` of the newest, with full transactions.
    Block,
    /// `eth_estimateGas` of a long loop.
    Estimate,
    /// `eth_getProof` of a thousand slots.
    Proof,
}

impl Heavy {
    /// All of them.
    pub const ALL: [Self; 6] =
        [Self::Call, Self::Trace, Self::Logs, Self::Block, Self::Estimate, Self::Proof];

    /// How it is called on a command line.
    pub const fn name(self) -> &'static str {
        match self {
            Self::Call => "call",
            Self::Trace => "trace",
            Self::Logs => "logs",
            Self::Block => "block",
            Self::Estimate => "estimate",
            Self::Proof => "proof",
        }
    }

    /// The method.
    pub const fn method(self) -> &'static str {
        match self {
            Self::Call => "eth_call",
            Self::Trace => "debug_traceCall",
            Self::Logs => "eth_getLogs",
            Self::Block => "eth_getBlockByNumber",
            Self::Estimate => "eth_estimateGas",
            Self::Proof => "eth_getProof",
        }
    }

    /// The request. `contract` is one with slots.
    pub(crate) fn request(self, contract: Address) -> Bytes {
        let call = json!({"to": PLACE, "gas": format!("{GAS:#x}")});
        let code = |code: &str| json!({PLACE.to_string(): {"code": code}});
        let params: Value = match self {
            Self::Call => json!([call, "latest", code(ENDLESS)]),
            Self::Trace => json!([call, "latest", {"stateOverrides": code(ENDLESS)}]),
            Self::Logs => json!([{"fromBlock": "0x0", "toBlock": "latest"}]),
            Self::Block => json!(["latest", true]),
            Self::Estimate => json!([call, "latest", code(COUNTDOWN)]),
            Self::Proof => {
                let slots: Vec<B256> = (0..SLOTS).map(|slot| U256::from(slot).into()).collect();
                json!([contract, slots, "latest"])
            }
        };
        json!({"jsonrpc": "2.0", "id": 1, "method": self.method(), "params": params}).to_string().into()
    }
}

impl FromStr for Heavy {
    type Err = String;

    fn from_str(text: &str) -> Result<Self, String> {
        Self::ALL.into_iter().find(|kind| kind.name() == text).ok_or_else(|| {
            format!("unknown request '{text}': expected {}", Self::ALL.map(Self::name).join(", "))
        })
    }
}

impl fmt::Display for Heavy {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.name())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn names_are_read_back() {
        for kind in Heavy::ALL {
            assert_eq!(kind.to_string().parse(), Ok(kind));
        }
        assert!("ping".parse::<Heavy>().unwrap_err().contains("call, trace"));
    }

    #[test]
    fn requests_are_json_of_their_method() {
        for kind in Heavy::ALL {
            let request: Value = serde_json::from_slice(&kind.request(PLACE)).unwrap();
            assert_eq!(request["method"], kind.method());
        }
    }
}
