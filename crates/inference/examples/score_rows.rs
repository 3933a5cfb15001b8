//! Scores the rows of a CSV file by a model, one probability a line; an empty line where there is none.
//!
//!     cargo run --release -p wardwatch-inference --example score_rows -- MODEL_FOLDER ROWS.csv > ANSWERS.csv
//!
//! The file has a header; its columns are the model's inputs in order, and an empty cell is a missing value.
//! `models/compare.py` writes such rows, and holds the answers against another runtime.

#![allow(clippy::print_stdout, reason = "it is what this program does")]

use std::path::Path;

use wardwatch_inference::{Model, Rows};

fn main() -> Result<(), Box<dyn std::error::Error>> {
    let [folder, rows] = &std::env::args().skip(1).collect::<Vec<_>>()[..] else {
        return Err("usage: score_rows MODEL_FOLDER ROWS.csv".into());
    };
    let mut model = Model::load(Path::new(folder))?;
    let text = std::fs::read_to_string(rows)?;
    let mut lines = text.lines();
    let header: Vec<&str> = lines.next().unwrap_or_default().split(',').collect();
    let inputs = model.contract().inputs.iter().map(|input| input.name.as_str());
    if !inputs.eq(header.iter().copied()) {
        return Err(format!("{rows}: the columns are not the model's inputs in order").into());
    }
    let mut values = Vec::new();
    for (line, cells) in (2..).zip(lines) {
        let before = values.len();
        for cell in cells.split(',') {
            values.push(if cell.is_empty() { f64::NAN } else { cell.parse()? });
        }
        if values.len() - before != header.len() {
            return Err(format!(
                "{rows}:{line}: {} cells, not {}",
                values.len() - before,
                header.len()
            )
            .into());
        }
    }
    let mut scores = Vec::new();
    model.score(Rows::new(&values, header.len()), &mut scores);
    for score in scores {
        println!(
            "{}",
            score.map_or_else(|_| String::new(), |probability| format!("{probability:.9}"))
        );
    }
    Ok(())
}
