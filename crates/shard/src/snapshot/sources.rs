//! What each source of a patient has sent.

use arrow::array::Array;
use arrow::datatypes::{Float32Type, Int64Type, UInt8Type, UInt16Type, UInt32Type};
use wardwatch_event_time::{Clock, Timestamp};
use wardwatch_windowing::table::{self, Table, TableError, Tables};

use super::parts::{Of, instant};
use crate::Shard;
use crate::patient::SourceState;
use crate::seen::{Seen, SeenNumbers};

// === impl Shard ===

impl Shard {
    pub(super) fn restore_sources(&mut self, tables: &Tables) -> Result<(), TableError> {
        let table = Table::find(tables, "sources")?;
        let (slot, index) = (
            table.values::<UInt32Type>("slot")?,
            table.values::<UInt16Type>("source")?,
        );
        let (clock, oldest_kept) = (
            table.values::<Int64Type>("clock")?,
            table.values::<Int64Type>("oldest_kept")?,
        );
        let heard_at = table.options::<Int64Type>("heard_at")?;
        let (is_fast, fast_device) = (table.flags("is_fast")?, table.texts("fast_device")?);
        let (instants, readings) = (
            table.values::<UInt32Type>("instants")?,
            table.values::<UInt32Type>("readings")?,
        );
        let mut taken = Taken::new(tables)?;
        for row in 0..table.rows() {
            let seen = taken.next(instants[row], readings[row], oldest_kept[row]);
            let seen = seen.ok_or_else(|| table.misfit(row, "what it has taken is missing"))?;
            let patient = self.patients.get_mut(slot[row] as usize).and_then(Option::as_mut);
            let source = patient.and_then(|patient| patient.sources.get_mut(usize::from(index[row])));
            let source = source.ok_or_else(|| table.misfit(row, "there is no such patient or source"))?;
            *source = SourceState {
                clock: Clock::at(Timestamp::from_micros(clock[row])),
                seen,
                heard_at: instant(heard_at, row),
                fast_device: is_fast
                    .value(row)
                    .then(|| fast_device.is_valid(row).then(|| fast_device.value(row).into())),
                ..SourceState::default()
            };
        }
        Ok(())
    }
}

pub(super) fn capture_sources(patients: &Of<'_>, tables: &mut Tables) -> Result<(), TableError> {
    let all = || {
        patients.iter().flat_map(|(slot, patient)| {
            (0..)
                .zip(&patient.sources)
                .map(|(index, source)| (*slot, index, source))
        })
    };
    let mut taken = SeenNumbers::default();
    let seen: Vec<(u32, u32, i64)> = all()
        .map(|(_, _, source)| source.seen.to_numbers(&mut taken))
        .collect();
    let fast = || all().map(|(_, _, source)| source.fast_device.as_ref());
    let heard_at = all().map(|(_, _, source)| source.heard_at.map(Timestamp::micros));
    table::add(
        tables,
        "sources".to_owned(),
        [
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
            ("heard_at", table::options::<Int64Type>(heard_at)),
            ("is_fast", table::flags(fast().map(|fast| fast.is_some()))),
            (
                "fast_device",
                table::texts(fast().map(|fast| fast.and_then(Option::as_deref))),
            ),
            (
                "instants",
                table::values::<UInt32Type>(seen.iter().map(|seen| seen.0)),
            ),
            (
                "readings",
                table::values::<UInt32Type>(seen.iter().map(|seen| seen.1)),
            ),
            (
                "oldest_kept",
                table::values::<Int64Type>(seen.iter().map(|seen| seen.2)),
            ),
        ],
    )?;
    let instants = || taken.instants.iter();
    table::add(
        tables,
        "instants".to_owned(),
        [
            (
                "ts",
                table::values::<Int64Type>(instants().map(|instant| instant.0)),
            ),
            (
                "device",
                table::values::<UInt32Type>(instants().map(|instant| instant.1)),
            ),
            (
                "readings",
                table::values::<UInt32Type>(instants().map(|instant| instant.2)),
            ),
        ],
    )?;
    let readings = || taken.readings.iter();
    table::add(
        tables,
        "readings".to_owned(),
        [
            (
                "value",
                table::values::<Float32Type>(readings().map(|reading| reading.0)),
            ),
            (
                "vital_sign",
                table::values::<UInt8Type>(readings().map(|reading| reading.1)),
            ),
        ],
    )
}

/// What has been taken, source after source.
struct Taken<'t> {
    instants: [&'t [u32]; 2],
    ts: &'t [i64],
    values: &'t [f32],
    vitals: &'t [u8],
}

// === impl Taken ===

impl<'t> Taken<'t> {
    fn new(tables: &'t Tables) -> Result<Self, TableError> {
        let instants = Table::find(tables, "instants")?;
        let readings = Table::find(tables, "readings")?;
        Ok(Self {
            instants: [
                instants.values::<UInt32Type>("device")?,
                instants.values::<UInt32Type>("readings")?,
            ],
            ts: instants.values::<Int64Type>("ts")?,
            values: readings.values::<Float32Type>("value")?,
            vitals: readings.values::<UInt8Type>("vital_sign")?,
        })
    }

    /// The next source's; none when there is less, or when its instants have other readings.
    fn next(&mut self, instants: u32, readings: u32, oldest_kept: i64) -> Option<Seen> {
        let ts = self.ts.split_off(..instants as usize)?;
        let [devices, counts] = &mut self.instants;
        let devices = devices.split_off(..instants as usize)?;
        let counts = counts.split_off(..instants as usize)?;
        let values = self.values.split_off(..readings as usize)?;
        let vitals = self.vitals.split_off(..readings as usize)?;
        let held: u64 = counts.iter().map(|count| u64::from(*count)).sum();
        let instants = ts.iter().zip(devices).zip(counts);
        (held == u64::from(readings)).then(|| {
            Seen::from_numbers(
                instants.map(|((ts, device), readings)| (*ts, *device, *readings)),
                values.iter().copied().zip(vitals.iter().copied()),
                oldest_kept,
            )
        })
    }
}
