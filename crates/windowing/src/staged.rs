//! Rows for the generic aggregates that have not been taken into states yet.

use std::collections::HashSet;
use std::sync::Arc;

use arrow::array::{ArrayRef, Float64Array, RecordBatch, StringArray, TimestampMicrosecondArray};
use arrow::datatypes::{Float64Type, Int64Type, SchemaRef, UInt16Type, UInt32Type};
use datafusion::error::Result;
use wardwatch_event_time::Timestamp;

use crate::relation::{SOURCE, TS};
use crate::table::{self, Table, TableError, Tables};

/// Staged rows, a column each.
#[derive(Clone, Debug)]
pub(crate) struct Staged {
    /// A patient's slot and a pane's number.
    panes: Vec<(u32, i64)>,
    ts: Vec<i64>,
    source: Vec<u16>,
    /// One column a vital sign that the generic aggregates read; NaN where the message has none.
    values: Vec<Vec<f64>>,
}

/// Staged rows, sorted by pane.
pub(crate) struct Rows {
    /// Each pane once.
    pub(crate) panes: Vec<(u32, i64)>,
    /// By row, the place of its pane in `panes`.
    pub(crate) groups: Vec<usize>,
    pub(crate) rows: RecordBatch,
}

// === impl Staged ===

impl Staged {
    /// No rows, of so many vital signs.
    pub(crate) fn new(vitals: usize) -> Self {
        Self {
            panes: Vec::new(),
            ts: Vec::new(),
            source: Vec::new(),
            values: vec![Vec::new(); vitals],
        }
    }

    /// Adds a message; `readings` are columns with their values.
    pub(crate) fn push<'a>(
        &mut self,
        pane: (u32, i64),
        ts: Timestamp,
        source: u16,
        readings: impl Iterator<Item = (u8, &'a f64)>,
    ) {
        self.panes.push(pane);
        self.ts.push(ts.micros());
        self.source.push(source);
        for column in &mut self.values {
            column.push(f64::NAN);
        }
        let row = self.ts.len() - 1;
        for (column, value) in readings {
            self.values[usize::from(column)][row] = *value;
        }
    }

    /// The same rows under other slots: by slot the new one; rows of those that have none are dropped.
    pub(crate) fn renumber(&mut self, slots: &[Option<u32>]) {
        let all = std::mem::replace(self, Self::new(self.values.len()));
        for (row, (slot, pane)) in all.panes.iter().enumerate() {
            let Some(slot) = slots.get(*slot as usize).copied().flatten() else {
                continue;
            };
            self.panes.push((slot, *pane));
            self.ts.push(all.ts[row]);
            self.source.push(all.source[row]);
            for (column, values) in self.values.iter_mut().zip(&all.values) {
                column.push(values[row]);
            }
        }
    }

    pub(crate) fn len(&self) -> usize {
        self.ts.len()
    }

    pub(crate) fn clear(&mut self) {
        self.panes.clear();
        self.ts.clear();
        self.source.clear();
        self.values.iter_mut().for_each(Vec::clear);
    }

    /// All rows, by pane and in log order, as columns of `schema`.
    pub(crate) fn rows(&self, schema: &SchemaRef, sources: &[String]) -> Result<Rows> {
        // The sort is stable: a pane's rows come in log order, wherever batches are cut. Aggregates with an ORDER BY sort them.
        let mut order: Vec<usize> = (0..self.ts.len()).collect();
        order.sort_by_key(|row| self.panes[*row]);
        let mut panes: Vec<(u32, i64)> = Vec::new();
        let mut groups = Vec::with_capacity(order.len());
        for row in &order {
            if panes.last() != Some(&self.panes[*row]) {
                panes.push(self.panes[*row]);
            }
            groups.push(panes.len() - 1);
        }
        let rows = self.batch(&order, schema, sources)?;
        Ok(Rows { panes, groups, rows })
    }

    /// Adds the rows of these patients to `tables`.
    pub(crate) fn capture(&self, slots: &[u32], name: String, tables: &mut Tables) -> Result<(), TableError> {
        let wanted: HashSet<u32> = slots.iter().copied().collect();
        let rows: Vec<usize> = (0..self.len())
            .filter(|row| wanted.contains(&self.panes[*row].0))
            .collect();
        let rows = || rows.iter().copied();
        let names: Vec<String> = (0..self.values.len())
            .map(|vital| format!("value_{vital}"))
            .collect();
        let values = names.iter().zip(&self.values).map(|(name, column)| {
            let values = table::values::<Float64Type>(rows().map(|row| column[row]));
            (name.as_str(), values)
        });
        let places = [
            (
                "slot",
                table::values::<UInt32Type>(rows().map(|row| self.panes[row].0)),
            ),
            (
                "pane",
                table::values::<Int64Type>(rows().map(|row| self.panes[row].1)),
            ),
            ("ts", table::values::<Int64Type>(rows().map(|row| self.ts[row]))),
            (
                "source",
                table::values::<UInt16Type>(rows().map(|row| self.source[row])),
            ),
        ];
        table::add(tables, name, places.into_iter().chain(values))
    }

    /// Adds the rows that [`Staged::capture`] wrote.
    pub(crate) fn restore(&mut self, table: Table<'_>) -> Result<(), TableError> {
        let (slots, panes) = (
            table.values::<UInt32Type>("slot")?,
            table.values::<Int64Type>("pane")?,
        );
        self.panes
            .extend(slots.iter().copied().zip(panes.iter().copied()));
        self.ts.extend(table.values::<Int64Type>("ts")?);
        self.source.extend(table.values::<UInt16Type>("source")?);
        for (vital, column) in self.values.iter_mut().enumerate() {
            column.extend(table.values::<Float64Type>(&format!("value_{vital}"))?);
        }
        Ok(())
    }

    fn batch(&self, order: &[usize], schema: &SchemaRef, sources: &[String]) -> Result<RecordBatch> {
        let mut values = self.values.iter();
        let columns = schema.fields().iter().map(|field| match field.name().as_str() {
            TS => {
                let times = order.iter().map(|row| self.ts[*row]);
                Arc::new(TimestampMicrosecondArray::from_iter_values(times).with_timezone("UTC")) as ArrayRef
            }
            SOURCE => {
                let name = |row: &usize| sources.get(usize::from(self.source[*row])).map(String::as_str);
                Arc::new(order.iter().map(name).collect::<StringArray>()) as ArrayRef
            }
            _ => {
                let column = values.next().expect("a staged column for each vital sign");
                let values = order
                    .iter()
                    .map(|row| Some(column[*row]).filter(|value| !value.is_nan()));
                Arc::new(values.collect::<Float64Array>()) as ArrayRef
            }
        });
        Ok(RecordBatch::try_new(Arc::clone(schema), columns.collect())?)
    }
}
