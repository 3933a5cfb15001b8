//! Alarms: each is a limit on one vital sign or a condition over features and scores.

use arrow::datatypes::DataType;
use wardwatch_alarms::{Confirm, Known, Rules};
use wardwatch_clinical::VitalSign;
use wardwatch_event_time::Span;
use wardwatch_yaml::{Place, Problems, Spot, codes as yaml_codes};

use crate::codes;
use crate::document::{AlarmText, Document};
use crate::limits;
use crate::meaning::{Fact, Thresholds, Truth, is_stepwise, overlap, try_out};
use crate::names::Names;
use crate::predictions::{common, predicts};
use crate::scores::CheckedScore;
use crate::spelling;
use crate::{Condition, ConditionAlarm, From, LimitAlarm, Source};

/// Most alarms of a pipeline: of each, every patient keeps a state machine.
const MOST_ALARMS: usize = 256;

/// The names of the technical alarms.
const TECHNICAL: [&str; 5] = ["silent", "device_clock", "records_lost", "lost", "overdue"];

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
    let section = &document.alarms;
    section.check_count(MOST_ALARMS, problems);
    let mut names = names.clone();
    if !document.scores.is_read() {
        names.mark_incomplete();
    }
    for (index, score) in scores.iter().enumerate() {
        names.add_score(&score.name, index, score.is_point_score, &score.value);
    }
    let mut alarms = Alarms::default();
    for entry in &section.entries {
        let place = section.entry(entry, problems);
        let Some(text) = &entry.text else { continue };
        check_timing(text, &place, problems);
        match (&text.limit, &text.when) {
            (Some(limit), None) => {
                if document.sources.is_read()
                    && !sources.is_empty()
                    && sources.iter().all(|source| source.trend_only)
                {
                    problems.push(
                        codes::NO_LIVE_SOURCE,
                        &place.field("limit", limit.at),
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
                    hold_for: text.hold_for(),
                    max_age: document.time.forget_after.value,
                    repeat_after: text.repeat_after.as_ref().map(|given| given.value),
                    confirm: Confirm::Never,
                    known: Known::Always,
                };
                alarms.conditions.extend(condition_alarm(
                    text, when, rules, &names, scores, &place, problems,
                ));
            }
            _ => problems.push(
                codes::EITHER_OR,
                &place.at(text.name.at),
                "an alarm has either `limit` or `when`",
                "use `limit` for one vital sign, `when` for features and scores",
            ),
        }
    }
    alarms
}

fn check_timing(text: &AlarmText, place: &Place, problems: &mut Problems) {
    if TECHNICAL.contains(&text.name.value.as_str()) {
        problems.push(
            yaml_codes::NAME_TAKEN,
            &place.at(text.name.at),
            format!("{} is the name of a technical alarm", text.name.value),
            "give it another name; the technical alarm's priority is set under `technical`",
        );
    }
    if let Some(after) = text
        .repeat_after
        .as_ref()
        .filter(|after| after.value <= Span::ZERO)
    {
        problems.push(
            codes::BAD_TIME,
            &place.field("repeat_after", after.at),
            "it would be told of again without end",
            "give a length such as 30m, or remove it",
        );
    }
}

fn condition_alarm(
    text: &AlarmText,
    when: &Spot<String>,
    rules: Rules,
    names: &Names,
    scores: &[CheckedScore],
    place: &Place,
    problems: &mut Problems,
) -> Option<ConditionAlarm> {
    let spared = [
        ("at_once", text.at_once.as_ref().map(|given| given.at)),
        ("confirm", text.confirm.as_ref().map(|given| given.at)),
    ];
    for (name, at) in spared {
        let Some(at) = at else { continue };
        problems.push(
            codes::NO_EFFECT,
            &place.field(name, at),
            "only a limit can bypass its delay",
            "write the worse condition as an alarm of its own, without `for`",
        );
    }
    if !names.has_sets() {
        problems.push(
            codes::NEVER_EVALUATED,
            &place.field("when", when.at),
            "conditions are judged when a feature set closes a window, and there is no feature set",
            "add one under `features`, or use `limit` for a vital sign",
        );
        return None;
    }
    let begins = condition(when, &place.field("when", when.at), names, problems);
    let ends = text
        .clear_when
        .as_ref()
        .map(|clear| condition(clear, &place.field("clear_when", clear.at), names, problems));
    let ((when_planned, begins), ends) = (begins?, ends.map_or(Some(None), |ends| ends.map(Some))?);
    check_course(
        text,
        when,
        (&when_planned, begins),
        ends.as_ref(),
        names,
        place,
        problems,
    );
    let clear_when = ends.map(|(clear, _)| clear);

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
        name: text.name.value.clone(),
        text: when.value.trim().to_owned(),
        when: when_planned,
        clear_when,
        rules,
        priority: text.priority.value,
        set,
        predicts: predicts(text.predicts.as_ref(), place, problems).or_else(|| common(&read, scores)),
        scores: read,
    })
}

/// Whether a condition can begin, and end, and stay ended.
fn check_course(
    text: &AlarmText,
    when: &Spot<String>,
    (begins, begins_when): (&Condition, Truth),
    ends: Option<&(Condition, Truth)>,
    names: &Names,
    place: &Place,
    problems: &mut Problems,
) {
    let when_place = place.field("when", when.at);
    if !begins_when.can_hold {
        problems.push(
            codes::NEVER_BEGINS,
            &when_place,
            "it never holds, whatever the patient's values are",
            "compare with thresholds that values reach",
        );
    }
    let Some(((clear, clears_when), written)) = ends.zip(text.clear_when.as_ref()) else {
        if !begins_when.can_fail {
            problems.push(
                codes::NEVER_CLEARS,
                &when_place,
                "it always holds, so the alarm would never end",
                "compare with a threshold that values pass, or say in `clear_when` what ends it",
            );
        }
        return;
    };
    let clear_place = place.field("clear_when", written.at);
    if !clears_when.can_hold {
        problems.push(
            codes::NEVER_CLEARS,
            &clear_place,
            "it never holds, so the alarm would never end",
            "compare with thresholds that values reach",
        );
    }
    if let Some(value) = overlap(begins, clear, range(begins, names), [&when.value, &written.value]) {
        let name = begins.inputs.first().map_or("", |input| &input.name);
        problems.push(
            codes::FLAPPING,
            &clear_place,
            format!(
                "at {name} = {} both this and `when` hold, so the alarm would begin and end without end",
                (value * 1e4).round() / 1e4
            ),
            "set it on the other side of `when`, a little closer to normal",
        );
    }
}

/// Between which numbers the first input of a condition lies.
fn range(condition: &Condition, names: &Names) -> Fact {
    let first = condition.inputs.first();
    first.map_or(Fact::ANY, |input| names.fact(&input.name))
}

/// A condition, and when it may hold.
pub(crate) fn condition(
    sql: &Spot<String>,
    place: &Place,
    names: &Names,
    problems: &mut Problems,
) -> Option<(Condition, Truth)> {
    let planned = names.plan(sql, place, problems)?;
    if *planned.expression.data_type() != DataType::Boolean {
        problems.push(
            codes::SQL_TYPE,
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
            codes::NEVER_BEGINS,
            place,
            "it says the same of every patient, whatever is measured",
            "compare a score, a feature or a vital sign",
        );
        return None;
    }
    let before = problems.notes.len();
    let mut truth = names.meaning(sql, Thresholds::Checked, place, problems).truth();
    if problems.notes.len() > before {
        // What makes it so has been told.
        truth = Truth::OPEN;
    }
    let condition = Condition {
        text: spelling::expression(&sql.value),
        expression: planned.expression,
        inputs: planned.inputs,
    };
    let range = range(&condition, names);
    if truth == Truth::OPEN
        && range.low.is_finite()
        && range.high.is_finite()
        && problems.notes.len() == before
        && is_stepwise(&sql.value)
    {
        truth = try_out(&condition, range, &[&sql.value]).map_or(truth, |tried| tried.truth());
    }
    Some((condition, truth))
}
