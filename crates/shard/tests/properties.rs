//! SHARD-2 and SHARD-3, and the oracle over arrival orders.

mod support;

use proptest::prelude::*;
use support::{Row, pipeline, row, run, run_to_digest, windows};
use wardwatch_clinical::VitalSign::{self, HeartRate, Spo2};

const LIVE: &str =
    "{ lateness: 2m, hold: 0s, grace: 2s, future_skew: 10s, silent_after: 60s, forget_after: 1h }";
const ORACLE: &str =
    "{ lateness: 2m, hold: 2m, grace: off, future_skew: 10s, silent_after: 10h, forget_after: 100h }";
const ALARMS: &str = "alarms:
  - { name: desaturation, limit: spo2 < 88, for: 15s, at_once: spo2 < 80, priority: high }
  - { name: fast, when: heart_rate_mean > 130, clear_when: heart_rate_mean < 120, for: 20s, repeat_after: 1m, priority: medium }
";

fn vital() -> impl Strategy<Value = (VitalSign, f64)> {
    prop_oneof![
        (60u32..160).prop_map(|value| (HeartRate, f64::from(value))),
        (76u32..100).prop_map(|value| (Spo2, f64::from(value))),
    ]
}

/// Rows of three patients whose arrival is up to 90 s late and in any order.
fn rows() -> impl Strategy<Value = Vec<Row>> {
    proptest::collection::vec((0usize..3, 0i64..600, 0i64..90, vital()), 1..150).prop_map(|rows| {
        let mut rows: Vec<Row> = rows
            .into_iter()
            .map(|(patient, ts, delay, (vital, value))| Row {
                append: ts + delay,
                ..row(["a", "b", "c"][patient], ts, vital, value)
            })
            .collect();
        rows.sort_by_key(|row| row.append);
        rows
    })
}

/// Keeps the first of each identity, as the shard does, so that a sorted run sees the same observations.
fn deduplicated(rows: &[Row]) -> Vec<Row> {
    let mut seen = std::collections::HashSet::new();
    rows.iter()
        .filter(|row| seen.insert((row.patient.clone(), row.ts, row.vital)))
        .cloned()
        .collect()
}

fn near(left: &[Option<u64>], right: &[Option<u64>]) -> bool {
    left.iter().zip(right).all(|pair| match pair {
        (Some(left), Some(right)) => {
            let (left, right) = (f64::from_bits(*left), f64::from_bits(*right));
            (left - right).abs() <= 1e-9 * right.abs().max(1.0)
        }
        (left, right) => left == right,
    })
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(64))]

    /// SHARD-2: how the log is cut into batches, and how many windows a step may evaluate, changes nothing.
    #[test]
    fn batch_cuts_change_nothing(rows in rows(), cuts in proptest::collection::vec(1usize..20, 1..8), per_step in 1usize..6) {
        let pipeline = pipeline(LIVE, ALARMS);
        let (whole, digest) = run_to_digest(&pipeline, &rows, &[usize::MAX], usize::MAX);
        let (cut, cut_digest) = run_to_digest(&pipeline, &rows, &cuts, per_step);
        prop_assert_eq!(digest, cut_digest);
        let (expected, got) = (windows(&whole), windows(&cut));
        prop_assert_eq!(expected.len(), got.len());
        for (expected, got) in expected.iter().zip(&got) {
            prop_assert_eq!(expected, got);
        }
        prop_assert_eq!(whole.refused.len(), cut.refused.len());
        let mut changed = rows.clone();
        changed[0].value += 1e-9;
        prop_assert_ne!(run_to_digest(&pipeline, &changed, &cuts, per_step).1, digest);
        let ids = |out: &wardwatch_shard::Outputs| {
            let mut ids: Vec<_> = out.alerts.iter().map(|alert| (alert.id, alert.text.clone(), alert.value.map(f64::to_bits))).collect();
            ids.sort();
            ids
        };
        prop_assert_eq!(ids(&whole), ids(&cut));
    }

    /// SHARD-3: a patient ten minutes fast, one silent and one a day late change nothing for another.
    #[test]
    fn patients_do_not_touch_each_other(rows in rows()) {
        let pipeline = pipeline(LIVE, ALARMS);
        let alone: Vec<Row> = rows.iter().filter(|row| row.patient == "a").cloned().collect();
        prop_assume!(!alone.is_empty());
        let last = alone.iter().map(|row| row.append).max().unwrap_or(0);
        let mut ward: Vec<Row> = alone.clone();
        for second in (0..=last).step_by(7) {
            ward.push(Row { append: second, ..row("fast", second + 600, HeartRate, 90.0) });
            ward.push(Row { append: second, ..row("day-late", second - 86_400, HeartRate, 90.0) });
        }
        ward.push(Row { append: 0, ..row("silent", 0, HeartRate, 90.0) });
        ward.sort_by_key(|row| row.append);
        let of_a = |out: &wardwatch_shard::Outputs| windows(out).into_iter().filter(|window| window.0 == "a").collect::<Vec<_>>();
        let ids = |out: &wardwatch_shard::Outputs| {
            out.alerts.iter().filter(|alert| &*alert.patient_id == "a").map(|alert| alert.id).collect::<std::collections::BTreeSet<_>>()
        };
        let (left, right) = (run(&pipeline, &alone, &[usize::MAX], 500), run(&pipeline, &ward, &[5], 500));
        prop_assert_eq!(of_a(&left), of_a(&right));
        prop_assert_eq!(ids(&left), ids(&right));
    }

    /// Oracle 2: with `hold` = `lateness` and no grace, whatever the arrival order and the repeats, every window equals that
    /// of the sorted, deduplicated rows.
    #[test]
    fn arrival_order_changes_nothing(rows in rows(), repeats in proptest::collection::vec(0usize..150, 0..20)) {
        let pipeline = pipeline(ORACLE, "");
        let first = deduplicated(&rows);
        let mut sorted = first.clone();
        sorted.sort_by_key(|row| row.ts);
        for row in &mut sorted {
            row.append = row.ts;
        }
        let mut arriving = first.clone();
        for index in repeats {
            if let Some(row) = first.get(index) {
                arriving.push(Row { append: row.append + 20, ..row.clone() });
            }
        }
        arriving.sort_by_key(|row| row.append);
        let (expected, got) = (run(&pipeline, &sorted, &[usize::MAX], 500), run(&pipeline, &arriving, &[3], 500));
        let (expected, got) = (windows(&expected), windows(&got));
        prop_assert_eq!(expected.len(), got.len());
        for (expected, got) in expected.iter().zip(&got) {
            prop_assert_eq!((&expected.0, expected.1, expected.2, expected.3), (&got.0, got.1, got.2, got.3));
            prop_assert!(near(&expected.4, &got.4), "{:?} {:?}", expected, got);
        }
    }
}
