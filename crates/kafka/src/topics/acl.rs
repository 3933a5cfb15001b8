//! What each role may do on the cluster, and no more.

use std::fmt;

use wardwatch_pipeline::Pipeline;

use super::TopicNames;
use crate::reader::GROUP;

/// One permission, as `kafka-acls` takes it.
#[derive(Clone, Debug, PartialEq, Eq, serde::Serialize)]
pub struct Acl {
    /// Who: `engine`, `station`, `producer`, or `operator` (`wardwatch quarantine` and `wardwatch audit`).
    pub role: &'static str,
    /// `topic`, `group` or `transactional-id`.
    pub resource: &'static str,
    /// The resource's name.
    pub name: String,
    /// Whether the name is only how it begins.
    pub is_prefix: bool,
    /// What may be done.
    pub operations: &'static [&'static str],
}

/// The permissions of every role of a pipeline.
pub fn acls(pipeline: &Pipeline, names: &TopicNames, group: &str) -> Vec<Acl> {
    let topic = |role, name: &str, operations| Acl {
        role,
        resource: "topic",
        name: name.to_owned(),
        is_prefix: false,
        operations,
    };
    let mut all = Vec::new();
    for name in names.inputs(pipeline) {
        all.push(topic("engine", name, &["Read", "DescribeConfigs"]));
    }
    for name in names.outputs() {
        all.push(topic("engine", name, &["Write", "DescribeConfigs"]));
    }
    // What it goes on from after a restart.
    for name in [&names.journal, &names.alarms, &names.conditions] {
        all.push(topic("engine", name, &["Read"]));
    }
    for (role, group) in [("engine", group), ("station", GROUP), ("operator", GROUP)] {
        all.push(Acl {
            role,
            resource: "group",
            name: group.to_owned(),
            is_prefix: false,
            operations: &["Read"],
        });
    }
    all.push(Acl {
        role: "engine",
        resource: "transactional-id",
        name: format!("{group}-"),
        is_prefix: true,
        operations: &["Write", "Describe"],
    });
    for name in [
        &names.alerts,
        &names.alarms,
        &names.scores,
        &names.journal,
        &names.conditions,
    ] {
        all.push(topic("station", name, &["Read"]));
    }
    all.push(topic("station", &names.commands, &["Write"]));
    for name in names.inputs(pipeline) {
        if *name != names.commands {
            all.push(topic("producer", name, &["Write"]));
        }
        all.push(topic("operator", name, &["Read", "Write"]));
    }
    for name in [&names.alerts, &names.journal, &names.quarantine] {
        all.push(topic("operator", name, &["Read"]));
    }
    all
}

impl fmt::Display for Acl {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(
            f,
            "--allow-principal User:{} --{} {}",
            self.role, self.resource, self.name
        )?;
        if self.is_prefix {
            write!(f, " --resource-pattern-type prefixed")?;
        }
        self.operations
            .iter()
            .try_for_each(|operation| write!(f, " --operation {operation}"))
    }
}
