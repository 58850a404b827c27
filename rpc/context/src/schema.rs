//! What parameters and results look like, as JSON Schema.

use serde_json::{Value, json};

/// The form of a JSON value.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Schema {
    /// Anything; for results whose form a client chooses, such as those of tracers.
    Any,
    /// `null`.
    Null,
    /// `true` or `false`.
    Bool,
    /// A JSON number.
    Number,
    /// Any string.
    Text,
    /// `0x` and hexadecimal digits without leading zeros.
    Quantity,
    /// `0x` and 40 digits.
    Address,
    /// `0x` and 64 digits.
    Hash,
    /// `0x` and an even number of digits.
    Bytes,
    /// A height, `latest`, `earliest`, `pending`, `safe` or `finalized`.
    BlockTag,
    /// A [`BlockTag`](Self::BlockTag), a hash, or an object with one of them (EIP-1898).
    BlockId,
    /// One of these strings.
    Enum(&'static [&'static str]),
    /// A list.
    Array(&'static Schema),
    /// The same or `null`.
    Nullable(&'static Schema),
    /// One of several forms.
    OneOf(&'static [Schema]),
    /// An object with fields: name, form, and whether it has to be there. More fields are allowed.
    Object(&'static [(&'static str, Schema, bool)]),
    /// An object whose keys are data.
    Map(&'static Schema),
}

impl Schema {
    /// As JSON Schema.
    pub fn to_json(&self) -> Value {
        match self {
            Self::Any => json!({}),
            Self::Null => json!({"type": "null"}),
            Self::Bool => json!({"type": "boolean"}),
            Self::Number => json!({"type": "number"}),
            Self::Text => json!({"type": "string"}),
            Self::Quantity => pattern("^0x(0|[1-9a-f][0-9a-f]*)$"),
            Self::Address => pattern("^0x[0-9a-fA-F]{40}$"),
            Self::Hash => pattern("^0x[0-9a-f]{64}$"),
            Self::Bytes => pattern("^0x([0-9a-f]{2})*$"),
            Self::BlockTag => json!({"anyOf": [
                Self::Quantity.to_json(),
                {"enum": ["latest", "earliest", "pending", "safe", "finalized"]},
            ]}),
            Self::BlockId => {
                json!({"anyOf": [Self::BlockTag.to_json(), Self::Hash.to_json(), {"type": "object"}]})
            }
            Self::Enum(values) => json!({"enum": values}),
            Self::Array(items) => json!({"type": "array", "items": items.to_json()}),
            Self::Nullable(inner) => json!({"anyOf": [{"type": "null"}, inner.to_json()]}),
            Self::OneOf(forms) => json!({"anyOf": forms.iter().map(Self::to_json).collect::<Vec<_>>()}),
            Self::Object(fields) => {
                let properties: serde_json::Map<_, _> =
                    fields.iter().map(|(name, form, _)| ((*name).to_owned(), form.to_json())).collect();
                let required: Vec<_> =
                    fields.iter().filter(|(_, _, required)| *required).map(|(name, ..)| *name).collect();
                json!({"type": "object", "properties": properties, "required": required})
            }
            Self::Map(values) => json!({"type": "object", "additionalProperties": values.to_json()}),
        }
    }
}

fn pattern(pattern: &str) -> Value {
    json!({"type": "string", "pattern": pattern})
}
