//! State as Arrow tables: columns of plain values by name, written and read back.

use std::collections::BTreeMap;
use std::sync::Arc;

use arrow::array::{
    Array, ArrayRef, AsArray, BooleanArray, FixedSizeListArray, Float64Array, ListArray, PrimitiveArray,
    RecordBatch, StringArray,
};
use arrow::buffer::OffsetBuffer;
use arrow::datatypes::{ArrowPrimitiveType, DataType, Field, Float64Type};
use arrow::error::ArrowError;
use datafusion::error::DataFusionError;

/// Tables by name.
pub type Tables = BTreeMap<String, RecordBatch>;

/// A table of a snapshot, to be read.
#[derive(Clone, Copy, Debug)]
pub struct Table<'a> {
    name: &'a str,
    batch: &'a RecordBatch,
}

/// Why a snapshot's table cannot be read: it was written in another format, or it is damaged.
#[derive(Debug, thiserror::Error)]
pub enum TableError {
    /// A table is not there.
    #[error("the table {table} is missing")]
    NoTable {
        /// Its name.
        table: String,
    },
    /// A column is not there, or has another type.
    #[error("column {column} of table {table} is {problem}")]
    Column {
        /// The table's name.
        table: String,
        /// The column's name.
        column: String,
        /// What is wrong: `missing`, `of another type`.
        problem: &'static str,
    },
    /// A row holds what no state can be made of.
    #[error("row {row} of table {table} does not fit: {problem}")]
    Row {
        /// The table's name.
        table: String,
        /// The row.
        row: usize,
        /// What is wrong.
        problem: &'static str,
    },
    /// States cannot be brought together: a defect.
    #[error("the states of table {table} could not be gathered")]
    States {
        /// Its name.
        table: String,
        /// DataFusion's reason.
        source: DataFusionError,
    },
    /// Arrow refuses columns of a table.
    #[error("the table {table} could not be made")]
    Arrow {
        /// Its name.
        table: String,
        /// Arrow's reason.
        source: ArrowError,
    },
}

/// A column without missing values.
pub fn values<T: ArrowPrimitiveType>(values: impl IntoIterator<Item = T::Native>) -> ArrayRef {
    Arc::new(PrimitiveArray::<T>::from_iter_values(values))
}

/// A column with missing values.
pub fn options<T: ArrowPrimitiveType>(values: impl IntoIterator<Item = Option<T::Native>>) -> ArrayRef {
    Arc::new(values.into_iter().collect::<PrimitiveArray<T>>())
}

/// A column of flags.
pub fn flags(flags: impl IntoIterator<Item = bool>) -> ArrayRef {
    Arc::new(flags.into_iter().map(Some).collect::<BooleanArray>())
}

/// A column of texts, some missing.
pub fn texts<'t>(texts: impl IntoIterator<Item = Option<&'t str>>) -> ArrayRef {
    Arc::new(texts.into_iter().collect::<StringArray>())
}

/// A column with `each` numbers a row, given row after row.
pub fn runs<T: ArrowPrimitiveType>(each: usize, numbers: Vec<T::Native>) -> ArrayRef {
    let field = Arc::new(Field::new("item", T::DATA_TYPE, false));
    let rows = numbers.len() / each;
    let numbers = Arc::new(PrimitiveArray::<T>::from_iter_values(numbers));
    let runs = FixedSizeListArray::try_new_with_length(field, each as i32, numbers, None, rows);
    Arc::new(runs.expect("as many numbers as the rows have together"))
}

/// A column with a list of numbers a row.
pub fn lists<'n>(lists: impl Iterator<Item = &'n [f64]> + Clone) -> ArrayRef {
    let field = Arc::new(Field::new("item", DataType::Float64, false));
    let offsets = OffsetBuffer::from_lengths(lists.clone().map(<[f64]>::len));
    let numbers: Vec<f64> = lists.flatten().copied().collect();
    Arc::new(ListArray::new(
        field,
        offsets,
        Arc::new(Float64Array::from(numbers)),
        None,
    ))
}

/// Adds a table of these columns.
///
/// # Errors
/// [`TableError::Arrow`] when their lengths differ.
pub fn add<'c>(
    tables: &mut Tables,
    name: String,
    columns: impl IntoIterator<Item = (&'c str, ArrayRef)>,
) -> Result<(), TableError> {
    let batch = RecordBatch::try_from_iter(columns).map_err(|source| TableError::Arrow {
        table: name.clone(),
        source,
    })?;
    tables.insert(name, batch);
    Ok(())
}

// === impl Table ===

impl<'a> Table<'a> {
    /// The table of that name.
    ///
    /// # Errors
    /// [`TableError::NoTable`]
    pub fn find(tables: &'a Tables, name: &'a str) -> Result<Self, TableError> {
        let batch = tables.get(name).ok_or_else(|| TableError::NoTable {
            table: name.to_owned(),
        })?;
        Ok(Self { name, batch })
    }

    /// How many rows it has.
    pub fn rows(&self) -> usize {
        self.batch.num_rows()
    }

    /// Its columns, by place.
    pub fn columns(&self) -> &'a [ArrayRef] {
        self.batch.columns()
    }

    /// A column without missing values.
    ///
    /// # Errors
    /// [`TableError::Column`]
    pub fn values<T: ArrowPrimitiveType>(&self, column: &str) -> Result<&'a [T::Native], TableError> {
        let values = self.options::<T>(column)?;
        if values.null_count() > 0 {
            return Err(self.problem(column, "partly missing"));
        }
        Ok(values.values())
    }

    /// A column with missing values.
    ///
    /// # Errors
    /// [`TableError::Column`]
    pub fn options<T: ArrowPrimitiveType>(&self, column: &str) -> Result<&'a PrimitiveArray<T>, TableError> {
        self.column(column)?
            .as_primitive_opt()
            .ok_or_else(|| self.problem(column, "of another type"))
    }

    /// A column of flags, none missing.
    ///
    /// # Errors
    /// [`TableError::Column`]
    pub fn flags(&self, column: &str) -> Result<&'a BooleanArray, TableError> {
        self.column(column)?
            .as_boolean_opt()
            .filter(|flags| flags.null_count() == 0)
            .ok_or_else(|| self.problem(column, "of another type"))
    }

    /// A column of texts.
    ///
    /// # Errors
    /// [`TableError::Column`]
    pub fn texts(&self, column: &str) -> Result<&'a StringArray, TableError> {
        self.column(column)?
            .as_string_opt()
            .ok_or_else(|| self.problem(column, "of another type"))
    }

    /// A column with `each` numbers a row.
    ///
    /// # Errors
    /// [`TableError::Column`]
    pub fn runs<T: ArrowPrimitiveType>(
        &self,
        column: &str,
        each: usize,
    ) -> Result<&'a [T::Native], TableError> {
        let runs = self
            .column(column)?
            .as_fixed_size_list_opt()
            .ok_or_else(|| self.problem(column, "of another type"))?;
        if runs.value_length() as usize != each || runs.null_count() > 0 {
            return Err(self.problem(column, "of another length"));
        }
        let numbers = runs.values().as_primitive_opt::<T>();
        numbers
            .map(|numbers| &numbers.values()[..])
            .ok_or_else(|| self.problem(column, "of another type"))
    }

    /// A column with a list of numbers a row.
    ///
    /// # Errors
    /// [`TableError::Column`]
    pub fn lists(&self, column: &str) -> Result<impl Fn(usize) -> &'a [f64] + 'a, TableError> {
        let lists = self
            .column(column)?
            .as_list_opt::<i32>()
            .filter(|lists| lists.value_type() == DataType::Float64)
            .ok_or_else(|| self.problem(column, "of another type"))?;
        let numbers = lists.values().as_primitive::<Float64Type>().values();
        let offsets = lists.value_offsets();
        Ok(move |row: usize| &numbers[offsets[row] as usize..offsets[row + 1] as usize])
    }

    /// The error of a row that does not fit.
    pub fn misfit(&self, row: usize, problem: &'static str) -> TableError {
        TableError::Row {
            table: self.name.to_owned(),
            row,
            problem,
        }
    }

    fn column(&self, column: &str) -> Result<&'a ArrayRef, TableError> {
        self.batch
            .column_by_name(column)
            .ok_or_else(|| self.problem(column, "missing"))
    }

    fn problem(&self, column: &str, problem: &'static str) -> TableError {
        TableError::Column {
            table: self.name.to_owned(),
            column: column.to_owned(),
            problem,
        }
    }
}
