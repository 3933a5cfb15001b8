//! What each score and alarm is judged by, and how the outcomes answer that at an instant.
//!
//! ```text
//!    alert or score at t        outcome at T
//!  ──────────┼──────────────────────┼────────▶     right where t < T <= t + horizon
//!            └────── horizon ───────────┘
//! ```

use std::collections::BTreeMap;

use wardwatch_event_time::Span;
use wardwatch_pipeline::{Pipeline, Predicts};

use super::outcomes::{Outcome, Outcomes, UNNAMED};

/// What something is judged by; else why by nothing.
pub(super) type Question = Result<Predicts, &'static str>;

/// What everything of a pipeline is judged by.
pub(super) struct Questions {
    /// By alarm, in the order of the pipeline's names of alarms.
    pub alarms: Vec<Question>,
    /// By score.
    pub scores: Vec<Question>,
}

/// What became of a prediction.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Answer {
    /// The outcome followed within the horizon.
    Right,
    /// It did not.
    Wrong,
    /// Nobody knows, for this reason.
    Unknown(&'static str),
}

pub(super) const NO_FATE: &str = "the outcomes say nothing of the patient";
pub(super) const NO_TIME: &str = "the time of the outcome is not known";
pub(super) const NO_TIMES: &str = "the time of no outcome is known";
pub(super) const AFTER: &str = "the outcome had come already";
pub(super) const NOT_FOLLOWED: &str = "what came until the horizon is not known";

const NO_OUTCOMES: &str = "no outcomes were given";
const TECHNICAL: &str = "it is about equipment and data";
const NOT_SAID: &str = "neither the pipeline nor --predicts says what it predicts";
const NOT_THERE: &str = "the outcomes hold none of the kind that it predicts";

// === impl Questions ===

impl Questions {
    /// What a pipeline's scores and alarms are judged by. What `given` says of a name comes before the pipeline's `predicts`.
    /// Outcomes without a kind are for everything of the patient's that says nothing, within `horizon`.
    pub fn new(
        pipeline: &Pipeline,
        outcomes: Option<&Outcomes>,
        given: &BTreeMap<String, Predicts>,
        horizon: Span,
    ) -> Self {
        let unnamed = Predicts {
            outcome: UNNAMED.to_owned(),
            horizon: Some(horizon),
            recurs: false,
        };
        let question = |name: &str, predicts: Option<&Predicts>| {
            let outcomes = outcomes.ok_or(NO_OUTCOMES)?;
            let is_unnamed = outcomes.kinds.contains(UNNAMED);
            let predicts = given.get(name).or(predicts);
            let predicts = predicts.or(is_unnamed.then_some(&unnamed)).ok_or(NOT_SAID)?;
            match outcomes.kinds.contains(&predicts.outcome) {
                true => Ok(predicts.clone()),
                false => Err(NOT_THERE),
            }
        };
        let scores = pipeline.scores.iter();
        let limits = pipeline.limits.iter();
        let conditions = pipeline.conditions.iter();
        let of_patient = limits
            .map(|alarm| (&alarm.name, &alarm.predicts))
            .chain(conditions.map(|alarm| (&alarm.name, &alarm.predicts)))
            .map(|(name, predicts)| question(name, predicts.as_ref()));
        let technical = std::iter::repeat(Err(TECHNICAL));
        Self {
            alarms: of_patient
                .chain(technical)
                .take(pipeline.alarm_names().len())
                .collect(),
            scores: scores
                .map(|score| question(&score.name, score.predicts.as_ref()))
                .collect(),
        }
    }
}

/// As a person says it: `death within 24h`.
pub(super) fn in_words(predicts: &Predicts) -> String {
    match predicts.horizon {
        Some(horizon) => format!("{} within {horizon}", predicts.outcome),
        None => predicts.outcome.clone(),
    }
}

// === impl Outcome ===

impl Outcome {
    /// The times that count, µs UTC: the first, or each where the outcome may come again. None of an outcome whose time is not
    /// known.
    pub(super) fn times(&self, predicts: &Predicts) -> impl DoubleEndedIterator<Item = i64> + '_ {
        let counted = if predicts.recurs { self.at.len() } else { 1 };
        self.at.iter().take(counted).map(|at| at.micros())
    }

    /// What became of a prediction at an instant, µs UTC.
    pub(super) fn answer(&self, at: i64, predicts: &Predicts) -> Answer {
        if self.came && self.at.is_empty() {
            return Answer::Unknown(NO_TIME);
        }
        let horizon = predicts
            .horizon
            .map(|horizon| at.saturating_add(horizon.micros()));
        let next = self.times(predicts).find(|time| *time > at);
        let is_within = |time: i64| horizon.is_none_or(|horizon| time <= horizon);
        match (next, horizon, self.known_until) {
            (Some(next), ..) if is_within(next) => Answer::Right,
            (None, ..) if !predicts.recurs && self.came => Answer::Unknown(AFTER),
            (_, Some(horizon), Some(until)) if horizon > until.micros() => Answer::Unknown(NOT_FOLLOWED),
            _ => Answer::Wrong,
        }
    }
}

#[cfg(test)]
mod tests {
    use wardwatch_event_time::Timestamp;

    use super::*;

    fn predicts(horizon: Option<i64>, recurs: bool) -> Predicts {
        Predicts {
            outcome: "death".to_owned(),
            horizon: horizon.map(Span::from_micros),
            recurs,
        }
    }

    fn outcome(times: &[i64], known_until: Option<i64>) -> Outcome {
        Outcome {
            came: !times.is_empty(),
            at: times.iter().map(|at| Timestamp::from_micros(*at)).collect(),
            known_until: known_until.map(Timestamp::from_micros),
        }
    }

    #[test]
    fn right_is_what_the_outcome_follows_within_the_horizon() {
        let death = outcome(&[100], None);
        let within = predicts(Some(10), false);
        for (at, answer) in [
            (0, Answer::Wrong),
            (89, Answer::Wrong),
            (90, Answer::Right),
            (99, Answer::Right),
            (100, Answer::Unknown(AFTER)),
            (150, Answer::Unknown(AFTER)),
        ] {
            assert_eq!(death.answer(at, &within), answer, "{at}");
        }
        assert_eq!(death.answer(0, &predicts(None, false)), Answer::Right);
        assert_eq!(outcome(&[], None).answer(0, &within), Answer::Wrong);
    }

    #[test]
    fn an_outcome_that_comes_again_is_predicted_again() {
        let falls = outcome(&[100, 200], None);
        let within = predicts(Some(10), true);
        for (at, answer) in [
            (95, Answer::Right),
            (100, Answer::Wrong),
            (195, Answer::Right),
            (200, Answer::Wrong),
            (900, Answer::Wrong),
        ] {
            assert_eq!(falls.answer(at, &within), answer, "{at}");
        }
        // Without it, the first is all that counts.
        assert_eq!(
            falls.answer(195, &predicts(Some(10), false)),
            Answer::Unknown(AFTER)
        );
    }

    #[test]
    fn what_was_not_followed_is_neither_right_nor_wrong() {
        let within = predicts(Some(10), true);
        let none = outcome(&[], Some(100));
        assert_eq!(none.answer(90, &within), Answer::Wrong);
        assert_eq!(none.answer(91, &within), Answer::Unknown(NOT_FOLLOWED));
        assert_eq!(outcome(&[95], Some(100)).answer(91, &within), Answer::Right);
        assert_eq!(
            outcome(&[95], Some(100)).answer(96, &within),
            Answer::Unknown(NOT_FOLLOWED)
        );
        assert_eq!(none.answer(91, &predicts(None, true)), Answer::Wrong);
        let untimed = Outcome {
            came: true,
            ..Outcome::default()
        };
        assert_eq!(untimed.answer(0, &within), Answer::Unknown(NO_TIME));
    }
}
