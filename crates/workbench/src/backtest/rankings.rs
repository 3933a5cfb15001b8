//! Which values of a score are held against an outcome: of each stay one, or every one.
//!
//! | ranking | the value of a stay | right where |
//! |---|---|---|
//! | `at 24h` | the newest that was decided by so long after the first message | the outcome comes within the horizon after that |
//! | `last` | the newest before the outcome, of which that is known | the outcome comes within the horizon after it |
//! | `highest` | the highest before the outcome, within the horizon where it came | the outcome came |
//! | `each value` | every one | the outcome comes within the horizon after it |
//!
//! A stay's first outcome counts; for `each value`, where it recurs, every one. An outcome whose time is not known comes after all
//! values, and counts by stay only. Longer stays have higher highest values, and end where patients leave: only a landmark, and
//! each value, ask what could have been known at the time.

use std::collections::{BTreeMap, HashMap};

use serde::Serialize;
use wardwatch_event_time::Span;
use wardwatch_pipeline::Predicts;

use super::metrics::Row;
use super::outcomes::Outcome;
use super::questions::{AFTER, Answer, NO_FATE, NO_TIME, NO_TIMES, NOT_FOLLOWED, in_words};
use super::report::Stay;

/// Which values count.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Ranking {
    /// Of each stay the newest by so long after the first message.
    Landmark(Span),
    /// Of each stay the newest.
    Last,
    /// Of each stay the highest.
    Highest,
    /// Every one.
    EachValue,
}

/// Who and what counts, and who fell out and why.
#[derive(Clone, Debug, PartialEq, Serialize)]
pub struct Denominator {
    /// Of which score or alarm.
    pub of: String,
    /// What it is judged by: `death within 24h`.
    pub predicts: String,
    /// By which ranking of a score; `alerts` or `outcomes` of an alarm.
    pub ranking: String,
    /// What is counted: `stays`, `values`, `alerts`, `outcomes`.
    pub unit: &'static str,
    /// How many there are.
    pub all: u64,
    /// How many count.
    pub counted: u64,
    /// The others, by reason.
    pub fell_out: BTreeMap<&'static str, u64>,
}

/// A value that counts.
#[derive(Clone, Copy, Debug, PartialEq)]
pub(super) struct Judged {
    /// When it was decided, µs UTC.
    pub at: i64,
    /// With the stay's place among all.
    pub row: Row,
}

pub(super) const NO_MESSAGES: &str = "nothing was measured";
pub(super) const BEFORE: &str = "the outcome came before the first message";
const ENDED: &str = "the stay ended before the landmark";
const NO_VALUE: &str = "the score had no value before the outcome";
const NO_VALUE_BY: &str = "the score had no value by the landmark";
const NO_VALUE_WITHIN: &str = "the score had no value within the horizon before the outcome";

/// One value of one score of a stay.
pub(super) type Value = (i64, f64);

/// The values of a score that count; `values` gives those of a stay, in order of their decisions.
pub(super) fn judged(
    of: &str,
    predicts: &Predicts,
    ranking: Ranking,
    stays: &[Stay<'_>],
    values: impl Fn(&Stay<'_>) -> Vec<Value>,
) -> (Vec<Judged>, Denominator) {
    let mut denominator = Denominator {
        of: of.to_owned(),
        predicts: in_words(predicts),
        ranking: ranking.name(),
        unit: if ranking == Ranking::EachValue {
            "values"
        } else {
            "stays"
        },
        all: 0,
        counted: 0,
        fell_out: BTreeMap::new(),
    };
    let mut judged = Vec::new();
    for (patient, stay) in (0..).zip(stays) {
        let values = values(stay);
        let outcome = stay.fate.and_then(|fate| fate.outcomes.get(&predicts.outcome));
        let mut take = |judgement: Result<(Value, bool), &'static str>| {
            denominator.all += 1;
            match judgement {
                Ok(((at, score), came)) => judged.push(Judged {
                    at,
                    row: Row { patient, score, came },
                }),
                Err(reason) => *denominator.fell_out.entry(reason).or_default() += 1,
            }
        };
        match ranking {
            Ranking::EachValue => {
                for value in values {
                    take(
                        outcome
                            .ok_or(NO_FATE)
                            .and_then(|outcome| of_value(value, outcome, predicts)),
                    );
                }
            }
            _ => take(
                outcome
                    .ok_or(NO_FATE)
                    .and_then(|outcome| of_stay(&values, stay, outcome, predicts, ranking)),
            ),
        }
    }
    let has_untimed = denominator.fell_out.contains_key(NO_TIME);
    if has_untimed && !judged.is_empty() && !judged.iter().any(|judged| judged.row.came) {
        // Those without the outcome alone say nothing.
        *denominator.fell_out.entry(NO_TIMES).or_default() += judged.len() as u64;
        judged.clear();
    }
    denominator.counted = judged.len() as u64;
    (judged, denominator)
}

fn of_value(value: Value, outcome: &Outcome, predicts: &Predicts) -> Result<(Value, bool), &'static str> {
    match outcome.answer(value.0, predicts) {
        Answer::Right => Ok((value, true)),
        Answer::Wrong => Ok((value, false)),
        Answer::Unknown(reason) => Err(reason),
    }
}

fn of_stay(
    values: &[Value],
    stay: &Stay<'_>,
    outcome: &Outcome,
    predicts: &Predicts,
    ranking: Ranking,
) -> Result<(Value, bool), &'static str> {
    let (begin, end) = stay.course.span.ok_or(NO_MESSAGES)?;
    let first = outcome.times(predicts).next();
    if first.is_some_and(|first| first <= begin) {
        return Err(BEFORE);
    }
    let mut before = values
        .iter()
        .copied()
        .filter(|(at, _)| first.is_none_or(|first| *at < first));
    let came_after = |at: i64| match outcome.answer(at, predicts) {
        Answer::Right | Answer::Unknown(NO_TIME) => Ok(true),
        Answer::Wrong => Ok(false),
        Answer::Unknown(reason) => Err(reason),
    };
    match ranking {
        Ranking::Landmark(after) => {
            let landmark = begin.saturating_add(after.micros());
            if first.is_some_and(|first| first <= landmark) {
                return Err(AFTER);
            }
            if end < landmark {
                return Err(ENDED);
            }
            let value = before.rfind(|(at, _)| *at <= landmark).ok_or(NO_VALUE_BY)?;
            Ok((value, came_after(landmark)?))
        }
        Ranking::Last | Ranking::EachValue => {
            let is_followed = |at: i64| outcome.answer(at, predicts) != Answer::Unknown(NOT_FOLLOWED);
            let value = before.rfind(|(at, _)| is_followed(*at)).ok_or(NO_VALUE)?;
            Ok((value, came_after(value.0)?))
        }
        Ranking::Highest => {
            let from = first
                .zip(predicts.horizon)
                .map(|(first, horizon)| first - horizon.micros());
            let mut within = before.filter(|(at, _)| from.is_none_or(|from| *at >= from));
            let none = if from.is_some() { NO_VALUE_WITHIN } else { NO_VALUE };
            let value = within.next().ok_or(none)?;
            let highest = within.fold(
                value,
                |highest, value| {
                    if value.1 > highest.1 { value } else { highest }
                },
            );
            Ok((highest, outcome.came))
        }
    }
}

/// The rows of values, with places for their patients alone, and how many those are.
pub(super) fn dense<'j>(judged: impl Iterator<Item = &'j Judged>) -> (Vec<Row>, usize) {
    let mut places: HashMap<u32, u32> = HashMap::new();
    let rows = judged.map(|judged| {
        let next = places.len() as u32;
        let patient = *places.entry(judged.row.patient).or_insert(next);
        Row {
            patient,
            ..judged.row
        }
    });
    let rows: Vec<Row> = rows.collect();
    (rows, places.len())
}

// === impl Ranking ===

impl Ranking {
    /// Every ranking, by how much a data scientist trusts it.
    pub fn all(landmark: Span) -> [Self; 4] {
        [
            Self::Landmark(landmark),
            Self::EachValue,
            Self::Last,
            Self::Highest,
        ]
    }

    /// Its name.
    pub fn name(self) -> String {
        match self {
            Self::Landmark(after) => format!("at {after}"),
            Self::Last => "last".to_owned(),
            Self::Highest => "highest".to_owned(),
            Self::EachValue => "each value".to_owned(),
        }
    }

    /// Whether a probability should agree with what is observed: the highest of many is too high by its choice.
    pub fn is_calibrated(self) -> bool {
        self != Self::Highest
    }
}

#[cfg(test)]
mod tests {
    use wardwatch_event_time::Timestamp;

    use super::super::outcomes::Fate;
    use super::super::run::Course;
    use super::*;

    const VALUES: [Value; 4] = [(10, 0.2), (20, 0.9), (30, 0.5), (40, 0.7)];

    fn predicts(horizon: Option<i64>) -> Predicts {
        Predicts {
            outcome: "death".to_owned(),
            horizon: horizon.map(Span::from_micros),
            recurs: false,
        }
    }

    fn fate(came: bool, at: Option<i64>) -> Fate {
        let outcome = Outcome {
            came,
            at: at.map(Timestamp::from_micros).into_iter().collect(),
            known_until: None,
        };
        Fate {
            outcomes: BTreeMap::from([("death".to_owned(), outcome)]),
            ..Fate::default()
        }
    }

    fn judge(
        fate: Option<&Fate>,
        horizon: Option<i64>,
        ranking: Ranking,
    ) -> (Vec<(Value, bool)>, Denominator) {
        let course = Course {
            span: Some((0, 45)),
            ..Course::default()
        };
        let stays = [Stay {
            course: &course,
            fate,
        }];
        let (judged, denominator) = judged("risk", &predicts(horizon), ranking, &stays, |_| VALUES.to_vec());
        let rows = judged
            .iter()
            .map(|judged| ((judged.at, judged.row.score), judged.row.came));
        (rows.collect(), denominator)
    }

    fn landmark(after: i64) -> Ranking {
        Ranking::Landmark(Span::from_micros(after))
    }

    #[test]
    fn each_ranking_takes_its_value() {
        let lives = fate(false, None);
        let of = |ranking| judge(Some(&lives), Some(10), ranking).0;
        assert_eq!(of(landmark(25)), [((20, 0.9), false)]);
        assert_eq!(of(landmark(20)), [((20, 0.9), false)]);
        assert_eq!(of(Ranking::Last), [((40, 0.7), false)]);
        assert_eq!(of(Ranking::Highest), [((20, 0.9), false)]);
        assert_eq!(of(Ranking::EachValue).len(), 4);
    }

    #[test]
    fn nothing_after_the_outcome_counts() {
        let dies = fate(true, Some(36));
        let of = |horizon, ranking| judge(Some(&dies), horizon, ranking);
        assert_eq!(of(Some(10), Ranking::Last).0, [((30, 0.5), true)]);
        assert_eq!(of(Some(5), Ranking::Last).0, [((30, 0.5), false)]);
        // The highest of the whole stay lies outside the horizon.
        assert_eq!(of(Some(10), Ranking::Highest).0, [((30, 0.5), true)]);
        assert_eq!(of(None, Ranking::Highest).0, [((20, 0.9), true)]);
        let (values, denominator) = of(Some(10), Ranking::EachValue);
        let came: Vec<bool> = values.iter().map(|(_, came)| *came).collect();
        assert_eq!(came, [false, false, true]);
        assert_eq!(denominator.fell_out, BTreeMap::from([(AFTER, 1)]));
        assert_eq!(of(Some(20), landmark(25)).0, [((20, 0.9), true)]);
        assert_eq!(of(Some(10), landmark(25)).0, [((20, 0.9), false)]);
    }

    #[test]
    fn who_falls_out_is_counted_by_reason() {
        let reason = |fate: Option<&Fate>, horizon, ranking| {
            let (rows, denominator) = judge(fate, horizon, ranking);
            assert_eq!(
                rows.len() as u64 + denominator.fell_out.values().sum::<u64>(),
                denominator.all
            );
            denominator.fell_out.into_keys().next().unwrap_or_default()
        };
        let (lives, early) = (fate(false, None), fate(true, Some(0)));
        assert_eq!(reason(None, None, Ranking::Last), NO_FATE);
        assert_eq!(reason(Some(&lives), None, landmark(50)), ENDED);
        assert_eq!(reason(Some(&lives), None, landmark(5)), NO_VALUE_BY);
        assert_eq!(reason(Some(&early), None, Ranking::Last), BEFORE);
        assert_eq!(reason(Some(&fate(true, Some(5))), None, Ranking::Last), NO_VALUE);
        assert_eq!(reason(Some(&fate(true, Some(24))), None, landmark(25)), AFTER);
        assert_eq!(
            reason(Some(&fate(true, Some(45))), Some(2), Ranking::Highest),
            NO_VALUE_WITHIN
        );
        assert_eq!(reason(Some(&fate(true, None)), None, Ranking::EachValue), NO_TIME);
        assert_eq!(reason(Some(&fate(true, None)), None, Ranking::Last), "");
    }

    #[test]
    fn patients_are_numbered_anew_where_some_fell_out() {
        let judged: Vec<Judged> = [7, 3, 7]
            .map(|patient| Judged {
                at: 0,
                row: Row {
                    patient,
                    score: f64::from(patient),
                    came: false,
                },
            })
            .into();
        let (rows, patients) = dense(judged.iter());
        let places: Vec<u32> = rows.iter().map(|row| row.patient).collect();
        assert_eq!((places, patients), (vec![0, 1, 0], 2));
    }
}
