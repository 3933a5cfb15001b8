//! What comes in a test, and when: from the entries of `given` to a timeline.
//!
//! Times are lengths since the test's start. An entry of observations is one message at `at`, or one every `every` from `from`
//! until before `until`. A message arrives when the entry says; `late` and `fast_clock` say how far before or after that its
//! device dates it. A vital sign is a value, or `absent` where its device says that it measured nothing.

use std::path::Path;

use serde_json::{Map, Value as Json, json};
use wardwatch_clinical::VitalSign;
use wardwatch_event_time::{Span, Timestamp};
use wardwatch_ingest::{ContextRecord, Record, decode_context, read_status};
use wardwatch_pipeline::Pipeline;
use wardwatch_yaml::{Fields, Kind, Leaf, Node, Place, Problems, Spot, codes as yaml, one_of};

use super::codes;
use super::timeline::{Event, Origin, Silence, Timeline, What};

/// Most messages of a test: a ward of twelve beds for a day, a message a minute.
const MOST_MESSAGES: usize = 100_000;

/// A test lasts no longer: every second of it is stepped.
const LONGEST: Span = Span::from_secs(14 * 86_400);

/// What an entry needs to know of its test.
pub(super) struct Given<'g> {
    pub pipeline: &'g Pipeline,
    /// Files are named from here.
    pub folder: &'g Path,
    pub start: Timestamp,
    /// Who is meant where an entry names nobody.
    pub patient: &'g str,
}

/// What is given of a vital sign.
pub(super) enum Amount {
    /// A measured value as it is written: a number, or a letter of ACVPU.
    Value(Json),
    /// Its device says that it measured nothing.
    Absent,
}

/// A sender's status, which holds for a whole message.
struct Status(String);

/// Times of an entry.
struct Times {
    from: Span,
    every: Span,
    until: Span,
}

// === impl Given ===

impl Given<'_> {
    /// All entries as one timeline.
    pub fn timeline(&self, nodes: &[Node], place: &Place, problems: &mut Problems) -> Timeline {
        let mut timeline = Timeline::default();
        let mut silences = Vec::new();
        for (index, node) in nodes.iter().enumerate() {
            let place = place.field(&format!("given[{index}]"), node.at);
            self.entry(node, &place, &mut timeline, &mut silences, problems);
        }
        timeline
            .events
            .retain(|event| !silences.iter().any(|silence| silence.hides(event)));
        if timeline.events.len() > MOST_MESSAGES {
            let cause = format!(
                "{} messages, and at most {MOST_MESSAGES} are allowed",
                timeline.events.len()
            );
            problems.push(
                yaml::TOO_MANY,
                place,
                cause,
                "replay files of recorded data instead",
            );
        }
        let last = timeline.events.iter().map(|event| event.at - self.start).max();
        timeline.until = timeline.until.max(last.unwrap_or(Span::ZERO));
        if timeline.until > LONGEST {
            let cause = format!(
                "the test lasts {}, and at most {LONGEST} are allowed",
                timeline.until
            );
            problems.push(yaml::TOO_MANY, place, cause, "let it begin later, or end earlier");
        }
        // At one instant the order of the file.
        timeline.events.sort_by_key(|event| event.at);
        timeline
    }

    fn entry(
        &self,
        node: &Node,
        place: &Place,
        timeline: &mut Timeline,
        silences: &mut Vec<Silence>,
        problems: &mut Problems,
    ) {
        let mut fields = Fields::of(node, place.clone(), problems);
        let is = |name: &str| node.field(name).is_some();
        if is("context") {
            let at = self.at(&mut fields, problems);
            let patient = self.patient(&mut fields, problems);
            timeline.patients.insert(patient.clone());
            let context = fields
                .node("context")
                .and_then(|node| self.context(node, &patient, at, place, problems));
            timeline.events.extend(context.map(|(writer, record)| Event {
                at,
                what: What::Context { writer, record },
            }));
        } else if is("accept") {
            let at = self.at(&mut fields, problems);
            let patient = self.patient(&mut fields, problems);
            let by = fields
                .may::<String>("by", problems)
                .map_or_else(|| "somebody".to_owned(), |by| by.value);
            if let Some(alarm) = fields.must::<String>("accept", problems) {
                check_alarm(self.pipeline, &alarm, place, problems);
                let alarm = alarm.value;
                timeline.events.push(Event {
                    at,
                    what: What::Accept { patient, alarm, by },
                });
            }
        } else if is("restart") && is("rebalance") {
            let fix = "make two entries of it";
            problems.push(codes::BAD_ENTRY, place, "it restarts and moves at once", fix);
            return;
        } else if is("restart") || is("rebalance") {
            for (name, what) in [("restart", What::Restart), ("rebalance", What::Rebalance)] {
                let at = fields.may::<Span>(name, problems);
                timeline.events.extend(at.map(|at| Event {
                    at: self.start + at.value,
                    what,
                }));
            }
        } else if is("advance_clock") {
            let to = fields.must::<Span>("advance_clock", problems);
            timeline.until = timeline.until.max(to.map_or(Span::ZERO, |to| to.value));
        } else if is("silence") {
            silences.extend(self.silence(&mut fields, place, problems));
        } else if is("file") || is("csv") {
            self.table(&mut fields, place, timeline, problems);
        } else {
            self.observations(&mut fields, place, timeline, problems);
        }
        fields.close(problems);
    }

    /// Messages with the same values, one or many.
    fn observations(
        &self,
        fields: &mut Fields<'_>,
        place: &Place,
        timeline: &mut Timeline,
        problems: &mut Problems,
    ) {
        let times = times(fields, place, problems);
        let patient = self.patient(fields, problems);
        let source = self.source(fields, "source", place, problems);
        let device = fields.may::<String>("device", problems);
        let late = fields
            .may::<Span>("late", problems)
            .map_or(Span::ZERO, |late| late.value);
        let ahead = fields
            .may::<Span>("fast_clock", problems)
            .map_or(Span::ZERO, |ahead| ahead.value);
        let status = fields.may::<Status>("status", problems);
        let is_twice = fields
            .may::<bool>("duplicate", problems)
            .is_some_and(|twice| twice.value);
        let readings: Vec<Json> = VitalSign::ALL
            .iter()
            .filter_map(|vital| {
                let amount = fields.may::<Amount>(vital.name(), problems)?.value;
                Some(amount.reading(*vital))
            })
            .collect();
        if readings.is_empty() && fields.is_sound() {
            let fix = "give a vital sign, such as `spo2: 96`, or one of context, accept, restart, rebalance, advance_clock, \
                       silence, file, csv";
            problems.push(codes::BAD_ENTRY, place, "nothing comes of this entry", fix);
            return;
        }
        let Some(times) = times.filter(|_| fields.is_sound()) else {
            return;
        };
        timeline.patients.insert(patient.clone());
        let mut at = times.from;
        while at < times.until && timeline.events.len() <= MOST_MESSAGES {
            let arrives = self.start + at;
            let mut message = json!({
                "patient_id": patient, "ts": (arrives - late + ahead).to_string(), "observations": readings,
            });
            if let Some(device) = &device {
                message["device_id"] = json!(device.value);
            }
            if let Some(status) = &status {
                message["status"] = json!(status.value.0);
            }
            let event = Event {
                at: arrives,
                what: What::Message {
                    topic: source,
                    payload: message.to_string().into_bytes(),
                    of: Origin {
                        patient: patient.clone(),
                        source,
                    },
                },
            };
            timeline.events.extend(is_twice.then(|| event.clone()));
            timeline.events.push(event);
            at = at + times.every;
        }
    }

    /// A record of context that arrives at `at`, with the index of its writer. Its `ts` is a length since the test's start.
    fn context(
        &self,
        node: &Node,
        patient: &str,
        at: Timestamp,
        place: &Place,
        problems: &mut Problems,
    ) -> Option<(u16, ContextRecord)> {
        let place = place.field("context", node.at);
        if let Kind::Map(given) = &node.kind {
            let fields = [&["ts"][..], &ContextRecord::FIELDS].concat();
            for (name, _) in given
                .iter()
                .filter(|(name, _)| !fields.contains(&name.value.as_str()))
            {
                problems.push(
                    yaml::UNKNOWN_FIELD,
                    &place.at(name.at),
                    format!("there is no field `{}` here", name.value),
                    one_of(&name.value, &fields),
                );
            }
        }
        let ts = self.dated(node.field("ts"), at, &place, problems);
        let writer = self.writer(node.field("writer"), &place, problems);
        let mut record = match json_of(node) {
            Json::Object(record) => record,
            _ => Map::new(),
        };
        record.entry("event").or_insert(json!("update"));
        record.insert("patient_id".to_owned(), json!(patient));
        record.insert("ts".to_owned(), json!(ts.to_string()));
        let payload = Json::Object(record).to_string();
        let record = Record {
            payload: payload.as_bytes(),
            key: None,
            append_time: at,
            topic: 0,
            partition: 0,
            offset: 0,
        };
        match decode_context(&record) {
            Ok(record) => Some((writer, record)),
            Err(flaw) => {
                let cause = format!("this context would go to quarantine: {}", flaw.reason.code());
                let fix = format!(
                    "correct {}; schemas/context.schema.json says what it may hold",
                    flaw.detail
                );
                problems.push(codes::BAD_ENTRY, &place, cause, fix);
                None
            }
        }
    }

    /// When a record of context is dated; `at` where it does not say.
    fn dated(&self, node: Option<&Node>, at: Timestamp, place: &Place, problems: &mut Problems) -> Timestamp {
        let text = node.and_then(Node::as_text);
        match (node, text.map(|text| Span::read(&text.value))) {
            (None, _) => at,
            (Some(_), Some(Ok(length))) => self.start + length,
            (Some(node), read) => {
                let wrong = read.and_then(Result::err);
                let wrong = wrong.unwrap_or_else(|| {
                    let cause = format!("this is {}, and a length is wanted", node.describe());
                    (cause, "write one such as `ts: 30s`".to_owned())
                });
                problems.push(yaml::WRONG_VALUE, &place.field("ts", node.at), wrong.0, wrong.1);
                at
            }
        }
    }

    /// The index of the writer that a record of context names; of the first where it names none.
    fn writer(&self, node: Option<&Node>, place: &Place, problems: &mut Problems) -> u16 {
        let Some(named) = node.and_then(Node::as_text) else {
            return 0;
        };
        let writers = &self.pipeline.writers;
        if !writers.iter().any(|writer| writer.name == named.value) {
            problems.unknown(
                codes::NOT_OF_PIPELINE,
                &place.field("writer", named.at),
                format!("the pipeline has no writer {}", named.value),
                &named.value,
                writers.iter().map(|writer| writer.name.as_str()),
            );
        }
        self.pipeline.writer(Some(&named.value))
    }

    fn silence(&self, fields: &mut Fields<'_>, place: &Place, problems: &mut Problems) -> Option<Silence> {
        let source = self.source(fields, "silence", place, problems);
        let patient = fields.may::<String>("patient", problems);
        let from = fields.must::<Span>("from", problems);
        let until = fields.must::<Span>("until", problems);
        let (from, until) = (from?, until?);
        if from.value >= until.value {
            let fix = "let `until` be later than `from`";
            problems.push(
                codes::BAD_TIMES,
                &place.at(until.at),
                "it ends before it begins",
                fix,
            );
        }
        Some(Silence {
            source,
            patient: patient.map(|patient| patient.value),
            from: self.start + from.value,
            until: self.start + until.value,
        })
    }

    pub(super) fn at(&self, fields: &mut Fields<'_>, problems: &mut Problems) -> Timestamp {
        self.start
            + fields
                .may::<Span>("at", problems)
                .map_or(Span::ZERO, |at| at.value)
    }

    pub(super) fn patient(&self, fields: &mut Fields<'_>, problems: &mut Problems) -> String {
        let given = fields.may::<String>("patient", problems);
        given.map_or_else(|| self.patient.to_owned(), |patient| patient.value)
    }

    /// The index of the source that a field names; of the first where it is not given.
    pub(super) fn source(
        &self,
        fields: &mut Fields<'_>,
        field: &str,
        place: &Place,
        problems: &mut Problems,
    ) -> u16 {
        let Some(named) = fields.may::<String>(field, problems) else {
            return 0;
        };
        let sources = &self.pipeline.sources;
        let found = sources.iter().position(|source| source.name == named.value);
        if found.is_none() {
            problems.unknown(
                codes::NOT_OF_PIPELINE,
                &place.field(field, named.at),
                format!("the pipeline has no source {}", named.value),
                &named.value,
                sources.iter().map(|source| source.name.as_str()),
            );
        }
        found.unwrap_or_default() as u16
    }
}

/// Notes an alarm that the pipeline does not have.
pub(super) fn check_alarm(pipeline: &Pipeline, alarm: &Spot<String>, place: &Place, problems: &mut Problems) {
    let known = pipeline.alarm_names();
    if !known.contains(&alarm.value) {
        problems.unknown(
            codes::NOT_OF_PIPELINE,
            &place.at(alarm.at),
            format!("the pipeline has no alarm {}", alarm.value),
            &alarm.value,
            known.iter().map(String::as_str),
        );
    }
}

fn times(fields: &mut Fields<'_>, place: &Place, problems: &mut Problems) -> Option<Times> {
    let span =
        |fields: &mut Fields<'_>, name: &str, problems: &mut Problems| fields.may::<Span>(name, problems);
    let at = span(fields, "at", problems);
    let from = span(fields, "from", problems);
    let every = span(fields, "every", problems);
    let until = span(fields, "until", problems);
    let times = match (at, from, every, until) {
        (Some(at), None, None, None) => Times {
            from: at.value,
            every: Span::from_secs(1),
            until: at.value + Span::from_micros(1),
        },
        (None, from, Some(every), Some(until)) if every.value > Span::ZERO => Times {
            from: from.map_or(Span::ZERO, |from| from.value),
            every: every.value,
            until: until.value,
        },
        _ => {
            let fix = "write `at: 10s` for one message, or `from: 0s, until: 1m, every: 1s` for many";
            problems.push(codes::BAD_TIMES, place, "when this comes is not clear", fix);
            return None;
        }
    };
    if times.from >= times.until {
        let fix = "let `until` be later than `from`";
        problems.push(codes::BAD_TIMES, place, "it ends before it begins", fix);
        return None;
    }
    Some(times)
}

/// A node as JSON: plain scalars are numbers and truth values where they read as such.
fn json_of(node: &Node) -> Json {
    match &node.kind {
        Kind::Null => Json::Null,
        Kind::Scalar { text, is_plain } => match serde_json::from_str(text) {
            Ok(value @ (Json::Number(_) | Json::Bool(_))) if *is_plain => value,
            _ => json!(text),
        },
        Kind::List(nodes) => nodes.iter().map(json_of).collect(),
        Kind::Map(fields) => {
            let fields = fields
                .iter()
                .map(|(name, node)| (name.value.clone(), json_of(node)));
            Json::Object(fields.collect())
        }
    }
}

// === impl Amount ===

impl Amount {
    /// As a reading of a message.
    pub fn reading(&self, vital: VitalSign) -> Json {
        match self {
            Self::Value(value) => json!({ "code": vital.name(), "value": value, "unit": vital.unit() }),
            Self::Absent => json!({ "code": vital.name(), "absent": "nothing was measured" }),
        }
    }
}

impl Leaf for Amount {
    fn read(text: &str) -> Result<Self, (String, String)> {
        match text {
            "A" | "C" | "V" | "P" | "U" => Ok(Self::Value(json!(text))),
            "absent" => Ok(Self::Absent),
            text => f64::read(text)
                .map(|number| Self::Value(json!(number)))
                .map_err(|(cause, _)| {
                    let fix =
                        "write one such as 36.5, a letter of ACVPU, or `absent` where nothing was measured";
                    (cause, fix.to_owned())
                }),
        }
    }
}

// === impl Status ===

impl Leaf for Status {
    fn read(text: &str) -> Result<Self, (String, String)> {
        match read_status(text) {
            Ok(_) => Ok(Self(text.to_owned())),
            Err(flaw) => Err((
                format!("`{text}` would go to quarantine: {}", flaw.detail),
                "write `corrected`, `entered-in-error`, or another status of schemas/observation.schema.json"
                    .to_owned(),
            )),
        }
    }
}
