//! Sources, writers of context, rules of time, maximum ages.

use std::collections::BTreeMap;
use wardwatch_yaml::{At, Place, Problems, Spot};

use wardwatch_clinical::VitalSign;
use wardwatch_event_time::{ClockRules, Span};

use crate::codes;
use crate::document::{Document, SourceText, Switch, TimeText, WrongClockText};
use crate::{Source, TimeRules, Writer};

/// Most sources of a pipeline: each is a topic that every shard reads.
const MOST_SOURCES: usize = 16;

/// A source that may be silent for longer is charted by hand or uploads when it likes.
const MOST_HURRIED: Span = Span::from_secs(5 * 60);

/// How long after its earliest decision a condition may still begin on a window, unless the pipeline says otherwise.
const MAX_SCORE_AGE: Span = Span::from_secs(5 * 60);
/// Most writers of context, likewise.
const MOST_WRITERS: usize = 16;

/// Where context comes from, and what its writer is called, where a pipeline does not say.
const CONTEXT: &str = "context";

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
    if text.forget_after.value <= Span::ZERO {
        problems.push(
            codes::BAD_TIME,
            &Place::section("time: forget_after", text.forget_after.at),
            "a patient would be forgotten at once",
            "give a length such as 24h",
        );
    }
    let silence = Place::section("time: silent_after", text.silent_after.at);
    check_silence(&text.silent_after, text, &silence, problems);
    TimeRules {
        hold: text.hold,
        grace: text.grace.0,
        forget_after: text.forget_after.value,
        max_score_age: max_score_age(text, problems),
    }
}

/// How old a window may be for a condition to begin on it. Every window waits for `hold`, and for `grace` where its patient's
/// clock stands still: a shorter maximum would be an alarm that never begins.
fn max_score_age(text: &TimeText, problems: &mut Problems) -> Span {
    let Some(given) = &text.max_score_age else {
        return text.hold + MAX_SCORE_AGE;
    };
    let soonest = text.hold + text.grace.0.unwrap_or(Span::ZERO);
    if given.value < soonest {
        problems.push(
            codes::BAD_TIME,
            &Place::section("time: max_score_age", given.at),
            format!(
                "a window may be {soonest} old at its decision (hold and grace), so no condition could begin at {}",
                given.value
            ),
            "make it longer than hold and grace together, or shorten those",
        );
    }
    given.value
}

/// The sources, with the rules of time that they do not override.
pub(crate) fn sources(document: &Document, problems: &mut Problems) -> Vec<Source> {
    let section = &document.sources;
    section.check_count(MOST_SOURCES, problems);
    if section.entries.is_empty() {
        problems.push(
            codes::NONE_GIVEN,
            &section.place(),
            "there is none",
            "add one, such as `- { name: bedside, topic: vitals.bedside, format: observation-json }`",
        );
    }
    let mut sources: Vec<Source> = Vec::new();
    for entry in &section.entries {
        let place = section.entry(entry, problems);
        let Some(text) = entry.sound() else { continue };
        let taken = sources
            .iter()
            .map(|source| ("source", &*source.name, &*source.topic));
        check_topic(&place, &text.topic, &OWN_TOPICS, taken, problems);
        sources.push(source(text, &document.time, &place, problems));
    }
    sources
}

/// The writers of context; one where the document names none.
pub(crate) fn writers(document: &Document, sources: &[Source], problems: &mut Problems) -> Vec<Writer> {
    let section = &document.context;
    section.check_count(MOST_WRITERS, problems);
    let own: Vec<&str> = OWN_TOPICS.into_iter().filter(|topic| *topic != CONTEXT).collect();
    let mut writers: Vec<Writer> = Vec::new();
    for entry in &section.entries {
        let place = section.entry(entry, problems);
        let Some(text) = entry.sound() else { continue };
        let of_sources = sources
            .iter()
            .map(|source| ("source", &*source.name, &*source.topic));
        let of_writers = writers
            .iter()
            .filter_map(|writer| Some(("writer", &*writer.name, writer.topic.as_deref()?)));
        check_topic(&place, &text.topic, &own, of_sources.chain(of_writers), problems);
        writers.push(Writer {
            name: text.name.value.clone(),
            topic: Some(text.topic.value.clone()),
        });
    }
    if section.entries.is_empty() {
        writers.push(Writer {
            name: CONTEXT.to_owned(),
            topic: None,
        });
    }
    writers
}

fn source(text: &SourceText, time: &TimeText, place: &Place, problems: &mut Problems) -> Source {
    let or = |given: &Option<Spot<Span>>, else_: Span| given.as_ref().map_or(else_, |given| given.value);
    let silent_after = or(&text.silent_after, time.silent_after.value);
    if let Some(given) = &text.silent_after {
        check_silence(given, time, &place.field("silent_after", given.at), problems);
    }
    let is_trend_only = text.trend_only.as_ref().is_some_and(|given| given.value);
    if let Some(given) = text.silent_after.as_ref().filter(|_| is_trend_only) {
        problems.push(
            codes::NO_EFFECT,
            &place.field("silent_after", given.at),
            "a source that is only for trends is never told of as silent",
            "leave silent_after out, or trend_only",
        );
    }
    let interval = text.interval.as_ref().map(|given| given.value);
    if let Some(given) = &text.interval {
        check_interval(given, silent_after, &place.field("interval", given.at), problems);
    }
    // Where data are expected late, or seldom, steady lateness tells nothing of a clock.
    let is_unhurried = is_trend_only || silent_after > MOST_HURRIED;
    let past_skew = match &text.past_skew {
        Some(given) => given.value.0,
        None => time.past_skew.0.filter(|_| !is_unhurried),
    };
    let wrong_clock = text.wrong_clock.as_ref().map(|given| given.value);
    Source {
        name: text.name.value.clone(),
        topic: text.topic.value.clone(),
        trend_only: is_trend_only,
        charted: text.charted.as_ref().is_some_and(|given| given.value),
        corrects_clocks: wrong_clock != Some(WrongClockText::Quarantine),
        dedupe: text.dedupe.as_ref().is_none_or(|given| given.value == Switch::On),
        rules: ClockRules {
            lateness: or(&text.lateness, time.lateness),
            future_skew: or(&text.future_skew, time.future_skew),
            past_skew,
        },
        silent_after,
        interval,
    }
}

/// A reading that is on time must not be called a silence, nor one that is a little late.
fn check_interval(interval: &Spot<Span>, silent_after: Span, place: &Place, problems: &mut Problems) {
    let every = interval.value;
    if every <= Span::ZERO {
        let cause = "no device sends that often";
        problems.push(codes::BAD_TIME, place, cause, "give a length such as 60s");
    } else if silent_after < every + Span::from_micros(every.micros() / 2) {
        let cause = format!(
            "a device that sends every {every} is called silent after {silent_after}: whenever a message is a little late"
        );
        let fix = "make `silent_after` at least one and a half times as long; twice survives a lost message";
        problems.warn(codes::BAD_TIME, place, cause, fix);
    }
}

fn check_silence(after: &Spot<Span>, time: &TimeText, place: &Place, problems: &mut Problems) {
    let forget_after = time.forget_after.value;
    if after.value <= Span::ZERO || after.value >= forget_after {
        problems.push(
            codes::BAD_TIME,
            place,
            format!("{} is not between nothing and forget_after, {forget_after}", after.value),
            "make it shorter than forget_after, else the patient is forgotten before anyone is told of the silence",
        );
    }
}

/// `taken` are the kind, name and topic of what is read before.
fn check_topic<'t>(
    place: &Place,
    topic: &Spot<String>,
    own: &[&str],
    mut taken: impl Iterator<Item = (&'static str, &'t str, &'t str)>,
    problems: &mut Problems,
) {
    let place = place.field("topic", topic.at);
    let topic = topic.value.as_str();
    let is_legal = |byte: u8| byte.is_ascii_alphanumeric() || b"._-".contains(&byte);
    if topic.is_empty() || topic.len() > 249 || matches!(topic, "." | "..") || !topic.bytes().all(is_legal) {
        problems.push(
            codes::BAD_TOPIC,
            &place,
            format!("{topic:?} is not a name that Kafka takes"),
            "use letters, digits, dots, hyphens and _, at most 249",
        );
    } else if own.contains(&topic) {
        problems.push(
            codes::BAD_TOPIC,
            &place,
            format!("{topic} is one of Wardwatch's own topics"),
            "name the topic that others write to",
        );
    }
    if let Some((kind, name, _)) = taken.find(|(.., taken)| *taken == topic) {
        problems.push(
            codes::BAD_TOPIC,
            &place,
            format!("{kind} {name} reads {topic} too"),
            "give each source and writer a topic of its own",
        );
    }
}

/// By vital sign: the pipeline's maximum age, else the registry's.
pub(crate) fn max_age(
    text: &BTreeMap<String, (At, Spot<Span>)>,
    problems: &mut Problems,
) -> [Span; VitalSign::COUNT] {
    let mut ages = VitalSign::ALL.map(|vital| Span::from_secs(i64::from(vital.info().max_age_seconds)));
    for (name, (key, age)) in text {
        let place = Place::section("max_age", *key).field(name, *key);
        match VitalSign::from_name(name) {
            None => problems.unknown(
                codes::UNKNOWN_VITAL,
                &place,
                format!("{name} is not a vital sign"),
                name,
                VitalSign::ALL.iter().map(|vital| vital.name()),
            ),
            Some(_) if age.value <= Span::ZERO => {
                problems.push(
                    codes::BAD_TIME,
                    &place.at(age.at),
                    "no value is that fresh",
                    "give a length such as 5m",
                );
            }
            Some(vital) => ages[vital.index()] = age.value,
        }
    }
    ages
}
