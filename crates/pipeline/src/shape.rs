//! From the YAML's tree to the document.

use wardwatch_alarms::Confirm;
use wardwatch_clinical::AlarmPriority;
use wardwatch_event_time::Span;
use wardwatch_yaml::{At, Fields, Kind, Leaf, Node, Place, Problems, Spot, codes as yaml_codes, map, word};

use crate::document::{
    AlarmText, ConfirmText, Document, EmitText, Entry, FeatureSetText, Format, Grace, PredictsText,
    ScoreText, Section, SourceText, Switch, TechnicalText, TimeText, WriterText, WrongClockText,
};

/// An entry of a section.
trait EntryText: Sized {
    /// Takes all of its fields; `None` where one that must be there is missing or wrong.
    fn read(fields: &mut Fields<'_>, problems: &mut Problems) -> Option<Self>;
}

/// The document of a pipeline's parts; `None` when it has no head.
pub(crate) fn document(parts: Vec<Node>, problems: &mut Problems) -> Option<Document> {
    let root = whole(parts, problems)?;
    let head = Place::whole(At {
        end: root.at.start,
        ..root.at
    });
    let mut fields = Fields::of(&root, head.clone(), problems);
    let pipeline = fields.must("pipeline", problems);
    let version = fields.must("version", problems);
    let description = fields.may("description", problems);
    let sources = section(&mut fields, "sources", head.at, problems);
    let context = context(&mut fields, head.at, problems);
    let time = time(fields.node("time"), head.at, problems);
    let ages = fields.node("max_age");
    let max_age = map(ages, &Place::section("max_age", head.at), problems);
    let ages = fields.node("lost_after");
    let lost_after = map(ages, &Place::section("lost_after", head.at), problems);
    let features = section(&mut fields, "features", head.at, problems);
    let scores = section(&mut fields, "scores", head.at, problems);
    let alarms = section(&mut fields, "alarms", head.at, problems);
    let technical = technical(fields.node("technical"), problems);
    fields.close(problems);
    Some(Document {
        pipeline: pipeline?,
        version: version?,
        _description: description,
        sources,
        context,
        time,
        max_age,
        lost_after,
        features,
        scores,
        alarms,
        technical,
    })
}

/// The parts as one: lists are put behind each other, everything else may be in one part only.
fn whole(parts: Vec<Node>, problems: &mut Problems) -> Option<Node> {
    let mut whole: Option<Node> = None;
    // A part may hold nothing, or comments alone.
    for part in parts.into_iter().filter(|part| !matches!(part.kind, Kind::Null)) {
        let Node {
            at,
            kind: Kind::Map(entries),
        } = part
        else {
            let cause = format!("this is {}, and fields are wanted", part.describe());
            let fix = "begin with `pipeline: a-name` and `version: 1`";
            problems.push(yaml_codes::WRONG_TYPE, &Place::whole(part.at), cause, fix);
            continue;
        };
        let whole = whole.get_or_insert_with(|| Node {
            at,
            kind: Kind::Map(Vec::new()),
        });
        let Kind::Map(taken) = &mut whole.kind else {
            continue;
        };
        for (key, node) in entries {
            match taken.iter_mut().find(|(earlier, _)| earlier.value == key.value) {
                None => taken.push((key, node)),
                Some((_, earlier)) => match (&mut earlier.kind, node.kind) {
                    (Kind::List(list), Kind::List(more)) => list.extend(more),
                    _ => problems.push(
                        yaml_codes::FIELD_TWICE,
                        &Place::whole(key.at),
                        format!("another part of the pipeline has `{}` too", key.value),
                        "keep one of them",
                    ),
                },
            }
        }
    }
    whole
}

fn section<T: EntryText>(
    fields: &mut Fields<'_>,
    name: &'static str,
    head: At,
    problems: &mut Problems,
) -> Section<T> {
    let nodes = fields.list(name, problems);
    let entry = |(index, node): (usize, &Node)| {
        let called = node.field("name").and_then(Node::as_text);
        let named = called.as_ref().map(|name| name.value.as_str());
        let mut fields = Fields::of(node, Place::entry(name, index, named, node.at), problems);
        let text = T::read(&mut fields, problems);
        let is_sound = fields.close(problems);
        Entry {
            index,
            at: node.at,
            name: called,
            is_sound: is_sound && text.is_some(),
            text,
        }
    };
    Section {
        name,
        at: nodes.first().map_or(head, |first| first.at),
        entries: nodes.iter().enumerate().map(entry).collect(),
    }
}

/// The writers of context; a single topic is a writer without a name of its own.
fn context(fields: &mut Fields<'_>, head: At, problems: &mut Problems) -> Section<WriterText> {
    const NAME: &str = "context";
    let is_topic = |node: &&Node| matches!(node.kind, Kind::Scalar { .. });
    let Some(node) = fields.node(NAME).filter(is_topic) else {
        return section(fields, NAME, head, problems);
    };
    let name = Spot {
        value: NAME.to_owned(),
        at: node.at,
    };
    let topic = fields.may::<String>(NAME, problems);
    let text = topic.map(|topic| WriterText {
        name: name.clone(),
        topic,
    });
    Section {
        name: NAME,
        at: node.at,
        entries: vec![Entry {
            index: 0,
            at: node.at,
            name: Some(name),
            is_sound: text.is_some(),
            text,
        }],
    }
}

fn time(node: Option<&Node>, head: At, problems: &mut Problems) -> TimeText {
    let mut text = TimeText {
        lateness: Span::from_secs(120),
        hold: Span::ZERO,
        grace: Grace(Some(Span::from_secs(2))),
        future_skew: Span::from_secs(10),
        past_skew: Grace(Some(Span::from_secs(60))),
        silent_after: Spot {
            value: Span::from_secs(60),
            at: head,
        },
        forget_after: Spot {
            value: Span::from_secs(24 * 3600),
            at: head,
        },
        max_score_age: None,
    };
    let Some(node) = node else { return text };
    let mut fields = Fields::of(node, Place::section("time", node.at), problems);
    set(&mut text.lateness, fields.may("lateness", problems));
    set(&mut text.hold, fields.may("hold", problems));
    set(&mut text.grace, fields.may("grace", problems));
    set(&mut text.future_skew, fields.may("future_skew", problems));
    set(&mut text.past_skew, fields.may("past_skew", problems));
    if let Some(given) = fields.may("silent_after", problems) {
        text.silent_after = given;
    }
    if let Some(given) = fields.may("forget_after", problems) {
        text.forget_after = given;
    }
    text.max_score_age = fields.may("max_score_age", problems);
    fields.close(problems);
    text
}

fn technical(node: Option<&Node>, problems: &mut Problems) -> TechnicalText {
    let mut text = TechnicalText {
        silent: AlarmPriority::High,
        device_clock: AlarmPriority::Medium,
        lost: AlarmPriority::Medium,
        overdue: AlarmPriority::Low,
    };
    let Some(node) = node else { return text };
    let mut fields = Fields::of(node, Place::section("technical", node.at), problems);
    set(&mut text.silent, fields.may("silent", problems));
    set(&mut text.device_clock, fields.may("device_clock", problems));
    set(&mut text.lost, fields.may("lost", problems));
    set(&mut text.overdue, fields.may("overdue", problems));
    fields.close(problems);
    text
}

fn predicts(fields: &mut Fields<'_>, problems: &mut Problems) -> Option<PredictsText> {
    let outcome = fields.must("outcome", problems);
    let horizon = fields.may("horizon", problems);
    let recurs = fields.may("recurs", problems);
    Some(PredictsText {
        outcome: outcome?,
        horizon,
        recurs,
    })
}

fn set<T>(value: &mut T, given: Option<Spot<T>>) {
    if let Some(given) = given {
        *value = given.value;
    }
}

// === impl EntryText ===

impl EntryText for SourceText {
    fn read(fields: &mut Fields<'_>, problems: &mut Problems) -> Option<Self> {
        let name = fields.must("name", problems);
        let topic = fields.must("topic", problems);
        let format = fields.must("format", problems);
        let trend_only = fields.may("trend_only", problems);
        let charted = fields.may("charted", problems);
        let dedupe = fields.may("dedupe", problems);
        let interval = fields.may("interval", problems);
        let lateness = fields.may("lateness", problems);
        let future_skew = fields.may("future_skew", problems);
        let past_skew = fields.may("past_skew", problems);
        let wrong_clock = fields.may("wrong_clock", problems);
        let silent_after = fields.may("silent_after", problems);
        Some(Self {
            name: name?,
            topic: topic?,
            _format: format?,
            trend_only,
            charted,
            dedupe,
            interval,
            past_skew,
            wrong_clock,
            lateness,
            future_skew,
            silent_after,
        })
    }
}

impl EntryText for WriterText {
    fn read(fields: &mut Fields<'_>, problems: &mut Problems) -> Option<Self> {
        let name = fields.must("name", problems);
        let topic = fields.must("topic", problems);
        Some(Self {
            name: name?,
            topic: topic?,
        })
    }
}

impl EntryText for FeatureSetText {
    fn read(fields: &mut Fields<'_>, problems: &mut Problems) -> Option<Self> {
        let name: Option<Spot<String>> = fields.must("name", problems);
        let window: Option<Spot<Span>> = fields.must("window", problems);
        let every: Option<Spot<Span>> = fields.must("every", problems);
        let emit = fields.may("emit", problems);
        let sql = fields.must("sql", problems);
        let name = name?;
        // Where one is wrong the SQL is looked at all the same.
        let minute = || Spot {
            value: Span::from_secs(60),
            at: name.at,
        };
        let every = every.or_else(|| window.clone()).unwrap_or_else(minute);
        let window = window.unwrap_or_else(|| every.clone());
        Some(Self {
            name,
            window,
            every,
            emit,
            sql: sql?,
        })
    }
}

impl EntryText for ScoreText {
    fn read(fields: &mut Fields<'_>, problems: &mut Problems) -> Option<Self> {
        let name = fields.must("name", problems);
        let sql = fields.may("sql", problems);
        let model = fields.may("model", problems);
        let fallback = fields.may("fallback", problems);
        let predicts = fields.mapping("predicts", problems, predicts);
        let present_when = fields.may("present_when", problems);
        Some(Self {
            name: name?,
            sql,
            model,
            fallback,
            predicts,
            present_when,
        })
    }
}

impl EntryText for AlarmText {
    fn read(fields: &mut Fields<'_>, problems: &mut Problems) -> Option<Self> {
        let name: Option<Spot<String>> = fields.must("name", problems);
        let limit = fields.may("limit", problems);
        let at_once = fields.may("at_once", problems);
        let confirm = fields.may("confirm", problems);
        let when = fields.may("when", problems);
        let clear_when = fields.may("clear_when", problems);
        let hold_for = fields.may("for", problems);
        let repeat_after = fields.may("repeat_after", problems);
        let predicts = fields.mapping("predicts", problems, predicts);
        fields.node("priority");
        let is_sound = fields.is_sound();
        let priority = fields.must("priority", problems);
        let name = name.filter(|_| is_sound)?;
        // Where it alone is wrong the limit or condition is looked at all the same.
        let priority = priority.unwrap_or(Spot {
            value: AlarmPriority::Low,
            at: name.at,
        });
        Some(Self {
            name,
            limit,
            at_once,
            confirm,
            when,
            clear_when,
            hold_for,
            repeat_after,
            priority,
            predicts,
        })
    }
}

// === impl Leaf ===

impl Leaf for Format {
    fn read(text: &str) -> Result<Self, (String, String)> {
        word(text, &[("observation-json", Self::ObservationJson)])
    }
}

impl Leaf for Switch {
    fn read(text: &str) -> Result<Self, (String, String)> {
        word(text, &[("on", Self::On), ("off", Self::Off)])
    }
}

impl Leaf for WrongClockText {
    fn read(text: &str) -> Result<Self, (String, String)> {
        word(
            text,
            &[("correct", Self::Correct), ("quarantine", Self::Quarantine)],
        )
    }
}

impl Leaf for ConfirmText {
    fn read(text: &str) -> Result<Self, (String, String)> {
        let readings = text.strip_suffix("readings").map(|count| count.trim().parse());
        match readings {
            Some(Ok(times @ 2..=9)) => Ok(Self(Confirm::Times(times))),
            Some(_) => Err((
                format!("{text:?} is no number of readings that confirms anything"),
                "write `2 readings`, at most 9, or a length such as 3s".to_owned(),
            )),
            None => match Leaf::read(text) {
                Ok(span) => Ok(Self(Confirm::For(span))),
                Err((cause, _)) => Err((cause, "write a length such as 3s, or `2 readings`".to_owned())),
            },
        }
    }
}

impl Leaf for EmitText {
    fn read(text: &str) -> Result<Self, (String, String)> {
        word(text, &[("rows", Self::Rows), ("every_pane", Self::EveryPane)])
    }
}

impl Leaf for Grace {
    fn read(text: &str) -> Result<Self, (String, String)> {
        match text {
            "off" => Ok(Self(None)),
            text => Leaf::read(text).map(|span| Self(Some(span))),
        }
    }
}
