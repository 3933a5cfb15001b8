//! Which columns a table needs, and whether it has them.

use std::path::Path;

use super::found::is_same;
use crate::ReplayError;

/// The columns of one kind of table.
#[derive(Debug)]
pub struct TableColumns {
    /// What its rows are, for people: `observations`.
    pub rows: &'static str,
    /// TableColumns without which it is none.
    pub needed: &'static [&'static str],
    /// TableColumns that are read where they are there. Any other is left alone.
    pub optional: &'static [&'static str],
}

/// The columns of observations.
pub(super) const OBSERVATIONS: TableColumns = TableColumns {
    rows: "observations",
    needed: &["patient_id", "ts", "code", "value"],
    optional: &["unit", "device_id", "source", "status", "arrived_at"],
};

// === impl TableColumns ===

impl TableColumns {
    /// The names of all.
    pub(super) fn names(&self) -> Vec<&'static str> {
        [self.needed, self.optional].concat()
    }

    /// Lets a table pass that has every needed column, and no column twice that is read.
    ///
    /// # Errors
    /// [`ReplayError::NoColumn`], with what `found` says of the header beside other spellings; [`ReplayError::ColumnTwice`].
    pub(super) fn check<'t>(
        &self,
        path: &Path,
        header: impl Iterator<Item = &'t str> + Clone,
        found: impl Fn() -> String,
    ) -> Result<(), ReplayError> {
        let count = |name: &str| header.clone().filter(|column| *column == name).count();
        if let Some(column) = self.names().into_iter().find(|name| count(name) > 1) {
            return Err(ReplayError::ColumnTwice {
                path: path.into(),
                column,
            });
        }
        let Some(column) = self.needed.iter().find(|name| count(name) == 0) else {
            return Ok(());
        };
        let spelling = header.clone().find(|other| is_same(other, column));
        Err(ReplayError::NoColumn {
            path: path.into(),
            column,
            rows: self.rows,
            needed: self.needed.join(", "),
            found: spelling.map_or_else(found, |other| format!("; rename its column `{other}`")),
        })
    }
}
