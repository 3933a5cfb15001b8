//! Where records lie, against where their keys put them.
//!
//! A patient's records of all topics must come to one shard. Java's producers, and this engine's, choose the partition by murmur2
//! of the key; librdkafka's by CRC32 unless told otherwise. Of each partition the newest records are judged: one that is wrong
//! counts until [`NEWEST`] others have come after it, and a missing key no longer than [`RECENT`].

use wardwatch_event_time::{Span, Timestamp};

use super::condition::Condition;

/// So many records of a partition are judged.
pub(crate) const NEWEST: u64 = 200;

/// After which time nobody has to look after a record without a key any more: it is in quarantine.
const RECENT: Span = Span::from_secs(600);

/// What is wrong with where a record lies.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Misplaced {
    Keyless,
    ByCrc32,
    Otherwise,
}

/// The newest records of one partition, as far as they were wrong.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(crate) struct Keys {
    /// How many were seen.
    seen: u64,
    /// The newest without a key: how many were seen by then, and when the broker took it.
    keyless: Option<(u64, Timestamp)>,
    /// The newest that another partitioner has placed, and whether that was CRC32.
    misplaced: Option<(u64, bool)>,
}

/// Where murmur2, as Java's producers use it, puts a key among so many partitions.
fn murmur2_partition(key: &[u8], partitions: i32) -> i32 {
    (murmur2(key) & 0x7fff_ffff) as i32 % partitions
}

/// Where CRC32, as librdkafka's default partitioner uses it, puts a key.
fn crc32_partition(key: &[u8], partitions: i32) -> i32 {
    (crc32fast::hash(key) % partitions as u32) as i32
}

/// Kafka's `Utils.murmur2`.
fn murmur2(key: &[u8]) -> u32 {
    const M: u32 = 0x5bd1_e995;
    let (words, rest) = key.as_chunks::<4>();
    let mut hash = 0x9747_b28c ^ key.len() as u32;
    for word in words {
        let word = u32::from_le_bytes(*word).wrapping_mul(M);
        hash = hash.wrapping_mul(M) ^ (word ^ word >> 24).wrapping_mul(M);
    }
    for (place, byte) in rest.iter().enumerate() {
        hash ^= u32::from(*byte) << (8 * place);
    }
    if !rest.is_empty() {
        hash = hash.wrapping_mul(M);
    }
    hash = (hash ^ hash >> 13).wrapping_mul(M);
    hash ^ hash >> 15
}

fn judge(key: Option<&[u8]>, partition: i32, partitions: i32) -> Option<Misplaced> {
    let Some(key) = key else {
        return Some(Misplaced::Keyless);
    };
    if murmur2_partition(key, partitions) == partition {
        return None;
    }
    Some(match crc32_partition(key, partitions) == partition {
        true => Misplaced::ByCrc32,
        false => Misplaced::Otherwise,
    })
}

// === impl Keys ===

impl Keys {
    /// Takes note of the next record of a partition, of a topic that has so many.
    #[inline]
    pub(crate) fn note(&mut self, key: Option<&[u8]>, at: Timestamp, partition: i32, partitions: i32) {
        self.seen += 1;
        if partitions < 2 {
            return;
        }
        match judge(key, partition, partitions) {
            None => {}
            Some(Misplaced::Keyless) => self.keyless = Some((self.seen, at)),
            Some(how) => {
                // CRC32 and chance agree now and then; one that only chance explains tells more.
                let was_other = self.recent_misplaced() == Some(false);
                self.misplaced = Some((self.seen, how == Misplaced::ByCrc32 && !was_other));
            }
        }
    }

    fn recent_misplaced(&self) -> Option<bool> {
        let (at, is_crc32) = self.misplaced?;
        (self.seen - at < NEWEST).then_some(is_crc32)
    }

    /// What is wrong now.
    pub(crate) fn conditions(&self, topic: &str, partition: i32, now: Timestamp) -> Vec<Condition> {
        let is_recent = |(seen, at): (u64, Timestamp)| self.seen - seen < NEWEST && now - at < RECENT;
        let keyless = self.keyless.filter(|newest| is_recent(*newest));
        let keyless = keyless.map(|_| Condition::RecordWithoutKey {
            topic: topic.to_owned(),
            partition,
        });
        let misplaced = self
            .recent_misplaced()
            .map(|is_crc32| Condition::OtherPartitioner {
                topic: topic.to_owned(),
                partition,
                is_crc32,
            });
        keyless.into_iter().chain(misplaced).collect()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Kafka's own test of its function, `UtilsTest.testMurmur2`.
    #[test]
    fn murmur2_is_kafkas() {
        let cases = [
            ("21", -973_932_308),
            ("foobar", -790_332_482),
            ("a-little-bit-long-string", -985_981_536),
            ("a-little-bit-longer-string", -1_486_304_829),
            ("lkjh234lh9fiuh90y23oiuhsafujhadof229phr9h19h89h8", -58_897_971),
            ("abc", 479_470_107),
        ];
        for (key, expected) in cases {
            assert_eq!(murmur2(key.as_bytes()) as i32, expected, "{key}");
        }
    }

    /// `how` places the records of eight patients among three partitions; the codes of what partition 0 shows.
    fn shown(how: impl Fn(&str, usize) -> (Option<String>, i32), repeats: usize) -> Vec<&'static str> {
        let mut keys = Keys::default();
        for at in 0..repeats {
            for patient in (0..8).map(|patient| format!("p-{patient}")) {
                if let (key, 0) = how(&patient, at) {
                    let key = key.as_ref().map(String::as_bytes);
                    keys.note(key, Timestamp::from_millis(0), 0, 3);
                }
            }
        }
        let conditions = keys.conditions("vitals", 0, Timestamp::from_millis(5_000));
        assert!(conditions.iter().all(|one| one.place() == "vitals/0"));
        conditions.iter().map(Condition::code).collect()
    }

    fn murmur(patient: &str) -> i32 {
        murmur2_partition(patient.as_bytes(), 3)
    }

    fn crc(patient: &str) -> i32 {
        crc32_partition(patient.as_bytes(), 3)
    }

    #[test]
    fn partitioners_are_told_apart() {
        let keyed = |patient: &str, partition| (Some(patient.to_owned()), partition);
        assert!(shown(|patient, _| keyed(patient, murmur(patient)), 9).is_empty());
        assert_eq!(
            shown(|patient, _| keyed(patient, crc(patient)), 9),
            ["other_partitioner"]
        );
        assert_eq!(shown(|patient, _| keyed(patient, 0), 9), ["other_partitioner"]);
        assert_eq!(shown(|_, _| (None, 0), 9), ["record_without_key"]);
        // One producer of two has no keys, and one record of a thousand is enough.
        let once = |patient: &str, at| match at {
            900 => (None, 0),
            _ => keyed(patient, murmur(patient)),
        };
        assert_eq!(shown(once, 901), ["record_without_key"]);
    }

    #[test]
    fn what_was_put_right_is_forgotten() {
        let put_right = |patient: &str, at| {
            let partition = if at == 0 { crc(patient) } else { murmur(patient) };
            (Some(patient.to_owned()), partition)
        };
        assert_eq!(shown(put_right, 20), ["other_partitioner"]);
        assert!(shown(put_right, 1_000).is_empty());
    }

    #[test]
    fn crc32_is_named_only_where_it_explains_everything() {
        let mut keys = Keys::default();
        let name = |keys: &Keys| match &keys.conditions("t", 0, Timestamp::from_millis(0))[..] {
            [Condition::OtherPartitioner { is_crc32, .. }] => Some(*is_crc32),
            _ => None,
        };
        let mut all = (0..).map(|patient| format!("p-{patient}"));
        let mut next = |wanted: fn(&str) -> bool| all.find(|patient| wanted(patient)).unwrap();
        let by_crc = next(|patient| murmur(patient) != 0 && crc(patient) == 0);
        let by_none = next(|patient| murmur(patient) != 0 && crc(patient) != 0);
        for (patient, expected) in [(&by_crc, true), (&by_none, false), (&by_crc, false)] {
            keys.note(Some(patient.as_bytes()), Timestamp::from_millis(0), 0, 3);
            assert_eq!(name(&keys), Some(expected));
        }
    }

    #[test]
    fn with_one_partition_no_key_is_needed() {
        let mut keys = Keys::default();
        keys.note(None, Timestamp::from_millis(0), 0, 1);
        assert!(keys.conditions("vitals", 0, Timestamp::from_millis(0)).is_empty());
    }

    #[test]
    fn a_missing_key_is_forgotten_after_ten_minutes() {
        let mut keys = Keys::default();
        keys.note(None, Timestamp::from_millis(0), 0, 3);
        let later = |seconds: i64| {
            keys.conditions("t", 0, Timestamp::from_millis(seconds * 1_000))
                .len()
        };
        assert_eq!((later(599), later(600)), (1, 0));
    }
}
