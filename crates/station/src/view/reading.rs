//! The newest value of each vital sign, as cells of a tile.
//!
//! What was measured together is read together: systolic, diastolic and mean pressure of one moment make one cell,
//! `118/72 (87)`, and the parts of a coma score another. Values of different moments stay apart, each with its own age.

use serde::Serialize;
use wardwatch_alarms::Input;
use wardwatch_clinical::{Acvpu, VitalSign};

use super::words;

/// One cell.
#[derive(Clone, Debug, PartialEq, Serialize)]
pub struct ReadingView {
    /// The first vital sign in it.
    pub name: String,
    /// Its label.
    pub label: String,
    /// The value as it is read out, or a dash.
    pub value: String,
    /// The unit as written at a bedside.
    pub unit: &'static str,
    /// When it was observed; absent for context.
    pub at: Option<i64>,
    /// The age, in seconds, from which on it is stale whatever the engine last said.
    pub max_age: Option<f64>,
    /// The engine held it for stale.
    pub stale: bool,
    /// It takes two columns.
    pub wide: bool,
}

/// Vital signs that share a cell: the label, then systolic, diastolic, mean.
const PRESSURES: [(&str, [&str; 3]); 2] = [
    ("BP", ["systolic_bp", "diastolic_bp", "mean_bp"]),
    (
        "ART",
        ["arterial_systolic", "arterial_diastolic", "arterial_mean"],
    ),
];

/// The coma score: its sum, then eyes, voice, movement.
const COMA: [&str; 4] = ["gcs_total", "gcs_eye", "gcs_verbal", "gcs_motor"];

// === impl ReadingView ===

impl ReadingView {
    /// The cells for `inputs`, in their order.
    pub fn all(inputs: &[Input]) -> Vec<Self> {
        let mut cells = Vec::with_capacity(inputs.len());
        let mut done: Vec<&str> = Vec::new();
        for input in inputs {
            if done.contains(&&*input.name) {
                continue;
            }
            let mut cell = Self::single(input);
            if let Some(group) = together(inputs, &input.name) {
                cell.label = group.label.to_owned();
                cell.value = group.value;
                cell.wide = true;
                done.extend(group.names);
            }
            cells.push(cell);
        }
        cells
    }

    fn single(input: &Input) -> Self {
        let vital = VitalSign::from_name(&input.name);
        Self {
            name: input.name.to_string(),
            label: input.label.to_string(),
            value: value(input),
            unit: vital.map_or("", |vital| words::unit(vital.unit())),
            at: input.observed_at.map(|at| at.millis()),
            max_age: input.max_age_seconds,
            stale: input.stale,
            wide: false,
        }
    }
}

/// A value as it is read out: its words if it has any, else the number at chart precision.
pub(super) fn value(input: &Input) -> String {
    let letter = |value| Acvpu::from_level(value).map(|level| level.letter().to_string());
    match (&input.text, input.value) {
        (Some(text), _) => text.to_string(),
        (None, Some(value)) if input.name == VitalSign::Consciousness.name() => {
            letter(value).unwrap_or_else(|| words::NOTHING.to_owned())
        }
        (None, Some(value)) => words::number(&input.name, value),
        (None, None) => words::NOTHING.to_owned(),
    }
}

struct Group {
    label: &'static str,
    value: String,
    names: Vec<&'static str>,
}

/// The group that `first` leads, if its members were observed at one moment and are equally good.
fn together(inputs: &[Input], first: &str) -> Option<Group> {
    let lead = inputs
        .iter()
        .find(|input| input.name == first)
        .filter(|input| input.value.is_some())?;
    let member = |name: &str| {
        let found = inputs
            .iter()
            .find(|input| input.name == name && input.value.is_some())?;
        (found.observed_at == lead.observed_at && found.stale == lead.stale).then(|| value(found))
    };
    if let Some((label, [systolic, diastolic, mean])) =
        PRESSURES.into_iter().find(|(_, names)| names.contains(&first))
    {
        let (high, low) = (member(systolic)?, member(diastolic)?);
        return Some(match member(mean) {
            Some(middle) => Group {
                label,
                value: format!("{high}/{low} ({middle})"),
                names: vec![systolic, diastolic, mean],
            },
            // A mean of another moment keeps its own cell.
            None if first == mean => return None,
            None => Group {
                label,
                value: format!("{high}/{low}"),
                names: vec![systolic, diastolic],
            },
        });
    }
    let [total, eye, verbal, motor] = COMA;
    COMA.contains(&first).then_some(())?;
    let (sum, e, v, m) = (member(total)?, member(eye)?, member(verbal)?, member(motor)?);
    Some(Group {
        label: "GCS",
        value: format!("{sum} E{e} V{v} M{m}"),
        names: COMA.to_vec(),
    })
}

#[cfg(test)]
mod tests {
    use super::*;
    use wardwatch_event_time::Timestamp;

    fn input(name: &str, value: f64, second: i64) -> Input {
        let vital = VitalSign::from_name(name).unwrap();
        Input {
            name: vital.name().into(),
            label: vital.label().into(),
            value: Some(value),
            text: None,
            unit: vital.unit().into(),
            observed_at: Some(Timestamp::from_millis(second * 1_000)),
            age_seconds: Some(1.0),
            max_age_seconds: None,
            stale: false,
            device_id: None,
            clock_corrected: false,
        }
    }

    fn cells(inputs: &[Input]) -> Vec<String> {
        let cells = ReadingView::all(inputs);
        cells
            .into_iter()
            .map(|cell| {
                format!("{} {} {}", cell.label, cell.value, cell.unit)
                    .trim_end()
                    .to_owned()
            })
            .collect()
    }

    #[test]
    fn pressures_of_one_moment_are_read_together() {
        let inputs = [
            input("heart_rate", 88.4, 9),
            input("systolic_bp", 118.0, 5),
            input("diastolic_bp", 72.0, 5),
            input("mean_bp", 87.0, 5),
        ];
        assert_eq!(cells(&inputs), ["HR 88 /min", "BP 118/72 (87) mmHg"]);
    }

    #[test]
    fn pressures_of_different_moments_stay_apart() {
        let (systolic, diastolic) = (input("systolic_bp", 118.0, 5), input("diastolic_bp", 72.0, 5));
        let older = input("mean_bp", 80.0, 4);
        assert_eq!(
            cells(&[systolic.clone(), diastolic, older.clone()]),
            ["BP 118/72 mmHg", "MAP 80 mmHg"]
        );
        assert_eq!(cells(&[systolic, older]), ["SBP 118 mmHg", "MAP 80 mmHg"]);
    }

    #[test]
    fn a_stale_part_is_not_hidden_in_a_group() {
        let mut diastolic = input("diastolic_bp", 72.0, 5);
        diastolic.stale = true;
        assert_eq!(
            cells(&[input("systolic_bp", 118.0, 5), diastolic]),
            ["SBP 118 mmHg", "DBP 72 mmHg"]
        );
    }

    #[test]
    fn a_coma_score_shows_its_parts() {
        let parts = [
            ("gcs_eye", 4.0),
            ("gcs_verbal", 4.0),
            ("gcs_motor", 6.0),
            ("gcs_total", 14.0),
        ];
        let inputs = parts.map(|(name, value)| input(name, value, 1));
        assert_eq!(cells(&inputs), ["GCS 14 E4 V4 M6"]);
        assert_eq!(cells(&inputs[..1]), ["GCS eye 4"]);
    }

    #[test]
    fn a_missing_value_is_a_dash_and_words_go_before_numbers() {
        let mut missing = input("spo2", 0.0, 1);
        missing.value = None;
        let voice = input("consciousness", 2.0, 1);
        let mut words = voice.clone();
        words.text = Some("asleep".into());
        assert_eq!(cells(&[missing, voice]), ["SpO2 – %", "ACVPU V"]);
        assert_eq!(cells(&[words]), ["ACVPU asleep"]);
    }
}
