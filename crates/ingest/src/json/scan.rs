//! Walking over JSON text of the usual kind.
//!
//! Every step returns `None` for what is unusual (bad syntax above all): the caller then lets the thorough reader decide. So
//! the scanner needs to be right about what it accepts, not about why it declines.

use std::borrow::Cow;

use super::document::{Field, Number};
use super::number;

/// A position in a text.
pub(super) struct Scanner<'a> {
    text: &'a str,
    at: usize,
}

/// The same byte in every lane of a word.
const LANES: u64 = 0x0101_0101_0101_0101;
const HIGH_BITS: u64 = 0x8080_8080_8080_8080;

// === impl Scanner ===

impl<'a> Scanner<'a> {
    /// At the start of a text.
    pub fn new(text: &'a str) -> Self {
        Self { text, at: 0 }
    }

    /// Where it stands, in bytes.
    pub fn at(&self) -> usize {
        self.at
    }

    /// Goes back to where it was.
    pub fn go_back(&mut self, at: usize) {
        self.at = at;
    }

    /// Takes exactly these bytes, which are whole characters, or nothing.
    #[inline]
    pub fn take_bytes(&mut self, bytes: &[u8]) -> bool {
        let here = self
            .text
            .as_bytes()
            .get(self.at..)
            .is_some_and(|rest| starts_with(rest, bytes));
        if here {
            self.at += bytes.len();
        }
        here
    }

    /// The text from here on.
    #[inline]
    fn rest(&self) -> Option<&'a str> {
        self.text.get(self.at..)
    }

    /// The text between two positions.
    pub fn between(&self, start: usize, end: usize) -> Option<&'a str> {
        self.text.get(start..end)
    }

    /// The next byte that is no white space, without taking it.
    #[inline]
    pub fn peek(&mut self) -> Option<u8> {
        loop {
            let byte = *self.text.as_bytes().get(self.at)?;
            if !matches!(byte, b' ' | b'\n' | b'\t' | b'\r') {
                return Some(byte);
            }
            self.at += 1;
        }
    }

    /// Takes the next byte that is no white space.
    #[inline]
    pub fn take(&mut self) -> Option<u8> {
        let byte = self.peek()?;
        self.at += 1;
        Some(byte)
    }

    /// Takes this byte after any white space.
    #[inline]
    pub fn expect(&mut self, byte: u8) -> Option<()> {
        (self.take()? == byte).then_some(())
    }

    /// Nothing but white space follows.
    pub fn expect_end(&mut self) -> Option<()> {
        self.peek().is_none().then_some(())
    }

    /// A text without escapes.
    #[inline]
    pub fn text(&mut self) -> Option<&'a str> {
        self.expect(b'"')?;
        let start = self.at;
        let end = start + end_of_text(self.text.as_bytes().get(start..)?)?;
        self.at = end + 1;
        self.text.get(start..end)
    }

    /// A text that may have escapes.
    #[inline]
    fn any_text(&mut self) -> Option<Cow<'a, str>> {
        let start = self.at;
        if let Some(text) = self.text() {
            return Some(Cow::Borrowed(text));
        }
        self.at = start;
        self.escaped()
    }

    /// A text with escapes: many senders write `°F` as `\u00b0F`.
    #[cold]
    fn escaped(&mut self) -> Option<Cow<'a, str>> {
        let mut bytes = self.rest()?.bytes().enumerate().skip(1);
        let end = loop {
            match bytes.next()? {
                (_, b'\\') => drop(bytes.next()?),
                (at, b'"') => break at,
                _ => {}
            }
        };
        let token = self.rest()?.get(..=end)?;
        self.at += token.len();
        serde_json::from_str(token).ok().map(Cow::Owned)
    }

    /// A number.
    #[inline]
    pub fn number(&mut self) -> Option<Number<'a>> {
        let number = number::read(self.rest()?)?;
        self.at += number.text.len();
        Some(number)
    }

    /// A text, a number, a boolean or null.
    #[inline]
    pub fn field(&mut self) -> Option<Field<'a>> {
        match self.peek()? {
            b'"' => self.any_text().map(Field::Text),
            b'-' | b'0'..=b'9' => Some(Field::Number(self.number()?)),
            b'n' => self.word("null").map(|()| Field::Absent),
            b't' => self.word("true").map(|()| Field::Other),
            b'f' => self.word("false").map(|()| Field::Other),
            _ => None,
        }
    }

    /// A value of any kind that nobody wants, nested `depth` deep at most.
    pub fn skip(&mut self, depth: usize) -> Option<()> {
        let close = match self.peek()? {
            b'{' => b'}',
            b'[' => b']',
            _ => return self.field().map(drop),
        };
        let depth = depth.checked_sub(1)?;
        self.at += 1;
        if self.peek()? == close {
            return self.expect(close);
        }
        loop {
            if close == b'}' {
                self.any_text()?;
                self.expect(b':')?;
            }
            self.skip(depth)?;
            match self.take()? {
                b',' => {}
                end => return (end == close).then_some(()),
            }
        }
    }

    fn word(&mut self, word: &str) -> Option<()> {
        self.take_bytes(word.as_bytes()).then_some(())
    }
}

/// Whether `bytes` start with `start`, in words that may overlap: the library's comparison is a call, which for some ten
/// bytes costs more than the comparison.
#[inline]
fn starts_with(bytes: &[u8], start: &[u8]) -> bool {
    let Some(bytes) = bytes.get(..start.len()) else {
        return false;
    };
    match start.len() {
        16.. => {
            let whole = bytes.as_chunks::<16>().0.iter().zip(start.as_chunks::<16>().0);
            bytes.last_chunk::<16>() == start.last_chunk::<16>()
                && whole.into_iter().all(|(one, other)| one == other)
        }
        8.. => {
            bytes.first_chunk::<8>() == start.first_chunk::<8>()
                && bytes.last_chunk::<8>() == start.last_chunk::<8>()
        }
        4.. => {
            bytes.first_chunk::<4>() == start.first_chunk::<4>()
                && bytes.last_chunk::<4>() == start.last_chunk::<4>()
        }
        _ => bytes.iter().eq(start),
    }
}

/// How many bytes precede the closing quote. `None` if a backslash or a control character comes first, or no quote.
///
/// Eight bytes at a time: a lane's high bit is set where the byte is one of the three. Borrows can only spoil lanes
/// above the first that is set, and the first is the one that counts.
#[inline]
fn end_of_text(bytes: &[u8]) -> Option<usize> {
    let mut at = 0;
    while let Some(&chunk) = bytes.get(at..).and_then(<[u8]>::first_chunk) {
        let word = u64::from_le_bytes(chunk);
        let (quote, backslash) = (word ^ (LANES * b'"' as u64), word ^ (LANES * b'\\' as u64));
        let control = word.wrapping_sub(LANES * 0x20) & !word;
        let found =
            (control | (quote.wrapping_sub(LANES) & !quote) | (backslash.wrapping_sub(LANES) & !backslash))
                & HIGH_BITS;
        if found != 0 {
            at += found.trailing_zeros() as usize / 8;
            return (bytes[at] == b'"').then_some(at);
        }
        at += 8;
    }
    let tail = bytes
        .get(at..)?
        .iter()
        .position(|byte| matches!(byte, b'"' | b'\\' | 0..0x20))?;
    (bytes[at + tail] == b'"').then_some(at + tail)
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    proptest! {
        #[test]
        fn starts_with_says_what_the_library_says(
            bytes in proptest::collection::vec(any::<u8>(), 0..60),
            length in 0usize..60,
            change in proptest::option::of(0usize..60),
        ) {
            let mut start = bytes[..length.min(bytes.len())].to_vec();
            if let Some(byte) = change.and_then(|at| start.get_mut(at)) {
                *byte ^= 1;
            }
            prop_assert_eq!(starts_with(&bytes, &start), bytes.starts_with(&start));
            prop_assert!(!starts_with(&bytes[..bytes.len() / 2], &bytes) || bytes.is_empty());
        }

        #[test]
        fn the_end_of_a_text_is_found_as_byte_by_byte(
            bytes in proptest::collection::vec(prop_oneof![4 => 0x20u8..=0xff, 1 => Just(b'"'), 1 => any::<u8>()], 0..40)
        ) {
            let first = bytes.iter().position(|byte| matches!(byte, b'"' | b'\\' | 0..0x20));
            prop_assert_eq!(end_of_text(&bytes), first.filter(|at| bytes[*at] == b'"'));
        }
    }
}
