//! The commands, a file each.

mod audit;
mod backtest;
mod cluster;
mod completions;
mod demo;
mod doctor;
mod engine;
mod explain;
mod graph;
mod init;
mod inputs;
mod metrics;
mod models;
mod output;
mod plan;
mod quarantine;
mod record;
mod replay;
mod rollback;
mod schema;
mod sql;
mod tap;
mod test;
mod topics;
mod validate;
mod watch;

use std::process::ExitCode;

use clap::Subcommand;

/// What to do.
#[derive(Subcommand)]
pub enum Command {
    /// Derive an alert again, and show what led to it
    Audit(audit::Args),
    /// Tell what a pipeline would have told over recorded data, and how right it would have been
    Backtest(backtest::Args),
    /// Print a script that lets a shell complete commands
    Completions(completions::Args),
    /// Show a ward on a page: an embedded broker, simulated beds and replayed charting
    Demo(demo::Args),
    /// Look whether an engine could run here, and what is in its way
    Doctor(doctor::Args),
    /// Run a pipeline on Kafka
    Engine(engine::Args),
    /// Tell in plain words what a pipeline does
    Explain(explain::Args),
    /// Draw what reads what in a pipeline
    Graph(graph::Args),
    /// Write a commented pipeline to start from, with a test
    Init(init::Args),
    /// Tell what an edit of a pipeline does to the ward
    Plan(plan::Args),
    /// See what could not be taken, and send it again
    Quarantine(quarantine::Args),
    /// Copy what devices have sent from Kafka into a file, for back-tests
    Record(record::Args),
    /// Run files through a pipeline as if they came from Kafka
    Replay(replay::Args),
    /// Let a pipeline's file say again what ran before
    Rollback(rollback::Args),
    /// Print the JSON Schema of pipelines, for editors
    Schema(schema::Args),
    /// Try SQL, with all functions of Wardwatch
    Sql(sql::Args),
    /// Show live records of any stage, of one patient or alarm; patient data
    Tap(tap::Args),
    /// Run the tests beside pipelines
    Test(test::Args),
    /// Create and check the topics that a pipeline needs
    Topics(topics::Args),
    /// Check pipelines and tell everything that is wrong with them
    Validate(validate::Args),
}

// === impl Command ===

impl Command {
    /// Runs the command.
    ///
    /// # Errors
    /// The command's own; see [`crate::failure`] for how they end.
    pub fn run(self) -> anyhow::Result<ExitCode> {
        match self {
            Self::Audit(args) => audit::run(args),
            Self::Backtest(args) => backtest::run(args),
            Self::Completions(args) => completions::run(args).map(|()| ExitCode::SUCCESS),
            Self::Demo(args) => demo::run(args).map(|()| ExitCode::SUCCESS),
            Self::Doctor(args) => doctor::run(args),
            Self::Engine(args) => engine::run(args).map(|()| ExitCode::SUCCESS),
            Self::Explain(args) => explain::run(args).map(|()| ExitCode::SUCCESS),
            Self::Graph(args) => graph::run(args).map(|()| ExitCode::SUCCESS),
            Self::Init(args) => init::run(args).map(|()| ExitCode::SUCCESS),
            Self::Plan(args) => plan::run(args).map(|()| ExitCode::SUCCESS),
            Self::Quarantine(args) => quarantine::run(args).map(|()| ExitCode::SUCCESS),
            Self::Record(args) => record::run(args).map(|()| ExitCode::SUCCESS),
            Self::Replay(args) => replay::run(args),
            Self::Rollback(args) => rollback::run(args).map(|()| ExitCode::SUCCESS),
            Self::Schema(args) => schema::run(args).map(|()| ExitCode::SUCCESS),
            Self::Sql(args) => sql::run(args).map(|()| ExitCode::SUCCESS),
            Self::Tap(args) => tap::run(args).map(|()| ExitCode::SUCCESS),
            Self::Test(args) => test::run(args),
            Self::Topics(args) => topics::run(args),
            Self::Validate(args) => validate::run(args),
        }
    }
}
