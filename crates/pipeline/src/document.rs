//! The pipeline file as it is written: the shape of its YAML, and nothing of its meaning.
//!
//! Unknown fields are refused everywhere: a misspelt `for` would be an alarm without its delay. What the types cannot say
//! is checked in the sibling modules, which tell every problem at once. Doc comments here become the JSON Schema's
//! descriptions.

use std::borrow::Cow;
use std::collections::BTreeMap;

use schemars::{JsonSchema, Schema, SchemaGenerator, json_schema};
use serde::{Deserialize, Deserializer};
use serde_saphyr::Spanned;
use wardwatch_clinical::AlarmPriority;
use wardwatch_event_time::Span;

/// A Wardwatch pipeline: what is watched, and when somebody is told.
#[derive(Debug, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
#[schemars(title = "Wardwatch pipeline")]
pub(crate) struct Document {
    /// The pipeline's name.
    pub pipeline: String,
    /// The pipeline's version, from 1.
    pub version: u32,
    /// What it is for, in words.
    #[serde(rename = "description", default)]
    pub _description: Option<String>,
    /// The topics that observations come from.
    #[schemars(with = "Vec<SourceText>")]
    pub sources: Vec<Spanned<SourceText>>,
    /// Rules of time, for every source that does not say otherwise.
    #[serde(default)]
    pub time: TimeText,
    /// By vital sign: after which age its latest value no longer counts.
    #[serde(default)]
    #[schemars(with = "BTreeMap<String, String>")]
    pub max_age: BTreeMap<String, Span>,
    /// Feature sets.
    #[serde(default)]
    #[schemars(with = "Vec<FeatureSetText>")]
    pub features: Vec<Spanned<FeatureSetText>>,
    /// Scores.
    #[serde(default)]
    #[schemars(with = "Vec<ScoreText>")]
    pub scores: Vec<Spanned<ScoreText>>,
    /// Alarms.
    #[serde(default)]
    #[schemars(with = "Vec<AlarmText>")]
    pub alarms: Vec<Spanned<AlarmText>>,
    /// Priorities of the alarms on equipment and data.
    #[serde(default)]
    pub technical: TechnicalText,
}

/// A topic of observations.
#[derive(Debug, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub(crate) struct SourceText {
    /// The name that SQL sees in the column `source`.
    pub name: String,
    /// The Kafka topic.
    pub topic: String,
    /// The format of its records.
    #[serde(rename = "format")]
    pub _format: Format,
    /// Feeds features, but closes no pane and drives no limit.
    #[serde(default)]
    pub trend_only: bool,
    /// Whether repeats are looked for; `on` unless said otherwise.
    #[serde(default)]
    pub dedupe: Switch,
    /// Instead of `time.lateness`.
    #[schemars(with = "Option<String>")]
    pub lateness: Option<Span>,
    /// Instead of `time.future_skew`.
    #[schemars(with = "Option<String>")]
    pub future_skew: Option<Span>,
    /// Instead of `time.silent_after`.
    #[schemars(with = "Option<String>")]
    pub silent_after: Option<Span>,
}

/// A format of records.
#[derive(Debug, Deserialize, JsonSchema)]
#[serde(rename_all = "kebab-case")]
pub(crate) enum Format {
    /// Canonical observation JSON, single or grouped.
    ObservationJson,
}

/// On or off.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Deserialize, JsonSchema)]
#[serde(rename_all = "lowercase")]
pub(crate) enum Switch {
    /// Does it.
    #[default]
    On,
    /// Does not.
    Off,
}

/// Rules of time. Lengths are written `500ms`, `15s`, `5m`, `24h`, `7d`, `1h30m`.
#[derive(Debug, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields, default)]
pub(crate) struct TimeText {
    /// How far an observation may be behind its patient's clock; `2m`.
    #[schemars(with = "String")]
    pub lateness: Span,
    /// How far clocks must be past a pane's end before it closes; `0s`.
    #[schemars(with = "String")]
    pub hold: Span,
    /// How long a pane waits for clocks that do not come, or `off`; `2s`.
    pub grace: Grace,
    /// How far a device's clock may run ahead; `10s`.
    #[schemars(with = "String")]
    pub future_skew: Span,
    /// After which silence of a source a technical alarm begins; `60s`.
    #[schemars(with = "String")]
    pub silent_after: Span,
    /// After how long without data a patient is no longer monitored; `24h`.
    #[schemars(with = "String")]
    pub forget_after: Span,
}

/// A length of time, or `off`.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Grace(pub Option<Span>);

/// Features over one trailing window.
#[derive(Debug, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub(crate) struct FeatureSetText {
    /// The set's name.
    pub name: String,
    /// The window's length, a multiple of `every`.
    #[schemars(with = "String")]
    pub window: Span,
    /// How often it is evaluated.
    #[schemars(with = "String")]
    pub every: Span,
    /// Which panes are evaluated; `rows` unless said otherwise.
    #[serde(default)]
    pub emit: EmitText,
    /// `SELECT … FROM vitals GROUP BY patient_id`.
    pub sql: String,
}

/// Which panes are evaluated.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Deserialize, JsonSchema)]
#[serde(rename_all = "snake_case")]
pub(crate) enum EmitText {
    /// Those that hold rows.
    #[default]
    Rows,
    /// All, while the patient is monitored.
    EveryPane,
}

/// A score: either `sql` or `model`.
#[derive(Debug, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub(crate) struct ScoreText {
    /// The score's name.
    pub name: String,
    /// An expression over features, vital signs and context.
    pub sql: Option<String>,
    /// A model as `name@version`.
    pub model: Option<String>,
    /// The score that stands in while the model cannot speak.
    pub fallback: Option<String>,
}

/// An alarm: either `limit`, on one vital sign, or `when`, on features and scores.
#[derive(Debug, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub(crate) struct AlarmText {
    /// The alarm's name.
    pub name: String,
    /// A vital sign against a threshold: `spo2 < 88`.
    pub limit: Option<String>,
    /// The worse limit that does not wait for `for`.
    pub at_once: Option<String>,
    /// A condition: `news2 >= 5`.
    pub when: Option<String>,
    /// What ends it; without it, `limit` or `when` no longer holding does.
    pub clear_when: Option<String>,
    /// How long it must last; at once unless said otherwise.
    #[serde(default, rename = "for")]
    #[schemars(with = "Option<String>")]
    pub hold_for: Span,
    /// After how long an active alarm is told of again.
    #[schemars(with = "Option<String>")]
    pub repeat_after: Option<Span>,
    /// How urgent.
    #[schemars(with = "PriorityName")]
    pub priority: AlarmPriority,
}

/// Priorities of the alarms on equipment and data.
#[derive(Debug, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields, default)]
pub(crate) struct TechnicalText {
    /// A source of a patient is silent; `high`.
    #[schemars(with = "PriorityName")]
    pub silent: AlarmPriority,
    /// A device's clock runs ahead; `medium`.
    #[schemars(with = "PriorityName")]
    pub device_clock: AlarmPriority,
}

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

// === impl TimeText ===

impl Default for TimeText {
    fn default() -> Self {
        Self {
            lateness: Span::from_secs(120),
            hold: Span::ZERO,
            grace: Grace(Some(Span::from_secs(2))),
            future_skew: Span::from_secs(10),
            silent_after: Span::from_secs(60),
            forget_after: Span::from_secs(24 * 3600),
        }
    }
}

// === impl Grace ===

impl<'de> Deserialize<'de> for Grace {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        let text = String::deserialize(deserializer)?;
        if text == "off" {
            return Ok(Self(None));
        }
        Span::parse(&text)
            .map(|span| Self(Some(span)))
            .map_err(serde::de::Error::custom)
    }
}

impl JsonSchema for Grace {
    fn schema_name() -> Cow<'static, str> {
        "Grace".into()
    }

    fn json_schema(_: &mut SchemaGenerator) -> Schema {
        json_schema!({ "type": "string", "description": "A length of time, or `off`: panes wait for ever." })
    }
}

// === impl TechnicalText ===

impl Default for TechnicalText {
    fn default() -> Self {
        Self {
            silent: AlarmPriority::High,
            device_clock: AlarmPriority::Medium,
        }
    }
}
