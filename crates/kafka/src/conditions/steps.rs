//! What the newest steps in the journal say about clocks and versions.

use std::collections::{BTreeMap, BTreeSet};

use wardwatch_event_time::{Span, Timestamp};

use super::condition::Condition;
use super::stamps::minus;
use crate::journal::LogView;

/// How far clocks may be apart before somebody should look; a step is taken by the broker some time after it was made.
pub(crate) const APART: Span = Span::from_secs(2);

/// After which time without a step an engine does not run.
pub(crate) const STALE: Span = Span::from_secs(15);

/// A shard's newest step.
#[derive(Clone, Debug, Default, PartialEq)]
pub(crate) struct NewestStep {
    /// When the broker took its record.
    pub taken: Timestamp,
    /// What the engine's clock read.
    pub at: Timestamp,
    pub version: u32,
    pub edit_refused: bool,
    /// What the shard took the log for, how far it had come by topic, and its log time.
    pub log: LogView,
    pub offsets: BTreeMap<String, i64>,
    pub log_time: Timestamp,
}

/// The newest steps, by shard.
pub(crate) type NewestSteps = BTreeMap<i32, NewestStep>;

/// How far clocks are apart: this host's from the brokers', and each broker's from that of the engine whose steps it takes.
pub(crate) fn clocks(newest: &NewestSteps, journal: &str, host: Timestamp) -> Vec<Condition> {
    let last = newest.values().map(|step| step.taken).max();
    let behind = last.map(|taken| host - taken).filter(|ago| *ago < minus(APART));
    let of_host = behind.map(|ahead| Condition::HostClock {
        host: "this host",
        ahead,
    });
    let of_leaders = live(newest, last.unwrap_or(host).max(host)).filter_map(|(shard, step)| {
        let ahead = step.taken - step.at;
        (ahead > APART || ahead < minus(APART)).then(|| Condition::BrokerClock {
            topic: journal.to_owned(),
            partition: *shard,
            ahead,
        })
    });
    of_host.into_iter().chain(of_leaders).collect()
}

/// Whether one version of the pipeline runs, and is not on its way to another.
pub(crate) fn versions(newest: &NewestSteps, now: Timestamp) -> Vec<Condition> {
    let versions: BTreeSet<u32> = live(newest, now).map(|(_, step)| step.version).collect();
    let differ = (versions.len() > 1).then(|| Condition::Versions {
        versions: versions.into_iter().collect(),
    });
    let refused = live(newest, now)
        .any(|(_, step)| step.edit_refused)
        .then_some(Condition::EditRefused);
    differ.into_iter().chain(refused).collect()
}

/// The steps of shards that run.
pub(crate) fn live(newest: &NewestSteps, now: Timestamp) -> impl Iterator<Item = (&i32, &NewestStep)> {
    newest.iter().filter(move |(_, step)| now - step.taken <= STALE)
}

#[cfg(test)]
mod tests {
    use super::*;

    const NOW: i64 = 100_000;

    fn step(taken: i64, at: i64, version: u32) -> NewestStep {
        NewestStep {
            taken: Timestamp::from_millis(taken),
            at: Timestamp::from_millis(at),
            version,
            ..NewestStep::default()
        }
    }

    fn shown(found: &[Condition]) -> String {
        let shown = |one: &Condition| format!("{} {}", one.code(), one.place());
        found.iter().map(shown).collect::<Vec<_>>().join(", ")
    }

    #[test]
    fn clocks_that_are_apart_are_found_each() {
        let cases = [
            ("agree", vec![(NOW - 500, NOW - 480)], ""),
            (
                "this host is behind",
                vec![(NOW + 3_000, NOW + 3_000)],
                "host_clock this host",
            ),
            (
                "a leader is ahead",
                vec![(NOW, NOW), (NOW + 800, NOW - 3_000)],
                "broker_clock journal/1",
            ),
            (
                "a leader is behind",
                vec![(NOW - 5_000, NOW), (NOW, NOW)],
                "broker_clock journal/0",
            ),
            ("long ago", vec![(NOW - 60_000, NOW)], ""),
            ("nothing ran yet", vec![], ""),
        ];
        for (what, steps, expected) in cases {
            let steps = steps.iter().map(|(taken, at)| step(*taken, *at, 1));
            let newest: NewestSteps = (0..).zip(steps).collect();
            let found = clocks(&newest, "journal", Timestamp::from_millis(NOW));
            assert_eq!(shown(&found), expected, "{what}");
        }
    }

    #[test]
    fn one_version_runs_or_it_is_told() {
        let now = Timestamp::from_millis(NOW);
        let found = |steps: &[NewestStep]| shown(&versions(&(0..).zip(steps.iter().cloned()).collect(), now));
        assert_eq!(found(&[step(NOW, NOW, 1), step(NOW, NOW, 1)]), "");
        assert_eq!(
            found(&[step(NOW, NOW, 1), step(NOW, NOW, 2)]),
            "versions_differ pipeline"
        );
        // What ended long ago runs no version.
        assert_eq!(found(&[step(NOW, NOW, 1), step(NOW - 60_000, NOW, 2)]), "");
        let refused = NewestStep {
            edit_refused: true,
            ..step(NOW, NOW, 1)
        };
        assert_eq!(found(&[refused]), "edit_refused pipeline");
    }
}
