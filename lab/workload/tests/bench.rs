//! The benchmark reports what it ran.

use mundi_execution::Mode;
use mundi_workload::{
    Workload,
    bench::{Plan, Progress},
    matching,
};
use std::{num::NonZeroUsize, time::Duration};

fn small() -> Plan {
    let mut plan = Plan::quick(NonZeroUsize::new(2).unwrap());
    plan.gas = 500_000;
    plan.cold_gas = 100_000;
    plan.cold_read = Some(Duration::from_nanos(1));
    plan.settings.runs = NonZeroUsize::new(2).unwrap();
    plan.settings.least_time = Duration::ZERO;
    plan.settings.modes = vec![Mode::Auto, Mode::Optimistic];
    plan
}

#[test]
fn a_report_has_every_workload_every_mode_and_the_total_of_given_blocks() {
    let mut plan = small();
    plan.only = "transfers/independent, erc20".into();
    let given = matching("swaps-v3/serial").next().unwrap().build(400_000, 3);
    plan.given = vec![Workload::given("17", given.block, given.state)];
    let pool = rayon::ThreadPoolBuilder::new().num_threads(1).build().unwrap();
    let mut started = Vec::new();
    let report = plan
        .run(&pool, &mut |progress| {
            if let Progress::Started { name, done, of } = progress {
                assert_eq!((done, of), (started.len(), 9));
                started.push(name.to_string());
            }
        })
        .unwrap();
    assert_eq!((report.generated.len(), report.cold.len(), report.given.len()), (4, 4, 1));
    for measurement in report.generated.iter().chain(&report.given) {
        assert_eq!(measurement.modes.len(), 2);
        assert_eq!(measurement.rounds, 2);
        assert!(measurement.modes.iter().all(|mode| mode.ratio > 0.0 && mode.used != Mode::Auto));
    }
    let reads = report.cold[0].cold_reads.unwrap().1;
    assert!(reads >= 8, "four senders and four recipients are read: {reads}");
    assert_eq!(report.totals.len(), 2);
    assert_eq!(report.totals[0].worst, "17");
    let table = report.to_string();
    assert!(table.contains("erc20/serial") && table.contains("worst"), "{table}");
    let json = serde_json::to_value(&report).unwrap();
    assert_eq!(json["generated"][0]["name"], "transfers/independent");
    assert_eq!(json["generated"][0]["modes"][1]["mode"], "optimistic");
    assert_eq!(json["format"], 1);
}
