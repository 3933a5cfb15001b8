//! Arguments of every command that speaks to Kafka.

use clap::builder::NonEmptyStringValueParser;
use wardwatch_kafka::{ClientSettings, TopicNames};
use wardwatch_pipeline::Pipeline;

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

    pub fn settings(&self) -> ClientSettings {
        self.settings.iter().cloned().collect()
    }
}

fn setting(text: &str) -> Result<(String, String), String> {
    let (name, value) = text.split_once('=').ok_or("write it as NAME=VALUE")?;
    Ok((name.to_owned(), value.to_owned()))
}
