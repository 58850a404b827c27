//! Validators all over the world, measured.

use mundi_simulation::{WanError, WanReport, WanSettings, wan};
use std::time::Duration;

/// A small world.
fn settings() -> WanSettings {
    WanSettings { validators: 4, regions: 2, payload: 16 << 10, heights: 4, ..WanSettings::default() }
}

fn measured(settings: &WanSettings) -> WanReport {
    let report = wan(settings, &mut |_| {}).expect("the run comes to its end");
    assert_eq!(report.violations, Vec::<String>::new());
    report
}

#[test]
fn what_is_measured_is_in_order_and_comes_again() {
    let report = measured(&settings());
    assert_eq!(report.blocks, 4);
    assert!(report.transactions > 400 && report.payload > 12 << 10, "{report:?}");
    let stages = [report.notarized, report.finalized, report.executed, report.anchored];
    assert!(stages.iter().all(|times| times.count == 4 * 4), "each validator for each block: {stages:?}");
    assert!(stages.is_sorted_by_key(|times| times.median), "{stages:?}");
    assert!(stages.iter().all(|times| times.median <= times.p95 && times.p95 <= times.p99), "{stages:?}");
    // Two of four are on the other coast, half a round trip away, and a quorum is three.
    assert!(report.notarized.median > Duration::from_millis(32), "{report:?}");
    // Any two of four shards give the payload, and everybody else gets one.
    assert!((1.0..8.0).contains(&report.leader_upload), "{report:?}");
    assert_eq!(measured(&settings()).trace, report.trace);
}

#[test]
fn a_narrow_access_takes_its_time() {
    let wide = measured(&settings());
    let narrow = measured(&WanSettings { upload: 200_000, download: 200_000, ..settings() });
    assert!(narrow.finalized.median > wide.finalized.median + Duration::from_millis(50), "{narrow:?}");
}

#[test]
fn worlds_that_cannot_be_are_refused() {
    let refused = |settings| wan(&settings, &mut |_| {}).map(|_| ());
    assert_eq!(refused(WanSettings { validators: 3, ..settings() }), Err(WanError::Validators(3)));
    assert_eq!(refused(WanSettings { regions: 11, ..settings() }), Err(WanError::Regions(11)));
    assert_eq!(refused(WanSettings { regions: 0, ..settings() }), Err(WanError::Regions(0)));
    assert_eq!(refused(WanSettings { payload: 1023, ..settings() }), Err(WanError::Payload(1023)));
}
