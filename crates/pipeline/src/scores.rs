//! Scores: by SQL, or by a model whose inputs are bound by the names in its contract.

use arrow::datatypes::DataType;
use wardwatch_inference::Contract;
use wardwatch_yaml::{Place, Problems, Spot, codes as yaml_codes};

use crate::alarms::condition;
use crate::codes;
use crate::document::{ScoreText, Section};
use crate::meaning::{Fact, Thresholds, Value};
use crate::models::ModelShelf;
use crate::names::{Names, is_text};
use crate::predictions::predicts;
use crate::spelling;
use crate::{ContextField, From, Input, Score, ScoreKind};

/// Most scores of a pipeline.
const MOST_SCORES: usize = 64;
/// Most missing inputs of a model that a problem lists.
const MOST_LISTED: usize = 12;
/// The fields of a point score's struct.
const POINT_SCORE: [&str; 6] = ["total", "lowest", "highest", "missing", "points", "unavailable"];
/// Endings of the names that a point score gives to conditions.
const PARTS: [&str; 2] = ["_lowest", "_highest"];

/// A score, as far as it could be planned.
#[derive(Debug)]
pub(crate) struct CheckedScore {
    pub name: String,
    /// Whether it gives a lowest and a highest total; true where that is not known, so that one problem is told once.
    pub is_point_score: bool,
    pub planned: Option<Score>,
    /// What is known of its result.
    pub value: Value,
}

/// Plans every score.
pub(crate) fn scores(
    section: &Section<ScoreText>,
    names: &Names,
    shelf: &mut ModelShelf,
    problems: &mut Problems,
) -> Vec<CheckedScore> {
    section.check_count(MOST_SCORES, problems);
    let mut checked = Vec::with_capacity(section.entries.len());
    for entry in &section.entries {
        let place = section.entry(entry, problems);
        if let Some(name) = &entry.name {
            check_shadow(name, names, &place, problems);
        }
        let text = entry.sound();
        let planned = text.and_then(|text| score(text, section, names, shelf, &place, problems));
        let value = match (&planned, text.and_then(|text| text.sql.as_ref())) {
            (None, _) => Value::Unknown,
            (Some(_), Some(sql)) => {
                names.meaning(sql, Thresholds::Free, &place.field("sql", sql.at), problems)
            }
            // A model gives a probability.
            (Some(_), None) => Value::Number(Fact::between(0.0, 1.0)),
        };
        let is_point_score = match &planned {
            Some(Score {
                kind: ScoreKind::Sql { expression, .. },
                ..
            }) => is_point_score(expression.data_type()),
            Some(_) => false,
            None => true,
        };
        checked.push(CheckedScore {
            name: entry.named().unwrap_or_default().to_owned(),
            is_point_score,
            planned,
            value,
        });
    }
    checked
}

fn score(
    text: &ScoreText,
    section: &Section<ScoreText>,
    names: &Names,
    shelf: &mut ModelShelf,
    place: &Place,
    problems: &mut Problems,
) -> Option<Score> {
    let planned = match (&text.sql, &text.model) {
        (Some(sql), None) => by_sql(text, sql, names, place, problems),
        (None, Some(model)) => by_model(text, model, section, names, shelf, place, problems),
        _ => {
            problems.push(
                codes::EITHER_OR,
                &place.at(text.name.at),
                "a score has either `sql` or `model`",
                "keep one of them",
            );
            None
        }
    }?;
    let predicts = predicts(text.predicts.as_ref(), place, problems);
    let present_when = match &text.present_when {
        Some(sql) => {
            let (condition, _) = condition(sql, &place.field("present_when", sql.at), names, problems)?;
            Some(condition)
        }
        None => None,
    };
    if !names.has_sets() {
        problems.push(
            codes::NEVER_EVALUATED,
            &place.at(text.name.at),
            "scores are evaluated when a feature set closes a window, and there is no feature set",
            "add one under `features`, with `every` as often as the score is wanted",
        );
        return None;
    }
    // It is judged where what it reads is current.
    let read = planned
        .inputs
        .iter()
        .chain(present_when.iter().flat_map(|present| &present.inputs));
    let set = names
        .finest(&read.cloned().collect::<Vec<_>>(), &[])
        .unwrap_or_default();
    Some(Score {
        set,
        predicts,
        present_when,
        ..planned
    })
}

/// Conditions read scores by name beside everything else: one name must not mean two things.
fn check_shadow(name: &Spot<String>, names: &Names, place: &Place, problems: &mut Problems) {
    let parts = PARTS.iter().map(|part| format!("{}{part}", name.value));
    for taken in std::iter::once(name.value.clone())
        .chain(parts)
        .filter(|name| names.holds(name))
    {
        problems.push(
            yaml_codes::NAME_TAKEN,
            &place.at(name.at),
            format!("`{taken}` is a feature, a vital sign or a field of the patient's context already"),
            "give the score another name",
        );
    }
}

fn by_sql(
    text: &ScoreText,
    sql: &Spot<String>,
    names: &Names,
    place: &Place,
    problems: &mut Problems,
) -> Option<Score> {
    if let Some(fallback) = &text.fallback {
        problems.push(
            codes::NO_EFFECT,
            &place.field("fallback", fallback.at),
            "a score by SQL needs nobody to stand in for it",
            "remove it; such a score says itself what is missing",
        );
    }
    let place = place.field("sql", sql.at);
    let planned = names.plan(sql, &place, problems)?;
    let data_type = planned.expression.data_type();
    if !(data_type.is_integer() || data_type.is_floating() || is_point_score(data_type)) {
        problems.push(
            codes::SQL_TYPE,
            &place,
            format!("the result is of type {data_type}, and a score is a number or the result of news2(), mews(), qsofa() or sirs()"),
            "cast it, or write CASE WHEN … THEN 1 ELSE 0 END",
        );
        return None;
    }
    Some(Score {
        name: text.name.value.as_str().into(),
        set: 0,
        inputs: planned.inputs,
        kind: ScoreKind::Sql {
            expression: planned.expression,
            text: spelling::expression(&sql.value),
        },
        predicts: None,
        present_when: None,
    })
}

fn is_point_score(data_type: &DataType) -> bool {
    match data_type {
        DataType::Struct(fields) => fields.iter().map(|field| field.name().as_str()).eq(POINT_SCORE),
        _ => false,
    }
}

fn by_model(
    text: &ScoreText,
    model: &Spot<String>,
    section: &Section<ScoreText>,
    names: &Names,
    shelf: &mut ModelShelf,
    place: &Place,
    problems: &mut Problems,
) -> Option<Score> {
    let fallback = text
        .fallback
        .as_ref()
        .and_then(|fallback| stand_in(fallback, section, place, problems));
    let place = place.field("model", model.at);
    let index = shelf.load(&model.value, &place, problems)?;
    let inputs = bind(shelf.contract(index), names, &place, problems)?;
    Some(Score {
        name: text.name.value.as_str().into(),
        set: 0,
        inputs,
        kind: ScoreKind::Model {
            model: index,
            fallback,
        },
        predicts: None,
        present_when: None,
    })
}

/// The score that speaks while a model cannot.
fn stand_in(
    fallback: &Spot<String>,
    section: &Section<ScoreText>,
    place: &Place,
    problems: &mut Problems,
) -> Option<usize> {
    let place = place.field("fallback", fallback.at);
    let name = fallback.value.as_str();
    let is_by_sql = |text: &ScoreText| text.sql.is_some();
    let entry = section.entries.iter().find(|entry| entry.named() == Some(name));
    match entry.map(|entry| (entry.index, entry.sound().is_none_or(is_by_sql))) {
        Some((index, true)) => Some(index),
        Some((_, false)) => {
            let fix = "use a score by SQL, which needs nothing to stand in for it";
            problems.push(codes::BAD_FALLBACK, &place, format!("{name} is a model too"), fix);
            None
        }
        None => {
            let by_sql = section
                .entries
                .iter()
                .filter(|entry| entry.sound().is_some_and(is_by_sql));
            let cause = format!("there is no score {name}");
            problems.unknown(
                codes::BAD_FALLBACK,
                &place,
                cause,
                name,
                by_sql.filter_map(|entry| entry.named()),
            );
            None
        }
    }
}

/// Binds a contract's inputs by name; every missing one is listed.
fn bind(contract: &Contract, names: &Names, place: &Place, problems: &mut Problems) -> Option<Vec<Input>> {
    let before = problems.notes.len();
    let mut missing = Vec::new();
    let mut inputs = Vec::with_capacity(contract.inputs.len());
    for wanted in &contract.inputs {
        let Some(from) = names.resolve(&wanted.name) else {
            missing.push(wanted.name.as_str());
            continue;
        };
        names.check_unambiguous(&wanted.name, place, problems);
        if is_text(from) {
            problems.push(
                codes::MODEL_INPUT,
                place,
                format!("the model reads `{}` as a number, and it is a text", wanted.name),
                "select a number under that name in a feature set",
            );
        }
        if let Some(unit) = unit(from)
            .or(names.fact(&wanted.name).unit)
            .filter(|unit| *unit != wanted.unit)
        {
            problems.push(
                codes::MODEL_INPUT,
                place,
                format!("the model reads `{}` in {}, and it is in {unit}", wanted.name, wanted.unit),
                "convert it in a feature set under another name, or use the model that was trained in this unit",
            );
        }
        inputs.push(Input {
            name: wanted.name.clone(),
            from,
        });
    }
    if !missing.is_empty() && names.is_complete() {
        let listed = missing
            .iter()
            .take(MOST_LISTED)
            .copied()
            .collect::<Vec<_>>()
            .join(", ");
        let more = match missing.len().saturating_sub(MOST_LISTED) {
            0 => String::new(),
            more => format!(" and {more} more"),
        };
        problems.push(
            codes::MODEL_INPUT,
            place,
            format!("the model reads names that there are not: {listed}{more}"),
            "select them in a feature set, as the model's card says",
        );
    }
    (missing.is_empty() && problems.notes.len() == before).then_some(inputs)
}

/// The UCUM unit, where it is known: a feature's is not, since SQL may compute anything.
fn unit(from: From) -> Option<&'static str> {
    match from {
        From::Vital(vital) => Some(vital.unit()),
        From::OnOxygen
        | From::Context(ContextField::SexFemale | ContextField::Spo2Scale | ContextField::Pregnant) => {
            Some("1")
        }
        From::Context(ContextField::Age) => Some("a"),
        From::Context(_) | From::Feature { .. } | From::Score { .. } => None,
    }
}
