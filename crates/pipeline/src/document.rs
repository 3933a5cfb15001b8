//! The pipeline file as it is written: the shape of its YAML, and nothing of its meaning.
//!
//! Unknown fields are refused everywhere: a misspelt `for` would be an alarm without its delay. What the types cannot say
//! is checked in the sibling modules, which tell every problem at once. Doc comments here become the JSON Schema's
//! descriptions, which editors show.

use std::borrow::Cow;
use std::collections::BTreeMap;
use wardwatch_yaml::{At, Place, Problems, Spot};

use schemars::{JsonSchema, Schema, SchemaGenerator, json_schema};
use wardwatch_alarms::Confirm;
use wardwatch_clinical::{AlarmPriority, VitalSign};
use wardwatch_event_time::Span;

/// A Wardwatch pipeline: what is watched, and when somebody is told.
#[derive(Debug, JsonSchema)]
#[schemars(title = "Wardwatch pipeline", deny_unknown_fields)]
pub(crate) struct Document {
    /// The pipeline's name.
    #[schemars(with = "String")]
    pub pipeline: Spot<String>,
    /// The pipeline's version, from 1. Raise it with every change.
    #[schemars(with = "u32", range(min = 1))]
    pub version: Spot<u32>,
    /// What it is for, in words.
    #[serde(rename = "description")]
    #[schemars(with = "Option<String>")]
    pub _description: Option<Spot<String>>,
    /// The topics that observations come from.
    #[schemars(with = "Vec<SourceText>")]
    pub sources: Section<SourceText>,
    /// Where it is said who the patients are: a topic, or one for each writer. Without it the topic `context`.
    #[schemars(with = "Option<ContextText>")]
    pub context: Section<WriterText>,
    /// Rules of time, for every source that does not say otherwise.
    #[schemars(with = "Option<TimeText>")]
    pub time: TimeText,
    /// By vital sign: after which age its latest value no longer counts.
    #[schemars(with = "Option<MaxAges>")]
    pub max_age: BTreeMap<String, (At, Spot<Span>)>,
    /// By vital sign: after how long without a usable reading, while its source goes on, it is lost.
    #[schemars(with = "Option<MaxAges>")]
    pub lost_after: BTreeMap<String, (At, Spot<Span>)>,
    /// Feature sets.
    #[schemars(with = "Option<Vec<FeatureSetText>>")]
    pub features: Section<FeatureSetText>,
    /// Scores.
    #[schemars(with = "Option<Vec<ScoreText>>")]
    pub scores: Section<ScoreText>,
    /// Alarms.
    #[schemars(with = "Option<Vec<AlarmText>>")]
    pub alarms: Section<AlarmText>,
    /// Priorities of the alarms on equipment and data.
    #[schemars(with = "Option<TechnicalText>")]
    pub technical: TechnicalText,
}

/// A list of named entries.
#[derive(Debug)]
pub(crate) struct Section<T> {
    pub name: &'static str,
    /// Where it stands; where it is missing, the head of the file.
    pub at: At,
    pub entries: Vec<Entry<T>>,
}

/// An entry of a section, as far as it could be read.
#[derive(Debug)]
pub(crate) struct Entry<T> {
    pub index: usize,
    /// The whole of it.
    pub at: At,
    pub name: Option<Spot<String>>,
    /// Something may stand in for a field that is missing or wrong, where the rest is worth being looked at.
    pub text: Option<T>,
    /// Whether it says what is there, and nothing stands in.
    pub is_sound: bool,
}

/// A topic of observations.
#[derive(Debug, JsonSchema)]
#[schemars(deny_unknown_fields)]
pub(crate) struct SourceText {
    /// The name that SQL sees in the column `source`.
    #[schemars(with = "Name")]
    pub name: Spot<String>,
    /// The Kafka topic.
    #[schemars(with = "String", extend("examples" = ["vitals.bedside"]))]
    pub topic: Spot<String>,
    /// The format of its records.
    #[serde(rename = "format")]
    #[schemars(with = "Format")]
    pub _format: Spot<Format>,
    /// Feeds features, but closes no pane and drives no limit.
    #[schemars(with = "Option<bool>", extend("default" = false))]
    pub trend_only: Option<Spot<bool>>,
    /// Its values are charted by people: one that does not come is overdue, not lost.
    #[schemars(with = "Option<bool>", extend("default" = false))]
    pub charted: Option<Spot<bool>>,
    /// Whether repeats are looked for.
    #[schemars(with = "Option<Switch>", extend("default" = "on"))]
    pub dedupe: Option<Spot<Switch>>,
    /// How often its devices send; `silent_after` and `lost_after` have to leave room for it.
    #[schemars(with = "Option<Length>")]
    pub interval: Option<Spot<Span>>,
    /// Instead of `time.past_skew`.
    #[schemars(with = "Option<Grace>")]
    pub past_skew: Option<Spot<Grace>>,
    /// What becomes of readings of a device whose clock is wrong.
    #[schemars(with = "Option<WrongClockText>", extend("default" = "correct"))]
    pub wrong_clock: Option<Spot<WrongClockText>>,
    /// Instead of `time.lateness`.
    #[schemars(with = "Option<Length>")]
    pub lateness: Option<Spot<Span>>,
    /// Instead of `time.future_skew`.
    #[schemars(with = "Option<Length>")]
    pub future_skew: Option<Spot<Span>>,
    /// Instead of `time.silent_after`.
    #[schemars(with = "Option<Length>")]
    pub silent_after: Option<Spot<Span>>,
}

/// A writer of context, such as the admission system: each record is its whole statement about a patient.
#[derive(Debug, JsonSchema)]
#[schemars(deny_unknown_fields)]
pub(crate) struct WriterText {
    /// The writer's name.
    #[schemars(with = "Name")]
    pub name: Spot<String>,
    /// Its Kafka topic, compacted, keyed by patient.
    #[schemars(with = "String", extend("examples" = ["context.adt"]))]
    pub topic: Spot<String>,
}

/// Writers of context.
#[derive(JsonSchema)]
#[schemars(untagged)]
#[expect(dead_code, reason = "only its schema is used")]
enum ContextText {
    /// The topic of the only writer.
    Topic(String),
    /// The writers.
    Writers(Vec<WriterText>),
}

/// A format of records.
#[derive(Clone, Copy, Debug, JsonSchema)]
#[schemars(rename_all = "kebab-case")]
pub(crate) enum Format {
    /// Canonical observation JSON, single or grouped.
    ObservationJson,
}

/// What becomes of readings of a device whose clock is wrong.
#[derive(Clone, Copy, Debug, PartialEq, Eq, JsonSchema)]
#[schemars(rename_all = "lowercase")]
pub(crate) enum WrongClockText {
    /// They count at their effective time.
    Correct,
    /// They go to quarantine.
    Quarantine,
}

/// On or off.
#[derive(Clone, Copy, Debug, PartialEq, Eq, JsonSchema)]
#[schemars(rename_all = "lowercase")]
pub(crate) enum Switch {
    /// Does it.
    On,
    /// Does not.
    Off,
}

/// Rules of time. Lengths are written `500ms`, `15s`, `5m`, `24h`, `7d`, `1h30m`.
#[derive(Debug, JsonSchema)]
#[schemars(deny_unknown_fields)]
pub(crate) struct TimeText {
    /// How far an observation may be behind its patient's clock.
    #[schemars(with = "Option<Length>", extend("default" = "2m"))]
    pub lateness: Span,
    /// How far clocks must be past a pane's end before it closes.
    #[schemars(with = "Option<Length>", extend("default" = "0s"))]
    pub hold: Span,
    /// How long a pane waits for clocks that do not come, or `off`.
    #[schemars(with = "Option<Grace>", extend("default" = "2s"))]
    pub grace: Grace,
    /// How far a device's clock may run ahead.
    #[schemars(with = "Option<Length>", extend("default" = "10s"))]
    pub future_skew: Span,
    /// How far a device's clock may steadily be behind, or `off`.
    #[schemars(with = "Option<Grace>", extend("default" = "60s"))]
    pub past_skew: Grace,
    /// After which silence of a source a technical alarm begins.
    #[schemars(with = "Option<Length>", extend("default" = "60s"))]
    pub silent_after: Spot<Span>,
    /// After how long without data a patient is no longer monitored.
    #[schemars(with = "Option<Length>", extend("default" = "24h"))]
    pub forget_after: Spot<Span>,
    /// How old a window may be at its decision, from its end, for a condition to begin on it; 5m beyond `hold` unless given.
    #[schemars(with = "Option<Length>")]
    pub max_score_age: Option<Spot<Span>>,
}

/// A length of time, or `off`.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Grace(pub Option<Span>);

/// Features over one trailing window.
#[derive(Debug, JsonSchema)]
#[schemars(deny_unknown_fields)]
pub(crate) struct FeatureSetText {
    /// The set's name.
    #[schemars(with = "Name")]
    pub name: Spot<String>,
    /// The window's length, a multiple of `every`.
    #[schemars(with = "Length")]
    pub window: Spot<Span>,
    /// How often it is evaluated.
    #[schemars(with = "Length")]
    pub every: Spot<Span>,
    /// Which panes are evaluated.
    #[schemars(with = "Option<EmitText>", extend("default" = "rows"))]
    pub emit: Option<Spot<EmitText>>,
    /// `SELECT … FROM vitals GROUP BY patient_id`.
    #[schemars(with = "String", extend("examples" = ["SELECT patient_id, avg(heart_rate) AS heart_rate_mean FROM vitals GROUP BY patient_id"]))]
    pub sql: Spot<String>,
}

/// Which panes are evaluated.
#[derive(Clone, Copy, Debug, PartialEq, Eq, JsonSchema)]
#[schemars(rename_all = "snake_case")]
pub(crate) enum EmitText {
    /// Those that hold rows.
    Rows,
    /// All, while the patient is monitored.
    EveryPane,
}

/// A score: either `sql` or `model`.
#[derive(Debug, JsonSchema)]
#[schemars(deny_unknown_fields)]
pub(crate) struct ScoreText {
    /// The score's name.
    #[schemars(with = "Name")]
    pub name: Spot<String>,
    /// An expression over features, vital signs and context.
    #[schemars(with = "Option<String>", extend("examples" = ["shock_index(heart_rate, systolic_bp)"]))]
    pub sql: Option<Spot<String>>,
    /// A model as `name@version`.
    #[schemars(with = "Option<String>", extend("examples" = ["mortality@2"]))]
    pub model: Option<Spot<String>>,
    /// The score that stands in while the model cannot speak.
    #[schemars(with = "Option<String>")]
    pub fallback: Option<Spot<String>>,
    /// What it predicts: back-tests judge it by that.
    pub predicts: Option<PredictsText>,
    /// While this holds, what it predicts is there already, and the score is unavailable.
    #[schemars(with = "Option<String>", extend("examples" = ["mean_bp < 65"]))]
    pub present_when: Option<Spot<String>>,
}

/// What a score or an alarm predicts.
#[derive(Debug, JsonSchema)]
#[schemars(deny_unknown_fields)]
pub(crate) struct PredictsText {
    /// The outcome, by its name in the outcomes of a back-test.
    #[schemars(with = "Name")]
    pub outcome: Spot<String>,
    /// How soon it is to come; at any time unless said otherwise.
    #[schemars(with = "Option<Length>")]
    pub horizon: Option<Spot<Span>>,
    /// Whether it may come to a patient again, as hypotension does and death does not.
    #[schemars(with = "Option<bool>", extend("default" = false))]
    pub recurs: Option<Spot<bool>>,
}

/// An alarm: either `limit`, on one vital sign, or `when`, on features and scores.
#[derive(Debug, JsonSchema)]
#[schemars(deny_unknown_fields)]
pub(crate) struct AlarmText {
    /// The alarm's name.
    #[schemars(with = "Name")]
    pub name: Spot<String>,
    /// A vital sign against a threshold.
    #[schemars(with = "Option<String>", extend("examples" = ["spo2 < 88"]))]
    pub limit: Option<Spot<String>>,
    /// The worse limit that does not wait for `for`.
    #[schemars(with = "Option<String>", extend("examples" = ["spo2 < 80"]))]
    pub at_once: Option<Spot<String>>,
    /// What a value beyond `at_once` needs to be believed: a length of time that it lasts, or `2 readings` in a row.
    #[schemars(with = "Option<ConfirmText>")]
    pub confirm: Option<Spot<ConfirmText>>,
    /// A condition over features, scores, vital signs and context.
    #[schemars(with = "Option<String>", extend("examples" = ["news2 >= 5"]))]
    pub when: Option<Spot<String>>,
    /// What ends it; without it, `limit` or `when` no longer holding does.
    #[schemars(with = "Option<String>", extend("examples" = ["news2 < 4"]))]
    pub clear_when: Option<Spot<String>>,
    /// How long it must last; at once unless said otherwise.
    #[serde(rename = "for")]
    #[schemars(with = "Option<Length>")]
    pub hold_for: Option<Spot<Span>>,
    /// After how long an active alarm is told of again.
    #[schemars(with = "Option<Length>")]
    pub repeat_after: Option<Spot<Span>>,
    /// How urgent.
    #[schemars(with = "PriorityName")]
    pub priority: Spot<AlarmPriority>,
    /// What it predicts: back-tests judge it by that. Unless given, what the scores that it reads predict, if they agree.
    pub predicts: Option<PredictsText>,
}

/// Priorities of the alarms on equipment and data.
#[derive(Debug, JsonSchema)]
#[schemars(deny_unknown_fields)]
pub(crate) struct TechnicalText {
    /// A source of a patient is silent.
    #[schemars(with = "Option<PriorityName>", extend("default" = "high"))]
    pub silent: AlarmPriority,
    /// A device's clock is wrong.
    #[schemars(with = "Option<PriorityName>", extend("default" = "medium"))]
    pub device_clock: AlarmPriority,
    /// A vital sign is lost while its source goes on.
    #[schemars(with = "Option<PriorityName>", extend("default" = "medium"))]
    pub lost: AlarmPriority,
    /// A vital sign that people chart is overdue.
    #[schemars(with = "Option<PriorityName>", extend("default" = "low"))]
    pub overdue: AlarmPriority,
}

/// What a value beyond `at_once` needs to be believed.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct ConfirmText(pub Confirm);

/// Stands for [`AlarmPriority`] in the JSON Schema.
#[derive(JsonSchema)]
#[schemars(rename = "Priority", rename_all = "lowercase")]
#[expect(dead_code, reason = "only its schema is used")]
enum PriorityName {
    /// Be aware.
    Low,
    /// Respond promptly.
    Medium,
    /// Respond at once.
    High,
}

/// A length of time in the JSON Schema.
struct Length;

/// A name in the JSON Schema.
struct Name;

/// Maximum ages in the JSON Schema.
struct MaxAges;

// === impl Entry ===

impl<T> Entry<T> {
    /// Its name, for a message.
    pub fn named(&self) -> Option<&str> {
        self.name.as_ref().map(|name| name.value.as_str())
    }

    /// What it says, if nothing stands in for anything.
    pub fn sound(&self) -> Option<&T> {
        self.text.as_ref().filter(|_| self.is_sound)
    }
}

// === impl AlarmText ===

impl AlarmText {
    /// How long it must last.
    pub fn hold_for(&self) -> Span {
        self.hold_for.as_ref().map_or(Span::ZERO, |given| given.value)
    }
}

// === impl Section ===

impl<T> Section<T> {
    /// Whether every entry could be read.
    pub fn is_read(&self) -> bool {
        self.entries.iter().all(|entry| entry.is_sound)
    }

    /// Checks that it stays within its bound.
    pub fn check_count(&self, most: usize, problems: &mut Problems) {
        problems.check_count(&self.place(), self.entries.len(), most);
    }

    /// Where it stands.
    pub fn place(&self) -> Place {
        Place::section(self.name, self.at)
    }

    /// Where an entry stands; its name is checked.
    pub fn entry(&self, entry: &Entry<T>, problems: &mut Problems) -> Place {
        let place = Place::entry(self.name, entry.index, entry.named(), entry.at);
        if let Some(name) = &entry.name {
            problems.check_name(&place, name, &self.names_before(entry.index));
        }
        place
    }

    /// The names of the entries before one.
    fn names_before(&self, index: usize) -> Vec<&str> {
        self.entries[..index].iter().filter_map(Entry::named).collect()
    }
}

// === impl JsonSchema ===

const LENGTH: &str = "^(?:[0-9]+d)?(?:[0-9]+h)?(?:[0-9]+m)?(?:[0-9]+s)?(?:[0-9]+ms)?$";

impl JsonSchema for Length {
    fn schema_name() -> Cow<'static, str> {
        "Length".into()
    }

    fn json_schema(_: &mut SchemaGenerator) -> Schema {
        json_schema!({
            "type": "string", "minLength": 2, "pattern": LENGTH, "examples": ["15s", "5m", "24h", "1h30m"],
            "description": "A length of time: a number and its unit, `ms`, `s`, `m`, `h` or `d`, the longest first.",
        })
    }
}

impl JsonSchema for Name {
    fn schema_name() -> Cow<'static, str> {
        "Name".into()
    }

    fn json_schema(_: &mut SchemaGenerator) -> Schema {
        json_schema!({
            "type": "string", "maxLength": 64, "pattern": "^[a-z][a-z0-9_]*$",
            "description": "Lower-case letters, digits and _, as SQL reads them without quotes.",
        })
    }
}

impl JsonSchema for Grace {
    fn schema_name() -> Cow<'static, str> {
        "Grace".into()
    }

    fn json_schema(_: &mut SchemaGenerator) -> Schema {
        json_schema!({
            "type": "string", "description": "A length of time, or `off`: panes wait for ever.",
            "anyOf": [{ "const": "off" }, { "minLength": 2, "pattern": LENGTH }],
        })
    }
}

impl JsonSchema for ConfirmText {
    fn schema_name() -> Cow<'static, str> {
        "Confirm".into()
    }

    fn json_schema(_: &mut SchemaGenerator) -> Schema {
        json_schema!({
            "type": "string", "examples": ["3s", "2 readings"],
            "description": "A length of time, or a number of readings in a row such as `2 readings`.",
            "anyOf": [{ "pattern": "^[2-9] readings$" }, { "minLength": 2, "pattern": LENGTH }],
        })
    }
}

impl JsonSchema for MaxAges {
    fn schema_name() -> Cow<'static, str> {
        "MaxAges".into()
    }

    fn json_schema(generator: &mut SchemaGenerator) -> Schema {
        let length = generator.subschema_for::<Length>();
        let names = VitalSign::ALL.map(VitalSign::name);
        json_schema!({ "type": "object", "propertyNames": { "enum": names }, "additionalProperties": length })
    }
}
