//! What the planner says of SQL: as cause and fix, at the word that it is about.

use std::ops::Range;

use datafusion::common::SchemaError;
use datafusion::error::DataFusionError;
use datafusion::sql::sqlparser::ast::{Expr, Select, SetExpr, Statement};
use datafusion::sql::sqlparser::dialect::GenericDialect;
use datafusion::sql::sqlparser::parser::Parser;
use wardwatch_windowing::{PlanError, VITALS, function_names};
use wardwatch_yaml::{Place, Problems, Spot, codes as yaml_codes, nearest};

use crate::codes;

/// Most words of one SQL text, and deepest parentheses: planning longer ones takes seconds, and deep ones the stack.
const MOST_WORDS: usize = 4_000;
const DEEPEST: usize = 16;

/// Notes SQL that is too long or too deep to be planned. Whether it is neither.
pub(crate) fn check_size(problems: &mut Problems, place: &Place, sql: &Spot<String>) -> bool {
    let (mut count, mut depth, mut deepest) = (0, 0_usize, 0);
    for bytes in words(&sql.value) {
        match &sql.value[bytes] {
            "(" => depth += 1,
            ")" => depth = depth.saturating_sub(1),
            word if word.trim().is_empty() => continue,
            _ => {}
        }
        count += 1;
        deepest = deepest.max(depth);
    }
    if count <= MOST_WORDS && deepest <= DEEPEST {
        return true;
    }
    let cause = match deepest > DEEPEST {
        true => format!("its parentheses are {deepest} deep, and at most {DEEPEST} are allowed"),
        false => format!("it has {count} words, and at most {MOST_WORDS} are allowed"),
    };
    problems.push(
        yaml_codes::TOO_MANY,
        place,
        cause,
        "split it: give parts of it names of their own",
    );
    false
}

/// Notes why SQL was refused; `known` are the names that it may read.
pub(crate) fn note<'a>(
    problems: &mut Problems,
    place: &Place,
    sql: &Spot<String>,
    error: &PlanError,
    known: impl IntoIterator<Item = &'a str>,
) {
    note_of(problems, place, sql, &sql.value, error, known);
}

/// The same of a part of the SQL, in which all else is blank.
pub(crate) fn note_of<'a>(
    problems: &mut Problems,
    place: &Place,
    sql: &Spot<String>,
    part: &str,
    error: &PlanError,
    known: impl IntoIterator<Item = &'a str>,
) {
    let at = |problems: &Problems, word: &str| match find(part, word) {
        Some(bytes) => place.at(problems.texts.inside(sql, bytes)),
        None => place.clone(),
    };
    match error {
        PlanError::Sql(error) => match error.find_root() {
            DataFusionError::SchemaError(schema_error, _) if unknown_field(schema_error).is_some() => {
                let (name, relation) = unknown_field(schema_error).expect("the guard found it");
                let place = at(problems, name);
                match relation {
                    None => {
                        let cause = format!("there is no `{name}` to read");
                        problems.unknown(codes::SQL_UNKNOWN_NAME, &place, cause, name, known);
                    }
                    Some(relation) => problems.push(
                        codes::SQL_UNKNOWN_NAME,
                        &place,
                        format!("there is no `{relation}.{name}` to read"),
                        format!("write `{name}` alone"),
                    ),
                }
            }
            DataFusionError::SQL(syntax, _) => syntax_error(problems, place, sql, part, &syntax.to_string()),
            other => planner_error(problems, place, sql, part, &first_line(&other.strip_backtrace())),
        },
        PlanError::Shape { what, word, fix } => {
            let place = match word.and_then(|word| find_clause(part, word)) {
                Some(bytes) => place.at(problems.texts.inside(sql, bytes)),
                None => place.clone(),
            };
            problems.push(codes::SQL_SHAPE, &place, what, *fix);
        }
        PlanError::Aggregate { aggregate, why, fix } => {
            let (place, written) = match call(part, aggregate) {
                Some(bytes) => (place.at(problems.texts.inside(sql, bytes.clone())), &part[bytes]),
                None => (place.clone(), aggregate.as_str()),
            };
            problems.push(codes::SQL_AGGREGATE, &place, format!("{written}: {why}"), *fix);
        }
        PlanError::NotDeterministic { function } => {
            let place = at(problems, function);
            problems.push(
                codes::SQL_NOT_DETERMINISTIC,
                &place,
                format!("{function}() depends on when or where it runs, so a replay would differ"),
                "use ts or window_end",
            );
        }
        PlanError::NotANumber { column, data_type } => {
            let place = match find_alias(part, column) {
                Some(bytes) => place.at(problems.texts.inside(sql, bytes)),
                None => place.clone(),
            };
            problems.push(
                codes::SQL_TYPE,
                &place,
                format!("{column} is of type {data_type}, and a feature is a number"),
                "cast it, or take its length or a flag as 0 and 1",
            );
        }
    }
}

/// An expression, read once more for what it says; none where it does not parse, which has been told.
pub(crate) fn expression(sql: &str) -> Option<Expr> {
    let parser = Parser::new(&GenericDialect {}).try_with_sql(sql);
    parser.and_then(|mut parser| parser.parse_expr()).ok()
}

/// The SELECT of a feature set, likewise.
pub(crate) fn select(sql: &str) -> Option<Select> {
    let statement = Parser::parse_sql(&GenericDialect {}, sql).ok()?.pop()?;
    let Statement::Query(query) = statement else {
        return None;
    };
    match *query.body {
        SetExpr::Select(select) => Some(*select),
        _ => None,
    }
}

/// Whether SQL was refused for what it is as a whole, or for how it is written, and not for one of its columns.
pub(crate) fn is_about_all(error: &PlanError) -> bool {
    match error {
        PlanError::Sql(error) => matches!(error.find_root(), DataFusionError::SQL(..)),
        PlanError::Shape { .. } => true,
        _ => false,
    }
}

/// Whether SQL was refused because it reads a name that there is not.
pub(crate) fn is_unknown_name(error: &PlanError) -> bool {
    match error {
        PlanError::Sql(error) => {
            matches!(error.find_root(), DataFusionError::SchemaError(error, _) if unknown_field(error).is_some())
        }
        _ => false,
    }
}

/// `Expected: ), found: FROM at Line: 2, Column: 5`.
fn syntax_error(problems: &mut Problems, place: &Place, sql: &Spot<String>, part: &str, text: &str) {
    let text = text.trim_start_matches("sql parser error: ");
    let (cause, at) = match text.split_once(" at Line: ") {
        Some((cause, at)) => (cause, byte_of(part, at)),
        None => (text, None),
    };
    let place = match at {
        Some(byte) => place.at(problems.texts.inside(sql, word_at(part, byte))),
        None => place.clone(),
    };
    problems.push(
        codes::SQL_SYNTAX,
        &place,
        cause,
        "correct the SQL here, or just before",
    );
}

/// The byte of `2, Column: 5`.
fn byte_of(sql: &str, text: &str) -> Option<usize> {
    let (line, column) = text.split_once(", Column: ")?;
    let line: usize = line.parse().ok()?;
    let column: usize = column
        .split(|letter: char| !letter.is_ascii_digit())
        .next()?
        .parse()
        .ok()?;
    byte_at(sql, line, column)
}

/// The byte at a line and a column, both from 1.
pub(crate) fn byte_at(sql: &str, line: usize, column: usize) -> Option<usize> {
    let begins: usize = sql
        .split_inclusive('\n')
        .take(line.checked_sub(1)?)
        .map(str::len)
        .sum();
    let within = sql[begins..].char_indices().nth(column.checked_sub(1)?);
    within.map(|(byte, _)| begins + byte)
}

fn planner_error(problems: &mut Problems, place: &Place, sql: &Spot<String>, part: &str, text: &str) {
    let text = text
        .trim_start_matches("Error during planning: ")
        .trim_start_matches("This feature is not implemented: ");
    let function = text
        .split_once("Invalid function '")
        .and_then(|(_, rest)| rest.split('\'').next());
    let Some(function) = function else {
        let (cause, fix) = in_other_words(text).unwrap_or((text, "correct the SQL"));
        problems.push(codes::SQL_PLAN, place, cause, fix);
        return;
    };
    let place = match find(part, function) {
        Some(bytes) => place.at(problems.texts.inside(sql, bytes)),
        None => place.clone(),
    };
    let known = function_names();
    let fix = match nearest(function, known.iter().map(String::as_str)) {
        Some(near) => format!("did you mean `{near}`?"),
        None => "the guide lists the functions; DataFusion's own work too".to_owned(),
    };
    problems.push(
        codes::SQL_UNKNOWN_FUNCTION,
        &place,
        format!("there is no function {function}()"),
        fix,
    );
}

/// What is right, and beyond the planner: its own words lead nobody to the way around.
fn in_other_words(text: &str) -> Option<(&'static str, &'static str)> {
    if text.contains("Conflicting ordering requirements") {
        return Some((
            "two aggregates take their rows in different orders",
            "use one order in a feature set, or give one of them a set of its own",
        ));
    }
    text.contains("duplicate unqualified field name").then_some((
        "two aggregates are one to the planner, to which a cast is no difference, as in sum(x) and sum(CAST(x AS BIGINT))",
        "change one of them, as in sum(CAST(x + 0 AS BIGINT)), or give it a feature set of its own",
    ))
}

/// Its name, and the table that was named with it.
fn unknown_field(error: &SchemaError) -> Option<(&str, Option<String>)> {
    match error {
        SchemaError::FieldNotFound { field, .. } => {
            let relation = field.relation.as_ref().map(ToString::to_string);
            Some((&field.name, relation.filter(|relation| relation != VITALS)))
        }
        _ => None,
    }
}

/// DataFusion appends hints and backtraces in lines of their own.
fn first_line(text: &str) -> String {
    text.lines().next().unwrap_or_default().to_owned()
}

/// The query with one of its columns alone, each in its place, for every column but the first, which names the patient: what is
/// wrong with one hides nothing of the others then. None where there are no two others.
pub(crate) fn column_by_column(sql: &str) -> Vec<String> {
    let (mut depth, mut begins, mut ends) = (0_i32, None, None);
    let mut commas = Vec::new();
    for bytes in words(sql) {
        let word = &sql[bytes.clone()];
        depth += i32::from(word == "(") - i32::from(word == ")");
        match word {
            _ if depth != 0 => {}
            _ if begins.is_none() && word.eq_ignore_ascii_case("select") => begins = Some(bytes.end),
            "," if begins.is_some() => commas.push(bytes.start),
            _ if begins.is_some() && word.eq_ignore_ascii_case("from") => {
                ends = Some(bytes.start);
                break;
            }
            _ => {}
        }
    }
    let (Some(_), Some(ends), true) = (begins, ends, commas.len() > 1) else {
        return Vec::new();
    };
    let column = |at: usize| {
        let end = commas.get(at + 1).copied().unwrap_or(ends);
        let kept = commas[at] + 1..end;
        let blank =
            |(byte, letter): (usize, char)| match byte > commas[0] && byte < ends && !kept.contains(&byte) {
                // A blank for each byte, so that what is kept stands where it stood.
                true if letter != '\n' => " ".repeat(letter.len_utf8()),
                _ => letter.to_string(),
            };
        sql.char_indices().map(blank).collect()
    };
    (0..commas.len()).map(column).collect()
}

/// The first place of a word, outside of strings and comments; not where it is given as a name, if it stands elsewhere too.
pub(crate) fn find(sql: &str, word: &str) -> Option<Range<usize>> {
    let is = |bytes: &Range<usize>, word: &str| sql[bytes.clone()].eq_ignore_ascii_case(word);
    let mut before: Option<Range<usize>> = None;
    let mut found = None;
    for bytes in words(sql).filter(|bytes| !sql[bytes.clone()].trim().is_empty()) {
        if is(&bytes, word) {
            if !before.as_ref().is_some_and(|before| is(before, "as")) {
                return Some(bytes);
            }
            found.get_or_insert(bytes.clone());
        }
        before = Some(bytes);
    }
    found
}

/// Where a column is given its name.
pub(crate) fn find_alias(sql: &str, name: &str) -> Option<Range<usize>> {
    let is = |bytes: &Range<usize>, word: &str| sql[bytes.clone()].eq_ignore_ascii_case(word);
    let words: Vec<Range<usize>> = words(sql)
        .filter(|bytes| !sql[bytes.clone()].trim().is_empty())
        .collect();
    let found = words
        .windows(2)
        .find(|pair| is(&pair[0], "as") && is(&pair[1], name));
    found.map(|pair| pair[1].clone()).or_else(|| find(sql, name))
}

/// A clause's word: not one within parentheses.
fn find_clause(sql: &str, word: &str) -> Option<Range<usize>> {
    let mut open = 0_i32;
    words(sql).find(|bytes| {
        let found = &sql[bytes.clone()];
        open += i32::from(found == "(") - i32::from(found == ")");
        open == 0 && found.eq_ignore_ascii_case(word)
    })
}

/// The call that the planner names in its own way: `count(vitals.spo2)`, `count(Int64(1))`.
fn call(sql: &str, planned: &str) -> Option<Range<usize>> {
    let function = planned.split('(').next().unwrap_or_default();
    let calls: Vec<Range<usize>> = words(sql)
        .filter(|bytes| sql[bytes.clone()].eq_ignore_ascii_case(function))
        .filter_map(|bytes| Some(bytes.start..closing(sql, bytes.end)?))
        .collect();
    let plain = |text: &str| {
        let text = text
            .replace("vitals.", "")
            .replace("Int64(1)", "*")
            .to_lowercase();
        text.split_whitespace().collect::<String>()
    };
    let meant = calls
        .iter()
        .find(|bytes| plain(planned).starts_with(&plain(&sql[(*bytes).clone()])));
    meant.or(calls.first()).cloned()
}

/// Behind the parenthesis that closes the one after this byte.
fn closing(sql: &str, from: usize) -> Option<usize> {
    let mut open = 0;
    for (byte, letter) in sql[from..].char_indices() {
        match letter {
            '(' => open += 1,
            ')' => open -= 1,
            _ if open == 0 && !letter.is_whitespace() => return None,
            _ => continue,
        }
        if open == 0 {
            return Some(from + byte + 1);
        }
    }
    None
}

/// Words, and characters that are in none, outside of strings and comments.
fn words(sql: &str) -> impl Iterator<Item = Range<usize>> {
    let mut at = 0;
    let mut is_string = false;
    std::iter::from_fn(move || {
        loop {
            let rest = &sql[at..];
            if !is_string && (rest.starts_with("--") || rest.starts_with("/*")) {
                let (end, length) = if rest.starts_with("--") {
                    ("\n", 1)
                } else {
                    ("*/", 2)
                };
                at += rest.find(end).map_or(rest.len(), |end| end + length);
                continue;
            }
            if rest.is_empty() {
                return None;
            }
            let bytes = word_at(sql, at);
            at = bytes.end;
            is_string ^= sql[bytes.clone()] == *"'";
            if !is_string {
                return Some(bytes);
            }
        }
    })
}

/// The word, or else the one character, that begins at a byte.
fn word_at(sql: &str, byte: usize) -> Range<usize> {
    let is_word = |letter: char| letter.is_alphanumeric() || letter == '_';
    let rest = &sql[byte.min(sql.len())..];
    let word = rest.find(|letter: char| !is_word(letter)).unwrap_or(rest.len());
    let length = match word {
        0 => rest.chars().next().map_or(0, char::len_utf8),
        length => length,
    };
    byte..byte + length
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn words_are_found_outside_of_strings() {
        let sql = "avg(x) FILTER (WHERE source = 'spo2') + spo2";
        assert_eq!(find(sql, "spo2"), Some(40..44));
        assert_eq!(find(sql, "sp"), None);
        assert_eq!(find(sql, "AVG"), Some(0..3));
    }

    #[test]
    fn a_column_stands_where_it_stood() {
        let sql = "SELECT patient_id, avg(x, 'a,b') AS a, -- é,\n max(y) AS b FROM vitals";
        let columns = column_by_column(sql);
        assert_eq!(columns.len(), 2);
        assert_eq!(
            columns[0].split_whitespace().collect::<Vec<_>>().join(" "),
            "SELECT patient_id, avg(x, 'a,b') AS a FROM vitals"
        );
        assert_eq!(columns[1].find("max(y) AS b"), sql.find("max(y) AS b"));
        assert!(!columns[1].contains("avg"));
        assert!(column_by_column("SELECT patient_id, avg(x) FROM vitals").is_empty());
    }

    #[test]
    fn the_parsers_places_are_bytes() {
        assert_eq!(byte_of("SELECT\n  x FRM", "2, Column: 5"), Some(11));
        assert_eq!(byte_of("x", "3, Column: 1"), None);
    }
}
