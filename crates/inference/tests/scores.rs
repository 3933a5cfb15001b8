//! What a loaded model answers: the same for a patient whoever else is in the batch, and never NaN.

#![allow(clippy::unwrap_used)]

use std::path::Path;

use wardwatch_inference::{Model, Models, Reference, Rows, Scorer, Unavailable};

const MISSING: f64 = f64::NAN;

fn load(name: &str) -> Model {
    let fixtures = Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/fixtures");
    Model::load(&fixtures.join(name).join("1")).unwrap()
}

fn score(model: &mut Model, values: &[f64]) -> Vec<Result<f64, Unavailable>> {
    let mut out = vec![Err(Unavailable::NotFinite)];
    model.score(Rows::new(values, model.contract().inputs.len()), &mut out);
    out
}

/// `count` rows that spread over the ranges of the inputs, every seventh value missing.
fn spread(model: &Model, count: usize) -> Vec<f64> {
    let inputs = &model.contract().inputs;
    let cells = (0..count * inputs.len()).map(|cell| {
        let input = &inputs[cell % inputs.len()];
        let [low, high] = input.range;
        let share = (cell * 7_919 % 1_009) as f64 / 1_008.0;
        if cell % 7 == 3 && !input.required {
            MISSING
        } else {
            low + share * (high - low)
        }
    });
    cells.collect()
}

fn sigmoid(logit: f64) -> f64 {
    1.0 / (1.0 + (-logit).exp())
}

#[test]
fn the_logistic_model_scores_what_a_hand_computes() {
    let mut model = load("logistic");
    // logit = -1 + 0.5 a - 0.25 b + 2 c; means 1, 2, 0.5.
    let scores = score(
        &mut model,
        &[4.0, -4.0, 1.0, MISSING, 6.0, MISSING, 0.0, 0.0, 11.0],
    );
    let expected = [sigmoid(4.0), sigmoid(-1.0 + 0.5 - 1.5 + 1.0), sigmoid(-1.0 + 1.0)];
    for (score, expected) in scores.iter().zip(expected) {
        assert!(
            (score.unwrap() - expected).abs() < 1e-6,
            "{score:?} for {expected}"
        );
    }
    assert_eq!(model.out_of_range(), [0, 0, 1]);
}

#[test]
fn a_row_scores_the_same_in_a_batch_of_any_size() {
    for name in ["network", "logistic", "sequence"] {
        let mut model = load(name);
        let width = model.contract().inputs.len();
        let rows = spread(&model, 1_500);
        let whole = score(&mut model, &rows);
        assert_eq!(whole.len(), 1_500);
        assert!(
            whole.iter().filter(|score| score.is_ok()).count() > 1_000,
            "{name} scores most rows"
        );
        for size in [1, 7, 64, 65, 1_024] {
            let parts: Vec<_> = rows
                .chunks(size * width)
                .flat_map(|part| score(&mut model, part))
                .collect();
            for (row, (whole, part)) in whole.iter().zip(&parts).enumerate() {
                match (whole, part) {
                    (Ok(a), Ok(b)) => assert!(
                        (a - b).abs() < 1e-6,
                        "{name}, row {row}, batches of {size}: {a}, {b}"
                    ),
                    (a, b) => assert_eq!(a, b, "{name}, row {row}, batches of {size}"),
                }
            }
        }
    }
}

#[test]
fn a_row_without_a_score_does_not_move_the_others() {
    let mut model = load("network");
    let (good, bad) = ([80.0, 97.0, 14.0, 120.0, 37.0, 60.0], [MISSING; 6]);
    let alone = score(&mut model, &good)[0].unwrap();
    let scores = score(&mut model, &[bad, good, bad, bad, good].concat());
    for (row, score) in scores.iter().enumerate() {
        match row {
            1 | 4 => assert!((score.unwrap() - alone).abs() < 1e-6),
            _ => assert_eq!(*score, Err(Unavailable::RequiredMissing { input: 0 })),
        }
    }
}

#[test]
fn a_row_on_which_the_network_fails_costs_the_others_nothing() {
    let mut model = load("lookup");
    let keys: Vec<f64> = (0..40)
        .map(|row| if row == 11 { 9.0 } else { f64::from(row % 3) })
        .collect();
    for (row, score) in score(&mut model, &keys).into_iter().enumerate() {
        let expected = if row == 11 {
            Err(Unavailable::Failed)
        } else {
            Ok([0.125, 0.25, 0.5][row % 3])
        };
        assert_eq!(score, expected, "row {row}");
    }
    assert_eq!(model.attribute(&[9.0], &[0.0]), Err(Unavailable::Failed));
}

#[test]
fn missing_is_not_zero_nor_the_mean_to_a_model_with_presence() {
    let mut model = load("network");
    let with = |spo2: f64| [80.0, spo2, 14.0, 120.0, 37.0, 60.0];
    let scores = score(
        &mut model,
        &[with(MISSING), with(0.0), with(95.1), with(140.0)].concat(),
    );
    let [missing, zero, mean, out_of_range] = scores[..] else {
        panic!("four rows")
    };
    assert_ne!(missing, zero);
    assert_ne!(missing, mean);
    assert_eq!(missing, out_of_range);
}

#[test]
fn no_rows_give_no_scores() {
    assert_eq!(score(&mut load("network"), &[]), []);
}

#[test]
#[should_panic(expected = "one value for each input")]
fn rows_of_another_width_are_a_mistake_of_the_caller() {
    load("network").score(Rows::new(&[1.0; 5], 5), &mut Vec::new());
}

#[test]
fn contributions_of_a_linear_model_are_weight_times_difference() {
    let mut model = load("logistic");
    let attributions = model.attribute(&[4.0, -4.0, 1.0], &[2.0, MISSING, 0.75]).unwrap();
    // 0.5 · (4 − 2); −0.25 · (−4 − 2), its cohort mean for want of a baseline; 2 · (1 − 0.75).
    let expected = [
        (1, 1.5, 2.0, Reference::CohortMean),
        (0, 1.0, 2.0, Reference::Baseline),
        (2, 0.5, 0.75, Reference::Baseline),
    ];
    assert_eq!(attributions.len(), 3);
    for (got, (input, contribution, reference, against)) in attributions.iter().zip(expected) {
        assert_eq!(
            (got.input, got.reference, got.against),
            (input, reference, against)
        );
        assert!((got.contribution - contribution).abs() < 1e-5, "{got:?}");
    }
    // They add up to the logit's distance from the reference row.
    let sum: f64 = attributions
        .iter()
        .map(|attribution| attribution.contribution)
        .sum();
    assert!((sum - 3.0).abs() < 2e-5, "{sum}");
}

#[test]
fn what_is_missing_or_as_usual_contributes_nothing() {
    let mut model = load("network");
    let row = [110.0, MISSING, 24.0, 95.0, 37.0, 60.0];
    let attributions = model
        .attribute(&row, &[80.0, 97.0, MISSING, 999.0, 37.0, 60.0])
        .unwrap();
    assert_eq!(attributions.len(), 5, "spo2 is missing");
    for attribution in &attributions {
        let changed = [0, 2, 3].contains(&attribution.input);
        assert_eq!(attribution.contribution.abs() > 1e-6, changed, "{attribution:?}");
        let own = [0, 4, 5].contains(&attribution.input);
        assert_eq!(attribution.against == Reference::Baseline, own, "{attribution:?}");
    }
    assert!(attributions.is_sorted_by(|a, b| a.contribution.abs() >= b.contribution.abs()));
    assert_eq!(
        attributions,
        model
            .attribute(&row, &[80.0, 97.0, MISSING, 999.0, 37.0, 60.0])
            .unwrap()
    );
    assert_eq!(model.out_of_range(), [0; 6], "explaining is not scoring");
}

#[test]
fn a_row_without_a_score_has_no_explanation() {
    let reason = load("network")
        .attribute(&[MISSING; 6], &[MISSING; 6])
        .unwrap_err();
    assert_eq!(reason, Unavailable::RequiredMissing { input: 0 });
}

#[test]
fn models_answer_by_index_and_move_between_threads() {
    let models = Models::new(vec![load("network"), load("logistic")]);
    assert_eq!(models.as_slice()[1].identity().to_string(), "logistic@1");
    let shards: Vec<_> = (0..2).map(|_| models.clone()).collect();
    let answers: Vec<_> = shards
        .into_iter()
        .map(|mut shard| {
            std::thread::spawn(move || {
                let scorer: &mut dyn Scorer = &mut shard;
                let mut out = Vec::new();
                scorer.score(1, Rows::new(&[4.0, -4.0, 1.0], 3), &mut out);
                (
                    out,
                    scorer.attribute(1, &[4.0, -4.0, 1.0], &[MISSING; 3]).unwrap(),
                )
            })
        })
        .map(|thread| thread.join().unwrap())
        .collect();
    assert_eq!(answers[0], answers[1]);
    assert!((answers[0].0[0].unwrap() - sigmoid(4.0)).abs() < 1e-6);
}
