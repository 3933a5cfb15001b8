//! Transactions that stay open: readers of committed records see nothing from the last stable offset on, whoever wrote it.
//!
//! Short transactions come and go, and the last stable offset moves with them. One that stands still, with records behind it, for
//! [`PATIENCE`] holds others up.

use std::collections::BTreeMap;
use std::time::{Duration, Instant};

use super::condition::Condition;
use super::facts::{LogFacts, PartitionFacts};

/// For so long records may be hidden before somebody is told.
pub(crate) const PATIENCE: Duration = Duration::from_secs(5);

/// The partitions that show less than they hold.
#[derive(Clone, Debug, Default)]
pub(crate) struct Stalls {
    of: BTreeMap<(String, i32), Stall>,
}

#[derive(Clone, Copy, Debug)]
struct Stall {
    /// The last stable offset, which has not moved.
    stable: i64,
    since: Instant,
    /// It was held up for too long.
    is_held: bool,
    /// It no longer stands still. What it hid may be on its way to the shard yet, so it counts as held until the next look.
    is_over: bool,
}

// === impl Stalls ===

impl Stalls {
    /// Takes in a look at partitions; those that were not looked at are forgotten.
    pub(crate) fn look(&mut self, facts: &LogFacts, now: Instant) {
        let before = std::mem::take(&mut self.of);
        for (place, found) in &facts.partitions {
            if let Some(stall) = next(before.get(place), *found, now) {
                self.of.insert(place.clone(), stall);
            }
        }
    }

    /// Whether a partition holds records that have not come to the shard, for too long.
    pub(crate) fn is_held(&self, topic: &str, partition: i32) -> bool {
        let stall = self.of.get(&(topic.to_owned(), partition));
        stall.is_some_and(|stall| stall.is_held)
    }

    /// What is told.
    pub(crate) fn conditions(&self) -> Vec<Condition> {
        let told = self
            .of
            .iter()
            .filter(|(_, stall)| stall.is_held && !stall.is_over);
        let told = told.map(|((topic, partition), stall)| Condition::OpenTransaction {
            topic: topic.clone(),
            partition: *partition,
            offset: stall.stable,
        });
        told.collect()
    }
}

fn next(before: Option<&Stall>, found: PartitionFacts, now: Instant) -> Option<Stall> {
    let stands = before.filter(|before| before.stable == found.stable && !before.is_over);
    let held = before.filter(|before| before.is_held && !before.is_over);
    if found.stable >= found.end || (held.is_some() && stands.is_none()) {
        return held.map(|held| Stall {
            is_over: true,
            ..*held
        });
    }
    let since = stands.map_or(now, |stands| stands.since);
    Some(Stall {
        stable: found.stable,
        since,
        is_held: now.duration_since(since) >= PATIENCE,
        is_over: false,
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Looks once a second at (stable, end); what each look says: `.` nothing, `h` held, `T` held and told.
    #[allow(clippy::disallowed_methods, reason = "an instant to count from")]
    fn course(looks: &[(i64, i64)]) -> String {
        let begun = Instant::now();
        let mut stalls = Stalls::default();
        let mut shown = String::new();
        for (second, (stable, end)) in (0..).zip(looks) {
            let found = PartitionFacts {
                start: 0,
                stable: *stable,
                end: *end,
            };
            let facts = LogFacts {
                partitions: [(("vitals".to_owned(), 0), found)].into(),
                ..LogFacts::default()
            };
            stalls.look(&facts, begun + Duration::from_secs(second));
            shown.push(match (stalls.is_held("vitals", 0), stalls.conditions().len()) {
                (true, 1) => 'T',
                (true, _) => 'h',
                _ => '.',
            });
        }
        shown
    }

    #[test]
    fn what_stands_still_for_five_seconds_is_told() {
        let hangs: Vec<(i64, i64)> = (0..9).map(|second| (10, 11 + second)).collect();
        assert_eq!(course(&hangs), ".....TTTT");
        // Nothing came after its beginning: still, what it holds itself is hidden.
        assert_eq!(course(&[(10, 11); 7]), ".....TT");
    }

    #[test]
    fn transactions_that_come_and_go_hold_up_nothing() {
        let busy: Vec<(i64, i64)> = (0..20).map(|second| (10 + second, 13 + second)).collect();
        assert_eq!(course(&busy), "....................");
        assert_eq!(
            course(&[(10, 12), (10, 12), (12, 12), (12, 14), (12, 14), (14, 14)]),
            "......"
        );
    }

    /// What was hidden is on its way to the shard when the end is seen: one look more counts as held.
    #[test]
    fn its_end_is_waited_for() {
        let mut looks = vec![(10, 12); 6];
        looks.extend([(12, 12), (12, 12), (12, 12)]);
        assert_eq!(course(&looks), ".....Th..");
        // The next one that hangs begins at once.
        let mut looks = vec![(10, 12); 6];
        looks.extend([(12, 20); 8]);
        assert_eq!(course(&looks), ".....Th.....TT");
    }
}
