//! Every band edge of MEWS and SIRS, written out as the publications print them.

use wardwatch_clinical::Acvpu;
use wardwatch_clinical::scores::{MewsInput, SirsInput, mews, sirs};

/// (first value, last value, points), both inclusive at the chart's precision.
type Chart = &'static [(f64, f64, u8)];

/// Walks a chart in steps of its precision, so that both sides of every edge are met and no value is left
/// out.
fn check(chart: Chart, step: f64, points: impl Fn(f64) -> Option<u8>) {
    for &(first, last, expected) in chart {
        let steps = ((last - first) / step).round() as u32;
        for i in 0..=steps {
            // Divided, not multiplied: the nearest f64 to the decimal that a chart would hold.
            let value = (first / step + f64::from(i)).round() / (1.0 / step).round();
            assert_eq!(points(value), Some(expected), "{value}");
        }
    }
}

#[test]
fn mews_bands() {
    check(
        &[
            (0.0, 70.0, 3),
            (71.0, 80.0, 2),
            (81.0, 100.0, 1),
            (101.0, 199.0, 0),
            (200.0, 300.0, 2),
        ],
        1.0,
        |v| {
            mews(&MewsInput {
                systolic_bp: Some(v),
                ..Default::default()
            })
            .points()[0]
        },
    );
    let heart_rate: Chart = &[
        (0.0, 39.0, 2),
        // Open in the publication; our declared choice.
        (40.0, 40.0, 2),
        (41.0, 50.0, 1),
        (51.0, 100.0, 0),
        (101.0, 110.0, 1),
        (111.0, 129.0, 2),
        (130.0, 250.0, 3),
    ];
    check(heart_rate, 1.0, |v| {
        mews(&MewsInput {
            heart_rate: Some(v),
            ..Default::default()
        })
        .points()[1]
    });
    check(
        &[
            (0.0, 8.0, 2),
            (9.0, 14.0, 0),
            (15.0, 20.0, 1),
            (21.0, 29.0, 2),
            (30.0, 60.0, 3),
        ],
        1.0,
        |v| {
            mews(&MewsInput {
                resp_rate: Some(v),
                ..Default::default()
            })
            .points()[2]
        },
    );
    check(&[(30.0, 34.9, 2), (35.0, 38.4, 0), (38.5, 43.0, 2)], 0.1, |v| {
        mews(&MewsInput {
            temperature: Some(v),
            ..Default::default()
        })
        .points()[3]
    });
    for (level, expected) in Acvpu::ALL.into_iter().zip([0, 1, 1, 2, 3]) {
        let input = MewsInput {
            consciousness: Some(level),
            ..Default::default()
        };
        assert_eq!(mews(&input).points()[4], Some(expected), "{level}");
    }
}

#[test]
fn sirs_bands() {
    check(&[(30.0, 35.9, 1), (36.0, 38.0, 0), (38.1, 43.0, 1)], 0.1, |v| {
        sirs(&SirsInput {
            temperature: Some(v),
            ..Default::default()
        })
        .points()[0]
    });
    check(&[(0.0, 90.0, 0), (91.0, 250.0, 1)], 1.0, |v| {
        sirs(&SirsInput {
            heart_rate: Some(v),
            ..Default::default()
        })
        .points()[1]
    });
    check(&[(0.0, 20.0, 0), (21.0, 60.0, 1)], 1.0, |v| {
        sirs(&SirsInput {
            resp_rate: Some(v),
            ..Default::default()
        })
        .points()[2]
    });
    check(&[(0.1, 3.9, 1), (4.0, 12.0, 0), (12.1, 60.0, 1)], 0.1, |v| {
        sirs(&SirsInput {
            wbc: Some(v),
            ..Default::default()
        })
        .points()[3]
    });
}

#[test]
fn sirs_without_white_cells_is_partial() {
    let score = sirs(&SirsInput {
        temperature: Some(38.6),
        heart_rate: Some(104.0),
        resp_rate: Some(18.0),
        wbc: None,
    });
    assert_eq!(score.total(), None);
    assert_eq!((score.lowest(), score.highest()), (2, 3));
    assert!(score.missing().eq(["wbc"]));
}
