//! Durations as Go writes them, which is how clients write a trace's `timeout`.

use mundi_rpc_context::RpcError;
use std::time::Duration;

/// Parses `300ms`, `5s`, `1h2m3.5s`. Signs are not accepted: a trace cannot take less than no time.
pub(crate) fn parse(text: &str) -> Result<Duration, RpcError> {
    let bad = || {
        RpcError::invalid_input(format!(
            "time: invalid duration {text:?}; write a number and a unit, as in \"5s\" or \"300ms\""
        ))
    };
    if text == "0" {
        return Ok(Duration::ZERO);
    }
    let (mut rest, mut seconds) = (text, 0.0_f64);
    while !rest.is_empty() {
        let digits = rest.find(|c: char| !c.is_ascii_digit() && c != '.').ok_or_else(bad)?;
        let number: f64 = rest[..digits].parse().map_err(|_| bad())?;
        rest = &rest[digits..];
        let letters = rest.find(|c: char| c.is_ascii_digit() || c == '.').unwrap_or(rest.len());
        seconds += number
            * match &rest[..letters] {
                "ns" => 1e-9,
                "us" | "µs" | "μs" => 1e-6,
                "ms" => 1e-3,
                "s" => 1.0,
                "m" => 60.0,
                "h" => 3600.0,
                _ => return Err(bad()),
            };
        rest = &rest[letters..];
    }
    if text.is_empty() {
        return Err(bad());
    }
    Duration::try_from_secs_f64(seconds).map_err(|_| bad())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn durations_are_numbers_with_units() {
        for (text, millis) in [
            ("5s", 5000),
            ("300ms", 300),
            ("1h2m3.5s", 3_723_500),
            ("1.5m", 90_000),
            ("0", 0),
            ("10000us", 10),
        ] {
            assert_eq!(parse(text).unwrap(), Duration::from_millis(millis), "{text}");
        }
        for text in ["", "5", "s", "-5s", "5x", "5s3", "1..2s", "99999999999999999999h", "µ"] {
            assert!(parse(text).is_err(), "{text}");
        }
    }
}
