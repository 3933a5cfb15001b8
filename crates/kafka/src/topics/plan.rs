//! What is to be done so that topics are as a pipeline needs them.

use std::collections::BTreeMap;
use std::fmt;

use serde::Serialize;

use super::Size;
use super::wanted::Wanted;

/// A topic as it is on the cluster.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub(crate) struct Found {
    pub partitions: usize,
    /// Of the partition that has fewest.
    pub copies: i32,
    /// None where the cluster does not tell, or not to this user.
    pub settings: Option<BTreeMap<String, String>>,
}

/// What is to be done.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize)]
pub struct Plan {
    /// In the order of the topics.
    pub changes: Vec<Change>,
    /// Topics whose settings could not be seen.
    pub unseen: Vec<String>,
}

/// One thing to be done.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
#[serde(tag = "change", rename_all = "snake_case")]
pub enum Change {
    /// The topic does not exist.
    Create {
        /// Its name.
        topic: String,
        /// How many partitions it gets.
        partitions: i32,
        /// How many brokers keep it.
        replication: i32,
        /// Its settings.
        settings: BTreeMap<String, String>,
    },
    /// A setting cannot keep the promise.
    Set {
        /// The topic.
        topic: String,
        /// The setting.
        setting: String,
        /// What it is.
        is: String,
        /// What would do.
        needed: String,
        /// What to set it to.
        to: String,
        /// What goes wrong otherwise.
        why: String,
    },
    /// The topic has another number of partitions. Nothing can be done by itself: patients would move.
    Repartition {
        /// The topic.
        topic: String,
        /// What it has.
        found: usize,
        /// The topic that it is compared with: the journal, where there is one.
        first: String,
        /// What that one has.
        expected: usize,
    },
}

// === impl Plan ===

impl Plan {
    /// Compares; `found` are the topics that exist, by name.
    pub(crate) fn new(wanted: &[Wanted], found: &BTreeMap<String, Found>, size: Size) -> Self {
        // The journal is the last of them: where there is one, it says how many shards there are.
        let shared = wanted.iter().filter(|topic| topic.is_shared);
        let first = shared
            .filter_map(|topic| Some((&topic.name, found.get(&topic.name)?.partitions)))
            .next_back();
        let partitions = first.map_or(size.partitions, |(_, partitions)| partitions as i32);
        let mut plan = Self::default();
        for topic in wanted {
            let Some(found) = found.get(&topic.name) else {
                let settings = topic.settings.iter();
                plan.changes.push(Change::Create {
                    topic: topic.name.clone(),
                    partitions,
                    replication: size.replication,
                    settings: settings
                        .map(|setting| {
                            (
                                setting.name.to_owned(),
                                setting.rule.at_creation(size.replication),
                            )
                        })
                        .collect(),
                });
                continue;
            };
            if let Some((first, expected)) =
                first.filter(|(_, count)| topic.is_shared && found.partitions != *count)
            {
                plan.changes.push(Change::Repartition {
                    topic: topic.name.clone(),
                    found: found.partitions,
                    first: first.clone(),
                    expected,
                });
            }
            plan.compare(topic, found);
        }
        plan
    }

    fn compare(&mut self, topic: &Wanted, found: &Found) {
        let Some(settings) = &found.settings else {
            self.unseen.push(topic.name.clone());
            return;
        };
        for setting in &topic.settings {
            let is = settings.get(setting.name).map_or("", String::as_str);
            if !setting.rule.allows(is, found.copies) {
                self.changes.push(Change::Set {
                    topic: topic.name.clone(),
                    setting: setting.name.to_owned(),
                    is: is.to_owned(),
                    needed: setting.rule.words(found.copies),
                    to: setting.rule.at_creation(found.copies),
                    why: setting.why.to_owned(),
                });
            }
        }
    }
}

impl fmt::Display for Change {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Create {
                topic,
                partitions,
                replication,
                settings,
            } => {
                write!(
                    f,
                    "create topic {topic}: {partitions} partitions, {replication} copies"
                )?;
                settings
                    .iter()
                    .try_for_each(|(name, value)| write!(f, ", {name}={value}"))
            }
            Self::Set {
                topic,
                setting,
                is,
                needed,
                why,
                ..
            } => write!(
                f,
                "topic {topic}: {setting} is {is} and must be {needed}; otherwise {why}"
            ),
            Self::Repartition {
                topic,
                found,
                first,
                expected,
            } => write!(
                f,
                "topic {topic} has {found} partitions and {first} has {expected}; sources, context, commands, alarms and journal need \
                 equally many: create {topic} anew, and send again what it holds"
            ),
        }
    }
}

#[cfg(test)]
mod tests {
    use std::path::Path;

    use wardwatch_pipeline::Pipeline;

    use super::super::TopicNames;
    use super::super::wanted::wanted;
    use super::*;

    const PIPELINE: &str = r#"
pipeline: small
version: 1
sources: [{ name: bedside, topic: vitals.bedside, format: observation-json }]
time: { lateness: 2m, hold: 0s, grace: 1s, future_skew: 10s, silent_after: 60s, forget_after: 24h }
features: [{ name: day, window: 24h, every: 15m, sql: "SELECT patient_id, avg(spo2) AS mean FROM vitals GROUP BY patient_id" }]
"#;
    const SIZE: Size = Size {
        partitions: 12,
        replication: 3,
    };

    fn needed() -> Vec<Wanted> {
        let pipeline = Pipeline::parse(PIPELINE, Path::new("models")).unwrap();
        wanted(&pipeline, &TopicNames::default())
    }

    /// As a plan without any would create them.
    fn as_created() -> BTreeMap<String, Found> {
        let changes = Plan::new(&needed(), &BTreeMap::new(), SIZE).changes;
        let found = changes.into_iter().map(|change| match change {
            Change::Create {
                topic,
                partitions,
                replication,
                settings,
            } => (
                topic,
                Found {
                    partitions: partitions as usize,
                    copies: replication,
                    settings: Some(settings),
                },
            ),
            other => panic!("{other}"),
        });
        found.collect()
    }

    #[test]
    fn what_is_created_is_as_needed() {
        assert_eq!(as_created().len(), 9);
        assert_eq!(Plan::new(&needed(), &as_created(), SIZE), Plan::default());
    }

    #[test]
    fn each_shortcoming_is_told_with_its_setting() {
        let told = |spoil: &dyn Fn(&mut BTreeMap<String, Found>)| {
            let mut found = as_created();
            spoil(&mut found);
            let plan = Plan::new(&needed(), &found, SIZE);
            assert_eq!(plan.changes.len(), 1, "{plan:?}");
            plan.changes[0].to_string()
        };
        let set = |topic: &'static str, setting: &'static str, value: &'static str| {
            told(&move |found| {
                let topic = found.get_mut(topic).unwrap();
                topic
                    .settings
                    .as_mut()
                    .unwrap()
                    .insert(setting.to_owned(), value.to_owned());
            })
        };
        // A day away, and two windows of a day.
        let short = set("vitals.bedside", "retention.ms", "86400000");
        assert!(
            short.contains("retention.ms is 86400000 and must be at least 26"),
            "{short}"
        );
        assert!(set("context", "message.timestamp.type", "CreateTime").contains("must be LogAppendTime"));
        assert!(set("alarms", "cleanup.policy", "delete").contains("must be compact"));
        assert!(set("journal", "min.compaction.lag.ms", "1000").contains("a restart could not step again"));
        assert!(
            set("journal", "cleanup.policy", "compact,delete").contains("the last step would be deleted")
        );
        assert!(set("alerts", "min.insync.replicas", "1").contains("must be at least 2"));
        assert!(set("vitals.bedside", "retention.bytes", "1000").contains("must be -1"));
        assert!(set("alerts", "retention.ms", "1000").contains("before anybody asks"));
        assert!(set("journal", "max.message.bytes", "1000").contains("would stop its shard"));
        let uneven = told(&|found| found.get_mut("vitals.bedside").unwrap().partitions = 13);
        assert!(
            uneven.starts_with("topic vitals.bedside has 13 partitions and journal has 12"),
            "{uneven}"
        );
        let missing = told(&|found| drop(found.remove("alerts")));
        assert!(
            missing.starts_with("create topic alerts: 12 partitions, 3 copies"),
            "{missing}"
        );
    }

    #[test]
    fn settings_that_cannot_be_seen_are_told() {
        let mut found = as_created();
        found.get_mut("scores").unwrap().settings = None;
        let plan = Plan::new(&needed(), &found, SIZE);
        assert_eq!((plan.changes.len(), plan.unseen), (0, vec!["scores".to_owned()]));
    }

    #[test]
    fn each_writer_of_context_has_a_compacted_topic_of_its_own() {
        let context = "context: [{ name: adt, topic: hospital.adt }, { name: charting, topic: context.charting }]\ntime:";
        let pipeline = Pipeline::parse(&PIPELINE.replace("time:", context), Path::new("models")).unwrap();
        let names = TopicNames::with_prefix("ward-7.");
        let inputs = names.inputs(&pipeline);
        assert_eq!(
            inputs,
            [
                "vitals.bedside",
                "hospital.adt",
                "context.charting",
                "ward-7.alerts.commands"
            ]
        );
        let plan = Plan::new(&wanted(&pipeline, &names), &BTreeMap::new(), SIZE);
        let created: Vec<String> = plan.changes.iter().map(ToString::to_string).collect();
        for topic in ["hospital.adt", "context.charting"] {
            let made = created
                .iter()
                .find(|told| told.starts_with(&format!("create topic {topic}: 12 partitions")));
            let made = made.unwrap_or_else(|| panic!("{topic}: {created:?}"));
            assert!(
                made.contains("cleanup.policy=compact") && made.contains("min.compaction.lag.ms"),
                "{made}"
            );
        }
        assert!(
            !created.iter().any(|told| told.contains("ward-7.context")),
            "{created:?}"
        );
    }
}
