//! Of several values of one instant the clinically worse one counts, of an expression the largest: fused or not, in panes of any
//! length, rows in any order, with evaluations and snapshots in between, to the last bit.
#![allow(clippy::unwrap_used, reason = "a test may stop at the first surprise")]

mod reference;

use std::sync::{Arc, LazyLock};

use proptest::collection::vec;
use proptest::prelude::*;
use reference::{BASE_MICROS, Evaluated, Row, close, numbers, seconds_held, sources, take};
use wardwatch_clinical::VitalSign;
use wardwatch_event_time::{Span, Timestamp, Trailing};
use wardwatch_windowing::table::Tables;
use wardwatch_windowing::{Due, SetPlan, SetState};

const WINDOW_SECONDS: i64 = 60;
const PANES_SECONDS: [i64; 4] = [1, 5, 20, 60];

/// Vital signs, values of theirs and limits between those, below and above.
const VITALS: [(VitalSign, [f64; 5], [f64; 2]); 7] = [
    (VitalSign::Spo2, [70.0, 84.0, 91.0, 97.0, 100.0], [90.0, 95.0]),
    (
        VitalSign::HeartRate,
        [40.0, 71.0, 85.5, 100.0, 150.0],
        [50.0, 120.0],
    ),
    (VitalSign::RespRate, [4.0, 9.0, 16.5, 24.0, 40.0], [9.0, 24.0]),
    (
        VitalSign::Temperature,
        [34.0, 36.1, 37.0, 38.0, 40.6],
        [36.0, 38.3],
    ),
    (
        VitalSign::ArterialMean,
        [40.0, 64.0, 95.0, 126.0, 190.0],
        [65.0, 120.0],
    ),
    (VitalSign::Consciousness, [0.0, 1.0, 2.0, 3.0, 4.0], [0.5, 2.5]),
    (VitalSign::GcsTotal, [3.0, 8.0, 13.0, 14.0, 15.0], [9.0, 14.0]),
];

/// What a feature set asks of each vital sign.
const ASKED: usize = 6;

fn sql() -> String {
    let items: Vec<String> = VITALS
        .iter()
        .flat_map(|(vital, _, [low, high])| {
            let x = vital.name();
            [
                format!("latest({x})"),
                format!("latest({x}) FILTER (WHERE {x} + 0 IS NOT NULL)"),
                format!("latest({x} + 0)"),
                format!("age({x})"),
                format!("time_below({x}, {low})"),
                format!("time_above({x}, {high})"),
            ]
        })
        .enumerate()
        .map(|(at, item)| format!("{item} AS f{at}"))
        .collect();
    format!(
        "SELECT patient_id, {} FROM vitals GROUP BY patient_id",
        items.join(", ")
    )
}

static PLANS: LazyLock<Vec<Arc<SetPlan>>> = LazyLock::new(|| {
    let forms = [SetPlan::new, SetPlan::without_fusion];
    let plan = |pane| {
        let trailing = Trailing::new(Span::from_secs(WINDOW_SECONDS), Span::from_secs(pane)).unwrap();
        forms.map(|form| Arc::new(form(&sql(), trailing, &sources()).unwrap()))
    };
    PANES_SECONDS.into_iter().flat_map(plan).collect()
});

/// What comes after a row.
#[derive(Clone, Copy, Debug)]
enum After {
    Nothing,
    Evaluation,
    Snapshot,
}

/// The features of the window over rows in this order.
fn ours(plan: &Arc<SetPlan>, rows: &[Row], after: &[After]) -> Vec<Option<f64>> {
    let mut state = SetState::new(Arc::clone(plan));
    let last = Timestamp::from_micros(BASE_MICROS + WINDOW_SECONDS * 1_000_000 - 1);
    let pane = plan.trailing().grid().pane_of(last);
    for (row, after) in rows.iter().zip(after) {
        take(&mut state, row);
        match after {
            After::Nothing => {}
            After::Evaluation => drop(state.features(&[Due { slot: 0, pane }]).unwrap()),
            After::Snapshot => {
                let mut tables = Tables::default();
                state.capture(&[0], "", &mut tables).unwrap();
                state = SetState::new(Arc::clone(plan));
                state.restore(&tables, "").unwrap();
            }
        }
    }
    let (features, errors) = state.features(&[Due { slot: 0, pane }]).unwrap();
    assert!(errors.is_empty(), "{errors:?}");
    numbers(&features, 0)
}

/// The values of a vital sign at its newest instant, and that instant.
fn newest(rows: &[Row], vital: VitalSign) -> (Vec<f64>, i64) {
    let readings = || {
        rows.iter().flat_map(|row| {
            let of_vital = row.readings.iter().filter(move |(other, _)| *other == vital);
            of_vital.map(|(_, value)| (row.offset, *value))
        })
    };
    let at = readings().map(|(offset, _)| offset).max().unwrap_or(0);
    let values = readings().filter(|(offset, _)| *offset == at);
    (values.map(|(_, value)| value).collect(), at)
}

/// The same of the rows, by a fold.
fn right(rows: &[Row]) -> Vec<Option<f64>> {
    let window = Evaluated {
        end_micros: BASE_MICROS + WINDOW_SECONDS * 1_000_000,
        rows: rows.to_vec(),
        features: Vec::new(),
    };
    let of_vital = |(vital, _, [low, high]): &(VitalSign, [f64; 5], [f64; 2])| {
        let (values, at) = newest(rows, *vital);
        let best = vital.info().best;
        let furthest = values.iter().map(|value| (value - best).abs()).reduce(f64::max);
        let as_far = values
            .iter()
            .filter(|value| Some((**value - best).abs()) == furthest);
        let worst = as_far.copied().reduce(f64::min);
        let largest = values.iter().copied().reduce(f64::max);
        let age = worst.map(|_| (WINDOW_SECONDS * 1_000_000 - at) as f64 * 1e-6);
        [
            worst,
            worst,
            largest,
            age,
            seconds_held(&window, *vital, |value| value < *low),
            seconds_held(&window, *vital, |value| value > *high),
        ]
    };
    VITALS.iter().flat_map(of_vital).collect()
}

/// Rows of a device that shows only every fifth second.
fn rows() -> impl Strategy<Value = Vec<Row>> {
    let row = (
        0..WINDOW_SECONDS / 5,
        vec(prop::option::of(0usize..5), VITALS.len()),
    );
    let row = row.prop_map(|(fifth, picks)| Row {
        slot: 0,
        offset: fifth * 5_000_000,
        source: 0,
        readings: VITALS
            .iter()
            .zip(picks)
            .filter_map(|((vital, values, _), pick)| Some((*vital, values[pick?])))
            .collect(),
    });
    vec(row, 1..60)
}

fn after() -> impl Strategy<Value = After> {
    prop_oneof![8 => Just(After::Nothing), 1 => Just(After::Evaluation), 1 => Just(After::Snapshot)]
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 48, failure_persistence: None, ..ProptestConfig::default() })]

    #[test]
    fn of_one_instant_the_worse_counts_and_order_is_in_no_bit(
        (rows, shuffled) in rows().prop_flat_map(|rows| (Just(rows.clone()), Just(rows).prop_shuffle())),
        after in vec(after(), 60),
    ) {
        let first = ours(&PLANS[0], &rows, &after);
        for (at, (ours, right)) in first.iter().zip(right(&rows)).enumerate() {
            let (vital, asked) = (VITALS[at / ASKED].0, at % ASKED);
            let agrees = if asked < 3 { *ours == right } else { close(*ours, right) };
            prop_assert!(agrees, "{vital}, {asked}: {ours:?} is not {right:?}");
        }
        let bits = |features: &[Option<f64>]| -> Vec<Option<u64>> {
            features.iter().map(|number| number.map(f64::to_bits)).collect()
        };
        for plan in PLANS.iter() {
            prop_assert_eq!(bits(&ours(plan, &rows, &after)), bits(&first));
            prop_assert_eq!(bits(&ours(plan, &shuffled, &after)), bits(&first));
        }
    }
}

#[test]
fn the_worse_of_two() {
    for (vital, worse, better) in [
        (VitalSign::Spo2, 78.0, 95.0),
        (VitalSign::HeartRate, 38.0, 90.0),
        (VitalSign::HeartRate, 150.0, 70.0),
        (VitalSign::RespRate, 8.0, 16.0),
        (VitalSign::RespRate, 30.0, 12.0),
        (VitalSign::Temperature, 40.6, 36.6),
        (VitalSign::Temperature, 34.0, 38.0),
        (VitalSign::ArterialMean, 50.0, 90.0),
        (VitalSign::GcsTotal, 7.0, 15.0),
        (VitalSign::Consciousness, 3.0, 0.0),
        // As far from the best value: the lower.
        (VitalSign::HeartRate, 71.0, 100.0),
    ] {
        let place = VITALS.iter().position(|(other, ..)| *other == vital).unwrap() * ASKED;
        for values in [[worse, better], [better, worse]] {
            let rows = values.map(|value| Row {
                slot: 0,
                offset: 55_000_000,
                source: 0,
                readings: vec![(vital, value)],
            });
            for plan in PLANS.iter() {
                let ours = ours(plan, &rows, &[After::Nothing; 2]);
                let [latest, filtered, expression, age] = ours[place..place + 4] else {
                    unreachable!("as many as are asked")
                };
                assert_eq!((latest, filtered), (Some(worse), Some(worse)), "{vital}");
                assert_eq!((expression, age), (Some(worse.max(better)), Some(5.0)), "{vital}");
            }
        }
    }
}
