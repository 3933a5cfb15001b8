//! SQL in one spelling: white space, comments and the case of keywords mean nothing, so two texts that differ in them alone are
//! one.

use std::collections::BTreeMap;

use datafusion::sql::sqlparser::ast::{Expr, SelectItem, SetExpr, Statement};
use datafusion::sql::sqlparser::dialect::GenericDialect;
use datafusion::sql::sqlparser::parser::Parser;

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
pub(crate) fn expression(sql: &str) -> String {
    let parsed = Parser::new(&GenericDialect {})
        .try_with_sql(sql)
        .and_then(|mut parser| parser.parse_expr());
    parsed.map_or_else(|_| sql.trim().to_owned(), |expr: Expr| expr.to_string())
}

/// A feature set's query.
pub(crate) fn query(sql: &str) -> SetSql {
    let Ok(statements) = Parser::parse_sql(&GenericDialect {}, sql) else {
        return SetSql {
            text: sql.trim().to_owned(),
            ..SetSql::default()
        };
    };
    let texts: Vec<String> = statements.iter().map(Statement::to_string).collect();
    let mut features = BTreeMap::new();
    let mut rows = String::new();
    for statement in &statements {
        if let Statement::Query(query) = statement
            && let SetExpr::Select(select) = query.body.as_ref()
        {
            rows = select.selection.as_ref().map_or(String::new(), Expr::to_string);
            for item in &select.projection {
                if let SelectItem::ExprWithAlias { expr, alias } = item {
                    features.insert(alias.value.clone(), expr.to_string());
                }
            }
        }
    }
    SetSql {
        text: texts.join("; "),
        rows,
        features,
    }
}
