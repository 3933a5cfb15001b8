//! What differs between two pipelines, part by part.

use std::collections::BTreeSet;

use wardwatch_clinical::VitalSign;
use wardwatch_pipeline::{FeatureSet, From, Input, Pipeline, Score, ScoreKind, Writer};

use super::fields::{
    Fields, condition_fields, in_words, limit_fields, or_off, predicts, set_fields, source_fields,
};
use super::{Change, Identity, Kind, Plan, Section, State};

/// So much of what a part reads is listed.
const MOST_LISTED: usize = 6;

/// Parts by name, in the order of the file.
type Parts = Vec<(String, Fields)>;

/// What the changes so far touch, for what reads them.
#[derive(Default)]
struct Touched {
    features: BTreeSet<String>,
    vitals: BTreeSet<&'static str>,
    scores: BTreeSet<String>,
}

pub(super) fn plan(old: &Pipeline, new: &Pipeline) -> Plan {
    let mut touched = Touched::default();
    let mut changes: Vec<Change> = head(old, new).into_iter().collect();
    changes.extend(sources(old, new));
    changes.extend(writers(old, new));
    changes.extend(time(old, new));
    changes.extend(max_ages(old, new, &mut touched));
    changes.extend(lost_after(old, new));
    changes.extend(sets(old, new, &mut touched));
    changes.extend(scores(old, new, &mut touched));
    let succession = new.succession(old);
    changes.extend(alarms(old, new, &touched, succession.is_ok()));
    changes.extend(technical(old, new));
    let says_something_else = !changes.is_empty();
    changes.splice(0..0, version(old, new, says_something_else));
    let reads_back = match &succession {
        Ok(succession) => new.to_fill(succession).map(|only| only.reach()),
        Err(_) => Some(new.reach()),
    };
    Plan {
        old: identity(old),
        new: identity(new),
        changes,
        needs_restart: succession.err().map(|why| why.to_string()),
        reads_back,
        reaches_further: Some(new.reach()).filter(|reach| *reach > old.reach()),
    }
}

fn identity(pipeline: &Pipeline) -> Identity {
    Identity {
        name: pipeline.name.to_string(),
        version: pipeline.version,
        sha256: pipeline.hash.to_string(),
    }
}

fn head(old: &Pipeline, new: &Pipeline) -> Option<Change> {
    let breaking = "it is another pipeline to every engine: its group, its journal and the names of its alerts begin anew";
    (old.name != new.name).then(|| Change {
        section: Section::Pipeline,
        name: new.name.to_string(),
        kind: Kind::Changed,
        details: vec![differ("pipeline", &old.name, &new.name)],
        state: State::Lost,
        breaking: Some(breaking.to_owned()),
    })
}

/// A text that differs under a version that is no higher: breaking where it says something else.
fn version(old: &Pipeline, new: &Pipeline, says_something_else: bool) -> Option<Change> {
    if old.name != new.name || old.hash == new.hash || new.version > old.version {
        return None;
    }
    let is = match old.version == new.version {
        true => format!("stays {}", new.version),
        false => format!("goes from {} to {}", old.version, new.version),
    };
    let breaking = "an alert names the version that decided it, so a changed pipeline needs a higher one: raise `version`";
    Some(Change {
        section: Section::Pipeline,
        name: new.name.to_string(),
        kind: Kind::Changed,
        details: vec![match says_something_else {
            true => format!("its version {is}"),
            false => format!("its text differs and says the same; its version {is}"),
        }],
        state: State::Kept,
        breaking: says_something_else.then(|| breaking.to_owned()),
    })
}

fn sources(old: &Pipeline, new: &Pipeline) -> Vec<Change> {
    let parts = |pipeline: &Pipeline| -> Parts {
        pipeline
            .sources
            .iter()
            .map(|source| (source.name.clone(), source_fields(source)))
            .collect()
    };
    let (old_parts, new_parts) = (parts(old), parts(new));
    let mut changes = compare(Section::Source, &old_parts, &new_parts);
    for change in &mut changes {
        if change
            .details
            .iter()
            .any(|detail| detail == "trend_only: true → false")
        {
            change
                .details
                .push("it drives limits now, and its silence is told".to_owned());
        }
        if change
            .details
            .iter()
            .any(|detail| detail == "charted: false → true")
        {
            change
                .details
                .push("what does not come is overdue now, not lost".to_owned());
        }
        let changes_topic = change.details.iter().any(|detail| detail.starts_with("topic:"));
        (change.state, change.breaking) = match change.kind {
            Kind::Removed => (
                State::Lost,
                Some(
                    "what devices send there is read no longer; their patients fall silent without an alarm"
                        .to_owned(),
                ),
            ),
            Kind::Changed if changes_topic => (
                State::Rebuilt,
                Some("what comes on the old topic is read no longer".to_owned()),
            ),
            Kind::Changed
                if change
                    .details
                    .iter()
                    .any(|detail| detail == "trend_only: false → true") =>
            {
                (
                    State::Kept,
                    Some("it drives no limit any more, and nobody is told of its silence".to_owned()),
                )
            }
            Kind::Added => (State::Rebuilt, None),
            _ => (State::Kept, None),
        };
    }
    changes
}

fn writers(old: &Pipeline, new: &Pipeline) -> Vec<Change> {
    let parts = |pipeline: &Pipeline| -> Parts {
        let writers = pipeline.writers.iter();
        let fields = |writer: &Writer| {
            let topic = writer.topic.clone();
            Fields::from([("topic", topic.unwrap_or_else(|| "the usual one".to_owned()))])
        };
        writers
            .map(|writer| (writer.name.clone(), fields(writer)))
            .collect()
    };
    let mut changes = compare(Section::Writer, &parts(old), &parts(new));
    for change in &mut changes {
        change.state = State::Rebuilt;
        let is_read_no_longer = !matches!(change.kind, Kind::Added);
        change.breaking =
            is_read_no_longer.then(|| "what is stated on the old topic is read no longer".to_owned());
    }
    changes
}

fn time(old: &Pipeline, new: &Pipeline) -> Vec<Change> {
    let fields = |pipeline: &Pipeline| {
        Fields::from([
            ("hold", pipeline.time.hold.to_string()),
            ("grace", or_off(pipeline.time.grace)),
            ("forget_after", pipeline.time.forget_after.to_string()),
            ("max_score_age", pipeline.time.max_score_age.to_string()),
        ])
    };
    compare(
        Section::Time,
        &vec![("time".to_owned(), fields(old))],
        &vec![("time".to_owned(), fields(new))],
    )
}

fn max_ages(old: &Pipeline, new: &Pipeline, touched: &mut Touched) -> Vec<Change> {
    let mut changes = Vec::new();
    for vital in VitalSign::ALL {
        let (was, is) = (old.max_age[vital.index()], new.max_age[vital.index()]);
        if was != is {
            touched.vitals.insert(vital.name());
            changes.push(Change {
                section: Section::MaxAge,
                name: vital.name().to_owned(),
                kind: Kind::Changed,
                details: vec![differ("max_age", &was.to_string(), &is.to_string())],
                state: State::Kept,
                breaking: None,
            });
        }
    }
    changes
}

/// Where it is not given it is the maximum age, and changes with that.
fn lost_after(old: &Pipeline, new: &Pipeline) -> Vec<Change> {
    let follows = |pipeline: &Pipeline, vital: usize| pipeline.lost_after[vital] == pipeline.max_age[vital];
    let mut changes = Vec::new();
    for vital in VitalSign::ALL {
        let index = vital.index();
        let (was, is) = (old.lost_after[index], new.lost_after[index]);
        if was != is && !(follows(old, index) && follows(new, index)) {
            let details = vec![differ("lost_after", &was.to_string(), &is.to_string())];
            changes.push(change(
                Section::LostAfter,
                vital.name(),
                Kind::Changed,
                details,
                State::Kept,
            ));
        }
    }
    changes
}

fn sets(old: &Pipeline, new: &Pipeline, touched: &mut Touched) -> Vec<Change> {
    let mut changes = Vec::new();
    for set in &new.sets {
        let Some(was) = old.sets.iter().find(|was| was.name == set.name) else {
            touched.features.extend(feature_names(set));
            changes.push(change(
                Section::Features,
                &set.name,
                Kind::Added,
                in_words(set),
                State::Rebuilt,
            ));
            continue;
        };
        let mut details = differences(&set_fields(was), &set_fields(set));
        details.extend(feature_differences(was, set, touched));
        // Another window or slide is another value of every feature.
        if was.plan.trailing() != set.plan.trailing() || !has_same_rows(was, set) {
            touched.features.extend(feature_names(set));
        }
        if !details.is_empty() {
            changes.push(change(
                Section::Features,
                &set.name,
                Kind::Changed,
                details,
                State::Rebuilt,
            ));
        }
    }
    for was in &old.sets {
        if !new.sets.iter().any(|set| set.name == was.name) {
            touched.features.extend(feature_names(was));
            changes.push(change(
                Section::Features,
                &was.name,
                Kind::Removed,
                Vec::new(),
                State::Lost,
            ));
        }
    }
    changes
}

/// Whether two sets differ in their features at most, and not in which rows they see.
fn has_same_rows(was: &FeatureSet, set: &FeatureSet) -> bool {
    was.sql.rows == set.sql.rows
}

fn feature_names(set: &FeatureSet) -> Vec<String> {
    set.plan
        .features()
        .fields()
        .iter()
        .map(|field| field.name().clone())
        .collect()
}

fn feature_differences(was: &FeatureSet, set: &FeatureSet, touched: &mut Touched) -> Vec<String> {
    let (was, is) = (&was.sql.features, &set.sql.features);
    let names: BTreeSet<&String> = was.keys().chain(is.keys()).collect();
    let mut details = Vec::new();
    for name in names {
        let detail = match (was.get(name), is.get(name)) {
            (Some(was), Some(is)) if was == is => continue,
            (Some(was), Some(is)) => differ(name, was, is),
            (None, Some(is)) => format!("{name}: new, {is}"),
            (Some(_), None) => format!("{name}: gone"),
            (None, None) => continue,
        };
        touched.features.insert(name.clone());
        details.push(detail);
    }
    details
}

fn scores(old: &Pipeline, new: &Pipeline, touched: &mut Touched) -> Vec<Change> {
    let fields = |pipeline: &Pipeline, score: &Score| {
        let mut fields = match &score.kind {
            ScoreKind::Sql { text, .. } => Fields::from([("sql", text.clone())]),
            ScoreKind::Model { model, fallback } => {
                let identity = pipeline.models[*model].identity();
                let mut fields = Fields::from([
                    ("model", format!("{}@{}", identity.name, identity.version)),
                    // A model that was trained again under its old version is another one.
                    ("sha256", identity.sha256.chars().take(12).collect()),
                ]);
                fields.extend(fallback.map(|score| ("fallback", pipeline.scores[score].name.to_string())));
                fields
            }
        };
        let present = score.present_when.as_ref();
        fields.extend(present.map(|present| ("present_when", present.text.clone())));
        fields.extend(score.predicts.as_ref().map(predicts));
        fields
    };
    let parts = |pipeline: &Pipeline| -> Parts {
        let scores = pipeline.scores.iter();
        scores
            .map(|score| (score.name.to_string(), fields(pipeline, score)))
            .collect()
    };
    let mut changes = compare(Section::Score, &parts(old), &parts(new));
    touched
        .scores
        .extend(changes.iter().map(|change| change.name.clone()));
    for score in &new.scores {
        let read = read(&score.inputs, touched);
        if !read.is_empty() && touched.scores.insert(score.name.to_string()) {
            changes.push(affected(Section::Score, &score.name, &read));
        }
    }
    changes
}

fn alarms(old: &Pipeline, new: &Pipeline, touched: &Touched, goes_over: bool) -> Vec<Change> {
    let parts = |pipeline: &Pipeline| -> Parts {
        let limits = pipeline
            .limits
            .iter()
            .map(|limit| (limit.name.clone(), limit_fields(limit)));
        let conditions = pipeline
            .conditions
            .iter()
            .map(|alarm| (alarm.name.clone(), condition_fields(alarm)));
        limits.chain(conditions).collect()
    };
    let mut changes = compare(Section::Alarm, &parts(old), &parts(new));
    let of_active = match goes_over {
        true => "where it is active now it ends",
        false => "one that is active now is told no end",
    };
    for change in &mut changes {
        if change.kind == Kind::Removed {
            change.state = State::Lost;
            change.breaking = Some(format!("nobody is told of this any more; {of_active}"));
        }
    }
    for limit in &new.limits {
        let vital = limit.limit.vital.name();
        if touched.vitals.contains(vital) && !changes.iter().any(|change| change.name == limit.name) {
            changes.push(affected(
                Section::Alarm,
                &limit.name,
                &[format!("{vital}, by its age")],
            ));
        }
    }
    for alarm in &new.conditions {
        let scores = alarm
            .scores
            .iter()
            .map(|score| new.scores[*score].name.to_string());
        let clear = alarm.clear_when.iter().flat_map(|clear| &clear.inputs);
        let inputs: Vec<Input> = alarm.when.inputs.iter().chain(clear).cloned().collect();
        let mut read = read(&inputs, touched);
        read.extend(
            scores
                .filter(|score| touched.scores.contains(score))
                .map(|score| format!("the score {score}")),
        );
        read.sort();
        read.dedup();
        if !read.is_empty() && !changes.iter().any(|change| change.name == alarm.name) {
            changes.push(affected(Section::Alarm, &alarm.name, &read));
        }
    }
    changes
}

fn technical(old: &Pipeline, new: &Pipeline) -> Vec<Change> {
    let fields = |pipeline: &Pipeline| {
        Fields::from([
            ("silent", pipeline.technical.silent.name().to_owned()),
            ("device_clock", pipeline.technical.device_clock.name().to_owned()),
            ("lost", pipeline.technical.lost.name().to_owned()),
            ("overdue", pipeline.technical.overdue.name().to_owned()),
        ])
    };
    compare(
        Section::Technical,
        &vec![("technical".to_owned(), fields(old))],
        &vec![("technical".to_owned(), fields(new))],
    )
}

/// What of some inputs is touched, in words.
fn read(inputs: &[Input], touched: &Touched) -> Vec<String> {
    let touched = inputs.iter().filter_map(|input| match input.from {
        From::Feature { .. } => touched
            .features
            .contains(&input.name)
            .then(|| format!("the feature {}", input.name)),
        From::Vital(vital) => touched
            .vitals
            .contains(vital.name())
            .then(|| format!("{}, by its age", input.name)),
        From::OnOxygen | From::Context(_) | From::Score { .. } => None,
    });
    let read: BTreeSet<String> = touched.collect();
    read.into_iter().collect()
}

fn affected(section: Section, name: &str, read: &[String]) -> Change {
    let listed: Vec<&str> = read.iter().take(MOST_LISTED).map(String::as_str).collect();
    let more = match read.len().saturating_sub(MOST_LISTED) {
        0 => String::new(),
        more => format!(" and {more} more"),
    };
    let details = vec![format!("reads what changes: {}{more}", listed.join(", "))];
    change(section, name, Kind::Affected, details, State::Kept)
}

fn change(section: Section, name: &str, kind: Kind, details: Vec<String>, state: State) -> Change {
    Change {
        section,
        name: name.to_owned(),
        kind,
        details,
        state,
        breaking: None,
    }
}

/// Parts that are new, gone, or say something else.
fn compare(section: Section, old: &Parts, new: &Parts) -> Vec<Change> {
    let mut changes = Vec::new();
    for (name, fields) in new {
        match old.iter().find(|(was, _)| was == name) {
            None => {
                let details = fields
                    .iter()
                    .map(|(field, value)| format!("{field}: {value}"))
                    .collect();
                changes.push(change(section, name, Kind::Added, details, State::Kept));
            }
            Some((_, was)) if was == fields => {}
            Some((_, was)) => {
                changes.push(change(
                    section,
                    name,
                    Kind::Changed,
                    differences(was, fields),
                    State::Kept,
                ));
            }
        }
    }
    let is_gone = |name: &String| !new.iter().any(|(is, _)| is == name);
    let gone = old.iter().filter(|(name, _)| is_gone(name));
    changes.extend(gone.map(|(name, _)| change(section, name, Kind::Removed, Vec::new(), State::Kept)));
    changes
}

fn differences(was: &Fields, is: &Fields) -> Vec<String> {
    let names: BTreeSet<&&str> = was.keys().chain(is.keys()).collect();
    let differing = names.into_iter().filter(|name| was.get(**name) != is.get(**name));
    let value = |fields: &Fields, name: &str| fields.get(name).cloned().unwrap_or_else(|| "none".to_owned());
    differing
        .map(|name| differ(name, &value(was, name), &value(is, name)))
        .collect()
}

fn differ(name: &str, was: &str, is: &str) -> String {
    format!("{name}: {was} → {is}")
}
