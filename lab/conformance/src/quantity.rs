//! Numbers as test files write them: hexadecimal, with any number of leading zeros, or decimal.

use alloy_primitives::U256;
use serde::{Deserialize, Deserializer, de};
use std::borrow::Cow;

/// A number of at most 256 bits.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub(crate) struct Quantity(pub(crate) U256);

impl Quantity {
    /// The number, or the greatest one if it does not fit.
    pub(crate) fn saturating_u64(self) -> u64 {
        self.0.saturating_to()
    }

    /// The number, or the greatest one if it does not fit.
    pub(crate) fn saturating_u128(self) -> u128 {
        self.0.saturating_to()
    }

    /// Reads a number; `None` if it is none or too large.
    pub(crate) fn parse(text: &str) -> Option<Self> {
        let text = text.strip_prefix("0x:bigint ").unwrap_or(text);
        let number = match text.strip_prefix("0x") {
            Some("") => Ok(U256::ZERO),
            Some(digits) => U256::from_str_radix(digits, 16),
            None => U256::from_str_radix(text, 10),
        };
        number.ok().map(Self)
    }
}

impl<'de> Deserialize<'de> for Quantity {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        let text = Cow::<'de, str>::deserialize(deserializer)?;
        Self::parse(&text).ok_or_else(|| {
            de::Error::custom(format_args!("'{text:.80}' is not a number of at most 256 bits"))
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn numbers_are_read_with_leading_zeros_and_without_digits() {
        for (text, number) in [("0x", 0), ("0x00", 0), ("0x0a", 10), ("0xa", 10), ("10", 10)] {
            assert_eq!(Quantity::parse(text), Some(Quantity(U256::from(number))), "{text}");
        }
        let too_large = format!("0x:bigint 0x1{}", "0".repeat(64));
        for text in ["0xg", "-1", "x", &too_large] {
            assert_eq!(Quantity::parse(text), None, "{text}");
        }
    }
}
