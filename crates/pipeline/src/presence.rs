//! Which vital signs the rules of a pipeline read, and when one of them is lost.

use std::collections::{BTreeMap, BTreeSet};

use wardwatch_clinical::VitalSign;
use wardwatch_event_time::Span;
use wardwatch_yaml::{At, Place, Problems, Spot};

use crate::codes;
use crate::{ConditionAlarm, FeatureSet, From, Input, LimitAlarm, Score, Source};

/// By vital sign: after how long without a usable reading it is lost. At most its maximum age: a value that is too old is
/// used no more, and somebody has to know.
pub(crate) fn lost_after(
    text: &BTreeMap<String, (At, Spot<Span>)>,
    max_age: &[Span; VitalSign::COUNT],
    sources: &[Source],
    problems: &mut Problems,
) -> [Span; VitalSign::COUNT] {
    let mut after = *max_age;
    for (name, (key, given)) in text {
        let place = Place::section("lost_after", *key).field(name, *key);
        let Some(vital) = VitalSign::from_name(name) else {
            problems.unknown(
                codes::UNKNOWN_VITAL,
                &place,
                format!("{name} is not a vital sign"),
                name,
                VitalSign::ALL.iter().map(|vital| vital.name()),
            );
            continue;
        };
        let most = max_age[vital.index()];
        if given.value <= Span::ZERO || given.value > most {
            problems.push(
                codes::BAD_TIME,
                &place.at(given.at),
                format!(
                    "{} is not between nothing and the maximum age, {most}",
                    given.value
                ),
                "make it shorter, or set a longer `max_age`",
            );
        }
        let interval = sources.iter().filter_map(|source| source.interval).min();
        if let Some(interval) = interval.filter(|interval| given.value <= *interval) {
            let cause = format!("a device that sends every {interval} loses it between two messages");
            problems.warn(
                codes::BAD_TIME,
                &place.at(given.at),
                cause,
                "make it at least twice the `interval`",
            );
        }
        after[vital.index()] = given.value;
    }
    after
}

/// The vital signs that scores and alarms read.
pub(crate) fn watched(
    sets: &[FeatureSet],
    scores: &[Score],
    limits: &[LimitAlarm],
    conditions: &[ConditionAlarm],
) -> Vec<VitalSign> {
    let scores = scores.iter().flat_map(|score| read_by(&score.inputs, sets));
    let limits = limits.iter().map(|alarm| alarm.limit.vital);
    let conditions = conditions.iter().flat_map(|alarm| {
        let clear = alarm.clear_when.iter().flat_map(|clear| &clear.inputs);
        let inputs: Vec<Input> = alarm.when.inputs.iter().chain(clear).cloned().collect();
        read_by(&inputs, sets)
    });
    let all: BTreeSet<VitalSign> = scores.chain(limits).chain(conditions).collect();
    all.into_iter().collect()
}

/// How long after a judgement a condition is known: until the last of what it reads is too old.
pub(crate) fn known_for(
    alarm: &ConditionAlarm,
    sets: &[FeatureSet],
    scores: &[Score],
    max_age: &[Span; VitalSign::COUNT],
) -> Span {
    let of_scores = alarm.scores.iter().flat_map(|score| &scores[*score].inputs);
    let inputs: Vec<Input> = alarm.when.inputs.iter().chain(of_scores).cloned().collect();
    let vitals = read_by(&inputs, sets).into_iter();
    let oldest = vitals.map(|vital| max_age[vital.index()]).max();
    oldest
        .unwrap_or(Span::ZERO)
        .max(sets[alarm.set].plan.trailing().window())
}

fn read_by(inputs: &[Input], sets: &[FeatureSet]) -> Vec<VitalSign> {
    let of = |input: &Input| match input.from {
        From::Vital(vital) => vec![vital],
        From::OnOxygen => vec![VitalSign::O2Flow, VitalSign::Fio2],
        From::Feature { set, column } => sets[set].plan.reads(column),
        From::Context(_) | From::Score { .. } => Vec::new(),
    };
    inputs.iter().flat_map(of).collect()
}
