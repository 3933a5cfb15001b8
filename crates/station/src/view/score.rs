//! A score for the screen: its total, or why there is none.

use serde::Serialize;
use wardwatch_alarms::ScoreValue;

use super::words;

/// One score.
#[derive(Clone, Debug, PartialEq, Serialize)]
pub struct ScoreView {
    /// Its name in the pipeline.
    pub name: String,
    /// Its name on the screen.
    pub label: String,
    /// The total, `≥5` while partial, a percentage, or a dash.
    pub text: String,
    /// There is a whole value: neither partial nor unavailable.
    pub whole: bool,
    /// It comes from a model.
    pub model: bool,
    /// What is missing, or why there is no value.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub note: Option<String>,
    /// How loudly the number is drawn, 0 to 3. Only NEWS2 has bands of its own: 0 to 4 points; a single parameter of 3;
    /// 5 or 6, urgent; 7 and more, emergency (Royal College of Physicians 2017). A partial score takes its lowest total.
    pub band: u8,
    /// Points by parameter; none for what is no point score.
    pub points: Vec<PointsView>,
}

/// The points of one parameter.
#[derive(Clone, Debug, PartialEq, Serialize)]
pub struct PointsView {
    /// The parameter.
    pub label: String,
    /// Its points; absent while it is missing.
    pub points: Option<u8>,
}

// === impl ScoreView ===

impl ScoreView {
    /// How a score reads on a tile.
    pub fn of(score: &ScoreValue) -> Self {
        let model = score.model.is_some() || score.fallback.is_some();
        Self {
            name: score.name.to_string(),
            label: words::label(&score.name),
            text: text(score, model),
            whole: score.value.is_some(),
            model,
            note: note(score, model),
            band: band(score),
            points: score
                .points
                .iter()
                .map(|(name, points)| PointsView {
                    label: words::label(name),
                    points: *points,
                })
                .collect(),
        }
    }
}

fn text(score: &ScoreValue, model: bool) -> String {
    match (score.value, score.lowest) {
        (Some(value), _) if model => words::probability(value),
        (Some(value), _) => words::number(&score.name, value),
        (None, Some(lowest)) if score.unavailable.is_none() => {
            format!("≥{}", words::number(&score.name, lowest))
        }
        (None, _) => words::NOTHING.to_owned(),
    }
}

fn note(score: &ScoreValue, model: bool) -> Option<String> {
    if score.value.is_some() {
        return None;
    }
    if let Some(reason) = &score.unavailable {
        let what = if model { "model unavailable" } else { "unavailable" };
        let instead = score
            .fallback
            .as_deref()
            .map(|name| format!("; {} stands in", words::label(name)));
        return Some(format!("{what}: {reason}{}", instead.unwrap_or_default()));
    }
    let missing = score.points.iter().filter(|(_, points)| points.is_none());
    let missing: Vec<_> = missing.map(|(name, _)| words::label(name)).collect();
    let range = match (score.lowest, score.highest) {
        (Some(lowest), Some(highest)) => {
            format!(
                " ({} to {})",
                words::number(&score.name, lowest),
                words::number(&score.name, highest)
            )
        }
        _ => String::new(),
    };
    Some(match missing.is_empty() {
        true => format!("partial{range}"),
        false => format!("partial{range}: {} missing", missing.join(", ")),
    })
}

fn band(score: &ScoreValue) -> u8 {
    let Some(total) = score.value.or(score.lowest).filter(|_| &*score.name == "news2") else {
        return 0;
    };
    match total {
        7.0.. => 3,
        5.0.. => 2,
        _ if score.points.iter().any(|(_, points)| *points == Some(3)) => 1,
        _ => 0,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn score(name: &str) -> ScoreValue {
        ScoreValue {
            name: name.into(),
            ..ScoreValue::default()
        }
    }

    #[test]
    fn a_partial_score_never_reads_as_a_total() {
        let view = ScoreView::of(&ScoreValue {
            lowest: Some(5.0),
            highest: Some(11.0),
            points: [
                ("resp_rate", Some(3)),
                ("temperature", None),
                ("consciousness", None),
            ]
            .map(|(name, points)| (name.into(), points))
            .into(),
            ..score("news2")
        });
        assert_eq!(view.text, "≥5");
        assert_eq!(
            view.note.as_deref(),
            Some("partial (5 to 11): Temp, ACVPU missing")
        );
        assert_eq!((view.whole, view.band), (false, 2));
    }

    #[test]
    fn a_model_without_a_voice_says_why_and_who_stands_in() {
        let view = ScoreView::of(&ScoreValue {
            unavailable: Some("spo2 is missing".into()),
            fallback: Some("news2".into()),
            ..score("deterioration")
        });
        assert_eq!(view.text, "–");
        assert_eq!(
            view.note.as_deref(),
            Some("model unavailable: spo2 is missing; NEWS2 stands in")
        );
        assert!(view.model);
    }

    #[test]
    fn a_score_that_does_not_apply_says_why() {
        let view = ScoreView::of(&ScoreValue {
            unavailable: Some("NEWS2 is for patients from 16 years".into()),
            ..score("news2")
        });
        assert_eq!((view.text.as_str(), view.whole, view.band), ("–", false, 0));
        assert_eq!(
            view.note.as_deref(),
            Some("unavailable: NEWS2 is for patients from 16 years")
        );
    }

    #[test]
    fn bands_are_those_of_news2_alone() {
        let with = |name: &str, value: f64, points: &[u8]| {
            let points = points
                .iter()
                .map(|points| ("spo2".into(), Some(*points)))
                .collect();
            ScoreView::of(&ScoreValue {
                value: Some(value),
                points,
                ..score(name)
            })
            .band
        };
        assert_eq!(with("news2", 4.0, &[2, 2]), 0);
        assert_eq!(with("news2", 3.0, &[3]), 1);
        assert_eq!(with("news2", 5.0, &[3, 2]), 2);
        assert_eq!(with("news2", 7.0, &[3, 3, 1]), 3);
        assert_eq!(with("mews", 7.0, &[3, 3, 1]), 0);
    }
}
