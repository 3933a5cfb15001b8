//! The devices of every source: clocks, what was accepted, what was corrected.

use arrow::array::Array;
use arrow::datatypes::{Float32Type, Float64Type, Int64Type, UInt8Type, UInt16Type, UInt32Type};
use wardwatch_event_time::{DeviceClock, Timestamp};
use wardwatch_windowing::table::{self, Table, TableError, Tables};

use super::parts::Of;
use super::sources::sources;
use crate::Shard;
use crate::devices::{Device, Replacement};
use crate::seen::{Seen, SeenCounts, SeenNumbers};

/// Of each device, how many rows of the other tables are its own.
const OWN: [&str; 4] = ["instants", "readings", "aside", "replacements"];

// === impl Shard ===

impl Shard {
    pub(super) fn restore_devices(&mut self, tables: &Tables) -> Result<(), TableError> {
        let table = Table::find(tables, "devices")?;
        let (slot, index) = (
            table.values::<UInt32Type>("slot")?,
            table.values::<UInt16Type>("source")?,
        );
        let (names, heard_at) = (table.texts("name")?, table.values::<Int64Type>("heard_at")?);
        let oldest_kept = table.values::<Int64Type>("oldest_kept")?;
        let clocks = table.runs::<Int64Type>("clock", DeviceClock::NUMBERS)?;
        let mut own = [&[][..]; OWN.len()];
        for (column, name) in own.iter_mut().zip(OWN) {
            *column = table.values::<UInt32Type>(name)?;
        }
        let mut kept = Kept::new(tables)?;
        for row in 0..table.rows() {
            let counts = own.map(|column| column[row]);
            let mut device = Device::new(names.is_valid(row).then(|| names.value(row)));
            let numbers = std::array::from_fn(|number| clocks[row * DeviceClock::NUMBERS + number]);
            device.clock = DeviceClock::from_numbers(numbers)
                .ok_or_else(|| table.misfit(row, "no clock has these numbers"))?;
            device.heard_at = Timestamp::from_micros(heard_at[row]);
            let [instants, readings, aside, replacements] = counts;
            device.seen = kept
                .seen(SeenCounts {
                    instants,
                    readings,
                    aside,
                    oldest_kept: oldest_kept[row],
                })
                .ok_or_else(|| table.misfit(row, "what it has sent is missing"))?;
            device.replacements = kept
                .replacements(replacements)
                .ok_or_else(|| table.misfit(row, "its corrections are missing"))?;
            self.source(slot[row], index[row], &table, row)?
                .devices
                .push(device);
        }
        Ok(())
    }
}

pub(super) fn capture_devices(patients: &Of<'_>, tables: &mut Tables) -> Result<(), TableError> {
    let all = || {
        sources(patients)
            .flat_map(|(slot, index, source)| source.devices.iter().map(move |device| (slot, index, device)))
    };
    let mut kept = SeenNumbers::default();
    let counts: Vec<SeenCounts> = all()
        .map(|(_, _, device)| device.seen.to_numbers(&mut kept))
        .collect();
    let count = |count: fn(&SeenCounts) -> u32| table::values::<UInt32Type>(counts.iter().map(count));
    let replacements = || all().flat_map(|(_, _, device)| &device.replacements);
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
            "name",
            table::texts(all().map(|(_, _, device)| device.name.as_deref())),
        ),
        (
            "heard_at",
            table::values::<Int64Type>(all().map(|(_, _, device)| device.heard_at.micros())),
        ),
        (
            "clock",
            table::runs::<Int64Type>(
                DeviceClock::NUMBERS,
                all()
                    .flat_map(|(_, _, device)| device.clock.to_numbers())
                    .collect(),
            ),
        ),
        ("instants", count(|counts| counts.instants)),
        ("readings", count(|counts| counts.readings)),
        ("aside", count(|counts| counts.aside)),
        (
            "replacements",
            table::values::<UInt32Type>(all().map(|(_, _, device)| device.replacements.len() as u32)),
        ),
        (
            "oldest_kept",
            table::values::<Int64Type>(counts.iter().map(|counts| counts.oldest_kept)),
        ),
    ];
    table::add(tables, "devices".to_owned(), columns)?;
    capture_kept(&kept, tables)?;
    table::add(
        tables,
        "replacements".to_owned(),
        [
            (
                "ts",
                table::values::<Int64Type>(replacements().map(|known| known.ts)),
            ),
            (
                "vital_sign",
                table::values::<UInt8Type>(replacements().map(|known| known.vital)),
            ),
            (
                "value",
                table::options::<Float64Type>(replacements().map(|known| known.value)),
            ),
        ],
    )
}

/// What was accepted of all devices, one after the other.
fn capture_kept(kept: &SeenNumbers, tables: &mut Tables) -> Result<(), TableError> {
    let (instants, readings, aside) = (
        || kept.instants.iter(),
        || kept.readings.iter(),
        || kept.aside.iter(),
    );
    let columns = [
        (
            "ts",
            table::values::<Int64Type>(instants().map(|instant| instant.0)),
        ),
        (
            "readings",
            table::values::<UInt32Type>(instants().map(|instant| instant.1)),
        ),
    ];
    table::add(tables, "instants".to_owned(), columns)?;
    let columns = [
        (
            "value",
            table::values::<Float32Type>(readings().map(|reading| reading.0)),
        ),
        (
            "vital_sign",
            table::values::<UInt8Type>(readings().map(|reading| reading.1)),
        ),
    ];
    table::add(tables, "readings".to_owned(), columns)?;
    let columns = [
        ("ts", table::values::<Int64Type>(aside().map(|aside| aside.0))),
        (
            "value",
            table::values::<Float32Type>(aside().map(|aside| aside.1)),
        ),
        (
            "vital_sign",
            table::values::<UInt8Type>(aside().map(|aside| aside.2)),
        ),
    ];
    table::add(tables, "aside".to_owned(), columns)
}

/// What was accepted and corrected, device after device.
struct Kept<'t> {
    ts: &'t [i64],
    counts: &'t [u32],
    values: &'t [f32],
    vitals: &'t [u8],
    aside: (&'t [i64], &'t [f32], &'t [u8]),
    replaced: (&'t [i64], &'t [u8]),
    replaced_by: Vec<Option<f64>>,
}

// === impl Kept ===

impl<'t> Kept<'t> {
    fn new(tables: &'t Tables) -> Result<Self, TableError> {
        let instants = Table::find(tables, "instants")?;
        let readings = Table::find(tables, "readings")?;
        let aside = Table::find(tables, "aside")?;
        let replacements = Table::find(tables, "replacements")?;
        let by = replacements.options::<Float64Type>("value")?;
        Ok(Self {
            ts: instants.values::<Int64Type>("ts")?,
            counts: instants.values::<UInt32Type>("readings")?,
            values: readings.values::<Float32Type>("value")?,
            vitals: readings.values::<UInt8Type>("vital_sign")?,
            aside: (
                aside.values::<Int64Type>("ts")?,
                aside.values::<Float32Type>("value")?,
                aside.values::<UInt8Type>("vital_sign")?,
            ),
            replaced: (
                replacements.values::<Int64Type>("ts")?,
                replacements.values::<UInt8Type>("vital_sign")?,
            ),
            replaced_by: by.iter().rev().collect(),
        })
    }

    /// The next device's; none when there is less, or when its instants have other readings.
    fn seen(&mut self, own: SeenCounts) -> Option<Seen> {
        let ts = self.ts.split_off(..own.instants as usize)?;
        let counts = self.counts.split_off(..own.instants as usize)?;
        let values = self.values.split_off(..own.readings as usize)?;
        let vitals = self.vitals.split_off(..own.readings as usize)?;
        let (times, late, late_vitals) = &mut self.aside;
        let times = times.split_off(..own.aside as usize)?;
        let late = late.split_off(..own.aside as usize)?;
        let late_vitals = late_vitals.split_off(..own.aside as usize)?;
        let held: u64 = counts.iter().map(|count| u64::from(*count)).sum();
        let aside = times.iter().zip(late).zip(late_vitals);
        (held == u64::from(own.readings)).then(|| {
            Seen::from_numbers(
                ts.iter().copied().zip(counts.iter().copied()),
                values.iter().copied().zip(vitals.iter().copied()),
                aside.map(|((ts, value), vital)| (*ts, *value, *vital)),
                own.oldest_kept,
            )
        })
    }

    /// The next device's; none when there are fewer.
    fn replacements(&mut self, own: u32) -> Option<std::collections::VecDeque<Replacement>> {
        let (times, vitals) = &mut self.replaced;
        let times = times.split_off(..own as usize)?;
        let vitals = vitals.split_off(..own as usize)?;
        let mut all = std::collections::VecDeque::new();
        for (ts, vital) in times.iter().zip(vitals) {
            all.push_back(Replacement {
                ts: *ts,
                vital: *vital,
                value: self.replaced_by.pop()?,
            });
        }
        Some(all)
    }
}
