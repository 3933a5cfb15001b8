//! SQL in one spelling: white space, comments and the case of keywords mean nothing, so two texts that differ in them alone are
//! one.

use std::collections::BTreeMap;
use std::ops::ControlFlow;

use datafusion::sql::sqlparser::ast::{
    Expr, Ident, ObjectNamePart, SelectItem, Value, VisitMut, visit_expressions_mut,
};

use crate::sql;

/// The SQL of a feature set, in one spelling.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct SetSql {
    /// All of it.
    pub text: String,
    /// What it says of rows: WHERE; empty without.
    pub rows: String,
    /// By feature: its expression.
    pub features: BTreeMap<String, String>,
}

/// An expression; as it is written where it does not parse.
pub(crate) fn expression(text: &str) -> String {
    let Some(mut expr) = sql::expression(text) else {
        return text.trim().to_owned();
    };
    respell(&mut expr);
    while let Expr::Nested(inner) = expr {
        expr = *inner;
    }
    expr.to_string()
}

/// Names in lower case unless they have quotes, as SQL reads them; numbers without what changes nothing.
fn respell<V: VisitMut>(sql: &mut V) {
    let done: ControlFlow<()> = visit_expressions_mut(sql, |expr| {
        match expr {
            Expr::Identifier(name) => lower(name),
            Expr::Function(function) => {
                for part in &mut function.name.0 {
                    if let ObjectNamePart::Identifier(name) = part {
                        lower(name);
                    }
                }
            }
            Expr::Value(value) => {
                if let Value::Number(text, _) = &mut value.value
                    && let Ok(number) = text.parse::<f64>()
                {
                    *text = number.to_string();
                }
            }
            _ => {}
        }
        ControlFlow::Continue(())
    });
    debug_assert!(done.is_continue(), "nothing ends the visit");
}

fn lower(name: &mut Ident) {
    match name.quote_style {
        None => name.value = name.value.to_lowercase(),
        // Quotes around what is lower case already say nothing.
        Some(_)
            if name
                .value
                .chars()
                .all(|letter| letter.is_ascii_lowercase() || letter.is_ascii_digit() || letter == '_') =>
        {
            name.quote_style = None;
        }
        Some(_) => {}
    }
}

/// A feature set's query.
pub(crate) fn query(text: &str) -> SetSql {
    let Some(mut select) = sql::select(text) else {
        return SetSql {
            text: text.trim().to_owned(),
            ..SetSql::default()
        };
    };
    respell(&mut select);
    let features = select.projection.iter().filter_map(|item| match item {
        SelectItem::ExprWithAlias { expr, alias } => Some((alias.value.clone(), expr.to_string())),
        _ => None,
    });
    SetSql {
        features: features.collect(),
        rows: select.selection.as_ref().map_or(String::new(), Expr::to_string),
        text: select.to_string(),
    }
}
