//! What several tables have in common: newest values, machines, scores.

use std::sync::Arc;

use arrow::array::{Array, ArrayRef, Int64Array};
use arrow::datatypes::{Float64Type, Int64Type, UInt8Type, UInt16Type, UInt32Type};
use wardwatch_alarms::Machine;
use wardwatch_clinical::VitalSign;
use wardwatch_event_time::Timestamp;
use wardwatch_windowing::table::{self, Table, TableError, Tables};

use crate::devices::DeviceId;
use crate::outcome::{Outcome, Points, parameter};
use crate::patient::{Latest, LatestValues, MachineKind, MachinePlace, Patient};

/// Patients with their slots, in the order of a part.
pub(super) type Of<'s> = [(u32, &'s Patient)];

/// The names of a machine's numbers.
const MACHINE: [&str; Machine::NUMBERS] = [
    "state",
    "since",
    "until",
    "judged",
    "worse_since",
    "worse_due",
    "worse_newest",
    "worse_times",
    "last_start",
    "next_ordinal",
    "armed",
    "judged_at",
];

/// The newest values as columns.
pub(super) fn latest<'l>(
    all: impl Iterator<Item = &'l LatestValues> + Clone,
) -> [(&'static str, ArrayRef); 4] {
    let times = all.clone().flatten().map(|latest| latest.ts.micros());
    let devices = all.clone().flatten().map(|latest| latest.device.0);
    let corrected = all.clone().flatten().map(|latest| u8::from(latest.is_corrected));
    let values = all.flatten().map(|latest| latest.value);
    [
        (
            "latest_ts",
            table::runs::<Int64Type>(VitalSign::COUNT, times.collect()),
        ),
        (
            "latest",
            table::runs::<Float64Type>(VitalSign::COUNT, values.collect()),
        ),
        (
            "latest_device",
            table::runs::<UInt16Type>(VitalSign::COUNT, devices.collect()),
        ),
        (
            "latest_is_corrected",
            table::runs::<UInt8Type>(VitalSign::COUNT, corrected.collect()),
        ),
    ]
}

/// What [`latest`] wrote, by row.
pub(super) fn read_latest<'t>(
    table: &Table<'t>,
) -> Result<impl Fn(usize) -> LatestValues + use<'t>, TableError> {
    let times = table.runs::<Int64Type>("latest_ts", VitalSign::COUNT)?;
    let values = table.runs::<Float64Type>("latest", VitalSign::COUNT)?;
    let devices = table.runs::<UInt16Type>("latest_device", VitalSign::COUNT)?;
    let corrected = table.runs::<UInt8Type>("latest_is_corrected", VitalSign::COUNT)?;
    Ok(move |row: usize| {
        std::array::from_fn(|vital| Latest {
            ts: Timestamp::from_micros(times[row * VitalSign::COUNT + vital]),
            value: values[row * VitalSign::COUNT + vital],
            device: DeviceId(devices[row * VitalSign::COUNT + vital]),
            is_corrected: corrected[row * VitalSign::COUNT + vital] != 0,
        })
    })
}

/// Machines, of patients or of stays that ended: `of` numbers those.
pub(super) fn machines(
    name: &str,
    machines: impl Iterator<Item = (u32, MachinePlace, Machine)>,
    tables: &mut Tables,
) -> Result<(), TableError> {
    let rows: Vec<_> = machines
        .map(|(of, place, machine)| (of, place, machine.to_numbers()))
        .collect();
    let places = [
        ("of", table::values::<UInt32Type>(rows.iter().map(|row| row.0))),
        (
            "kind",
            table::values::<UInt8Type>(rows.iter().map(|row| row.1.kind as u8)),
        ),
        (
            "index",
            table::values::<UInt16Type>(rows.iter().map(|row| row.1.index)),
        ),
    ];
    let numbers = MACHINE.iter().enumerate().map(|(number, name)| {
        let column = rows.iter().map(|row| row.2[number]);
        (*name, table::values::<Int64Type>(column))
    });
    table::add(tables, name.to_owned(), places.into_iter().chain(numbers))
}

/// Tells the machines that [`machines`] wrote; `put` is none where there is no place for one.
pub(super) fn read_machines(
    name: &str,
    tables: &Tables,
    mut put: impl FnMut(u32, MachinePlace, Machine) -> Option<()>,
) -> Result<(), TableError> {
    let table = Table::find(tables, name)?;
    let of = table.values::<UInt32Type>("of")?;
    let kind = table.values::<UInt8Type>("kind")?;
    let index = table.values::<UInt16Type>("index")?;
    let mut numbers = [&[][..]; Machine::NUMBERS];
    for (column, name) in numbers.iter_mut().zip(MACHINE) {
        *column = table.values::<Int64Type>(name)?;
    }
    for row in 0..table.rows() {
        let machine = Machine::from_numbers(numbers.map(|column| column[row]))
            .ok_or_else(|| table.misfit(row, "no machine has these numbers"))?;
        let place = MachineKind::from_number(kind[row]).map(|kind| MachinePlace {
            kind,
            index: index[row],
        });
        place
            .and_then(|place| put(of[row], place, machine))
            .ok_or_else(|| table.misfit(row, "the pipeline has no such alarm"))?;
    }
    Ok(())
}

/// Scores: whose (`of`), held where (`holder`), which one.
pub(super) fn outcomes(
    name: &str,
    rows: &[(u32, u16, u16, &Outcome)],
    tables: &mut Tables,
) -> Result<(), TableError> {
    let points: Vec<String> = rows.iter().map(|row| write_points(&row.3.points)).collect();
    let number = |number: fn(&Outcome) -> Option<f64>| {
        table::options::<Float64Type>(rows.iter().map(|row| number(row.3)))
    };
    table::add(
        tables,
        name.to_owned(),
        [
            ("of", table::values::<UInt32Type>(rows.iter().map(|row| row.0))),
            (
                "holder",
                table::values::<UInt16Type>(rows.iter().map(|row| row.1)),
            ),
            ("score", table::values::<UInt16Type>(rows.iter().map(|row| row.2))),
            ("value", number(|outcome| outcome.value)),
            ("lowest", number(|outcome| outcome.lowest)),
            ("highest", number(|outcome| outcome.highest)),
            (
                "points",
                table::texts(points.iter().map(|points| Some(points.as_str()))),
            ),
            (
                "unavailable",
                table::texts(rows.iter().map(|row| row.3.unavailable.as_deref())),
            ),
            (
                "end",
                table::values::<Int64Type>(rows.iter().map(|row| row.3.end.micros())),
            ),
        ],
    )
}

/// Tells the scores that [`outcomes`] wrote; `put` is none where there is no place for one.
pub(super) fn read_outcomes(
    name: &str,
    tables: &Tables,
    mut put: impl FnMut(u32, u16, u16, Outcome) -> Option<()>,
) -> Result<(), TableError> {
    let table = Table::find(tables, name)?;
    let of = table.values::<UInt32Type>("of")?;
    let holder = table.values::<UInt16Type>("holder")?;
    let score = table.values::<UInt16Type>("score")?;
    let value = table.options::<Float64Type>("value")?;
    let lowest = table.options::<Float64Type>("lowest")?;
    let highest = table.options::<Float64Type>("highest")?;
    let points = table.texts("points")?;
    let unavailable = table.texts("unavailable")?;
    let end = table.values::<Int64Type>("end")?;
    for row in 0..table.rows() {
        let outcome = Outcome {
            value: value.is_valid(row).then(|| value.value(row)),
            lowest: lowest.is_valid(row).then(|| lowest.value(row)),
            highest: highest.is_valid(row).then(|| highest.value(row)),
            points: read_points(points.value(row))
                .ok_or_else(|| table.misfit(row, "points are written as `name=number`"))?,
            unavailable: unavailable
                .is_valid(row)
                .then(|| unavailable.value(row).to_owned().into()),
            end: Timestamp::from_micros(end[row]),
        };
        put(of[row], holder[row], score[row], outcome)
            .ok_or_else(|| table.misfit(row, "the pipeline has no such score"))?;
    }
    Ok(())
}

/// `resp_rate=3 spo2= pulse=1`
fn write_points(points: &Points) -> String {
    let point = |(name, points): &(wardwatch_alarms::Text, Option<u8>)| {
        format!(
            "{name}={}",
            points.map(|points| points.to_string()).unwrap_or_default()
        )
    };
    points.iter().map(point).collect::<Vec<_>>().join(" ")
}

fn read_points(text: &str) -> Option<Points> {
    let point = |part: &str| {
        let (name, points) = part.split_once('=')?;
        let points = match points {
            "" => None,
            points => Some(points.parse().ok()?),
        };
        Some((parameter(name), points))
    };
    let points: Option<Vec<_>> = text.split_whitespace().map(point).collect();
    points.map(Arc::from)
}

/// An instant, where there is one.
pub(super) fn instant(column: &Int64Array, row: usize) -> Option<Timestamp> {
    column
        .is_valid(row)
        .then(|| Timestamp::from_micros(column.value(row)))
}
