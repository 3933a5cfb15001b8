//! Whether the log is still the one that a shard has read: before it goes on, what it knows is held against what is there.
//!
//! ```text
//!   journal: topic, id, where the shard stands ┐                ┌ nothing
//!                                              ├─▶ each topic ─▶│ made again: from its start
//!   cluster: topic, id, start, end             ┘                └ records gone: after them
//! ```
//!
//! BREAK-1: a topic that is another one than before is never read on from an old offset, where the cluster tells ids. Where it
//! does not, a log that ends before the shard's place, or whose records before that place are younger than all that the shard
//! had seen, is another one.

use super::condition::Condition;
use super::facts::LogFacts;
use crate::journal::LogView;

/// A topic that cannot be gone on with from where the shard stands.
#[derive(Clone, Debug, PartialEq)]
pub(crate) struct Break {
    /// Its ordinal among the pipeline's inputs.
    pub topic: u16,
    /// Where it is gone on with.
    pub resume: i64,
    pub condition: Condition,
}

/// What the shard knows of one topic.
#[derive(Clone, Copy, Debug)]
pub(super) struct Known<'k> {
    pub ordinal: u16,
    pub name: &'k str,
    /// The next record to be read; none where nothing of the topic has been read yet.
    pub offset: Option<i64>,
    /// The first record that the broker took after the shard's log time, where that was asked for; see [`needs_times`].
    pub first_younger: Option<i64>,
}

/// Whether a topic's identity has to be told by its records' times, since an id is missing on either side.
pub(super) fn needs_times(view: &LogView, facts: &LogFacts, topic: &str) -> bool {
    let is = facts.topics.get(topic).and_then(|topic| topic.id.as_ref());
    view.topic_ids.get(topic).is_none() || is.is_none()
}

/// Where the log has changed under a shard, by topic.
pub(super) fn breaks(view: &LogView, facts: &LogFacts, shard: i32, known: &[Known<'_>]) -> Vec<Break> {
    known
        .iter()
        .filter_map(|known| broken(view, facts, shard, known))
        .collect()
}

fn broken(view: &LogView, facts: &LogFacts, shard: i32, known: &Known<'_>) -> Option<Break> {
    let now = facts.partition(known.name, shard)?;
    let was = view.topic_ids.get(known.name);
    let is = facts.topics.get(known.name).and_then(|topic| topic.id.as_ref());
    let is_another = match (was, is, known.offset) {
        (Some(was), Some(is), _) => was != is,
        (_, _, Some(offset)) => {
            now.end < offset || known.first_younger.is_some_and(|younger| younger < offset)
        }
        _ => false,
    };
    let (topic, partition) = (known.name.to_owned(), shard);
    if is_another {
        return Some(Break {
            topic: known.ordinal,
            resume: now.start,
            condition: Condition::TopicRecreated { topic, partition },
        });
    }
    let from = known.offset.filter(|offset| now.start > *offset)?;
    Some(Break {
        topic: known.ordinal,
        resume: now.start,
        condition: Condition::RecordsLost {
            topic,
            partition,
            from,
            until: now.start,
        },
    })
}

#[cfg(test)]
mod tests {
    use std::collections::BTreeMap;
    use std::sync::Arc;

    use super::super::facts::{PartitionFacts, TopicFacts};
    use super::*;

    /// Where a topic of this id begins and ends now, held against what the shard knows of it.
    fn found(
        was: Option<&str>,
        (is, start, end): (Option<&str>, i64, i64),
        offset: Option<i64>,
        first_younger: Option<i64>,
    ) -> String {
        let view = LogView {
            topic_ids: Arc::new(
                was.map(|id| ("vitals".to_owned(), id.to_owned()))
                    .into_iter()
                    .collect(),
            ),
            ..LogView::default()
        };
        let topic = TopicFacts {
            id: is.map(str::to_owned),
            partitions: 1,
        };
        let stable = end;
        let facts = LogFacts {
            topics: [("vitals".to_owned(), topic)].into(),
            partitions: [(("vitals".to_owned(), 0), PartitionFacts { start, stable, end })].into(),
        };
        let known = Known {
            ordinal: 0,
            name: "vitals",
            offset,
            first_younger: first_younger.filter(|_| needs_times(&view, &facts, "vitals")),
        };
        match &breaks(&view, &facts, 0, &[known])[..] {
            [] => "goes on".to_owned(),
            [one] => format!("{} from {}", one.condition.code(), one.resume),
            more => panic!("{more:?}"),
        }
    }

    #[test]
    fn every_way_in_which_a_log_may_have_changed() {
        let (a, b) = (Some("A"), Some("B"));
        let cases = [
            ("the same, longer", a, (a, 0, 90), Some(60), None, "goes on"),
            (
                "the same, read to its end",
                a,
                (a, 0, 60),
                Some(60),
                None,
                "goes on",
            ),
            (
                "the same, old records gone",
                a,
                (a, 60, 90),
                Some(60),
                None,
                "goes on",
            ),
            (
                "made again, longer",
                a,
                (b, 0, 80),
                Some(60),
                None,
                "topic_recreated from 0",
            ),
            (
                "made again, as long",
                a,
                (b, 0, 60),
                Some(60),
                None,
                "topic_recreated from 0",
            ),
            (
                "made again, shorter",
                a,
                (b, 0, 9),
                Some(60),
                None,
                "topic_recreated from 0",
            ),
            (
                "made again, empty",
                a,
                (b, 0, 0),
                Some(60),
                None,
                "topic_recreated from 0",
            ),
            (
                "made again, and cut since",
                a,
                (b, 5, 80),
                Some(60),
                None,
                "topic_recreated from 5",
            ),
            (
                "made again, never read before",
                a,
                (b, 0, 80),
                None,
                None,
                "topic_recreated from 0",
            ),
            (
                "unread records gone",
                a,
                (a, 55, 80),
                Some(20),
                None,
                "records_lost from 55",
            ),
            (
                "all records gone",
                a,
                (a, 80, 80),
                Some(20),
                None,
                "records_lost from 80",
            ),
            (
                "one record gone",
                a,
                (a, 21, 80),
                Some(20),
                None,
                "records_lost from 21",
            ),
            (
                "never read, old records gone",
                a,
                (a, 55, 80),
                None,
                None,
                "goes on",
            ),
            (
                "no ids: longer",
                None,
                (None, 0, 90),
                Some(60),
                Some(60),
                "goes on",
            ),
            (
                "no ids: nothing younger",
                None,
                (None, 0, 60),
                Some(60),
                None,
                "goes on",
            ),
            (
                "no ids: shorter",
                None,
                (None, 0, 9),
                Some(60),
                Some(0),
                "topic_recreated from 0",
            ),
            (
                "no ids: longer and younger",
                None,
                (None, 0, 80),
                Some(60),
                Some(0),
                "topic_recreated from 0",
            ),
            (
                "no ids: unread gone",
                None,
                (None, 55, 80),
                Some(20),
                Some(55),
                "records_lost from 55",
            ),
            (
                "an id that is new to the journal",
                None,
                (b, 0, 80),
                Some(60),
                Some(60),
                "goes on",
            ),
            (
                "an id that is new, and younger records",
                None,
                (b, 0, 80),
                Some(60),
                Some(0),
                "topic_recreated from 0",
            ),
            (
                "an id that is no longer told",
                a,
                (None, 0, 80),
                Some(60),
                Some(60),
                "goes on",
            ),
        ];
        for (what, was, is, offset, younger, expected) in cases {
            assert_eq!(found(was, is, offset, younger), expected, "{what}");
        }
    }

    #[test]
    fn a_topic_that_is_not_there_is_no_reason_to_begin_anew() {
        let known = Known {
            ordinal: 0,
            name: "vitals",
            offset: Some(7),
            first_younger: None,
        };
        let facts = LogFacts {
            topics: BTreeMap::new(),
            partitions: BTreeMap::new(),
        };
        assert_eq!(breaks(&LogView::default(), &facts, 0, &[known]), []);
    }
}
