use super::*;
use crate::idempotency::durable::expiry::{ExpiryEntry, key_prefix};

/// Leased until 5, remembered for 7 more; or completed with a record until 5.
fn state(stage: Stage) -> State {
    State {
        fingerprint: Fingerprint::from_bytes([0xF0; 32]),
        token: Token::from_bytes([0x70; 16]),
        stage,
    }
}

fn leased(attempt: u32) -> State {
    state(Stage::Leased {
        until: 5,
        keep: 7,
        attempt,
    })
}

fn completed() -> State {
    let record = Bytes::from_static(b"done");
    state(Stage::Completed { until: 5, record })
}

/// The bytes of version 1, which every later version has to read.
fn golden(stage: u8, rest: &[u8]) -> Vec<u8> {
    let mut bytes = vec![1, stage];
    bytes.extend([0xF0; 32]);
    bytes.extend([0x70; 16]);
    bytes.extend([0, 0, 0, 0, 0, 0, 0, 5]);
    bytes.extend(rest);
    bytes
}

#[test]
fn a_state_is_written_and_read_as_it_always_was() {
    let keep = [0, 0, 0, 0, 0, 0, 0, 7];
    let all = [
        (leased(1), golden(0, &keep)),
        (leased(3), golden(1, &[&keep[..], &[0, 0, 0, 3]].concat())),
        (completed(), golden(2, b"done")),
    ];
    for (state, bytes) in all {
        assert_eq!(write(&state), bytes);
        assert_eq!(read(&bytes), Ok(state));
    }
    assert_eq!(read(&golden(1, &keep)), Ok(leased(2)));
}

#[test]
fn another_version_is_refused() {
    let mut bytes = write(&completed());
    bytes[0] = 2;
    assert_eq!(read(&bytes), Err(RecordError::Version(2)));
}

#[test]
fn a_state_that_is_cut_off_or_too_long_or_of_an_unknown_stage_is_malformed() {
    let leased = write(&leased(1));
    for length in 0..leased.len() {
        assert_eq!(read(&leased[..length]), Err(RecordError::Malformed));
    }
    let longer = [&leased[..], &[0]].concat();
    assert_eq!(read(&longer), Err(RecordError::Malformed));
    assert_eq!(read(&golden(3, b"done")), Err(RecordError::Malformed));
}

#[test]
fn entries_sort_by_their_expiry() {
    let name = crate::idempotency::Scope::new("tests").name("17");
    let entry = ExpiryEntry::of(name, &completed());
    let golden = [&[1, 0, 0, 0, 0, 0, 0, 0, 5], &name.as_bytes()[..]].concat();
    assert_eq!(entry.key(), golden);
    assert_eq!(
        ExpiryEntry::read(&golden, &260_u64.to_be_bytes()),
        Some(entry)
    );
    let leased = ExpiryEntry::of(name, &leased(1));
    assert_eq!((leased.expires, leased.bytes), (12, 256));
    assert!(key_prefix(true, 4) < golden && golden < key_prefix(true, 6));
    assert_eq!(ExpiryEntry::read(&golden[1..], &[0; 8]), None);
}
