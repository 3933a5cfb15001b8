//! What scores and conditions may read, and where each name's value comes from.
//!
//! A name is a feature, a vital sign, oxygen or a field of the patient's context; conditions read scores too. No feature has a
//! vital sign's name, and no score a name that is taken. A feature's name that two sets give is refused only where it is
//! read.

use std::collections::BTreeMap;
use wardwatch_yaml::{Place, Problems, Spot};

use arrow::datatypes::{DataType, Field, Schema};
use wardwatch_clinical::VitalSign;
use wardwatch_event_time::Span;
use wardwatch_ingest::{OLDEST, Sex};
use wardwatch_windowing::{Expression, PATIENT_ID, SOURCE, TS, WINDOW_END};

use crate::meaning::{self, Fact, Known, Thresholds, Truth, Value};
use crate::{ContextField, FeatureSet, From, Input, Part, codes, sql};

/// Context by the names that SQL and contracts use.
const CONTEXT: [(&str, From); 9] = [
    ("on_oxygen", From::OnOxygen),
    ("age", From::Context(ContextField::Age)),
    ("age_years", From::Context(ContextField::Age)),
    ("sex", From::Context(ContextField::Sex)),
    ("sex_female", From::Context(ContextField::SexFemale)),
    ("spo2_scale", From::Context(ContextField::Spo2Scale)),
    ("pregnant", From::Context(ContextField::Pregnant)),
    ("ward", From::Context(ContextField::Ward)),
    ("bed", From::Context(ContextField::Bed)),
];

/// Every name that may be read.
#[derive(Clone, Debug)]
pub(crate) struct Names {
    schema: Vec<Field>,
    from: BTreeMap<String, From>,
    /// Features that several sets give, with those sets' names.
    ambiguous: BTreeMap<String, Vec<String>>,
    /// By set: how often it is evaluated; `None` where the set has a problem.
    every: Vec<Option<Span>>,
    /// Whether every set is known; else unknown names are theirs to explain.
    complete: bool,
    known: Known,
}

/// A planned expression with its inputs.
#[derive(Debug)]
pub(crate) struct Planned {
    pub expression: Expression,
    pub inputs: Vec<Input>,
}

// === impl Names ===

impl Names {
    /// The features of these sets, every vital sign, and context.
    pub fn new(sets: &[Option<FeatureSet>], complete: bool, features: Known) -> Self {
        let every = sets
            .iter()
            .map(|set| set.as_ref().map(|set| set.plan.trailing().grid().every()))
            .collect();
        let mut names = Self {
            schema: Vec::new(),
            from: BTreeMap::new(),
            ambiguous: BTreeMap::new(),
            every,
            complete,
            known: features,
        };
        let mut givers: BTreeMap<&str, Vec<String>> = BTreeMap::new();
        for (set, known) in sets.iter().enumerate() {
            let Some(known) = known else { continue };
            for (column, field) in known.plan.features().fields().iter().enumerate() {
                names.add(field.name(), From::Feature { set, column });
                givers.entry(field.name()).or_default().push(known.name.clone());
            }
        }
        names.ambiguous = givers
            .into_iter()
            .filter(|(_, sets)| sets.len() > 1)
            .map(|(name, sets)| (name.to_owned(), sets))
            .collect();
        for vital in VitalSign::ALL {
            names.add(vital.name(), From::Vital(vital));
            names.know(vital.name(), meaning::vital(vital));
        }
        for (name, from) in CONTEXT {
            names.add(name, from);
            names.know(name, of_context(from));
        }
        names
    }

    /// Adds a score's name; a point score also gives the lowest and highest total that are still possible.
    pub fn add_score(&mut self, name: &str, score: usize, is_point_score: bool, value: &Value) {
        let value = match value {
            Value::Points(most) => Value::Number(Fact::between(0.0, *most).whole()),
            other => other.clone(),
        };
        self.know(name, value.clone());
        self.add(
            name,
            From::Score {
                score,
                part: Part::Value,
            },
        );
        if is_point_score {
            for part in ["lowest", "highest"] {
                self.know(&format!("{name}_{part}"), value.clone());
            }
            self.add(
                &format!("{name}_lowest"),
                From::Score {
                    score,
                    part: Part::Lowest,
                },
            );
            self.add(
                &format!("{name}_highest"),
                From::Score {
                    score,
                    part: Part::Highest,
                },
            );
        }
    }

    /// Says that some names are not known, so that reading them is no problem.
    pub fn mark_incomplete(&mut self) {
        self.complete = false;
    }

    /// Whether a name is taken.
    pub fn holds(&self, name: &str) -> bool {
        self.from.contains_key(name)
    }

    /// Whether unknown names are worth a problem.
    pub fn is_complete(&self) -> bool {
        self.complete
    }

    /// Whether there is a feature set at all.
    pub fn has_sets(&self) -> bool {
        !self.every.is_empty()
    }

    /// Where a name's value comes from; `None` for an unknown name.
    pub fn resolve(&self, name: &str) -> Option<From> {
        self.from.get(name).copied()
    }

    /// Every name.
    pub fn all(&self) -> impl Iterator<Item = &str> {
        self.from.keys().map(String::as_str)
    }

    /// Notes a feature that several sets give.
    pub fn check_unambiguous(&self, name: &str, place: &Place, problems: &mut Problems) -> bool {
        let Some(sets) = self.ambiguous.get(name) else {
            return true;
        };
        problems.push(
            codes::AMBIGUOUS,
            place,
            format!("`{name}` is a feature of {}", sets.join(" and ")),
            "give each feature a name of its own, such as one that ends in its window",
        );
        false
    }

    /// Plans an expression over the names; notes why it cannot be.
    pub fn plan(&self, text: &Spot<String>, place: &Place, problems: &mut Problems) -> Option<Planned> {
        if !sql::check_size(problems, place, text) {
            return None;
        }
        let expression = match Expression::new(&text.value, &Schema::new(self.schema.clone())) {
            Ok(expression) => expression,
            Err(error) => {
                if self.complete || !sql::is_unknown_name(&error) {
                    sql::note(problems, place, text, &error, self.all());
                }
                return None;
            }
        };
        let read: Vec<String> = expression
            .inputs()
            .fields()
            .iter()
            .map(|field| field.name().clone())
            .collect();
        // Not `all`: every ambiguous name is told.
        let ambiguous = read
            .iter()
            .filter(|name| {
                let word = sql::find(&text.value, name);
                let at = word.map_or(place.at, |word| problems.texts.inside(text, word));
                !self.check_unambiguous(name, &place.at(at), problems)
            })
            .count();
        let inputs = read
            .into_iter()
            .filter_map(|name| {
                Some(Input {
                    from: self.resolve(&name)?,
                    name,
                })
            })
            .collect();
        (ambiguous == 0).then_some(Planned { expression, inputs })
    }

    /// What an expression gives; problems of its meaning are noted.
    pub fn meaning(
        &self,
        text: &Spot<String>,
        thresholds: Thresholds,
        place: &Place,
        problems: &mut Problems,
    ) -> Value {
        meaning::of_expression(text, &self.known, thresholds, place, problems)
    }

    /// The set to evaluate at: of those read the one with the shortest slide, of equals the last; the finest of all when
    /// none is read. Coarser sets close first, so every row is current by then. `through` are sets read through scores.
    pub fn finest(&self, inputs: &[Input], through: &[usize]) -> Option<usize> {
        let direct = inputs.iter().filter_map(|input| match input.from {
            From::Feature { set, .. } => Some(set),
            _ => None,
        });
        let read: Vec<usize> = direct.chain(through.iter().copied()).collect();
        let candidates = if read.is_empty() {
            (0..self.every.len()).collect()
        } else {
            read
        };
        candidates
            .into_iter()
            .filter_map(|set| Some((self.every.get(set).copied().flatten()?, set)))
            .min_by_key(|(every, set)| (*every, std::cmp::Reverse(*set)))
            .map(|(_, set)| set)
    }

    /// What is known of a name's number.
    pub fn fact(&self, name: &str) -> Fact {
        self.known.get(name).map_or(Fact::ANY, Value::number)
    }

    fn know(&mut self, name: &str, value: Value) {
        self.known.entry(name.to_owned()).or_insert(value);
    }

    /// The first of a name counts: features stand before vital signs, vital signs before context.
    fn add(&mut self, name: &str, from: From) {
        if self.holds(name) {
            return;
        }
        let data_type = match from {
            From::OnOxygen | From::Context(ContextField::Pregnant) => DataType::Boolean,
            _ if is_text(from) => DataType::Utf8,
            _ => DataType::Float64,
        };
        self.schema.push(Field::new(name, data_type, true));
        self.from.insert(name.to_owned(), from);
    }
}

/// What is known of a field of the context.
fn of_context(from: From) -> Value {
    match from {
        From::OnOxygen | From::Context(ContextField::Pregnant) => Value::Truth(Truth::OPEN),
        From::Context(ContextField::Age) => Value::Number(Fact::between(0.0, OLDEST).in_unit("a")),
        From::Context(ContextField::Sex) => Value::OneOf(Sex::NAMES.map(str::to_owned).to_vec()),
        From::Context(ContextField::SexFemale) => Value::Number(Fact::between(0.0, 1.0)),
        From::Context(ContextField::Spo2Scale) => Value::Number(Fact::between(1.0, 2.0)),
        _ => Value::Unknown,
    }
}

/// Whether a name is one of context, or of a message.
pub(crate) fn is_taken(name: &str) -> bool {
    CONTEXT.iter().any(|(taken, _)| *taken == name) || [PATIENT_ID, SOURCE, TS, WINDOW_END].contains(&name)
}

/// Whether the value is text, which only SQL can read.
pub(crate) fn is_text(from: From) -> bool {
    matches!(
        from,
        From::Context(ContextField::Sex | ContextField::Ward | ContextField::Bed)
    )
}
