//! `wardwatch topics`: what a pipeline needs on the cluster, and doing it.

use std::path::PathBuf;
use std::process::ExitCode;

use clap::Subcommand;
use serde::Serialize;
use wardwatch_kafka::{Acl, Plan, Size, acls, apply_plan, plan_topics};
use wardwatch_pipeline::Pipeline;

use super::cluster::Cluster;
use super::models::ModelsFolder;
use super::output::{Output, print, print_json};

/// Arguments of `wardwatch topics`.
#[derive(clap::Args)]
pub struct Args {
    #[command(subcommand)]
    action: Action,
}

#[derive(Subcommand)]
enum Action {
    /// Tell what is missing or wrong, and the permissions of each role; change nothing
    Plan(Of),
    /// Create what is missing and set what is wrong
    Apply(Of),
}

#[derive(clap::Args)]
struct Of {
    /// The pipeline's file
    pipeline: PathBuf,
    #[command(flatten)]
    models: ModelsFolder,
    #[command(flatten)]
    cluster: Cluster,
    /// Partitions of topics that do not exist yet, where the pipeline has none to go by
    #[arg(long, default_value_t = 12, value_parser = clap::value_parser!(i32).range(1..=10_000))]
    partitions: i32,
    /// How many brokers keep each topic that is created
    #[arg(long, default_value_t = 3, value_parser = clap::value_parser!(i32).range(1..=100))]
    replication: i32,
    /// How the plan is written
    #[arg(long, value_enum, default_value_t)]
    output: Output,
}

#[derive(Serialize)]
struct Told<'a> {
    #[serde(flatten)]
    plan: &'a Plan,
    permissions: &'a [Acl],
}

/// Runs the command.
pub fn run(args: Args) -> anyhow::Result<ExitCode> {
    let (of, applies) = match args.action {
        Action::Plan(of) => (of, false),
        Action::Apply(of) => (of, true),
    };
    let pipeline = of.models.load(&of.pipeline)?;
    let plan = of.plan(&pipeline)?;
    of.tell(&pipeline, &plan)?;
    if !applies {
        let is_done = plan.changes.is_empty();
        return Ok(ExitCode::from(if is_done { 0 } else { crate::failure::INVALID }));
    }
    apply_plan(&of.cluster.brokers, &of.cluster.settings()?, &plan)?;
    let left = of.plan(&pipeline)?;
    if let Some(change) = left.changes.first() {
        anyhow::bail!("it is not done: {change}");
    }
    if !plan.changes.is_empty() {
        print("Done.\n")?;
    }
    Ok(ExitCode::SUCCESS)
}

// === impl Of ===

impl Of {
    fn plan(&self, pipeline: &Pipeline) -> anyhow::Result<Plan> {
        let size = Size {
            partitions: self.partitions,
            replication: self.replication,
        };
        let cluster = &self.cluster;
        Ok(plan_topics(
            &cluster.brokers,
            &cluster.settings()?,
            pipeline,
            &cluster.topics(),
            size,
        )?)
    }

    fn tell(&self, pipeline: &Pipeline, plan: &Plan) -> anyhow::Result<()> {
        let permissions = acls(pipeline, &self.cluster.topics(), &self.cluster.group(pipeline));
        if self.output == Output::Json {
            let told = Told {
                plan,
                permissions: &permissions,
            };
            return print_json(&told);
        }
        let mut text = String::new();
        if plan.changes.is_empty() {
            text.push_str("Every topic is as the pipeline needs it.\n");
        }
        for change in &plan.changes {
            text.push_str(&format!("- {change}\n"));
        }
        for topic in &plan.unseen {
            text.push_str(&format!(
                "? topic {topic}: its settings cannot be seen; allow DescribeConfigs\n"
            ));
        }
        text.push_str("\nPermissions, as kafka-acls --add takes them:\n");
        for permission in &permissions {
            text.push_str(&format!("  {permission}\n"));
        }
        print(&text)
    }
}
