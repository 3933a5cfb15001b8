use proptest::prelude::*;
use proptest::sample::{select, subsequence};
use wardwatch_ingest::{Record, decode_context};

use super::*;

fn at(second: i64) -> Timestamp {
    Timestamp::from_millis(second * 1_000)
}

/// A record, written as `EVENT TS [visit=V] [FIELD=VALUE …]`.
fn record(text: &str) -> ContextRecord {
    let mut words = text.split_whitespace();
    let (event, ts) = (words.next().unwrap(), words.next().unwrap());
    let mut fields: serde_json::Map<String, serde_json::Value> = words
        .map(|word| word.split_once('=').unwrap())
        .map(|(name, value)| {
            (
                name.to_owned(),
                serde_json::from_str(value).unwrap_or_else(|_| value.into()),
            )
        })
        .collect();
    fields.insert("patient_id".to_owned(), "p".into());
    fields.insert("event".to_owned(), event.into());
    fields.insert("ts".to_owned(), at(ts.parse().unwrap()).to_string().into());
    let payload = serde_json::Value::Object(fields).to_string();
    let record = Record {
        payload: payload.as_bytes(),
        key: Some(b"p"),
        append_time: Timestamp::MAX,
        topic: 0,
        partition: 0,
        offset: 0,
    };
    decode_context(&record).unwrap()
}

/// What follows from records, each `WRITER EVENT TS …`: `VISIT, there or gone, bed, scale, oxygen`, a hyphen for what is unknown.
fn known<'t>(records: impl IntoIterator<Item = &'t &'t str>) -> String {
    let mut stated = Statements::default();
    for text in records {
        let (writer, text) = text.split_once(' ').unwrap();
        stated.take(writer.parse().unwrap(), &record(text), at(0), Timestamp::MIN);
    }
    let standing = stated.standing();
    let context = stated.context(&standing);
    let there = match (standing.present, standing.discharged) {
        (Some(_), _) => "there",
        (None, Some(_)) => "gone",
        (None, None) => "-",
    };
    format!(
        "{} {there} {} {} {}",
        standing.visit.as_deref().unwrap_or("-"),
        context.bed.as_deref().unwrap_or("-"),
        context
            .spo2_scale
            .map_or("-".to_owned(), |scale| u8::from(scale).to_string()),
        context.on_oxygen.map_or("-".to_owned(), |flag| flag.to_string()),
    )
}

/// What follows is the same for each order of the records.
fn check(records: &[&str], expected: &str) {
    assert_eq!(known(records), expected, "{records:?}");
    assert_eq!(known(records.iter().rev()), expected, "{records:?} turned");
    for turn in 1..records.len() {
        let (behind, before) = records.split_at(turn);
        assert_eq!(
            known(before.iter().chain(behind)),
            expected,
            "{records:?} from {turn}"
        );
    }
}

#[test]
fn the_newest_statement_counts_whenever_it_comes() {
    check(
        &["0 admit 1 bed=A", "0 transfer 5 bed=B", "0 update 3 bed=A"],
        "- there B - -",
    );
    check(
        &["0 admit 1 bed=A", "0 discharge 5", "0 update 3 bed=C"],
        "- gone - - -",
    );
    check(
        &["0 admit 1 bed=A", "0 discharge 5", "0 admit 1 bed=A"],
        "- gone - - -",
    );
    check(
        &["0 discharge 5", "0 admit 9 bed=B", "0 update 7 bed=C"],
        "- there B - -",
    );
    // A system corrects what it wrote of who has gone: that brings nobody back. It is stated after the discharge all the same.
    check(
        &["0 admit 1 bed=A", "0 discharge 5", "0 update 8 bed=A"],
        "- gone A - -",
    );
    check(
        &[
            "0 admit 1 visit=V1 bed=A",
            "0 discharge 5 visit=V1",
            "0 update 8 visit=V1 bed=A",
        ],
        "- gone - - -",
    );
    // A discharge that is called off.
    check(
        &[
            "0 admit 1 visit=V1 bed=A",
            "0 discharge 5 visit=V1",
            "0 transfer 8 visit=V1 bed=B",
        ],
        "V1 there B - -",
    );
}

#[test]
fn a_discharge_is_of_its_visit() {
    let moved = ["0 admit 1 visit=V1 bed=A", "0 admit 3 visit=V2 bed=B"];
    check(&moved, "V2 there B - -");
    check(
        &[&moved[..], &["0 discharge 9 visit=V1"]].concat(),
        "V2 there B - -",
    );
    check(
        &[&moved[..], &["0 discharge 9 visit=V2"]].concat(),
        "V1 there A - -",
    );
    check(
        &[
            &moved[..],
            &["0 discharge 2 visit=V1", "0 update 9 visit=V1 bed=C"],
        ]
        .concat(),
        "V2 there B - -",
    );
    check(&[&moved[..], &["0 discharge 9"]].concat(), "- gone - - -");
    check(&[&moved[..], &["0 discharge 2"]].concat(), "V2 there B - -");
    check(
        &[&moved[..], &["0 transfer 9 visit=V1 bed=C"]].concat(),
        "V1 there C - -",
    );
}

#[test]
fn fields_come_from_whoever_states_them_last() {
    let both = [
        "0 admit 1 bed=A on_oxygen=false",
        "1 update 2 spo2_scale=2 on_oxygen=true",
    ];
    check(&both, "- there A 2 true");
    check(
        &[&both[..], &["0 update 3 bed=B on_oxygen=false"]].concat(),
        "- there B 2 false",
    );
    // What a writer no longer states is another's again, or nobody's.
    check(
        &[&both[..], &["1 update 3 spo2_scale=2"]].concat(),
        "- there A 2 false",
    );
    check(&[&both[..], &["1 update 3"]].concat(), "- there A - false");
    check(&[&both[..], &["0 update 3"]].concat(), "- there - 2 true");
    // At one time the first of the pipeline's writers.
    check(&["0 admit 1 bed=A", "1 update 1 bed=B"], "- there A - -");
}

#[test]
fn at_one_time_a_discharge_comes_last() {
    check(&["0 admit 1 bed=A", "0 discharge 1"], "- gone - - -");
    check(&["0 admit 1 bed=A", "0 transfer 1 bed=B"], "- there B - -");
    check(&["0 transfer 1 bed=B", "0 update 1 bed=C"], "- there C - -");
    check(&["0 update 1 bed=C", "0 update 1 bed=D"], "- - D - -");
}

#[test]
fn what_names_no_visit_is_of_the_stay_in_which_it_lies() {
    // Charted in the first visit, in the second, and between them.
    let visits = [
        "0 admit 1 visit=V1",
        "0 discharge 5 visit=V1",
        "0 admit 9 visit=V2 bed=B",
    ];
    check(
        &[&visits[..], &["1 update 4 on_oxygen=true"]].concat(),
        "V2 there B - -",
    );
    check(
        &[&visits[..], &["1 update 10 on_oxygen=true"]].concat(),
        "V2 there B - true",
    );
    check(
        &[&visits[..], &["1 update 7 on_oxygen=true"]].concat(),
        "V2 there B - true",
    );
    // A visit that ends within another ends nothing of it.
    let within = [
        "0 admit 1 visit=V1 bed=A",
        "0 admit 3 visit=V2",
        "0 discharge 8 visit=V2",
    ];
    check(
        &[&within[..], &["1 update 6 on_oxygen=true"]].concat(),
        "V1 there A - true",
    );
    // Without visits the newest discharge parts the stays.
    let plain = ["0 admit 1 bed=A", "0 discharge 5", "0 admit 9 bed=B"];
    check(
        &[&plain[..], &["1 update 4 on_oxygen=true"]].concat(),
        "- there B - -",
    );
    check(
        &[&plain[..], &["1 update 6 on_oxygen=true"]].concat(),
        "- there B - true",
    );
    // Who is there by word without a visit is in the visit that others name.
    check(
        &["0 admit 1 bed=A", "1 update 2 visit=V1 spo2_scale=2"],
        "V1 there A 2 -",
    );
    check(
        &["0 admit 9", "0 discharge 5", "1 update 2 visit=V1 spo2_scale=2"],
        "- there - - -",
    );
}

#[test]
fn who_withdraws_takes_back_what_it_stated() {
    let both = ["0 admit 1 visit=V1 bed=A", "1 update 2 spo2_scale=2"];
    check(&[&both[..], &["1 withdraw 5"]].concat(), "V1 there A - -");
    check(&[&both[..], &["0 withdraw 5"]].concat(), "- gone - - -");
    check(
        &[&both[..], &["0 withdraw 5", "0 update 4 visit=V1 bed=C"]].concat(),
        "- gone - - -",
    );
    check(
        &[&both[..], &["0 withdraw 5", "0 admit 9 visit=V2 bed=B"]].concat(),
        "V2 there B - -",
    );
    check(&["0 update 1 bed=A", "0 withdraw 5"], "- gone - - -");
    // Two say that the patient is there: one goes on saying so.
    check(
        &["0 admit 1 bed=A", "1 admit 2 bed=B", "1 withdraw 5"],
        "- there A - -",
    );
}

#[test]
fn of_a_compacted_topic_the_newest_record_says_which_visit_it_is() {
    check(&["0 update 7 visit=V1 bed=A"], "V1 - A - -");
    check(
        &["0 update 7 visit=V1 bed=A", "1 update 9 visit=V2 spo2_scale=1"],
        "V2 - - 1 -",
    );
    check(&["0 discharge 7 visit=V1 bed=A"], "- gone - - -");
}

#[test]
fn visits_that_are_over_are_forgotten_together() {
    let mut stated = Statements::default();
    let take = |stated: &mut Statements, writer, text: &str, now: i64| {
        stated.take(writer, &record(text), at(now), at(now - 100))
    };
    take(&mut stated, 0, "admit 1 visit=V1 bed=A", 1);
    take(&mut stated, 1, "update 4 on_oxygen=true", 4);
    take(&mut stated, 0, "discharge 5 visit=V1", 5);
    take(&mut stated, 0, "admit 50 visit=V2 bed=B", 50);
    assert_eq!(stated.accounts.len(), 3);
    // The charting of the first visit is older than its discharge, and is not forgotten later than that.
    assert!(
        !take(&mut stated, 0, "admit 1 visit=V1 bed=A", 104),
        "the same again is no news"
    );
    assert_eq!(stated.accounts.len(), 3);
    take(&mut stated, 0, "update 110 visit=V2 bed=B", 110);
    assert_eq!(stated.accounts.len(), 1);
    let standing = stated.standing();
    assert_eq!(standing.visit.as_deref(), Some("V2"));
    assert_eq!(stated.context(&standing).on_oxygen, None);
}

#[test]
fn what_is_remembered_of_a_patient_is_bounded() {
    let mut stated = Statements::default();
    for visit in 0..1_000 {
        let text = format!("admit {visit} visit=V{visit} bed=B{visit}");
        stated.take(0, &record(&text), at(visit), Timestamp::MIN);
        stated.take(
            0,
            &record(&format!("discharge {visit} visit=V{visit}")),
            at(visit),
            Timestamp::MIN,
        );
    }
    stated.take(
        0,
        &record("admit 1000 visit=V1000 bed=B"),
        at(1_000),
        Timestamp::MIN,
    );
    assert_eq!(stated.accounts.len(), MOST_ACCOUNTS);
    let standing = stated.standing();
    assert_eq!(standing.visit.as_deref(), Some("V1000"));
    assert_eq!(stated.context(&standing).bed.as_deref(), Some("B"));
}

prop_compose! {
    fn any_record()(
        writer in 0..3u16,
        event in select(vec!["admit", "transfer", "update", "discharge", "withdraw"]),
        ts in 0..15i64,
        visit in select(vec!["", " visit=V1", " visit=V2", " visit=V3"]),
        fields in subsequence(vec![" bed=A", " ward=W", " age=71", " spo2_scale=2", " on_oxygen=true", " pregnant=false"], 0..=6),
        other in select(vec!["", " sex=male", " sex=female"]),
    ) -> String {
        format!("{writer} {event} {ts}{visit}{}{other}", fields.concat())
    }
}

fn merged(records: &[String]) -> (Standing, Context, bool) {
    let mut stated = Statements::default();
    for text in records {
        let (writer, text) = text.split_once(' ').unwrap();
        stated.take(writer.parse().unwrap(), &record(text), at(0), Timestamp::MIN);
    }
    let standing = stated.standing();
    let context = stated.context(&standing);
    (standing, context, stated.is_over("V1"))
}

proptest! {
    /// CONTEXT-1.
    #[test]
    fn any_order_of_arrival_gives_the_same_context(
        (records, turned) in prop::collection::vec(any_record(), 1..20)
            .prop_flat_map(|records| (Just(records.clone()), Just(records).prop_shuffle())),
    ) {
        prop_assert_eq!(merged(&records), merged(&turned));
    }

    /// Records that come again change nothing.
    #[test]
    fn what_comes_twice_is_no_news(records in prop::collection::vec(any_record(), 1..12)) {
        let twice = [&records[..], &records[..]].concat();
        prop_assert_eq!(merged(&records), merged(&twice));
    }
}
