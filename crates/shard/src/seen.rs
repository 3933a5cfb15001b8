//! Which observations have been taken from one source of one patient.
//!
//! An observation is identified by (patient, source, device, code, ts). The first wins; an equal repeat is dropped, another
//! value under the same identity is a conflict. Only what is within lateness is kept: anything older is late anyway.
//!
//! ```text
//!   instants   | 10:00:01 | 10:00:02 | 10:00:03 |     what one device measured at one instant, in time order
//!   readings   | 72 97 16 |    73    |  72 96   |     those of each instant, in the order they came
//! ```
//!
//! SEEN-1: the log covers every observation taken at or after the clock minus the lateness.

use std::collections::VecDeque;
use std::slice;

use wardwatch_prefetch::{prefetch, prefetch_end};

/// What one device measured at one instant.
#[derive(Clone, Copy, Debug, PartialEq)]
struct Instant {
    ts: i64,
    device: u32,
    readings: u32,
}

#[derive(Clone, Copy, Debug, PartialEq)]
struct Reading {
    /// In single precision: seven digits tell any two measurements apart.
    value: f32,
    vital: u8,
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

/// Observations as plain numbers, for a snapshot.
#[derive(Debug, Default)]
pub(crate) struct SeenNumbers {
    /// Of each instant: time, device, how many readings.
    pub(crate) instants: Vec<(i64, u32, u32)>,
    /// Of each reading: value and vital sign.
    pub(crate) readings: Vec<(f32, u8)>,
}

/// The observations taken within lateness: 16 bytes an instant and 8 a reading.
#[derive(Clone, Debug, Default)]
pub(crate) struct Seen {
    instants: VecDeque<Instant>,
    readings: VecDeque<Reading>,
    /// Instants older than this have been dropped.
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
    /// Adds them to `numbers`; returns how many instants and readings those are, and the oldest time kept.
    pub(crate) fn to_numbers(&self, numbers: &mut SeenNumbers) -> (u32, u32, i64) {
        let instants = self.instants.iter();
        numbers
            .instants
            .extend(instants.map(|instant| (instant.ts, instant.device, instant.readings)));
        let readings = self.readings.iter();
        numbers
            .readings
            .extend(readings.map(|reading| (reading.value, reading.vital)));
        (
            self.instants.len() as u32,
            self.readings.len() as u32,
            self.oldest_kept,
        )
    }

    /// The observations that gave these numbers.
    pub(crate) fn from_numbers(
        instants: impl Iterator<Item = (i64, u32, u32)>,
        readings: impl Iterator<Item = (f32, u8)>,
        oldest_kept: i64,
    ) -> Self {
        Self {
            instants: instants
                .map(|(ts, device, readings)| Instant { ts, device, readings })
                .collect(),
            readings: readings.map(|(value, vital)| Reading { value, vital }).collect(),
            oldest_kept,
        }
    }

    /// Looks an observation up and, when it is new, keeps it.
    pub(crate) fn take(&mut self, ts: i64, device: u32, vital: u8, value: f64) -> Sameness {
        let value = value as f32;
        let reading = Reading { value, vital };
        self.make_room(1);
        match self.find(ts, device) {
            Ok(Spot { at, end }) => {
                let instant = &mut self.instants[at];
                let start = end - instant.readings as usize;
                match (start..end).find(|place| self.readings[*place].vital == vital) {
                    Some(place) if self.readings[place].value == value => Sameness::Repeat,
                    Some(_) => Sameness::Conflict,
                    None => {
                        instant.readings += 1;
                        self.readings.insert(end, reading);
                        Sameness::New
                    }
                }
            }
            Err(Spot { at, end }) => {
                let readings = 1;
                self.instants.insert(at, Instant { ts, device, readings });
                self.readings.insert(end, reading);
                Sameness::New
            }
        }
    }

    /// Keeps a message whose timestamp is beyond the clock: nothing of it can have been seen.
    #[inline]
    pub(crate) fn keep(&mut self, ts: i64, device: u32, vitals: &[u8], values: &[f64]) {
        self.make_room(vitals.len());
        let readings = vitals.len() as u32;
        self.instants.push_back(Instant { ts, device, readings });
        let values = values.iter().map(|value| *value as f32);
        let readings = values.zip(vitals).map(|(value, &vital)| Reading { value, vital });
        self.readings.extend(readings);
    }

    /// Looks for an instant from the end: late rows are nearly always a little late.
    fn find(&self, ts: i64, device: u32) -> Result<Spot, Spot> {
        let mut spot = Spot {
            at: self.instants.len(),
            end: self.readings.len(),
        };
        let mut gap = None;
        for instant in self.instants.iter().rev() {
            if (instant.ts, instant.device) == (ts, device) {
                spot.at -= 1;
                return Ok(spot);
            }
            if instant.ts <= ts {
                gap.get_or_insert((spot.at, spot.end));
            }
            if instant.ts < ts {
                break;
            }
            spot.at -= 1;
            spot.end -= instant.readings as usize;
        }
        let (at, end) = gap.unwrap_or((spot.at, spot.end));
        Err(Spot { at, end })
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
    use std::collections::HashMap;

    use proptest::prelude::*;

    use super::*;

    #[test]
    fn the_first_wins() {
        let mut seen = Seen::default();
        seen.keep(10, 1, &[0], &[80.0]);
        assert_eq!(seen.take(10, 1, 1, 97.0), Sameness::New);
        assert_eq!(seen.take(5, 1, 0, 79.0), Sameness::New);
        assert_eq!(seen.take(10, 1, 0, 80.0), Sameness::Repeat);
        assert_eq!(seen.take(10, 1, 0, 81.0), Sameness::Conflict);
        assert_eq!(seen.take(10, 2, 0, 81.0), Sameness::New);
        assert_eq!(seen.take(5, 1, 0, 79.0), Sameness::Repeat);
        seen.prune(6, 0);
        assert_eq!(seen.take(5, 1, 0, 70.0), Sameness::New);
    }

    proptest! {
        /// Against a map of what was taken; what is within lateness is never forgotten.
        #[test]
        fn as_a_map_would_say(
            observations in proptest::collection::vec((0i64..40, 0u32..3, 0u8..20, 0u8..3), 1..200),
        ) {
            const LATENESS: i64 = 16;
            let mut seen = Seen::default();
            let mut known = HashMap::new();
            let mut clock = 0;
            for (ahead, device, vital, value) in observations {
                let ts = (clock + 5 - ahead).max(clock - LATENESS).max(0);
                let newest = ts > clock;
                clock = clock.max(ts);
                let expected = match known.get(&(ts, device, vital)) {
                    None => Sameness::New,
                    Some(first) if *first == value => Sameness::Repeat,
                    Some(_) => Sameness::Conflict,
                };
                known.entry((ts, device, vital)).or_insert(value);
                if newest {
                    seen.keep(ts, device, &[vital], &[f64::from(value)]);
                } else {
                    prop_assert_eq!(seen.take(ts, device, vital, f64::from(value)), expected);
                }
                seen.prune(clock - LATENESS, LATENESS);
                let readings = seen.instants.iter().map(|instant| instant.readings as usize);
                prop_assert_eq!(readings.sum::<usize>(), seen.readings.len());
            }
        }
    }
}
