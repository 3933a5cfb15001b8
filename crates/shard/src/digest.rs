//! What a shard has decided so far, as one number.
//!
//! Every decision (a message taken or refused, a window evaluated, a score, an alert, a stay begun or ended) is an event with
//! a hash; the digest is their sum. State is made of decisions alone, so shards that decided the same have the same state. A
//! sum does not depend on the order, so it does not depend on how the log was cut into steps either.
//!
//! It tells accidents apart, not attacks, and costs some nanoseconds an event; nothing walks through the state.

use std::fmt;

use serde::{Deserialize, Deserializer, Serialize, Serializer, de};

/// The sum over a shard's decisions; 16 hexadecimal digits on the wire.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Digest(u64);

/// What was decided.
#[derive(Clone, Copy, Debug)]
pub(crate) enum Decision {
    Taken,
    Future,
    WrongClock,
    Absent,
    Corrected,
    Window,
    Score,
    Alert,
    Context,
    Begun,
    Ended,
    Accepted,
}

/// A decision in the making.
#[derive(Clone, Copy, Debug)]
#[must_use]
pub(crate) struct Event(u64);

/// One step of the hash: quick, and the same on every machine.
#[inline]
const fn mix(hash: u64, word: u64) -> u64 {
    let hash = (hash ^ word).wrapping_mul(0x9e37_79b9_7f4a_7c15);
    hash ^ hash >> 29
}

/// Over a text's bytes, eight at a time.
#[inline]
pub(crate) fn hash(text: &str) -> u64 {
    let (words, rest) = text.as_bytes().as_chunks::<8>();
    let mut last = [0; 8];
    last[..rest.len()].copy_from_slice(rest);
    let hash = words.iter().fold(0xcbf2_9ce4_8422_2325, |hash, word| {
        mix(hash, u64::from_le_bytes(*word))
    });
    mix(mix(hash, u64::from_le_bytes(last)), text.len() as u64)
}

// === impl Event ===

impl Event {
    /// Of a patient, by [`hash`].
    #[inline]
    pub(crate) fn new(decision: Decision, patient: u64) -> Self {
        Self(mix(patient, decision as u64 + 1))
    }

    #[inline]
    pub(crate) fn whole(self, number: i64) -> Self {
        Self(mix(self.0, number as u64))
    }

    /// Many values, by their places; none waits for the one before it.
    #[inline]
    pub(crate) fn values(self, values: impl Iterator<Item = (u64, f64)>) -> Self {
        let sum = values
            .map(|(place, value)| Self(mix(0, place + 1)).value(value).0)
            .fold(0, u64::wrapping_add);
        Self(mix(self.0, sum))
    }

    /// All missing values are the same.
    #[inline]
    pub(crate) fn value(self, value: f64) -> Self {
        let value = if value.is_nan() { f64::NAN } else { value };
        Self(mix(self.0, value.to_bits()))
    }

    #[inline]
    pub(crate) fn option(self, value: Option<f64>) -> Self {
        self.value(value.unwrap_or(f64::NAN))
    }

    #[inline]
    pub(crate) fn text(self, text: &str) -> Self {
        Self(mix(self.0, hash(text)))
    }
}

// === impl Digest ===

impl Digest {
    /// As a number, for a snapshot.
    pub(crate) fn number(self) -> u64 {
        self.0
    }

    /// The digest that gave the number.
    pub(crate) fn from_number(number: u64) -> Self {
        Self(number)
    }

    #[inline]
    pub(crate) fn add(&mut self, event: Event) {
        self.0 = self.0.wrapping_add(mix(event.0, 0x5bd1_e995));
    }
}

impl fmt::Display for Digest {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{:016x}", self.0)
    }
}

impl Serialize for Digest {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.collect_str(self)
    }
}

impl<'de> Deserialize<'de> for Digest {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        let text = String::deserialize(deserializer)?;
        u64::from_str_radix(&text, 16)
            .map(Self)
            .map_err(|_| de::Error::custom("not a digest of 16 hexadecimal digits"))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_order_does_not_matter_and_everything_else_does() {
        let events = [
            Event::new(Decision::Taken, 7).whole(1).value(72.0),
            Event::new(Decision::Taken, 7).whole(1).value(73.0),
            Event::new(Decision::Taken, 7).value(72.0).whole(1),
            Event::new(Decision::Future, 7).whole(1).value(72.0),
            Event::new(Decision::Taken, 8).whole(1).value(72.0),
            Event::new(Decision::Taken, 7).whole(1).value(-0.0),
            Event::new(Decision::Taken, 7).whole(1).option(None),
            Event::new(Decision::Taken, 7).values([(0, 1.0), (1, 2.0)].into_iter()),
            Event::new(Decision::Taken, 7).values([(0, 2.0), (1, 1.0)].into_iter()),
        ];
        let sum = |events: &[Event]| {
            let mut digest = Digest::default();
            events.iter().for_each(|event| digest.add(*event));
            digest
        };
        let mut turned = events;
        turned.reverse();
        assert_eq!(sum(&events), sum(&turned));
        for left in 0..events.len() {
            assert_ne!(sum(&events[..left]), sum(&events[..=left]));
            for right in 0..left {
                assert_ne!(sum(&events[left..=left]), sum(&events[right..=right]));
            }
        }
    }

    #[test]
    fn texts_that_differ_at_their_ends_have_different_hashes() {
        let ids = ["", "a", "a\0", "patient1", "patient1\0", "patient12"];
        let mut hashes = ids.map(hash);
        hashes.sort_unstable();
        assert!(hashes.windows(2).all(|pair| pair[0] != pair[1]));
    }

    #[test]
    fn written_and_read() {
        let digest = Digest(0xab_cdef);
        let text = serde_json::to_string(&digest).unwrap();
        assert_eq!(text, "\"0000000000abcdef\"");
        assert_eq!(serde_json::from_str::<Digest>(&text).unwrap(), digest);
        assert!(serde_json::from_str::<Digest>("\"no\"").is_err());
    }
}
