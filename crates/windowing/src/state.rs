//! A feature set's state in one shard: stage rows, close panes, forget patients.
//!
//! ```text
//!   take(row) ──▶ fused states, in place        ┐
//!            └──▶ staged rows ──flush──▶ states  ├──▶ features(due) ──▶ one row of features a closed window
//!   close(slot, pane): decides, row by row       ┘
//! ```
//!
//! *When* a pane closes is the shard's decision (clocks, log time); this file keeps the consequence. A close is decided in
//! the middle of a batch and evaluated later, many at a time; the shard sees to it that no row of a decided window is taken
//! in between.

use std::sync::Arc;

use arrow::array::{ArrayRef, RecordBatch, TimestampMicrosecondArray, new_null_array};
use arrow::compute::cast;
use arrow::datatypes::DataType;
use datafusion::error::Result;
use wardwatch_clinical::VitalSign;
use wardwatch_event_time::Timestamp;
use wardwatch_prefetch::prefetch;

use crate::fused::{Group, Place};
use crate::generic::{self, GenericStates, RowRef};
use crate::panes::Panes;
use crate::plan::Aggregate;
use crate::staged::{Rows, Staged};
use crate::{Placed, RowErrors, SetPlan, row_errors};

/// A window to evaluate: a patient's slot and the window's last pane.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Due {
    /// The patient's dense number in the shard.
    pub slot: u32,
    /// The number of the window's last pane.
    pub pane: i64,
}

/// The panes of every patient of a shard, for one feature set.
#[derive(Clone, Debug)]
pub struct SetState {
    pub(crate) plan: Arc<SetPlan>,
    pub(crate) patients: Vec<Panes>,
    pub(crate) generic: GenericStates,
    pub(crate) staged: Staged,
    /// What failed over rows that were taken into states, not reported yet.
    errors: RowErrors,
    /// By [`VitalSign::index`]: the place of its fused state, and of its staged column.
    places: [(u8, u8); VitalSign::COUNT],
}

const NOWHERE: u8 = u8::MAX;
/// Staged rows are taken into states at the latest when there are so many; a bound on memory, not on results.
const MOST_STAGED: usize = 16_384;

/// Windows that are folded before their results are read, column by column; what they fold into stays in the cache.
const FOLDED: usize = 256;
/// So many windows ahead of its turn a window's panes are asked for.
const AHEAD: usize = 4;

// === impl SetState ===

impl SetState {
    /// A state without patients.
    pub fn new(plan: Arc<SetPlan>) -> Self {
        let generic_vitals: Vec<VitalSign> = plan
            .generic_input
            .fields()
            .iter()
            .filter_map(|field| VitalSign::from_name(field.name()))
            .collect();
        let mut places = [(NOWHERE, NOWHERE); VitalSign::COUNT];
        for (place, vital) in plan.fused.iter().enumerate() {
            places[vital.index()].0 = place as u8;
        }
        for (place, vital) in generic_vitals.iter().enumerate() {
            places[vital.index()].1 = place as u8;
        }
        Self {
            plan,
            patients: Vec::new(),
            generic: GenericStates::default(),
            staged: Staged::new(generic_vitals.len()),
            errors: RowErrors::default(),
            places,
        }
    }

    /// The same panes under other slots: by slot the new one; what has none is dropped.
    #[must_use]
    pub fn with_slots(mut self, slots: &[Option<u32>]) -> Self {
        let mut patients = Vec::new();
        for (panes, slot) in std::mem::take(&mut self.patients).into_iter().zip(slots) {
            let Some(slot) = slot.map(|slot| slot as usize) else {
                continue;
            };
            if patients.len() <= slot {
                patients.resize_with(slot + 1, Panes::default);
            }
            patients[slot] = panes;
        }
        self.patients = patients;
        self.staged.renumber(slots);
        self
    }

    /// The plan.
    pub fn plan(&self) -> &Arc<SetPlan> {
        &self.plan
    }

    /// Takes in the readings of one message. `now` is the log time; `source` indexes [`SetPlan::sources`]; `vitals` are
    /// [`VitalSign`] indices, `values` finite numbers in canonical units.
    ///
    /// A message without a vital sign that the set reads still opens its pane: whether a window is evaluated must not
    /// depend on the features chosen.
    ///
    /// # Errors
    /// When an aggregate fails over the staged rows.
    pub fn take(
        &mut self,
        slot: u32,
        ts: Timestamp,
        now: Timestamp,
        source: u16,
        vitals: &[u8],
        values: &[f64],
    ) -> Result<Placed> {
        let slot = slot as usize;
        if slot >= self.patients.len() {
            self.patients.resize_with(slot + 1, Panes::default);
        }
        let width = self.plan.groups();
        let trailing = self.plan.trailing;
        let number = trailing.grid().pane_of(ts);
        let panes = &mut self.patients[slot];
        let (placed, index) = panes.place(number, now, width, trailing);
        if placed == Placed::Expired {
            return Ok(placed);
        }
        let readings = vitals.iter().zip(values);
        let fused = readings.filter_map(|(vital, value)| {
            let (number, _) = self.places[*vital as usize];
            (number != NOWHERE).then(|| (Place::of(number as usize), *value))
        });
        if vitals
            .iter()
            .any(|vital| self.places[*vital as usize].0 != NOWHERE)
        {
            panes.take(index, width, trailing, ts, fused);
        }
        if vitals
            .iter()
            .any(|vital| self.places[*vital as usize].1 != NOWHERE)
        {
            let places = vitals.iter().map(|vital| self.places[*vital as usize].1);
            let readings = places.zip(values).filter(|(place, _)| *place != NOWHERE);
            self.staged.push((slot as u32, number), ts, source, readings);
            if self.staged.len() >= MOST_STAGED {
                self.flush()?;
            }
        }
        Ok(placed)
    }

    /// Asks for where a patient's states stand; see [`wardwatch_prefetch`].
    #[inline]
    pub fn prefetch(&self, slot: u32) {
        if let Some(panes) = self.patients.get(slot as usize) {
            prefetch(panes);
        }
    }

    /// Asks for what a patient's next row, observed at `ts`, will most likely change, after [`SetState::prefetch`].
    #[inline]
    pub fn prefetch_newest(&self, slot: u32, ts: Timestamp) {
        if let Some(panes) = self.patients.get(slot as usize) {
            panes.prefetch_newest(ts, self.plan.groups());
        }
    }

    /// The number of the oldest open pane of a patient; `i64::MAX` when there is none.
    #[inline]
    pub fn oldest_open(&self, slot: u32) -> i64 {
        self.patients
            .get(slot as usize)
            .map_or(i64::MAX, Panes::oldest_open)
    }

    /// A patient's open panes, oldest first, each with the log time of its first row.
    pub fn open(&self, slot: u32) -> impl Iterator<Item = (i64, Timestamp)> + '_ {
        self.patients.get(slot as usize).into_iter().flat_map(Panes::open)
    }

    /// The number of a patient's newest closed pane.
    pub fn newest_closed(&self, slot: u32) -> Option<i64> {
        self.patients.get(slot as usize).and_then(Panes::newest_closed)
    }

    /// Closes a pane; false when it was closed already. Its window is to be evaluated by [`SetState::features`].
    pub fn close(&mut self, slot: u32, pane: i64) -> bool {
        self.patients
            .get_mut(slot as usize)
            .is_some_and(|panes| panes.close(pane))
    }

    /// Evaluates windows: one row of features each, in the order given, as Float64 columns of [`SetPlan::features`]. Where
    /// a feature's SQL fails, such as by a division by zero or an overflow, it is missing, and the row is reported; so are
    /// readings that an aggregate could not take, since the last evaluation.
    ///
    /// # Errors
    /// When an aggregate fails.
    pub fn features(&mut self, due: &[Due]) -> Result<(RecordBatch, RowErrors)> {
        self.flush()?;
        let plan = Arc::clone(&self.plan);
        let mut errors = std::mem::take(&mut self.errors);
        if due.is_empty() {
            return Ok((RecordBatch::new_empty(Arc::clone(plan.features())), errors));
        }
        let (trailing, width) = (plan.trailing, plan.groups());
        let mut columns: Vec<_> = plan
            .aggregates
            .iter()
            .filter_map(|aggregate| match aggregate {
                Aggregate::Fused { place, term } => Some((*place, *term, term.column(due.len()))),
                Aggregate::Generic(_) => None,
            })
            .collect();
        let mut windows = Vec::with_capacity(FOLDED * width);
        for start in (0..due.len()).step_by(FOLDED) {
            let folded = &due[start..due.len().min(start + FOLDED)];
            windows.clear();
            windows.resize(folded.len() * width, Group::EMPTY);
            for (at, Due { slot, pane }) in folded.iter().enumerate() {
                self.prefetch_windows(&due[start + at..]);
                let window = &mut windows[at * width..(at + 1) * width];
                self.patients[*slot as usize].window(*pane, trailing, width, window);
            }
            for (place, term, column) in &mut columns {
                column.extend(*term, *place, &windows, width);
            }
        }
        let mut fused = columns.into_iter().map(|(_, _, column)| column.finish());
        let mut generic = self.evaluate_generic(due, &mut errors)?.into_iter();
        let ends = due.iter().map(|due| trailing.grid().end(due.pane).micros());
        let mut aggregated: Vec<ArrayRef> = vec![
            new_null_array(&DataType::Utf8, due.len()),
            Arc::new(TimestampMicrosecondArray::from_iter_values(ends).with_timezone("UTC")),
        ];
        for aggregate in &plan.aggregates {
            let column = match aggregate {
                Aggregate::Fused { .. } => fused.next(),
                Aggregate::Generic(_) => generic.next(),
            };
            aggregated.push(column.expect("each aggregate has made its column"));
        }
        let aggregated = RecordBatch::try_new(Arc::clone(&plan.aggregated), aggregated)?;
        let features = project(&plan, &aggregated, &mut errors)?;
        Ok((features, errors))
    }

    /// Frees a patient's state.
    ///
    /// # Errors
    /// When an aggregate fails over the staged rows.
    pub fn forget(&mut self, slot: u32) -> Result<()> {
        self.flush()?;
        if let Some(panes) = self.patients.get_mut(slot as usize) {
            let rows: Vec<RowRef> = std::mem::take(panes).into_generic().collect();
            rows.into_iter().for_each(|row| self.generic.release(row));
        }
        Ok(())
    }

    /// Asks for what the windows that come next will need: each look leads to the next one.
    #[inline]
    fn prefetch_windows(&self, due: &[Due]) {
        let panes = |ahead: usize| {
            due.get(ahead)
                .map(|due| (&self.patients[due.slot as usize], due.pane))
        };
        if let Some((panes, _)) = panes(3 * AHEAD) {
            prefetch(panes);
        }
        if let Some((panes, _)) = panes(2 * AHEAD) {
            panes.prefetch_ends();
        }
        if let Some((panes, last)) = panes(AHEAD) {
            panes.prefetch_window(last, self.plan.trailing, self.plan.groups());
        }
    }

    fn evaluate_generic(&self, due: &[Due], errors: &mut RowErrors) -> Result<Vec<ArrayRef>> {
        if self.plan.generic.is_empty() {
            return Ok(Vec::new());
        }
        let (mut refs, mut groups) = (Vec::new(), Vec::new());
        for (group, Due { slot, pane }) in due.iter().enumerate() {
            refs.extend(
                self.patients[*slot as usize]
                    .generic(*pane, self.plan.trailing)
                    .map(Some),
            );
            if groups.len() == refs.len() {
                refs.push(None);
            }
            groups.resize(refs.len(), group);
        }
        let aggregates = &self.plan.generic;
        generic::evaluate(aggregates, &self.generic, &refs, &groups, due.len(), errors)
    }

    /// Takes the staged rows into the states of their panes.
    fn flush(&mut self) -> Result<()> {
        if self.staged.len() == 0 {
            return Ok(());
        }
        let Rows { panes, groups, rows } = self.staged.rows(&self.plan.generic_input, self.plan.sources())?;
        let earlier: Vec<Option<RowRef>> = panes
            .iter()
            .map(|(slot, pane)| {
                self.patients[*slot as usize]
                    .pane_mut(*pane)
                    .and_then(|pane| pane.generic)
            })
            .collect();
        let (aggregates, states) = (&self.plan.generic, &self.generic);
        let states = generic::update(aggregates, states, &earlier, &rows, &groups, &mut self.errors)?;
        let row_ref = self.generic.store(states);
        earlier
            .into_iter()
            .flatten()
            .for_each(|row| self.generic.release(row));
        for (index, (slot, number)) in panes.into_iter().enumerate() {
            match self.patients[slot as usize].pane_mut(number) {
                Some(pane) => pane.generic = Some(row_ref(index)),
                None => self.generic.release(row_ref(index)),
            }
        }
        self.staged.clear();
        self.compact()
    }

    /// Drops a patient's panes that no future window can use. Not while a decided window of the patient waits to be
    /// evaluated: it may be older than the newest closed one.
    pub fn prune(&mut self, slot: u32) {
        let Some(panes) = self.patients.get_mut(slot as usize) else {
            return;
        };
        for row in panes.prune(self.plan.trailing, self.plan.groups()) {
            self.generic.release(row);
        }
    }

    /// Gives memory back when most of the generic states that are held are dead.
    fn compact(&mut self) -> Result<()> {
        let (live, held) = self.generic.live_and_held();
        if held < 2 * live + MOST_STAGED {
            Ok(())
        } else {
            self.move_together()
        }
    }

    /// How many columns the generic states have together.
    pub(crate) fn generic_width(&self) -> usize {
        let states = self.plan.generic.iter().map(|aggregate| aggregate.nothing.len());
        states.sum()
    }

    /// Moves every live generic state into one batch.
    fn move_together(&mut self) -> Result<()> {
        let mut refs = Vec::new();
        for panes in &mut self.patients {
            refs.extend(panes.generic_mut().map(|row| Some(*row)));
        }
        let columns = self.generic.gather(&refs, 0..self.generic_width(), &[])?;
        self.generic = GenericStates::default();
        let row_ref = self.generic.store(columns);
        for (index, row) in self.patients.iter_mut().flat_map(Panes::generic_mut).enumerate() {
            *row = row_ref(index);
        }
        Ok(())
    }
}

/// Evaluates the projection and turns every feature into Float64.
fn project(plan: &SetPlan, aggregated: &RecordBatch, errors: &mut RowErrors) -> Result<RecordBatch> {
    let columns = plan.projection.iter().map(|expr| {
        let column = row_errors::evaluate(expr, aggregated, None, errors)?;
        let column = if column.data_type() == &DataType::Float64 {
            column
        } else {
            cast(&column, &DataType::Float64)?
        };
        Ok(row_errors::finite(column, errors))
    });
    let columns = columns.collect::<Result<_>>()?;
    Ok(RecordBatch::try_new(Arc::clone(plan.features()), columns)?)
}

#[cfg(test)]
mod tests;
