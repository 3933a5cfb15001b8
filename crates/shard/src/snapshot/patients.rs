//! The patients themselves.
//!
//! | table | a row |
//! |---|---|
//! | `patients` | a patient: stay, context, newest values |
//! | `sources` | a source of a patient, with how many rows of `instants` and `readings` are its own |
//! | `instants`, `readings` | what has been taken within lateness |
//! | `machines` | an alarm that has ever moved |
//! | `judged` | what a limit has judged last |
//! | `standings` | a patient in a feature set: the newest window, and when a revision is due |
//! | `buckets` | a patient's usual values: sums of three hours |
//! | `views`, `view_features` | what was known at the newest evaluation, where a condition may still tell of it |
//! | `outcomes` | a score: the patient's newest (holder 0), or that of a view (holder: its feature set + 1) |

use std::sync::Arc;

use arrow::array::Array;
use arrow::datatypes::{Float32Type, Float64Type, Int64Type, UInt8Type, UInt16Type, UInt32Type, UInt64Type};
use wardwatch_clinical::scores::Spo2Scale;
use wardwatch_event_time::{Clock, Timestamp};
use wardwatch_ingest::Sex;
use wardwatch_windowing::table::{self, Table, TableError, Tables};

use super::parts::{latest, machines, outcomes, read_latest, read_machines, read_outcomes};
use crate::Shard;
use crate::inputs::View;
use crate::outcome::Outcome;
use crate::patient::{Context, Judged, Latest, Patient, SetStanding, SourceState};
use crate::seen::{Seen, SeenNumbers};

/// Whose score a row of `outcomes` is: the patient's own, or of the view of a feature set.
const OWN: u16 = 0;

/// Patients with their slots, in the order of a part.
type Of<'s> = [(u32, &'s Patient)];

// === impl Shard ===

impl Shard {
    /// Adds the tables of these patients.
    pub(super) fn capture_patients(&self, slots: &[u32], tables: &mut Tables) -> Result<(), TableError> {
        let patients: Vec<(u32, &Patient)> = slots
            .iter()
            .filter_map(|slot| Some((*slot, self.patients[*slot as usize].as_ref()?)))
            .collect();
        capture_stays(&patients, tables)?;
        capture_sources(&patients, tables)?;
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
        self.restore_sources(tables)?;
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

    fn restore_stays(&mut self, table: Table<'_>) -> Result<(), TableError> {
        let slot = table.values::<UInt32Type>("slot")?;
        let (id, stay) = (table.texts("patient_id")?, table.values::<UInt64Type>("stay")?);
        let (begun_at, heard_at) = (
            table.values::<Int64Type>("begun_at")?,
            table.values::<Int64Type>("heard_at")?,
        );
        let pending_until = table.values::<Int64Type>("pending_until")?;
        let (context, latest) = (read_context(&table)?, read_latest(&table)?);
        for row in 0..table.rows() {
            let name: Arc<str> = Arc::from(id.value(row));
            if !self.roster.put_back(slot[row], Arc::clone(&name)) {
                return Err(table.misfit(row, "its slot is taken, or there is none"));
            }
            let begun = Timestamp::from_micros(begun_at[row]);
            let mut patient = Patient::new(name, stay[row], begun, &self.pipeline);
            patient.context = context(row).ok_or_else(|| table.misfit(row, "there is no such context"))?;
            patient.latest = latest(row);
            patient.heard_at = Timestamp::from_micros(heard_at[row]);
            patient.pending_until = Timestamp::from_micros(pending_until[row]);
            self.patients[slot[row] as usize] = Some(patient);
        }
        Ok(())
    }

    fn restore_sources(&mut self, tables: &Tables) -> Result<(), TableError> {
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

    fn restore_judged(&mut self, table: Table<'_>) -> Result<(), TableError> {
        let (slot, limit) = (
            table.values::<UInt32Type>("slot")?,
            table.values::<UInt16Type>("limit")?,
        );
        let (ts, value) = (
            table.values::<Int64Type>("ts")?,
            table.values::<Float64Type>("value")?,
        );
        let is_idle = table.flags("is_idle")?;
        for row in 0..table.rows() {
            let patient = self.patients.get_mut(slot[row] as usize).and_then(Option::as_mut);
            let judged = patient.and_then(|patient| patient.judged.get_mut(usize::from(limit[row])));
            *judged.ok_or_else(|| table.misfit(row, "there is no such patient or limit"))? = Judged {
                latest: Latest {
                    ts: Timestamp::from_micros(ts[row]),
                    value: value[row],
                },
                is_idle: is_idle.value(row),
            };
        }
        Ok(())
    }

    fn restore_standings(&mut self, table: Table<'_>) -> Result<(), TableError> {
        let (slot, set) = (
            table.values::<UInt32Type>("slot")?,
            table.values::<UInt16Type>("set")?,
        );
        let (newest, features) = (table.options::<Int64Type>("newest")?, table.lists("features")?);
        let revision = table.values::<UInt32Type>("revision")?;
        let revision_due = table.options::<Int64Type>("revision_due")?;
        for row in 0..table.rows() {
            let standing = self.standing(slot[row], set[row], &table, row)?;
            standing.newest = instant(newest, row).map(|end| (end, Arc::from(features(row))));
            standing.revision = revision[row];
            standing.revision_due = instant(revision_due, row);
        }
        Ok(())
    }

    fn restore_buckets(&mut self, table: Table<'_>) -> Result<(), TableError> {
        let (slot, set) = (
            table.values::<UInt32Type>("slot")?,
            table.values::<UInt16Type>("set")?,
        );
        let (number, rows) = (
            table.values::<Int64Type>("number")?,
            table.values::<UInt32Type>("rows")?,
        );
        let (sums, counts) = (table.lists("sums")?, table.lists("counts")?);
        for row in 0..table.rows() {
            let counts = counts(row).iter().map(|count| *count as u32);
            let sums = sums(row).iter().copied().zip(counts).collect();
            let standing = self.standing(slot[row], set[row], &table, row)?;
            standing.baseline.put_back(number[row], rows[row], sums);
        }
        Ok(())
    }

    fn restore_views(&mut self, tables: &Tables) -> Result<(), TableError> {
        let table = Table::find(tables, "views")?;
        let (slot, set) = (
            table.values::<UInt32Type>("slot")?,
            table.values::<UInt16Type>("set")?,
        );
        let (at, latest) = (table.values::<Int64Type>("at")?, read_latest(&table)?);
        let (sets, scores) = (self.sets.len(), self.pipeline.scores.len());
        for row in 0..table.rows() {
            let standing = self.standing(slot[row], set[row], &table, row)?;
            standing.view = Some(Box::new(View {
                latest: latest(row),
                newest: vec![None; sets],
                scores: (0..scores).map(|_| Arc::new(Outcome::number(None))).collect(),
                at: Timestamp::from_micros(at[row]),
            }));
        }
        let table = Table::find(tables, "view_features")?;
        let (slot, set) = (
            table.values::<UInt32Type>("slot")?,
            table.values::<UInt16Type>("set")?,
        );
        let (of, end) = (
            table.values::<UInt16Type>("of")?,
            table.values::<Int64Type>("end")?,
        );
        let features = table.lists("features")?;
        for row in 0..table.rows() {
            let view = self.standing(slot[row], set[row], &table, row)?.view.as_mut();
            let newest = view.and_then(|view| view.newest.get_mut(usize::from(of[row])));
            let newest = newest.ok_or_else(|| table.misfit(row, "there is no such view or feature set"))?;
            *newest = Some((Timestamp::from_micros(end[row]), Arc::from(features(row))));
        }
        Ok(())
    }

    fn standing(
        &mut self,
        slot: u32,
        set: u16,
        table: &Table<'_>,
        row: usize,
    ) -> Result<&mut SetStanding, TableError> {
        let patient = self.patients.get_mut(slot as usize).and_then(Option::as_mut);
        let standing = patient.and_then(|patient| patient.sets.get_mut(usize::from(set)));
        standing.ok_or_else(|| table.misfit(row, "there is no such patient or feature set"))
    }
}

fn capture_stays(patients: &Of<'_>, tables: &mut Tables) -> Result<(), TableError> {
    let all = || patients.iter().map(|(_, patient)| *patient);
    let contexts = || all().map(|patient| &patient.context);
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
        (
            "ward",
            table::texts(contexts().map(|context| context.ward.as_deref())),
        ),
        (
            "bed",
            table::texts(contexts().map(|context| context.bed.as_deref())),
        ),
        (
            "age",
            table::options::<Float64Type>(contexts().map(|context| context.age)),
        ),
        (
            "sex",
            table::options::<UInt8Type>(contexts().map(|context| context.sex.map(|sex| sex as u8))),
        ),
        (
            "spo2_scale",
            table::options::<UInt8Type>(
                contexts().map(|context| context.spo2_scale.map(|scale| scale as u8)),
            ),
        ),
        (
            "on_oxygen",
            table::options::<UInt8Type>(contexts().map(|context| context.on_oxygen.map(u8::from))),
        ),
    ];
    let latest = latest(all().map(|patient| &patient.latest));
    table::add(tables, "patients".to_owned(), columns.into_iter().chain(latest))
}

fn read_context<'t>(table: &Table<'t>) -> Result<impl Fn(usize) -> Option<Context> + use<'t>, TableError> {
    let (ward, bed) = (table.texts("ward")?, table.texts("bed")?);
    let age = table.options::<Float64Type>("age")?;
    let sex = table.options::<UInt8Type>("sex")?;
    let spo2_scale = table.options::<UInt8Type>("spo2_scale")?;
    let on_oxygen = table.options::<UInt8Type>("on_oxygen")?;
    Ok(move |row: usize| {
        Some(Context {
            ward: ward.is_valid(row).then(|| ward.value(row).into()),
            bed: bed.is_valid(row).then(|| bed.value(row).into()),
            age: age.is_valid(row).then(|| age.value(row)),
            sex: match sex.is_valid(row).then(|| sex.value(row)) {
                None => None,
                Some(sex) => Some(*[Sex::Female, Sex::Male, Sex::Other, Sex::Unknown].get(usize::from(sex))?),
            },
            spo2_scale: match spo2_scale.is_valid(row).then(|| spo2_scale.value(row)) {
                None => None,
                Some(scale) => Some(*[Spo2Scale::One, Spo2Scale::Two].get(usize::from(scale))?),
            },
            on_oxygen: on_oxygen.is_valid(row).then(|| on_oxygen.value(row) != 0),
        })
    })
}

fn capture_sources(patients: &Of<'_>, tables: &mut Tables) -> Result<(), TableError> {
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

fn capture_judged(patients: &Of<'_>, tables: &mut Tables) -> Result<(), TableError> {
    let all = || {
        patients.iter().flat_map(|(slot, patient)| {
            (0..)
                .zip(&patient.judged)
                .map(|(limit, judged)| (*slot, limit, judged))
        })
    };
    table::add(
        tables,
        "judged".to_owned(),
        [
            (
                "slot",
                table::values::<UInt32Type>(all().map(|(slot, _, _)| slot)),
            ),
            (
                "limit",
                table::values::<UInt16Type>(all().map(|(_, limit, _)| limit)),
            ),
            (
                "ts",
                table::values::<Int64Type>(all().map(|(_, _, judged)| judged.latest.ts.micros())),
            ),
            (
                "value",
                table::values::<Float64Type>(all().map(|(_, _, judged)| judged.latest.value)),
            ),
            (
                "is_idle",
                table::flags(all().map(|(_, _, judged)| judged.is_idle)),
            ),
        ],
    )
}

/// Every patient in every feature set.
fn standings<'p>(patients: &'p Of<'p>) -> impl Iterator<Item = (u32, u16, &'p SetStanding)> + Clone {
    patients.iter().flat_map(|(slot, patient)| {
        (0..)
            .zip(&patient.sets)
            .map(|(set, standing)| (*slot, set, standing))
    })
}

fn capture_standings(patients: &Of<'_>, tables: &mut Tables) -> Result<(), TableError> {
    let all = || standings(patients);
    let newest = all().map(|(_, _, standing)| standing.newest.as_ref().map(|(end, _)| end.micros()));
    let features = all().map(|(_, _, standing)| standing.newest.as_ref().map_or(&[][..], |(_, row)| row));
    let revision_due = all().map(|(_, _, standing)| standing.revision_due.map(Timestamp::micros));
    table::add(
        tables,
        "standings".to_owned(),
        [
            (
                "slot",
                table::values::<UInt32Type>(all().map(|(slot, _, _)| slot)),
            ),
            ("set", table::values::<UInt16Type>(all().map(|(_, set, _)| set))),
            ("newest", table::options::<Int64Type>(newest)),
            ("features", table::lists(features)),
            (
                "revision",
                table::values::<UInt32Type>(all().map(|(_, _, standing)| standing.revision)),
            ),
            ("revision_due", table::options::<Int64Type>(revision_due)),
        ],
    )
}

fn capture_buckets(patients: &Of<'_>, tables: &mut Tables) -> Result<(), TableError> {
    let all = || {
        standings(patients).flat_map(|(slot, set, standing)| {
            standing.baseline.buckets().map(move |bucket| (slot, set, bucket))
        })
    };
    let part = |part: fn(&(f64, u32)) -> f64| -> Vec<Vec<f64>> {
        all()
            .map(|(_, _, (_, _, sums))| sums.iter().map(part).collect())
            .collect()
    };
    let (sums, counts) = (part(|sum| sum.0), part(|sum| f64::from(sum.1)));
    table::add(
        tables,
        "buckets".to_owned(),
        [
            (
                "slot",
                table::values::<UInt32Type>(all().map(|(slot, _, _)| slot)),
            ),
            ("set", table::values::<UInt16Type>(all().map(|(_, set, _)| set))),
            (
                "number",
                table::values::<Int64Type>(all().map(|(_, _, (number, _, _))| number)),
            ),
            (
                "rows",
                table::values::<UInt32Type>(all().map(|(_, _, (_, rows, _))| rows)),
            ),
            ("sums", table::lists(sums.iter().map(Vec::as_slice))),
            ("counts", table::lists(counts.iter().map(Vec::as_slice))),
        ],
    )
}

fn capture_views(patients: &Of<'_>, tables: &mut Tables) -> Result<(), TableError> {
    let all = || {
        standings(patients).filter_map(|(slot, set, standing)| Some((slot, set, standing.view.as_deref()?)))
    };
    let columns = [
        (
            "slot",
            table::values::<UInt32Type>(all().map(|(slot, _, _)| slot)),
        ),
        ("set", table::values::<UInt16Type>(all().map(|(_, set, _)| set))),
        (
            "at",
            table::values::<Int64Type>(all().map(|(_, _, view)| view.at.micros())),
        ),
    ];
    let latest = latest(all().map(|(_, _, view)| &view.latest));
    table::add(tables, "views".to_owned(), columns.into_iter().chain(latest))?;
    let features = || {
        all().flat_map(|(slot, set, view)| {
            let known = (0u16..)
                .zip(&view.newest)
                .filter_map(|(of, newest)| Some((of, newest.as_ref()?)));
            known.map(move |(of, (end, row))| (slot, set, of, *end, &row[..]))
        })
    };
    table::add(
        tables,
        "view_features".to_owned(),
        [
            ("slot", table::values::<UInt32Type>(features().map(|row| row.0))),
            ("set", table::values::<UInt16Type>(features().map(|row| row.1))),
            ("of", table::values::<UInt16Type>(features().map(|row| row.2))),
            (
                "end",
                table::values::<Int64Type>(features().map(|row| row.3.micros())),
            ),
            ("features", table::lists(features().map(|row| row.4))),
        ],
    )
}

fn instant(column: &arrow::array::Int64Array, row: usize) -> Option<Timestamp> {
    column
        .is_valid(row)
        .then(|| Timestamp::from_micros(column.value(row)))
}
