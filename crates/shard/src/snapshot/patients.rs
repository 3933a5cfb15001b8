//! The patients themselves.
//!
//! | table | a row |
//! |---|---|
//! | `patients` | a patient: stay, newest values |
//! | `accounts`, `withdrawn` | what a writer states of a patient |
//! | `history` | a value of a patient that was the newest before the end of a window |
//! | `sources` | a source of a patient |
//! | `devices` | a device of a source, with how many rows of the following four are its own |
//! | `instants`, `readings` | what has been accepted within lateness |
//! | `aside`, `replacements` | what has been accepted later than that; what was corrected |
//! | `presence` | when vital signs came last |
//! | `replaced` | a wrong value that windows hold |
//! | `machines` | an alarm that has ever moved |
//! | `judged` | what a limit has judged last of one device |
//! | `standings` | a patient in a feature set: the newest window, and when a revision is due |
//! | `buckets` | a patient's usual values: sums of three hours |
//! | `views`, `view_features` | what was known at the newest evaluation, where a condition may still tell of it |
//! | `outcomes` | a score: the patient's newest (holder 0), or that of a view (holder: its feature set + 1) |

use std::sync::Arc;

use arrow::datatypes::{Float64Type, Int64Type, UInt8Type, UInt16Type, UInt32Type, UInt64Type};
use wardwatch_event_time::Timestamp;
use wardwatch_windowing::table::{self, Table, TableError, Tables};

use super::parts::{Of, latest, machines, outcomes, read_latest, read_machines, read_outcomes};
use super::presence::capture_presence;
use super::sources::capture_sources;
use super::standings::{capture_buckets, capture_judged, capture_standings, capture_views};
use super::statements::{read_statements, statements};
use crate::Shard;
use crate::devices::DeviceId;
use crate::outcome::Outcome;
use crate::patient::{Latest, Patient};

/// Whose score a row of `outcomes` is: the patient's own, or of the view of a feature set.
const OWN: u16 = 0;

// === impl Shard ===

impl Shard {
    /// Adds the tables of these patients.
    pub(super) fn capture_patients(&self, slots: &[u32], tables: &mut Tables) -> Result<(), TableError> {
        let patients: Vec<(u32, &Patient)> = slots
            .iter()
            .filter_map(|slot| Some((*slot, self.patients[*slot as usize].as_ref()?)))
            .collect();
        capture_stays(&patients, tables)?;
        capture_history(&patients, tables)?;
        let stated = patients.iter().map(|(slot, patient)| (*slot, &patient.stated));
        statements("", stated, tables)?;
        capture_sources(&patients, tables)?;
        capture_presence(&patients, tables)?;
        let all = patients
            .iter()
            .flat_map(|(slot, patient)| patient.machines().map(|(place, machine)| (*slot, place, machine)));
        machines("machines", all, tables)?;
        capture_judged(&patients, tables)?;
        capture_standings(&patients, tables)?;
        capture_buckets(&patients, tables)?;
        capture_views(&patients, tables)?;
        let mut scores: Vec<(u32, u16, u16, &Outcome)> = Vec::new();
        for (slot, patient) in &patients {
            scores.extend(
                (0..)
                    .zip(&patient.scores)
                    .map(|(score, outcome)| (*slot, OWN, score, &**outcome)),
            );
            for (holder, standing) in (1..).zip(&patient.sets) {
                let held = standing.view.iter().flat_map(|view| (0..).zip(&view.scores));
                scores.extend(held.map(|(score, outcome)| (*slot, holder, score, &**outcome)));
            }
        }
        outcomes("outcomes", &scores, tables)
    }

    /// Takes over the patients of these tables.
    pub(super) fn restore_patients(&mut self, tables: &Tables) -> Result<(), TableError> {
        self.restore_stays(Table::find(tables, "patients")?)?;
        self.restore_history(Table::find(tables, "history")?)?;
        self.restore_statements(tables)?;
        self.restore_sources(tables)?;
        self.restore_presence(tables)?;
        read_machines("machines", tables, |slot, place, machine| {
            let found = self
                .patients
                .get_mut(slot as usize)?
                .as_mut()?
                .machine_mut(place)?;
            *found = machine;
            Some(())
        })?;
        self.restore_judged(Table::find(tables, "judged")?)?;
        self.restore_standings(Table::find(tables, "standings")?)?;
        self.restore_buckets(Table::find(tables, "buckets")?)?;
        self.restore_views(tables)?;
        read_outcomes("outcomes", tables, |slot, holder, score, outcome| {
            let patient = self.patients.get_mut(slot as usize)?.as_mut()?;
            let scores = match holder.checked_sub(1) {
                None => &mut patient.scores,
                Some(set) => &mut patient.sets.get_mut(usize::from(set))?.view.as_mut()?.scores,
            };
            *scores.get_mut(usize::from(score))? = Arc::new(outcome);
            Some(())
        })
    }

    fn restore_statements(&mut self, tables: &Tables) -> Result<(), TableError> {
        let table = Table::find(tables, "patients")?;
        for (slot, stated) in read_statements("", tables)? {
            let patient = self.patients.get_mut(slot as usize).and_then(Option::as_mut);
            let patient = patient.ok_or_else(|| table.misfit(slot as usize, "its slot holds no patient"))?;
            patient.stated = stated;
            patient.merge_context();
        }
        Ok(())
    }

    fn restore_stays(&mut self, table: Table<'_>) -> Result<(), TableError> {
        let slot = table.values::<UInt32Type>("slot")?;
        let (id, stay) = (table.texts("patient_id")?, table.values::<UInt64Type>("stay")?);
        let (begun_at, heard_at) = (
            table.values::<Int64Type>("begun_at")?,
            table.values::<Int64Type>("heard_at")?,
        );
        let pending_until = table.values::<Int64Type>("pending_until")?;
        let (lingers, latest) = (table.flags("lingers")?, read_latest(&table)?);
        for row in 0..table.rows() {
            let name: Arc<str> = Arc::from(id.value(row));
            if !self.roster.put_back(slot[row], Arc::clone(&name)) {
                return Err(table.misfit(row, "its slot is taken, or there is none"));
            }
            let begun = Timestamp::from_micros(begun_at[row]);
            let mut patient = Patient::new(name, stay[row], begun, &self.pipeline);
            patient.lingers = lingers.value(row);
            patient.latest = latest(row);
            patient.heard_at = Timestamp::from_micros(heard_at[row]);
            patient.pending_until = Timestamp::from_micros(pending_until[row]);
            self.patients[slot[row] as usize] = Some(patient);
        }
        Ok(())
    }

    fn restore_history(&mut self, table: Table<'_>) -> Result<(), TableError> {
        let slot = table.values::<UInt32Type>("slot")?;
        let vital = table.values::<UInt8Type>("vital")?;
        let (ts, value) = (
            table.values::<Int64Type>("ts")?,
            table.values::<Float64Type>("value")?,
        );
        let (device, is_corrected) = (
            table.values::<UInt16Type>("device")?,
            table.flags("is_corrected")?,
        );
        for row in 0..table.rows() {
            let patient = self.patients.get_mut(slot[row] as usize).and_then(Option::as_mut);
            let history = patient.and_then(|patient| patient.history.as_mut());
            let kept = Latest {
                ts: Timestamp::from_micros(ts[row]),
                value: value[row],
                device: DeviceId(device[row]),
                is_corrected: is_corrected.value(row),
            };
            history
                .and_then(|history| history.put_back(vital[row], kept))
                .ok_or_else(|| table.misfit(row, "there is no such patient or vital sign"))?;
        }
        Ok(())
    }
}

fn capture_history(patients: &Of<'_>, tables: &mut Tables) -> Result<(), TableError> {
    let all = || {
        patients.iter().flat_map(|(slot, patient)| {
            let kept = patient.history.iter().flat_map(|history| history.iter());
            kept.map(move |(vital, value)| (*slot, vital, value))
        })
    };
    table::add(
        tables,
        "history".to_owned(),
        [
            ("slot", table::values::<UInt32Type>(all().map(|row| row.0))),
            ("vital", table::values::<UInt8Type>(all().map(|row| row.1))),
            (
                "ts",
                table::values::<Int64Type>(all().map(|row| row.2.ts.micros())),
            ),
            (
                "value",
                table::values::<Float64Type>(all().map(|row| row.2.value)),
            ),
            (
                "device",
                table::values::<UInt16Type>(all().map(|row| row.2.device.0)),
            ),
            ("is_corrected", table::flags(all().map(|row| row.2.is_corrected))),
        ],
    )
}

fn capture_stays(patients: &Of<'_>, tables: &mut Tables) -> Result<(), TableError> {
    let all = || patients.iter().map(|(_, patient)| *patient);
    let whole = |number: fn(&Patient) -> Timestamp| {
        table::values::<Int64Type>(all().map(|patient| number(patient).micros()))
    };
    let columns = [
        (
            "slot",
            table::values::<UInt32Type>(patients.iter().map(|(slot, _)| *slot)),
        ),
        (
            "patient_id",
            table::texts(all().map(|patient| Some(&*patient.id))),
        ),
        (
            "stay",
            table::values::<UInt64Type>(all().map(|patient| patient.stay)),
        ),
        ("begun_at", whole(|patient| patient.begun_at)),
        ("heard_at", whole(|patient| patient.heard_at)),
        ("pending_until", whole(|patient| patient.pending_until)),
        ("lingers", table::flags(all().map(|patient| patient.lingers))),
    ];
    let latest = latest(all().map(|patient| &patient.latest));
    table::add(tables, "patients".to_owned(), columns.into_iter().chain(latest))
}
