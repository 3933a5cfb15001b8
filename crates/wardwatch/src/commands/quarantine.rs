//! `wardwatch quarantine`: what could not be taken, why, and sending it again.

use std::str::FromStr;

use clap::Subcommand;
use serde::Serialize;
use wardwatch_kafka::{QuarantineEntry, quarantined, redrive};

use super::cluster::Cluster;
use super::output::{Output, print, print_json};

/// Arguments of `wardwatch quarantine`.
#[derive(clap::Args)]
pub struct Args {
    #[command(subcommand)]
    action: Action,
}

#[derive(Subcommand)]
enum Action {
    /// List the newest entries: where each lies, why, and where it came from; no patient data
    List {
        #[command(flatten)]
        cluster: Cluster,
        #[command(flatten)]
        choice: Choice,
        /// So many at most
        #[arg(long, default_value_t = 50)]
        most: usize,
        /// How the list is written
        #[arg(long, value_enum, default_value_t)]
        output: Output,
    },
    /// Show one entry whole: patient data
    Show {
        #[command(flatten)]
        cluster: Cluster,
        /// PARTITION:OFFSET in the quarantine topic, as `list` tells it
        place: Place,
    },
    /// Send entries again to where they came from, once the cause is mended; repeats of what was taken do no harm
    Redrive {
        #[command(flatten)]
        cluster: Cluster,
        #[command(flatten)]
        choice: Choice,
        /// PARTITION:OFFSET of the entries; without any, all that --reason and --topic name
        places: Vec<Place>,
        /// Only tell how many there are
        #[arg(long)]
        dry_run: bool,
    },
}

/// Which entries.
#[derive(clap::Args)]
struct Choice {
    /// Only with this reason, such as unknown_code
    #[arg(long)]
    reason: Option<String>,
    /// Only from this topic
    #[arg(long)]
    topic: Option<String>,
}

/// Where an entry lies in the quarantine topic.
#[derive(Clone, Copy, PartialEq, Eq)]
struct Place {
    partition: i32,
    offset: i64,
}

#[derive(Serialize)]
struct Told<'e> {
    place: String,
    at: String,
    #[serde(flatten)]
    headers: &'e std::collections::BTreeMap<String, String>,
    bytes: usize,
    came_back: bool,
}

/// Runs the command.
pub fn run(args: Args) -> anyhow::Result<()> {
    match args.action {
        Action::List {
            cluster,
            choice,
            most,
            output,
        } => {
            let nothing = match choice.is_any() {
                true => "Nothing is in quarantine.\n",
                false => "No entry in quarantine matches.\n",
            };
            list(
                &read(&cluster, most, |entry| choice.names(entry))?,
                output,
                nothing,
            )
        }
        Action::Show { cluster, place } => {
            let found = read(&cluster, 1, |entry| place.is_of(entry))?;
            let entry = found.first().ok_or_else(|| {
                let Place { partition, offset } = place;
                anyhow::anyhow!(
                    "nothing lies at {partition}:{offset}; `wardwatch quarantine list` tells the places"
                )
            })?;
            show(entry)
        }
        Action::Redrive {
            cluster,
            choice,
            places,
            dry_run,
        } => {
            anyhow::ensure!(
                !places.is_empty() || choice.reason.is_some() || choice.topic.is_some(),
                "say which entries: PARTITION:OFFSET, --reason or --topic"
            );
            let wanted = |entry: &QuarantineEntry| {
                choice.names(entry) && (places.is_empty() || places.iter().any(|place| place.is_of(entry)))
            };
            let mut found = read(&cluster, usize::MAX / 4, wanted)?;
            anyhow::ensure!(!found.is_empty(), "no entry in quarantine matches");
            // Of what came back the newest goes, unless an older one is named.
            let named = !places.is_empty();
            found.retain(|entry| named || !entry.came_back);
            let all = found.len();
            found.retain(|entry| !entry.is_cut());
            if !dry_run {
                redrive(&cluster.brokers, &cluster.settings()?, &found)?;
            }
            let verb = if dry_run { "would be sent" } else { "sent" };
            let mut text = format!("{} {verb} again\n", found.len());
            if found.len() < all {
                text.push_str(&format!(
                    "{} not: only the begin of the record is kept; send it from its source\n",
                    all - found.len()
                ));
            }
            print(&text)
        }
    }
}

fn read(
    cluster: &Cluster,
    most: usize,
    wanted: impl Fn(&QuarantineEntry) -> bool,
) -> anyhow::Result<Vec<QuarantineEntry>> {
    Ok(quarantined(
        &cluster.brokers,
        &cluster.settings()?,
        &cluster.topics(),
        most,
        wanted,
    )?)
}

fn list(entries: &[QuarantineEntry], output: Output, nothing: &str) -> anyhow::Result<()> {
    if output == Output::Json {
        let told: Vec<Told<'_>> = entries
            .iter()
            .map(|entry| Told {
                place: entry.place(),
                at: entry.at.to_string(),
                headers: &entry.headers,
                bytes: entry.payload.len(),
                came_back: entry.came_back,
            })
            .collect();
        return print_json(&told);
    }
    let mut text = String::new();
    for entry in entries {
        let header = |name| entry.header(name);
        let some = match (header("readings"), header("vitals")) {
            ("", "") => String::new(),
            ("", vitals) => format!(" [{vitals}]"),
            (readings, _) => format!(" [readings {readings}]"),
        };
        let again = match (entry.came_back, header("redriven_from")) {
            (true, _) => " (sent again, came back)".to_owned(),
            (false, "") => String::new(),
            (false, places) => format!(" (was {places})"),
        };
        text.push_str(&format!(
            "{:<10} {}  {:<16} {}:{}:{}{some}  {}{again}\n",
            entry.place(),
            entry.at,
            header("reason"),
            header("topic"),
            header("partition"),
            header("offset"),
            header("detail"),
        ));
    }
    if entries.is_empty() {
        text.push_str(nothing);
    }
    print(&text)
}

fn show(entry: &QuarantineEntry) -> anyhow::Result<()> {
    let mut text = String::new();
    for (name, value) in &entry.headers {
        text.push_str(&format!("{name}: {value}\n"));
    }
    if let Some(key) = &entry.key {
        text.push_str(&format!("key: {}\n", String::from_utf8_lossy(key)));
    }
    print(&format!("{text}\n{}\n", String::from_utf8_lossy(&entry.payload)))
}

// === impl Choice ===

impl Choice {
    fn is_any(&self) -> bool {
        self.reason.is_none() && self.topic.is_none()
    }

    fn names(&self, entry: &QuarantineEntry) -> bool {
        let is = |wanted: &Option<String>, name| {
            wanted
                .as_deref()
                .is_none_or(|wanted| entry.header(name) == wanted)
        };
        is(&self.reason, "reason") && is(&self.topic, "topic")
    }
}

// === impl Place ===

impl Place {
    fn is_of(self, entry: &QuarantineEntry) -> bool {
        (self.partition, self.offset) == (entry.partition, entry.offset)
    }
}

impl FromStr for Place {
    type Err = &'static str;

    fn from_str(text: &str) -> Result<Self, Self::Err> {
        const SHAPE: &str = "write it as PARTITION:OFFSET, such as 0:17";
        let (partition, offset) = text.split_once(':').ok_or(SHAPE)?;
        Ok(Self {
            partition: partition.parse().map_err(|_| SHAPE)?,
            offset: offset.parse().map_err(|_| SHAPE)?,
        })
    }
}
