//! A **simulated** ward: nobody in it is real, and everything in it says so (`Simulated patient 01`, bed `SIM-01`, ward
//! `SIM`, source `simulated`).
//!
//! Every bed's monitor sends one grouped message a second; a cuff measures now and then, and a nurse charts consciousness
//! and oxygen. Vital signs move together: one slow *tone* lifts heart rate, breathing and pressure at once.
//!
//! ```text
//!  second n     |admissions (n = 0 only)                                            |
//!               |  bed 1: measured .. arrives   bed 2: measured .. arrives   ...    |   0.9 s for all beds, 10..90 ms each
//! ```

mod artefact;
mod bed;
mod chart;
mod course;
mod device;
mod monitor;
mod person;
mod physiology;
mod post;

use std::collections::BTreeMap;

use wardwatch_event_time::{Span, Timestamp};

use crate::json::to_millisecond;
use crate::{Message, Topic};
use bed::Bed;

/// The `source` of every message.
const SOURCE: &str = "simulated";

/// A seeded, simulated ward, second by second.
///
/// # Schedule
/// Times are seconds after the ward's start; deteriorations recover and repeat every hour.
///
/// | bed | what happens |
/// |---|---|
/// | SIM-03 | respiratory failure: SpO2 below 88 from 10 s, below 80 from 150 s to 240 s, RR to 35; oxygen given at 240 s |
/// | SIM-05 | chronic lung disease, on oxygen, SpO2 scale 2: SpO2 about 90 is normal for this patient |
/// | SIM-07 | sepsis-like: from 60 s to 660 s HR +48, systolic −42, temperature +2.1, RR +11; responds to voice from 540 s |
/// | SIM-09 | artefacts: probe off at 40 s for 20 s (sends −1), heart rate 290 at 100 s for one second; both every 10 min |
/// | SIM-11 | haemorrhage: from 120 s to 600 s HR +55, systolic −52, temperature −0.6, RR +8 |
/// | SIM-14 | bradycardia: heart rate below 40 from 200 s to 480 s |
/// | SIM-16 | the device's clock runs 10 min fast |
/// | SIM-18 | silent from 90 s on, for good |
/// | SIM-20 | uploads late: every message 30 to 90 s after its measurement, so also out of order |
/// | SIM-22 | the device repeats each message 150 ms later, byte for byte |
///
/// All others are stable but for an artefact now and then. Beds beyond the 24th are like those.
#[derive(Clone, Debug)]
pub struct Ward {
    start: Timestamp,
    second: u32,
    beds: Vec<Bed>,
    outbox: Outbox,
}

/// Messages waiting for their arrival; a late device keeps at most 90 s of them here.
#[derive(Clone, Debug, Default)]
pub(crate) struct Outbox {
    due: Vec<Message>,
    /// By arrival, then by order of sending.
    later: BTreeMap<(Timestamp, u64), Message>,
    sent: u64,
    /// The end of the second being written.
    horizon: Timestamp,
}

// === impl Ward ===

impl Ward {
    /// A ward whose first second begins at `start`, cut to the millisecond. A bed's patient depends on the seed and the
    /// bed's number only, so a larger ward holds the same patients and more.
    pub fn new(seed: u64, start: Timestamp, beds: usize) -> Self {
        Self::of(
            start,
            (0..beds).map(|index| Bed::new(seed, index, beds)).collect(),
        )
    }

    /// A ward for load tests: every bed sends exactly eight readings a second, arterial pressures among them, and nothing
    /// else ever happens.
    pub fn steady(seed: u64, start: Timestamp, beds: usize) -> Self {
        Self::of(
            start,
            (0..beds).map(|index| Bed::steady(seed, index, beds)).collect(),
        )
    }

    fn of(start: Timestamp, beds: Vec<Bed>) -> Self {
        Self {
            start: to_millisecond(start),
            second: 0,
            beds,
            outbox: Outbox::default(),
        }
    }

    /// The messages that arrive within the next second, in order of arrival. The first second begins with the admissions.
    pub fn next_second(&mut self) -> Vec<Message> {
        let from = self.next_starts();
        self.outbox.open(from + Span::from_secs(1), self.beds.len());
        if self.second == 0 {
            for bed in &mut self.beds {
                bed.admit(from, &mut self.outbox);
            }
        }
        for bed in &mut self.beds {
            bed.live(from, self.second, &mut self.outbox);
        }
        self.second += 1;
        self.outbox.take()
    }

    /// When the next second begins.
    pub fn next_starts(&self) -> Timestamp {
        self.start + Span::from_secs(i64::from(self.second))
    }

    /// The next second of a steady ward with one reading a message, for benchmarks.
    pub fn next_second_single(&mut self) -> Vec<Message> {
        let from = self.next_starts();
        self.outbox
            .open(from + Span::from_secs(1), self.beds.len() * monitor::MOST);
        for bed in &mut self.beds {
            bed.live_single(from, self.second, &mut self.outbox);
        }
        self.second += 1;
        self.outbox.take()
    }
}

// === impl Outbox ===

impl Outbox {
    fn open(&mut self, horizon: Timestamp, expected: usize) {
        self.horizon = horizon;
        self.due.reserve(expected + expected / 8);
    }

    pub(crate) fn send(&mut self, arrives: Timestamp, topic: Topic, key: &str, payload: Vec<u8>) {
        let message = Message {
            arrives,
            topic,
            key: key.to_owned(),
            payload,
        };
        if arrives < self.horizon {
            self.due.push(message);
        } else {
            self.sent += 1;
            self.later.insert((arrives, self.sent), message);
        }
    }

    /// All that arrives before the horizon; what waited longest comes first among equals.
    fn take(&mut self) -> Vec<Message> {
        let not_yet = self.later.split_off(&(self.horizon, 0));
        let mut messages: Vec<Message> = std::mem::replace(&mut self.later, not_yet)
            .into_values()
            .collect();
        messages.append(&mut self.due);
        messages.sort_by_key(|message| (message.arrives, message.topic));
        messages
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn late_messages_wait_in_the_outbox_and_no_longer_than_90_s() {
        let mut ward = Ward::new(1, Timestamp::from_millis(1_772_352_000_000), 24);
        for _ in 0..300 {
            ward.next_second();
            assert!(ward.outbox.later.len() <= 95, "{}", ward.outbox.later.len());
            let waiting = ward.next_starts()..ward.next_starts() + Span::from_secs(91);
            assert!(ward.outbox.later.keys().all(|(at, _)| waiting.contains(at)));
        }
    }
}
