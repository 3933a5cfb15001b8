//! Scores: by SQL, or by a model whose inputs are bound by the names in its contract.

use arrow::datatypes::DataType;
use serde_saphyr::Spanned;
use wardwatch_inference::Contract;

use crate::document::ScoreText;
use crate::models::ModelShelf;
use crate::names::{Names, is_text};
use crate::problems::{Place, Problems};
use crate::{ContextField, From, Input, Score, ScoreKind};

/// Most scores of a pipeline.
const MOST_SCORES: usize = 64;
/// Most missing inputs of a model that a problem lists.
const MOST_LISTED: usize = 12;
/// The fields of a point score's struct.
const POINT_SCORE: [&str; 5] = ["total", "lowest", "highest", "missing", "points"];
/// Endings of the names that a point score gives to conditions.
const PARTS: [&str; 2] = ["_lowest", "_highest"];

/// A score, as far as it could be planned.
#[derive(Debug)]
pub(crate) struct CheckedScore {
    pub name: String,
    /// Whether it gives a lowest and a highest total; true where that is not known, so that one problem is told once.
    pub is_point_score: bool,
    pub planned: Option<Score>,
}

/// Plans every score.
pub(crate) fn scores(
    entries: &[Spanned<ScoreText>],
    names: &Names,
    shelf: &mut ModelShelf,
    problems: &mut Problems,
) -> Vec<CheckedScore> {
    problems.check_count("scores", entries.len(), MOST_SCORES);
    let mut checked = Vec::with_capacity(entries.len());
    for (index, entry) in entries.iter().enumerate() {
        let text = &entry.value;
        let place = Place::entry("scores", index, &text.name, entry.referenced.line());
        let taken: Vec<&str> = entries[..index]
            .iter()
            .map(|earlier| earlier.value.name.as_str())
            .collect();
        problems.check_name(&place, &text.name, &taken);
        check_shadow(&text.name, names, &place, problems);
        let before = problems.0.len();
        let planned = match (&text.sql, &text.model) {
            (Some(sql), None) => by_sql(text, sql, names, &place, problems),
            (None, Some(model)) => by_model(text, model, entries, names, shelf, &place, problems),
            _ => {
                problems.push(&place, "a score has either `sql` or `model`", "keep one of them");
                None
            }
        };
        let is_point_score = match &planned {
            Some(Score {
                kind: ScoreKind::Sql { expression },
                ..
            }) => is_point_score(expression.data_type()),
            Some(_) => false,
            None => true,
        };
        let planned = if planned.is_some() && !names.has_sets() && problems.0.len() == before {
            problems.push(
                &place,
                "scores are evaluated when a feature set closes a window, and there is no feature set",
                "add one under `features`, with `every` as often as the score is wanted",
            );
            None
        } else {
            planned
        };
        checked.push(CheckedScore {
            name: text.name.clone(),
            is_point_score,
            planned,
        });
    }
    checked
}

/// Conditions read scores by name beside everything else: one name must not mean two things.
fn check_shadow(name: &str, names: &Names, place: &Place, problems: &mut Problems) {
    let parts = PARTS.iter().map(|part| format!("{name}{part}"));
    for taken in std::iter::once(name.to_owned())
        .chain(parts)
        .filter(|name| names.holds(name))
    {
        problems.push(
            place,
            format!("`{taken}` is a feature, a vital sign or a field of the patient's context already"),
            "give the score another name",
        );
    }
}

fn by_sql(
    text: &ScoreText,
    sql: &str,
    names: &Names,
    place: &Place,
    problems: &mut Problems,
) -> Option<Score> {
    if text.fallback.is_some() {
        problems.push(
            &place.field("fallback"),
            "only a model can need one",
            "remove it; a score by SQL says itself what is missing",
        );
    }
    let planned = names.plan(sql, &place.field("sql"), problems)?;
    let data_type = planned.expression.data_type();
    if !(data_type.is_integer() || data_type.is_floating() || is_point_score(data_type)) {
        problems.push(
            &place.field("sql"),
            format!("the result is of type {data_type}, and a score is a number or the result of news2(), mews(), qsofa() or sirs()"),
            "cast it, or write CASE WHEN … THEN 1 ELSE 0 END",
        );
        return None;
    }
    Some(Score {
        name: text.name.as_str().into(),
        set: names.finest(&planned.inputs, &[]).unwrap_or_default(),
        inputs: planned.inputs,
        kind: ScoreKind::Sql {
            expression: planned.expression,
        },
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
    model: &str,
    entries: &[Spanned<ScoreText>],
    names: &Names,
    shelf: &mut ModelShelf,
    place: &Place,
    problems: &mut Problems,
) -> Option<Score> {
    let fallback = text.fallback.as_deref().and_then(|fallback| {
        let place = place.field("fallback");
        let by_sql = || {
            entries
                .iter()
                .map(|entry| &entry.value)
                .filter(|other| other.sql.is_some())
        };
        match entries.iter().position(|entry| entry.value.name == fallback) {
            Some(index) if entries[index].value.sql.is_some() => Some(index),
            Some(_) => {
                let fix = "use a score by SQL, which needs nothing to stand in for it";
                problems.push(&place, format!("{fallback} is a model too"), fix);
                None
            }
            None => {
                let known = by_sql().map(|score| score.name.as_str());
                problems.unknown(&place, format!("there is no score {fallback}"), fallback, known);
                None
            }
        }
    });
    let place = place.field("model");
    let index = shelf.load(model, &place, problems)?;
    let inputs = bind(shelf.contract(index), names, &place, problems)?;
    Some(Score {
        name: text.name.as_str().into(),
        set: names.finest(&inputs, &[]).unwrap_or_default(),
        inputs,
        kind: ScoreKind::Model {
            model: index,
            fallback,
        },
    })
}

/// Binds a contract's inputs by name; every missing one is listed.
fn bind(contract: &Contract, names: &Names, place: &Place, problems: &mut Problems) -> Option<Vec<Input>> {
    let before = problems.0.len();
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
                place,
                format!("the model reads `{}` as a number, and it is a text", wanted.name),
                "select a number under that name in a feature set",
            );
        }
        if let Some(unit) = unit(from).filter(|unit| *unit != wanted.unit) {
            problems.push(
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
            place,
            format!("the model reads names that there are not: {listed}{more}"),
            "select them in a feature set, as the model's card says",
        );
    }
    (missing.is_empty() && problems.0.len() == before).then_some(inputs)
}

/// The UCUM unit, where it is known: a feature's is not, since SQL may compute anything.
fn unit(from: From) -> Option<&'static str> {
    match from {
        From::Vital(vital) => Some(vital.unit()),
        From::OnOxygen | From::Context(ContextField::SexFemale | ContextField::Spo2Scale) => Some("1"),
        From::Context(ContextField::Age) => Some("a"),
        From::Context(_) | From::Feature { .. } | From::Score { .. } => None,
    }
}
