//! Arguments of every command that speaks to Kafka.

use anyhow::Context;
use clap::builder::NonEmptyStringValueParser;
use wardwatch_kafka::{ClientSettings, TopicNames, check_settings};
use wardwatch_pipeline::Pipeline;

/// What others on the host must not read in a list of its processes.
const SECRET: [&str; 5] = [
    "sasl.password",
    "sasl.oauthbearer.client.secret",
    "ssl.key.password",
    "ssl.key.pem",
    "ssl.keystore.password",
];

/// Where Kafka is, and how it is spoken to.
#[derive(clap::Args)]
pub struct Cluster {
    /// Kafka's bootstrap addresses
    #[arg(long, value_name = "HOST:PORT", env = "WARDWATCH_BROKERS", value_parser = NonEmptyStringValueParser::new())]
    pub brokers: String,
    /// The group whose engines share the shards [default: wardwatch-PIPELINE]
    #[arg(long)]
    group: Option<String>,
    /// Put before the names of the context and output topics, so that several pipelines fit on one cluster
    #[arg(long, value_name = "PREFIX", default_value = "")]
    topic_prefix: String,
    /// A further setting of librdkafka, such as security.protocol=SASL_SSL; may be repeated
    #[arg(long = "kafka", value_name = "NAME=VALUE", value_parser = setting)]
    settings: Vec<(String, String)>,
    /// As --kafka, with the value from a file, such as sasl.password=/run/secrets/kafka-password; may be repeated
    #[arg(long = "kafka-file", value_name = "NAME=FILE", value_parser = setting)]
    files: Vec<(String, String)>,
}

// === impl Cluster ===

impl Cluster {
    pub fn group(&self, pipeline: &Pipeline) -> String {
        let usual = || format!("wardwatch-{}", pipeline.name);
        self.group.clone().unwrap_or_else(usual)
    }

    pub fn topics(&self) -> TopicNames {
        TopicNames::with_prefix(&self.topic_prefix)
    }

    /// Settings of librdkafka: those given, and those read from files.
    pub fn settings(&self) -> anyhow::Result<ClientSettings> {
        for (name, value) in &self.settings {
            anyhow::ensure!(
                !SECRET.contains(&name.as_str()),
                "--kafka {name}=…: whoever lists this host's processes can read it; write it to a file and give --kafka-file {name}=FILE"
            );
            // librdkafka looks for some of them by itself where it is told to.
            if name.ends_with(".location") && value != "probe" {
                std::fs::metadata(value)
                    .with_context(|| format!("--kafka {name}={value}: the file cannot be read"))?;
            }
        }
        let mut all: ClientSettings = self.settings.iter().cloned().collect();
        for (name, file) in &self.files {
            let value = std::fs::read_to_string(file)
                .with_context(|| format!("--kafka-file {name}={file}: the file cannot be read"))?;
            all.insert(name.clone(), value.trim_end_matches(['\r', '\n']).to_owned());
        }
        check_settings(&all)?;
        Ok(all)
    }
}

fn setting(text: &str) -> Result<(String, String), String> {
    let (name, value) = text.split_once('=').ok_or("write it as NAME=VALUE")?;
    Ok((name.to_owned(), value.to_owned()))
}
