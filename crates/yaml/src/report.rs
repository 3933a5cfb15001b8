//! Problems as a terminal shows them: the line, what of it is wrong, and what to write instead.

use annotate_snippets::renderer::DecorStyle;
use annotate_snippets::{AnnotationKind, Level, Renderer, Snippet};

use crate::invalid::Problem;
use crate::text::Texts;

/// Each problem with its lines.
pub fn with_lines(level: Level<'_>, problems: &[Problem], texts: &Texts, in_colour: bool) -> String {
    let renderer = match in_colour {
        true => Renderer::styled(),
        false => Renderer::plain(),
    };
    let renderer = renderer.decor_style(DecorStyle::Ascii);
    let mut text = String::new();
    for problem in problems {
        let annotation = AnnotationKind::Primary
            .span(problem.at.start..problem.at.end)
            .label(&problem.place);
        let snippet = Snippet::source(texts.text(problem.at))
            .path(&problem.file)
            .annotation(annotation);
        let group = level
            .clone()
            .primary_title(&problem.cause)
            .id(problem.code.as_str())
            .element(snippet)
            .element(Level::HELP.message(&problem.fix));
        text.push_str(&renderer.render(&[group]));
        text.push_str("\n\n");
    }
    text
}
