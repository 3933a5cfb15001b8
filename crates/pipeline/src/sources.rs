//! Sources, rules of time, maximum ages.

use std::collections::BTreeMap;

use wardwatch_clinical::VitalSign;
use wardwatch_event_time::{ClockRules, Span};

use crate::document::{Document, Switch, TimeText};
use crate::problems::{Place, Problems};
use crate::{Source, TimeRules};

/// Most sources of a pipeline: each is a topic that every shard reads.
const MOST_SOURCES: usize = 16;

/// Topics of Wardwatch's own, which hold no observations.
const OWN_TOPICS: [&str; 7] = [
    "alerts",
    "alerts.commands",
    "alarms",
    "context",
    "scores",
    "quarantine",
    "journal",
];

/// The rules of time that hold for a whole patient.
pub(crate) fn time(text: &TimeText, problems: &mut Problems) -> TimeRules {
    if text.forget_after <= Span::ZERO {
        problems.push(
            &Place::section("time: forget_after"),
            "a patient would be forgotten at once",
            "give a length such as 24h",
        );
    }
    TimeRules {
        hold: text.hold,
        grace: text.grace.0,
        forget_after: text.forget_after,
    }
}

/// The sources, with the rules of time that they do not override.
pub(crate) fn sources(document: &Document, problems: &mut Problems) -> Vec<Source> {
    problems.check_count("sources", document.sources.len(), MOST_SOURCES);
    if document.sources.is_empty() {
        problems.push(
            &Place::section("sources"),
            "there is none",
            "add one, such as `- { name: bedside, topic: vitals.bedside, format: observation-json }`",
        );
    }
    let mut sources: Vec<Source> = Vec::new();
    for (index, entry) in document.sources.iter().enumerate() {
        let text = &entry.value;
        let place = Place::entry("sources", index, &text.name, entry.referenced.line());
        let taken: Vec<&str> = sources.iter().map(|source| source.name.as_str()).collect();
        problems.check_name(&place, &text.name, &taken);
        check_topic(&place, &text.topic, &sources, problems);
        let silent_after = text.silent_after.unwrap_or(document.time.silent_after);
        if silent_after <= Span::ZERO || silent_after >= document.time.forget_after {
            problems.push(
                &place.field("silent_after"),
                format!("{silent_after} is not between nothing and forget_after, {}", document.time.forget_after),
                "make it shorter than forget_after, else the patient is forgotten before anyone is told of the silence",
            );
        }
        if text.trend_only && text.silent_after.is_some() {
            problems.push(
                &place.field("silent_after"),
                "a source that is only for trends is never told of as silent",
                "leave silent_after out, or trend_only",
            );
        }
        sources.push(Source {
            name: text.name.clone(),
            topic: text.topic.clone(),
            trend_only: text.trend_only,
            dedupe: text.dedupe == Switch::On,
            rules: ClockRules {
                lateness: text.lateness.unwrap_or(document.time.lateness),
                future_skew: text.future_skew.unwrap_or(document.time.future_skew),
            },
            silent_after,
        });
    }
    sources
}

fn check_topic(place: &Place, topic: &str, earlier: &[Source], problems: &mut Problems) {
    let is_legal = |byte: u8| byte.is_ascii_alphanumeric() || b"._-".contains(&byte);
    if topic.is_empty() || topic.len() > 249 || matches!(topic, "." | "..") || !topic.bytes().all(is_legal) {
        problems.push(
            &place.field("topic"),
            format!("{topic:?} is not a name that Kafka takes"),
            "use letters, digits, dots, hyphens and _, at most 249",
        );
    } else if OWN_TOPICS.contains(&topic) {
        problems.push(
            &place.field("topic"),
            format!("{topic} is one of Wardwatch's own topics"),
            "name the topic that devices write to",
        );
    }
    if let Some(other) = earlier.iter().find(|source| source.topic == topic) {
        problems.push(
            &place.field("topic"),
            format!("source {} reads {topic} too", other.name),
            "give each source a topic of its own",
        );
    }
}

/// By vital sign: the pipeline's maximum age, else the registry's.
pub(crate) fn max_age(text: &BTreeMap<String, Span>, problems: &mut Problems) -> [Span; VitalSign::COUNT] {
    let mut ages = VitalSign::ALL.map(|vital| Span::from_secs(i64::from(vital.info().max_age_seconds)));
    for (name, age) in text {
        let place = Place::section("max_age").field(name);
        match VitalSign::from_name(name) {
            None => problems.unknown(
                &place,
                format!("{name} is not a vital sign"),
                name,
                VitalSign::ALL.iter().map(|vital| vital.name()),
            ),
            Some(_) if *age <= Span::ZERO => {
                problems.push(&place, "no value is that fresh", "give a length such as 5m");
            }
            Some(vital) => ages[vital.index()] = *age,
        }
    }
    ages
}
