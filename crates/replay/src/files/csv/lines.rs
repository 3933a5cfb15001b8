//! The lines of a text file. They end in LF, CRLF or, as on old Macs, CR.

use std::collections::VecDeque;
use std::fs::File;
use std::io::{self, BufRead, BufReader};

/// Longer lines are kept up to here: no row of a table is that long.
pub(super) const LONGEST: usize = 1 << 20;

/// A line without its end.
#[derive(Default)]
pub(super) struct Line {
    /// From 1.
    pub number: u64,
    pub bytes: Vec<u8>,
    /// Whether a line break follows; else the file ends here.
    pub is_ended: bool,
}

/// Reads lines.
pub(super) struct Lines {
    reader: BufReader<File>,
    number: u64,
    after_return: bool,
    /// Bytes read.
    pub read: u64,
    /// Lines that were read, and are to be read again.
    again: VecDeque<Line>,
}

// === impl Lines ===

impl Lines {
    /// From the reader's place on.
    pub fn new(reader: BufReader<File>) -> Self {
        Self {
            reader,
            number: 0,
            after_return: false,
            read: 0,
            again: VecDeque::new(),
        }
    }

    /// Reads the next line; false when there is none.
    pub fn next(&mut self, line: &mut Line) -> io::Result<bool> {
        if let Some(known) = self.again.pop_front() {
            *line = known;
            return Ok(true);
        }
        line.bytes.clear();
        line.is_ended = false;
        let mut is_empty = true;
        while !line.is_ended {
            let buffer = self.reader.fill_buf()?;
            if buffer.is_empty() {
                break;
            }
            if std::mem::take(&mut self.after_return) && buffer[0] == b'\n' {
                self.reader.consume(1);
                self.read += 1;
                continue;
            }
            let end = buffer.iter().position(|byte| matches!(byte, b'\n' | b'\r'));
            let part = &buffer[..end.unwrap_or(buffer.len())];
            let room = LONGEST - line.bytes.len();
            line.bytes.extend_from_slice(&part[..part.len().min(room)]);
            is_empty = false;
            line.is_ended = end.is_some();
            self.after_return = end.is_some_and(|end| buffer[end] == b'\r');
            let taken = part.len() + usize::from(line.is_ended);
            self.reader.consume(taken);
            self.read += taken as u64;
        }
        if is_empty {
            return Ok(false);
        }
        self.number += 1;
        line.number = self.number;
        Ok(true)
    }

    /// Puts lines back, to be read again.
    pub fn put_back(&mut self, lines: Vec<Line>) {
        for line in lines.into_iter().rev() {
            self.again.push_front(line);
        }
    }
}

#[cfg(test)]
mod tests {
    use std::io::{Seek, Write};

    use super::*;

    fn lines(bytes: &[u8], buffer: usize) -> Vec<(u64, Vec<u8>, bool)> {
        let mut file = tempfile::tempfile().unwrap();
        file.write_all(bytes).unwrap();
        file.rewind().unwrap();
        let mut lines = Lines::new(BufReader::with_capacity(buffer, file));
        let mut line = Line::default();
        let mut all = Vec::new();
        while lines.next(&mut line).unwrap() {
            all.push((line.number, line.bytes.clone(), line.is_ended));
        }
        assert_eq!(lines.read, bytes.len() as u64);
        all
    }

    #[test]
    fn every_line_end_is_one() {
        for buffer in 1..9 {
            for text in ["ab\ncd\n\ne", "ab\r\ncd\r\n\r\ne", "ab\rcd\r\re"] {
                let expected = [
                    (1, b"ab".to_vec(), true),
                    (2, b"cd".to_vec(), true),
                    (3, b"".to_vec(), true),
                    (4, b"e".to_vec(), false),
                ];
                assert_eq!(lines(text.as_bytes(), buffer), expected, "{text:?} by {buffer}");
            }
            assert_eq!(lines(b"", buffer), []);
            assert_eq!(lines(b"a\r\n", buffer), [(1, b"a".to_vec(), true)]);
            assert_eq!(lines(b"\n", buffer), [(1, b"".to_vec(), true)]);
        }
    }

    #[test]
    fn a_line_without_end_is_bounded() {
        let long = vec![b'x'; LONGEST + 10];
        let read = lines(&[&long[..], b"\nnext"].concat(), 1 << 10);
        assert_eq!(
            read.iter().map(|line| line.1.len()).collect::<Vec<_>>(),
            [LONGEST, 4]
        );
    }
}
