//! What of a running pipeline's state a newer one can go on with.
//!
//! Parts are known by their names. A feature set that says the same keeps its panes; one that is new or says something else is
//! filled from the log. A score says the same if what it reads does, too; else it is computed anew. An alarm keeps what it has
//! told, and where it says the same of the same also what it waits for.

use std::sync::Arc;

use wardwatch_yaml::Warnings;

use crate::{ConditionAlarm, FeatureSet, From, Input, LimitAlarm, Pipeline, Score, ScoreKind};

/// For each part of the newer pipeline, where it stands in the older one.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Succession {
    /// Feature sets that say the same.
    pub sets: Vec<Option<usize>>,
    /// Scores that say the same of the same.
    pub scores: Vec<Option<usize>>,
    /// Limits of the same name.
    pub limits: Vec<Option<Kin>>,
    /// Conditions of the same name.
    pub conditions: Vec<Option<Kin>>,
}

/// An alarm of the same name.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Kin {
    /// Its place in the older pipeline.
    pub place: usize,
    /// Whether it begins, ends and waits by the same rules.
    pub is_same: bool,
}

/// Why a pipeline cannot go on where another stands; engines have to be started with it.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum NoSuccession {
    /// The name is another.
    #[error("the pipeline's name goes from {old} to {new}, so other engines have to be started with it")]
    Name {
        /// As it was.
        old: Arc<str>,
        /// As it is.
        new: Arc<str>,
    },
    /// Topics are read that were not read before, or in another order.
    #[error(
        "the sources, their order or their topics change, so engines have to be started anew to read them"
    )]
    Sources,
    /// Context comes from other writers, in another order, or from other topics.
    #[error(
        "the writers of context, their order or their topics change, so engines have to be started anew to read them"
    )]
    Writers,
}

// === impl Succession ===

impl Succession {
    /// The feature sets of the newer pipeline that have no place in the older one: they are filled from the log.
    pub fn fresh_sets(&self) -> Vec<usize> {
        without_place(&self.sets)
    }

    /// The scores of the newer pipeline that have no place in the older one: they are computed anew.
    pub fn fresh_scores(&self) -> Vec<usize> {
        without_place(&self.scores)
    }
}

fn without_place(parts: &[Option<usize>]) -> Vec<usize> {
    let parts = parts.iter().enumerate();
    parts
        .filter(|(_, place)| place.is_none())
        .map(|(part, _)| part)
        .collect()
}

// === impl Pipeline ===

impl Pipeline {
    /// What of a running pipeline's state this one can go on with.
    ///
    /// # Errors
    /// [`NoSuccession`]
    pub fn succession(&self, old: &Self) -> Result<Succession, NoSuccession> {
        if self.name != old.name {
            return Err(NoSuccession::Name {
                old: Arc::clone(&old.name),
                new: Arc::clone(&self.name),
            });
        }
        let topics = |pipeline: &Self| -> Vec<(String, String)> {
            let sources = pipeline.sources.iter();
            sources
                .map(|source| (source.name.clone(), source.topic.clone()))
                .collect()
        };
        if topics(self) != topics(old) {
            return Err(NoSuccession::Sources);
        }
        if self.writers != old.writers {
            return Err(NoSuccession::Writers);
        }
        let place_of = |set: &FeatureSet| old.sets.iter().position(|was| set.says_the_same(was));
        let sets: Vec<Option<usize>> = self.sets.iter().map(place_of).collect();
        let score_of = |score: &Score| {
            let found = old.scores.iter().position(|was| was.name == score.name);
            found.filter(|place| {
                self.score_says(score) == old.score_says(&old.scores[*place])
                    && reads_the_same(&score.inputs, &sets, &[])
                    && (score.present_when.iter()).all(|present| reads_the_same(&present.inputs, &sets, &[]))
            })
        };
        let mut scores: Vec<Option<usize>> = self.scores.iter().map(score_of).collect();
        for (place, score) in self.scores.iter().enumerate() {
            if let ScoreKind::Model { fallback, .. } = score.kind
                && fallback.is_some_and(|fallback| scores[fallback].is_none())
            {
                scores[place] = None;
            }
        }
        let limits = self.limits.iter().map(|limit| {
            let place = old.limits.iter().position(|was| was.name == limit.name)?;
            let is_same = limit.judges_as(&old.limits[place]);
            Some(Kin { place, is_same })
        });
        let conditions = self.conditions.iter().map(|alarm| {
            let place = old.conditions.iter().position(|was| was.name == alarm.name)?;
            let expressions = [Some(&alarm.when), alarm.clear_when.as_ref()];
            let mut inputs = expressions
                .into_iter()
                .flatten()
                .map(|expression| &expression.inputs);
            let is_same = alarm.judges_as(&old.conditions[place])
                && inputs.all(|inputs| reads_the_same(inputs, &sets, &scores));
            Some(Kin { place, is_same })
        });
        let (limits, conditions) = (limits.collect(), conditions.collect());
        Ok(Succession {
            sets,
            scores,
            limits,
            conditions,
        })
    }

    /// This pipeline with the feature sets alone that are to be filled; none where every set keeps its panes.
    #[must_use]
    pub fn to_fill(&self, succession: &Succession) -> Option<Self> {
        let fresh = succession.fresh_sets();
        (!fresh.is_empty()).then(|| self.only_sets(&fresh))
    }

    /// The pipeline with these feature sets alone, and nothing that reads them: enough to fill their panes.
    #[must_use]
    pub fn only_sets(&self, sets: &[usize]) -> Self {
        Self {
            name: Arc::clone(&self.name),
            version: self.version,
            hash: Arc::clone(&self.hash),
            text: Arc::clone(&self.text),
            sources: self.sources.clone(),
            writers: self.writers.clone(),
            time: self.time,
            max_age: self.max_age,
            lost_after: self.lost_after,
            watched: Vec::new(),
            sets: sets.iter().map(|set| self.sets[*set].clone()).collect(),
            scores: Vec::new(),
            limits: Vec::new(),
            conditions: Vec::new(),
            technical: self.technical,
            models: Vec::new(),
            warnings: Warnings::default(),
        }
    }

    /// What a score says, as texts to compare.
    fn score_says(&self, score: &Score) -> Vec<String> {
        let present = score.present_when.as_ref().map(|present| present.text.clone());
        let mut texts = vec![present.unwrap_or_default()];
        match &score.kind {
            ScoreKind::Sql { text, .. } => texts.push(text.clone()),
            ScoreKind::Model { model, fallback } => {
                let identity = self.models[*model].identity();
                let fallback = fallback.map(|score| self.scores[score].name.to_string());
                // Another version of the same network has another policy of what may be missing.
                let version = identity.version.to_string();
                texts.extend([identity.sha256.to_string(), version, fallback.unwrap_or_default()]);
            }
        }
        texts
    }
}

/// Whether what these read is the same, where sets and scores have those places in the older pipeline.
fn reads_the_same(inputs: &[Input], sets: &[Option<usize>], scores: &[Option<usize>]) -> bool {
    inputs.iter().all(|input| match input.from {
        From::Feature { set, .. } => sets[set].is_some(),
        From::Score { score, .. } => scores[score].is_some(),
        From::Vital(_) | From::OnOxygen | From::Context(_) => true,
    })
}

// === impl FeatureSet ===

impl FeatureSet {
    /// Whether it has the same windows of the same features, under the same name.
    pub fn says_the_same(&self, other: &Self) -> bool {
        self.name == other.name
            && self.sql.text == other.sql.text
            && self.plan.trailing() == other.plan.trailing()
            && self.emit == other.emit
    }
}

// === impl LimitAlarm ===

impl LimitAlarm {
    /// Whether it begins, ends and waits by the same rules; how urgent it is may differ.
    fn judges_as(&self, other: &Self) -> bool {
        let rules = |alarm: &Self| (alarm.limit, alarm.at_once, alarm.clear, alarm.rules);
        rules(self) == rules(other)
    }
}

// === impl ConditionAlarm ===

impl ConditionAlarm {
    fn judges_as(&self, other: &Self) -> bool {
        let texts = |alarm: &Self| {
            let clear = alarm.clear_when.as_ref().map(|clear| clear.text.clone());
            (alarm.when.text.clone(), clear)
        };
        texts(self) == texts(other) && self.rules == other.rules
    }
}
