//! Where an observation stands in the input: which file, which row.
//!
//! The shard knows one number, the offset; file and row share it, the file in the high bits, so that offsets of one file
//! are its row numbers in order and rows of equal times in several files keep the order in which the files were given.
//!
//! ```text
//!  63      62 ... 40   39 ... 0
//!  0       file        row (from 1; in NDJSON: line)
//! ```

const ROW_BITS: u32 = 40;

/// A row of an input file.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Position {
    /// Place of the file in the list of inputs.
    pub file: usize,
    /// Row under the header, or line of NDJSON; from 1.
    pub row: u64,
}

// === impl Position ===

impl Position {
    /// So many files can be told apart.
    pub const MOST_FILES: usize = 1 << (62 - ROW_BITS);

    /// As one number for the shard.
    pub fn offset(self) -> i64 {
        debug_assert!(self.file < Self::MOST_FILES && self.row < 1 << ROW_BITS);
        ((self.file as i64) << ROW_BITS) | self.row as i64
    }

    /// Back from [`offset`](Self::offset).
    pub fn of_offset(offset: i64) -> Self {
        Self {
            file: (offset >> ROW_BITS) as usize,
            row: (offset & ((1 << ROW_BITS) - 1)) as u64,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn there_and_back() {
        for (file, row) in [(0, 1), (3, 70_000_000_000), (Position::MOST_FILES - 1, 2)] {
            let position = Position { file, row };
            assert_eq!(Position::of_offset(position.offset()), position);
        }
        assert_eq!(Position { file: 0, row: 17 }.offset(), 17);
    }
}
