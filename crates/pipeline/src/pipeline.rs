//! A pipeline, validated and planned: what the engine runs.
//!
//! Everything is resolved: names are indices, texts are planned expressions, models are loaded. A [`Pipeline`] that exists
//! keeps every rule of the pipeline language, so whoever runs it checks nothing again.
//!
//! PIPE-1: a score reads no other score, so scores may be evaluated in any order; only conditions read scores. A fallback
//! is a score by SQL, never a model, so whatever stands in needs nothing to stand in for it.
//! PIPE-2: every index (`set`, `column`, `model`, `score`, `fallback`) is within the list that it points into.
//! PIPE-3: a score by SQL gives numbers, or a struct with all parts of a point score.

use std::path::{Path, PathBuf};
use std::sync::Arc;

use wardwatch_alarms::{Comparison, ModelIdentity, Rules};
use wardwatch_clinical::{AlarmPriority, VitalSign};
use wardwatch_event_time::{ClockRules, Span};
use wardwatch_inference::Model;
use wardwatch_windowing::{Expression, SetPlan};
use wardwatch_yaml::Warnings;

use crate::document::Document;
use crate::load::Surroundings;
use crate::{PipelineError, SetSql};

/// A pipeline, ready to run.
#[derive(Debug)]
pub struct Pipeline {
    /// Its name.
    pub name: Arc<str>,
    /// Its version, from 1.
    pub version: u32,
    /// SHA-256 of the file's text, in lower-case hexadecimal.
    pub hash: Arc<str>,
    /// The file's text.
    pub text: Arc<str>,
    /// Where observations come from; observations carry the index.
    pub sources: Vec<Source>,
    /// Who states the patients' context, at least one; statements carry the index.
    pub writers: Vec<Writer>,
    /// When panes close and patients are forgotten.
    pub time: TimeRules,
    /// By [`VitalSign::index`]: after which age its latest value no longer counts.
    pub max_age: [Span; VitalSign::COUNT],
    /// By [`VitalSign::index`]: after how long without a usable reading it is lost; at most its maximum age.
    pub lost_after: [Span; VitalSign::COUNT],
    /// The vital signs that a score or an alarm reads, in the registry's order.
    pub watched: Vec<VitalSign>,
    /// Feature sets, in the order of the file.
    pub sets: Vec<FeatureSet>,
    /// Scores, in the order of the file.
    pub scores: Vec<Score>,
    /// Alarms on one vital sign, judged row by row.
    pub limits: Vec<LimitAlarm>,
    /// Alarms on features and scores, judged when windows close.
    pub conditions: Vec<ConditionAlarm>,
    /// Alarms on equipment and data.
    pub technical: TechnicalAlarms,
    /// The models that scores run, each once.
    pub models: Vec<Model>,
    /// What its author hardly means.
    pub warnings: Warnings,
}

/// A topic of observations.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Source {
    /// The name that SQL sees in the column `source`.
    pub name: String,
    /// The Kafka topic.
    pub topic: String,
    /// Feeds features, but closes no pane and drives no limit: a wearable that uploads when it likes.
    pub trend_only: bool,
    /// Its values are charted by people: one that does not come is overdue, not lost.
    pub charted: bool,
    /// Whether repeats are looked for.
    pub dedupe: bool,
    /// Whether readings of a device whose clock is wrong count at their effective time, or go to quarantine.
    pub corrects_clocks: bool,
    /// By which its records are judged late or future.
    pub rules: ClockRules,
    /// After which silence a technical alarm begins.
    pub silent_after: Span,
    /// How often its devices send, where that is known.
    pub interval: Option<Span>,
}

/// A writer of context: each of its records is its whole statement about a patient.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Writer {
    /// Its name.
    pub name: String,
    /// Its Kafka topic; none for the usual one, `context` behind the prefix of the pipeline's topics.
    pub topic: Option<String>,
}

/// When panes close and patients are forgotten.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct TimeRules {
    /// How far clocks must be past a pane's end.
    pub hold: Span,
    /// In log time, how long a pane waits for clocks that do not come; `None`: for ever.
    pub grace: Option<Span>,
    /// After how long without data a patient is no longer monitored.
    pub forget_after: Span,
    /// How old a window may be at its decision, from its end, for a condition to begin on it: a backlog raises no emergencies
    /// of an hour ago.
    pub max_score_age: Span,
}

/// Features over one trailing window.
#[derive(Clone, Debug)]
pub struct FeatureSet {
    /// Its name.
    pub name: String,
    /// Its SQL, planned, with its window.
    pub plan: Arc<SetPlan>,
    /// Its SQL, in one spelling.
    pub sql: SetSql,
    /// Which panes are evaluated.
    pub emit: Emit,
}

/// Which panes of a feature set are evaluated.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum Emit {
    /// Those that hold rows.
    #[default]
    Rows,
    /// All, while the patient is monitored.
    EveryPane,
}

/// A score, evaluated whenever its feature set closes a window.
#[derive(Debug)]
pub struct Score {
    /// Its name.
    pub name: Arc<str>,
    /// The feature set at whose closes it is evaluated: of those that it reads the one with the shortest `every`, of
    /// equals the last in the file; the finest of all when it reads none.
    pub set: usize,
    /// What it reads, in the order that its expression or its model's contract takes it.
    pub inputs: Vec<Input>,
    /// How it is computed.
    pub kind: ScoreKind,
    /// What it predicts; none where the pipeline does not say.
    pub predicts: Option<Predicts>,
    /// While this holds, what it predicts is there already: the score is unavailable.
    pub present_when: Option<Condition>,
}

/// What a score or an alarm predicts: a back-test judges it by that.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub struct Predicts {
    /// The outcome, by its name in the outcomes of a back-test.
    pub outcome: String,
    /// How soon it is to come; at any time where there is none.
    pub horizon: Option<Span>,
    /// Whether it may come to a patient again.
    pub recurs: bool,
}

/// How a score is computed.
#[derive(Debug)]
pub enum ScoreKind {
    /// By SQL: a Float64, an integer, or the struct of a point score (`total`, `lowest`, `highest`, `missing`,
    /// `points`, `unavailable`).
    Sql {
        /// The expression; takes [`Score::inputs`].
        expression: Expression,
        /// Its text, in one spelling.
        text: String,
    },
    /// By a model: a probability, 0 to 1.
    Model {
        /// Index into [`Pipeline::models`].
        model: usize,
        /// The score that stands in while the model cannot speak: index into [`Pipeline::scores`].
        fallback: Option<usize>,
    },
}

/// A named input and where its value comes from.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Input {
    /// The name in the expression or the contract.
    pub name: String,
    /// Where its value comes from.
    pub from: From,
}

/// Where an input's value comes from.
///
/// As a column every input is a nullable Float64, but for the text and truth values that are marked.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum From {
    /// A feature of the patient's newest row.
    Feature {
        /// Index into [`Pipeline::sets`].
        set: usize,
        /// Column of the set's features.
        column: usize,
    },
    /// The latest value of a vital sign within its maximum age.
    Vital(VitalSign),
    /// Whether the patient is given oxygen: from O2 flow and FiO2, else from context. Boolean.
    OnOxygen,
    /// The patient's context.
    Context(ContextField),
    /// A score; only conditions read scores.
    Score {
        /// Index into [`Pipeline::scores`].
        score: usize,
        /// Which number of it.
        part: Part,
    },
}

/// A field of a patient's context.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum ContextField {
    /// Age in years.
    Age,
    /// Administrative sex, by its name on the wire. Utf8.
    Sex,
    /// 1 for female, 0 for male, else null.
    SexFemale,
    /// The NEWS2 SpO2 scale, 1 or 2.
    Spo2Scale,
    /// Whether the patient is pregnant. Boolean.
    Pregnant,
    /// The ward. Utf8.
    Ward,
    /// The bed. Utf8.
    Bed,
}

/// A number of a score.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum Part {
    /// Its total, number or probability.
    Value,
    /// The lowest total still possible, for a point score.
    Lowest,
    /// The highest total still possible, for a point score.
    Highest,
}

/// An alarm on one vital sign, judged row by row.
#[derive(Clone, Debug, PartialEq)]
pub struct LimitAlarm {
    /// Its name.
    pub name: String,
    /// The violated limit.
    pub limit: Comparison,
    /// The worse limit that does not wait.
    pub at_once: Option<Comparison>,
    /// What ends the condition; without it, no longer violating does.
    pub clear: Option<Comparison>,
    /// Its timing. A value counts up to the vital sign's maximum age.
    pub rules: Rules,
    /// How urgent.
    pub priority: AlarmPriority,
    /// What it predicts; none where the pipeline does not say.
    pub predicts: Option<Predicts>,
}

/// An alarm on features and scores, judged when windows close.
#[derive(Debug)]
pub struct ConditionAlarm {
    /// Its name.
    pub name: String,
    /// The condition as written.
    pub text: String,
    /// What begins it.
    pub when: Condition,
    /// What ends it; without it, `when` being false does.
    pub clear_when: Option<Condition>,
    /// Its timing.
    pub rules: Rules,
    /// How urgent.
    pub priority: AlarmPriority,
    /// The feature set at whose closes it is judged: as for [`Score::set`], through the scores that it reads.
    pub set: usize,
    /// The scores that it reads, ascending: indices into [`Pipeline::scores`].
    pub scores: Vec<usize>,
    /// What it predicts: as written, else what all scores that it reads predict.
    pub predicts: Option<Predicts>,
}

/// A Boolean expression and its inputs.
#[derive(Debug)]
pub struct Condition {
    /// Its text, in one spelling.
    pub text: String,
    /// The expression.
    pub expression: Expression,
    /// Its inputs, in its order.
    pub inputs: Vec<Input>,
}

/// Alarms on equipment and data.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct TechnicalAlarms {
    /// A source of a patient is silent.
    pub silent: AlarmPriority,
    /// A device's clock is wrong.
    pub device_clock: AlarmPriority,
    /// A vital sign is lost while its source goes on.
    pub lost: AlarmPriority,
    /// A vital sign that people chart is overdue.
    pub overdue: AlarmPriority,
}

/// The name of the alarm when vital signs that people chart are overdue.
pub const OVERDUE_ALARM: &str = "overdue";

/// The name of the alarm when a vital sign is lost.
pub fn lost_alarm(vital: VitalSign) -> String {
    format!("lost:{}", vital.name())
}

// === impl Source ===

impl Source {
    /// The name of the alarm when it is silent.
    pub fn silent_alarm(&self) -> String {
        format!("silent:{}", self.name)
    }

    /// The name of the alarm when records of it were gone before they could be read.
    pub fn records_lost_alarm(&self) -> String {
        format!("records_lost:{}", self.name)
    }

    /// The name of the alarm when a device's clock is wrong.
    pub fn clock_alarm(&self) -> String {
        format!("device_clock:{}", self.name)
    }
}

// === impl Pipeline ===

impl Pipeline {
    /// Its models, as records name them.
    pub fn model_identities(&self) -> Vec<ModelIdentity> {
        let identities = self.models.iter().map(Model::identity);
        identities
            .map(|identity| ModelIdentity {
                name: identity.name.clone(),
                version: identity.version,
                sha256: identity.sha256.clone(),
            })
            .collect()
    }

    /// Reads and checks the pipeline at `path`: a file, or a folder whose files `*.yaml`, but for `*.test.yaml`, are its parts.
    /// Variables are taken from the environment. Models are looked up as `models_dir/<name>/<version>`, or without it in the
    /// nearest folder `models` beside the pipeline or above.
    ///
    /// # Errors
    /// [`PipelineError`]: a file cannot be read, or there are problems, all of which are told.
    pub fn load(path: &Path, models_dir: Option<&Path>) -> Result<Self, PipelineError> {
        let variables = |name: &str| std::env::var(name).ok();
        crate::load::load(
            path,
            Surroundings {
                models: models_dir,
                variables: &variables,
            },
        )
    }

    /// The files of the pipeline at `path`, in the order of their names: itself, or the parts in a folder.
    ///
    /// # Errors
    /// [`PipelineError`]: the folder cannot be read, or holds none.
    pub fn files(path: &Path) -> Result<Vec<PathBuf>, PipelineError> {
        crate::load::files(path)
    }

    /// Tells two states of the files of a pipeline apart, valid or not.
    ///
    /// # Errors
    /// As [`Pipeline::load`], where a file cannot be read.
    pub fn fingerprint(path: &Path) -> Result<String, PipelineError> {
        crate::load::fingerprint(path)
    }

    /// As [`Pipeline::load`], as if the file at `path` held this text, in which variables have their values already.
    ///
    /// # Errors
    /// As [`Pipeline::load`].
    pub fn load_text(path: &Path, text: &str, models_dir: Option<&Path>) -> Result<Self, PipelineError> {
        crate::load::load_text(
            path,
            text,
            Surroundings {
                models: models_dir,
                variables: &|_| None,
            },
        )
    }

    /// How far back the state of a shard reaches: two of the longest windows, and what may come late.
    pub fn reach(&self) -> Span {
        let windows = self.sets.iter().map(|set| {
            let trailing = set.plan.trailing();
            let every = trailing.grid().every();
            Span::from_micros(every.micros() * (2 * trailing.panes() + 1))
        });
        let lateness = self.sources.iter().map(|source| source.rules.lateness);
        windows.max().unwrap_or(Span::ZERO)
            + lateness.max().unwrap_or(Span::ZERO)
            + self.time.hold
            + self.time.grace.unwrap_or(Span::ZERO)
    }

    /// The index of a writer of context by its name; of the first where nobody, or nobody of the pipeline, is named.
    pub fn writer(&self, name: Option<&str>) -> u16 {
        let found = self.writers.iter().position(|writer| Some(&*writer.name) == name);
        found.unwrap_or_default() as u16
    }

    /// The names of all its alarms: limits and conditions in the order of the file, then technical ones.
    pub fn alarm_names(&self) -> Vec<String> {
        let limits = self.limits.iter().map(|limit| limit.name.clone());
        let conditions = self.conditions.iter().map(|condition| condition.name.clone());
        // Nobody is told of the silence of a source that is only for trends.
        let heard = self.sources.iter().filter(|source| !source.trend_only);
        let silent = heard.map(Source::silent_alarm);
        let clocks = self.sources.iter().map(Source::clock_alarm);
        let lost = self.watched.iter().map(|vital| lost_alarm(*vital));
        let overdue = std::iter::once(OVERDUE_ALARM.to_owned());
        // That records were lost no data can tell.
        let technical = silent.chain(clocks).chain(lost).chain(overdue);
        limits.chain(conditions).chain(technical).collect()
    }

    /// The names of the alarms that its author has written, and of those of its sources: what a test can be expected to raise.
    /// Any vital sign that is read can be lost.
    pub fn written_alarms(&self) -> Vec<String> {
        let mut names = self.alarm_names();
        names.truncate(names.len() - self.watched.len() - 1);
        names
    }

    /// The priority of an alarm, by its name.
    pub fn priority_of(&self, name: &str) -> Option<AlarmPriority> {
        let limit = self.limits.iter().find(|limit| limit.name == name);
        let condition = self.conditions.iter().find(|condition| condition.name == name);
        let of_source = || {
            self.sources.iter().find_map(|source| match name {
                name if name == source.silent_alarm() => Some(self.technical.silent),
                // As silence: values that somebody measured were not seen.
                name if name == source.records_lost_alarm() => Some(self.technical.silent),
                name if name == source.clock_alarm() => Some(self.technical.device_clock),
                _ => None,
            })
        };
        let of_vital = || {
            let is_lost = self.watched.iter().any(|vital| name == lost_alarm(*vital));
            is_lost.then_some(self.technical.lost)
        };
        let overdue = (name == OVERDUE_ALARM).then_some(self.technical.overdue);
        limit
            .map(|limit| limit.priority)
            .or(condition.map(|condition| condition.priority))
            .or_else(of_source)
            .or_else(of_vital)
            .or(overdue)
    }

    /// Whether the pipeline tells an alarm of this name.
    pub fn has_alarm(&self, name: &str) -> bool {
        self.priority_of(name).is_some()
    }

    /// Checks a pipeline's text. Models are looked up as `models_dir/<name>/<version>`.
    ///
    /// # Errors
    /// As [`Pipeline::load`]; the file is named `pipeline`.
    pub fn parse(text: &str, models_dir: &Path) -> Result<Self, PipelineError> {
        Self::load_text(Path::new("pipeline"), text, Some(models_dir))
    }

    /// The JSON Schema of the pipeline file.
    pub fn json_schema() -> serde_json::Value {
        schemars::schema_for!(Document).to_value()
    }
}
