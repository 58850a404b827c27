//! What consensus counts by itself, under names that stay.
//!
//! Its figures are called after its parts, of which there are many; the few that operators watch are repeated here.

use mundi_rpc_context::FinalityTimes;
use std::{fmt::Write as _, time::Duration};

/// How the name of a figure ends there, what it is called here, and its kind.
const RENAMED: [(&str, &str, &str); 3] = [
    // Leaders measure it, each with its own clock, of its own payloads.
    ("_voter_finalization_latency", FINALITY, "histogram"),
    ("runtime_inbound_bandwidth", "consensus_received_bytes", "counter"),
    ("runtime_outbound_bandwidth", "consensus_sent_bytes", "counter"),
];

/// Seconds from a payload's proposal to its certificate.
const FINALITY: &str = "consensus_finality_seconds";

/// What a histogram or a counter has behind its name.
const PARTS: [&str; 4] = ["_bucket", "_sum", "_count", "_total"];

/// Those that are watched.
pub(crate) fn watched(figures: &str) -> String {
    let mut text = String::new();
    for (theirs, ours, kind) in RENAMED {
        let mut lines = figures.lines().filter_map(|line| {
            let (name, value) = line.split_at(line.find(['{', ' '])?);
            let part = PARTS.into_iter().find(|part| name.ends_with(part))?;
            name[..name.len() - part.len()].ends_with(theirs).then_some((part, value))
        });
        if let Some(first) = lines.next() {
            let _ = writeln!(text, "# TYPE {ours} {kind}");
            for (part, value) in std::iter::once(first).chain(lines) {
                let _ = writeln!(text, "{ours}{part}{value}");
            }
        }
    }
    text
}

/// How long payloads took that this node proposed.
pub(crate) fn finality(figures: &str) -> Option<FinalityTimes> {
    let text = watched(figures);
    let value = |part: &str| {
        let line = text.lines().find_map(|line| line.strip_prefix(FINALITY)?.strip_prefix(part))?;
        line.trim().parse::<f64>().ok().filter(|value| value.is_finite() && *value >= 0.0)
    };
    let (count, total) = (value("_count")?, value("_sum")?);
    Some(FinalityTimes { payloads: count as u64, total: Duration::try_from_secs_f64(total).ok()? })
}

#[cfg(test)]
mod tests {
    use super::*;

    const FIGURES: &str = "\
# HELP bft_simplex_voter_finalization_latency finalization latency
# TYPE bft_simplex_voter_finalization_latency histogram
bft_simplex_voter_finalization_latency_sum 1.5
bft_simplex_voter_finalization_latency_count 10
bft_simplex_voter_finalization_latency_bucket{le=\"0.1\"} 3
bft_simplex_voter_finalization_latency_from_view_entry_sum 9.5
runtime_inbound_bandwidth_total 77
runtime_outbound_bandwidth_total 88
# EOF
";

    #[test]
    fn those_that_are_watched_have_names_that_stay() {
        let expected = "\
# TYPE consensus_finality_seconds histogram
consensus_finality_seconds_sum 1.5
consensus_finality_seconds_count 10
consensus_finality_seconds_bucket{le=\"0.1\"} 3
# TYPE consensus_received_bytes counter
consensus_received_bytes_total 77
# TYPE consensus_sent_bytes counter
consensus_sent_bytes_total 88
";
        assert_eq!(watched(FIGURES), expected);
        let FinalityTimes { payloads, total } = finality(FIGURES).unwrap();
        assert_eq!((payloads, total), (10, Duration::from_millis(1500)));
        assert_eq!(finality("x 1\n{"), None);
        assert_eq!(watched(""), "");
    }
}
