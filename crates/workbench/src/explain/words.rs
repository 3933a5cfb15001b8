//! A pipeline in plain words.

use std::fmt::Write;

use wardwatch_alarms::{Comparison, Confirm, Operator, Rules};
use wardwatch_clinical::VitalSign;
use wardwatch_event_time::Span;
use wardwatch_pipeline::{
    ConditionAlarm, FeatureSet, LimitAlarm, Pipeline, Score, ScoreKind, Source, Writer,
};

/// What a pipeline watches, and when somebody is told.
pub fn words(pipeline: &Pipeline) -> String {
    let mut text = format!("{} version {}\n", pipeline.name, pipeline.version);
    let mut section = |title: &str, lines: Vec<String>| {
        if !lines.is_empty() {
            text.push_str(&format!("\n{title}\n"));
            lines
                .iter()
                .for_each(|line| text.push_str(&format!("- {line}\n")));
        }
    };
    section(
        "What comes in",
        pipeline
            .sources
            .iter()
            .map(|source| of_source(source, pipeline))
            .chain(pipeline.writers.iter().filter_map(of_writer))
            .collect(),
    );
    section(
        "What is computed of it",
        pipeline.sets.iter().map(|set| of_set(set, pipeline)).collect(),
    );
    section(
        "Scores",
        pipeline
            .scores
            .iter()
            .map(|score| of_score(score, pipeline))
            .collect(),
    );
    let limits = pipeline.limits.iter().map(of_limit);
    let conditions = pipeline.conditions.iter().map(of_condition);
    let technical = of_presence(pipeline);
    section(
        "When somebody is told",
        limits.chain(conditions).chain(technical).collect(),
    );
    text
}

/// A writer of context whose topic the pipeline names.
fn of_writer(writer: &Writer) -> Option<String> {
    let topic = writer.topic.as_ref()?;
    Some(format!(
        "who the patients are, as {} states it on the topic {topic}",
        writer.name
    ))
}

fn of_source(source: &Source, pipeline: &Pipeline) -> String {
    let mut text = format!("{}, from the topic {}", source.name, source.topic);
    if source.trend_only {
        text.push_str(": for trends only, it drives no limit and is never silent");
    } else {
        let priority = pipeline.technical.silent.name();
        write!(
            text,
            ": after {} without data somebody is told ({priority})",
            source.silent_after
        )
        .expect("a text takes everything");
    }
    if source.charted {
        text.push_str("; people chart there, so what does not come is overdue and never lost");
    }
    let (rules, priority) = (source.rules, pipeline.technical.device_clock.name());
    let behind = match rules.past_skew {
        Some(past_skew) => format!(" or is steadily more than {past_skew} behind"),
        None => String::new(),
    };
    let then = match (rules.past_skew, source.corrects_clocks) {
        (Some(_), true) => ", and its times are corrected",
        (Some(_), false) => ", and its values are put aside",
        (None, _) => "",
    };
    text + &format!(
        ". Later than {} behind its device's newest, a value counts in no window, and only if nothing newer is known; more than {} \
         ahead of its arrival it is put aside. Of a device whose clock runs so far ahead{behind} somebody is told ({priority}){then}",
        rules.lateness, rules.future_skew,
    )
}

/// What is told of vital signs that do not come any more: by how long that takes.
fn of_presence(pipeline: &Pipeline) -> Vec<String> {
    let from_people = |vital: &VitalSign| {
        let mut sources = pipeline.sources.iter();
        vital.info().charted || sources.all(|source| source.charted || source.trend_only)
    };
    let (charted, monitored): (Vec<VitalSign>, _) = pipeline.watched.iter().copied().partition(from_people);
    let of = |name: &str, priority: &str, vitals: Vec<VitalSign>, how: &str| {
        let mut by_length: Vec<(Span, Vec<&str>)> = Vec::new();
        for vital in vitals {
            let after = pipeline.lost_after[vital.index()];
            match by_length.iter_mut().find(|(length, _)| *length == after) {
                Some((_, labels)) => labels.push(vital.label()),
                None => by_length.push((after, vec![vital.label()])),
            }
        }
        by_length.sort_by_key(|(length, _)| *length);
        let lengths = by_length
            .iter()
            .map(|(length, labels)| format!("{length} without {}", labels.join(", ")));
        let lengths: Vec<String> = lengths.collect();
        (!lengths.is_empty()).then(|| format!("{name} ({priority}): {}{how}", lengths.join("; ")))
    };
    let technical = &pipeline.technical;
    let lost = of(
        "lost",
        technical.lost.name(),
        monitored,
        "; while their source goes on",
    );
    let overdue = of(
        "overdue",
        technical.overdue.name(),
        charted,
        "; one alarm a patient for all of them",
    );
    lost.into_iter().chain(overdue).collect()
}

fn of_set(set: &FeatureSet, pipeline: &Pipeline) -> String {
    let trailing = set.plan.trailing();
    let every = trailing.grid().every();
    let window = trailing.window();
    let vitals: Vec<&str> = set.plan.vitals().map(|vital| vital.label()).collect();
    let waits = match (pipeline.time.hold, pipeline.time.grace) {
        (Span::ZERO, Some(grace)) => format!("at once when its data are there, else {grace} later"),
        (hold, Some(grace)) => format!("{hold} after its end when its data are there, else {grace} later"),
        (hold, None) => format!("{hold} after its end, when its data are there"),
    };
    format!(
        "{}: every {every}, over the last {window}, {} numbers of {}; a window is decided {waits}",
        set.name,
        set.plan.features().fields().len(),
        vitals.join(", ")
    )
}

fn of_score(score: &Score, pipeline: &Pipeline) -> String {
    let when = pipeline.sets[score.set].plan.trailing().grid().every();
    let present = score.present_when.as_ref().map_or(String::new(), |present| {
        format!(
            "; unavailable while {}, since what it predicts is there already",
            present.text
        )
    });
    let text = match &score.kind {
        ScoreKind::Sql { text, .. } => format!("{}, every {when}: {text}", score.name),
        ScoreKind::Model { model, fallback } => {
            let identity = pipeline.models[*model].identity();
            let inputs = score.inputs.len();
            let stands_in = fallback.map_or(String::new(), |score| {
                format!(
                    "; while it cannot speak, {} stands in",
                    pipeline.scores[score].name
                )
            });
            format!(
                "{}, every {when}: the model {} version {}, from {inputs} inputs{stands_in}",
                score.name, identity.name, identity.version
            )
        }
    };
    text + &present
}

fn of_limit(limit: &LimitAlarm) -> String {
    let mut text = format!(
        "{} ({}): {}",
        limit.name,
        limit.priority.name(),
        in_words(limit.limit)
    );
    if limit.rules.hold_for > Span::ZERO {
        text.push_str(&format!(" for {}", limit.rules.hold_for));
    }
    if let Some(worse) = limit.at_once {
        text.push_str(&format!("; at once {}", compared(worse)));
        match limit.rules.confirm {
            Confirm::Never => {}
            Confirm::For(span) => text.push_str(&format!(", once that has lasted {span}")),
            Confirm::Times(times) => text.push_str(&format!(", once {times} readings in a row are so")),
        }
    }
    let clear = limit.clear.map_or("no longer so".to_owned(), compared);
    text + &format!("; ends when {clear}{}", repeated(limit.rules))
}

fn of_condition(alarm: &ConditionAlarm) -> String {
    let mut text = format!("{} ({}): {}", alarm.name, alarm.priority.name(), alarm.when.text);
    if alarm.rules.hold_for > Span::ZERO {
        text.push_str(&format!(" for {}", alarm.rules.hold_for));
    }
    let clear = alarm
        .clear_when
        .as_ref()
        .map_or("no longer so".to_owned(), |clear| clear.text.clone());
    text + &format!("; ends when {clear}{}", repeated(alarm.rules))
}

fn repeated(rules: Rules) -> String {
    let again = rules.repeat_after;
    again.map_or(String::new(), |after| {
        format!("; told again after {after}, unless accepted")
    })
}

fn in_words(comparison: Comparison) -> String {
    format!("{} {}", comparison.vital.label(), compared(comparison))
}

fn compared(comparison: Comparison) -> String {
    let direction = match comparison.operator {
        Operator::Below => "below",
        Operator::AtMost => "at most",
        Operator::Above => "above",
        Operator::AtLeast => "at least",
    };
    let unit = match comparison.vital.unit() {
        "1" | "{score}" => String::new(),
        "/min" => "/min".to_owned(),
        unit => format!(" {}", unit.replace("mm[Hg]", "mmHg").replace("Cel", "°C")),
    };
    format!("{direction} {}{unit}", comparison.threshold)
}
