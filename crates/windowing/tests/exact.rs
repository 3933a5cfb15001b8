//! Statistics against whole numbers: values are whole multiples of a power of two, so that the reference computes in `i128` and
//! rounds once, at its end. Fused or not, in panes of any length, rows in any order.
#![allow(clippy::unwrap_used, reason = "a test may stop at the first surprise")]

mod reference;

use std::sync::{Arc, LazyLock};

use proptest::collection::vec;
use proptest::prelude::*;
use reference::{BASE_MICROS, Row, numbers, sources, take};
use wardwatch_clinical::VitalSign;
use wardwatch_event_time::{Span, Timestamp, Trailing};
use wardwatch_windowing::{Due, SetPlan, SetState};

const WINDOW_SECONDS: i64 = 120;
const PANES_SECONDS: [i64; 5] = [1, 10, 24, 60, 120];
/// Plain, and so that nothing is fused.
const FORMS: [&str; 2] = ["spo2", "spo2 + 0"];

/// Some numbers, a power of two that they are multiples of, and their instants.
#[derive(Clone, Debug)]
struct Case {
    /// By row, microseconds after the window's start, and the value's multiple.
    rows: Vec<(i64, i64)>,
    exponent: i32,
}

/// What a statistic is, and how far from it a result may be.
struct Right {
    value: Option<f64>,
    within: f64,
}

fn plans() -> Vec<Arc<SetPlan>> {
    let statistics = |x: &str| {
        let (micros, plain) = ("arrow_cast(ts, 'Int64')", x == "spo2");
        let slope = if plain {
            "slope(spo2)"
        } else {
            "slope(spo2) FILTER (WHERE spo2 + 0 IS NOT NULL)"
        };
        [
            format!("sum({x})"),
            format!("avg({x})"),
            format!("var({x})"),
            format!("var_pop({x})"),
            format!("stddev({x})"),
            slope.to_owned(),
            format!("covar_pop({x}, {micros})"),
            format!("corr({x}, {micros})"),
            format!("regr_slope({x}, {micros})"),
            format!("regr_r2({x}, {micros})"),
            format!("regr_sxx({x}, {micros})"),
            format!("median({x})"),
        ]
    };
    let items: Vec<String> = FORMS
        .iter()
        .flat_map(|form| statistics(form))
        .enumerate()
        .map(|(at, item)| format!("{item} AS f{at}"))
        .collect();
    let sql = format!(
        "SELECT patient_id, {} FROM vitals GROUP BY patient_id",
        items.join(", ")
    );
    let plan = |pane: i64| {
        let trailing = Trailing::new(Span::from_secs(WINDOW_SECONDS), Span::from_secs(pane)).unwrap();
        Arc::new(SetPlan::new(&sql, trailing, &sources()).unwrap())
    };
    PANES_SECONDS.map(plan).into()
}

/// The same statistics, exactly.
fn right(case: &Case) -> Vec<Right> {
    let unit = 2f64.powi(case.exponent);
    let count = case.rows.len() as i128;
    let n = count as f64;
    let sum: i128 = case.rows.iter().map(|(_, k)| i128::from(*k)).sum();
    // Deviations from the first row, in whole numbers, so that squares fit.
    let (t0, k0) = case.rows[0];
    let deviations = || {
        case.rows
            .iter()
            .map(move |(t, k)| (i128::from(t - t0), i128::from(k - k0)))
    };
    let total = |of: fn((i128, i128)) -> i128| deviations().map(of).sum::<i128>();
    let (st, sk) = (total(|(t, _)| t), total(|(_, k)| k));
    // Each is its count times the sum of squared deviations.
    let kk = (count * total(|(_, k)| k * k) - sk * sk) as f64 * unit * unit;
    let tt = (count * total(|(t, _)| t * t) - st * st) as f64;
    let tk = (count * total(|(t, k)| t * k) - st * sk) as f64 * unit;
    let exact = |value: f64| Right {
        value: Some(value),
        within: 0.0,
    };
    let only = |is: bool, value: f64, within: f64| Right {
        value: is.then_some(value),
        within,
    };
    let mut sorted: Vec<i64> = case.rows.iter().map(|(_, k)| *k).collect();
    sorted.sort_unstable();
    let (lower, upper) = (sorted[(sorted.len() - 1) / 2], sorted[sorted.len() / 2]);
    // What does not vary at all is exactly that; what varies together by chance may cancel to nearly nothing.
    let (together, steepest) = ((kk * tt).sqrt(), (kk / tt).sqrt());
    vec![
        exact(sum as f64 * unit),
        exact(sum as f64 * unit / n),
        only(count > 1, kk / n / (n - 1.0), 0.0),
        exact(kk / n / n),
        only(count > 1, (kk / n / (n - 1.0)).sqrt(), 0.0),
        only(tt > 0.0, tk / tt * 60e6, steepest * 60e6),
        Right {
            value: Some(tk / n / n),
            within: together / n / n,
        },
        only(tt > 0.0 && kk > 0.0, tk / kk.sqrt() / tt.sqrt(), 1.0),
        only(tt > 0.0, tk / tt, steepest),
        only(tt > 0.0, if kk > 0.0 { tk / kk * (tk / tt) } else { 1.0 }, 1.0),
        exact(tt / n),
        exact((i128::from(lower) + i128::from(upper)) as f64 / 2.0 * unit),
    ]
}

fn ours(plan: &Arc<SetPlan>, case: &Case, order: &[usize]) -> Vec<Option<f64>> {
    let mut state = SetState::new(Arc::clone(plan));
    for at in order {
        let (offset, k) = case.rows[at % case.rows.len()];
        let readings = vec![(VitalSign::Spo2, k as f64 * 2f64.powi(case.exponent))];
        take(
            &mut state,
            &Row {
                slot: 0,
                offset,
                source: 0,
                readings,
            },
        );
    }
    let last = Timestamp::from_micros(BASE_MICROS + WINDOW_SECONDS * 1_000_000 - 1);
    let pane = plan.trailing().grid().pane_of(last);
    let (features, errors) = state.features(&[Due { slot: 0, pane }]).unwrap();
    assert!(errors.is_empty(), "{errors:?}");
    numbers(&features, 0)
}

/// Whole numbers, tenths nearly, tiny differences, huge offsets, constants; one row in ten may be far from the others.
fn case() -> impl Strategy<Value = Case> {
    let kinds = prop_oneof![
        Just((0, 0i64, 350i64, 0i64)),
        Just((-10, 36_000, 6_000, 300_000)),
        Just((-30, 97 << 30, 16, 0)),
        Just((-30, 97 << 30, 16, 1 << 30)),
        Just((0, 1 << 50, 10, 0)),
        Just((-2, 1 << 42, 8, 4_000)),
        Just((-4, 584, 1, 0)),
    ];
    let instant = prop_oneof![
        4 => 0..WINDOW_SECONDS * 1_000_000,
        2 => (0..WINDOW_SECONDS / 5).prop_map(|fifth| fifth * 5_000_000),
        1 => (0..3i64).prop_map(|micros| 60_000_000 + micros),
    ];
    (kinds, vec((instant, any::<u32>(), 0..10u8), 1..120)).prop_map(|((exponent, base, range, far), rows)| {
        Case {
            exponent,
            rows: rows
                .into_iter()
                .map(|(t, pick, rare)| {
                    let k = base + i64::from(pick) % range;
                    (t, if rare == 0 { k - far } else { k })
                })
                .collect(),
        }
    })
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 512, failure_persistence: None, ..ProptestConfig::default() })]

    #[test]
    fn statistics_are_exact_to_nine_digits(case in case(), pane in 0..PANES_SECONDS.len(), seed in any::<usize>()) {
        static PLANS: LazyLock<Vec<Arc<SetPlan>>> = LazyLock::new(plans);
        // A step that has no divisor with the number of rows visits each once.
        let rows = case.rows.len();
        let step = (1..=rows).map(|at| (seed.wrapping_add(at)) % rows.max(2)).find(|step| gcd(*step, rows) == 1).unwrap_or(1);
        let order: Vec<usize> = (0..rows).map(|at| at * step % rows).collect();
        let ours = ours(&PLANS[pane], &case, &order);
        let right = right(&case);
        for (at, ours) in ours.iter().enumerate() {
            let right = &right[at % right.len()];
            match (ours, right.value) {
                (Some(ours), Some(value)) => {
                    let within = 1e-9 * value.abs().max(right.within);
                    prop_assert!((ours - value).abs() <= within, "{at}: {ours} is not {value}");
                }
                (ours, value) => prop_assert_eq!(*ours, value, "{}", at),
            }
        }
        // Whole numbers stay whole, to the last bit, as long as a number holds them.
        if case.exponent == 0 && right[0].value.unwrap().abs() <= 2f64.powi(53) {
            prop_assert_eq!(ours[0], right[0].value);
            prop_assert_eq!(ours[right.len()], right[0].value);
        }
    }
}

fn gcd(one: usize, other: usize) -> usize {
    if other == 0 { one } else { gcd(other, one % other) }
}
