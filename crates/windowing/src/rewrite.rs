//! What a feature set's SQL may be, and how our functions become DataFusion's.
//!
//! A feature set is `SELECT … FROM vitals [WHERE …] GROUP BY patient_id`: one row a patient and window. The window's end is
//! added to the grouping, so that `window_end` may be selected and an age can be taken against it. Functions of ours that
//! need the time of an observation are given it here:
//!
//! | written | run |
//! |---|---|
//! | `latest(x)`, `slope(x)` | `latest(x, ts)`, `slope(x, ts)` |
//! | `age(x)` | `seconds_since(latest_at(x, ts), window_end)` |
//! | `time_below(x, limit)` | `seconds_held(span_below(x, limit, ts), window_end)`, and so for `time_above` |

use std::ops::ControlFlow;

use datafusion::sql::parser::Statement as DfStatement;
use datafusion::sql::sqlparser::ast::{
    Expr, Function, FunctionArg, FunctionArgExpr, FunctionArgumentList, FunctionArguments, GroupByExpr,
    Ident, ObjectName, ObjectNamePart, Query, Select, SelectItem, SetExpr, Statement, TableFactor,
    visit_expressions_mut,
};

use crate::PlanError;
use crate::relation::{PATIENT_ID, TS, VITALS, WINDOW_END};

const FORM: &str = "write SELECT … FROM vitals GROUP BY patient_id";

/// Checks the shape of a feature set's SQL and rewrites our functions.
pub(crate) fn feature_set(statement: &mut DfStatement) -> Result<(), PlanError> {
    let select = plain_select(statement)?;
    let grouped = match &mut select.group_by {
        GroupByExpr::Expressions(grouped, modifiers) if modifiers.is_empty() => grouped,
        _ => return Err(shape(Some("GROUP"), "GROUP BY ALL or ROLLUP")),
    };
    let names: Vec<String> = grouped.iter().map(plain_name).collect();
    match names.iter().map(String::as_str).collect::<Vec<_>>()[..] {
        [PATIENT_ID] => grouped.push(column(WINDOW_END)),
        [PATIENT_ID, WINDOW_END] | [WINDOW_END, PATIENT_ID] => {
            *grouped = vec![column(PATIENT_ID), column(WINDOW_END)]
        }
        _ => return Err(shape(Some("GROUP"), "the grouping is not by patient_id")),
    }
    // Whatever the table is called, its columns have one name each.
    if let [PATIENT_ID] = names.iter().map(String::as_str).collect::<Vec<_>>()[..] {
        grouped[0] = column(PATIENT_ID);
    }
    rewrite_functions(statement, &column(WINDOW_END))
}

/// A column's name as SQL reads it: without its table, and in lower case unless it has quotes.
fn plain_name(expr: &Expr) -> String {
    let ident = match expr {
        Expr::Identifier(ident) => ident,
        Expr::CompoundIdentifier(parts) if parts.len() == 2 => &parts[1],
        other => return other.to_string(),
    };
    plain_ident(ident)
}

fn plain_ident(ident: &Ident) -> String {
    match ident.quote_style {
        None => ident.value.to_lowercase(),
        Some(_) => ident.value.clone(),
    }
}

/// Rewrites our functions in any query. It may group by what it likes, so the window's end is the newest of the group.
pub(crate) fn plain_query(statement: &mut DfStatement) -> Result<(), PlanError> {
    rewrite_functions(statement, &call("max", vec![column(WINDOW_END)]))
}

fn rewrite_functions(statement: &mut DfStatement, end: &Expr) -> Result<(), PlanError> {
    let DfStatement::Statement(statement) = statement else {
        return Ok(());
    };
    name_projections(statement);
    let flow = visit_expressions_mut(statement.as_mut(), |expr| match rewrite(expr, end) {
        Ok(()) => ControlFlow::Continue(()),
        Err(error) => ControlFlow::Break(error),
    });
    match flow {
        ControlFlow::Break(error) => Err(error),
        ControlFlow::Continue(()) => Ok(()),
    }
}

fn plain_select(statement: &mut DfStatement) -> Result<&mut Select, PlanError> {
    let DfStatement::Statement(statement) = statement else {
        return Err(shape(None, "this is not a query"));
    };
    let Statement::Query(query) = statement.as_mut() else {
        return Err(shape(None, "this is not a query"));
    };
    let Query {
        with,
        body,
        order_by,
        limit_clause,
        fetch,
        ..
    } = query.as_mut();
    if with.is_some() || order_by.is_some() || limit_clause.is_some() || fetch.is_some() {
        return Err(shape(
            None,
            "WITH, ORDER BY and LIMIT have no meaning for one row a patient",
        ));
    }
    let SetExpr::Select(select) = body.as_mut() else {
        return Err(shape(None, "UNION and VALUES are not a feature set"));
    };
    if select.distinct.is_some() || select.having.is_some() || select.qualify.is_some() {
        return Err(shape(
            None,
            "DISTINCT, HAVING and QUALIFY would drop a patient's row",
        ));
    }
    let from_vitals = matches!(&select.from[..], [table]
        if table.joins.is_empty()
            && matches!(&table.relation, TableFactor::Table { name: ObjectName(parts), .. }
                if matches!(&parts[..], [ObjectNamePart::Identifier(ident)] if plain_ident(ident) == VITALS)));
    if !from_vitals {
        return Err(shape(
            Some("FROM"),
            "the query does not read exactly the relation vitals",
        ));
    }
    Ok(select)
}

fn shape(word: Option<&'static str>, what: &str) -> PlanError {
    PlanError::Shape {
        what: what.to_owned(),
        word,
        fix: FORM,
    }
}

/// An unnamed result column keeps the name that its author sees, not that of the rewritten call.
fn name_projections(statement: &mut Statement) {
    let Statement::Query(query) = statement else {
        return;
    };
    let SetExpr::Select(select) = query.body.as_mut() else {
        return;
    };
    for item in &mut select.projection {
        if let SelectItem::UnnamedExpr(expr @ Expr::Function(_)) = item {
            let alias = Ident::with_quote('"', expr.to_string());
            *item = SelectItem::ExprWithAlias {
                expr: expr.clone(),
                alias,
            };
        }
    }
}

fn rewrite(expr: &mut Expr, end: &Expr) -> Result<(), PlanError> {
    let Expr::Function(function) = expr else {
        return Ok(());
    };
    let name = function.name.to_string().to_ascii_lowercase();
    let arguments = argument_count(function);
    let wrong = |fix| PlanError::Aggregate {
        aggregate: function.to_string(),
        why: "wrong arguments".to_owned(),
        fix,
    };
    match (name.as_str(), arguments) {
        ("latest" | "slope" | "latest_at", 1) => push_argument(function, column(TS)),
        ("latest" | "slope" | "latest_at", 0 | 3..) => {
            return Err(wrong("give one vital sign, such as latest(spo2)"));
        }
        ("age", 1) => {
            let mut inner = function.clone();
            rename(&mut inner, "latest_at");
            push_argument(&mut inner, column(TS));
            *expr = call("seconds_since", vec![Expr::Function(inner), end.clone()]);
        }
        ("age", _) => return Err(wrong("give one vital sign, such as age(spo2)")),
        ("time_below" | "time_above", 2) => {
            let mut inner = function.clone();
            rename(
                &mut inner,
                if name == "time_below" {
                    "span_below"
                } else {
                    "span_above"
                },
            );
            push_argument(&mut inner, column(TS));
            *expr = call("seconds_held", vec![Expr::Function(inner), end.clone()]);
        }
        ("time_below" | "time_above", _) => {
            return Err(wrong(
                "give a vital sign and a limit, such as time_below(spo2, 90)",
            ));
        }
        _ => {}
    }
    Ok(())
}

fn argument_count(function: &Function) -> usize {
    match &function.args {
        FunctionArguments::List(list) => list.args.len(),
        FunctionArguments::None | FunctionArguments::Subquery(_) => 0,
    }
}

fn push_argument(function: &mut Function, argument: Expr) {
    if let FunctionArguments::List(list) = &mut function.args {
        list.args
            .push(FunctionArg::Unnamed(FunctionArgExpr::Expr(argument)));
    }
}

fn rename(function: &mut Function, name: &str) {
    function.name = ObjectName(vec![ObjectNamePart::Identifier(Ident::new(name))]);
}

fn column(name: &str) -> Expr {
    Expr::Identifier(Ident::new(name))
}

fn call(name: &str, arguments: Vec<Expr>) -> Expr {
    let args = arguments
        .into_iter()
        .map(|argument| FunctionArg::Unnamed(FunctionArgExpr::Expr(argument)))
        .collect();
    Expr::Function(Function {
        name: ObjectName(vec![ObjectNamePart::Identifier(Ident::new(name))]),
        uses_odbc_syntax: false,
        parameters: FunctionArguments::None,
        args: FunctionArguments::List(FunctionArgumentList {
            duplicate_treatment: None,
            args,
            clauses: vec![],
        }),
        filter: None,
        null_treatment: None,
        over: None,
        within_group: vec![],
    })
}
