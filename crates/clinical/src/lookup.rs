//! A hash table from a fixed set of texts to small values, built at compile time.
//!
//! Codes and units are looked up once an observation. The sets are known when the program is built, so the
//! table is a constant: no allocation, no initialisation, and a text that is entered twice does not compile.
//!
//! Open addressing with linear probing. Invariant: at most half of the slots are used, so every probe ends.

/// 2^64 / golden ratio: spreads the key over the high bits, which choose the slot (Knuth, volume 3, 6.4).
const GOLDEN: u64 = 0x9E37_79B9_7F4A_7C15;

/// Texts with their values, in `SLOTS` slots, a power of two.
#[derive(Clone, Copy)]
pub(crate) struct Lookup<T: 'static, const SLOTS: usize> {
    slots: [Option<(&'static str, T)>; SLOTS],
    used: usize,
}

// === impl Lookup ===

impl<T: Copy, const SLOTS: usize> Lookup<T, SLOTS> {
    pub(crate) const fn new() -> Self {
        assert!(SLOTS.is_power_of_two() && SLOTS > 1);
        Self {
            slots: [None; SLOTS],
            used: 0,
        }
    }

    /// Enters a text; to be called at compile time.
    ///
    /// # Panics
    /// The text is there already, or the table is half full.
    pub(crate) const fn insert(&mut self, text: &'static str, value: T) {
        let mut slot = Self::slot(text.as_bytes());
        while let Some((known, _)) = self.slots[slot] {
            assert!(
                !same(known.as_bytes(), text.as_bytes()),
                "a text is entered twice"
            );
            slot = (slot + 1) % SLOTS;
        }
        self.slots[slot] = Some((text, value));
        self.used += 1;
        assert!(self.used * 2 <= SLOTS, "more slots are needed");
    }

    /// The entry of exactly this text.
    #[inline]
    pub(crate) fn get(&self, text: &[u8]) -> Option<(&'static str, T)> {
        let mut slot = Self::slot(text);
        while let Some(entry) = self.slots[slot] {
            if entry.0.as_bytes() == text {
                return Some(entry);
            }
            slot = (slot + 1) % SLOTS;
        }
        None
    }

    /// Hashes length, head and tail: enough to tell our texts apart without reading all of a long one.
    #[inline]
    const fn slot(text: &[u8]) -> usize {
        let (head, tail) = match (text.first_chunk(), text.last_chunk()) {
            (Some(head), Some(tail)) => (u64::from_le_bytes(*head), u64::from_le_bytes(*tail)),
            _ => match (text.first_chunk(), text.last_chunk()) {
                (Some(head), Some(tail)) => {
                    (u32::from_le_bytes(*head) as u64, u32::from_le_bytes(*tail) as u64)
                }
                _ => match text {
                    [] => (0, 0),
                    [first, .., last] => (*first as u64, text[text.len() / 2] as u64 | (*last as u64) << 8),
                    [only] => (*only as u64, 0),
                },
            },
        };
        let key = head ^ tail.rotate_left(29) ^ text.len() as u64;
        (key.wrapping_mul(GOLDEN) >> (u64::BITS - SLOTS.ilog2())) as usize
    }
}

/// `==`, which is not yet const.
const fn same(a: &[u8], b: &[u8]) -> bool {
    if a.len() != b.len() {
        return false;
    }
    let mut i = 0;
    while i < a.len() {
        if a[i] != b[i] {
            return false;
        }
        i += 1;
    }
    true
}

#[cfg(test)]
mod tests {
    use super::*;

    /// One text of every length that is hashed in its own way.
    const TEXTS: [&str; 7] = ["", "a", "ab", "abc", "abcd", "abcdefg", "abcdefghijkl"];

    const fn table() -> Lookup<usize, 16> {
        let mut table = Lookup::new();
        let mut i = 0;
        while i < TEXTS.len() {
            table.insert(TEXTS[i], i);
            i += 1;
        }
        table
    }

    #[test]
    fn texts_of_every_length_are_found() {
        for (i, text) in TEXTS.into_iter().enumerate() {
            assert_eq!(table().get(text.as_bytes()), Some((text, i)));
        }
    }

    #[test]
    fn other_texts_are_not() {
        for text in [
            "b",
            "ba",
            "abd",
            "abce",
            "abcdefh",
            "aXbc",
            "abcdefghijk",
            "abcdefghXjkl",
        ] {
            assert_eq!(table().get(text.as_bytes()), None, "{text}");
        }
        // This one differs only where the hash does not look.
        let mut long = table();
        long.insert("abcdefgh-middle-ijklmnop", 99);
        assert_eq!(long.get(b"abcdefgh-MIDDLE-ijklmnop"), None);
    }

    #[test]
    #[should_panic(expected = "entered twice")]
    fn a_text_enters_once() {
        table().insert("abc", 9);
    }

    #[test]
    #[should_panic(expected = "more slots")]
    fn half_of_the_slots_stay_free() {
        let mut table = table();
        table.insert("x", 7);
        table.insert("y", 8);
    }
}
