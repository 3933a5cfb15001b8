//! Oracle 1: every evaluated window equals plain SQL over the raw rows that precede its close, fused or not, for every
//! aggregate that survives the split; rows arrive in any order and windows are evaluated in between.
#![allow(clippy::unwrap_used, reason = "a test may stop at the first surprise")]

mod reference;

use std::sync::{Arc, LazyLock};

use proptest::collection::vec;
use proptest::prelude::*;
use reference::{Row, Step, by_sql, close, drive, seconds_held, sources, trailing};
use wardwatch_clinical::VitalSign;
use wardwatch_windowing::SetPlan;

const VITALS: [VitalSign; 4] = [
    VitalSign::HeartRate,
    VitalSign::Spo2,
    VitalSign::SystolicBp,
    VitalSign::Temperature,
];

/// A feature, `{x}` being the vital sign, and an independent formulation of it; the fused come first.
const FUSED: [(&str, &str); 12] = [
    ("count({x})", "sum(CASE WHEN {x} IS NULL THEN 0 ELSE 1 END)"),
    ("sum({x})", "sum({x})"),
    ("avg({x})", "avg({x})"),
    ("min({x})", "min({x})"),
    ("max({x})", "max({x})"),
    ("var({x})", "var_samp({x})"),
    ("var_pop({x})", "var_pop({x})"),
    ("stddev({x})", "stddev_samp({x})"),
    ("stddev_pop({x})", "stddev_pop({x})"),
    (
        "latest({x})",
        "last_value({x} ORDER BY {worst_last}) FILTER (WHERE {x} IS NOT NULL)",
    ),
    ("slope({x})", "regr_slope({x}, {minutes})"),
    (
        "age({x})",
        "{seconds_to_end}(max(ts) FILTER (WHERE {x} IS NOT NULL))",
    ),
];
const MINUTES: &str = "((arrow_cast(ts, 'Int64') - arrow_cast(window_end, 'Int64')) / 60e6)";

/// Aggregates that run on DataFusion's accumulators: the list of what merges, plain and filtered.
const GENERIC: [(&str, &str); 30] = [
    ("median({x})", "median({x})"),
    (
        "percentile_cont(0.25) WITHIN GROUP (ORDER BY {x})",
        "percentile_cont(0.25) WITHIN GROUP (ORDER BY {x})",
    ),
    (
        "first_value({x} ORDER BY ts)",
        "first_value({x} ORDER BY ts, {x}) FILTER (WHERE {x} IS NOT NULL)",
    ),
    (
        "last_value({x} ORDER BY ts)",
        "last_value({x} ORDER BY ts, {x}) FILTER (WHERE {x} IS NOT NULL)",
    ),
    (
        "last_value({x} ORDER BY ts DESC)",
        "first_value({x} ORDER BY ts, {x} DESC) FILTER (WHERE {x} IS NOT NULL)",
    ),
    ("first_value({x} ORDER BY {x} DESC)", "max({x})"),
    ("nth_value({x}, 2 ORDER BY ts)", "{second}"),
    ("cardinality(array_agg({x} ORDER BY ts))", "nullif(count({x}), 0)"),
    ("array_agg({x} ORDER BY ts)[2]", "{second}"),
    (
        "array_agg({x} ORDER BY ts)[-1]",
        "last_value({x} ORDER BY ts, {x}) FILTER (WHERE {x} IS NOT NULL)",
    ),
    // DataFusion's own correlation is of raw sums, which cancel.
    (
        "corr({x}, {minute})",
        "covar_pop({x}, {minute}) / stddev_pop({x}) / stddev_pop({minute}) FILTER (WHERE {x} IS NOT NULL)",
    ),
    ("covar_pop({x}, {minute})", "covar_pop({x}, {minute})"),
    ("covar_samp({x}, {minute})", "covar_samp({x}, {minute})"),
    ("regr_slope({x}, {minute})", "regr_slope({x}, {minute})"),
    ("bool_and({x} > 60)", "min({x}) > 60"),
    ("bool_or({x} > 90)", "max({x}) > 90"),
    ("avg({x} * 2 + 1)", "avg({x}) * 2 + 1"),
    ("min(-{x})", "-max({x})"),
    (
        "count({x}) FILTER (WHERE {x} < 90)",
        "sum(CASE WHEN {x} < 90 THEN 1 ELSE 0 END)",
    ),
    (
        "count(*) FILTER (WHERE {x} < 90)",
        "sum(CASE WHEN {x} < 90 THEN 1 ELSE 0 END)",
    ),
    (
        "avg({x}) FILTER (WHERE {x} < 90)",
        "avg(CASE WHEN {x} < 90 THEN {x} END)",
    ),
    (
        "max({x}) FILTER (WHERE source = 'wearable')",
        "max(CASE WHEN source = 'wearable' THEN {x} END)",
    ),
    (
        "stddev({x}) FILTER (WHERE source = 'bedside')",
        "stddev(CASE WHEN source = 'bedside' THEN {x} END)",
    ),
    (
        "latest({x}) FILTER (WHERE {x} < 90)",
        "last_value({x} ORDER BY {worst_last}) FILTER (WHERE {x} < 90)",
    ),
    (
        "latest({x} + 0)",
        "last_value({x} ORDER BY ts, {x}) FILTER (WHERE {x} IS NOT NULL)",
    ),
    (
        "slope({x}) FILTER (WHERE {x} < 90)",
        "regr_slope({x}, {minutes}) FILTER (WHERE {x} < 90)",
    ),
    (
        "age({x}) FILTER (WHERE {x} < 90)",
        "{seconds_to_end}(max(ts) FILTER (WHERE {x} < 90))",
    ),
    ("max({x}) - min({x})", "max({x}) - min({x})"),
    (
        "extract(epoch FROM window_end) - avg({x})",
        "arrow_cast(window_end, 'Int64') / 1e6 - avg({x})",
    ),
    ("coalesce(max({x}), 0) > 90", "coalesce(max({x}), 0) > 90"),
];
/// Minutes from an instant near the data: raw epochs would cost both sides their digits.
const MINUTE: &str = "((arrow_cast(ts, 'Int64') - 1790002800000000) / 60e6)";

/// The second by time and value: one number of both, since DataFusion takes one order for all arrays of a query. Instants are
/// whole milliseconds, values whole tenths below a thousand.
const SECOND: &str = "array_sort(array_agg((arrow_cast(ts, 'Int64') - 1790002800000000) / 1000 * 10000
    + CAST(round({x} * 10) AS BIGINT)) FILTER (WHERE {x} IS NOT NULL))[2] % 10000 / 10.0";

/// By time, and at one instant by how bad a value is: the further from the best one the worse, of two as far the lower.
const WORST_LAST: &str = "ts, abs({x} - {best}), -{x}";

fn filled(template: &str, vital: VitalSign) -> String {
    let text = template
        .replace("{worst_last}", WORST_LAST)
        .replace("{second}", SECOND)
        .replace("{best}", &format!("{:?}", vital.info().best))
        .replace("{x}", vital.name())
        .replace("{minutes}", MINUTES)
        .replace("{minute}", MINUTE);
    match text.strip_prefix("{seconds_to_end}") {
        Some(instant) => format!("(arrow_cast(window_end, 'Int64') - arrow_cast({instant}, 'Int64')) / 1e6"),
        None => text,
    }
}

/// A feature set of all pairs for all vital signs, its oracle's columns beside it.
struct Checked {
    fused: Arc<SetPlan>,
    unfused: Arc<SetPlan>,
    oracle: Vec<String>,
}

impl Checked {
    fn new(pairs: &[(&str, &str)], rest: &str) -> Self {
        let all: Vec<(String, String)> = VITALS
            .iter()
            .flat_map(|vital| {
                pairs
                    .iter()
                    .map(|(ours, plain)| (filled(ours, *vital), filled(plain, *vital)))
            })
            .collect();
        let items: Vec<String> = all
            .iter()
            .enumerate()
            .map(|(at, (ours, _))| format!("{ours} AS f{at}"))
            .collect();
        let sql = format!(
            "SELECT patient_id, {} FROM vitals {rest} GROUP BY patient_id",
            items.join(", ")
        );
        Self {
            fused: Arc::new(SetPlan::new(&sql, trailing(12), &sources()).unwrap()),
            unfused: Arc::new(SetPlan::without_fusion(&sql, trailing(12), &sources()).unwrap()),
            oracle: all.into_iter().map(|(_, plain)| plain).collect(),
        }
    }

    fn agrees(&self, script: &[Step]) -> Result<(), TestCaseError> {
        let (windows, placed) = drive(&self.fused, script);
        let (unfused, placed_unfused) = drive(&self.unfused, script);
        prop_assert_eq!(placed, placed_unfused, "fusion must not change where a row goes");
        let expected = by_sql(&self.oracle, &windows);
        prop_assert_eq!(expected.len(), windows.len(), "every evaluated window holds rows");
        for ((window, unfused), expected) in windows.iter().zip(&unfused).zip(&expected) {
            for (at, plain) in self.oracle.iter().enumerate() {
                let (ours, slow, theirs) = (window.features[at], unfused.features[at], expected[at]);
                prop_assert!(
                    close(ours, theirs),
                    "{plain}: {ours:?}, plain SQL {theirs:?}, rows {:?}",
                    window.rows
                );
                prop_assert!(
                    close(slow, theirs),
                    "{plain}: unfused {slow:?}, plain SQL {theirs:?}"
                );
            }
        }
        Ok(())
    }
}

static ALL_FUSED: LazyLock<Checked> = LazyLock::new(|| Checked::new(&FUSED, ""));
static ALL_GENERIC: LazyLock<Checked> = LazyLock::new(|| Checked::new(&GENERIC, ""));

/// Patient, milliseconds within its place, milliseconds late, source, whether its clock shows only every fifth second, readings.
type Message = (u32, i64, i64, u16, bool, Vec<Option<f64>>);

fn message() -> impl Strategy<Value = Message> {
    let jitter = prop_oneof![8 => 0i64..40_000, 1 => 0i64..300_000];
    let reading = prop::option::weighted(0.7, (300u32..1500).prop_map(|tenths| f64::from(tenths) / 10.0));
    (
        0..reference::PATIENTS,
        0i64..10_000,
        jitter,
        0u16..2,
        any::<bool>(),
        vec(reading, VITALS.len()),
    )
}

/// Rows that move on through forty panes with patients of their own pace, most a little late and some very, with closes,
/// revisions and an occasional discharge in between.
fn script() -> impl Strategy<Value = Vec<Step>> {
    let raw = prop_oneof![
        16 => message().prop_map(Ok),
        2 => (0usize..3).prop_map(|rank| Err(Step::Close(rank))),
        1 => Just(Err(Step::Revise)),
        1 => (0..reference::PATIENTS * 4).prop_map(|slot| Err(Step::Forget(slot))),
    ];
    vec(raw, 1..140).prop_map(|steps| {
        let total = steps.len() as i64;
        let place = |(at, step): (usize, Result<Message, Step>)| match step {
            Err(Step::Forget(slot)) if slot >= reference::PATIENTS => Step::Close(0),
            Err(step) => step,
            Ok((slot, within, jitter, source, is_coarse, values)) => {
                let millis = (at as i64 * 400_000 / total + within - jitter).max(0);
                // Instants are equal, or the step's number keeps them a millisecond apart: the oracle would lose the digits of a
                // slope over less.
                let millis = match is_coarse {
                    true => millis - millis % 5_000,
                    false => millis - millis % 200 + at as i64,
                };
                let offset = millis * 1_000;
                let readings = VITALS
                    .into_iter()
                    .zip(values)
                    .filter_map(|(vital, value)| Some((vital, value?)));
                Step::Take(Row {
                    slot,
                    offset,
                    source,
                    readings: readings.collect(),
                })
            }
        };
        steps.into_iter().enumerate().map(place).collect()
    })
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 32, failure_persistence: None, ..ProptestConfig::default() })]

    #[test]
    fn fused_aggregates_equal_plain_sql(script in script()) {
        ALL_FUSED.agrees(&script)?;
    }

    #[test]
    fn every_aggregate_that_merges_equals_plain_sql(script in script()) {
        ALL_GENERIC.agrees(&script)?;
    }

    #[test]
    fn where_on_the_source_equals_a_filter(script in script()) {
        static SET: LazyLock<Checked> = LazyLock::new(|| {
            let filter = "FILTER (WHERE source = 'bedside' AND {x} IS NOT NULL)";
            let names = ["count", "avg", "max", "var_pop", "median"];
            let pairs = names.map(|name| (format!("{name}({{x}})"), format!("{name}({{x}}) {filter}")));
            let pairs = pairs.each_ref().map(|(ours, plain)| (ours.as_str(), plain.as_str()));
            Checked::new(&pairs, "WHERE source = 'bedside'")
        });
        SET.agrees(&script)?;
    }

    #[test]
    fn time_below_and_above_equal_a_fold(script in script()) {
        static SET: LazyLock<Arc<SetPlan>> = LazyLock::new(|| {
            let sql = "SELECT time_below(spo2, 90) AS below, time_above(heart_rate, 110.5) AS above FROM vitals GROUP BY patient_id";
            Arc::new(SetPlan::new(sql, trailing(12), &sources()).unwrap())
        });
        for window in drive(&SET, &script).0 {
            let below = seconds_held(&window, VitalSign::Spo2, |value| value < 90.0);
            let above = seconds_held(&window, VitalSign::HeartRate, |value| value > 110.5);
            prop_assert!(close(window.features[0], below), "{:?} is not {below:?}", window.features[0]);
            prop_assert!(close(window.features[1], above), "{:?} is not {above:?}", window.features[1]);
        }
    }
}

#[test]
fn the_plain_aggregates_of_one_vital_sign_are_fused_and_no_other() {
    assert_eq!(
        ALL_FUSED.fused.fused_of(),
        (FUSED.len() * VITALS.len(), FUSED.len() * VITALS.len())
    );
    assert_eq!(ALL_FUSED.unfused.fused_of().0, 0);
    // max, min, avg and coalesce(max): three distinct plain aggregates a vital sign.
    assert_eq!(ALL_GENERIC.fused.fused_of().0, 3 * VITALS.len());
    assert_eq!(ALL_FUSED.fused.vitals().collect::<Vec<_>>(), VITALS);
}
