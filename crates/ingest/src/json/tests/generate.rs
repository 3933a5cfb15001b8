//! Messages that are right, nearly right and wrong, as text.

use proptest::prelude::*;
use wardwatch_clinical::VitalSign;

/// The fields of an object as JSON texts, in order of writing.
type Object = Vec<(String, String)>;

/// A message that can be written several times with other values.
#[derive(Debug, Clone)]
pub(super) struct Template {
    head: Object,
    readings: Vec<Object>,
    grouped: bool,
    space: &'static str,
}

/// Payloads of a run of records: a few templates, each used several times, some bytes spoilt.
pub(super) fn payloads() -> impl Strategy<Value = Vec<Vec<u8>>> {
    let uses = proptest::collection::vec((any::<prop::sample::Index>(), value(), edits()), 1..12);
    (proptest::collection::vec(template(), 1..4), uses).prop_map(|(templates, uses)| {
        uses.into_iter()
            .map(|(which, value, edits)| edited(which.get(&templates).written(&value).into_bytes(), &edits))
            .collect()
    })
}

/// One message without spoilt bytes.
pub(super) fn message() -> impl Strategy<Value = String> {
    (template(), value()).prop_map(|(template, value)| template.written(&value))
}

// === impl Template ===

impl Template {
    /// The text, with this value in place of each `$`.
    fn written(&self, value: &str) -> String {
        let mut fields = self.head.clone();
        if self.grouped {
            let elements: Vec<_> = self.readings.iter().map(|reading| self.object(reading)).collect();
            fields.push(("\"observations\"".into(), format!("[{}]", elements.join(","))));
        } else {
            fields.extend(self.readings.first().into_iter().flatten().cloned());
        }
        self.object(&fields).replace('$', value)
    }

    fn object(&self, fields: &Object) -> String {
        let space = self.space;
        let fields: Vec<_> = fields
            .iter()
            .map(|(name, value)| format!("{name}{space}:{space}{value}"))
            .collect();
        format!("{{{space}{}{space}}}", fields.join(&format!("{space},{space}")))
    }
}

fn template() -> impl Strategy<Value = Template> {
    let space = prop::sample::select(vec!["", "", " ", "\n\t"]);
    (
        head(),
        proptest::collection::vec(reading(), 0..10),
        any::<bool>(),
        space,
    )
        .prop_map(|(head, readings, grouped, space)| Template {
            head,
            readings,
            grouped,
            space,
        })
}

fn head() -> impl Strategy<Value = Object> {
    let texts = |usual: &'static [&'static str], odd: &'static [&'static str]| prop_oneof![20 => prop::sample::select(usual), 1 => prop::sample::select(odd)];
    let fields = (
        texts(
            &["\"p-1\"", "\"patient with a long id\""],
            &["\"\"", "7", "\"p\\u002d1\"", "\"a\\u0007\"", "null", "\"é\""],
        ),
        texts(
            &["\"2026-03-01T09:30:00Z\"", "\"2026-03-01T09:30:00.25+01:00\""],
            &["\"yesterday\"", "1767225600", "null", "\"2026-03-01T09:30:00\""],
        ),
        texts(&["\"monitor-7\"", "null"], &["\"\"", "[7]", "\"Ünit\\\"7\\\"\""]),
        texts(&["\"final\"", "null"], &["\"entered-in-error\"", "\"X\"", "true"]),
        texts(
            &[
                "1",
                "\"x\"",
                "null",
                "{\"a\":[1,{}]}",
                "[{\"code\":\"\\u00e9\"}, [ ]]",
            ],
            &["\"\\ud800\"", "[[[[[[[[[[]]]]]]]]]]", "{\"a\":}", "[1,]", "1e999"],
        ),
        texts(&["\"2026-03-01T09:31:00Z\""], &["\"later\"", "{}"]),
    );
    let kept = proptest::collection::vec(prop::bool::weighted(0.97), 6);
    (fields, kept).prop_flat_map(|((patient, ts, device, status, extra, arrived), kept)| {
        let all = [
            ("patient_id", patient),
            ("ts", ts),
            ("device_id", device),
            ("status", status),
            ("extra", extra),
            ("arrived_at", arrived),
        ];
        let kept = all.into_iter().zip(kept).filter(|(_, kept)| *kept);
        Just(
            kept.map(|((name, value), _)| quoted(name, value))
                .collect::<Vec<_>>(),
        )
        .prop_shuffle()
    })
}

fn reading() -> impl Strategy<Value = Object> {
    let code = prop_oneof![
        8 => Just(Code::Name), 3 => Just(Code::Loinc), 3 => Just(Code::MdcText), 3 => Just(Code::MdcNumber),
        1 => prop::sample::select(vec!["\"shoe_size\"", "null", "false", "12", "\"heart\\u005frate\""]).prop_map(Code::Odd),
    ];
    let value = prop_oneof![10 => Just("$"), 1 => prop::sample::select(vec!["\"A\"", "\"U\"", "null", "[]", "\"7\""])];
    let unit = prop_oneof![
        10 => Just(None),
        2 => prop::sample::select(vec!["\"bpm\"", "\"mmHg\"", "\"1\"", "\"°F\"", "\"kPa\"", "null", "\"\"", "3", "\"\\u0025\""]).prop_map(Some),
    ];
    let more = prop::sample::select(vec![
        None,
        None,
        None,
        Some(("status", "\"F\"")),
        Some(("status", "\"W\"")),
        Some(("ts", "1")),
        Some(("value", "3")),
    ]);
    (0..VitalSign::COUNT, code, value, unit, more).prop_flat_map(|(vital, code, value, unit, more)| {
        let vital = VitalSign::ALL[vital];
        let unit = unit.map_or_else(|| format!("{:?}", vital.unit()), str::to_owned);
        let mut fields = vec![
            ("\"code\"".to_owned(), code.written(vital)),
            ("\"value\"".to_owned(), value.to_owned()),
            ("\"unit\"".to_owned(), unit),
        ];
        fields.extend(more.map(|(name, value)| quoted(name, value)));
        Just(fields).prop_shuffle()
    })
}

/// How a vital sign is named.
#[derive(Debug, Clone, Copy)]
enum Code {
    Name,
    Loinc,
    MdcText,
    MdcNumber,
    Odd(&'static str),
}

// === impl Code ===

impl Code {
    fn written(self, vital: VitalSign) -> String {
        let info = vital.info();
        match (self, info.loinc.first(), info.mdc.first()) {
            (Self::Loinc, Some(code), _) => format!("{code:?}"),
            (Self::MdcText, _, Some(code)) => format!("\"{}\"", code.number),
            (Self::MdcNumber, _, Some(code)) => code.number.to_string(),
            (Self::Odd(text), ..) => text.to_owned(),
            _ => format!("{:?}", vital.name()),
        }
    }
}

fn value() -> impl Strategy<Value = String> {
    prop_oneof![
        (0u32..150).prop_map(|whole| whole.to_string()),
        (0u32..150, 0u32..100).prop_map(|(whole, part)| format!("{whole}.{part:02}")),
        any::<f64>()
            .prop_filter("JSON has no other", |value| value.is_finite())
            .prop_map(|value| format!("{value:e}")),
        "-?[0-9]{1,20}\\.[0-9]{1,20}",
        prop::sample::select(vec![
            "-1", "-0", "1e999", "8388607", "01", "3.", "0.1E1", "\"C\"", "99.90"
        ])
        .prop_map(str::to_owned),
    ]
}

fn quoted(name: &str, value: &str) -> (String, String) {
    (format!("{name:?}"), value.to_owned())
}

type Edit = (prop::sample::Index, Option<u8>);

/// Mostly none; else bytes to take out or to replace.
fn edits() -> impl Strategy<Value = Vec<Edit>> {
    let byte = prop_oneof![
        prop::sample::select(b"\"{}[],:\\0 ne\x00\xff".to_vec()),
        any::<u8>()
    ];
    let edit = (any::<prop::sample::Index>(), proptest::option::of(byte));
    prop_oneof![3 => Just(Vec::new()), 1 => proptest::collection::vec(edit, 1..3)]
}

fn edited(mut payload: Vec<u8>, edits: &[Edit]) -> Vec<u8> {
    for (index, byte) in edits {
        let at = index.index(payload.len().max(1)).min(payload.len());
        match byte {
            Some(byte) if at < payload.len() => payload[at] = *byte,
            _ => payload.truncate(payload.len().saturating_sub(1).min(at.max(1))),
        }
    }
    payload
}
