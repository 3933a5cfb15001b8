//! A model beside other scores, on the rows that both have, by what the model is judged by.
//!
//! Where a stay has one value of each, the row is the stay; else it is the instant of a decision. The same patients are drawn for
//! both, so what the two have in common cancels out.

use std::collections::HashMap;

use serde::Serialize;
use wardwatch_pipeline::Predicts;

use super::metrics::{Interval, Ranked, intervals};
use super::rankings::{Judged, Ranking, dense, judged};
use super::report::{Options, Stay};
use super::scores::Series;

/// Two scores on the same rows.
#[derive(Clone, Debug, PartialEq, Serialize)]
pub struct Beside {
    /// The other score.
    pub score: String,
    /// Which values count.
    pub ranking: String,
    /// Rows that both have.
    pub rows: usize,
    /// Of how many patients.
    pub patients: usize,
    /// How many of the rows the outcome follows.
    pub outcomes: usize,
    /// The area under the ROC curve: the model's, the other's.
    pub auroc: Option<[f64; 2]>,
    /// The model's less the other's.
    pub auroc_difference: Option<Interval>,
    /// The area under the precision-recall curve: the model's, the other's.
    pub auprc: Option<[f64; 2]>,
    /// The model's less the other's.
    pub auprc_difference: Option<Interval>,
}

/// A model's score beside each that is none; of other scores nothing.
pub(super) fn figures(
    model: &Series,
    all: &[Series],
    predicts: &Predicts,
    stays: &[Stay<'_>],
    options: &Options,
) -> Vec<Beside> {
    let others = || {
        all.iter()
            .filter(|other| model.is_probability && !other.is_probability)
    };
    let mut figures = Vec::new();
    for ranking in Ranking::all(options.landmark) {
        let rows = |series: &Series| judged(&series.name, predicts, ranking, stays, |stay| series.of(stay)).0;
        let of_model = others().next().map(|_| rows(model)).unwrap_or_default();
        for other in others() {
            let (mine, others) = common(&of_model, &rows(other), ranking);
            figures.push(beside(&other.name, ranking, &mine, &others, options.threads));
        }
    }
    figures
}

/// The rows that both have, in the same order.
fn common(one: &[Judged], other: &[Judged], ranking: Ranking) -> (Vec<Judged>, Vec<Judged>) {
    let key = |judged: &Judged| {
        let at = if ranking == Ranking::EachValue {
            judged.at
        } else {
            0
        };
        (judged.row.patient, at)
    };
    let known: HashMap<_, &Judged> = other.iter().map(|judged| (key(judged), judged)).collect();
    let both = one
        .iter()
        .filter_map(|judged| Some((*judged, **known.get(&key(judged))?)))
        // The last values of two scores may lie on either side of the horizon: then they are judged by two outcomes.
        .filter(|(one, other)| one.row.came == other.row.came);
    both.unzip()
}

fn beside(name: &str, ranking: Ranking, mine: &[Judged], others: &[Judged], threads: usize) -> Beside {
    let (rows, patients) = dense(mine.iter());
    let (other_rows, _) = dense(others.iter());
    let outcomes = rows.iter().filter(|row| row.came).count();
    let count = rows.len();
    let (mine, other) = (Ranked::new(rows), Ranked::new(other_rows));
    let areas = |times: Option<&[u32]>| {
        let of = |ranked: &Ranked| match times {
            Some(times) => ranked.areas(times),
            None => ranked.areas_of_all(),
        };
        let ([auroc, auprc], [other_auroc, other_auprc]) = (of(&mine), of(&other));
        [auroc.zip(other_auroc), auprc.zip(other_auprc)]
    };
    let less = |pairs: [Option<(f64, f64)>; 2]| pairs.map(|pair| pair.map(|(one, other)| one - other));
    let [auroc, auprc] = areas(None);
    let [auroc_difference, auprc_difference] = intervals(less([auroc, auprc]), patients, threads, |times| {
        less(areas(Some(times)))
    });
    Beside {
        score: name.to_owned(),
        ranking: ranking.name(),
        rows: count,
        patients,
        outcomes,
        auroc: auroc.map(Into::into),
        auroc_difference,
        auprc: auprc.map(Into::into),
        auprc_difference,
    }
}
