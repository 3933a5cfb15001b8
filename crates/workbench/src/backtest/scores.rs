//! Figures of each score: how well it tells what the outcome follows from what it does not, and whether it means what it says.

use std::collections::BTreeMap;

use serde::Serialize;
use wardwatch_pipeline::{Pipeline, Predicts, ScoreKind};

use super::beside::{self, Beside};
use super::calibration::Calibration;
use super::metrics::{Interval, Ranked};
use super::outcomes::{Fate, SMALLEST_GROUP};
use super::questions::{Questions, in_words};
use super::rankings::{Denominator, Judged, Ranking, Value, dense, judged};
use super::report::{Options, Stay};
use super::run::Scores;
use super::thresholds::{AtRate, Flagged, Valued, at_rates, flagged};

/// Figures of one score.
#[derive(Clone, Debug, PartialEq, Serialize)]
pub struct ScoreFigures {
    /// Its name; with `_lowest` for the lowest total of a point score that is still possible, which a partial one has too.
    pub score: String,
    /// How often it had a value.
    pub evaluated: u64,
    /// How often it had none, since inputs were missing or too old, or what it predicts was there.
    pub unavailable: u64,
    /// What it is judged by: `death within 24h`.
    pub predicts: Option<String>,
    /// Why it is not judged.
    pub not_judged: Option<&'static str>,
    /// How well it ranks, by each way to choose its values.
    pub rankings: Vec<RankingFigures>,
    /// As an alarm, at the threshold that gives so many alerts.
    pub at_rates: Vec<AtRate>,
    /// At the threshold that flags such a share of all its values.
    pub flagged: Vec<Flagged>,
    /// Beside other scores, on the rows that both have.
    pub beside: Vec<Beside>,
}

/// How well a score ranks what the outcome follows above what it does not.
#[derive(Clone, Debug, PartialEq, Serialize)]
pub struct RankingFigures {
    /// Which values count: `at 24h`, `each value`, `last`, `highest`.
    pub ranking: String,
    /// How many those are.
    pub rows: usize,
    /// Of how many patients.
    pub patients: usize,
    /// How many of the rows the outcome follows.
    pub outcomes: usize,
    /// The area under the ROC curve.
    pub auroc: Option<Interval>,
    /// The area under the precision-recall curve, as average precision.
    pub auprc: Option<Interval>,
    /// Of a model's probability; none of the highest, which are too high by their choice.
    pub calibration: Option<Calibration>,
    /// By age, sex and unit.
    pub groups: Vec<Group>,
}

/// A group of patients.
#[derive(Clone, Debug, PartialEq, Serialize)]
pub struct Group {
    /// Which: `age 65 to 79`, `sex female`, `unit ICU`.
    pub group: String,
    /// Rows of its patients.
    pub rows: usize,
    /// How many of its patients have some.
    pub patients: usize,
    /// How many of the rows the outcome follows.
    pub outcomes: usize,
    /// The area under the ROC curve.
    pub auroc: Option<Interval>,
    /// The area under the precision-recall curve.
    pub auprc: Option<Interval>,
    /// Of a model's probability.
    pub calibration: Option<Calibration>,
}

/// A score of the pipeline, or the lowest that one can still be.
#[derive(Clone, Debug)]
pub(super) struct Series {
    pub name: String,
    pub index: usize,
    pub is_lowest: bool,
    pub is_probability: bool,
}

/// Figures of every score, with who fell out of which.
pub(super) fn figures(
    pipeline: &Pipeline,
    questions: &Questions,
    stays: &[Stay<'_>],
    options: &Options,
) -> (Vec<ScoreFigures>, Vec<Denominator>) {
    let all = series(pipeline, stays);
    let mut denominators = Vec::new();
    let figures = all
        .iter()
        .map(|series| {
            let of_score = stays.iter().map(|stay| &stay.course.scores[series.index]);
            let evaluated = of_score
                .clone()
                .map(|scores| series.values(scores).count() as u64)
                .sum();
            let unavailable = of_score.map(|scores| scores.unavailable).sum();
            let question = &questions.scores[series.index];
            let mut figures = ScoreFigures {
                score: series.name.clone(),
                evaluated,
                unavailable: if series.is_lowest { 0 } else { unavailable },
                predicts: question.as_ref().ok().map(in_words),
                not_judged: question.as_ref().err().copied(),
                rankings: Vec::new(),
                at_rates: Vec::new(),
                flagged: Vec::new(),
                beside: Vec::new(),
            };
            if let Ok(predicts) = question {
                judge(series, predicts, stays, options, &mut figures, &mut denominators);
                figures.beside = beside::figures(series, &all, predicts, stays, options);
            }
            figures
        })
        .collect();
    (figures, denominators)
}

/// The scores of a pipeline, each point score with its lowest.
pub(super) fn series(pipeline: &Pipeline, stays: &[Stay<'_>]) -> Vec<Series> {
    let mut all = Vec::new();
    for (index, score) in pipeline.scores.iter().enumerate() {
        let series = Series {
            name: score.name.to_string(),
            index,
            is_lowest: false,
            is_probability: matches!(score.kind, ScoreKind::Model { .. }),
        };
        let mut of_score = stays.iter().map(|stay| &stay.course.scores[index]);
        let has_lowest = of_score.any(|scores| scores.lowest().next().is_some());
        let lowest = has_lowest.then(|| Series {
            name: format!("{}_lowest", series.name),
            is_lowest: true,
            ..series.clone()
        });
        all.push(series);
        all.extend(lowest);
    }
    all
}

fn judge(
    series: &Series,
    predicts: &Predicts,
    stays: &[Stay<'_>],
    options: &Options,
    figures: &mut ScoreFigures,
    denominators: &mut Vec<Denominator>,
) {
    let valued: Vec<Valued<'_>> = stays
        .iter()
        .map(|stay| Valued {
            stay,
            values: series.of(stay),
        })
        .collect();
    figures.at_rates = at_rates(&valued, predicts);
    for ranking in Ranking::all(options.landmark) {
        let (judged, denominator) = judged(&series.name, predicts, ranking, stays, |stay| series.of(stay));
        if ranking == Ranking::EachValue {
            figures.flagged = flagged(&valued, &judged);
        }
        denominators.push(denominator);
        let is_calibrated = series.is_probability && ranking.is_calibrated();
        let group = group(String::new(), judged.iter(), is_calibrated, options.threads);
        figures.rankings.push(RankingFigures {
            ranking: ranking.name(),
            rows: group.rows,
            patients: group.patients,
            outcomes: group.outcomes,
            auroc: group.auroc,
            auprc: group.auprc,
            calibration: group.calibration,
            groups: groups(&judged, stays, is_calibrated, options.threads),
        });
    }
}

fn groups(judged: &[Judged], stays: &[Stay<'_>], is_calibrated: bool, threads: usize) -> Vec<Group> {
    let mut groups: BTreeMap<String, Vec<&Judged>> = BTreeMap::new();
    for judged in judged {
        let fate = stays[judged.row.patient as usize].fate;
        for group in fate.into_iter().flat_map(Fate::groups) {
            groups.entry(group).or_default().push(judged);
        }
    }
    groups
        .into_iter()
        .map(|(name, judged)| group(name, judged.into_iter(), is_calibrated, threads))
        .filter(|group| group.patients >= SMALLEST_GROUP)
        .collect()
}

fn group<'j>(
    group: String,
    judged: impl Iterator<Item = &'j Judged>,
    is_calibrated: bool,
    threads: usize,
) -> Group {
    let (rows, patients) = dense(judged);
    let calibration = (is_calibrated && !rows.is_empty()).then(|| Calibration::new(&rows, patients, threads));
    let outcomes = rows.iter().filter(|row| row.came).count();
    let count = rows.len();
    let [auroc, auprc] = Ranked::new(rows).area_intervals(patients, threads);
    Group {
        group,
        rows: count,
        patients,
        outcomes,
        auroc,
        auprc,
        calibration,
    }
}

// === impl Series ===

impl Series {
    fn values<'s>(&self, scores: &'s Scores) -> Box<dyn Iterator<Item = Value> + 's> {
        match self.is_lowest {
            true => Box::new(scores.lowest()),
            false => Box::new(scores.values()),
        }
    }

    /// Its values in a stay.
    pub fn of(&self, stay: &Stay<'_>) -> Vec<Value> {
        self.values(&stay.course.scores[self.index]).collect()
    }
}
