//! A shard's state as Arrow tables, and back.
//!
//! ```text
//!   Shard ──capture──▶ Snapshot { shard, patients: [some, some, …] } ──restore──▶ Shard
//! ```
//!
//! The tables of `shard` hold what belongs to no one patient: clocks of the shard, timers, decided windows, stays that ended.
//! Each part of `patients` holds a thousand patients at most: who they are, their sources, alarms, features and panes. A
//! capture changes nothing.
//!
//! SNAPSHOT-1: a shard that is captured, restored and goes on decides what the one that was never stopped decides, to the
//! last bit.
//!
//! Which pipeline it was is not written here; the caller must restore with the same one.

mod devices;
mod parts;
mod patients;
mod presence;
mod rest;
mod sources;
mod standings;
mod statements;

use std::sync::Arc;

use wardwatch_pipeline::Pipeline;
use wardwatch_windowing::table::{TableError, Tables};

use crate::{Shard, Wants};

/// Patients in one part of a snapshot.
const PART: usize = 1_000;

/// The state of a shard.
#[derive(Clone, Debug, PartialEq)]
pub struct Snapshot {
    /// What belongs to no one patient.
    pub shard: Tables,
    /// The patients, some at a time.
    pub patients: Vec<Tables>,
}

// === impl Snapshot ===

impl Snapshot {
    /// The layout of the tables; another number is another layout.
    pub const FORMAT: u32 = 2;
}

// === impl Shard ===

impl Shard {
    /// The whole state.
    ///
    /// # Errors
    /// [`TableError`]: a defect.
    pub fn capture(&self) -> Result<Snapshot, TableError> {
        let slots: Vec<u32> = (0..self.patients.len() as u32)
            .filter(|slot| self.patients[*slot as usize].is_some())
            .collect();
        let part = |slots: &[u32]| {
            let mut tables = Tables::new();
            self.capture_patients(slots, &mut tables)?;
            for (set, state) in self.sets.iter().enumerate() {
                state.capture(slots, &prefix(set), &mut tables)?;
            }
            Ok(tables)
        };
        Ok(Snapshot {
            shard: self.capture_rest()?,
            patients: slots.chunks(PART).map(part).collect::<Result<_, TableError>>()?,
        })
    }

    /// The shard that [`Shard::capture`] captured, of the same pipeline.
    ///
    /// # Errors
    /// [`TableError`] when the tables are damaged, or of another format.
    pub fn restore(pipeline: Arc<Pipeline>, wants: Wants, snapshot: &Snapshot) -> Result<Self, TableError> {
        let mut shard = Self::new(pipeline, wants);
        shard.restore_rest(&snapshot.shard)?;
        for tables in &snapshot.patients {
            shard.restore_patients(tables)?;
            for (set, state) in shard.sets.iter_mut().enumerate() {
                state.restore(tables, &prefix(set))?;
            }
        }
        shard.restore_pending(&snapshot.shard)?;
        Ok(shard)
    }
}

/// The names of a feature set's tables begin with it.
fn prefix(set: usize) -> String {
    format!("set_{set}.")
}
