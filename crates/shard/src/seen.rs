//! Which observations have been accepted from one device of one patient.
//!
//! An observation is identified by (patient, source, device, code, ts, value): a device that stamps whole seconds or minutes
//! sends several values of one time, and all of them count. Only an exact repeat is dropped. What is within lateness is kept;
//! of what is older a few are kept aside, so that a reading that is sent again and again is counted once.
//!
//! ```text
//!   instants   | 10:00:01 | 10:00:02 | 10:00:03 |     times that the device gave, in order
//!   readings   | 72 97 16 |    73    |  72 96   |     those of each time, in the order they came
//! ```
//!
//! SEEN-1: the log covers every observation accepted at or after the device's clock minus the lateness.

use std::collections::VecDeque;
use std::slice;

use wardwatch_prefetch::{prefetch, prefetch_end};

/// What a device measured at one time.
#[derive(Clone, Copy, Debug, PartialEq)]
struct Instant {
    ts: i64,
    readings: u32,
}

/// One accepted value.
#[derive(Clone, Copy, Debug, PartialEq)]
pub(crate) struct Reading {
    /// In single precision: seven digits tell any two measurements apart.
    pub(crate) value: f32,
    pub(crate) vital: u8,
}

/// Where an instant stands, or where it would go: its place among the instants, and the end of its readings.
struct Spot {
    at: usize,
    end: usize,
}

/// Instants and readings by which the memory grows.
const GROWTH: (usize, usize) = (16, 128);
/// Readings that a message adds, as a rule.
const NEXT: usize = 8;
/// Readings older than lateness that are kept aside: a minute of eight vital signs, one a second. So long it takes until a clock
/// that is behind is known, and what it sent counts.
const MOST_ASIDE: usize = 512;

/// Observations as plain numbers, for a snapshot.
#[derive(Debug, Default)]
pub(crate) struct SeenNumbers {
    /// Of each instant: time, how many readings.
    pub(crate) instants: Vec<(i64, u32)>,
    /// Of each reading: value and vital sign.
    pub(crate) readings: Vec<(f32, u8)>,
    /// Of each reading kept aside: time, value and vital sign.
    pub(crate) aside: Vec<(i64, f32, u8)>,
}

/// How many of [`SeenNumbers`] are of one device, and the oldest time kept.
#[derive(Clone, Copy, Debug, Default)]
pub(crate) struct SeenCounts {
    pub(crate) instants: u32,
    pub(crate) readings: u32,
    pub(crate) aside: u32,
    pub(crate) oldest_kept: i64,
}

/// The observations accepted within lateness: 16 bytes an instant and 8 a reading.
#[derive(Clone, Debug, Default)]
pub(crate) struct Seen {
    instants: VecDeque<Instant>,
    readings: VecDeque<Reading>,
    /// Those that came later than lateness, by time; of too many, the oldest go.
    aside: VecDeque<(i64, Reading)>,
    /// Instants older than this have been dropped.
    oldest_kept: i64,
}

// === impl Seen ===

impl Seen {
    /// Adds them to `numbers`; returns how many those are.
    pub(crate) fn to_numbers(&self, numbers: &mut SeenNumbers) -> SeenCounts {
        let instants = self.instants.iter();
        numbers
            .instants
            .extend(instants.map(|instant| (instant.ts, instant.readings)));
        let readings = self.readings.iter();
        numbers
            .readings
            .extend(readings.map(|reading| (reading.value, reading.vital)));
        let aside = self.aside.iter();
        numbers
            .aside
            .extend(aside.map(|(ts, reading)| (*ts, reading.value, reading.vital)));
        SeenCounts {
            instants: self.instants.len() as u32,
            readings: self.readings.len() as u32,
            aside: self.aside.len() as u32,
            oldest_kept: self.oldest_kept,
        }
    }

    /// The observations that gave these numbers.
    pub(crate) fn from_numbers(
        instants: impl Iterator<Item = (i64, u32)>,
        readings: impl Iterator<Item = (f32, u8)>,
        aside: impl Iterator<Item = (i64, f32, u8)>,
        oldest_kept: i64,
    ) -> Self {
        Self {
            instants: instants.map(|(ts, readings)| Instant { ts, readings }).collect(),
            readings: readings.map(|(value, vital)| Reading { value, vital }).collect(),
            aside: aside
                .map(|(ts, value, vital)| (ts, Reading { value, vital }))
                .collect(),
            oldest_kept,
        }
    }

    /// Looks an observation up and, when it is new, keeps it; whether it is.
    pub(crate) fn accept(&mut self, ts: i64, vital: u8, value: f64) -> bool {
        let reading = Reading {
            value: value as f32,
            vital,
        };
        self.make_room(1);
        match self.find(ts) {
            Ok(Spot { at, end }) => {
                let start = end - self.instants[at].readings as usize;
                if self.readings.range(start..end).any(|kept| *kept == reading) {
                    return false;
                }
                self.instants[at].readings += 1;
                self.readings.insert(end, reading);
            }
            Err(Spot { at, end }) => {
                let readings = 1;
                self.instants.insert(at, Instant { ts, readings });
                self.readings.insert(end, reading);
            }
        }
        true
    }

    /// As [`Seen::accept`], for one that is too late to be kept in its order.
    pub(crate) fn accept_late(&mut self, ts: i64, vital: u8, value: f64) -> bool {
        let late = Reading {
            value: value as f32,
            vital,
        };
        let mut place = self.aside.len();
        for (known, (at, kept)) in self.aside.iter().enumerate().rev() {
            if *at < ts {
                break;
            }
            if (*at, *kept) == (ts, late) {
                return false;
            }
            if *at > ts {
                place = known;
            }
        }
        self.aside.insert(place, (ts, late));
        if self.aside.len() > MOST_ASIDE {
            self.aside.pop_front();
        }
        true
    }

    /// Keeps a message whose time is beyond the clock: nothing of it can have been seen.
    #[inline]
    pub(crate) fn keep(&mut self, ts: i64, vitals: &[u8], values: &[f64]) {
        self.make_room(vitals.len());
        let readings = vitals.len() as u32;
        self.instants.push_back(Instant { ts, readings });
        let values = values.iter().map(|value| *value as f32);
        let readings = values.zip(vitals).map(|(value, &vital)| Reading { value, vital });
        self.readings.extend(readings);
    }

    /// Takes out every value of a vital sign at a time; whether there was one.
    pub(crate) fn take_out(&mut self, ts: i64, vital: u8) -> bool {
        let aside = self.aside.len();
        self.aside
            .retain(|(at, reading)| (*at, reading.vital) != (ts, vital));
        let mut found = self.aside.len() < aside;
        if let Ok(Spot { at, end }) = self.find(ts) {
            let start = end - self.instants[at].readings as usize;
            for place in (start..end).rev() {
                if self.readings[place].vital == vital {
                    self.readings.remove(place);
                    self.instants[at].readings -= 1;
                    found = true;
                }
            }
        }
        found
    }

    /// The values of a vital sign that are kept, each with its time.
    pub(crate) fn kept(&self, vital: u8) -> impl Iterator<Item = (i64, f32)> + '_ {
        self.kept_in_time(vital).chain(self.kept_late(vital))
    }

    /// Those that came later than lateness.
    pub(crate) fn kept_late(&self, vital: u8) -> impl Iterator<Item = (i64, f32)> + '_ {
        let of_vital = self
            .aside
            .iter()
            .filter(move |(_, reading)| reading.vital == vital);
        of_vital.map(|(ts, reading)| (*ts, reading.value))
    }

    /// Those that came within it.
    pub(crate) fn kept_in_time(&self, vital: u8) -> impl Iterator<Item = (i64, f32)> + '_ {
        let mut readings = self.readings.iter();
        let in_order = self.instants.iter().flat_map(move |instant| {
            let of_instant: Vec<Reading> = readings
                .by_ref()
                .take(instant.readings as usize)
                .copied()
                .collect();
            of_instant.into_iter().map(|reading| (instant.ts, reading))
        });
        let of_vital = in_order.filter(move |(_, reading)| reading.vital == vital);
        of_vital.map(|(ts, reading)| (ts, reading.value))
    }

    /// Forgets everything: the device's clock was set, so its earlier times tell nothing of later ones.
    pub(crate) fn clear(&mut self) {
        self.instants.clear();
        self.readings.clear();
        self.aside.clear();
        self.oldest_kept = i64::MIN;
    }

    /// Looks for an instant from the end: late rows are nearly always a little late.
    fn find(&self, ts: i64) -> Result<Spot, Spot> {
        let mut spot = Spot {
            at: self.instants.len(),
            end: self.readings.len(),
        };
        for instant in self.instants.iter().rev() {
            if instant.ts == ts {
                spot.at -= 1;
                return Ok(spot);
            }
            if instant.ts < ts {
                break;
            }
            spot.at -= 1;
            spot.end -= instant.readings as usize;
        }
        Err(spot)
    }

    /// Not doubled: patients who came together would all move to twice the memory at one moment.
    #[inline]
    fn make_room(&mut self, readings: usize) {
        if self.instants.len() == self.instants.capacity() {
            self.instants.reserve_exact(GROWTH.0);
        }
        if self.readings.len() + readings > self.readings.capacity() {
            self.readings.reserve_exact(GROWTH.1.max(readings));
        }
    }

    /// Asks for the ends, where the next observations go; see [`wardwatch_prefetch`].
    #[inline]
    pub(crate) fn prefetch(&self) {
        if let Some(newest) = self.instants.back() {
            prefetch(newest);
            prefetch_end(slice::from_ref(newest), 1);
        }
        if let Some(newest) = self.readings.back() {
            prefetch_end(slice::from_ref(newest), NEXT);
        }
    }

    /// Drops what is older than `oldest`, when that has moved by a quarter of `lateness`: the oldest instants are in no
    /// cache, so they are looked at seldom.
    pub(crate) fn prune(&mut self, oldest: i64, lateness: i64) {
        if oldest < self.oldest_kept.saturating_add(lateness / 4) {
            return;
        }
        self.oldest_kept = oldest;
        let dead = self.instants.partition_point(|instant| instant.ts < oldest);
        let dead = self.instants.drain(..dead);
        let readings: usize = dead.map(|instant| instant.readings as usize).sum();
        self.readings.drain(..readings);
    }
}

#[cfg(test)]
mod tests {
    use std::collections::HashSet;

    use proptest::prelude::*;

    use super::*;

    #[test]
    fn only_an_exact_repeat_is_one() {
        let mut seen = Seen::default();
        seen.keep(10, &[0], &[80.0]);
        assert!(seen.accept(10, 1, 97.0));
        assert!(seen.accept(5, 0, 79.0));
        assert!(!seen.accept(10, 0, 80.0));
        assert!(seen.accept(10, 0, 81.0), "another value of the same time");
        assert!(!seen.accept(10, 0, 81.0) && !seen.accept(10, 0, 80.0) && !seen.accept(5, 0, 79.0));
        assert!(seen.accept_late(1, 0, 70.0) && !seen.accept_late(1, 0, 70.0));
        let mut kept: Vec<_> = seen.kept(0).collect();
        kept.sort_by(|one, other| one.partial_cmp(other).unwrap());
        assert_eq!(kept, [(1, 70.0), (5, 79.0), (10, 80.0), (10, 81.0)]);
        assert!(seen.take_out(10, 0) && !seen.take_out(10, 0) && seen.take_out(1, 0));
        assert_eq!(seen.kept(0).collect::<Vec<_>>(), [(5, 79.0)]);
        assert_eq!(seen.kept(1).collect::<Vec<_>>(), [(10, 97.0)]);
        seen.prune(6, 0);
        assert!(seen.accept(5, 0, 79.0));
    }

    proptest! {
        /// Against a set of what was accepted; what is within lateness is never forgotten.
        #[test]
        fn as_a_set_would_say(
            observations in proptest::collection::vec((0i64..40, 0u8..20, 0u8..3), 1..200),
        ) {
            const LATENESS: i64 = 16;
            let mut seen = Seen::default();
            let mut known = HashSet::new();
            let mut clock = 0;
            for (ahead, vital, value) in observations {
                let ts = (clock + 5 - ahead).max(clock - LATENESS).max(0);
                let newest = ts > clock;
                clock = clock.max(ts);
                let is_new = known.insert((ts, vital, value));
                if newest {
                    seen.keep(ts, &[vital], &[f64::from(value)]);
                } else {
                    prop_assert_eq!(seen.accept(ts, vital, f64::from(value)), is_new);
                }
                seen.prune(clock - LATENESS, LATENESS);
                let readings = seen.instants.iter().map(|instant| instant.readings as usize);
                prop_assert_eq!(readings.sum::<usize>(), seen.readings.len());
            }
        }
    }
}
