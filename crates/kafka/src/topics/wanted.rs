//! What a pipeline needs of its topics, and why.

use wardwatch_event_time::Span;
use wardwatch_pipeline::Pipeline;

use super::TopicNames;

/// A topic as a pipeline needs it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Wanted {
    pub name: String,
    /// Its partitions are the shards, so they must be as many as those of the others.
    pub is_shared: bool,
    pub settings: Vec<Setting>,
}

/// A setting of a topic.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Setting {
    pub name: &'static str,
    pub rule: Rule,
    /// What goes wrong otherwise.
    pub why: &'static str,
}

/// Which values of a setting will do.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) enum Rule {
    /// This one; a list in any order.
    Is(&'static str),
    /// Milliseconds or bytes, at least so many; -1 is without end.
    AtLeast { least: i64, at_creation: i64 },
    /// What a new topic gets; another value will do.
    Usually(i64),
    /// At least one less than the topic has copies, and one.
    AllButOne,
}

const LARGE: i64 = 1_048_588;
const HOUR: i64 = 3_600_000;
const DAY: i64 = 24 * HOUR;

/// After this long without an engine, its state is rebuilt instead of restored.
const AWAY: i64 = DAY;

/// All topics of a pipeline: sources, context, outputs.
pub(crate) fn wanted(pipeline: &Pipeline, names: &TopicNames) -> Vec<Wanted> {
    let append_time = Setting {
        name: "message.timestamp.type",
        rule: Rule::Is("LogAppendTime"),
        why: "time of the log is the broker's; a device's own time would reorder the patients of a shard",
    };
    // What has to be stepped again after a day, and the windows of that time.
    let reach = pipeline.reach();
    let source = |name: &String| Wanted {
        name: name.clone(),
        is_shared: true,
        settings: vec![
            append_time.clone(),
            kept(reach, "windows could not be rebuilt from the log"),
            however_many("windows could not be rebuilt from the log"),
        ],
    };
    let compacted = Setting {
        name: "cleanup.policy",
        rule: Rule::Is("compact"),
        why: "the newest record of a key would be deleted with age",
    };
    let mut topics: Vec<Wanted> = pipeline.sources.iter().map(|from| source(&from.topic)).collect();
    let contexts = names.contexts(pipeline);
    topics.extend(contexts.map(|name| Wanted {
        name: name.to_owned(),
        is_shared: true,
        settings: vec![
            append_time.clone(),
            compacted.clone(),
            Setting {
                name: "min.compaction.lag.ms",
                rule: Rule::AtLeast {
                    least: AWAY,
                    at_creation: 7 * DAY,
                },
                why: "records that a restart steps again would be compacted away",
            },
        ],
    }));
    topics.push(Wanted {
        name: names.commands.clone(),
        is_shared: true,
        settings: vec![
            append_time.clone(),
            kept(reach, "what a restart steps again would be gone"),
            however_many("what a restart steps again would be gone"),
        ],
    });
    topics.push(Wanted {
        name: names.alarms.clone(),
        is_shared: true,
        settings: vec![compacted.clone(), in_sync(), large_records()],
    });
    topics.push(Wanted {
        name: names.journal.clone(),
        is_shared: true,
        settings: vec![
            Setting {
                why: "the engine would not know the brokers' time, and a wrong clock on its host would call patients silent",
                ..append_time
            },
            Setting {
                why: "the last step would be deleted with age, and after a long rest nobody would know what was told",
                ..compacted
            },
            Setting {
                name: "min.compaction.lag.ms",
                rule: Rule::AtLeast {
                    least: AWAY,
                    at_creation: 7 * DAY,
                },
                why: "a restart could not step again what its snapshot lacks",
            },
            // What is older than that goes within two days.
            usually("max.compaction.lag.ms", 8 * DAY),
            usually("segment.ms", DAY),
            in_sync(),
            large_records(),
        ],
    });
    topics.push(Wanted {
        name: names.conditions.clone(),
        is_shared: false,
        settings: vec![
            Setting {
                name: "cleanup.policy",
                rule: Rule::Is("compact"),
                why: "what is wrong now would be deleted with age, and nobody would see it",
            },
            in_sync(),
            large_records(),
        ],
    });
    for (name, days, why) in [
        (
            &names.alerts,
            183,
            "alerts would be gone before anybody asks about them",
        ),
        (&names.scores, 7, "stations could not show scores after a restart"),
        (
            &names.quarantine,
            30,
            "what could not be taken would be gone before the cause is mended",
        ),
    ] {
        topics.push(Wanted {
            name: name.clone(),
            is_shared: false,
            settings: vec![
                Setting {
                    name: "retention.ms",
                    rule: Rule::AtLeast {
                        least: DAY,
                        at_creation: days * DAY,
                    },
                    why,
                },
                in_sync(),
                large_records(),
            ],
        });
    }
    topics
}

fn usually(name: &'static str, value: i64) -> Setting {
    Setting {
        name,
        rule: Rule::Usually(value),
        why: "",
    }
}

/// No limit in bytes that would come before the limit in time.
fn however_many(why: &'static str) -> Setting {
    Setting {
        name: "retention.bytes",
        rule: Rule::Is("-1"),
        why,
    }
}

/// Kafka's default; a topic that takes less could refuse a record for ever.
fn large_records() -> Setting {
    Setting {
        name: "max.message.bytes",
        rule: Rule::AtLeast {
            least: LARGE,
            at_creation: LARGE,
        },
        why: "a record that does not fit would stop its shard",
    }
}

/// Of three copies two have it before it counts as written.
fn in_sync() -> Setting {
    Setting {
        name: "min.insync.replicas",
        rule: Rule::AllButOne,
        why: "what was told could be lost with one broker",
    }
}

/// Kept for a day, and beyond that for as long as windows reach.
fn kept(reach: Span, why: &'static str) -> Setting {
    let least = AWAY + reach.micros() / 1_000;
    Setting {
        name: "retention.ms",
        rule: Rule::AtLeast {
            least,
            at_creation: least.max(7 * DAY),
        },
        why,
    }
}

// === impl Rule ===

impl Rule {
    /// Whether a value will do for a topic of so many copies.
    pub(crate) fn allows(&self, value: &str, copies: i32) -> bool {
        match self {
            Self::Is(wanted) => value == *wanted,
            Self::AtLeast { least, .. } => value
                .parse()
                .is_ok_and(|value: i64| value == -1 || value >= *least),
            Self::Usually(_) => true,
            Self::AllButOne => value.parse().is_ok_and(|value: i32| value >= all_but_one(copies)),
        }
    }

    /// The value that a new topic of so many copies gets.
    pub(crate) fn at_creation(&self, copies: i32) -> String {
        match self {
            Self::Is(wanted) => (*wanted).to_owned(),
            Self::AtLeast { at_creation, .. } => at_creation.to_string(),
            Self::Usually(value) => value.to_string(),
            Self::AllButOne => all_but_one(copies).to_string(),
        }
    }

    /// What would do, in words.
    pub(crate) fn words(&self, copies: i32) -> String {
        match self {
            Self::Is(wanted) => (*wanted).to_owned(),
            Self::AtLeast { least, .. } => format!("at least {least}"),
            Self::Usually(value) => format!("usually {value}"),
            Self::AllButOne => format!("at least {}", all_but_one(copies)),
        }
    }
}

fn all_but_one(copies: i32) -> i32 {
    (copies - 1).max(1)
}
