//! Feature sets: windows and their SQL.

use std::sync::Arc;

use serde_saphyr::Spanned;
use wardwatch_clinical::VitalSign;
use wardwatch_event_time::{Trailing, TrailingError};
use wardwatch_windowing::{PATIENT_ID, SOURCE, SetPlan, TS, WINDOW_END};

use crate::document::{EmitText, FeatureSetText};
use crate::problems::{Place, Problems};
use crate::{Emit, FeatureSet, Source, sql_error};

/// Most feature sets of a pipeline: each keeps panes of its own for every patient.
const MOST_SETS: usize = 16;

/// The feature sets, `None` where one has a problem.
pub(crate) struct Sets {
    pub planned: Vec<Option<FeatureSet>>,
    /// Whether every set was planned. If not, an unknown name may be one of theirs and is not worth a problem of its own.
    pub complete: bool,
}

/// Plans every feature set.
pub(crate) fn sets(entries: &[Spanned<FeatureSetText>], sources: &[Source], problems: &mut Problems) -> Sets {
    problems.check_count("features", entries.len(), MOST_SETS);
    let source_names: Vec<String> = sources.iter().map(|source| source.name.clone()).collect();
    let mut planned = Vec::with_capacity(entries.len());
    for (index, entry) in entries.iter().enumerate() {
        let text = &entry.value;
        let place = Place::entry("features", index, &text.name, entry.referenced.line());
        let taken: Vec<&str> = entries[..index]
            .iter()
            .map(|earlier| earlier.value.name.as_str())
            .collect();
        problems.check_name(&place, &text.name, &taken);
        planned.push(set(text, &place, &source_names, problems));
    }
    let complete = planned.iter().all(Option::is_some);
    Sets { planned, complete }
}

fn set(
    text: &FeatureSetText,
    place: &Place,
    sources: &[String],
    problems: &mut Problems,
) -> Option<FeatureSet> {
    let trailing = match Trailing::new(text.window, text.every) {
        Ok(trailing) => trailing,
        Err(error) => {
            let (field, cause, fix) = match error {
                TrailingError::NoSlide { every } => (
                    "every",
                    format!("{every} is not longer than zero"),
                    "give a length such as 10s",
                ),
                TrailingError::NotAMultiple { window, every } => {
                    let cause = format!("{window} is not a multiple of every, {every}");
                    ("window", cause, "make the window one, two, three… times every")
                }
                TrailingError::TooManyPanes { every, panes, .. } => {
                    let cause = format!(
                        "it holds {panes} panes of {every}, more than {}",
                        Trailing::MOST_PANES
                    );
                    ("window", cause, "lengthen every, or shorten the window")
                }
            };
            problems.push(&place.field(field), cause, fix);
            return None;
        }
    };
    match SetPlan::new(&text.sql, trailing, sources) {
        Ok(plan) => {
            for feature in plan.features().fields() {
                // `heart_rate > 150` must mean the heart rate, on a screen too.
                if VitalSign::from_name(feature.name()).is_some() {
                    problems.push(
                        &place.field("sql"),
                        format!(
                            "the feature `{0}` has the name of the vital sign {0}",
                            feature.name()
                        ),
                        "name it after what it is, such as heart_rate_mean",
                    );
                }
            }
            let emit = match text.emit {
                EmitText::Rows => Emit::Rows,
                EmitText::EveryPane => Emit::EveryPane,
            };
            Some(FeatureSet {
                name: text.name.clone(),
                plan: Arc::new(plan),
                emit,
            })
        }
        Err(error) => {
            let columns = VitalSign::ALL
                .iter()
                .map(|vital| vital.name())
                .chain([PATIENT_ID, TS, SOURCE, WINDOW_END]);
            sql_error::note(problems, &place.field("sql"), &error, columns);
            None
        }
    }
}
