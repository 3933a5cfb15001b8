//! Writes a simulated ward as a file to replay and back-test.
//!
//! `cargo run -p wardwatch-simulate --example ward -- SEED BEDS SECONDS > ward.ndjson`: each line is a record with its time of
//! arrival; 24 beds of an hour are 86,000 lines.
#![allow(clippy::print_stdout, reason = "it writes to standard output")]

use std::error::Error;
use std::io::{BufWriter, Write, stdout};

use wardwatch_event_time::Timestamp;
use wardwatch_simulate::Ward;

fn main() -> Result<(), Box<dyn Error>> {
    let mut arguments = std::env::args().skip(1);
    let mut next = |what: &str| {
        arguments
            .next()
            .ok_or(format!("{what} is missing; give SEED BEDS SECONDS"))
    };
    let (seed, beds, seconds): (u64, usize, u32) = (
        next("SEED")?.parse()?,
        next("BEDS")?.parse()?,
        next("SECONDS")?.parse()?,
    );
    let mut ward = Ward::new(seed, Timestamp::parse_rfc3339(b"2026-03-01T08:00:00Z")?, beds);
    let mut out = BufWriter::new(stdout().lock());
    for _ in 0..seconds {
        for message in ward.next_second() {
            let mut record: serde_json::Map<String, serde_json::Value> =
                serde_json::from_slice(&message.payload)?;
            record.insert("arrived_at".to_owned(), message.arrives.to_string().into());
            serde_json::to_writer(&mut out, &record)?;
            out.write_all(b"\n")?;
        }
    }
    out.flush()?;
    Ok(())
}
