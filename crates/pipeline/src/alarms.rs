//! Alarms: each is a limit on one vital sign or a condition over features and scores.

use arrow::datatypes::DataType;
use wardwatch_alarms::Rules;
use wardwatch_clinical::VitalSign;
use wardwatch_event_time::Span;

use crate::document::{AlarmText, Document};
use crate::limits;
use crate::names::Names;
use crate::problems::{Place, Problems};
use crate::scores::CheckedScore;
use crate::{Condition, ConditionAlarm, From, LimitAlarm, Source};

/// Most alarms of a pipeline; each keeps 56 bytes a patient.
const MOST_ALARMS: usize = 256;

/// The names of the technical alarms.
const TECHNICAL: [&str; 2] = ["silent", "device_clock"];

/// The alarms of a pipeline that have no problem.
#[derive(Debug, Default)]
pub(crate) struct Alarms {
    pub limits: Vec<LimitAlarm>,
    pub conditions: Vec<ConditionAlarm>,
}

/// Checks every alarm.
pub(crate) fn alarms(
    document: &Document,
    names: &Names,
    scores: &[CheckedScore],
    sources: &[Source],
    max_age: &[Span; VitalSign::COUNT],
    problems: &mut Problems,
) -> Alarms {
    let entries = &document.alarms;
    problems.check_count("alarms", entries.len(), MOST_ALARMS);
    let mut names = names.clone();
    for (index, score) in scores.iter().enumerate() {
        names.add_score(&score.name, index, score.is_point_score);
    }
    let mut alarms = Alarms::default();
    for (index, entry) in entries.iter().enumerate() {
        let text = &entry.value;
        let place = Place::entry("alarms", index, &text.name, entry.referenced.line());
        let taken: Vec<&str> = entries[..index]
            .iter()
            .map(|earlier| earlier.value.name.as_str())
            .collect();
        problems.check_name(&place, &text.name, &taken);
        check_timing(text, &place, problems);
        match (&text.limit, &text.when) {
            (Some(limit), None) => {
                if !sources.is_empty() && sources.iter().all(|source| source.trend_only) {
                    problems.push(
                        &place.field("limit"),
                        "every source is `trend_only`, and such a source drives no limit",
                        "add a source that is not, or write a condition with `when`",
                    );
                }
                alarms
                    .limits
                    .extend(limits::limit(text, limit, max_age, &place, problems));
            }
            (None, Some(when)) => {
                let rules = Rules {
                    hold_for: text.hold_for,
                    max_age: document.time.forget_after,
                    repeat_after: text.repeat_after,
                };
                alarms.conditions.extend(condition_alarm(
                    text, when, rules, &names, scores, &place, problems,
                ));
            }
            _ => problems.push(
                &place,
                "an alarm has either `limit` or `when`",
                "use `limit` for one vital sign, `when` for features and scores",
            ),
        }
    }
    alarms
}

fn check_timing(text: &AlarmText, place: &Place, problems: &mut Problems) {
    if TECHNICAL.contains(&text.name.as_str()) {
        problems.push(
            place,
            format!("{} is the name of a technical alarm", text.name),
            "give it another name; the technical alarm's priority is set under `technical`",
        );
    }
    if text.repeat_after.is_some_and(|after| after <= Span::ZERO) {
        problems.push(
            &place.field("repeat_after"),
            "it would be told of again without end",
            "give a length such as 30m, or remove it",
        );
    }
}

fn condition_alarm(
    text: &AlarmText,
    when: &str,
    rules: Rules,
    names: &Names,
    scores: &[CheckedScore],
    place: &Place,
    problems: &mut Problems,
) -> Option<ConditionAlarm> {
    if text.at_once.is_some() {
        problems.push(
            &place.field("at_once"),
            "only a limit can bypass its delay",
            "write the worse condition as an alarm of its own, without `for`",
        );
    }
    if !names.has_sets() {
        problems.push(
            &place.field("when"),
            "conditions are judged when a feature set closes a window, and there is no feature set",
            "add one under `features`, or use `limit` for a vital sign",
        );
        return None;
    }
    let begins = condition(when, &place.field("when"), names, problems);
    let ends = text
        .clear_when
        .as_deref()
        .map(|clear| condition(clear, &place.field("clear_when"), names, problems));
    let (when_planned, clear_when) = (begins?, ends.map_or(Some(None), |ends| ends.map(Some))?);

    let inputs = || {
        when_planned
            .inputs
            .iter()
            .chain(clear_when.iter().flat_map(|clear| &clear.inputs))
    };
    let mut read: Vec<usize> = inputs()
        .filter_map(|input| match input.from {
            From::Score { score, .. } => Some(score),
            _ => None,
        })
        .collect();
    read.sort_unstable();
    read.dedup();
    let through: Vec<usize> = read
        .iter()
        .filter_map(|score| scores[*score].planned.as_ref())
        .map(|score| score.set)
        .collect();
    let set = names.finest(&inputs().cloned().collect::<Vec<_>>(), &through)?;
    Some(ConditionAlarm {
        name: text.name.clone(),
        text: when.trim().to_owned(),
        when: when_planned,
        clear_when,
        rules,
        priority: text.priority,
        set,
        scores: read,
    })
}

fn condition(sql: &str, place: &Place, names: &Names, problems: &mut Problems) -> Option<Condition> {
    let planned = names.plan(sql, place, problems)?;
    if *planned.expression.data_type() != DataType::Boolean {
        problems.push(
            place,
            format!(
                "the result is of type {}, and a condition is true or false",
                planned.expression.data_type()
            ),
            "compare it with a threshold, such as `news2 >= 5`",
        );
        return None;
    }
    if planned.inputs.is_empty() {
        problems.push(
            place,
            "it reads nothing of the patient",
            "compare a score, a feature or a vital sign",
        );
        return None;
    }
    Some(Condition {
        expression: planned.expression,
        inputs: planned.inputs,
    })
}
