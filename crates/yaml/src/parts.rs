//! From texts to trees: several files as one, variables filled in.

use crate::codes;
use crate::node::{self, Node};
use crate::problems::{Place, Problems};
use crate::text::At;
use crate::variables::{Lookup, Variables};

/// Between parts that are kept as one text.
const NEXT_PART: &str = "\n---\n";

/// The documents of all texts, and the texts as one with every variable's value in place.
pub fn parts(lookup: Lookup<'_>, problems: &mut Problems) -> (Vec<Node>, String) {
    let mut variables = Variables::new(lookup);
    let mut parts = Vec::new();
    let mut resolved = Vec::new();
    for (index, file) in problems.texts.0.clone().into_iter().enumerate() {
        let documents = node::documents(&file.text, index, &mut variables, problems);
        let text = match variables.are_in(index) {
            true => variables.resolved(index, &file.text),
            false => file.text.to_string(),
        };
        if variables.are_in(index) && problems.notes.is_empty() {
            check_resolved(&documents, &text, index, problems);
        }
        parts.extend(documents);
        resolved.push(text);
    }
    (parts, resolved.join(NEXT_PART))
}

/// The resolved text must say what was read; a value with a colon, say, could read as something else.
fn check_resolved(documents: &[Node], text: &str, file: usize, problems: &mut Problems) {
    let mut again = Problems::default();
    let none = |_: &str| None;
    let read = node::documents(text, file, &mut Variables::new(&none), &mut again);
    if again.notes.is_empty() && read.len() == documents.len() {
        let differs = documents
            .iter()
            .zip(&read)
            .find_map(|(node, again)| node.differs_from(again));
        let Some(at) = differs else { return };
        unfit(at, problems);
    } else {
        unfit(At::begin_of(file), problems);
    }
}

fn unfit(at: At, problems: &mut Problems) {
    problems.push(
        codes::UNFIT_VARIABLE,
        &Place::whole(at),
        "the variable's value would read as something else here",
        "put quotes around it, or give it another value",
    );
}
