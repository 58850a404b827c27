//! Numbers as tools send them: hexadecimal text, decimal text, JSON numbers.

use alloy_primitives::U256;
use mundi_rpc_context::{RpcError, Schema};
use serde::{Deserialize, Deserializer, de};
use std::fmt;

/// What is said of such parameters.
pub(crate) const NUMBER: Schema = Schema::OneOf(&[Schema::Quantity, Schema::Number]);

/// A number of at most 256 bits.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub(crate) struct Number(pub(crate) U256);

impl Number {
    /// As a number of at most `most`; `what` it is goes into the error.
    pub(crate) fn at_most(self, most: u64, what: &str) -> Result<u64, RpcError> {
        let small = u64::try_from(self.0).ok().filter(|number| *number <= most);
        small.ok_or_else(|| {
            RpcError::invalid_params(format!("{what}: expected at most {most}, got {}", self.0))
        })
    }
}

impl<'de> Deserialize<'de> for Number {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        deserializer.deserialize_any(Visitor)
    }
}

struct Visitor;

impl de::Visitor<'_> for Visitor {
    type Value = Number;

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("a number, as 10, \"10\" or \"0xa\"")
    }

    fn visit_u64<E: de::Error>(self, number: u64) -> Result<Number, E> {
        Ok(Number(U256::from(number)))
    }

    fn visit_i64<E: de::Error>(self, number: i64) -> Result<Number, E> {
        u64::try_from(number)
            .map(|number| Number(U256::from(number)))
            .map_err(|_| E::invalid_value(de::Unexpected::Signed(number), &self))
    }

    fn visit_str<E: de::Error>(self, text: &str) -> Result<Number, E> {
        let (digits, radix) = match text.strip_prefix("0x") {
            Some(digits) => (digits, 16),
            None => (text, 10),
        };
        let plain = !digits.is_empty() && digits.len() <= 80 && digits.bytes().all(|b| b.is_ascii_hexdigit());
        let number = plain.then(|| U256::from_str_radix(digits, radix).ok()).flatten();
        let shown: String = text.chars().take(80).collect();
        number.map(Number).ok_or_else(|| E::invalid_value(de::Unexpected::Str(&shown), &self))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn numbers_are_taken_in_every_form_that_tools_use() {
        for (json, expected) in [("10", 10), ("\"10\"", 10), ("\"0xa\"", 10), ("\"0x000a\"", 10), ("0", 0)] {
            assert_eq!(serde_json::from_str::<Number>(json).unwrap(), Number(U256::from(expected)), "{json}");
        }
        for json in ["-1", "1.5", "\"0x\"", "\"\"", "\"ten\"", "null", "true", "\"1_0\"", "[1]"] {
            assert!(serde_json::from_str::<Number>(json).is_err(), "{json}");
        }
        let too_long = format!("\"0x1{}\"", "0".repeat(64));
        assert!(serde_json::from_str::<Number>(&too_long).is_err());
        assert!(Number(U256::MAX).at_most(5, "blocks").unwrap_err().message.contains("blocks"));
    }
}
