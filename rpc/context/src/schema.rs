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

impl Schema {
    /// Whether a value has this form; if not, where it has not and why, as in `logs[3].data: …`.
    pub fn check(&self, value: &Value) -> Result<(), String> {
        let expected = |form: &str| Err(format!(": expected {form}, got {}", shortened(value)));
        let text = value.as_str();
        let hexadecimal =
            |digits: &dyn Fn(&str) -> bool| text.and_then(|text| text.strip_prefix("0x")).is_some_and(digits);
        let lower = |byte: u8| byte.is_ascii_digit() || (b'a'..=b'f').contains(&byte);
        match self {
            Self::Any => Ok(()),
            Self::Null if value.is_null() => Ok(()),
            Self::Null => expected("null"),
            Self::Bool if value.is_boolean() => Ok(()),
            Self::Bool => expected("a boolean"),
            Self::Number if value.is_number() => Ok(()),
            Self::Number => expected("a number"),
            Self::Text if value.is_string() => Ok(()),
            Self::Text => expected("a string"),
            Self::Quantity => {
                let quantity = |digits: &str| {
                    digits == "0"
                        || (!digits.is_empty() && !digits.starts_with('0') && digits.bytes().all(lower))
                };
                if hexadecimal(&quantity) { Ok(()) } else { expected("a quantity") }
            }
            Self::Address => {
                let address =
                    |digits: &str| digits.len() == 40 && digits.bytes().all(|byte| byte.is_ascii_hexdigit());
                if hexadecimal(&address) { Ok(()) } else { expected("an address") }
            }
            Self::Hash => {
                let hash = |digits: &str| digits.len() == 64 && digits.bytes().all(lower);
                if hexadecimal(&hash) { Ok(()) } else { expected("a hash") }
            }
            Self::Bytes => {
                let bytes = |digits: &str| digits.len().is_multiple_of(2) && digits.bytes().all(lower);
                if hexadecimal(&bytes) { Ok(()) } else { expected("bytes") }
            }
            Self::BlockTag => match text {
                Some("latest" | "earliest" | "pending" | "safe" | "finalized") => Ok(()),
                _ => Self::Quantity.check(value),
            },
            Self::BlockId if value.is_object() || Self::Hash.check(value).is_ok() => Ok(()),
            Self::BlockId => Self::BlockTag.check(value),
            Self::Enum(values) if text.is_some_and(|text| values.contains(&text)) => Ok(()),
            Self::Enum(values) => expected(&format!("one of {values:?}")),
            Self::Nullable(inner) => {
                if value.is_null() {
                    Ok(())
                } else {
                    inner.check(value)
                }
            }
            Self::OneOf(forms) => {
                let errors: Vec<_> = forms.iter().filter_map(|form| form.check(value).err()).collect();
                if errors.len() < forms.len() { Ok(()) } else { Err(errors.join("; or ")) }
            }
            Self::Array(items) => match value.as_array() {
                None => expected("a list"),
                Some(values) => values.iter().enumerate().try_for_each(|(index, value)| {
                    items.check(value).map_err(|error| format!("[{index}]{error}"))
                }),
            },
            Self::Object(fields) => match value.as_object() {
                None => expected("an object"),
                Some(object) => {
                    fields.iter().try_for_each(|(name, form, required)| match object.get(*name) {
                        Some(value) => form.check(value).map_err(|error| format!(".{name}{error}")),
                        None if *required => Err(format!(".{name}: missing")),
                        None => Ok(()),
                    })
                }
            },
            Self::Map(values) => match value.as_object() {
                None => expected("an object"),
                Some(object) => object.iter().try_for_each(|(key, value)| {
                    values.check(value).map_err(|error| format!("[{key:?}]{error}"))
                }),
            },
        }
    }
}

fn shortened(value: &Value) -> String {
    const LONGEST: usize = 100;
    let text = value.to_string();
    match text.char_indices().nth(LONGEST) {
        Some((end, _)) => format!("{}…", &text[..end]),
        None => text,
    }
}
