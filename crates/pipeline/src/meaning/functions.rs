//! What functions give, and what they take.

use datafusion::sql::sqlparser::ast::{Expr, Function, FunctionArg, FunctionArgExpr, FunctionArguments};
use wardwatch_clinical::VitalSign;
use wardwatch_clinical::scores::{MewsInput, News2Input, QsofaInput, SirsInput, mews, news2, qsofa, sirs};
use wardwatch_windowing::REFERENCE;

use super::{Fact, Found, Reader, Thresholds, Value, never};
use crate::codes;

/// Aggregates that give a value of what they read.
const ONE_OF_THEM: [&str; 11] = [
    "avg",
    "mean",
    "min",
    "max",
    "latest",
    "median",
    "first_value",
    "last_value",
    "nth_value",
    "percentile_cont",
    "quantile_cont",
];

// === impl Reader ===

impl Reader<'_> {
    pub(super) fn function(&mut self, function: &Function, thresholds: Thresholds) -> Value {
        let name = function.name.to_string().to_lowercase();
        let arguments: Vec<Value> = match &function.args {
            FunctionArguments::List(list) => list
                .args
                .iter()
                .filter_map(|argument| match argument {
                    FunctionArg::Unnamed(FunctionArgExpr::Expr(expr)) => Some(self.value(expr, thresholds)),
                    _ => None,
                })
                .collect(),
            _ => Vec::new(),
        };
        if let Some(filter) = &function.filter {
            self.value(filter, Thresholds::Checked);
        }
        if let Some(most) = most_points(&name) {
            self.check_arguments(function, &name, &arguments);
            return Value::Points(f64::from(most));
        }
        // The first argument of a percentile says which one; it is one of what it orders by.
        let first = match function.within_group.first() {
            Some(order) => self.value(&order.expr, thresholds).number(),
            None => arguments.first().map_or(Fact::ANY, Value::number),
        };
        match name.as_str() {
            name if ONE_OF_THEM.contains(&name) => Value::Number(first),
            "coalesce" | "greatest" | "least" | "nvl" | "ifnull" => {
                let facts: Vec<Fact> = arguments.iter().map(Value::number).collect();
                self.check_units(&Expr::Function(function.clone()), "mixes", &facts);
                arguments.into_iter().reduce(Value::or).unwrap_or(Value::Unknown)
            }
            "round" | "trunc" => {
                let digits = arguments.get(1).map(Value::number);
                self.rounded(&Expr::Function(function.clone()), name.as_str(), first, digits)
            }
            "abs" => Value::Number(first.size()),
            "count" | "regr_count" => Value::Number(Fact::POSITIVE.count()),
            "sum" => Value::Number(Fact {
                is_whole: first.is_whole,
                is_count: first.is_whole,
                ..Fact::between(
                    if first.low >= 0.0 { 0.0 } else { f64::NEG_INFINITY },
                    if first.high <= 0.0 { 0.0 } else { f64::INFINITY },
                )
            }),
            "shock_index" => Value::Number(Fact::POSITIVE),
            "stddev" | "stddev_samp" | "stddev_pop" => Value::Number(Fact {
                unit: first.unit,
                ..Fact::POSITIVE
            }),
            "time_below" | "time_above" => {
                let limit = arguments.get(1).map_or(Fact::ANY, Value::number);
                let is_threshold = limit.low == limit.high && first.low < first.high;
                if is_threshold && !(first.low..=first.high).contains(&limit.low) {
                    let bytes = self.bytes(&Expr::Function(function.clone()));
                    let text = &self.sql[bytes.clone()];
                    self.found.push(never(bytes, text, "never", first, limit.low));
                }
                Value::Number(Fact::between(0.0, self.window).in_unit("s"))
            }
            "age" => Value::Number(Fact::between(0.0, self.window).in_unit("s")),
            _ => Value::Unknown,
        }
    }

    /// A number that is rounded in a way, to so many digits.
    pub(super) fn rounded(&mut self, whole: &Expr, way: &str, number: Fact, digits: Option<Fact>) -> Value {
        let way = match way {
            "round" => f64::round,
            "floor" => f64::floor,
            "ceil" => f64::ceil,
            _ => f64::trunc,
        };
        match digits {
            None => {
                if number.is_share && way(0.9) < 0.9 {
                    self.warn_of_share(whole);
                }
                Value::Number(number.rounded(way))
            }
            // To so many digits it moves by less than one.
            Some(digits) if digits.low >= 0.0 => Value::Number(Fact {
                low: number.low.floor(),
                high: number.high.ceil(),
                is_share: false,
                ..number
            }),
            // To tens or hundreds.
            Some(_) => Value::Unknown,
        }
    }

    /// Warns of a share that is made whole.
    pub(super) fn warn_of_share(&mut self, whole: &Expr) {
        self.warned.push(Found {
            code: codes::WHOLE_SHARE,
            bytes: self.bytes(whole),
            cause: "a quotient of two counts is cut to a whole number: hardly more than 0 or 1 is left"
                .to_owned(),
            fix: "leave it as it is: `/` gives the fraction, of whole numbers too".to_owned(),
        });
    }

    /// Notes arguments of a standard score that are in another unit than what the score calls them.
    fn check_arguments(&mut self, function: &Function, name: &str, arguments: &[Value]) {
        let Some(reference) = REFERENCE.iter().find(|reference| reference.name == name) else {
            return;
        };
        let wanted = reference.call.split(['(', ')']).nth(1).unwrap_or_default();
        for (wanted, argument) in wanted.split(", ").zip(arguments) {
            let Some(vital) = VitalSign::from_name(wanted) else {
                continue;
            };
            if let Some(unit) = argument.number().unit.filter(|unit| *unit != vital.unit()) {
                self.found.push(Found {
                    code: codes::UNIT_MISMATCH,
                    bytes: self.bytes(&Expr::Function(function.clone())),
                    cause: format!(
                        "{name}() takes {wanted} in {}, and gets something in {unit}",
                        vital.unit()
                    ),
                    fix: format!("give the arguments in this order: {}", reference.call),
                });
            }
        }
    }
}

/// The most points that a standard score gives: what is possible while everything is missing.
fn most_points(name: &str) -> Option<u8> {
    Some(match name {
        "news2" => news2(&News2Input::default()).highest(),
        "mews" => mews(&MewsInput::default()).highest(),
        "qsofa" => qsofa(&QsofaInput::default()).highest(),
        "sirs" => sirs(&SirsInput::default()).highest(),
        _ => return None,
    })
}
