//! What belongs to no one patient.
//!
//! | table | a row |
//! |---|---|
//! | `shard` | the one shard: its log time, digest, counters, and which vital signs there are |
//! | `free` | a slot that no patient has, the next one to be given last |
//! | `timers` | a timer |
//! | `pending` | a decided window |
//! | `ended`, `ended_machines` | a stay that ended, or somebody of whom something is stated; the alarms |
//! | `ended_accounts`, `ended_withdrawn` | what a writer states of them |

use std::sync::Arc;

use arrow::datatypes::{Int64Type, UInt8Type, UInt16Type, UInt32Type, UInt64Type};
use wardwatch_clinical::VitalSign;
use wardwatch_event_time::Timestamp;
use wardwatch_windowing::table::{self, Table, TableError, Tables};

use super::parts::{latest, machines, read_latest, read_machines};
use super::statements::{read_statements, statements};
use crate::Shard;
use crate::closing::Pending;
use crate::digest::Digest;
use crate::ended::Left;
use crate::roster::Roster;
use crate::timers::{Timer, TimerKind};

// === impl Shard ===

impl Shard {
    pub(super) fn capture_rest(&self) -> Result<Tables, TableError> {
        let mut tables = Tables::new();
        table::add(
            &mut tables,
            "shard".to_owned(),
            [
                ("log_time", table::values::<Int64Type>([self.log_time.micros()])),
                ("digest", table::values::<UInt64Type>([self.digest.number()])),
                ("stays", table::values::<UInt64Type>([self.stays])),
                ("slots", table::values::<UInt32Type>([self.patients.len() as u32])),
                (
                    "silent_patients",
                    table::values::<UInt64Type>([self.silent_patients]),
                ),
                ("vital_signs", table::texts([Some(vital_signs().as_str())])),
            ],
        )?;
        let free = self.roster.free().iter().copied();
        table::add(
            &mut tables,
            "free".to_owned(),
            [("slot", table::values::<UInt32Type>(free))],
        )?;
        self.capture_timers(&mut tables)?;
        self.capture_pending(&mut tables)?;
        let ended: Vec<_> = self.ended.iter().collect();
        table::add(
            &mut tables,
            "ended".to_owned(),
            [
                (
                    "patient_id",
                    table::texts(ended.iter().map(|(id, _)| Some(&***id))),
                ),
                (
                    "at",
                    table::values::<Int64Type>(ended.iter().map(|(_, left)| left.at.micros())),
                ),
                (
                    "is_discharged",
                    table::flags(ended.iter().map(|(_, left)| left.is_discharged)),
                ),
            ],
        )?;
        let all = (0..).zip(&ended).flat_map(|(row, (_, left))| {
            let machines = left.machines.iter();
            machines.map(move |(place, machine)| (row, *place, *machine))
        });
        machines("ended_machines", all, &mut tables)?;
        let stated = (0..).zip(&ended).map(|(row, (_, left))| (row, &left.stated));
        statements("ended_", stated, &mut tables)?;
        Ok(tables)
    }

    fn capture_timers(&self, tables: &mut Tables) -> Result<(), TableError> {
        let all = || self.timers.iter();
        table::add(
            tables,
            "timers".to_owned(),
            [
                (
                    "due",
                    table::values::<Int64Type>(all().map(|timer| timer.due.micros())),
                ),
                ("slot", table::values::<UInt32Type>(all().map(|timer| timer.slot))),
                ("stay", table::values::<UInt64Type>(all().map(|timer| timer.stay))),
                (
                    "kind",
                    table::values::<UInt8Type>(all().map(|timer| timer.kind.to_numbers().0)),
                ),
                (
                    "part",
                    table::values::<UInt16Type>(all().map(|timer| timer.kind.to_numbers().1)),
                ),
                (
                    "pane",
                    table::values::<Int64Type>(all().map(|timer| timer.kind.to_numbers().2)),
                ),
            ],
        )
    }

    fn capture_pending(&self, tables: &mut Tables) -> Result<(), TableError> {
        let all = || self.pending.iter();
        let columns = [
            (
                "slot",
                table::values::<UInt32Type>(all().map(|pending| pending.slot)),
            ),
            (
                "set",
                table::values::<UInt16Type>(all().map(|pending| pending.set as u16)),
            ),
            (
                "pane",
                table::values::<Int64Type>(all().map(|pending| pending.pane)),
            ),
            (
                "end",
                table::values::<Int64Type>(all().map(|pending| pending.end.micros())),
            ),
            (
                "revision",
                table::values::<UInt32Type>(all().map(|pending| pending.revision)),
            ),
            (
                "at",
                table::values::<Int64Type>(all().map(|pending| pending.at.micros())),
            ),
            ("is_newest", table::flags(all().map(|pending| pending.is_newest))),
            (
                "corrected",
                table::values::<UInt32Type>(all().map(|pending| pending.corrected)),
            ),
        ];
        let latest = latest(all().map(|pending| &pending.latest));
        table::add(tables, "pending".to_owned(), columns.into_iter().chain(latest))
    }

    pub(super) fn restore_rest(&mut self, tables: &Tables) -> Result<(), TableError> {
        let table = Table::find(tables, "shard")?;
        if table.rows() != 1 || table.texts("vital_signs")?.value(0) != vital_signs() {
            return Err(table.misfit(0, "it was written by a build with other vital signs"));
        }
        self.log_time = Timestamp::from_micros(table.values::<Int64Type>("log_time")?[0]);
        self.digest = Digest::from_number(table.values::<UInt64Type>("digest")?[0]);
        self.stays = table.values::<UInt64Type>("stays")?[0];
        self.silent_patients = table.values::<UInt64Type>("silent_patients")?[0];
        let slots = table.values::<UInt32Type>("slots")?[0] as usize;
        let free = Table::find(tables, "free")?
            .values::<UInt32Type>("slot")?
            .to_vec();
        self.roster = Roster::restored(slots, free);
        self.patients.resize_with(slots, || None);
        self.restore_timers(Table::find(tables, "timers")?)?;

        let table = Table::find(tables, "ended")?;
        let (ids, ends) = (table.texts("patient_id")?, table.values::<Int64Type>("at")?);
        let is_discharged = table.flags("is_discharged")?;
        let mut all = Vec::new();
        all.resize_with(table.rows(), Left::default);
        read_machines("ended_machines", tables, |of, place, machine| {
            let left = all.get_mut(of as usize)?;
            left.machines.push((place, machine));
            Some(())
        })?;
        for (row, (left, end)) in all.iter_mut().zip(ends).enumerate() {
            left.at = Timestamp::from_micros(*end);
            left.is_discharged = is_discharged.value(row);
        }
        for (row, stated) in read_statements("ended_", tables)? {
            let left = all.get_mut(row as usize);
            let left = left.ok_or_else(|| table.misfit(row as usize, "there is no such row"))?;
            left.stated = stated;
        }
        for (row, left) in all.into_iter().enumerate() {
            self.ended.keep(Arc::from(ids.value(row)), left);
        }
        Ok(())
    }

    fn restore_timers(&mut self, table: Table<'_>) -> Result<(), TableError> {
        let due = table.values::<Int64Type>("due")?;
        let (slot, stay) = (
            table.values::<UInt32Type>("slot")?,
            table.values::<UInt64Type>("stay")?,
        );
        let (kind, part) = (
            table.values::<UInt8Type>("kind")?,
            table.values::<UInt16Type>("part")?,
        );
        let pane = table.values::<Int64Type>("pane")?;
        for row in 0..table.rows() {
            let kind = TimerKind::from_numbers((kind[row], part[row], pane[row]));
            let is_known = (slot[row] as usize) < self.patients.len();
            let kind = kind.filter(|kind| is_known && self.has_part(*kind));
            self.timers.set(Timer {
                due: Timestamp::from_micros(due[row]),
                slot: slot[row],
                kind: kind.ok_or_else(|| table.misfit(row, "there is nothing that it could be for"))?,
                stay: stay[row],
            });
        }
        Ok(())
    }

    /// Whether the pipeline has the part that a timer is for.
    fn has_part(&self, kind: TimerKind) -> bool {
        let pipeline = &self.pipeline;
        let (part, parts) = match kind {
            TimerKind::Pane { rank, .. } | TimerKind::Revision { rank } => (rank, self.ranks.len()),
            TimerKind::Limit { index } => (index, pipeline.limits.len()),
            TimerKind::Condition { index } => (index, pipeline.conditions.len()),
            TimerKind::Silence { source } | TimerKind::RecordsLost { source } => {
                (source, pipeline.sources.len())
            }
            TimerKind::Forget | TimerKind::Presence => return true,
        };
        usize::from(part) < parts
    }

    /// Once the patients are back.
    pub(super) fn restore_pending(&mut self, tables: &Tables) -> Result<(), TableError> {
        let table = Table::find(tables, "pending")?;
        let (slot, set) = (
            table.values::<UInt32Type>("slot")?,
            table.values::<UInt16Type>("set")?,
        );
        let (pane, end) = (
            table.values::<Int64Type>("pane")?,
            table.values::<Int64Type>("end")?,
        );
        let (revision, at) = (
            table.values::<UInt32Type>("revision")?,
            table.values::<Int64Type>("at")?,
        );
        let (is_newest, latest) = (table.flags("is_newest")?, read_latest(&table)?);
        let corrected = table.values::<UInt32Type>("corrected")?;
        for row in 0..table.rows() {
            let patient = self.patients.get_mut(slot[row] as usize).and_then(Option::as_mut);
            let patient = patient.filter(|_| usize::from(set[row]) < self.sets.len());
            let patient =
                patient.ok_or_else(|| table.misfit(row, "there is no such patient or feature set"))?;
            patient.waiting += 1;
            self.pending.push_back(Pending {
                slot: slot[row],
                set: usize::from(set[row]),
                pane: pane[row],
                end: Timestamp::from_micros(end[row]),
                revision: revision[row],
                at: Timestamp::from_micros(at[row]),
                is_newest: is_newest.value(row),
                corrected: corrected[row],
                latest: latest(row),
            });
        }
        Ok(())
    }
}

/// The vital signs of this build in their order: tables hold them by number.
fn vital_signs() -> String {
    let names: Vec<&str> = VitalSign::ALL.iter().map(|vital| vital.name()).collect();
    names.join(",")
}
