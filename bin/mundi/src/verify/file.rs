//! Reading the file that holds a proof.

use super::{Proof, plain};
use crate::import;
use eyre::{WrapErr as _, bail, ensure, eyre};
use serde::{Deserialize, de::IgnoredAny};
use serde_json::value::RawValue;
use std::{
    fs::File,
    io::{self, Read},
    path::Path,
};

/// Most bytes of a file. Proofs of thousands of slots have some megabytes.
const MOST_BYTES: u64 = 64 << 20;

/// What `null` means where a result should be.
const NOTHING: &str =
    "the node answered with null: it does not know what was asked for; ask again when it is in a block";

/// What JSON-RPC puts around a result.
#[derive(Deserialize)]
struct Response<'a> {
    jsonrpc: Option<IgnoredAny>,
    #[serde(borrow)]
    result: Option<&'a RawValue>,
    #[serde(borrow)]
    error: Option<&'a RawValue>,
}

/// Why a node gave no result.
#[derive(Deserialize)]
struct Refusal {
    code: i64,
    message: String,
}

/// Reads a proof from a file, or from standard input.
pub(super) fn read<P: Proof>(file: &Path) -> eyre::Result<P> {
    let name = import::name(file);
    let text = text(file).wrap_err_with(|| format!("cannot read {name}"))?;
    parse(&text).wrap_err(name)
}

fn text(file: &Path) -> eyre::Result<String> {
    let source: Box<dyn Read> = match file.as_os_str() == "-" {
        true => Box::new(io::stdin()),
        false => Box::new(File::open(file)?),
    };
    let mut text = String::new();
    let read = source.take(MOST_BYTES + 1).read_to_string(&mut text)?;
    ensure!(read as u64 <= MOST_BYTES, "it has more than {MOST_BYTES} bytes, and no proof has");
    Ok(text)
}

fn parse<P: Proof>(text: &str) -> eyre::Result<P> {
    let text = text.trim();
    ensure!(!text.is_empty(), "there is nothing in it");
    let whole: &RawValue = serde_json::from_str(text)
        .map_err(|error| eyre!("it is not JSON, or is cut off: {}", plain(&error.to_string())))?;
    let proof = result(whole.get())?;
    let wrong = |what: &str| eyre!("it is not what {} returns: {}", P::METHOD, plain(what));
    if !proof.starts_with('{') {
        return Err(wrong("expected an object"));
    }
    let proof: P = serde_json::from_str(proof).map_err(|error| wrong(&error.to_string()))?;
    match proof.lacks() {
        Some(lack) => Err(eyre!(lack)),
        None => Ok(proof),
    }
}

/// The result in a response, and what is no response as it is.
fn result(text: &str) -> eyre::Result<&str> {
    if text == "null" {
        bail!(NOTHING);
    }
    if !text.starts_with('{') {
        return Ok(text);
    }
    let Response { jsonrpc, result, error } =
        serde_json::from_str(text).map_err(|error| eyre!("{}", plain(&error.to_string())))?;
    match (result, error) {
        (_, Some(error)) => Err(refused(error.get())),
        (Some(result), None) => Ok(result.get()),
        (None, None) if jsonrpc.is_some() => Err(eyre!(NOTHING)),
        (None, None) => Ok(text),
    }
}

fn refused(error: &str) -> eyre::Report {
    match serde_json::from_str(error) {
        Ok(Refusal { code, message }) => eyre!("the node gave no proof: {} ({code})", plain(&message)),
        Err(_) => eyre!("the node gave no proof: {}", plain(error)),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn results_are_found_in_responses() {
        for text in [
            r#"{"a":1}"#,
            r#"{"jsonrpc":"2.0","id":1,"result":{"a":1}}"#,
            r#"{"result":{"a":1},"error":null}"#,
            r#"{"id":null,"jsonrpc":"2.0", "result" : {"a":1} }"#,
        ] {
            assert_eq!(result(text).unwrap(), r#"{"a":1}"#, "{text}");
        }
        assert_eq!(result("[1]").unwrap(), "[1]");
    }

    #[test]
    fn responses_without_a_result_say_so() {
        let why = |text: &str| result(text).unwrap_err().to_string();
        for text in ["null", r#"{"jsonrpc":"2.0","id":1,"result":null}"#, r#"{"jsonrpc":"2.0"}"#] {
            assert_eq!(why(text), NOTHING, "{text}");
        }
        let error = r#"{"jsonrpc":"2.0","id":1,"error":{"code":-32001,"message":"not \u001b[31mfinal"}}"#;
        assert_eq!(why(error), "the node gave no proof: not [31mfinal (-32001)");
        assert_eq!(why(r#"{"error":"busy"}"#), "the node gave no proof: \"busy\"");
        assert!(why(r#"{"result":{},"result":{}}"#).contains("duplicate field `result`"));
    }
}
