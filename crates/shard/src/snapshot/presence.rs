//! When vital signs came last, and which values windows hold that are wrong.

use arrow::datatypes::{Int64Type, UInt8Type, UInt16Type, UInt32Type};
use wardwatch_clinical::VitalSign;
use wardwatch_event_time::Timestamp;
use wardwatch_windowing::table::{self, Table, TableError, Tables};

use super::parts::Of;
use crate::Shard;
use crate::patient::{Patient, Replaced};

// === impl Shard ===

impl Shard {
    pub(super) fn restore_presence(&mut self, tables: &Tables) -> Result<(), TableError> {
        let table = Table::find(tables, "presence")?;
        let slot = table.values::<UInt32Type>("slot")?;
        let usable_at = table.runs::<Int64Type>("usable_at", VitalSign::COUNT)?;
        let sources = table.runs::<UInt16Type>("sources", VitalSign::COUNT)?;
        let (absent, overdue) = (
            table.values::<UInt32Type>("absent")?,
            table.values::<UInt32Type>("overdue")?,
        );
        let overdue_told = table.values::<UInt32Type>("overdue_told")?;
        let expected = table.values::<UInt32Type>("expected")?;
        let timer = table.values::<Int64Type>("timer")?;
        for row in 0..table.rows() {
            let presence = &mut self.stay_in(slot[row], &table, row)?.presence;
            let own = row * VitalSign::COUNT;
            presence.usable_at = std::array::from_fn(|vital| Timestamp::from_micros(usable_at[own + vital]));
            presence.sources = std::array::from_fn(|vital| sources[own + vital]);
            presence.absent = absent[row];
            presence.overdue_signs = overdue[row];
            presence.overdue_told = overdue_told[row];
            presence.expected = expected[row];
            presence.timer = Timestamp::from_micros(timer[row]);
        }
        let table = Table::find(tables, "replaced")?;
        let slot = table.values::<UInt32Type>("slot")?;
        let (vital, at) = (
            table.values::<UInt8Type>("vital_sign")?,
            table.values::<Int64Type>("at")?,
        );
        for row in 0..table.rows() {
            self.stay_in(slot[row], &table, row)?.replaced.push(Replaced {
                vital: vital[row],
                at: Timestamp::from_micros(at[row]),
            });
        }
        Ok(())
    }

    fn stay_in(&mut self, slot: u32, table: &Table<'_>, row: usize) -> Result<&mut Patient, TableError> {
        let patient = self.patients.get_mut(slot as usize).and_then(Option::as_mut);
        patient.ok_or_else(|| table.misfit(row, "there is no such patient"))
    }
}

pub(super) fn capture_presence(patients: &Of<'_>, tables: &mut Tables) -> Result<(), TableError> {
    let all = || patients.iter().map(|(_, patient)| &patient.presence);
    let usable_at = all().flat_map(|presence| presence.usable_at.map(Timestamp::micros));
    let sources = all().flat_map(|presence| presence.sources);
    let columns = [
        (
            "slot",
            table::values::<UInt32Type>(patients.iter().map(|(slot, _)| *slot)),
        ),
        (
            "usable_at",
            table::runs::<Int64Type>(VitalSign::COUNT, usable_at.collect()),
        ),
        (
            "sources",
            table::runs::<UInt16Type>(VitalSign::COUNT, sources.collect()),
        ),
        (
            "absent",
            table::values::<UInt32Type>(all().map(|presence| presence.absent)),
        ),
        (
            "overdue",
            table::values::<UInt32Type>(all().map(|presence| presence.overdue_signs)),
        ),
        (
            "overdue_told",
            table::values::<UInt32Type>(all().map(|presence| presence.overdue_told)),
        ),
        (
            "expected",
            table::values::<UInt32Type>(all().map(|presence| presence.expected)),
        ),
        (
            "timer",
            table::values::<Int64Type>(all().map(|presence| presence.timer.micros())),
        ),
    ];
    table::add(tables, "presence".to_owned(), columns)?;
    let replaced = || {
        patients
            .iter()
            .flat_map(|(slot, patient)| patient.replaced.iter().map(|replaced| (*slot, *replaced)))
    };
    let columns = [
        (
            "slot",
            table::values::<UInt32Type>(replaced().map(|(slot, _)| slot)),
        ),
        (
            "vital_sign",
            table::values::<UInt8Type>(replaced().map(|(_, replaced)| replaced.vital)),
        ),
        (
            "at",
            table::values::<Int64Type>(replaced().map(|(_, replaced)| replaced.at.micros())),
        ),
    ];
    table::add(tables, "replaced".to_owned(), columns)
}
