//! What SQL means for a patient: units that do not fit, thresholds that no value reaches, texts that are never equal.
//!
//! Everything is told of intervals: a value lies within the plausible range of its vital sign, a score within its points. What
//! is not understood may be anything, so that nothing right is refused.

mod fact;
mod functions;
mod overlap;

use std::collections::BTreeMap;
use std::ops::Range;
use wardwatch_yaml::{Code, Place, Problems, Spot, nearest};

use datafusion::sql::sqlparser::ast::{
    AccessExpr, BinaryOperator, CeilFloorKind, DateTimeField, Expr, SelectItem, Spanned, Subscript,
    UnaryOperator, Value as Literal,
};
use wardwatch_clinical::VitalSign;
use wardwatch_event_time::Span;

use crate::codes;
use crate::sql::{self, byte_at};

pub(crate) use fact::{Fact, Truth, Value};
pub(crate) use overlap::{is_stepwise, overlap, try_out};

/// What is known of each name.
pub(crate) type Known = BTreeMap<String, Value>;

/// Whether a threshold that no value reaches is told of.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Thresholds {
    /// In conditions.
    Checked,
    /// In computations: `CASE WHEN x <= 0` is a guard, not a mistake.
    Free,
}

struct Reader<'k> {
    sql: &'k str,
    /// Seconds of a window, where there is one.
    window: f64,
    known: &'k Known,
    found: Vec<Found>,
    /// What is hardly meant, and not wrong.
    warned: Vec<Found>,
}

struct Found {
    code: Code,
    bytes: Range<usize>,
    cause: String,
    fix: String,
}

/// What a vital sign's values are.
pub(crate) fn vital(vital: VitalSign) -> Value {
    let plausible = vital.plausible();
    Value::Number(Fact::between(*plausible.start(), *plausible.end()).in_unit(vital.unit()))
}

/// What an expression gives; problems are noted. SQL that does not parse has been told of already.
pub(crate) fn of_expression(
    text: &Spot<String>,
    known: &Known,
    thresholds: Thresholds,
    place: &Place,
    problems: &mut Problems,
) -> Value {
    let mut reader = Reader::new(&text.value, known);
    let Some(expr) = sql::expression(&text.value) else {
        return Value::Unknown;
    };
    let value = reader.value(&expr, thresholds);
    reader.tell(text, place, problems);
    value
}

/// What the features of a set are, by name.
pub(crate) fn of_features(
    text: &Spot<String>,
    known: &Known,
    window: Span,
    place: &Place,
    problems: &mut Problems,
) -> Known {
    let mut features = Known::new();
    let Some(select) = sql::select(&text.value) else {
        return features;
    };
    let mut reader = Reader::new(&text.value, known);
    reader.window = window.secs_f64();
    for item in &select.projection {
        match item {
            SelectItem::ExprWithAlias { expr, alias } => {
                let value = reader.value(expr, Thresholds::Free);
                features.insert(alias.value.clone(), value);
            }
            SelectItem::UnnamedExpr(expr) => {
                reader.value(expr, Thresholds::Free);
            }
            _ => {}
        }
    }
    if let Some(filter) = &select.selection {
        reader.value(filter, Thresholds::Checked);
    }
    reader.tell(text, place, problems);
    features
}

// === impl Reader ===

impl<'k> Reader<'k> {
    fn new(sql: &'k str, known: &'k Known) -> Self {
        Self {
            sql,
            window: f64::INFINITY,
            known,
            found: Vec::new(),
            warned: Vec::new(),
        }
    }

    fn tell(self, text: &Spot<String>, place: &Place, problems: &mut Problems) {
        for found in self.found {
            let at = problems.texts.inside(text, found.bytes);
            problems.push(found.code, &place.at(at), found.cause, found.fix);
        }
        for warned in self.warned {
            let at = problems.texts.inside(text, warned.bytes);
            problems.warn(warned.code, &place.at(at), warned.cause, warned.fix);
        }
    }

    fn value(&mut self, expr: &Expr, thresholds: Thresholds) -> Value {
        match expr {
            Expr::Identifier(name) => {
                let name = name.value.to_lowercase();
                self.known.get(&name).cloned().unwrap_or(Value::Unknown)
            }
            Expr::Nested(inner) => self.value(inner, thresholds),
            Expr::Value(literal) => of_literal(&literal.value),
            // `floor` and `ceil` are no functions to the parser, since they may take a unit of time.
            Expr::Floor { expr: inner, field } | Expr::Ceil { expr: inner, field } => {
                let number = self.value(inner, thresholds).number();
                let way = if matches!(expr, Expr::Floor { .. }) {
                    "floor"
                } else {
                    "ceil"
                };
                match field {
                    CeilFloorKind::DateTimeField(DateTimeField::NoDateTime) => {
                        self.rounded(expr, way, number, None)
                    }
                    _ => Value::Unknown,
                }
            }
            Expr::Cast {
                expr: inner,
                data_type,
                ..
            } => {
                let value = self.value(inner, thresholds);
                self.cast(expr, value, &data_type.to_string().to_uppercase())
            }
            Expr::UnaryOp { op, expr } => {
                // What never holds always fails, which may be meant.
                let thresholds = match op {
                    UnaryOperator::Not => Thresholds::Free,
                    _ => thresholds,
                };
                let value = self.value(expr, thresholds);
                match op {
                    UnaryOperator::Minus => Value::Number(value.number().negated()),
                    UnaryOperator::Plus => value,
                    UnaryOperator::Not => Value::Truth(value.truth().not()),
                    _ => Value::Unknown,
                }
            }
            Expr::BinaryOp { left, op, right } => self.binary(expr, left, op, right, thresholds),
            Expr::Between {
                expr: inner,
                negated,
                low,
                high,
            } => {
                let (value, low, high) = (
                    self.value(inner, thresholds),
                    self.value(low, thresholds),
                    self.value(high, thresholds),
                );
                let thresholds = if *negated { Thresholds::Free } else { thresholds };
                let below = self.compare(expr, &value, &BinaryOperator::GtEq, &low, thresholds);
                let above = self.compare(expr, &value, &BinaryOperator::LtEq, &high, thresholds);
                let truth = below.and(above);
                Value::Truth(if *negated { truth.not() } else { truth })
            }
            Expr::InList {
                expr: inner,
                list,
                negated,
            } => {
                let value = self.value(inner, thresholds);
                let mut truth = Truth {
                    can_hold: false,
                    can_fail: true,
                };
                for item in list {
                    let other = self.value(item, thresholds);
                    truth =
                        truth.or(self.compare(item, &value, &BinaryOperator::Eq, &other, Thresholds::Free));
                }
                Value::Truth(if *negated { truth.not() } else { truth })
            }
            Expr::IsNull(inner) | Expr::IsNotNull(inner) => {
                self.value(inner, thresholds);
                Value::Truth(Truth::OPEN)
            }
            Expr::Case {
                operand,
                conditions,
                else_result,
                ..
            } => {
                if let Some(operand) = operand {
                    self.value(operand, Thresholds::Free);
                }
                let mut results = Vec::new();
                for case in conditions {
                    self.value(&case.condition, Thresholds::Free);
                    results.push(self.value(&case.result, Thresholds::Free));
                }
                if let Some(result) = else_result {
                    results.push(self.value(result, Thresholds::Free));
                }
                results.into_iter().reduce(Value::or).unwrap_or(Value::Unknown)
            }
            Expr::CompoundFieldAccess { root, access_chain } => {
                let value = self.value(root, thresholds);
                match (value, access_chain.as_slice()) {
                    (Value::Points(most), [AccessExpr::Subscript(Subscript::Index { index })])
                        if is_total(index) =>
                    {
                        Value::Number(Fact::between(0.0, most).whole())
                    }
                    _ => Value::Unknown,
                }
            }
            Expr::Function(function) => self.function(function, thresholds),
            _ => Value::Unknown,
        }
    }

    /// A value in another type. What may round otherwise than it is known to may be anything.
    fn cast(&mut self, whole: &Expr, value: Value, data_type: &str) -> Value {
        let is_whole = ["INT", "BIGINT", "SMALLINT", "TINYINT"]
            .iter()
            .any(|name| data_type.starts_with(name));
        match value {
            Value::Number(number) if is_whole => self.rounded(whole, "trunc", number, None),
            Value::Truth(_) if is_whole => Value::Number(Fact::between(0.0, 1.0).whole()),
            Value::Number(number) if data_type.starts_with("DOUBLE") => Value::Number(number),
            Value::OneOf(_) | Value::Text(_) if data_type.contains("CHAR") => value,
            _ => Value::Unknown,
        }
    }

    fn binary(
        &mut self,
        whole: &Expr,
        left: &Expr,
        op: &BinaryOperator,
        right: &Expr,
        thresholds: Thresholds,
    ) -> Value {
        let (left, right) = (self.value(left, thresholds), self.value(right, thresholds));
        let (l, r) = (left.number(), right.number());
        if matches!(op, BinaryOperator::Plus | BinaryOperator::Minus) {
            self.check_units(whole, "adds", &[l, r]);
        }
        match op {
            BinaryOperator::Plus => Value::Number(l.plus(r)),
            BinaryOperator::Minus => Value::Number(l.plus(r.negated())),
            BinaryOperator::Multiply => Value::Number(l.times(r)),
            BinaryOperator::Divide => Value::Number(l.over(r)),
            BinaryOperator::DuckIntegerDivide => self.rounded(whole, "trunc", l.over(r), None),
            BinaryOperator::Modulo => Value::Number(l.remainder(r)),
            BinaryOperator::And => Value::Truth(left.truth().and(right.truth())),
            BinaryOperator::Or => Value::Truth(left.truth().or(right.truth())),
            BinaryOperator::Lt
            | BinaryOperator::LtEq
            | BinaryOperator::Gt
            | BinaryOperator::GtEq
            | BinaryOperator::Eq
            | BinaryOperator::NotEq => Value::Truth(self.compare(whole, &left, op, &right, thresholds)),
            _ => Value::Unknown,
        }
    }

    fn compare(
        &mut self,
        whole: &Expr,
        left: &Value,
        op: &BinaryOperator,
        right: &Value,
        thresholds: Thresholds,
    ) -> Truth {
        let (l, r) = match (left, right) {
            (Value::OneOf(texts), Value::Text(wanted)) | (Value::Text(wanted), Value::OneOf(texts)) => {
                return self.compare_texts(whole, texts, op, wanted);
            }
            (Value::Number(l), Value::Number(r)) => (*l, *r),
            _ => return Truth::OPEN,
        };
        if !self.check_units(whole, "compares", &[l, r]) {
            return Truth::OPEN;
        }
        let truth = match op {
            BinaryOperator::Lt => l.below(r),
            BinaryOperator::GtEq => l.below(r).not(),
            BinaryOperator::Gt => r.below(l),
            BinaryOperator::LtEq => r.below(l).not(),
            BinaryOperator::Eq => l.equals(r),
            _ => l.equals(r).not(),
        };
        let (range, threshold) = match l.low == l.high {
            true => (r, l.low),
            false => (l, r.low),
        };
        let is_threshold = range.low < range.high && (l.low == l.high || r.low == r.high);
        // A threshold in another unit is a mistake wherever it stands, and whichever way it is wrong.
        let is_other_unit = range.unit.is_some_and(|unit| is_of_other_unit(unit, threshold));
        let is_wrong = match thresholds {
            Thresholds::Checked => !truth.can_hold || (is_other_unit && !truth.can_fail),
            Thresholds::Free => is_other_unit && !(truth.can_hold && truth.can_fail),
        };
        if is_threshold && is_wrong && range.is_bounded() {
            let bytes = self.bytes(whole);
            let says = if truth.can_hold { "always" } else { "never" };
            let text = &self.sql[bytes.clone()];
            self.found.push(never(bytes, text, says, range, threshold));
            return Truth::OPEN;
        }
        truth
    }

    /// Equality of a column that has few texts with a text that is none of them.
    fn compare_texts(&mut self, whole: &Expr, texts: &[String], op: &BinaryOperator, wanted: &str) -> Truth {
        if !matches!(op, BinaryOperator::Eq | BinaryOperator::NotEq) {
            return Truth::OPEN;
        }
        if !texts.iter().any(|text| text == wanted) {
            let near = nearest(wanted, texts.iter().map(String::as_str));
            self.found.push(Found {
                code: codes::NEVER_EQUAL,
                bytes: self.bytes(whole),
                cause: format!("`{}` never holds", &self.sql[self.bytes(whole)]),
                fix: match near {
                    Some(near) => format!("did you mean '{near}'?"),
                    None => format!("use one of '{}'", texts.join("', '")),
                },
            });
        }
        Truth::OPEN
    }

    /// Notes values of several units where they must have one. Whether they have.
    fn check_units(&mut self, whole: &Expr, does: &str, facts: &[Fact]) -> bool {
        let mut units: Vec<&str> = facts.iter().filter_map(|fact| fact.unit).collect();
        units.dedup();
        if units.len() < 2 {
            return true;
        }
        self.found.push(Found {
            code: codes::UNIT_MISMATCH,
            bytes: self.bytes(whole),
            cause: format!("it {does} {}", units.join(" and ")),
            fix: "use values of one unit; a ratio has none, such as shock_index(heart_rate, systolic_bp) > 1"
                .to_owned(),
        });
        false
    }

    fn bytes(&self, expr: &Expr) -> Range<usize> {
        let span = expr.span();
        let byte = |line: u64, column: u64| {
            byte_at(self.sql, line as usize, column as usize).unwrap_or(self.sql.len())
        };
        let start = byte(span.start.line, span.start.column);
        let end = byte(span.end.line, span.end.column);
        if span.start.line == 0 || end <= start {
            return 0..self.sql.len();
        }
        // A call's place is told without what closes it.
        let is_open = matches!(expr, Expr::Function(_)) && self.sql[end..].starts_with(')');
        start..end + usize::from(is_open)
    }
}

fn of_literal(literal: &Literal) -> Value {
    match literal {
        Literal::Number(text, _) => text
            .parse()
            .map_or(Value::Unknown, |number| Value::Number(Fact::exactly(number))),
        Literal::SingleQuotedString(text) => Value::Text(text.clone()),
        Literal::Boolean(is_true) => Value::Truth(Truth {
            can_hold: *is_true,
            can_fail: !is_true,
        }),
        _ => Value::Unknown,
    }
}

fn is_total(index: &Expr) -> bool {
    matches!(index, Expr::Value(value) if matches!(&value.value, Literal::SingleQuotedString(text)
        if ["total", "lowest", "highest"].contains(&text.as_str())))
}

fn never(bytes: Range<usize>, text: &str, says: &str, range: Fact, threshold: f64) -> Found {
    let unit = range
        .unit
        .filter(|unit| *unit != "1")
        .map_or(String::new(), |unit| format!(" {unit}"));
    let within = match (range.low.is_finite(), range.high.is_finite()) {
        (true, true) => format!("the value is {} to {}{unit}", range.low, range.high),
        (true, false) => format!("the value is {}{unit} or more", range.low),
        _ => format!("the value is {}{unit} or less", range.high),
    };
    Found {
        code: codes::IMPLAUSIBLE,
        bytes,
        cause: format!("`{text}` {says} holds: {within}"),
        fix: match range.unit.filter(|unit| *unit != "1") {
            None => "set a threshold within that".to_owned(),
            Some(unit) => threshold_in(unit, threshold),
        },
    }
}

/// Whether a threshold is most likely meant in another unit: a fraction for a percentage, Fahrenheit for Celsius.
fn is_of_other_unit(unit: &str, threshold: f64) -> bool {
    match unit {
        "%" => threshold > 0.0 && threshold <= 1.0,
        "Cel" => (77.0..=113.0).contains(&threshold),
        _ => false,
    }
}

/// What to write instead of a threshold that no value reaches: mostly it is in another unit.
pub(crate) fn threshold_in(unit: &str, threshold: f64) -> String {
    match unit {
        "%" if threshold > 0.0 && threshold <= 1.0 => {
            format!("write {} for {threshold}, in %", threshold * 100.0)
        }
        "Cel" if is_of_other_unit(unit, threshold) => {
            let celsius = ((threshold - 32.0) / 1.8 * 10.0).round() / 10.0;
            format!("write {celsius} for {threshold} °F, in Cel")
        }
        _ => format!("set a threshold in {unit}"),
    }
}
