//! Hexadecimal parameters.

use mundi_rpc_context::{Args, RpcError};
use serde::{Deserialize, Deserializer, de::Error};
use std::{borrow::Cow, fmt::Display, str::FromStr};

/// A value written as hexadecimal with `0x`, which is not optional.
struct Prefixed<T>(T);

impl<'de, T: FromStr<Err: Display>> Deserialize<'de> for Prefixed<T> {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        #[derive(Deserialize)]
        struct Text<'a>(#[serde(borrow)] Cow<'a, str>);
        let Text(text) = Text::deserialize(deserializer)?;
        if !text.starts_with("0x") && !text.starts_with("0X") {
            return Err(D::Error::custom("hex string without 0x prefix"));
        }
        text.parse().map(Self).map_err(D::Error::custom)
    }
}

/// The next parameter: an address, a hash or bytes.
pub(crate) fn hex<T: FromStr<Err: Display>>(args: &mut Args<'_>) -> Result<T, RpcError> {
    args.next::<Prefixed<T>>().map(|Prefixed(value)| value)
}

#[cfg(test)]
mod tests {
    use super::*;
    use alloy_primitives::{Address, B256, Bytes};

    fn parse<T: FromStr<Err: Display>>(text: &str) -> Result<T, serde_json::Error> {
        serde_json::from_str::<Prefixed<T>>(&format!("{text:?}")).map(|Prefixed(value)| value)
    }

    #[test]
    fn a_prefix_and_the_right_length_are_needed() {
        assert_eq!(parse::<Bytes>("0x").unwrap(), Bytes::new());
        assert_eq!(parse::<Bytes>("0x0A").unwrap(), Bytes::from_static(&[10]));
        assert!(parse::<Address>(&Address::ZERO.to_string()).is_ok());
        for wrong in ["", "00", "0x0", "0xzz", "x00", "0xé"] {
            assert!(parse::<Bytes>(wrong).is_err(), "{wrong}");
            assert!(parse::<B256>(wrong).is_err(), "{wrong}");
        }
        assert!(parse::<B256>(&"00".repeat(32)).is_err());
    }
}
