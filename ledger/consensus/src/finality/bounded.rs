//! Reading hexadecimal bytes and lists of them that are not longer than they may be.

use alloy_primitives::{Bytes, hex};
use serde::{
    Deserializer,
    de::{DeserializeSeed, Error, SeqAccess, Visitor},
};
use std::fmt;

/// Reads at most `MOST` bytes.
pub(super) fn bytes<'a, D: Deserializer<'a>, const MOST: usize>(deserializer: D) -> Result<Bytes, D::Error> {
    Hex::<MOST>.deserialize(deserializer)
}

/// Reads at most `COUNT` items of at most `MOST` bytes.
pub(super) fn list<'a, D: Deserializer<'a>, const COUNT: usize, const MOST: usize>(
    deserializer: D,
) -> Result<Vec<Bytes>, D::Error> {
    deserializer.deserialize_seq(List::<COUNT, _>(Hex::<MOST>))
}

/// Reads at most `COUNT` items.
pub(super) fn items<'a, D: Deserializer<'a>, T: serde::Deserialize<'a>, const COUNT: usize>(
    deserializer: D,
) -> Result<Vec<T>, D::Error> {
    deserializer.deserialize_seq(List::<COUNT, _>(std::marker::PhantomData))
}

#[derive(Clone, Copy)]
struct Hex<const MOST: usize>;

impl<'a, const MOST: usize> DeserializeSeed<'a> for Hex<MOST> {
    type Value = Bytes;

    fn deserialize<D: Deserializer<'a>>(self, deserializer: D) -> Result<Bytes, D::Error> {
        deserializer.deserialize_str(self)
    }
}

impl<const MOST: usize> Visitor<'_> for Hex<MOST> {
    type Value = Bytes;

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "at most {MOST} bytes in hexadecimal, after 0x")
    }

    fn visit_str<E: Error>(self, text: &str) -> Result<Bytes, E> {
        let digits = text.strip_prefix("0x").ok_or_else(|| E::custom("bytes begin with 0x"))?;
        if digits.len() > 2 * MOST {
            let bytes = digits.len() / 2;
            return Err(E::custom(format_args!("{bytes} bytes, and at most {MOST} can be there")));
        }
        hex::decode(digits).map(Bytes::from).map_err(E::custom)
    }
}

struct List<const COUNT: usize, S>(S);

impl<'a, const COUNT: usize, S: DeserializeSeed<'a> + Clone> Visitor<'a> for List<COUNT, S> {
    type Value = Vec<S::Value>;

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "a list of at most {COUNT}")
    }

    fn visit_seq<A: SeqAccess<'a>>(self, mut items: A) -> Result<Self::Value, A::Error> {
        let mut list = Vec::new();
        while let Some(item) = items.next_element_seed(self.0.clone())? {
            if list.len() == COUNT {
                return Err(A::Error::custom(format_args!("more than the {COUNT} that can be there")));
            }
            list.push(item);
        }
        Ok(list)
    }
}
