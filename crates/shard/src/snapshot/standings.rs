//! How patients stand: what their limits have judged, their newest windows, their usual values.

use std::sync::Arc;

use arrow::datatypes::{Float64Type, Int64Type, UInt8Type, UInt16Type, UInt32Type};
use wardwatch_alarms::Judgement;
use wardwatch_event_time::Timestamp;
use wardwatch_windowing::table::{self, Table, TableError, Tables};

use super::parts::{Of, instant, latest, read_latest};
use crate::Shard;
use crate::devices::DeviceId;
use crate::inputs::View;
use crate::outcome::Outcome;
use crate::patient::{Judged, Latest, Rival, Role, SetStanding};

/// Whose judgement a row is: the first device's, a further one's, or that of the time before of a device.
const FIRST: u8 = 0;
const FURTHER: u8 = 1;
const BEFORE: u8 = 2;

// === impl Shard ===

impl Shard {
    pub(super) fn restore_judged(&mut self, table: Table<'_>) -> Result<(), TableError> {
        let (slot, limit) = (
            table.values::<UInt32Type>("slot")?,
            table.values::<UInt16Type>("limit")?,
        );
        let (ts, value) = (
            table.values::<Int64Type>("ts")?,
            table.values::<Float64Type>("value")?,
        );
        let is_idle = table.flags("is_idle")?;
        let role = table.values::<UInt8Type>("role")?;
        let (until, came_at) = (
            table.values::<Int64Type>("until")?,
            table.values::<Int64Type>("came_at")?,
        );
        let (device, judgement) = (
            table.values::<UInt16Type>("device")?,
            table.values::<UInt8Type>("judgement")?,
        );
        let is_corrected = table.flags("is_corrected")?;
        for row in 0..table.rows() {
            let patient = self.patients.get_mut(slot[row] as usize).and_then(Option::as_mut);
            let patient = patient.filter(|patient| usize::from(limit[row]) < patient.judged.len());
            let patient = patient.ok_or_else(|| table.misfit(row, "there is no such patient or limit"))?;
            let latest = Latest {
                ts: Timestamp::from_micros(ts[row]),
                value: value[row],
                device: DeviceId(device[row]),
                is_corrected: is_corrected.value(row),
            };
            let judgement = Judgement::from_number(judgement[row])
                .ok_or_else(|| table.misfit(row, "there is no such judgement"))?;
            let rival = match role[row] {
                FIRST => None,
                FURTHER => Some(Role::Device),
                _ => Some(Role::Before {
                    until: Timestamp::from_micros(until[row]),
                    came_at: Timestamp::from_micros(came_at[row]),
                }),
            };
            if let Some(role) = rival {
                patient.rivals.push(Rival {
                    limit: limit[row],
                    latest,
                    judgement,
                    role,
                });
            } else {
                patient.judged[usize::from(limit[row])] = Judged {
                    latest,
                    judgement,
                    is_idle: is_idle.value(row),
                };
            }
        }
        Ok(())
    }

    pub(super) fn restore_standings(&mut self, table: Table<'_>) -> Result<(), TableError> {
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

    pub(super) fn restore_buckets(&mut self, table: Table<'_>) -> Result<(), TableError> {
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

    pub(super) fn restore_views(&mut self, tables: &Tables) -> Result<(), TableError> {
        let table = Table::find(tables, "views")?;
        let (slot, set) = (
            table.values::<UInt32Type>("slot")?,
            table.values::<UInt16Type>("set")?,
        );
        let (at, as_of) = (
            table.values::<Int64Type>("at")?,
            table.values::<Int64Type>("as_of")?,
        );
        let latest = read_latest(&table)?;
        let (sets, scores) = (self.sets.len(), self.pipeline.scores.len());
        for row in 0..table.rows() {
            let standing = self.standing(slot[row], set[row], &table, row)?;
            standing.view = Some(Box::new(View {
                latest: latest(row),
                newest: vec![None; sets],
                scores: (0..scores).map(|_| Arc::new(Outcome::number(None))).collect(),
                at: Timestamp::from_micros(at[row]),
                as_of: Timestamp::from_micros(as_of[row]),
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

pub(super) fn capture_judged(patients: &Of<'_>, tables: &mut Tables) -> Result<(), TableError> {
    let all = || {
        patients.iter().flat_map(|(slot, patient)| {
            let first = (0u16..).zip(&patient.judged);
            let none = [FIRST as i64, 0, 0];
            let first = first
                .map(move |(limit, judged)| (limit, judged.latest, judged.judgement, judged.is_idle, none));
            let rivals = patient.rivals.iter().map(|rival| {
                let role = match rival.role {
                    Role::Device => [FURTHER as i64, 0, 0],
                    Role::Before { until, came_at } => [BEFORE as i64, until.micros(), came_at.micros()],
                };
                (rival.limit, rival.latest, rival.judgement, false, role)
            });
            first.chain(rivals).map(|judged| (*slot, judged))
        })
    };
    let columns = [
        ("slot", table::values::<UInt32Type>(all().map(|(slot, _)| slot))),
        (
            "limit",
            table::values::<UInt16Type>(all().map(|(_, judged)| judged.0)),
        ),
        (
            "ts",
            table::values::<Int64Type>(all().map(|(_, judged)| judged.1.ts.micros())),
        ),
        (
            "value",
            table::values::<Float64Type>(all().map(|(_, judged)| judged.1.value)),
        ),
        (
            "device",
            table::values::<UInt16Type>(all().map(|(_, judged)| judged.1.device.0)),
        ),
        (
            "is_corrected",
            table::flags(all().map(|(_, judged)| judged.1.is_corrected)),
        ),
        (
            "judgement",
            table::values::<UInt8Type>(all().map(|(_, judged)| judged.2 as u8)),
        ),
        ("is_idle", table::flags(all().map(|(_, judged)| judged.3))),
        (
            "role",
            table::values::<UInt8Type>(all().map(|(_, judged)| judged.4[0] as u8)),
        ),
        (
            "until",
            table::values::<Int64Type>(all().map(|(_, judged)| judged.4[1])),
        ),
        (
            "came_at",
            table::values::<Int64Type>(all().map(|(_, judged)| judged.4[2])),
        ),
    ];
    table::add(tables, "judged".to_owned(), columns)
}

/// Every patient in every feature set.
fn standings<'p>(patients: &'p Of<'p>) -> impl Iterator<Item = (u32, u16, &'p SetStanding)> + Clone {
    patients.iter().flat_map(|(slot, patient)| {
        (0..)
            .zip(&patient.sets)
            .map(|(set, standing)| (*slot, set, standing))
    })
}

pub(super) fn capture_standings(patients: &Of<'_>, tables: &mut Tables) -> Result<(), TableError> {
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

pub(super) fn capture_buckets(patients: &Of<'_>, tables: &mut Tables) -> Result<(), TableError> {
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

pub(super) fn capture_views(patients: &Of<'_>, tables: &mut Tables) -> Result<(), TableError> {
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
        (
            "as_of",
            table::values::<Int64Type>(all().map(|(_, _, view)| view.as_of.micros())),
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
