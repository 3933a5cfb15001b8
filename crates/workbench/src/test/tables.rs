//! Observations that a test takes from a file, or from a table of its own.

use std::path::PathBuf;

use serde_json::json;
use wardwatch_clinical::VitalSign;
use wardwatch_event_time::{Span, Timestamp};
use wardwatch_ingest::{MessageHead, ObservationsBuilder, Reading};
use wardwatch_replay::{Position, Reader};
use wardwatch_yaml::{Fields, Leaf, Place, Problems, Spot, with_causes};

use super::codes;
use super::given::{Amount, Given};
use super::timeline::{Event, Origin, Timeline, What};

// === impl Given ===

impl Given<'_> {
    /// Observations of a file as for replay, or of a table in the test itself. The first arrives at `at`.
    pub(super) fn table(
        &self,
        fields: &mut Fields<'_>,
        place: &Place,
        timeline: &mut Timeline,
        problems: &mut Problems,
    ) {
        let at = self.at(fields, problems);
        if let Some(file) = fields.may::<String>("file", problems) {
            match self.messages(&self.folder.join(&file.value), at) {
                Ok(events) => {
                    timeline.patients.extend(events.iter().filter_map(Event::patient));
                    timeline.events.extend(events);
                }
                Err(error) => {
                    let place = place.field("file", file.at);
                    problems.push(
                        codes::BAD_INPUT,
                        &place,
                        error,
                        "name a file as for wardwatch replay, from this folder",
                    );
                }
            }
        }
        let patient = self.patient(fields, problems);
        let source = self.source(fields, "source", place, problems);
        if let Some(csv) = fields.may::<String>("csv", problems) {
            let origin = Origin { patient, source };
            self.rows(&csv, &origin, place, timeline, problems);
        }
    }

    /// The messages of a file, moved so that the first arrives at `at`.
    fn messages(&self, path: &PathBuf, at: Timestamp) -> Result<Vec<Event>, String> {
        let sources: Vec<String> = self
            .pipeline
            .sources
            .iter()
            .map(|source| source.name.clone())
            .collect();
        let mut reader =
            Reader::open(std::slice::from_ref(path), &sources).map_err(|error| with_causes(&error))?;
        let mut events = Vec::new();
        let mut moved = None;
        while let Some(batch) = reader.next_batch().map_err(|error| with_causes(&error))? {
            if let Some(bad) = batch.quarantined.first() {
                let row = Position::of_offset(bad.offset).row;
                return Err(format!("row {row} of it would go to quarantine: {}", bad.flaw()));
            }
            let messages = batch.observations.messages();
            for row in 0..messages.len() {
                let message = messages.get(row);
                let moved = *moved.get_or_insert(at.micros() - message.append_time);
                let mut builder = ObservationsBuilder::with_capacity(1, message.values.len());
                let readings: Vec<Reading> = std::iter::zip(message.vitals, message.values)
                    .filter_map(|(vital, value)| {
                        Some(Reading {
                            vital: VitalSign::from_index(*vital)?,
                            value: *value,
                        })
                    })
                    .collect();
                let arrives = Timestamp::from_micros(message.append_time + moved);
                let head = MessageHead {
                    patient_id: message.patient_id,
                    ts: Timestamp::from_micros(message.ts + moved),
                    device_id: message.device_id,
                    source: None,
                    append_time: arrives,
                    topic: message.topic,
                    offset: row as i64,
                    kind: message.kind,
                };
                builder.push(&head, &readings);
                events.push(Event {
                    at: arrives,
                    what: What::Decoded(builder.finish()),
                });
            }
        }
        match events.is_empty() {
            true => Err("it holds no observations".to_owned()),
            false => Ok(events),
        }
    }

    /// A table with a column `at` and one of each vital sign; a cell without a value is not measured.
    fn rows(
        &self,
        csv: &Spot<String>,
        of: &Origin,
        place: &Place,
        timeline: &mut Timeline,
        problems: &mut Problems,
    ) {
        let place = place.field("csv", csv.at);
        let mut wrong = |cause: String, fix: &str| problems.push(codes::BAD_INPUT, &place, cause, fix);
        let mut lines = csv.value.lines().filter(|line| !line.trim().is_empty());
        let head: Vec<&str> = lines
            .next()
            .unwrap_or_default()
            .split(',')
            .map(str::trim)
            .collect();
        let vitals: Vec<Option<VitalSign>> = head.iter().map(|name| VitalSign::from_name(name)).collect();
        let unknown = head
            .iter()
            .skip(1)
            .zip(vitals.iter().skip(1))
            .find(|(_, vital)| vital.is_none());
        if let Some((name, _)) = unknown {
            return wrong(
                format!("the column {name} is no vital sign"),
                "name columns `at`, then vital signs",
            );
        }
        let has_twice = (1..head.len()).any(|at| head[..at].contains(&head[at]));
        if has_twice {
            return wrong("a column stands there twice".to_owned(), "keep one of them");
        }
        if head.first() != Some(&"at") || head.len() < 2 {
            return wrong(
                "the first column is not `at`".to_owned(),
                "begin with a line such as `at, spo2, heart_rate`",
            );
        }
        let lines: Vec<&str> = lines.collect();
        if lines.is_empty() {
            return wrong("the table has no line".to_owned(), "add one such as `0s, 96, 70`");
        }
        timeline.patients.insert(of.patient.clone());
        for line in lines {
            let cells: Vec<&str> = line.split(',').map(str::trim).collect();
            if cells.len() > head.len() {
                let cause = format!(
                    "a line has {} cells, and there are {} columns",
                    cells.len(),
                    head.len()
                );
                return wrong(cause, "give each cell a column");
            }
            let Ok(at) = Span::parse(cells[0]) else {
                return wrong(
                    format!("{:?} is not a length of time", cells[0]),
                    "begin each line with one such as 10s",
                );
            };
            let mut readings = Vec::new();
            for (cell, vital) in cells
                .iter()
                .zip(&vitals)
                .skip(1)
                .filter(|(cell, _)| !cell.is_empty())
            {
                let Some(vital) = vital else { continue };
                let Ok(amount) = Amount::read(cell) else {
                    return wrong(
                        format!("{cell:?} is no value"),
                        "write a number, `absent`, or nothing where no reading comes",
                    );
                };
                readings.push(amount.reading(*vital));
            }
            let arrives = self.start + at;
            let message =
                json!({ "patient_id": of.patient, "ts": arrives.to_string(), "observations": readings });
            timeline.events.push(Event {
                at: arrives,
                what: What::Message {
                    topic: of.source,
                    payload: message.to_string().into_bytes(),
                    of: of.clone(),
                },
            });
        }
    }
}
