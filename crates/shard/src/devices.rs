//! The devices of one source of one patient.
//!
//! A clock belongs to a device: one that is wrong must not make its neighbours' readings late, or hold up their windows.
//! Each device keeps what was accepted of it, by its own time, and what has been corrected since.
//!
//! At most [`Devices::MOST`] are known at a time; of more, the one that was heard least recently is forgotten.

use std::collections::VecDeque;

use wardwatch_clinical::VitalSign;
use wardwatch_clinical::numbers::as_sent;
use wardwatch_event_time::{DeviceClock, Span, Standing, Timestamp};

use crate::digest::hash;
use crate::seen::Seen;

/// A device of a patient, over all sources: 16 sources of 16 devices.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct DeviceId(pub(crate) u16);

/// A correction or withdrawal that is remembered, so that the original stays replaced.
#[derive(Clone, Copy, Debug, PartialEq)]
pub(crate) struct Replacement {
    /// As the device dates it.
    pub(crate) ts: i64,
    pub(crate) vital: u8,
    /// The corrected value; none where it was withdrawn.
    pub(crate) value: Option<f64>,
}

/// Corrections of one device that are remembered; of more, the oldest goes.
const MOST_REPLACEMENTS: usize = 64;

/// A wrong clock is found within a minute or two; what came before was sent by another setting of it.
const EPOCH_FOUND_IN: Span = Span::from_secs(120);

/// One device.
#[derive(Clone, Debug, Default)]
pub(crate) struct Device {
    /// The name as a number, by which it is known: the name itself lies elsewhere, and most often in no cache. Of 16 devices two
    /// have the same once in 10^17 patients.
    number: u64,
    pub(crate) name: Option<Box<str>>,
    pub(crate) clock: DeviceClock,
    pub(crate) seen: Seen,
    pub(crate) replacements: VecDeque<Replacement>,
    /// Log time of its newest message.
    pub(crate) heard_at: Timestamp,
}

/// The devices of one source of one patient.
#[derive(Clone, Debug, Default)]
pub(crate) struct Devices {
    /// Most sources have one, which stands here, so that a row need not look for it.
    first: Option<Box<Device>>,
    more: Vec<Device>,
}

/// A device's name as a number; zero where it has none.
#[inline]
fn number_of(name: Option<&str>) -> u64 {
    name.map_or(0, hash)
}

// === impl DeviceId ===

impl DeviceId {
    /// No device, or one that was forgotten.
    pub(crate) const NONE: Self = Self(u16::MAX);

    pub(crate) fn new(source: usize, place: usize) -> Self {
        Self((source << 4 | place) as u16)
    }

    pub(crate) fn source(self) -> usize {
        usize::from(self.0 >> 4)
    }

    pub(crate) fn place(self) -> usize {
        usize::from(self.0 & 15)
    }
}

// === impl Device ===

impl Device {
    pub(crate) fn new(name: Option<&str>) -> Self {
        Self {
            number: number_of(name),
            name: name.map(Into::into),
            heard_at: Timestamp::MIN,
            ..Self::default()
        }
    }

    /// Whether its clock is known to be wrong.
    pub(crate) fn is_wrong(&self) -> bool {
        self.clock.standing() != Standing::Right
    }

    /// Forgets what it sent in earlier epochs of its clock. Gives the values, each with its effective time, that came since the
    /// clock was set and that can have been measured by then; the newest last. Of a clock that was set those are the late ones:
    /// what came in time may be of the epoch before.
    pub(crate) fn begin_epoch(&mut self, now: Timestamp, from_start: bool) -> Vec<(Timestamp, u8, f64)> {
        let offset = self.clock.offset();
        let vitals = VitalSign::ALL.iter().map(|vital| vital.index() as u8);
        let seen = &self.seen;
        let mut kept: Vec<(Timestamp, u8, f64)> = vitals
            .flat_map(|vital| {
                let in_time = seen.kept_in_time(vital).filter(|_| from_start);
                let all = in_time.chain(seen.kept_late(vital));
                all.map(move |(ts, value)| (vital, ts, value))
            })
            .map(|(vital, ts, value)| {
                (
                    Timestamp::from_micros(ts) + offset,
                    vital,
                    as_sent(f64::from(value)),
                )
            })
            .filter(|(ts, ..)| *ts <= now && now - *ts <= EPOCH_FOUND_IN)
            .collect();
        kept.sort_by(|one, other| one.0.cmp(&other.0).then(one.1.cmp(&other.1)));
        self.seen.clear();
        self.replacements.clear();
        kept
    }

    /// What a reading was replaced by.
    pub(crate) fn replacement(&self, ts: i64, vital: u8) -> Option<&Replacement> {
        let mut known = self.replacements.iter();
        known.find(|known| (known.ts, known.vital) == (ts, vital))
    }

    /// Remembers a correction instead of any other of the same reading; `is_dead` says which are remembered no longer.
    pub(crate) fn remember(&mut self, new: Replacement, is_dead: impl Fn(&Replacement) -> bool) {
        self.replacements
            .retain(|known| (known.ts, known.vital) != (new.ts, new.vital) && !is_dead(known));
        if self.replacements.len() == MOST_REPLACEMENTS {
            self.replacements.pop_front();
        }
        self.replacements.push_back(new);
    }
}

// === impl Devices ===

impl Devices {
    pub(crate) const MOST: usize = 16;

    /// The place of a device; it is made where it is new. Also whether another had to be forgotten for it, which stood there.
    #[inline]
    pub(crate) fn place_of(&mut self, name: Option<&str>) -> (usize, bool) {
        let number = number_of(name);
        if let Some(first) = &self.first
            && first.number == number
        {
            return (0, false);
        }
        self.search(number, name)
    }

    #[inline(never)]
    fn search(&mut self, number: u64, name: Option<&str>) -> (usize, bool) {
        if self.first.is_none() {
            self.first = Some(Box::new(Device::new(name)));
            return (0, false);
        }
        if let Some(place) = self.more.iter().position(|device| device.number == number) {
            return (place + 1, false);
        }
        if self.more.len() + 1 < Self::MOST {
            self.more.push(Device::new(name));
            return (self.more.len(), false);
        }
        let least_recent = self.iter().enumerate().min_by_key(|(_, device)| device.heard_at);
        let place = least_recent.map_or(0, |(place, _)| place);
        *self.get_mut(place) = Device::new(name);
        (place, true)
    }

    pub(crate) fn get(&self, place: usize) -> Option<&Device> {
        match place {
            0 => self.first.as_deref(),
            place => self.more.get(place - 1),
        }
    }

    /// The device at a place that is known to be taken.
    #[inline]
    pub(crate) fn get_mut(&mut self, place: usize) -> &mut Device {
        match place {
            0 => self.first.as_deref_mut().expect("a device stands at its place"),
            place => &mut self.more[place - 1],
        }
    }

    /// In the order of their places.
    pub(crate) fn iter(&self) -> impl Iterator<Item = &Device> + Clone {
        self.first.as_deref().into_iter().chain(&self.more)
    }

    /// Puts a device behind the others, out of a snapshot.
    pub(crate) fn push(&mut self, device: Device) {
        match self.first {
            None => self.first = Some(Box::new(device)),
            Some(_) => self.more.push(device),
        }
    }

    /// Asks for what the next message will most likely need; see [`wardwatch_prefetch`].
    #[inline]
    pub(crate) fn prefetch(&self) {
        if let Some(first) = &self.first {
            wardwatch_prefetch::prefetch(&**first);
        }
    }

    /// Asks for where that leads to.
    #[inline]
    pub(crate) fn prefetch_seen(&self) {
        if let Some(first) = &self.first {
            first.seen.prefetch();
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_device_heard_least_recently_makes_room() {
        let mut devices = Devices::default();
        for number in 0..Devices::MOST {
            let name = format!("device {number}");
            assert_eq!(devices.place_of(Some(&name)), (number, false));
            devices.get_mut(number).heard_at = Timestamp::from_millis(100 + number as i64);
        }
        assert_eq!(devices.place_of(Some("device 3")), (3, false));
        devices.get_mut(0).heard_at = Timestamp::from_millis(900);
        assert_eq!(devices.place_of(Some("another")), (1, true));
        assert_eq!(
            devices.place_of(None),
            (1, true),
            "nothing was heard of the other yet"
        );
        assert_eq!(devices.iter().count(), Devices::MOST);
    }
}
