//! Numbers as genesis files write them: JSON numbers of any size, or text in decimal or in hexadecimal with `0x`.

use alloy_primitives::U256;
use serde::{
    Deserialize, Deserializer,
    de::{self, Unexpected},
};
use serde_json::value::RawValue;
use std::{borrow::Cow, fmt};

/// Characters of a bad value that an error repeats.
const SHOWN: usize = 80;

/// A number of at most 256 bits.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Quantity(pub(super) U256);

impl Quantity {
    /// Reads a number; `None` if it is none, or too large.
    fn parse(text: &str) -> Option<Self> {
        let (digits, radix) = match text.strip_prefix("0x") {
            Some(digits) => (digits, 16),
            None => (text, 10),
        };
        digits_to_number(digits, radix).map(Self)
    }
}

impl<'de> Deserialize<'de> for Quantity {
    /// Takes the number as it is written: total difficulties are larger than the numbers that JSON libraries keep
    /// exactly.
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        let raw = <&RawValue>::deserialize(deserializer)?.get();
        let text = raw.strip_prefix('"').and_then(|text| text.strip_suffix('"')).unwrap_or(raw);
        Self::parse(text).ok_or_else(|| {
            let shown: String = raw.chars().take(SHOWN).collect();
            let expected = "a whole number of at most 256 bits, as in 5, \"5\" or \"0x5\"";
            de::Error::invalid_value(Unexpected::Other(&shown), &expected)
        })
    }
}

/// A whole number of at most 64 bits.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, PartialOrd, Ord)]
pub(super) struct Small(pub(super) u64);

impl<'de> Deserialize<'de> for Small {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        let Quantity(number) = Quantity::deserialize(deserializer)?;
        number.try_into().map(Self).map_err(|_| {
            de::Error::invalid_value(Unexpected::Other(&number.to_string()), &"a number of at most 64 bits")
        })
    }
}

/// A storage slot or its value: at most 32 bytes in hexadecimal, with or without `0x` and leading zeros.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub(super) struct Word(pub(super) U256);

impl<'de> Deserialize<'de> for Word {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        struct Visitor;
        impl de::Visitor<'_> for Visitor {
            type Value = Word;

            fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                f.write_str("at most 32 bytes in hexadecimal")
            }

            fn visit_str<E: de::Error>(self, text: &str) -> Result<Word, E> {
                let digits = text.strip_prefix("0x").unwrap_or(text);
                digits_to_number(digits, 16).map(Word).ok_or_else(|| {
                    let shown: Cow<'_, str> = text.chars().take(SHOWN).collect();
                    E::invalid_value(Unexpected::Str(&shown), &self)
                })
            }
        }
        deserializer.deserialize_str(Visitor)
    }
}

fn digits_to_number(digits: &str, radix: u64) -> Option<U256> {
    // The parser itself allows more, such as underscores.
    let is_digit = |byte: u8| if radix == 16 { byte.is_ascii_hexdigit() } else { byte.is_ascii_digit() };
    if digits.is_empty() || !digits.bytes().all(is_digit) {
        return None;
    }
    U256::from_str_radix(digits, radix).ok()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn number(json: &str) -> Result<U256, String> {
        serde_json::from_str::<Quantity>(json).map(|quantity| quantity.0).map_err(|error| error.to_string())
    }

    #[test]
    fn numbers_are_read_exactly_in_every_notation() {
        for json in ["26", "\"26\"", "\"0x1a\"", "\"0x001A\""] {
            assert_eq!(number(json), Ok(U256::from(26)), "{json}");
        }
        let mainnet = U256::from(58_750_000_000_000_000_000_000_u128);
        assert_eq!(number("58750000000000000000000"), Ok(mainnet));
        assert_eq!(number(&format!("\"0x{}\"", "f".repeat(64))), Ok(U256::MAX));
    }

    #[test]
    fn what_is_no_number_is_an_error() {
        for json in ["-1", "1.5", "1e3", "\"\"", "\"0x\"", "\"0xg\"", "\"1_000\"", "null", "[]", "{}", "true"]
        {
            assert!(number(json).unwrap_err().contains("whole number"), "{json}");
        }
        assert!(number(&format!("\"0x1{}\"", "0".repeat(64))).is_err());
        assert!(serde_json::from_str::<Small>("18446744073709551616").is_err());
        assert_eq!(serde_json::from_str::<Small>("18446744073709551615").unwrap(), Small(u64::MAX));
    }

    #[test]
    fn words_are_hexadecimal_with_or_without_prefix() {
        for json in ["\"0x10\"", "\"10\"", "\"0x0010\""] {
            assert_eq!(serde_json::from_str::<Word>(json).unwrap(), Word(U256::from(16)), "{json}");
        }
        for json in ["\"\"", "\"0x\"", "\"x\"", "5", &format!("\"1{}\"", "0".repeat(64))] {
            assert!(serde_json::from_str::<Word>(json).is_err(), "{json}");
        }
    }
}
