//! A feature set's state as Arrow tables, and back.
//!
//! | table | a row |
//! |---|---|
//! | `slots` | a patient's newest closed pane |
//! | `panes` | a pane: its fused states, and whether it has generic ones |
//! | `generic` | the generic states of the panes that have some, in their order |
//! | `staged` | a row that waits to be taken into generic states |
//!
//! Rows that wait for the newest pane are folded on the way out, which gives the same bits as folding them later. Staged
//! rows are not taken in: an aggregate's last digits may depend on when that happens. Tiers are left out; they are made
//! again when a window needs them.

use arrow::array::{Array, ArrayRef};
use arrow::datatypes::{Float64Type, Int64Type, UInt32Type};
use wardwatch_event_time::Timestamp;

use crate::SetState;
use crate::fused::{Group, LANES};
use crate::generic::RowRef;
use crate::panes::{Pane, Panes};
use crate::stats::NUMBERS;
use crate::table::{self, Table, TableError, Tables};

/// Numbers of a group.
const GROUP: usize = NUMBERS * LANES;

// === impl SetState ===

impl SetState {
    /// Adds the state of these patients to `tables`, under names that begin with `prefix`. Changes nothing.
    ///
    /// # Errors
    /// [`TableError::Arrow`]: a defect.
    pub fn capture(&self, slots: &[u32], prefix: &str, tables: &mut Tables) -> Result<(), TableError> {
        let (trailing, width) = (self.plan.trailing, self.plan.groups());
        let known = || {
            slots
                .iter()
                .filter_map(|slot| self.patients.get(*slot as usize).map(|panes| (*slot, panes)))
        };
        let closed = || known().filter_map(|(slot, panes)| Some((slot, panes.newest_closed()?)));
        table::add(
            tables,
            format!("{prefix}slots"),
            [
                (
                    "slot",
                    table::values::<UInt32Type>(closed().map(|(slot, _)| slot)),
                ),
                (
                    "newest_closed",
                    table::values::<Int64Type>(closed().map(|(_, pane)| pane)),
                ),
            ],
        )?;

        let all = || known().flat_map(|(slot, panes)| panes.held().iter().map(move |pane| (slot, pane)));
        let mut columns = vec![
            ("slot", table::values::<UInt32Type>(all().map(|(slot, _)| slot))),
            (
                "pane",
                table::values::<Int64Type>(all().map(|(_, pane)| pane.number)),
            ),
            (
                "first_at",
                table::values::<Int64Type>(all().map(|(_, pane)| pane.first_at.micros())),
            ),
            ("closed", table::flags(all().map(|(_, pane)| pane.closed))),
            (
                "generic",
                table::flags(all().map(|(_, pane)| pane.generic.is_some())),
            ),
        ];
        if width > 0 {
            let mut states = Vec::with_capacity(all().count() * width * GROUP);
            for (_, panes) in known() {
                panes.for_each_state(width, trailing, |group| {
                    group
                        .to_rows()
                        .iter()
                        .for_each(|numbers| states.extend_from_slice(numbers));
                });
            }
            columns.push(("states", table::runs::<Float64Type>(width * GROUP, states)));
        }
        table::add(tables, format!("{prefix}panes"), columns)?;
        let refs: Vec<_> = all().filter_map(|(_, pane)| pane.generic).map(Some).collect();
        self.capture_generic(&refs, format!("{prefix}generic"), tables)?;
        self.staged.capture(slots, format!("{prefix}staged"), tables)
    }

    /// Takes over the state of patients who are not known here, as [`SetState::capture`] wrote it.
    ///
    /// # Errors
    /// [`TableError`] when the tables are not such ones.
    pub fn restore(&mut self, tables: &Tables, prefix: &str) -> Result<(), TableError> {
        let width = self.plan.groups();
        let names = ["slots", "panes", "generic", "staged"].map(|name| format!("{prefix}{name}"));
        let [slots, panes, generic, staged] = &names;
        let mut generic = self.restore_generic(Table::find(tables, generic)?)?;

        let table = Table::find(tables, panes)?;
        let (slot, pane) = (
            table.values::<UInt32Type>("slot")?,
            table.values::<Int64Type>("pane")?,
        );
        let first_at = table.values::<Int64Type>("first_at")?;
        let (closed, has_generic) = (table.flags("closed")?, table.flags("generic")?);
        let states = match width {
            0 => &[][..],
            _ => table.runs::<Float64Type>("states", width * GROUP)?,
        };
        for row in 0..table.rows() {
            let generic = match has_generic.value(row) {
                false => None,
                true => Some(
                    generic
                        .next()
                        .ok_or_else(|| table.misfit(row, "its generic state is missing"))?,
                ),
            };
            let pane = Pane {
                number: pane[row],
                first_at: Timestamp::from_micros(first_at[row]),
                closed: closed.value(row),
                generic,
            };
            let states = states[row * width * GROUP..(row + 1) * width * GROUP]
                .as_chunks::<GROUP>()
                .0;
            let states = states.iter().map(|state| {
                let (numbers, _) = state.as_chunks::<LANES>();
                Group::from_rows(std::array::from_fn(|number| numbers[number]))
            });
            let panes = panes_of(&mut self.patients, slot[row]);
            if !panes.put_back(pane, states, self.plan.trailing) {
                return Err(table.misfit(row, "its pane is not newer than the one before"));
            }
        }

        let table = Table::find(tables, slots)?;
        let (slot, closed) = (
            table.values::<UInt32Type>("slot")?,
            table.values::<Int64Type>("newest_closed")?,
        );
        for (slot, closed) in slot.iter().zip(closed) {
            panes_of(&mut self.patients, *slot).put_back_newest_closed(*closed);
        }
        self.staged.restore(Table::find(tables, staged)?)
    }

    fn capture_generic(
        &self,
        refs: &[Option<RowRef>],
        name: String,
        tables: &mut Tables,
    ) -> Result<(), TableError> {
        let width = self.generic_width();
        let columns = match refs {
            [] => Ok(self.nothing().map(|state| state.slice(0, 0)).collect()),
            _ => self.generic.gather(refs, 0..width, &[]),
        };
        let columns = columns.map_err(|source| TableError::States {
            table: name.clone(),
            source,
        })?;
        let names: Vec<String> = (0..width).map(|column| format!("state_{column}")).collect();
        let named = names.iter().map(String::as_str).zip(columns);
        // A table has a column at least, so that it can have no rows.
        let row = table::values::<UInt32Type>(0..refs.len() as u32);
        table::add(tables, name, [("row", row)].into_iter().chain(named))
    }

    /// The generic states over no rows, by column.
    fn nothing(&self) -> impl Iterator<Item = &ArrayRef> {
        self.plan.generic.iter().flat_map(|aggregate| &aggregate.nothing)
    }

    fn restore_generic(
        &mut self,
        table: Table<'_>,
    ) -> Result<impl Iterator<Item = RowRef> + use<>, TableError> {
        let columns = &table.columns()[1..];
        let types = self.nothing().map(|state| state.data_type());
        if !types.eq(columns.iter().map(|column| column.data_type())) {
            return Err(table.misfit(0, "these are states of other aggregates"));
        }
        let rows = if columns.is_empty() { 0 } else { table.rows() };
        let row_ref = (rows > 0).then(|| self.generic.store(columns.to_vec()));
        Ok((0..rows).filter_map(move |row| row_ref.as_ref().map(|row_ref| row_ref(row))))
    }
}

fn panes_of(patients: &mut Vec<Panes>, slot: u32) -> &mut Panes {
    let slot = slot as usize;
    if slot >= patients.len() {
        patients.resize_with(slot + 1, Panes::default);
    }
    &mut patients[slot]
}
