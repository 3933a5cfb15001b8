//! Which observations have been taken from one source of one patient.
//!
//! An observation is identified by (patient, source, device, code, ts). The first wins; an equal repeat is dropped, another
//! value under the same identity is a conflict. Only what is within lateness is kept: anything older is late anyway.
//!
//! SEEN-1: the log covers every observation taken at or after the clock minus the lateness.

use std::collections::VecDeque;

use wardwatch_prefetch::{prefetch, prefetch_after};

/// 16 bytes an observation within lateness: a patient at 1 Hz with eight vital signs has a thousand of them.
#[derive(Clone, Copy, Debug, PartialEq)]
struct Entry {
    ts: i64,
    /// In single precision: seven digits tell any two measurements apart.
    value: f32,
    /// 24 bits of the device's number, then the vital sign.
    origin: u32,
}

/// Bytes of the entries that a message adds, as a rule.
const NEXT: usize = 128;

/// Entries by which the memory grows.
const GROWTH: usize = 128;

/// The observations taken within lateness, in time order.
#[derive(Clone, Debug, Default)]
pub(crate) struct Seen {
    entries: VecDeque<Entry>,
    /// Entries older than this have been dropped.
    oldest_kept: i64,
}

/// What is known of an observation.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Sameness {
    New,
    Repeat,
    Conflict,
}

/// A device's name as a number: FNV-1a, stable over runs and builds.
pub(crate) fn device_number(device: Option<&str>) -> u32 {
    device.map_or(0, |name| {
        name.bytes().fold(0x811c_9dc5, |hash, byte| {
            (hash ^ u32::from(byte)).wrapping_mul(0x0100_0193)
        })
    })
}

// === impl Seen ===

impl Seen {
    /// Looks an observation up and, when it is new, keeps it. `newest` says that its timestamp is beyond the clock.
    pub(crate) fn take(&mut self, ts: i64, device: u32, vital: u8, value: f64, newest: bool) -> Sameness {
        let entry = Entry {
            ts,
            value: value as f32,
            origin: device << 8 | u32::from(vital),
        };
        // Not doubled: patients who came together would all move to twice the memory at one moment.
        if self.entries.len() == self.entries.capacity() {
            self.entries.reserve_exact(GROWTH);
        }
        if newest {
            self.entries.push_back(entry);
            return Sameness::New;
        }
        let after = self.after(ts);
        let same = self
            .entries
            .range(..after)
            .rev()
            .take_while(|known| known.ts == ts)
            .find(|known| known.origin == entry.origin);
        match same {
            Some(known) if known.value == entry.value => Sameness::Repeat,
            Some(_) => Sameness::Conflict,
            None => {
                self.entries.insert(after, entry);
                Sameness::New
            }
        }
    }

    /// Where the entries after `ts` begin. Late rows are nearly always a little late, so it is looked for from the end, in
    /// steps that double: a search in the middle would wait for memory that nothing else has touched for a minute.
    fn after(&self, ts: i64) -> usize {
        let mut end = self.entries.len();
        let mut step = 8;
        loop {
            let start = end.saturating_sub(step);
            if start == 0 || self.entries[start].ts <= ts {
                return start
                    + self
                        .entries
                        .range(start..end)
                        .take_while(|known| known.ts <= ts)
                        .count();
            }
            (end, step) = (start, step * 2);
        }
    }

    /// Asks for the end, where the next entries go; see [`wardwatch_prefetch`].
    #[inline]
    pub(crate) fn prefetch(&self) {
        if let Some(newest) = self.entries.back() {
            prefetch(newest);
            prefetch_after(newest, NEXT);
        }
    }

    /// Drops what is older than `oldest`, when that has moved by a quarter of `lateness`: the oldest entries are in no
    /// cache, so they are looked at seldom.
    pub(crate) fn prune(&mut self, oldest: i64, lateness: i64) {
        if oldest < self.oldest_kept.saturating_add(lateness / 4) {
            return;
        }
        self.oldest_kept = oldest;
        let dead = self.entries.partition_point(|entry| entry.ts < oldest);
        self.entries.drain(..dead);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_first_wins() {
        let mut seen = Seen::default();
        assert_eq!(seen.take(10, 1, 0, 80.0, true), Sameness::New);
        assert_eq!(seen.take(10, 1, 1, 97.0, false), Sameness::New);
        assert_eq!(seen.take(5, 1, 0, 79.0, false), Sameness::New);
        assert_eq!(seen.take(10, 1, 0, 80.0, false), Sameness::Repeat);
        assert_eq!(seen.take(10, 1, 0, 81.0, false), Sameness::Conflict);
        assert_eq!(seen.take(10, 2, 0, 81.0, false), Sameness::New);
        assert_eq!(seen.take(5, 1, 0, 79.0, false), Sameness::Repeat);
        seen.prune(6, 0);
        assert_eq!(seen.take(5, 1, 0, 70.0, false), Sameness::New);
    }
}
