//! SCORE-1 to SCORE-3 of `scores`, for every score, against brute force over all completions of a partial
//! input.

#![allow(clippy::unwrap_used)]

use proptest::prelude::*;
use proptest::sample::select;
use wardwatch_clinical::Acvpu;
use wardwatch_clinical::scores::{
    MewsInput, News2Input, News2Response, QsofaInput, Score, SirsInput, Spo2Scale, mews, news2, qsofa, sirs,
};

/// What a test needs to know of a score, whatever its number of parameters.
#[derive(Debug, PartialEq)]
struct Outcome {
    total: Option<u8>,
    lowest: u8,
    highest: u8,
    missing: Vec<&'static str>,
    points: Vec<Option<u8>>,
}

impl<const N: usize> From<Score<N>> for Outcome {
    fn from(score: Score<N>) -> Self {
        Self {
            total: score.total(),
            lowest: score.lowest(),
            highest: score.highest(),
            missing: score.missing().collect(),
            points: score.points().to_vec(),
        }
    }
}

/// A score seen as a function of numbers: flags are 0 and 1, consciousness is its level.
struct Subject {
    score: fn(&[Option<f64>]) -> Outcome,
    /// Per parameter its name and one value of every band.
    parameters: &'static [(&'static str, &'static [f64])],
}

const ACVPU: &[f64] = &[0.0, 1.0, 2.0, 3.0, 4.0];

const NEWS2_PARAMETERS: &[(&str, &[f64])] = &[
    ("resp_rate", &[8.0, 11.0, 20.0, 24.0, 25.0]),
    ("spo2", &[83.0, 85.0, 87.0, 91.0, 92.0, 93.0, 95.0, 96.0, 97.0]),
    ("on_oxygen", &[0.0, 1.0]),
    ("systolic_bp", &[90.0, 100.0, 110.0, 219.0, 220.0]),
    ("pulse", &[40.0, 50.0, 90.0, 110.0, 130.0, 131.0]),
    ("consciousness", &[0.0, 4.0]),
    ("temperature", &[35.0, 36.0, 38.0, 39.0, 39.1]),
];

static SUBJECTS: &[Subject] = &[
    Subject {
        score: |v| news2(&news2_input(v, Spo2Scale::One)).into(),
        parameters: NEWS2_PARAMETERS,
    },
    Subject {
        score: |v| news2(&news2_input(v, Spo2Scale::Two)).into(),
        parameters: NEWS2_PARAMETERS,
    },
    Subject {
        score: |v| {
            mews(&MewsInput {
                systolic_bp: v[0],
                heart_rate: v[1],
                resp_rate: v[2],
                temperature: v[3],
                consciousness: v[4].and_then(Acvpu::from_level),
            })
            .into()
        },
        parameters: &[
            ("systolic_bp", &[70.0, 80.0, 100.0, 199.0, 200.0]),
            ("heart_rate", &[40.0, 50.0, 100.0, 110.0, 129.0, 130.0]),
            ("resp_rate", &[8.0, 14.0, 20.0, 29.0, 30.0]),
            ("temperature", &[34.9, 38.4, 38.5]),
            ("consciousness", ACVPU),
        ],
    },
    Subject {
        score: |v| {
            qsofa(&QsofaInput {
                resp_rate: v[0],
                systolic_bp: v[1],
                gcs_total: v[2],
            })
            .into()
        },
        parameters: &[
            ("resp_rate", &[21.0, 22.0]),
            ("systolic_bp", &[100.0, 101.0]),
            ("gcs_total", &[14.0, 15.0]),
        ],
    },
    Subject {
        score: |v| {
            sirs(&SirsInput {
                temperature: v[0],
                heart_rate: v[1],
                resp_rate: v[2],
                wbc: v[3],
            })
            .into()
        },
        parameters: &[
            ("temperature", &[35.9, 38.0, 38.1]),
            ("heart_rate", &[90.0, 91.0]),
            ("resp_rate", &[20.0, 21.0]),
            ("wbc", &[3.9, 12.0, 12.1]),
        ],
    },
];

fn news2_input(v: &[Option<f64>], scale: Spo2Scale) -> News2Input {
    News2Input {
        resp_rate: v[0],
        spo2: v[1],
        spo2_scale: Some(scale),
        on_oxygen: v[2].map(|flag| flag == 1.0),
        systolic_bp: v[3],
        pulse: v[4],
        consciousness: v[5].and_then(Acvpu::from_level),
        temperature: v[6],
    }
}

/// Calls `visit` with every completion of `values` by the candidates of the missing parameters.
fn complete(subject: &Subject, values: &mut [Option<f64>], visit: &mut impl FnMut(&[Option<f64>])) {
    let Some(gap) = values.iter().position(Option::is_none) else {
        return visit(values);
    };
    for candidate in subject.parameters[gap].1 {
        values[gap] = Some(*candidate);
        complete(subject, values, visit);
    }
    values[gap] = None;
}

/// Values of one band each, any of them missing.
fn inputs(subject: &'static Subject) -> impl Strategy<Value = Vec<Option<f64>>> {
    subject
        .parameters
        .iter()
        .map(|(_, candidates)| proptest::option::weighted(0.6, select(*candidates)))
        .collect::<Vec<_>>()
}

fn subjects_and_inputs() -> impl Strategy<Value = (&'static Subject, Vec<Option<f64>>)> {
    (0..SUBJECTS.len()).prop_flat_map(|i| inputs(&SUBJECTS[i]).prop_map(move |values| (&SUBJECTS[i], values)))
}

impl std::fmt::Debug for Subject {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_list()
            .entries(self.parameters.iter().map(|(name, _)| name))
            .finish()
    }
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(400))]

    /// SCORE-2: the range is exactly what completions reach; a complete score is its own range.
    #[test]
    fn range_is_tight((subject, values) in subjects_and_inputs()) {
        let partial = (subject.score)(&values);
        let named = subject.parameters.iter().map(|(name, _)| *name).zip(&values);
        let missing: Vec<_> = named.filter(|(_, value)| value.is_none()).map(|(name, _)| name).collect();
        prop_assert_eq!(&partial.missing, &missing);

        let (mut lowest, mut highest) = (u8::MAX, 0);
        let mut agree = vec![true; values.len()];
        complete(subject, &mut values.clone(), &mut |completion| {
            let complete = (subject.score)(completion);
            let total = complete.total.unwrap();
            assert_eq!(total, complete.points.iter().map(|p| p.unwrap()).sum::<u8>());
            lowest = lowest.min(total);
            highest = highest.max(total);
            for (i, points) in partial.points.iter().enumerate() {
                agree[i] &= points.is_none() || *points == complete.points[i];
            }
        });
        prop_assert_eq!((partial.lowest, partial.highest), (lowest, highest));
        prop_assert_eq!(partial.total, missing.is_empty().then_some(lowest));
        prop_assert!(agree.iter().all(|agree| *agree), "points given while partial hold in every completion");
    }

    /// SCORE-1: a value that is not a number is missing, whichever kind it is.
    #[test]
    fn not_a_number_is_missing(
        (subject, values) in subjects_and_inputs(),
        junk in select(&[f64::NAN, f64::INFINITY, f64::NEG_INFINITY][..]),
    ) {
        // Flags and levels cannot hold junk.
        let junked: Vec<_> = values
            .iter()
            .zip(subject.parameters)
            .map(|(v, (name, _))| v.or((!["on_oxygen", "consciousness"].contains(name)).then_some(junk)))
            .collect();
        prop_assert_eq!((subject.score)(&junked), (subject.score)(&values));
    }

    /// SCORE-3: every finite value has points: no band is missing between two others.
    #[test]
    fn every_finite_value_has_points(
        subject in (0..SUBJECTS.len()).prop_map(|i| &SUBJECTS[i]),
        seeds in proptest::collection::vec(0.0..400.0_f64, 7),
    ) {
        let values: Vec<_> = subject
            .parameters
            .iter()
            .zip(&seeds)
            .map(|((name, candidates), seed)| {
                let scale = ["on_oxygen", "consciousness"].contains(name);
                Some(if scale { candidates[*seed as usize % candidates.len()] } else { *seed })
            })
            .collect();
        prop_assert!((subject.score)(&values).total.is_some());
    }

    /// The range of responses is exactly what completions reach.
    #[test]
    fn response_range_is_tight(values in inputs(&SUBJECTS[1])) {
        let partial = news2(&news2_input(&values, Spo2Scale::Two));
        let mut responses = Vec::new();
        complete(&SUBJECTS[1], &mut values.clone(), &mut |completion| {
            let score = news2(&news2_input(completion, Spo2Scale::Two));
            responses.push(News2Response::of(&score).unwrap());
        });
        let range = (*responses.iter().min().unwrap(), *responses.iter().max().unwrap());
        prop_assert_eq!(News2Response::range(&partial), range);
    }
}

/// The dependent parameters, by hand: 95 % on scale 2 is normal on air and 2 points (beside 2 for oxygen) on
/// oxygen.
#[test]
fn spo2_scale_2_without_oxygen_charted_is_open_but_not_missing() {
    let input = News2Input {
        resp_rate: Some(16.0),
        spo2: Some(95.0),
        spo2_scale: Some(Spo2Scale::Two),
        on_oxygen: None,
        systolic_bp: Some(120.0),
        pulse: Some(70.0),
        consciousness: Some(Acvpu::Alert),
        temperature: Some(37.0),
    };
    let score = news2(&input);
    assert_eq!((score.total(), score.lowest(), score.highest()), (None, 0, 4));
    assert!(score.missing().eq(["on_oxygen"]));
    assert_eq!(
        score.points(),
        [Some(0), None, None, Some(0), Some(0), Some(0), Some(0)]
    );
    assert_eq!(
        News2Response::range(&score),
        (News2Response::Routine, News2Response::Low)
    );

    // At 90 % oxygen does not matter to SpO2's own points.
    let score = news2(&News2Input {
        spo2: Some(90.0),
        ..input
    });
    assert_eq!((score.lowest(), score.highest()), (0, 2));
    assert_eq!(score.points()[1], Some(0));
}
