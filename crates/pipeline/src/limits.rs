//! Limits: thresholds on one vital sign, and whether they make sense together.
//!
//! ```text
//!    at_once        limit            clear_when
//!  ─────┼─────────────┼──────────────────┼────────▶ spo2
//!      80            88                 90
//!   < at once    < violating       >= clear; between the two nothing changes
//! ```

use wardwatch_alarms::{Comparison, ComparisonError, Confirm, Known, Operator, Rules};
use wardwatch_clinical::VitalSign;
use wardwatch_event_time::Span;
use wardwatch_yaml::{Code, Place, Problems, Spot};

use crate::document::AlarmText;
use crate::meaning::{Fact, Truth, threshold_in, vital};
use crate::predictions::predicts;
use crate::{LimitAlarm, codes};

/// Checks an alarm on one vital sign.
pub(crate) fn limit(
    text: &AlarmText,
    limit: &Spot<String>,
    max_age: &[Span; VitalSign::COUNT],
    place: &Place,
    problems: &mut Problems,
) -> Option<LimitAlarm> {
    let before = problems.notes.len();
    let mut read = |name: &str, text: Option<&Spot<String>>| {
        text.and_then(|text| comparison(text, &place.field(name, text.at), problems))
    };
    let limit_at = limit.at;
    let limit = read("limit", Some(limit))?;
    let at_once = read("at_once", text.at_once.as_ref());
    let clear = read("clear_when", text.clear_when.as_ref());
    let at = |name: &str, given: &Option<Spot<String>>| {
        place.field(name, given.as_ref().map_or(place.at, |given| given.at))
    };
    let (at_once_place, clear_place) = (at("at_once", &text.at_once), at("clear_when", &text.clear_when));
    for (other_place, other) in [(&at_once_place, at_once), (&clear_place, clear)] {
        if let Some(other) = other.filter(|other| other.vital != limit.vital) {
            problems.push(
                codes::BAD_LIMIT,
                other_place,
                format!(
                    "it is about {}, and the limit is about {}",
                    other.vital.name(),
                    limit.vital.name()
                ),
                "keep to one vital sign, or write a condition with `when`",
            );
        }
    }
    if let Some(worse) =
        at_once.filter(|worse| points_down(*worse) != points_down(limit) || !beyond(*worse, limit))
    {
        problems.push(
            codes::NOT_WORSE,
            &at_once_place,
            format!("{worse} is no worse than the limit {limit}"),
            "set it further from normal than the limit",
        );
    }
    if let Some(end) = clear.filter(|end| points_down(*end) == points_down(limit) || overlaps(*end, limit)) {
        problems.push(
            codes::FLAPPING,
            &clear_place,
            format!("{end} can hold while the limit {limit} does"),
            "set it on the other side of the limit, a little closer to normal",
        );
    }
    if at_once.is_some() && text.hold_for() <= Span::ZERO {
        problems.push(
            codes::NO_EFFECT,
            &at_once_place,
            "the limit itself does not wait, so there is nothing to bypass",
            "give the limit a `for`, or remove `at_once`",
        );
    }
    check_reach(limit, &place.at(limit_at), codes::NEVER_BEGINS, problems);
    if let Some(end) = clear {
        check_reach(end, &clear_place, codes::NEVER_CLEARS, problems);
    }
    let confirm = text.confirm.as_ref();
    if let Some(given) = confirm.filter(|_| at_once.is_none()) {
        problems.push(
            codes::NO_EFFECT,
            &place.field("confirm", given.at),
            "there is no `at_once` to confirm",
            "add `at_once`, or remove `confirm`",
        );
    }
    if let Some(given) = confirm
        && matches!(given.value.0, Confirm::For(span) if span <= Span::ZERO || span >= text.hold_for())
    {
        problems.push(
            codes::NO_EFFECT,
            &place.field("confirm", given.at),
            "it is not between nothing and `for`",
            "make it shorter than `for`, or remove it",
        );
    }
    let max_age = max_age[limit.vital.index()];
    let rules = Rules {
        hold_for: text.hold_for(),
        max_age,
        repeat_after: text.repeat_after.as_ref().map(|given| given.value),
        confirm: confirm.map_or(Confirm::Never, |given| given.value.0),
        known: Known::WhileValueIs(max_age),
    };
    let alarm = LimitAlarm {
        name: text.name.value.clone(),
        limit,
        at_once,
        clear,
        rules,
        priority: text.priority.value,
        predicts: predicts(text.predicts.as_ref(), place, problems),
    };
    (problems.notes.len() == before).then_some(alarm)
}

fn comparison(text: &Spot<String>, place: &Place, problems: &mut Problems) -> Option<Comparison> {
    let comparison: Comparison = match text.value.parse() {
        Ok(comparison) => comparison,
        Err(ComparisonError::UnknownVitalSign { name }) => {
            let known = VitalSign::ALL.iter().map(|vital| vital.name());
            problems.unknown(
                codes::UNKNOWN_VITAL,
                place,
                format!("{name} is not a vital sign"),
                &name,
                known,
            );
            return None;
        }
        Err(ComparisonError::NoOperator { .. }) => {
            problems.push(
                codes::BAD_LIMIT,
                place,
                format!("{:?} compares nothing", text.value),
                "write a vital sign, one of < <= > >=, and a number, such as `spo2 < 88`",
            );
            return None;
        }
        Err(error @ ComparisonError::NotANumber { .. }) => {
            problems.push(
                codes::BAD_LIMIT,
                place,
                error.to_string(),
                "write a number in the vital sign's unit, or a condition with `when`",
            );
            return None;
        }
    };
    let plausible = comparison.vital.plausible();
    if !plausible.contains(&comparison.threshold) {
        problems.push(
            codes::IMPLAUSIBLE,
            place,
            format!(
                "{} {} is outside {} to {}, the plausible range of {}: values there are never taken",
                comparison.threshold,
                comparison.vital.unit(),
                plausible.start(),
                plausible.end(),
                comparison.vital.name(),
            ),
            threshold_in(comparison.vital.unit(), comparison.threshold),
        );
        return None;
    }
    Some(comparison)
}

/// Notes a comparison that no plausible value meets, or that every one does.
fn check_reach(comparison: Comparison, place: &Place, code: Code, problems: &mut Problems) {
    let (value, threshold) = (
        vital(comparison.vital).number(),
        Fact::exactly(comparison.threshold),
    );
    let truth = match comparison.operator {
        Operator::Below => value.below(threshold),
        Operator::AtLeast => value.below(threshold).not(),
        Operator::Above => threshold.below(value),
        Operator::AtMost => threshold.below(value).not(),
    };
    if truth != Truth::OPEN {
        problems.push(
            code,
            place,
            format!(
                "{comparison} {} holds: plausible values are {} to {} {}",
                if truth.can_hold { "always" } else { "never" },
                value.low,
                value.high,
                comparison.vital.unit()
            ),
            "set a threshold within that",
        );
    }
}

fn points_down(comparison: Comparison) -> bool {
    matches!(comparison.operator, Operator::Below | Operator::AtMost)
}

/// Whether a comparison of the same direction is stricter.
fn beyond(worse: Comparison, limit: Comparison) -> bool {
    if points_down(limit) {
        worse.threshold < limit.threshold
    } else {
        worse.threshold > limit.threshold
    }
}

/// Whether two comparisons of opposite directions have a value in common.
fn overlaps(end: Comparison, limit: Comparison) -> bool {
    let is_closed =
        |comparison: Comparison| matches!(comparison.operator, Operator::AtMost | Operator::AtLeast);
    let (low, high) = if points_down(limit) {
        (end, limit)
    } else {
        (limit, end)
    };
    low.threshold < high.threshold || (low.threshold == high.threshold && is_closed(low) && is_closed(high))
}
