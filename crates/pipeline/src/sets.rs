//! Feature sets: windows and their SQL.

use std::sync::Arc;
use wardwatch_yaml::{Place, Problems, codes as yaml_codes};

use wardwatch_clinical::VitalSign;
use wardwatch_event_time::{Trailing, TrailingError};
use wardwatch_windowing::{PATIENT_ID, SOURCE, SetPlan, TS, WINDOW_END};

use crate::codes;
use crate::document::{EmitText, FeatureSetText, Section};
use crate::meaning::{self, Known, Value};
use crate::names;
use crate::spelling;
use crate::{Emit, FeatureSet, Source, sql};

/// Most feature sets of a pipeline: each keeps panes of its own for every patient.
const MOST_SETS: usize = 16;

/// The feature sets, `None` where one has a problem.
pub(crate) struct Sets {
    pub planned: Vec<Option<FeatureSet>>,
    /// Whether every set was planned. If not, an unknown name may be one of theirs and is not worth a problem of its own.
    pub complete: bool,
    /// What is known of the features.
    pub known: Known,
}

/// Plans every feature set.
pub(crate) fn sets(section: &Section<FeatureSetText>, sources: &[Source], problems: &mut Problems) -> Sets {
    section.check_count(MOST_SETS, problems);
    let source_names: Vec<String> = sources.iter().map(|source| source.name.clone()).collect();
    let mut columns: Known = VitalSign::ALL
        .iter()
        .map(|vital| (vital.name().to_owned(), meaning::vital(*vital)))
        .collect();
    columns.insert(SOURCE.to_owned(), Value::OneOf(source_names.clone()));
    let mut known = Known::new();
    let mut planned = Vec::with_capacity(section.entries.len());
    for entry in &section.entries {
        let place = section.entry(entry, problems);
        let text = entry.text.as_ref();
        let plan = text.and_then(|text| set(text, &place, &source_names, problems));
        if let Some(text) = entry.sound().filter(|_| plan.is_some()) {
            let place = place.field("sql", text.sql.at);
            known.extend(meaning::of_features(
                &text.sql,
                &columns,
                text.window.value,
                &place,
                problems,
            ));
        }
        planned.push(plan);
    }
    let complete = planned.iter().all(Option::is_some);
    Sets {
        planned,
        complete,
        known,
    }
}

fn set(
    text: &FeatureSetText,
    place: &Place,
    sources: &[String],
    problems: &mut Problems,
) -> Option<FeatureSet> {
    let trailing = match Trailing::new(text.window.value, text.every.value) {
        Ok(trailing) => trailing,
        Err(error) => {
            let (field, cause, fix) = match error {
                TrailingError::NoSlide { every } => (
                    ("every", text.every.at),
                    format!("{every} is not longer than zero"),
                    "give a length such as 10s",
                ),
                TrailingError::NotAMultiple { window, every } => {
                    let cause = format!("{window} is not a multiple of every, {every}");
                    (
                        ("window", text.window.at),
                        cause,
                        "make the window one, two, three… times every",
                    )
                }
                TrailingError::TooManyPanes { every, panes, .. } => {
                    let cause = format!(
                        "it holds {panes} panes of {every}, more than {}",
                        Trailing::MOST_PANES
                    );
                    (
                        ("window", text.window.at),
                        cause,
                        "lengthen every, or shorten the window",
                    )
                }
            };
            problems.push(codes::BAD_WINDOW, &place.field(field.0, field.1), cause, fix);
            return None;
        }
    };
    let place = place.field("sql", text.sql.at);
    if !sql::check_size(problems, &place, &text.sql) {
        return None;
    }
    match SetPlan::new(&text.sql.value, trailing, sources) {
        Ok(plan) => {
            for feature in plan.features().fields() {
                // `heart_rate > 150` must mean the heart rate, on a screen too; `age` the patient's.
                let is_vital = VitalSign::from_name(feature.name()).is_some();
                if is_vital || names::is_taken(feature.name()) {
                    let word = sql::find_alias(&text.sql.value, feature.name());
                    let at = word.map_or(place.at, |word| problems.texts.inside(&text.sql, word));
                    problems.push(
                        yaml_codes::NAME_TAKEN,
                        &place.at(at),
                        format!(
                            "the feature `{0}` has the name of {1}",
                            feature.name(),
                            if is_vital {
                                "a vital sign"
                            } else {
                                "something that is known of the patient or of a message"
                            }
                        ),
                        "name it after what it is, such as heart_rate_mean",
                    );
                }
            }
            let emit = match text.emit.as_ref().map(|given| given.value) {
                None | Some(EmitText::Rows) => Emit::Rows,
                Some(EmitText::EveryPane) => Emit::EveryPane,
            };
            Some(FeatureSet {
                name: text.name.value.clone(),
                plan: Arc::new(plan),
                sql: spelling::query(&text.sql.value),
                emit,
            })
        }
        Err(error) => {
            let columns = || {
                let vitals = VitalSign::ALL.iter().map(|vital| vital.name());
                vitals.chain([PATIENT_ID, TS, SOURCE, WINDOW_END])
            };
            // The planner stops at the first problem: each column is asked about alone. What concerns the whole query, or how it is
            // written, is told of the whole.
            let before = problems.notes.len();
            for column in sql::column_by_column(&text.sql.value) {
                match SetPlan::new(&column, trailing, sources) {
                    Err(error) if !sql::is_about_all(&error) => {
                        sql::note_of(problems, &place, &text.sql, &column, &error, columns());
                        problems.drop_repeated(before);
                    }
                    _ => {}
                }
            }
            if problems.notes.len() == before || sql::is_about_all(&error) {
                sql::note(problems, &place, &text.sql, &error, columns());
            }
            None
        }
    }
}
