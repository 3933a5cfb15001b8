//! A file of tests.

use std::fs;
use std::path::{Path, PathBuf};
use std::sync::Arc;

use wardwatch_event_time::Timestamp;
use wardwatch_pipeline::{Pipeline, PipelineError};
use wardwatch_yaml::{
    At, Fields, FileText, Invalid, Leaf, Node, Place, Problems, Spot, Texts, codes as yaml,
};

use super::codes;
use super::course::Course;
use super::expect::Expectations;
use super::given::Given;
use super::timeline::Timeline;
use super::verdict::{Outcome, Verdict};

/// Most bytes of a test file.
const MOST_BYTES: u64 = 4 << 20;

/// The first instant of a test that gives none.
const START: Timestamp = Timestamp::from_millis(1_767_225_600_000);

/// Why the tests of a file could not be run.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum SuiteError {
    /// The file cannot be read.
    #[error("cannot read the tests {}; check the path and its permissions", path.display())]
    Read {
        /// The file.
        path: PathBuf,
        /// What the operating system said.
        source: std::io::Error,
    },
    /// The file is larger than any test file.
    #[error("the tests {} have {bytes} bytes, more than {most}; put observations into files of their own", path.display())]
    TooLarge {
        /// The file.
        path: PathBuf,
        /// Its size.
        bytes: u64,
        /// The bound.
        most: u64,
    },
    /// The file has problems.
    #[error("{0}")]
    Invalid(Invalid),
    /// The pipeline that it tests is refused.
    #[error("the pipeline under test is refused")]
    Pipeline(#[from] PipelineError),
}

/// One test, read.
struct Test {
    name: Spot<String>,
    timeline: Timeline,
    expect: Expectations,
}

/// A date and a time.
struct Instant(Timestamp);

/// Runs the tests of a file. Models are looked up as for the pipeline.
///
/// # Errors
/// [`SuiteError`]: the tests could not be run. That some fail is in the verdict.
pub fn run(path: &Path, models: Option<&Path>) -> Result<Verdict, SuiteError> {
    let text = read(path)?;
    let mut problems = Problems {
        texts: Texts(vec![FileText::new(path, &text)]),
        ..Problems::default()
    };
    let none = |_: &str| None;
    let (mut documents, _) = wardwatch_yaml::parts(&none, &mut problems);
    let refused = |problems| Err(SuiteError::Invalid(Invalid::new(path.to_path_buf(), problems)));
    if documents.len() != 1 && problems.notes.is_empty() {
        let cause = "this is not one file of tests";
        let fix = "begin with `tests:`, and a hyphen before each test";
        problems.push(yaml::MISSING_FIELD, &Place::whole(At::begin_of(0)), cause, fix);
    }
    if !problems.notes.is_empty() {
        return refused(problems);
    }
    let root = documents.remove(0);
    let mut fields = Fields::of(&root, Place::section("", root.at), &mut problems);
    let pipeline: Option<Spot<String>> = fields.may("pipeline", &mut problems);
    let start = fields
        .may::<Instant>("start", &mut problems)
        .map_or(START, |start| start.value.0);
    let nodes = fields.list("tests", &mut problems);
    fields.close(&mut problems);
    if nodes.is_empty() && problems.notes.is_empty() {
        let fix = "begin with `tests:`, and a hyphen before each test";
        problems.push(
            yaml::MISSING_FIELD,
            &Place::whole(root.at),
            "there is no test in it",
            fix,
        );
    }
    let folder = path.parent().unwrap_or(Path::new("."));
    let pipeline = pipeline.map_or_else(|| beside(path), |given| folder.join(given.value));
    let pipeline = Arc::new(Pipeline::load(&pipeline, models)?);

    let mut tests: Vec<Test> = Vec::new();
    for (index, node) in nodes.iter().enumerate() {
        let earlier: Vec<&str> = tests.iter().map(|test| test.name.value.as_str()).collect();
        if let Some(test) = test(node, index, &earlier, (&pipeline, folder, start), &mut problems) {
            tests.push(test);
        }
    }
    if !problems.notes.is_empty() {
        return refused(problems);
    }
    let texts = problems.texts;
    let outcomes = tests
        .iter()
        .map(|test| outcome(test, &pipeline, start, path, &texts))
        .collect();
    Ok(Verdict::new(path, &pipeline, outcomes))
}

fn read(path: &Path) -> Result<String, SuiteError> {
    let unreadable = |source| SuiteError::Read {
        path: path.to_path_buf(),
        source,
    };
    let bytes = fs::metadata(path).map_err(unreadable)?.len();
    if bytes > MOST_BYTES {
        return Err(SuiteError::TooLarge {
            path: path.to_path_buf(),
            bytes,
            most: MOST_BYTES,
        });
    }
    fs::read_to_string(path).map_err(unreadable)
}

/// `ward.test.yaml` tests `ward.yaml` beside it, or the folder `ward`; in a pipeline's folder it tests that.
fn beside(path: &Path) -> PathBuf {
    let folder = path.parent().unwrap_or(Path::new("."));
    let name = path.file_name().unwrap_or_default().to_string_lossy();
    let name = name.strip_suffix(".test.yaml").unwrap_or(&name);
    let file = folder.join(format!("{name}.yaml"));
    if file.is_file() {
        return file;
    }
    let parts = folder.join(name);
    match parts.is_dir() {
        true => parts,
        false => folder.to_path_buf(),
    }
}

fn test(
    node: &Node,
    index: usize,
    earlier: &[&str],
    (pipeline, folder, start): (&Pipeline, &Path, Timestamp),
    problems: &mut Problems,
) -> Option<Test> {
    let named = node.field("name").and_then(Node::as_text);
    let place = Place::entry(
        "tests",
        index,
        named.as_ref().map(|name| name.value.as_str()),
        node.at,
    );
    let mut fields = Fields::of(node, place.clone(), problems);
    let name: Option<Spot<String>> = fields.must("name", problems);
    let patient = fields
        .may::<String>("patient", problems)
        .map(|patient| patient.value);
    let patient = patient.unwrap_or_else(|| "patient".to_owned());
    let given = fields.list("given", problems);
    let expect = fields.must_node("expect");
    let is_sound = fields.close(problems);
    if given.is_empty() && is_sound {
        problems.push(
            yaml::MISSING_FIELD,
            &place,
            "nothing comes in this test",
            "say under `given` what does",
        );
    }
    if let Some(name) = name
        .as_ref()
        .filter(|name| earlier.contains(&name.value.as_str()))
    {
        problems.push(
            codes::TEST_NAME_TAKEN,
            &place.at(name.at),
            format!("{:?} is the name of an earlier test too", name.value),
            "give each a name of its own",
        );
    }
    let timeline = Given {
        pipeline,
        folder,
        start,
        patient: &patient,
    }
    .timeline(given, &place, problems);
    let expect = Expectations::read(expect, pipeline, &patient, &place, problems);
    if is_sound {
        expect.check_patients(&timeline.patients, problems);
    }
    Some(Test {
        name: name.filter(|_| is_sound)?,
        timeline,
        expect,
    })
}

/// What became of a test: why it failed is shown at its expectations.
fn outcome(test: &Test, pipeline: &Arc<Pipeline>, start: Timestamp, path: &Path, texts: &Texts) -> Outcome {
    let until = test.expect.until();
    let mut problems = Problems {
        texts: texts.clone(),
        ..Problems::default()
    };
    let raised = match Course::run(pipeline, start, &test.timeline, until) {
        Ok(record) => {
            test.expect.check(&record, &mut problems);
            record.raised()
        }
        Err(error) => {
            let cause = format!("the pipeline failed over the data: {error}");
            problems.push(
                codes::UNEXPECTED,
                &Place::whole(test.name.at),
                cause,
                "mend the pipeline's SQL",
            );
            Vec::new()
        }
    };
    let failed = !problems.notes.is_empty();
    Outcome {
        name: test.name.value.clone(),
        raised,
        failure: failed.then(|| Invalid::new(path.to_path_buf(), problems)),
    }
}

// === impl Instant ===

impl Leaf for Instant {
    fn read(text: &str) -> Result<Self, (String, String)> {
        let wrong = |_| {
            (
                format!("{text:?} is no instant"),
                "write one such as 2026-01-01T00:00:00Z".to_owned(),
            )
        };
        Timestamp::parse_rfc3339(text.as_bytes()).map(Self).map_err(wrong)
    }
}
