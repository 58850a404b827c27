//! Answers, as a node writes them.

use crate::error::{CallError, shortened};
use serde::Deserialize;
use serde_json::{Value, value::RawValue};

#[derive(Deserialize)]
struct Answer {
    #[serde(default)]
    id: Option<usize>,
    #[serde(default)]
    result: Option<Box<RawValue>>,
    #[serde(default)]
    error: Option<AnswerError>,
}

#[derive(Deserialize)]
struct AnswerError {
    #[serde(default)]
    code: i64,
    #[serde(default)]
    message: String,
    #[serde(default)]
    data: Option<Box<Value>>,
}

impl Answer {
    fn result(self) -> Result<Box<RawValue>, CallError> {
        match self.error {
            Some(AnswerError { code, message, data }) => {
                Err(CallError::Refused { code, message: shortened(&message), data })
            }
            None => Ok(self.result.unwrap_or_else(null)),
        }
    }
}

fn null() -> Box<RawValue> {
    RawValue::from_string("null".into()).expect("it is JSON")
}

/// The answer to one call.
pub(crate) fn one(body: &[u8]) -> Result<Box<RawValue>, CallError> {
    serde_json::from_slice::<Answer>(body).map_err(CallError::unusable)?.result()
}

/// The answers to so many calls, whose ids are their places.
pub(crate) fn many(body: &[u8], calls: usize) -> Result<Vec<Result<Box<RawValue>, CallError>>, CallError> {
    if body.iter().find(|byte| !byte.is_ascii_whitespace()) != Some(&b'[') {
        // A node that refuses several calls at once says so with one answer for all.
        one(body)?;
        return Err(CallError::unusable("one answer to several calls"));
    }
    let answers: Vec<Answer> = serde_json::from_slice(body).map_err(CallError::unusable)?;
    let mut results: Vec<_> = (0..calls).map(|_| Err(CallError::unusable("there is none"))).collect();
    for mut answer in answers {
        if let Some(place) = answer.id.take().and_then(|id| results.get_mut(id)) {
            *place = answer.result();
        }
    }
    Ok(results)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn text(result: &Result<Box<RawValue>, CallError>) -> String {
        match result {
            Ok(json) => json.get().to_owned(),
            Err(error) => error.to_string(),
        }
    }

    #[test]
    fn an_answer_is_a_result_or_a_reason() {
        for (body, expected) in [
            (r#"{"id":0,"result":{"a":1}}"#, r#"{"a":1}"#),
            (r#"{"id":0,"result":null}"#, "null"),
            (r#"{"id":0}"#, "null"),
            (
                r#"{"error":{"code":-32601,"message":"no\u0007 such method"}}"#,
                "it refuses: no such method (code -32601)",
            ),
            (r#"{"error":{}}"#, "it refuses:  (code 0)"),
        ] {
            assert_eq!(text(&one(body.as_bytes())), expected);
        }
        for wrong in ["", "[{}]", "oops", r#"{"result":"#] {
            assert!(matches!(one(wrong.as_bytes()), Err(CallError::Unusable(_))), "{wrong}");
        }
    }

    #[test]
    fn answers_come_in_any_order_and_not_all_of_them() {
        let body =
            br#" [{"id":2,"result":"c"},{"id":7,"result":0},{"result":1},{"id":0,"error":{"code":3}}]"#;
        let texts: Vec<_> = many(body, 3).unwrap().iter().map(text).collect();
        assert_eq!(texts, ["it refuses:  (code 3)", "its answer is unusable: there is none", r#""c""#]);
    }

    #[test]
    fn several_calls_may_be_refused_as_one() {
        let refused = many(br#"{"error":{"code":-32600,"message":"no batches"}}"#, 2).unwrap_err();
        assert_eq!(refused.to_string(), "it refuses: no batches (code -32600)");
        assert!(matches!(many(br#"{"result":1}"#, 2), Err(CallError::Unusable(_))));
    }
}
