//! Two pipelines over the same data: each figure side by side, and how surely they differ.
//!
//! Patients are drawn again and again, the same ones for both pipelines, so what they have in common cancels out.

use std::collections::BTreeMap;

use serde::Serialize;
use wardwatch_event_time::Span;
use wardwatch_pipeline::Pipeline;

use super::alarms::{self, Tally, Which};
use super::metrics::{Interval, Labelled, interval, resamples, weighted_auprc, weighted_auroc};
use super::outcomes::Fate;
use super::report::{Options, Report, Stay, stays};
use super::run::Courses;
use super::scores;

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
    /// Which: `alerts a bed and day`, `precision`, `sensitivity`, `AUROC`, `AUPRC`.
    pub figure: &'static str,
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

/// One figure of one pipeline, as a function of how often each patient is drawn.
enum Figure {
    /// What patients add to the upper and the lower part of a fraction.
    Fraction(Vec<(f64, f64)>),
    /// An area under a curve: patients ascending by score, each with their place among all patients.
    Area {
        sorted: Vec<Labelled>,
        places: Vec<usize>,
        area: fn(&[Labelled], &[u32]) -> Option<f64>,
    },
}

/// A figure of both, before anything is drawn.
struct Pair {
    figure: &'static str,
    of: String,
    old: Option<Figure>,
    new: Option<Figure>,
}

// === impl Comparison ===

impl Comparison {
    /// The figures of two runs over the same data.
    pub fn new(old: Run<'_>, new: Run<'_>, fates: Option<&BTreeMap<String, Fate>>, options: Options) -> Self {
        Self {
            differences: differences(old, new, fates, options.horizon),
            old: Report::new(old.0, old.1, fates, options),
            new: Report::new(new.0, new.1, fates, options),
        }
    }
}

fn differences(
    old: Run<'_>,
    new: Run<'_>,
    fates: Option<&BTreeMap<String, Fate>>,
    horizon: Span,
) -> Vec<Difference> {
    let (old_stays, new_stays) = (stays(old.1, fates), stays(new.1, fates));
    let mut pairs = Vec::new();
    let (old_alarms, new_alarms) = (alarms::all(old.0), alarms::all(new.0));
    for name in names(&old_alarms, &new_alarms, |which| &which.name) {
        let of = |which: &[Which], stays: &[Stay<'_>]| {
            let which = which.iter().find(|which| which.name == name)?;
            Some(fractions(&alarms::tallies(which, stays, horizon), stays))
        };
        let (of_old, of_new) = (of(&old_alarms, &old_stays), of(&new_alarms, &new_stays));
        push(&mut pairs, FRACTIONS, &name, of_old, of_new);
    }
    for name in names(&old.0.scores, &new.0.scores, |score| &score.name) {
        let of = |run: Run<'_>, stays: &[Stay<'_>]| {
            let index = run.0.scores.iter().position(|score| *score.name == *name)?;
            Some(AREAS.map(|(_, area)| Figure::area(stays, index, area)))
        };
        let (of_old, of_new) = (of(old, &old_stays), of(new, &new_stays));
        push(&mut pairs, AREAS.map(|(figure, _)| figure), &name, of_old, of_new);
    }
    drawn(pairs, old_stays.len())
}

/// Fractions that are compared of alarms.
const FRACTIONS: [&str; 3] = ["alerts a bed and day", "precision", "sensitivity"];

/// The area under a curve of patients ascending by score, each so many times.
type Area = fn(&[Labelled], &[u32]) -> Option<f64>;

/// Areas that are compared of scores.
const AREAS: [(&str, Area); 2] = [("AUROC", weighted_auroc), ("AUPRC", weighted_auprc)];

fn fractions(tallies: &[Tally], stays: &[Stay<'_>]) -> [Figure; 3] {
    let fraction = |of: fn(&Tally) -> (u64, u64)| {
        let parts = tallies.iter().map(of);
        Figure::Fraction(parts.map(|(upper, lower)| (upper as f64, lower as f64)).collect())
    };
    let days = stays.iter().map(Stay::days);
    let alerts = tallies.iter().map(|tally| tally.alerts as f64);
    [
        Figure::Fraction(alerts.zip(days).collect()),
        fraction(|tally| (tally.right, tally.judged)),
        fraction(|tally| (tally.told_before, tally.came)),
    ]
}

/// Names of both, those of the new one first in its order.
fn names<T, N: ToString + ?Sized>(old: &[T], new: &[T], name: impl Fn(&T) -> &N) -> Vec<String> {
    let mut names: Vec<String> = new.iter().map(|entry| name(entry).to_string()).collect();
    let gone = old.iter().map(|entry| name(entry).to_string());
    let gone: Vec<String> = gone.filter(|name| !names.contains(name)).collect();
    names.extend(gone);
    names
}

fn push<const N: usize>(
    pairs: &mut Vec<Pair>,
    figures: [&'static str; N],
    of: &str,
    old: Option<[Figure; N]>,
    new: Option<[Figure; N]>,
) {
    let each = |figures: Option<[Figure; N]>| match figures {
        Some(figures) => figures.map(Some),
        None => [const { None }; N],
    };
    for ((figure, old), new) in figures.into_iter().zip(each(old)).zip(each(new)) {
        pairs.push(Pair {
            figure,
            of: of.to_owned(),
            old,
            new,
        });
    }
}

/// Both runs are over the same files, so a place among patients means the same patient.
fn drawn(pairs: Vec<Pair>, patients: usize) -> Vec<Difference> {
    let once = vec![1; patients];
    let whole: Vec<_> = pairs.iter().map(|pair| pair.values(&once)).collect();
    let mut resampled = vec![Vec::new(); pairs.len()];
    for times in resamples(patients) {
        for (pair, resampled) in pairs.iter().zip(&mut resampled) {
            let (old, new) = pair.values(&times);
            resampled.extend(new.zip(old).map(|(new, old)| new - old));
        }
    }
    let pairs = pairs.into_iter().zip(whole).zip(resampled);
    pairs
        .filter(|((_, (old, new)), _)| old.is_some() || new.is_some())
        .map(|((pair, (old, new)), resampled)| Difference {
            figure: pair.figure,
            of: pair.of,
            old,
            new,
            difference: new.zip(old).and_then(|(new, old)| interval(new - old, resampled)),
        })
        .collect()
}

// === impl Pair ===

impl Pair {
    /// The figures of the old and the new one.
    fn values(&self, times: &[u32]) -> (Option<f64>, Option<f64>) {
        let value = |figure: &Option<Figure>| figure.as_ref().and_then(|figure| figure.value(times));
        (value(&self.old), value(&self.new))
    }
}

// === impl Figure ===

impl Figure {
    fn area(stays: &[Stay<'_>], score: usize, area: Area) -> Self {
        let mut known: Vec<(usize, Labelled)> = stays
            .iter()
            .enumerate()
            .filter_map(|(place, stay)| Some((place, scores::highest(stay, score)?)))
            .collect();
        known.sort_by(|(_, one), (_, other)| one.0.total_cmp(&other.0));
        let (places, sorted) = known.into_iter().unzip();
        Self::Area { sorted, places, area }
    }

    fn value(&self, times: &[u32]) -> Option<f64> {
        match self {
            Self::Fraction(parts) => {
                let drawn = parts.iter().zip(times);
                let (upper, lower) = drawn.fold((0.0, 0.0), |sum, (part, times)| {
                    let times = f64::from(*times);
                    (sum.0 + part.0 * times, sum.1 + part.1 * times)
                });
                (lower > 0.0).then(|| upper / lower)
            }
            Self::Area { sorted, places, area } => {
                let times: Vec<u32> = places.iter().map(|place| times[*place]).collect();
                area(sorted, &times)
            }
        }
    }
}
