//! Text in columns and colours.

use std::time::{SystemTime, UNIX_EPOCH};

/// Colours, or none.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Paint {
    /// Whether there are any.
    pub color: bool,
}

/// Colours of nodes, one after another: those that read well on dark and on light.
const NODES: [&str; 6] = ["36", "35", "34", "32", "33", "31"];

impl Paint {
    fn with(self, code: &str, text: &str) -> String {
        if self.color && !text.is_empty() { format!("\x1b[{code}m{text}\x1b[0m") } else { text.to_owned() }
    }

    pub(super) fn bold(self, text: &str) -> String {
        self.with("1", text)
    }

    pub(super) fn dim(self, text: &str) -> String {
        self.with("2", text)
    }

    pub(super) fn red(self, text: &str) -> String {
        self.with("31", text)
    }

    pub(super) fn yellow(self, text: &str) -> String {
        self.with("33", text)
    }

    pub(super) fn green(self, text: &str) -> String {
        self.with("32", text)
    }

    /// The name of a node, or of the supervisor, in front of its log line.
    pub(super) fn node(self, node: Option<usize>, text: &str) -> String {
        match node {
            Some(node) => self.with(NODES[node % NODES.len()], text),
            None => self.bold(text),
        }
    }
}

/// 1234567 as 1,234,567.
pub fn grouped(number: u64) -> String {
    let digits = number.to_string();
    let mut text = String::new();
    for (at, digit) in digits.chars().enumerate() {
        if at > 0 && (digits.len() - at).is_multiple_of(3) {
            text.push(',');
        }
        text.push(digit);
    }
    text
}

/// The time of the day in UTC.
pub fn time_of_day(now: SystemTime) -> String {
    let seconds = now.duration_since(UNIX_EPOCH).unwrap_or_default().as_secs() % 86_400;
    format!("{:02}:{:02}:{:02}", seconds / 3600, seconds / 60 % 60, seconds % 60)
}

/// Seconds, in a unit that fits.
pub(super) fn span(seconds: f64) -> String {
    match seconds {
        seconds if seconds < 1.0 => format!("{:.0} ms", seconds * 1e3),
        seconds if seconds < 60.0 => format!("{seconds:.1} s"),
        seconds => long_span(seconds as u64),
    }
}

/// Whole seconds, in units that fit.
pub(super) fn long_span(seconds: u64) -> String {
    match seconds {
        0..60 => format!("{seconds} s"),
        60..3600 => format!("{} min {} s", seconds / 60, seconds % 60),
        3600..86_400 => format!("{} h {} min", seconds / 3600, seconds / 60 % 60),
        _ => format!("{} d {} h", seconds / 86_400, seconds / 3600 % 24),
    }
}

/// A rate of transactions.
pub(super) fn rate(rate: f64) -> String {
    if rate < 10.0 && rate > 0.0 { format!("{rate:.1}") } else { grouped(rate.round() as u64) }
}

/// Bytes of memory.
pub(super) fn memory(bytes: u64) -> String {
    match bytes {
        0..1_000_000_000 => format!("{} MB", bytes / 1_000_000),
        _ => format!("{:.1} GB", bytes as f64 / 1e9),
    }
}

/// As many columns of a text without colours as there is room for.
pub(super) fn fit(text: &str, columns: usize) -> String {
    if text.chars().count() <= columns {
        return text.to_owned();
    }
    let mut fit: String = text.chars().take(columns.saturating_sub(1)).collect();
    if columns > 0 {
        fit.push('…');
    }
    fit
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::time::Duration;

    #[test]
    fn numbers_read_well() {
        assert_eq!([0, 999, 1000, 1_234_567].map(grouped), ["0", "999", "1,000", "1,234,567"]);
        assert_eq!(time_of_day(UNIX_EPOCH + Duration::from_secs(86_400 * 3 + 3_723)), "01:02:03");
        assert_eq!([span(0.1434), span(2.04), span(125.0)], ["143 ms", "2.0 s", "2 min 5 s"]);
        assert_eq!([long_span(59), long_span(3_700), long_span(90_000)], ["59 s", "1 h 1 min", "1 d 1 h"]);
        assert_eq!([rate(0.0), rate(3.25), rate(8412.4)], ["0", "3.2", "8,412"]);
        assert_eq!([memory(214_000_000), memory(1_250_000_000)], ["214 MB", "1.2 GB"]);
        assert_eq!([fit("abc", 3), fit("abcd", 3), fit("abc", 0)], ["abc", "ab…", ""]);
    }
}
