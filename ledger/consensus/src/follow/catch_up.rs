//! Saying how far a node is that has to catch up.

use crate::bft::Progress;
use commonware_runtime::Clock;
use std::time::Duration;

/// Time between two lines.
const PERIOD: Duration = Duration::from_secs(10);

/// Heights behind which nothing is said of.
const NEAR: u64 = 64;

/// Writes a line now and then while the node is behind, and one when it no longer is.
pub(super) async fn report(clock: impl Clock, progress: Progress) {
    let mut behind = false;
    let mut before = progress.executed().anchor.height;
    loop {
        clock.sleep(PERIOD).await;
        let (height, ordered) = (progress.executed().anchor.height, progress.ordered());
        let left = ordered.saturating_sub(height);
        if left > NEAR {
            behind = true;
            tracing::info!(target: "follow", "{}", line(height, ordered, height - before));
        } else if behind {
            behind = false;
            tracing::info!(target: "follow", height, "caught up");
        }
        before = height;
    }
}

/// How far it is, after so many heights in a period.
fn line(height: u64, ordered: u64, done: u64) -> String {
    let rate = done as f64 / PERIOD.as_secs_f64();
    let left = ordered.saturating_sub(height);
    let remaining = match done {
        0 => "nothing came in a while".into(),
        _ => {
            let seconds = (left as f64 / rate).ceil() as u64;
            format!("{}:{:02}:{:02} left", seconds / 3600, seconds / 60 % 60, seconds % 60)
        }
    };
    format!("catching up: block {height} of {ordered}, {rate:.1} a second, {remaining}")
}

#[cfg(test)]
mod tests {
    use super::line;

    #[test]
    fn lines_say_how_fast_it_goes_and_how_long_it_will_take() {
        assert_eq!(line(100, 40_100, 100), "catching up: block 100 of 40100, 10.0 a second, 1:06:40 left");
        assert_eq!(line(5, 105, 0), "catching up: block 5 of 105, 0.0 a second, nothing came in a while");
    }
}
