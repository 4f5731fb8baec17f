use super::*;

const SENT_MS: i64 = 1_763_683_200_000;
const KEY: &str = "events/event_type=lesson/event_date=2025-11-21/a.snappy.parquet";

fn json(number: u128, minutes: u32) -> Vec<u8> {
    let uuid = text_of(number);
    format!(r#"{{"event_uuid":"{uuid}","event_name":"lesson:started","created_at":1763683200250,"minutes":{minutes}}}"#)
        .into()
}

fn row(number: u128) -> StoredRow {
    StoredRow::of(&Event::parse(&json(number, 1), SENT_MS).unwrap())
}

fn expected() -> SentRecords {
    let mut expected = SentRecords::default();
    (1..=3).for_each(|number| expected.add(json(number, 1), SENT_MS));
    expected.add(json(2, 1), SENT_MS);
    expected.add(b"no event".to_vec(), SENT_MS);
    expected
}

fn line(sequence: &str, reason: &str, data: &[u8]) -> StoredBadRecord {
    use base64::Engine;
    let data_base64 = base64::engine::general_purpose::STANDARD.encode(data);
    let (shard_id, sequence_number) = ("shardId-000000000000".to_owned(), sequence.to_owned());
    StoredBadRecord { shard_id, sequence_number, part: 0, reason: reason.to_owned(), data_base64 }
}

fn balanced() -> StoredRecords {
    let (expected, mut found) = (expected(), StoredRecords::default());
    found.object(&expected, KEY, vec![row(1), row(2), row(3)]);
    found.object(&expected, "events/seal", Vec::new());
    // The same batch, delivered again in other pieces.
    found.quarantined(&expected, "q1", line("17", "not_json", b"no event"));
    found.quarantined(&expected, "q2", line("17", "not_json", b"no event"));
    found
}

/// The only finding after `damage`.
fn found(damage: impl FnOnce(&mut StoredRecords, &SentRecords)) -> (EventFinding, u64, String) {
    let (expected, mut found) = (expected(), balanced());
    damage(&mut found, &expected);
    let altered = found.altered().iter().filter_map(|one| one.differs(&found, &json(3, 1), SENT_MS)).collect();
    let findings = found.finish(&expected, altered);
    assert_eq!(findings.len(), 1, "{findings:?}");
    let (kind, finding) = findings.into_iter().next().unwrap();
    (kind, finding.count, finding.examples.first().cloned().unwrap_or_default())
}

#[test]
fn records_stored_once_balance() {
    let (expected, found) = (expected(), balanced());
    assert!(found.is_complete(&expected));
    assert_eq!((expected.events(), expected.again, expected.bad_records(), expected.records), (3, 1, 1, 5));
    assert_eq!((found.events(), found.bad_records(&expected), found.objects, found.seals), (3, 1, 1, 1));
    assert_eq!(found.finish(&expected, Vec::new()), Findings::new());
}

#[test]
fn each_kind_of_damage_is_found() {
    let uuid = |number| text_of(number);
    let other = KEY.replace("a.snappy", "b.snappy");
    assert_eq!(
        found(|found, expected| found.object(expected, &other, vec![row(2)])),
        (EventFinding::Doubled, 1, format!("{} in {KEY} and {other}", uuid(2)))
    );
    assert_eq!(
        found(|found, expected| found.object(expected, &other, vec![row(9), row(10)])),
        (EventFinding::Unsent, 2, format!("{} in {other}", uuid(9)))
    );
    assert_eq!(
        found(|found, expected| found.quarantined(expected, "q3", line("18", "not_json", b"strange"))),
        (EventFinding::BadUnsent, 1, "shardId-000000000000:18 in q3: strange".to_owned())
    );
    assert_eq!(
        found(|found, expected| found.quarantined(expected, "q3", line("18", "bad_uuid", b"no event"))),
        (EventFinding::BadReason, 1, "shardId-000000000000:18 in q3: bad_uuid instead of not_json".to_owned())
    );
    assert_eq!(found(|found, _| found.unreadable("x", "why")), (EventFinding::Unreadable, 1, "x: why".to_owned()));
    let missing = found(|found, _| assert!(found.rows.remove(&3).is_some()));
    assert_eq!(missing, (EventFinding::Missing, 1, uuid(3)));
    let missing = found(|found, _| found.bad.clear());
    assert_eq!(missing, (EventFinding::BadMissing, 1, "not_json: no event".to_owned()));
}

#[test]
fn altered_row_names_the_column() {
    for (column, change) in [
        (
            "event_name is 'lesson:startet', was sent as 'lesson:started'",
            (|row| row.event_name = "lesson:startet".into()) as fn(&mut StoredRow),
        ),
        ("event_subtype is 'x', was sent as 'started'", |row| row.event_subtype = "x".into()),
        ("created_at is '9223372036854775807', was sent as '1763683200250'", |row| row.created_at = i64::MAX),
        ("created_datetime is '', was sent as '2025-11-21T00:00:00.250Z'", |row| row.created_datetime.clear()),
        (r#"other is '', was sent as '{"minutes":1}'"#, |row| row.other = None),
    ] {
        let mut changed = row(3);
        change(&mut changed);
        let finding = found(|found, expected| {
            found.rows.remove(&3);
            found.object(expected, KEY, vec![changed]);
        });
        assert_eq!(finding, (EventFinding::Altered, 1, format!("{} in {KEY}: {column}", text_of(3))));
    }
}

#[test]
fn partition_is_type_and_day_or_other() {
    for (key, is_right) in [
        ("events/event_type=lesson/event_date=2025-11-21/x", true),
        ("events/event_type=other/event_date=2025-11-21/x", true),
        ("events/event_type=product/event_date=2025-11-21/x", false),
        ("events/event_type=lesson/event_date=2025-11-22/x", false),
        ("events/x", false),
    ] {
        assert_eq!(is_in_its_partition(key, &row(1)), is_right, "{key}");
    }
    let misplaced = found(|found, expected| {
        found.rows.remove(&3);
        found.object(expected, "events/event_type=product/event_date=2025-11-21/x", vec![row(3)]);
    });
    assert_eq!((misplaced.0, misplaced.1), (EventFinding::Misplaced, 1));
}

#[test]
fn reused_uuid_allows_each_content() {
    let mut expected = SentRecords::default();
    expected.add(json(1, 1), SENT_MS);
    expected.add(json(1, 2), SENT_MS);
    let mut found = StoredRecords::default();
    found.object(&expected, KEY, vec![StoredRow::of(&Event::parse(&json(1, 2), SENT_MS).unwrap())]);
    assert!(found.is_complete(&expected) && found.finish(&expected, Vec::new()).is_empty());
}

#[test]
fn unsent_records_can_be_ignored() {
    let (expected, mut found) = (expected(), StoredRecords::new(true));
    found.object(&expected, KEY, vec![row(1), row(2), row(3), row(9)]);
    found.quarantined(&expected, "q", line("1", "not_json", b"no event"));
    found.quarantined(&expected, "q", line("2", "not_json", b"strange"));
    assert_eq!(found.finish(&expected, Vec::new()), Findings::new());
}
