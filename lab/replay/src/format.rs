//! The JSON of a block file, read strictly: unknown and repeated fields, numbers over their width and hex that is
//! not hex are errors that name the field.

use crate::error::FieldError;
use alloy_consensus::Header;
use alloy_eips::eip4895::Withdrawal;
use alloy_primitives::{Address, B256, Bytes, U64, U256};
use alloy_rpc_types_eth::Transaction;
use serde::{
    Deserialize, Deserializer, Serialize, Serializer,
    de::{Error as _, MapAccess, Visitor},
};
use serde_json::value::RawValue;
use std::{collections::BTreeMap, fmt, marker::PhantomData, str::FromStr};

/// The file's outermost object.
#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
pub(crate) struct RawFile<'a> {
    #[serde(borrow)]
    pub(crate) block: &'a RawValue,
    pub(crate) pre_state: Unique<Address, PreAccount>,
    #[serde(default)]
    pub(crate) block_hashes: Unique<BlockNumber, Quantity>,
    #[serde(default)]
    pub(crate) ommers: Vec<Header>,
}

/// What is not a header field in the answer of `eth_getBlockByNumber`.
#[derive(Deserialize)]
pub(crate) struct RawBody<'a> {
    pub(crate) hash: B256,
    #[serde(borrow)]
    pub(crate) transactions: Vec<&'a RawValue>,
    #[serde(default)]
    pub(crate) uncles: Vec<B256>,
    #[serde(default)]
    pub(crate) withdrawals: Option<Vec<Withdrawal>>,
}

/// An account as it is before the block.
#[derive(Clone, Debug, Default, PartialEq, Eq, Deserialize, Serialize)]
#[serde(deny_unknown_fields)]
pub struct PreAccount {
    /// Wei.
    pub balance: Quantity,
    /// Transactions sent, or contracts created.
    #[serde(default)]
    pub nonce: u64,
    /// Code; absent for accounts without.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub code: Option<Bytes>,
    /// The slots that the block reads.
    #[serde(default)]
    pub storage: Unique<Quantity, Quantity>,
}

/// A 256-bit number in hex with leading zeros stripped, or not.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Quantity(pub U256);

impl FromStr for Quantity {
    type Err = String;

    fn from_str(text: &str) -> Result<Self, Self::Err> {
        let digits =
            text.strip_prefix("0x").ok_or_else(|| format!("expected hex with 0x, found {}", quoted(text)))?;
        if digits.is_empty() || !digits.bytes().all(|byte| byte.is_ascii_hexdigit()) {
            return Err(format!("expected hex digits after 0x, found {}", quoted(text)));
        }
        let significant = digits.trim_start_matches('0');
        if significant.len() > 64 {
            return Err(format!("{} is wider than 256 bits", quoted(text)));
        }
        let number = U256::from_str_radix(if significant.is_empty() { "0" } else { significant }, 16);
        number.map(Self).map_err(|error| error.to_string())
    }
}

impl fmt::Display for Quantity {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{:#x}", self.0)
    }
}

/// A block number as the key of a map: decimal, or hex with 0x.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub struct BlockNumber(pub u64);

impl FromStr for BlockNumber {
    type Err = String;

    fn from_str(text: &str) -> Result<Self, Self::Err> {
        let number = match text.strip_prefix("0x") {
            Some(hex) => u64::from_str_radix(hex, 16),
            None => text.parse(),
        };
        number.map(Self).map_err(|_| format!("expected a block number, found {}", quoted(text)))
    }
}

impl fmt::Display for BlockNumber {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.0.fmt(f)
    }
}

macro_rules! serde_as_text {
    ($($name:ty: $expecting:literal),*) => {$(
        impl<'de> Deserialize<'de> for $name {
            fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
                struct Text;
                impl Visitor<'_> for Text {
                    type Value = $name;

                    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                        f.write_str($expecting)
                    }

                    fn visit_str<E: serde::de::Error>(self, text: &str) -> Result<$name, E> {
                        text.parse().map_err(E::custom)
                    }
                }
                deserializer.deserialize_str(Text)
            }
        }

        impl Serialize for $name {
            fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
                serializer.collect_str(self)
            }
        }
    )*};
}

serde_as_text!(Quantity: "a string of hex digits after 0x", BlockNumber: "a block number in a string");

/// A map in which no key may appear twice, in whatever spelling.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Unique<K, V>(pub BTreeMap<K, V>);

impl<K, V> Default for Unique<K, V> {
    fn default() -> Self {
        Self(BTreeMap::new())
    }
}

impl<K: Serialize, V: Serialize> Serialize for Unique<K, V> {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.collect_map(&self.0)
    }
}

impl<'de, K, V> Deserialize<'de> for Unique<K, V>
where
    K: Deserialize<'de> + Ord + fmt::Display,
    V: Deserialize<'de>,
{
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        struct Entries<K, V>(PhantomData<(K, V)>);
        impl<'de, K, V> Visitor<'de> for Entries<K, V>
        where
            K: Deserialize<'de> + Ord + fmt::Display,
            V: Deserialize<'de>,
        {
            type Value = BTreeMap<K, V>;

            fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                f.write_str("an object")
            }

            fn visit_map<A: MapAccess<'de>>(self, mut entries: A) -> Result<Self::Value, A::Error> {
                let mut map = BTreeMap::new();
                while let Some((key, value)) = entries.next_entry::<K, V>()? {
                    if map.contains_key(&key) {
                        return Err(A::Error::custom(format!("{key} appears twice")));
                    }
                    map.insert(key, value);
                }
                Ok(map)
            }
        }
        deserializer.deserialize_map(Entries(PhantomData)).map(Self)
    }
}

/// Parses `json`, which stands at `at` in the file.
pub(crate) fn parse<'a, T: Deserialize<'a>>(json: &'a str, at: &str) -> Result<T, FieldError> {
    let mut deserializer = serde_json::Deserializer::from_str(json);
    let value = serde_path_to_error::deserialize(&mut deserializer).map_err(|error| {
        let path = error.path().to_string();
        let field = match (at, path.as_str()) {
            ("", ".") => return FieldError::new("the file", what_else(error.inner())),
            (at, ".") => at.to_owned(),
            ("", path) => path.to_owned(),
            (at, path) if path.starts_with('[') => format!("{at}{path}"),
            (at, path) => format!("{at}.{path}"),
        };
        FieldError::new(field, message(error.inner()))
    })?;
    deserializer.end().map_err(|error| FieldError::new(at, message(&error)))?;
    Ok(value)
}

/// Why the whole file is no block file.
fn what_else(error: &serde_json::Error) -> String {
    let message = message(error);
    if error.is_data() {
        format!("is JSON, but no block file as `mundi replay fetch` makes them: {message}")
    } else if error.is_eof() && error.column() == 0 {
        "is empty".to_owned()
    } else {
        format!("is not JSON, or not all of it: {message}")
    }
}

/// Parses a transaction. Its type is chosen by its fields, which makes serde's own message vague: the fields are
/// read one by one to find the broken one.
pub(crate) fn parse_transaction(json: &str, at: &str) -> Result<Transaction, FieldError> {
    if json.starts_with('"') {
        return Err(FieldError::new(
            at,
            "is only a hash: the block must be asked for with full transactions",
        ));
    }
    serde_json::from_str(json).map_err(|error| match parse::<TransactionFields>(json, at) {
        Ok(_) => FieldError::new(at, message(&error)),
        Err(field) => field,
    })
}

/// The fields of all transaction types, each by itself.
#[derive(Deserialize)]
#[serde(rename_all = "camelCase")]
#[expect(dead_code, reason = "parsed only to learn which field does not parse")]
struct TransactionFields {
    hash: B256,
    from: Address,
    #[serde(default)]
    to: Option<Address>,
    #[serde(default, rename = "type")]
    tx_type: U64,
    nonce: U64,
    gas: U64,
    value: U256,
    input: Bytes,
    r: U256,
    s: U256,
    #[serde(default)]
    v: Option<U256>,
    #[serde(default)]
    y_parity: Option<U64>,
    #[serde(default)]
    chain_id: Option<U64>,
    #[serde(default)]
    gas_price: Option<U256>,
    #[serde(default)]
    max_fee_per_gas: Option<U256>,
    #[serde(default)]
    max_priority_fee_per_gas: Option<U256>,
    #[serde(default)]
    max_fee_per_blob_gas: Option<U256>,
    #[serde(default)]
    access_list: Option<alloy_rpc_types_eth::AccessList>,
    #[serde(default)]
    blob_versioned_hashes: Option<Vec<B256>>,
    #[serde(default)]
    authorization_list: Option<Vec<alloy_rpc_types_eth::SignedAuthorization>>,
}

/// serde_json's message with long values cut.
fn message(error: &serde_json::Error) -> String {
    shortened(&error.to_string(), 300)
}

/// `text` in quotes, cut to a length fit for a message.
fn quoted(text: &str) -> String {
    format!("{:?}", shortened(text, 80))
}

fn shortened(text: &str, length: usize) -> String {
    match text.char_indices().nth(length) {
        Some((at, _)) => format!("{}…", &text[..at]),
        None => text.to_owned(),
    }
}
