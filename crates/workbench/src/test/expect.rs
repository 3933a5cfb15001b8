//! What should follow in a test, and whether it did.
//!
//! `alerts` are all alerts of the test, in order, but for alarms under `ignore`; `scores` and `features` are the newest at a
//! time; `quarantined` are all readings that were not taken, by reason. What a test does not mention it does not check.

use std::collections::BTreeMap;

use wardwatch_alarms::Phase;
use wardwatch_clinical::AlarmPriority;
use wardwatch_event_time::Span;
use wardwatch_ingest::Reason;
use wardwatch_pipeline::{Pipeline, ScoreKind};
use wardwatch_yaml::{Fields, Kind, Leaf, Node, Place, Problems, map, word};

use super::codes;
use super::given::check_alarm;

/// Everything that a test expects.
#[derive(Debug, Default)]
pub(super) struct Expectations {
    /// None where alerts are not checked.
    pub alerts: Option<(Place, Vec<ExpectedAlert>)>,
    pub ignore: Vec<String>,
    pub scores: Vec<Expected>,
    pub features: Vec<Expected>,
    /// Where it is not said, none may be.
    pub quarantined: BTreeMap<String, u64>,
    pub quarantined_at: Option<Place>,
}

#[derive(Debug)]
pub(super) struct ExpectedAlert {
    pub at: Span,
    pub within: Span,
    pub alarm: String,
    pub phase: Phase,
    pub patient: String,
    pub priority: Option<AlarmPriority>,
}

/// Values at a time.
#[derive(Debug)]
pub(super) struct Expected {
    pub at: Span,
    pub patient: String,
    pub within: Option<f64>,
    pub values: Vec<ExpectedValue>,
}

#[derive(Debug)]
pub(super) struct ExpectedValue {
    pub place: Place,
    pub name: Name,
    /// None: there is no value.
    pub value: Option<f64>,
}

/// What a value is of.
#[derive(Debug)]
pub(super) enum Name {
    Score { name: String, part: Part },
    Feature { name: String, set: usize, column: usize },
}

/// Which number of a score.
#[derive(Clone, Copy, Debug)]
pub(super) enum Part {
    Value,
    Lowest,
    Highest,
}

/// A phase as it is written.
struct PhaseName(Phase);

// === impl Expectations ===

impl Expectations {
    pub fn read(
        node: Option<&Node>,
        pipeline: &Pipeline,
        patient: &str,
        place: &Place,
        problems: &mut Problems,
    ) -> Self {
        let mut expect = Self::default();
        let Some(node) = node else { return expect };
        let place = place.field("expect", node.at);
        expect.quarantined_at = Some(place.clone());
        let mut fields = Fields::of(node, place.clone(), problems);
        if let Some(listed) = fields.node("alerts") {
            let place = place.field("alerts", listed.at);
            let nodes = fields.list("alerts", problems);
            let read = |node: &Node| alert(node, pipeline, patient, &place, problems);
            expect.alerts = Some((place.clone(), nodes.iter().filter_map(read).collect()));
        }
        for node in fields.list("ignore", problems) {
            if let Some(alarm) = node.as_text() {
                check_alarm(pipeline, &alarm, &place, problems);
                expect.ignore.push(alarm.value);
            }
        }
        let names = score_names(pipeline);
        for node in fields.list("scores", problems) {
            let place = place.field("scores", node.at);
            let known = |name: &str, _: Option<&str>| {
                names
                    .iter()
                    .find(|(known, ..)| known == name)
                    .map(|(_, score, part)| Name::Score {
                        name: score.clone(),
                        part: *part,
                    })
            };
            let all: Vec<&str> = names.iter().map(|(name, ..)| name.as_str()).collect();
            expect
                .scores
                .extend(expected(node, patient, &all, false, known, &place, problems));
        }
        let features = feature_names(pipeline);
        for node in fields.list("features", problems) {
            let place = place.field("features", node.at);
            let known = |name: &str, set: Option<&str>| {
                let named = features
                    .iter()
                    .find(|(feature, in_set, ..)| feature == name && set.is_none_or(|set| set == in_set));
                named.map(|(name, _, set, column)| Name::Feature {
                    name: name.clone(),
                    set: *set,
                    column: *column,
                })
            };
            let mut all: Vec<&str> = features.iter().map(|(name, ..)| name.as_str()).collect();
            all.dedup();
            expect
                .features
                .extend(expected(node, patient, &all, true, known, &place, problems));
        }
        let mut has_counts = false;
        if let Some(node) = fields.node("quarantined") {
            let place = place.field("quarantined", node.at);
            expect.quarantined_at = Some(place.clone());
            has_counts = true;
            let counts = map::<u32>(Some(node), &place, problems);
            for (reason, (at, _)) in &counts {
                if Reason::from_code(reason).is_none() {
                    let known = Reason::ALL.map(Reason::code);
                    let cause = format!("there is no reason {reason}");
                    problems.unknown(codes::NOT_OF_PIPELINE, &place.at(*at), cause, reason, known);
                }
            }
            let counts = counts
                .into_iter()
                .map(|(reason, (_, count))| (reason, u64::from(count.value)));
            expect.quarantined = counts.filter(|(_, count)| *count > 0).collect();
        }
        let is_sound = fields.close(problems);
        let is_empty =
            expect.alerts.is_none() && !has_counts && expect.scores.is_empty() && expect.features.is_empty();
        if is_empty && is_sound {
            let fix = "say what should follow: alerts (none: `alerts: []`), scores, features or quarantined";
            problems.push(
                codes::BAD_ENTRY,
                &place,
                "a test that expects nothing cannot fail",
                fix,
            );
        }
        expect
    }
}

fn alert(
    node: &Node,
    pipeline: &Pipeline,
    patient: &str,
    place: &Place,
    problems: &mut Problems,
) -> Option<ExpectedAlert> {
    let place = place.at(node.at);
    let mut fields = Fields::of(node, place.clone(), problems);
    let at = fields.must::<Span>("at", problems);
    let within = fields.may::<Span>("within", problems);
    let alarm = fields.must::<String>("alarm", problems);
    let phase = fields.may::<PhaseName>("phase", problems);
    let of = fields.may::<String>("patient", problems);
    let priority = fields.may::<AlarmPriority>("priority", problems);
    if let Some(alarm) = &alarm {
        check_alarm(pipeline, alarm, &place, problems);
    }
    let is_sound = fields.close(problems);
    Some(ExpectedAlert {
        at: at.filter(|_| is_sound)?.value,
        within: within.map_or(Span::ZERO, |within| within.value),
        alarm: alarm?.value,
        phase: phase.map_or(Phase::Start, |phase| phase.value.0),
        patient: of.map_or_else(|| patient.to_owned(), |patient| patient.value),
        priority: priority.map(|priority| priority.value),
    })
}

/// One entry of `scores` or `features`: when, of whom, and the values by name.
fn expected(
    node: &Node,
    patient: &str,
    all: &[&str],
    has_sets: bool,
    known: impl Fn(&str, Option<&str>) -> Option<Name>,
    place: &Place,
    problems: &mut Problems,
) -> Option<Expected> {
    let mut fields = Fields::of(node, place.clone(), problems);
    let at = fields.must::<Span>("at", problems);
    let of = fields.may::<String>("patient", problems);
    let set = match has_sets {
        true => fields.may::<String>("set", problems),
        false => None,
    };
    let within = fields.may::<f64>("within", problems);
    if let Some(negative) = within.as_ref().filter(|within| within.value < 0.0) {
        let place = place.field("within", negative.at);
        problems.push(
            codes::BAD_ENTRY,
            &place,
            "no value is that near",
            "write a tolerance such as 0.1",
        );
    }
    let mut values = Vec::new();
    let mut is_named = false;
    for name in all {
        let Some(value) = fields.node(name) else { continue };
        is_named = true;
        let place = place.field(name, value.at);
        let number = match &value.kind {
            Kind::Null => None,
            _ => match fields.may::<f64>(name, problems) {
                Some(number) => Some(number.value),
                None => continue,
            },
        };
        match known(name, set.as_ref().map(|set| set.value.as_str())) {
            Some(name) => values.push(ExpectedValue {
                place,
                name,
                value: number,
            }),
            None => problems.push(
                codes::NOT_OF_PIPELINE,
                &place,
                format!("the set has no feature {name}"),
                "name the set that has it, or leave `set` out",
            ),
        }
    }
    let is_sound = fields.close(problems);
    if !is_named && is_sound {
        let fix = format!(
            "name one of {}, and its value; `null` where there is none",
            all.join(", ")
        );
        problems.push(codes::BAD_ENTRY, place, "nothing is expected here", fix);
    }
    Some(Expected {
        at: at.filter(|_| is_sound)?.value,
        patient: of.map_or_else(|| patient.to_owned(), |patient| patient.value),
        within: within.map(|within| within.value),
        values,
    })
}

fn score_names(pipeline: &Pipeline) -> Vec<(String, String, Part)> {
    let mut names = Vec::new();
    for score in &pipeline.scores {
        let name = score.name.to_string();
        names.push((name.clone(), name.clone(), Part::Value));
        if matches!(&score.kind, ScoreKind::Sql { expression, .. } if expression.data_type().is_nested()) {
            names.push((format!("{name}_lowest"), name.clone(), Part::Lowest));
            names.push((format!("{name}_highest"), name, Part::Highest));
        }
    }
    names
}

/// Name, set's name, set, column.
fn feature_names(pipeline: &Pipeline) -> Vec<(String, String, usize, usize)> {
    let sets = pipeline.sets.iter().enumerate();
    let names = sets.flat_map(|(index, set)| {
        let columns = set.plan.features().fields().iter().enumerate();
        columns.map(move |(column, field)| (field.name().clone(), set.name.clone(), index, column))
    });
    names.collect()
}

// === impl PhaseName ===

impl Leaf for PhaseName {
    fn read(text: &str) -> Result<Self, (String, String)> {
        let all = [
            Phase::Start,
            Phase::Update,
            Phase::Escalate,
            Phase::Accept,
            Phase::Unknown,
            Phase::End,
        ];
        word(text, &all.map(|phase| (phase.name(), phase))).map(Self)
    }
}
