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
    "approx_percentile_cont",
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
        let first = arguments.first().map_or(Fact::ANY, Value::number);
        match name.as_str() {
            name if ONE_OF_THEM.contains(&name) => Value::Number(first),
            "coalesce" | "greatest" | "least" | "nvl" | "ifnull" => {
                let facts: Vec<Fact> = arguments.iter().map(Value::number).collect();
                self.check_units(&Expr::Function(function.clone()), "mixes", &facts);
                arguments.into_iter().reduce(Value::or).unwrap_or(Value::Unknown)
            }
            "round" | "trunc" | "floor" | "ceil" => Value::Number(Fact {
                low: first.low.floor(),
                high: first.high.ceil(),
                ..first
            }),
            "abs" => Value::Number(first.size()),
            "count" | "shock_index" => Value::Number(Fact::POSITIVE),
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
