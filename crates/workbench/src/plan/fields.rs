//! Parts of a pipeline as fields in words: what differs between two parts is what differs between these.

use std::collections::BTreeMap;

use wardwatch_alarms::Confirm;
use wardwatch_event_time::Span;
use wardwatch_pipeline::{ConditionAlarm, Emit, FeatureSet, LimitAlarm, Predicts, Source};

/// A part's fields in words, by name: what differs between two is what differs between these.
pub(super) type Fields = BTreeMap<&'static str, String>;

pub(super) fn source_fields(source: &Source) -> Fields {
    let wrong_clock = match source.corrects_clocks {
        true => "correct",
        false => "quarantine",
    };
    let mut fields = Fields::from([
        ("topic", source.topic.clone()),
        ("trend_only", source.trend_only.to_string()),
        ("charted", source.charted.to_string()),
        ("dedupe", on_off(source.dedupe)),
        ("lateness", source.rules.lateness.to_string()),
        ("future_skew", source.rules.future_skew.to_string()),
        ("past_skew", or_off(source.rules.past_skew)),
        ("wrong_clock", wrong_clock.to_owned()),
        ("silent_after", source.silent_after.to_string()),
    ]);
    fields.extend(source.interval.map(|interval| ("interval", interval.to_string())));
    fields
}

pub(super) fn set_fields(set: &FeatureSet) -> Fields {
    let trailing = set.plan.trailing();
    Fields::from([
        ("window", set.plan.trailing().window().to_string()),
        ("every", trailing.grid().every().to_string()),
        (
            "emit",
            match set.emit {
                Emit::Rows => "rows",
                Emit::EveryPane => "every_pane",
            }
            .to_owned(),
        ),
    ])
}

pub(super) fn in_words(set: &FeatureSet) -> Vec<String> {
    let features = set.sql.features.iter();
    let mut details = vec![format!(
        "window: {}, every {}",
        set.plan.trailing().window(),
        set.plan.trailing().grid().every()
    )];
    details.extend(features.map(|(name, sql)| format!("{name}: {sql}")));
    details
}

pub(super) fn limit_fields(limit: &LimitAlarm) -> Fields {
    let mut fields = Fields::from([
        ("limit", limit.limit.to_string()),
        ("for", limit.rules.hold_for.to_string()),
        ("priority", limit.priority.name().to_owned()),
    ]);
    fields.extend(limit.predicts.as_ref().map(predicts));
    fields.extend(limit.at_once.map(|worse| ("at_once", worse.to_string())));
    fields.extend(match limit.rules.confirm {
        Confirm::Never => None,
        Confirm::For(span) => Some(("confirm", span.to_string())),
        Confirm::Times(times) => Some(("confirm", format!("{times} readings"))),
    });
    fields.extend(limit.clear.map(|clear| ("clear_when", clear.to_string())));
    fields.extend(
        limit
            .rules
            .repeat_after
            .map(|after| ("repeat_after", after.to_string())),
    );
    fields
}

pub(super) fn condition_fields(alarm: &ConditionAlarm) -> Fields {
    let mut fields = Fields::from([
        ("when", alarm.when.text.clone()),
        ("for", alarm.rules.hold_for.to_string()),
        ("priority", alarm.priority.name().to_owned()),
    ]);
    fields.extend(
        alarm
            .clear_when
            .as_ref()
            .map(|clear| ("clear_when", clear.text.clone())),
    );
    fields.extend(
        alarm
            .rules
            .repeat_after
            .map(|after| ("repeat_after", after.to_string())),
    );
    fields.extend(alarm.predicts.as_ref().map(predicts));
    fields
}

/// What something predicts, as a field.
pub(super) fn predicts(predicts: &Predicts) -> (&'static str, String) {
    let horizon = predicts
        .horizon
        .map_or(String::new(), |horizon| format!(" within {horizon}"));
    let again = if predicts.recurs { ", again and again" } else { "" };
    ("predicts", format!("{}{horizon}{again}", predicts.outcome))
}

pub(super) fn or_off(length: Option<Span>) -> String {
    length.map_or_else(|| "off".to_owned(), |length| length.to_string())
}

fn on_off(is_on: bool) -> String {
    if is_on { "on" } else { "off" }.to_owned()
}
