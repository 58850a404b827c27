//! JSON objects whose keys are data, each key once.

use serde::{
    Deserialize, Deserializer,
    de::{self, MapAccess},
};
use std::{collections::BTreeMap, fmt, marker::PhantomData};

/// A map that refuses a second value for a key, in whatever notation the key is written: which one counts would
/// be anybody's guess.
#[derive(Debug)]
pub(super) struct UniqueMap<K, V>(pub(super) BTreeMap<K, V>);

impl<'de, K, V> Deserialize<'de> for UniqueMap<K, V>
where
    K: Deserialize<'de> + Ord,
    V: Deserialize<'de>,
{
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        struct Visitor<K, V>(PhantomData<(K, V)>);
        impl<'de, K, V> de::Visitor<'de> for Visitor<K, V>
        where
            K: Deserialize<'de> + Ord,
            V: Deserialize<'de>,
        {
            type Value = UniqueMap<K, V>;

            fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                f.write_str("an object")
            }

            fn visit_map<A: MapAccess<'de>>(self, mut access: A) -> Result<Self::Value, A::Error> {
                let mut map = BTreeMap::new();
                while let Some(key) = access.next_key()? {
                    if map.insert(key, access.next_value()?).is_some() {
                        return Err(de::Error::custom("this key was there before"));
                    }
                }
                Ok(UniqueMap(map))
            }
        }
        deserializer.deserialize_map(Visitor(PhantomData))
    }
}
