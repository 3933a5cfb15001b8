//! What each source of a patient has sent.

use arrow::datatypes::{Int64Type, UInt16Type, UInt32Type};
use wardwatch_event_time::{Clock, Timestamp};
use wardwatch_windowing::table::{self, Table, TableError, Tables};

use super::parts::{Of, instant};
use crate::Shard;
use crate::patient::SourceState;

// === impl Shard ===

impl Shard {
    pub(super) fn restore_sources(&mut self, tables: &Tables) -> Result<(), TableError> {
        let table = Table::find(tables, "sources")?;
        let (slot, index) = (
            table.values::<UInt32Type>("slot")?,
            table.values::<UInt16Type>("source")?,
        );
        let (clock, went_on_at) = (
            table.values::<Int64Type>("clock")?,
            table.values::<Int64Type>("went_on_at")?,
        );
        let heard_at = table.options::<Int64Type>("heard_at")?;
        for row in 0..table.rows() {
            let source = self.source(slot[row], index[row], &table, row)?;
            *source = SourceState {
                clock: Clock::at(Timestamp::from_micros(clock[row])),
                heard_at: instant(heard_at, row),
                went_on_at: Timestamp::from_micros(went_on_at[row]),
                ..SourceState::default()
            };
        }
        self.restore_devices(tables)
    }

    pub(super) fn source(
        &mut self,
        slot: u32,
        index: u16,
        table: &Table<'_>,
        row: usize,
    ) -> Result<&mut SourceState, TableError> {
        let patient = self.patients.get_mut(slot as usize).and_then(Option::as_mut);
        let source = patient.and_then(|patient| patient.sources.get_mut(usize::from(index)));
        source.ok_or_else(|| table.misfit(row, "there is no such patient or source"))
    }
}

/// Every source of these patients.
pub(super) fn sources<'p>(patients: &'p Of<'p>) -> impl Iterator<Item = (u32, u16, &'p SourceState)> + Clone {
    patients.iter().flat_map(|(slot, patient)| {
        (0..)
            .zip(&patient.sources)
            .map(|(index, source)| (*slot, index, source))
    })
}

pub(super) fn capture_sources(patients: &Of<'_>, tables: &mut Tables) -> Result<(), TableError> {
    let all = || sources(patients);
    let heard_at = all().map(|(_, _, source)| source.heard_at.map(Timestamp::micros));
    let columns = [
        (
            "slot",
            table::values::<UInt32Type>(all().map(|(slot, _, _)| slot)),
        ),
        (
            "source",
            table::values::<UInt16Type>(all().map(|(_, index, _)| index)),
        ),
        (
            "clock",
            table::values::<Int64Type>(all().map(|(_, _, source)| source.clock.now().micros())),
        ),
        (
            "went_on_at",
            table::values::<Int64Type>(all().map(|(_, _, source)| source.went_on_at.micros())),
        ),
        ("heard_at", table::options::<Int64Type>(heard_at)),
    ];
    table::add(tables, "sources".to_owned(), columns)?;
    super::devices::capture_devices(patients, tables)
}
