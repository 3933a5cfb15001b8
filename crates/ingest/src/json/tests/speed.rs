//! How fast, on demand: `cargo test --release -p wardwatch-ingest speed -- --ignored --nocapture`.

use std::time::{Duration, Instant};

use super::*;

const VITALS: [(&str, &str); 8] = [
    ("heart_rate", "/min"),
    ("pulse", "/min"),
    ("spo2", "%"),
    ("resp_rate", "/min"),
    ("arterial_systolic", "mm[Hg]"),
    ("arterial_diastolic", "mm[Hg]"),
    ("arterial_mean", "mm[Hg]"),
    ("temperature", "Cel"),
];

fn value(message: usize, vital: usize) -> String {
    match vital {
        7 => format!("{}.{}", 36 + message % 3, message % 10),
        _ => (60 + (message * 7 + vital * 3) % 39).to_string(),
    }
}

fn head(message: usize) -> String {
    format!(
        r#""patient_id":"p{:05}","ts":"2026-03-01T09:{:02}:{:02}.250Z""#,
        message % 10_000,
        message / 60 % 60,
        message % 60
    )
}

fn singles(count: usize) -> Vec<String> {
    (0..count)
        .map(|message| {
            let (code, unit) = VITALS[message % 8];
            let value = value(message, message % 8);
            format!(
                r#"{{{},"code":"{code}","value":{value},"unit":"{unit}"}}"#,
                head(message)
            )
        })
        .collect()
}

/// `orders`: how many kinds of devices, each with its own order of readings, take turns.
fn groups(count: usize, orders: usize) -> Vec<String> {
    (0..count)
        .map(|message| {
            let readings: Vec<_> = (0..8)
                .map(|vital| {
                    let vital = (vital + message % orders) % 8;
                    let (code, unit) = VITALS[vital];
                    format!(
                        r#"{{"code":"{code}","value":{},"unit":"{unit}"}}"#,
                        value(message, vital)
                    )
                })
                .collect();
            format!(r#"{{{},"observations":[{}]}}"#, head(message), readings.join(","))
        })
        .collect()
}

#[allow(clippy::disallowed_methods, reason = "a measurement needs a clock")]
fn measure(name: &str, payloads: &[String], quick: QuickReader) -> String {
    let readings = decoded(payloads).observations.readings_len();
    let mut best = Duration::MAX;
    for _ in 0..60 {
        let start = Instant::now();
        let decoded = decode(records(payloads), Arrival::Broker, quick);
        best = best.min(start.elapsed());
        assert_eq!(
            (decoded.observations.readings_len(), decoded.quarantined.len()),
            (readings, 0)
        );
    }
    let bytes: usize = payloads.iter().map(String::len).sum();
    let seconds = best.as_secs_f64();
    format!(
        "{name:<22} {:>4} B a message {:>6.0} ns a message {:>6.1} M observations/s {:>5.2} GB/s",
        bytes / payloads.len(),
        seconds * 1e9 / payloads.len() as f64,
        readings as f64 / seconds / 1e6,
        bytes as f64 / seconds / 1e9,
    )
}

#[test]
#[ignore = "a measurement, for a release build"]
#[allow(clippy::print_stdout)]
fn speed() {
    let (singles, groups, mixed_groups) = (singles(10_000), groups(4_000, 1), groups(4_000, 5));
    // What devices really send: with their name, in their units.
    let named = |payloads: &[String]| -> Vec<_> {
        let device = r#"{"device_id":"monitor-0007","source":"bedside",""#;
        payloads
            .iter()
            .map(|text| text.replacen("{\"", device, 1).replace("/min", "bpm"))
            .collect()
    };
    let (named_singles, named_groups) = (named(&singles), named(&groups));
    for (name, payloads) in [
        ("single", &singles),
        ("single, named", &named_singles),
        ("grouped", &groups),
        ("grouped, named", &named_groups),
        ("grouped, mixed", &mixed_groups),
    ] {
        println!("{}", measure(name, payloads, usual::read));
        println!(
            "{}",
            measure(&format!("  {name}, serde"), payloads, |_, _, _, _| None)
        );
    }
}
