//! Two pipelines over the same data: each figure side by side, and how surely they differ.
//!
//! Patients are drawn again and again, the same ones for both pipelines, so what they have in common cancels out.

use serde::Serialize;
use wardwatch_pipeline::{Pipeline, Predicts};

use super::alarms::{self, Tally, Which};
use super::metrics::{Interval, Ranked, intervals, weighted};
use super::outcomes::Outcomes;
use super::questions::Questions;
use super::rankings::{Ranking, judged};
use super::report::{Options, Report, Stay, stays};
use super::run::Courses;
use super::scores::{Series, series};

/// Two reports, and what differs.
#[derive(Clone, Debug, PartialEq, Serialize)]
pub struct Comparison {
    /// Of the one pipeline.
    pub old: Report,
    /// Of the other.
    pub new: Report,
    /// Figure by figure: of all alarms, of each alarm, of each score.
    pub differences: Vec<Difference>,
}

/// One figure of two pipelines.
#[derive(Clone, Debug, PartialEq, Serialize)]
pub struct Difference {
    /// Which: `alerts a bed and day`, `precision`, `sensitivity`, `AUROC at 24h`, `AUPRC last`.
    pub figure: String,
    /// Of which alarm or score.
    pub of: String,
    /// The old pipeline's; none where it has none.
    pub old: Option<f64>,
    /// The new one's.
    pub new: Option<f64>,
    /// New less old, with where it lies in 95 of 100 resamples; none where one of them is missing.
    pub difference: Option<Interval>,
}

/// A run of a pipeline.
pub type Run<'r> = (&'r Pipeline, &'r Courses);

/// Figures of one part of one pipeline, as a function of how often each patient is drawn.
enum Figures {
    /// Of an alarm, what patients add to the upper and the lower part of each fraction.
    Fractions([Vec<(f64, f64)>; 3]),
    /// Of a score, both areas by a ranking: patients by their places among all.
    Areas(Ranked),
}

/// Fractions that are compared of alarms.
const FRACTIONS: [&str; 3] = ["alerts a bed and day", "precision", "sensitivity"];

/// A pipeline with its stays, and what its parts are judged by.
struct Side<'r> {
    stays: Vec<Stay<'r>>,
    questions: Questions,
    series: Vec<Series>,
    alarms: Vec<Which>,
}

// === impl Comparison ===

impl Comparison {
    /// The figures of two runs over the same data.
    pub fn new(old: Run<'_>, new: Run<'_>, outcomes: Option<&Outcomes>, options: &Options) -> Self {
        Self {
            differences: differences(
                &Side::new(old, outcomes, options),
                &Side::new(new, outcomes, options),
                options,
            ),
            old: Report::new(old.0, old.1, outcomes, options),
            new: Report::new(new.0, new.1, outcomes, options),
        }
    }
}

fn differences(old: &Side<'_>, new: &Side<'_>, options: &Options) -> Vec<Difference> {
    // Both runs are over the same files, so a place among patients means the same patient.
    let patients = old.stays.len();
    let mut differences = Vec::new();
    for name in names(&old.alarms, &new.alarms, |which| &which.name) {
        let [of_old, of_new] = [old, new].map(|side| side.fractions(&name));
        let figures = FRACTIONS.map(str::to_owned);
        differences.extend(differ(&name, figures, (of_old, of_new), patients, options));
    }
    for name in names(&old.series, &new.series, |series| &series.name) {
        for ranking in Ranking::all(options.landmark)
            .into_iter()
            .filter(|ranking| *ranking != Ranking::EachValue)
        {
            let [of_old, of_new] = [old, new].map(|side| side.areas(&name, ranking));
            let named = |area: &str| format!("{area} {}", ranking.name());
            let figures = [named("AUROC"), named("AUPRC"), String::new()];
            differences.extend(differ(&name, figures, (of_old, of_new), patients, options));
        }
    }
    differences
}

/// Names of both, those of the new one first in its order.
fn names<T>(old: &[T], new: &[T], name: impl Fn(&T) -> &str) -> Vec<String> {
    let mut names: Vec<String> = new.iter().map(|entry| name(entry).to_owned()).collect();
    let gone = old.iter().map(|entry| name(entry).to_owned());
    let gone: Vec<String> = gone.filter(|name| !names.contains(name)).collect();
    names.extend(gone);
    names
}

/// Each figure of both, where one of them has it.
fn differ(
    of: &str,
    figures: [String; 3],
    (old, new): (Option<Figures>, Option<Figures>),
    patients: usize,
    options: &Options,
) -> Vec<Difference> {
    let values = |figures: &Option<Figures>, times: &[u32]| match figures {
        Some(figures) => figures.values(times),
        None => [None; 3],
    };
    let less = |times: &[u32]| -> [Option<f64>; 3] {
        let (old, new) = (values(&old, times), values(&new, times));
        std::array::from_fn(|at| new[at].zip(old[at]).map(|(new, old)| new - old))
    };
    let once = vec![1; patients];
    let (whole_old, whole_new) = (values(&old, &once), values(&new, &once));
    let differences = intervals(less(&once), patients, options.threads, less);
    figures
        .into_iter()
        .zip(whole_old.into_iter().zip(whole_new).zip(differences))
        .filter(|(_, ((old, new), _))| old.is_some() || new.is_some())
        .map(|(figure, ((old, new), difference))| Difference {
            figure,
            of: of.to_owned(),
            old,
            new,
            difference,
        })
        .collect()
}

// === impl Side ===

impl<'r> Side<'r> {
    fn new(run: Run<'r>, outcomes: Option<&'r Outcomes>, options: &Options) -> Self {
        let stays = stays(run.1, outcomes);
        let questions = Questions::new(run.0, outcomes, &options.predicts, options.horizon);
        Self {
            series: series(run.0, &stays),
            alarms: alarms::all(run.0, &questions),
            stays,
            questions,
        }
    }

    /// The fractions of an alarm.
    fn fractions(&self, alarm: &str) -> Option<Figures> {
        let which = self.alarms.iter().find(|which| which.name == alarm)?;
        let tallies = alarms::tallies(which, &self.stays);
        let of = |parts: fn(&Tally) -> (u64, u64)| {
            let parts = tallies.iter().map(parts);
            parts.map(|(upper, lower)| (upper as f64, lower as f64)).collect()
        };
        let days = self.stays.iter().map(Stay::days);
        let alerts = tallies.iter().map(|tally| tally.alerts as f64);
        Some(Figures::Fractions([
            alerts.zip(days).collect(),
            of(|tally| (tally.right, tally.judged)),
            of(|tally| (tally.alerted, tally.outcomes)),
        ]))
    }

    fn areas(&self, score: &str, ranking: Ranking) -> Option<Figures> {
        let series = self.series.iter().find(|series| series.name == score)?;
        let predicts: &Predicts = self.questions.scores[series.index].as_ref().ok()?;
        let (judged, _) = judged(score, predicts, ranking, &self.stays, |stay| series.of(stay));
        let rows = judged.into_iter().map(|judged| judged.row).collect();
        Some(Figures::Areas(Ranked::new(rows)))
    }
}

// === impl Figures ===

impl Figures {
    fn values(&self, times: &[u32]) -> [Option<f64>; 3] {
        match self {
            Self::Fractions(fractions) => fractions.each_ref().map(|parts| {
                let (upper, lower) = weighted(parts, times);
                (lower > 0.0).then(|| upper / lower)
            }),
            Self::Areas(ranked) => {
                let [auroc, auprc] = ranked.areas(times);
                [auroc, auprc, None]
            }
        }
    }
}
