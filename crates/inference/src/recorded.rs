//! What models answered, written down and given again.
//!
//! ```text
//!   live       step ──▶ Recording ──▶ Models        and Answers go to the journal
//!   recovery   step ──▶ Recorded ◀── Answers        no model is asked
//! ```
//!
//! Numbers travel as text of the fewest digits that give the same bits again: a JSON reader may round what it reads as a
//! number.

use std::collections::VecDeque;

use serde::{Deserialize, Serialize};

use crate::{Attribution, Rows, Scorer, Unavailable};

/// What the models of a pipeline answered during one step, in the order they were asked.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
pub struct Answers {
    /// By model: one answer a row.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    scores: Vec<VecDeque<Answer>>,
    /// By model: one answer a question.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    attributions: Vec<VecDeque<Result<Vec<Attribution>, Unavailable>>>,
}

#[derive(Clone, Copy, Debug, PartialEq, Serialize, Deserialize)]
#[serde(untagged)]
enum Answer {
    Score(#[serde(with = "exact")] f64),
    None(Unavailable),
}

/// Asks models and keeps what they answer.
#[derive(Debug)]
pub struct Recording<S> {
    models: S,
    answers: Answers,
}

/// Gives what models answered before.
#[derive(Debug)]
pub struct Recorded {
    answers: Answers,
    /// Questions beyond those that were recorded.
    unanswered: usize,
}

/// A step asked its models something else than when its answers were recorded.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
#[error("the models were asked {unanswered} times too often and {unasked} times too seldom")]
pub struct AskedOtherwise {
    /// Questions without a recorded answer.
    pub unanswered: usize,
    /// Answers that nobody asked for.
    pub unasked: usize,
}

/// The queue of a model, made when it is first needed.
fn of<T>(queues: &mut Vec<VecDeque<T>>, model: usize) -> &mut VecDeque<T> {
    if queues.len() <= model {
        queues.resize_with(model + 1, VecDeque::new);
    }
    &mut queues[model]
}

// === impl Answers ===

impl Answers {
    /// Whether no model was asked.
    #[must_use]
    pub fn is_empty(&self) -> bool {
        self.scores.iter().all(VecDeque::is_empty) && self.attributions.iter().all(VecDeque::is_empty)
    }
}

// === impl Recording ===

impl<S: Scorer> Recording<S> {
    /// Asks these models.
    pub fn new(models: S) -> Self {
        Self {
            models,
            answers: Answers::default(),
        }
    }

    /// What they answered since the last time.
    pub fn take(&mut self) -> Answers {
        std::mem::take(&mut self.answers)
    }
}

impl<S: Scorer> Scorer for Recording<S> {
    fn score(&mut self, model: usize, rows: Rows<'_>, out: &mut Vec<Result<f64, Unavailable>>) {
        self.models.score(model, rows, out);
        let answers = out.iter().map(|result| match result {
            Ok(score) => Answer::Score(*score),
            Err(reason) => Answer::None(*reason),
        });
        of(&mut self.answers.scores, model).extend(answers);
    }

    fn attribute(
        &mut self,
        model: usize,
        row: &[f64],
        baseline: &[f64],
    ) -> Result<Vec<Attribution>, Unavailable> {
        let answer = self.models.attribute(model, row, baseline);
        of(&mut self.answers.attributions, model).push_back(answer.clone());
        answer
    }
}

// === impl Recorded ===

impl Recorded {
    /// Gives these answers, each once.
    #[must_use]
    pub fn new(answers: Answers) -> Self {
        Self {
            answers,
            unanswered: 0,
        }
    }

    /// Ends the step.
    ///
    /// # Errors
    /// [`AskedOtherwise`]: the step is not the one that was recorded.
    pub fn finish(self) -> Result<(), AskedOtherwise> {
        let scores = self.answers.scores.iter().map(VecDeque::len);
        let attributions = self.answers.attributions.iter().map(VecDeque::len);
        let unasked = scores.chain(attributions).sum();
        let unanswered = self.unanswered;
        if unasked == 0 && unanswered == 0 {
            Ok(())
        } else {
            Err(AskedOtherwise { unanswered, unasked })
        }
    }
}

impl Scorer for Recorded {
    fn score(&mut self, model: usize, rows: Rows<'_>, out: &mut Vec<Result<f64, Unavailable>>) {
        out.clear();
        let answers = of(&mut self.answers.scores, model);
        out.extend((0..rows.len()).map(|_| match answers.pop_front() {
            Some(Answer::Score(score)) => Ok(score),
            Some(Answer::None(reason)) => Err(reason),
            None => {
                self.unanswered += 1;
                Err(Unavailable::Failed)
            }
        }));
    }

    fn attribute(&mut self, model: usize, _: &[f64], _: &[f64]) -> Result<Vec<Attribution>, Unavailable> {
        of(&mut self.answers.attributions, model)
            .pop_front()
            .unwrap_or_else(|| {
                self.unanswered += 1;
                Err(Unavailable::Failed)
            })
    }
}

/// A number as text that reads back to the same bits.
pub(crate) mod exact {
    use serde::de::Error;
    use serde::{Deserialize, Deserializer, Serializer};

    pub(crate) fn serialize<S: Serializer>(value: &f64, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.collect_str(value)
    }

    pub(crate) fn deserialize<'de, D: Deserializer<'de>>(deserializer: D) -> Result<f64, D::Error> {
        let text = String::deserialize(deserializer)?;
        text.parse()
            .map_err(|_| D::Error::custom("not a number in quotes"))
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::Reference;

    /// Answers by what it is asked: a score a row, the first of its numbers; none below zero.
    struct First;

    impl Scorer for First {
        fn score(&mut self, _: usize, rows: Rows<'_>, out: &mut Vec<Result<f64, Unavailable>>) {
            out.clear();
            out.extend(rows.iter().map(|row| {
                if row[0] < 0.0 {
                    Err(Unavailable::RequiredMissing { input: 3 })
                } else {
                    Ok(row[0])
                }
            }));
        }

        fn attribute(
            &mut self,
            _: usize,
            row: &[f64],
            baseline: &[f64],
        ) -> Result<Vec<Attribution>, Unavailable> {
            Ok(vec![Attribution {
                input: 0,
                contribution: row[0],
                reference: baseline[0],
                against: Reference::Baseline,
            }])
        }
    }

    type Scores = Vec<Result<f64, Unavailable>>;

    fn ask(scorer: &mut dyn Scorer) -> (Scores, Vec<Attribution>) {
        let (mut all, mut some) = (Vec::new(), Vec::new());
        let questions = [
            (1, [0.1 + 0.2, -1.0]),
            (0, [f64::MIN_POSITIVE, 1.0 / 3.0]),
            (1, [0.7, 1.0]),
        ];
        for (model, numbers) in questions {
            scorer.score(model, Rows::new(&numbers, 1), &mut some);
            all.extend_from_slice(&some);
        }
        let attributions = scorer.attribute(1, &[0.1 + 0.7], &[1.0 / 7.0]);
        (all, attributions.unwrap_or_default())
    }

    #[test]
    fn what_was_answered_is_answered_again_to_the_last_bit() {
        let mut recording = Recording::new(First);
        let live = ask(&mut recording);
        let answers = recording.take();
        assert!(recording.take().is_empty() && !answers.is_empty());
        let text = serde_json::to_string(&answers).unwrap();
        let mut recorded = Recorded::new(serde_json::from_str(&text).unwrap());
        assert_eq!(ask(&mut recorded), live);
        assert_eq!(recorded.finish(), Ok(()));
    }

    #[test]
    fn another_question_is_noticed() {
        let mut recording = Recording::new(First);
        ask(&mut recording);
        let answers = recording.take();
        let mut too_often = Recorded::new(answers.clone());
        ask(&mut too_often);
        too_often.score(0, Rows::new(&[0.5, 0.5], 1), &mut Vec::new());
        let unasked = Recorded::new(answers).finish();
        assert_eq!(
            too_often.finish(),
            Err(AskedOtherwise {
                unanswered: 2,
                unasked: 0
            })
        );
        assert_eq!(
            unasked,
            Err(AskedOtherwise {
                unanswered: 0,
                unasked: 7
            })
        );
    }
}
