//! Batches: their entries, and the runs of raw transactions among them.

use crate::dispatch::SUBMIT;
use alloy_primitives::Bytes;
use jsonrpsee::types::{Id, Request};
use serde::de::{DeserializeSeed, Error as _, SeqAccess, Visitor};
use serde_json::value::RawValue;
use std::fmt;

/// The objects of a batch, not looked into yet.
pub(crate) struct Entries;

impl Entries {
    /// Splits a batch. Stops reading after `most`; the error says whether that was the reason.
    pub(crate) fn parse(batch: &[u8], most: usize) -> Result<Vec<&RawValue>, bool> {
        let mut too_many = false;
        let mut parser = serde_json::Deserializer::from_slice(batch);
        let entries = AtMost { most, too_many: &mut too_many }.deserialize(&mut parser);
        match entries {
            Ok(entries) if parser.end().is_ok() => Ok(entries),
            _ => Err(too_many),
        }
    }
}

struct AtMost<'m> {
    most: usize,
    too_many: &'m mut bool,
}

impl<'de> DeserializeSeed<'de> for AtMost<'_> {
    type Value = Vec<&'de RawValue>;

    fn deserialize<D: serde::Deserializer<'de>>(self, deserializer: D) -> Result<Self::Value, D::Error> {
        deserializer.deserialize_seq(self)
    }
}

impl<'de> Visitor<'de> for AtMost<'_> {
    type Value = Vec<&'de RawValue>;

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "a list of at most {} requests", self.most)
    }

    fn visit_seq<A: SeqAccess<'de>>(self, mut list: A) -> Result<Self::Value, A::Error> {
        let mut entries = Vec::new();
        while let Some(entry) = list.next_element()? {
            if entries.len() == self.most {
                *self.too_many = true;
                return Err(A::Error::custom("too many"));
            }
            entries.push(entry);
        }
        Ok(entries)
    }
}

/// Raw transactions that stand next to each other in a batch.
#[derive(Default)]
pub(crate) struct Run<'a> {
    ids: Vec<Id<'a>>,
    raws: Vec<Bytes>,
}

impl<'a> Run<'a> {
    pub(crate) fn push(&mut self, id: Id<'a>, raw: Bytes) {
        self.ids.push(id);
        self.raws.push(raw);
    }

    pub(crate) const fn is_empty(&self) -> bool {
        self.ids.is_empty()
    }

    pub(crate) fn take(&mut self) -> (Vec<Id<'a>>, Vec<Bytes>) {
        (std::mem::take(&mut self.ids), std::mem::take(&mut self.raws))
    }
}

/// The transaction of a well-formed `eth_sendRawTransaction`. What is not well-formed is left to the method, whose errors say why.
pub(crate) fn raw_transaction(request: &Request<'_>) -> Option<Bytes> {
    if request.method != SUBMIT {
        return None;
    }
    let [digits] = serde_json::from_str::<[&str; 1]>(request.params.as_ref()?.get()).ok()?;
    if !digits.starts_with("0x") {
        return None;
    }
    alloy_primitives::hex::decode(digits).ok().map(Bytes::from)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn entries_are_bounded_while_they_are_read() {
        let texts = |batch: &'static str, most| {
            Entries::parse(batch.as_bytes(), most)
                .map(|entries| entries.iter().map(|entry| entry.get()).collect::<Vec<_>>())
        };
        assert_eq!(texts(" [ {} , 1,[2] ] ", 3), Ok(vec!["{}", "1", "[2]"]));
        assert_eq!(texts("[]", 3), Ok(vec![]));
        assert_eq!(texts("[1,2,3,4]", 3), Err(true));
        assert_eq!(texts("[1,2,3,4", 3), Err(true), "what follows is not read");
        for bad in ["[1,2", "[1,]", "[1] 2", "[1]]", "{}", ""] {
            assert_eq!(texts(bad, 3), Err(false), "{bad}");
        }
    }

    #[test]
    fn only_well_formed_transactions_are_gathered() {
        let raw = |params: &str, method: &'static str| {
            let params = RawValue::from_string(params.to_owned()).unwrap();
            raw_transaction(&Request::owned(method.to_owned(), Some(params), Id::Number(1)))
        };
        assert_eq!(raw(r#"["0x02ff"]"#, SUBMIT), Some(Bytes::from_static(&[2, 255])));
        assert_eq!(raw(r#"["0x"]"#, SUBMIT), Some(Bytes::new()));
        for bad in [
            "[]",
            "null",
            "{}",
            r#"["0x0"]"#,
            r#"["02ff"]"#,
            r#"["0xzz"]"#,
            r#"["0x0x"]"#,
            r#"["0x01","0x02"]"#,
            "[1]",
        ] {
            assert_eq!(raw(bad, SUBMIT), None, "{bad}");
        }
        assert_eq!(raw(r#"["0x02ff"]"#, "eth_sendRawTransactionSync"), None);
    }
}
