//! Whether a value has the form that a schema declares.

use mundi_rpc_context::Schema;
use serde_json::Value;

const TAGS: [&str; 5] = ["latest", "earliest", "pending", "safe", "finalized"];

/// Whether a value has this form; the error says where it has not.
pub fn validate(schema: &Schema, value: &Value) -> Result<(), String> {
    check(schema, value, "$")
}

fn check(schema: &Schema, value: &Value, place: &str) -> Result<(), String> {
    let text = |fits: fn(&str) -> bool| value.as_str().is_some_and(fits);
    let fits = match *schema {
        Schema::Any => true,
        Schema::Null => value.is_null(),
        Schema::Bool => value.is_boolean(),
        Schema::Number => value.is_number(),
        Schema::Text => value.is_string(),
        Schema::Quantity => text(is_quantity),
        Schema::Address => text(|text| digits(text).is_some_and(|digits| digits.len() == 40)),
        Schema::Hash => text(is_hash),
        Schema::Bytes => text(|text| digits(text).is_some_and(|digits| digits.len() % 2 == 0)),
        Schema::BlockTag => text(is_tag),
        Schema::BlockId => value.is_object() || text(|text| is_tag(text) || is_hash(text)),
        Schema::Enum(values) => value.as_str().is_some_and(|text| values.contains(&text)),
        Schema::Array(items) => {
            let Some(values) = value.as_array() else { return Err(unfit(schema, value, place)) };
            return values
                .iter()
                .enumerate()
                .try_for_each(|(index, value)| check(items, value, &format!("{place}[{index}]")));
        }
        Schema::Nullable(inner) => return if value.is_null() { Ok(()) } else { check(inner, value, place) },
        Schema::OneOf(forms) => {
            let mut errors = Vec::new();
            for form in forms {
                match check(form, value, place) {
                    Ok(()) => return Ok(()),
                    Err(error) => errors.push(error),
                }
            }
            return Err(format!("none of the forms fits: {}", errors.join("; ")));
        }
        Schema::Object(fields) => {
            let Some(object) = value.as_object() else { return Err(unfit(schema, value, place)) };
            return fields.iter().try_for_each(|(name, form, required)| match object.get(*name) {
                Some(value) => check(form, value, &format!("{place}.{name}")),
                None if *required => Err(format!("{place}.{name} is missing")),
                None => Ok(()),
            });
        }
        Schema::Map(values) => {
            let Some(object) = value.as_object() else { return Err(unfit(schema, value, place)) };
            return object
                .iter()
                .try_for_each(|(key, value)| check(values, value, &format!("{place}.{key}")));
        }
    };
    if fits { Ok(()) } else { Err(unfit(schema, value, place)) }
}

fn unfit(schema: &Schema, value: &Value, place: &str) -> String {
    let expected = match schema {
        Schema::Object(_) => "an object".to_owned(),
        Schema::Array(_) => "a list".to_owned(),
        schema => format!("{schema:?}"),
    };
    let found: String = value.to_string().chars().take(100).collect();
    format!("{place} is not {expected}: {found}")
}

/// The digits after `0x`, if they are hexadecimal and nothing else.
fn digits(text: &str) -> Option<&str> {
    text.strip_prefix("0x").filter(|digits| digits.bytes().all(|byte| byte.is_ascii_hexdigit()))
}

fn is_hash(text: &str) -> bool {
    digits(text).is_some_and(|digits| digits.len() == 64)
}

fn is_quantity(text: &str) -> bool {
    digits(text).is_some_and(|digits| digits == "0" || (!digits.is_empty() && !digits.starts_with('0')))
}

/// A height has 64 bits.
fn is_tag(text: &str) -> bool {
    TAGS.contains(&text) || (text.len() <= 18 && is_quantity(text))
}

#[cfg(test)]
mod tests {
    use super::*;
    use serde_json::json;

    #[test]
    fn forms_are_told_apart() {
        const PAIR: Schema = Schema::Object(&[
            ("hash", Schema::Hash, true),
            ("height", Schema::Nullable(&Schema::Quantity), false),
        ]);
        let hash = format!("0x{}", "ab".repeat(32));
        for (schema, good, bad) in [
            (
                Schema::Quantity,
                vec![json!("0x0"), json!("0x10")],
                vec![json!("0x"), json!("0x01"), json!(1), json!("10")],
            ),
            (Schema::Hash, vec![json!(hash)], vec![json!("0xab"), json!(null)]),
            (Schema::Bytes, vec![json!("0x"), json!("0x00ff")], vec![json!("0x0"), json!("0xgg"), json!("")]),
            (Schema::BlockTag, vec![json!("latest"), json!("0x1")], vec![json!("newest"), json!(hash)]),
            (Schema::Array(&Schema::Bool), vec![json!([]), json!([true])], vec![json!([1]), json!({})]),
            (Schema::Nullable(&Schema::Text), vec![json!(null), json!("")], vec![json!(0)]),
            (Schema::OneOf(&[Schema::Bool, Schema::Null]), vec![json!(true), json!(null)], vec![json!(0)]),
            (Schema::Map(&Schema::Bool), vec![json!({}), json!({"a": true})], vec![json!({"a": 1})]),
            (
                PAIR,
                vec![json!({"hash": hash}), json!({"hash": hash, "height": null, "more": 1})],
                vec![json!({}), json!({"hash": hash, "height": "1"}), json!([])],
            ),
        ] {
            good.iter().for_each(|value| assert_eq!(validate(&schema, value), Ok(()), "{value}"));
            bad.iter().for_each(|value| assert!(validate(&schema, value).is_err(), "{value}"));
        }
    }

    #[test]
    fn errors_name_the_place() {
        const LIST: Schema = Schema::Array(&Schema::Object(&[("to", Schema::Address, true)]));
        assert_eq!(validate(&LIST, &json!([{}])), Err("$[0].to is missing".to_owned()));
        assert_eq!(validate(&LIST, &json!([{"to": 1}])), Err("$[0].to is not Address: 1".to_owned()));
    }
}
