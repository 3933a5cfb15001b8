//! What writers state, of patients (`of` is a slot) or of those who are not monitored (`of` numbers the rows of `ended`).
//!
//! | table | a row |
//! |---|---|
//! | `accounts` | what one writer states of one visit, or of the patient |
//! | `withdrawn` | until when a writer has withdrawn what it stated |

use std::collections::BTreeMap;

use arrow::array::{Array, PrimitiveArray};
use arrow::datatypes::{ArrowPrimitiveType, Float64Type, Int64Type, UInt8Type, UInt16Type, UInt32Type};
use wardwatch_clinical::scores::Spo2Scale;
use wardwatch_event_time::Timestamp;
use wardwatch_ingest::{ContextEvent, Sex};
use wardwatch_windowing::table::{self, Table, TableError, Tables};

use crate::patient::Context;
use crate::statements::{Account, Statements};

/// By their numbers.
const EVENTS: [ContextEvent; 5] = [
    ContextEvent::Admit,
    ContextEvent::Transfer,
    ContextEvent::Update,
    ContextEvent::Discharge,
    ContextEvent::Withdraw,
];
const SEXES: [Sex; 4] = [Sex::Female, Sex::Male, Sex::Other, Sex::Unknown];
const SCALES: [Spo2Scale; 2] = [Spo2Scale::One, Spo2Scale::Two];

/// Adds both tables, their names behind `prefix`.
pub(super) fn statements<'s>(
    prefix: &str,
    all: impl Iterator<Item = (u32, &'s Statements)> + Clone,
    tables: &mut Tables,
) -> Result<(), TableError> {
    let accounts: Vec<(u32, &Account)> = all
        .clone()
        .flat_map(|(of, stated)| stated.accounts.iter().map(move |account| (of, account)))
        .collect();
    let each = || accounts.iter().map(|(_, account)| *account);
    let time = |time: fn(&Account) -> Timestamp| {
        table::values::<Int64Type>(each().map(|account| time(account).micros()))
    };
    let number = |number: fn(&Context) -> Option<u8>| {
        table::options::<UInt8Type>(each().map(|account| number(&account.states)))
    };
    let columns = [
        (
            "of",
            table::values::<UInt32Type>(accounts.iter().map(|(of, _)| *of)),
        ),
        (
            "writer",
            table::values::<UInt16Type>(each().map(|account| account.writer)),
        ),
        (
            "visit",
            table::texts(each().map(|account| account.visit.as_deref())),
        ),
        ("heard_at", time(|account| account.heard_at)),
        ("ts", time(|account| account.ts)),
        (
            "event",
            table::values::<UInt8Type>(each().map(|account| account.event as u8)),
        ),
        ("since", time(|account| account.since)),
        ("present", time(|account| account.present)),
        ("discharged", time(|account| account.discharged)),
        (
            "ward",
            table::texts(each().map(|account| account.states.ward.as_deref())),
        ),
        (
            "bed",
            table::texts(each().map(|account| account.states.bed.as_deref())),
        ),
        (
            "age",
            table::options::<Float64Type>(each().map(|account| account.states.age)),
        ),
        ("sex", number(|states| states.sex.map(|sex| sex as u8))),
        (
            "spo2_scale",
            number(|states| states.spo2_scale.map(|scale| scale as u8)),
        ),
        ("on_oxygen", number(|states| states.on_oxygen.map(u8::from))),
        ("pregnant", number(|states| states.pregnant.map(u8::from))),
    ];
    table::add(tables, format!("{prefix}accounts"), columns)?;
    let withdrawn: Vec<(u32, u16, Timestamp)> = all
        .flat_map(|(of, stated)| {
            stated
                .withdrawn
                .iter()
                .map(move |(writer, until)| (of, *writer, *until))
        })
        .collect();
    let columns = [
        (
            "of",
            table::values::<UInt32Type>(withdrawn.iter().map(|row| row.0)),
        ),
        (
            "writer",
            table::values::<UInt16Type>(withdrawn.iter().map(|row| row.1)),
        ),
        (
            "until",
            table::values::<Int64Type>(withdrawn.iter().map(|row| row.2.micros())),
        ),
    ];
    table::add(tables, format!("{prefix}withdrawn"), columns)
}

/// What [`statements`] wrote, by `of`.
pub(super) fn read_statements(
    prefix: &str,
    tables: &Tables,
) -> Result<BTreeMap<u32, Statements>, TableError> {
    let mut all: BTreeMap<u32, Statements> = BTreeMap::new();
    let name = format!("{prefix}accounts");
    let table = Table::find(tables, &name)?;
    let of = table.values::<UInt32Type>("of")?;
    let account = read_account(&table)?;
    for (row, of) in of.iter().enumerate() {
        let account = account(row).ok_or_else(|| table.misfit(row, "there is no such context"))?;
        all.entry(*of).or_default().accounts.push(account);
    }
    let name = format!("{prefix}withdrawn");
    let table = Table::find(tables, &name)?;
    let of = table.values::<UInt32Type>("of")?;
    let (writer, until) = (
        table.values::<UInt16Type>("writer")?,
        table.values::<Int64Type>("until")?,
    );
    for (row, of) in of.iter().enumerate() {
        let until = Timestamp::from_micros(until[row]);
        all.entry(*of).or_default().withdrawn.push((writer[row], until));
    }
    Ok(all)
}

fn read_account<'t>(table: &Table<'t>) -> Result<impl Fn(usize) -> Option<Account> + use<'t>, TableError> {
    let writer = table.values::<UInt16Type>("writer")?;
    let (visit, ward, bed) = (table.texts("visit")?, table.texts("ward")?, table.texts("bed")?);
    let (heard_at, ts) = (
        table.values::<Int64Type>("heard_at")?,
        table.values::<Int64Type>("ts")?,
    );
    let (since, present) = (
        table.values::<Int64Type>("since")?,
        table.values::<Int64Type>("present")?,
    );
    let discharged = table.values::<Int64Type>("discharged")?;
    let event = table.values::<UInt8Type>("event")?;
    let age = table.options::<Float64Type>("age")?;
    let (sex, spo2_scale) = (
        table.options::<UInt8Type>("sex")?,
        table.options::<UInt8Type>("spo2_scale")?,
    );
    let (on_oxygen, pregnant) = (
        table.options::<UInt8Type>("on_oxygen")?,
        table.options::<UInt8Type>("pregnant")?,
    );
    Ok(move |row: usize| {
        let text =
            |column: &arrow::array::StringArray| column.is_valid(row).then(|| column.value(row).into());
        let time = |column: &[i64]| Timestamp::from_micros(column[row]);
        Some(Account {
            writer: writer[row],
            visit: text(visit),
            heard_at: time(heard_at),
            ts: time(ts),
            event: *EVENTS.get(usize::from(event[row]))?,
            states: Context {
                ward: text(ward),
                bed: text(bed),
                age: option(age, row),
                sex: one_of(&SEXES, option(sex, row))?,
                spo2_scale: one_of(&SCALES, option(spo2_scale, row))?,
                on_oxygen: option(on_oxygen, row).map(|flag| flag != 0),
                pregnant: option(pregnant, row).map(|flag| flag != 0),
            },
            since: time(since),
            present: time(present),
            discharged: time(discharged),
        })
    })
}

fn option<T: ArrowPrimitiveType>(column: &PrimitiveArray<T>, row: usize) -> Option<T::Native> {
    column.is_valid(row).then(|| column.value(row))
}

/// The one of a number; none where there is no such one.
fn one_of<T: Copy>(all: &[T], number: Option<u8>) -> Option<Option<T>> {
    match number {
        None => Some(None),
        Some(number) => all.get(usize::from(number)).map(|found| Some(*found)),
    }
}
