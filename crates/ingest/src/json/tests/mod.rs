//! Properties of decoding: JSON-1 (both readers agree), JUDGE-1 (nothing is lost), no panic, no influence of one record
//! on another.

mod generate;
mod reasons;
mod schema;

use proptest::prelude::*;
use wardwatch_event_time::Timestamp;

use super::*;

/// Records of these payloads, at offsets 0, 1, 2…
fn records<T: AsRef<[u8]>>(payloads: &[T]) -> impl Iterator<Item = Record<'_>> {
    (0..).zip(payloads).map(|(offset, payload)| Record {
        payload: payload.as_ref(),
        key: None,
        append_time: Timestamp::from_micros(1_772_357_400_000_000 + offset),
        topic: 1,
        partition: 2,
        offset,
    })
}

fn decoded<T: AsRef<[u8]>>(payloads: &[T]) -> Decoded {
    decode_observations(records(payloads), Arrival::Broker)
}

/// How many readings a payload holds, as `serde_json::Value` sees it.
fn count_readings(payload: &[u8]) -> usize {
    match serde_json::from_slice::<serde_json::Value>(payload) {
        Ok(message) => message
            .get("observations")
            .and_then(|group| group.as_array())
            .map_or(1, Vec::len),
        // A number beyond f64 or half a surrogate pair is no Value, but may stand where we do not look.
        Err(_) => serde_json::from_slice::<Loose<'_>>(payload)
            .unwrap()
            .observations
            .map_or(1, |group| group.len()),
    }
}

#[derive(serde::Deserialize)]
struct Loose<'a> {
    #[serde(borrow)]
    observations: Option<Vec<&'a serde_json::value::RawValue>>,
}

/// JUDGE-1 for one decoded run.
fn accounts_for_all<T: AsRef<[u8]>>(payloads: &[T], decoded: &Decoded) -> Result<(), TestCaseError> {
    let observations = &decoded.observations;
    let mut readings = 0;
    for (offset, payload) in (0i64..).zip(payloads) {
        let rows: Vec<_> = (0..observations.len())
            .filter(|row| observations.offset()[*row] == offset)
            .collect();
        let bad: Vec<_> = decoded
            .quarantined
            .iter()
            .filter(|bad| bad.offset == offset)
            .collect();
        prop_assert!(rows.windows(2).all(|pair| pair[1] == pair[0] + 1), "OBS-3");
        prop_assert!(bad.iter().all(|bad| bad.payload == payload.as_ref()));
        if bad.iter().any(|bad| bad.readings.is_empty()) {
            prop_assert!(
                rows.is_empty() && bad.len() == 1,
                "a record is refused once and whole"
            );
            continue;
        }
        prop_assert!(!rows.is_empty() || !bad.is_empty(), "record {offset} is lost");
        readings +=
            count_readings(payload.as_ref()) - bad.iter().map(|bad| bad.readings.len()).sum::<usize>();
    }
    prop_assert_eq!(
        readings as u64,
        observations.readings_len() as u64 + decoded.repeats
    );
    Ok(())
}

fn same(a: &Decoded, b: &Decoded) -> Result<(), TestCaseError> {
    prop_assert_eq!(&a.quarantined, &b.quarantined);
    prop_assert_eq!(a.observations.batch(), b.observations.batch());
    let bits = |decoded: &Decoded| {
        decoded
            .observations
            .values()
            .iter()
            .map(|v| v.to_bits())
            .collect::<Vec<_>>()
    };
    prop_assert_eq!(bits(a), bits(b));
    prop_assert_eq!(a.repeats, b.repeats);
    Ok(())
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(1_000))]

    #[test]
    fn json_1_both_readers_agree(payloads in generate::payloads(), file in any::<bool>()) {
        let arrival = if file { Arrival::File } else { Arrival::Broker };
        let both = decode(records(&payloads), arrival, usual::read);
        let thorough_alone = decode(records(&payloads), arrival, |_, _, _, _| None);
        same(&both, &thorough_alone)?;
        accounts_for_all(&payloads, &both)?;
    }

    #[test]
    fn any_bytes_are_accounted_for(payloads in proptest::collection::vec(proptest::collection::vec(any::<u8>(), 0..60), 1..6)) {
        accounts_for_all(&payloads, &decoded(&payloads))?;
    }

    #[test]
    fn a_record_decodes_alone_as_among_others(payloads in generate::payloads()) {
        let together = decoded(&payloads);
        let alone: Vec<_> = records(&payloads).map(|record| decode_observations([record], Arrival::Broker)).collect();
        let batches: Vec<_> = alone.iter().map(|one| one.observations.batch().clone()).collect();
        let batch = arrow::compute::concat_batches(&Observations::schema(), &batches).unwrap();
        prop_assert_eq!(together.observations.batch(), &batch);
        let quarantined: Vec<_> = alone.into_iter().flat_map(|one| one.quarantined).collect();
        prop_assert_eq!(together.quarantined, quarantined);
    }
}

#[test]
fn the_usual_forms_are_read_quickly() {
    let usual = [
        r#"{"patient_id":"p-1","ts":"2026-03-01T09:30:00Z","code":"heart_rate","value":72,"unit":"/min"}"#,
        r#" { "unit" : "/min" , "value" : -7.25e0 , "extra" : null , "code" : 147842 , "ts" : "t" } "#,
        r#"{"observations":[{"code":"spo2","value":97,"unit":"%"},{"value":"A","code":"consciousness"}],"ts":"t"}"#,
        r#"{"patient_id":"Größe","observations":[]}"#,
        r#"{"unit":"\u00b0F","more":{"a":[{"b":[1,"\"",{}]},[]]},"observations":[{"code":"x","more":[ ]}]}"#,
    ];
    for text in usual {
        let (mut moulds, mut meanings) = (Moulds::default(), Meanings::new());
        for round in 0..2 {
            let mut document = Document::default();
            assert!(
                usual::read(text, &mut moulds, &mut meanings, &mut document).is_some(),
                "{round} {text}"
            );
        }
    }
}

#[test]
fn a_mould_takes_the_next_value() {
    let message =
        |value: &str| format!(r#"{{"observations":[{{"code":"heart_rate","value":{value},"unit":"bpm"}}]}}"#);
    let (first, second) = (message("72"), message("73.5"));
    let (mut moulds, mut meanings) = (Moulds::default(), Meanings::new());
    let mut document = Document::default();
    usual::read(&first, &mut moulds, &mut meanings, &mut document).unwrap();
    document.clear();
    usual::read(&second, &mut moulds, &mut meanings, &mut document).unwrap();
    assert!(matches!(
        document.elements[..],
        [document::Element::Known(_, 73.5)]
    ));
}

#[test]
fn more_kinds_of_devices_than_moulds_change_nothing() {
    let message = |kind: usize, value: usize| {
        let space = " ".repeat(kind);
        let (first, second) = (format!("{space}{value}"), ["bpm", "/min", "Hz"][value % 3]);
        format!(
            r#"{{"patient_id":"p","ts":"2026-03-01T09:30:00Z","observations":[
            {{"code":"pulse","value":{first},"unit":"{second}"}},{{"code":"gcs_eye","value":{space}4}}]}}"#
        )
    };
    let payloads: Vec<_> = (0..60).map(|nth| message(nth % 20, nth)).collect();
    let both = decoded(&payloads);
    let thorough_alone = decode(records(&payloads), Arrival::Broker, |_, _, _, _| None);
    same(&both, &thorough_alone).unwrap();
    assert_eq!(both.observations.values()[..4], [0.0, 4.0, 1.0, 4.0]);
}

#[test]
fn files_bring_their_own_arrival() {
    let payloads = [
        r#"{"patient_id":"p","ts":"2026-03-01T09:30:00Z","arrived_at":"2026-03-01T10:00:00Z","code":"spo2","value":97,"unit":"%"}"#,
        r#"{"patient_id":"p","ts":"2026-03-01T09:30:00Z","code":"spo2","value":97,"unit":"%"}"#,
        r#"{"patient_id":"p","ts":"2026-03-01T09:30:00Z","arrived_at":"soon","code":"spo2","value":97,"unit":"%"}"#,
    ];
    let decoded = decode_observations(records(&payloads), Arrival::File);
    let ts = decoded.observations.ts()[0];
    assert_eq!(decoded.observations.append_time(), [ts + 30 * 60 * 1_000_000, ts]);
    assert_eq!(
        decoded.quarantined[0].flaw(),
        Flaw::new(Reason::BadTime, "arrived_at")
    );
    let broker = decode_observations(records(&payloads), Arrival::Broker);
    assert_eq!(broker.observations.len(), 3);
}
