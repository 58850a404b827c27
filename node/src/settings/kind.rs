//! What a setting may be.

use alloy_primitives::Address;
use mundi_consensus::GroupKey;
use mundi_state::History;
use std::net::{IpAddr, SocketAddr};
use toml::Value;

/// Longest time that a setting may give, in seconds: a year.
const LONGEST: f64 = 365.0 * 86_400.0;

/// What a setting may be.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Kind {
    /// `true` or `false`.
    Bool,
    /// A whole number.
    Number {
        /// The least.
        least: u64,
        /// The most.
        most: u64,
    },
    /// A port.
    Port,
    /// An IP address.
    Ip,
    /// An IP address and a port.
    Socket,
    /// Addresses of servers, for HTTP: a list, or one.
    Urls,
    /// The public key of a network: 96 bytes.
    GroupKey,
    /// Seconds, with fractions.
    Seconds,
    /// A number of bytes, or one with a unit.
    Size,
    /// `full` or a number of blocks.
    History,
    /// An account.
    Address,
    /// A path.
    Path,
    /// Any text.
    Text,
    /// One of these.
    Choice(&'static [&'static str]),
    /// A list of texts.
    List,
}

impl Kind {
    /// What was expected, if the value is something else.
    pub(super) fn check(self, value: &Value) -> Result<(), String> {
        let ok = match self {
            Self::Bool => value.is_bool(),
            Self::Number { least, most } => {
                let number = value.as_integer().and_then(|number| u64::try_from(number).ok());
                number.is_some_and(|number| (least..=most).contains(&number))
            }
            Self::Port => value.as_integer().is_some_and(|port| u16::try_from(port).is_ok()),
            Self::Ip => value.as_str().is_some_and(|text| text.parse::<IpAddr>().is_ok()),
            Self::Socket => value.as_str().is_some_and(|text| text.parse::<SocketAddr>().is_ok()),
            Self::Urls => urls(value).is_some(),
            Self::GroupKey => value.as_str().is_some_and(|text| text.parse::<GroupKey>().is_ok()),
            Self::Seconds => seconds(value).is_some(),
            Self::Size => size(value).is_some(),
            Self::History => history(value).is_some(),
            Self::Address => value.as_str().is_some_and(|text| text.parse::<Address>().is_ok()),
            Self::Path => value.as_str().is_some_and(|text| !text.is_empty()),
            Self::Text => value.is_str(),
            Self::Choice(names) => value.as_str().is_some_and(|text| names.contains(&text)),
            Self::List => value.as_array().is_some_and(|list| list.iter().all(Value::is_str)),
        };
        if ok { Ok(()) } else { Err(self.expected()) }
    }

    /// In words.
    pub fn expected(self) -> String {
        match self {
            Self::Bool => "true or false".into(),
            Self::Number { least, most } if most == i64::MAX as u64 => {
                format!("a whole number from {least} on")
            }
            Self::Number { least, most } => format!("a whole number from {least} to {most}"),
            Self::Port => "a port from 0 to 65535".into(),
            Self::Ip => "an IP address, as in \"127.0.0.1\"".into(),
            Self::Socket => "an IP address and a port, as in \"0.0.0.0:30400\"".into(),
            Self::Urls => "addresses that begin with http:// or https://".into(),
            Self::GroupKey => "the public key of a network: 96 bytes, in 192 hexadecimal digits".into(),
            Self::Seconds => "seconds, as in 2 or 0.5".into(),
            Self::Size => "a number of bytes with a unit, as in \"512MiB\" or \"4GB\"".into(),
            Self::History => "\"full\" or a number of blocks".into(),
            Self::Address => "an account, as in \"0x00000000219ab540356cBB839Cbe05303d7705Fa\"".into(),
            Self::Path => "a path".into(),
            Self::Text => "text".into(),
            Self::Choice(names) => {
                names.iter().map(|name| format!("{name:?}")).collect::<Vec<_>>().join(" or ")
            }
            Self::List => "a list of texts, as in [\"eth\", \"net\"]".into(),
        }
    }

    /// A value from a flag or a variable, where texts need no quotes and lists no brackets.
    pub(super) fn read(self, text: &str) -> Value {
        let literal =
            || format!("x = {text}").parse::<toml::Table>().ok().and_then(|mut table| table.remove("x"));
        let plain = || Value::String(text.to_owned());
        match self {
            Self::List | Self::Urls => {
                let parts = text.split(',').map(str::trim).filter(|part| !part.is_empty());
                Value::Array(parts.map(|part| Value::String(part.to_owned())).collect())
            }
            Self::Bool | Self::Number { .. } | Self::Port | Self::Seconds => literal().unwrap_or_else(plain),
            _ => plain(),
        }
    }
}

/// One or more addresses.
pub(super) fn urls(value: &Value) -> Option<Vec<String>> {
    let urls: Vec<&str> = match value {
        Value::String(url) => vec![url],
        Value::Array(urls) => urls.iter().map(Value::as_str).collect::<Option<_>>()?,
        _ => return None,
    };
    let all = !urls.is_empty() && urls.iter().all(|url| is_url(url));
    all.then(|| urls.into_iter().map(ToOwned::to_owned).collect())
}

fn is_url(text: &str) -> bool {
    let host = text.strip_prefix("http://").or_else(|| text.strip_prefix("https://"));
    host.is_some_and(|host| host.starts_with(|first: char| first.is_ascii_alphanumeric() || first == '['))
}

pub(super) fn seconds(value: &Value) -> Option<f64> {
    let seconds = value.as_float().or_else(|| value.as_integer().map(|whole| whole as f64))?;
    (0.0..=LONGEST).contains(&seconds).then_some(seconds)
}

pub(super) fn history(value: &Value) -> Option<History> {
    match value {
        Value::String(text) => text.parse().ok(),
        Value::Integer(blocks) => u64::try_from(*blocks).ok().map(History::Last),
        _ => None,
    }
}

pub(super) fn size(value: &Value) -> Option<u64> {
    match value {
        Value::String(text) => bytes(text),
        Value::Integer(bytes) => u64::try_from(*bytes).ok(),
        _ => None,
    }
}

/// A number of bytes: `kB`, `MB`, `GB`, `TB` count in thousands, `KiB` and so on and the letter alone in 1024s.
pub fn bytes(text: &str) -> Option<u64> {
    let digits = text.find(|character: char| !character.is_ascii_digit()).unwrap_or(text.len());
    let (number, unit) = text.split_at(digits);
    let unit = unit.trim().to_ascii_lowercase();
    let (letter, base) = match unit.strip_suffix("ib") {
        Some(letter) if !letter.is_empty() => (letter, 1024_u64),
        Some(_) => return None,
        None => match unit.strip_suffix('b') {
            Some(letter) => (letter, 1000),
            None => (unit.as_str(), 1024),
        },
    };
    let power = ["", "k", "m", "g", "t"].iter().position(|known| *known == letter)?;
    let bytes = number.parse::<u64>().ok()?.checked_mul(base.checked_pow(u32::try_from(power).ok()?)?)?;
    i64::try_from(bytes).is_ok().then_some(bytes)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn sizes_have_units() {
        for (text, expected) in [
            ("7", 7),
            ("7B", 7),
            ("512MiB", 512 << 20),
            ("1GB", 1_000_000_000),
            ("4 GiB", 4 << 30),
            ("2g", 2 << 30),
            ("64k", 64 << 10),
            ("1tb", 1_000_000_000_000),
        ] {
            assert_eq!(bytes(text), Some(expected), "{text}");
        }
        for text in ["", "MiB", "-1MB", "1.5GB", "1xb", "1iB", "1GBB", "99999999999TB"] {
            assert_eq!(bytes(text), None, "{text}");
        }
    }

    #[test]
    fn flags_need_no_quotes() {
        assert_eq!(Kind::List.read("eth, net,"), Value::Array(vec!["eth".into(), "net".into()]));
        assert_eq!(Kind::Port.read("8545"), Value::Integer(8545));
        assert_eq!(Kind::History.read("128"), Value::String("128".into()));
        assert!(Kind::Port.check(&Kind::Port.read("1 2")).is_err());
        assert!(Kind::Seconds.check(&Kind::Seconds.read("nan")).is_err());
        assert!(Kind::Seconds.check(&Kind::Seconds.read("0.5")).is_ok());
    }
}
