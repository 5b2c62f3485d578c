use std::{env, fs, path::PathBuf, time::Duration};

use bytes::Bytes;

use super::*;
use crate::{
    clock::Manual,
    idempotency::{
        Claim, ClaimRequest, Fingerprint, LeaseStatus, Scope, Takeover, Token,
        durable::time::clock_fn,
    },
};

const MINUTE: Duration = Duration::from_secs(60);

/// Empty records, and their folder.
fn records(fsync: Fsync) -> (Records, PathBuf) {
    records_at(fsync, &Manual::new())
}

/// Empty records of at most a mebibyte, whose time this clock tells.
fn records_at(fsync: Fsync, clock: &Manual) -> (Records, PathBuf) {
    let folder = env::temp_dir().join(format!("sluicegate-records-{}", Token::random()));
    let settings = DurableSettings {
        capacity: 1 << 20,
        fsync,
        clock: clock_fn(clock.clone()),
        wall: clock_fn(Manual::new()),
    };
    (
        Records::open(&folder, settings, Arc::default()).unwrap(),
        folder,
    )
}

/// Returns how an operation left the store to be saved.
fn left(records: &mut Records) -> Unsaved {
    let left = records.unsaved;
    records.save().unwrap();
    assert!(records.is_saved());
    left
}

#[test]
fn only_changes_are_saved_and_only_those_that_must_survive_the_machine_are_urgent() {
    use Unsaved::{Nothing, Urgent, Written};
    for (fsync, claim, completion) in [
        (Fsync::Always, Urgent, Urgent),
        (Fsync::Completions, Written, Urgent),
        (Fsync::Never, Written, Written),
    ] {
        let (mut records, folder) = records(fsync);
        let name = Scope::new("test").name("17");
        let request = || ClaimRequest {
            fingerprint: Fingerprint::of("work"),
            token: Token::random(),
            lease: MINUTE,
            keep: MINUTE,
            takeover: Takeover::Rerun,
        };
        let (first, second) = (request(), request());
        assert!(matches!(records.claim(name, first), Ok(Claim::Run { .. })));
        assert_eq!(left(&mut records), claim);
        assert!(matches!(
            records.claim(name, second),
            Ok(Claim::Running { .. })
        ));
        assert_eq!(left(&mut records), Nothing);
        let renewed = records.renew(name, first.token, 2 * MINUTE);
        assert_eq!(
            (renewed, left(&mut records)),
            (Ok(LeaseStatus::Held), Written)
        );
        let completed = records.complete(name, first.token, "done".into(), MINUTE);
        assert_eq!(
            (completed, left(&mut records)),
            (Ok(LeaseStatus::Held), completion)
        );
        assert!(matches!(records.claim(name, second), Ok(Claim::Replay(_))));
        assert_eq!(left(&mut records), Nothing);
        drop(records);
        fs::remove_dir_all(folder).unwrap();
    }
}

#[test]
fn a_record_that_is_restored_over_an_expired_one_keeps_to_the_capacity() {
    let clock = Manual::new();
    let (mut records, folder) = records_at(Fsync::Never, &clock);
    let by = |token| (Fingerprint::of("work"), token);
    let [first, second] = ["1", "2"].map(|name| Scope::new("test").name(name));
    let old = records.restore(first, by(Token::random()), "old".into(), MINUTE);
    assert_eq!(old, Ok(LeaseStatus::Held));
    let large = |share: usize| Bytes::from(vec![0; share * (1 << 20) / 8]);
    let other = records.restore(second, by(Token::random()), large(5), 10 * MINUTE);
    assert_eq!(other, Ok(LeaseStatus::Held));
    clock.advance(2 * MINUTE);

    let again = records.restore(first, by(Token::random()), large(4), MINUTE);
    assert_eq!(again, Ok(LeaseStatus::Held));
    let counts = records.counts();
    assert!(counts.bytes <= 1 << 20, "{counts:?}");
    assert_eq!((counts.records, counts.evicted), (1, 1));
    records.save().unwrap();
    drop(records);
    fs::remove_dir_all(folder).unwrap();
}

/// Copies what the operating system has of a store's files.
fn copy(from: &Path, to: &Path) {
    fs::create_dir(to).unwrap();
    for entry in fs::read_dir(from).unwrap() {
        let entry = entry.unwrap();
        let to = to.join(entry.file_name());
        match entry.file_type().unwrap().is_dir() {
            true => copy(&entry.path(), &to),
            false => drop(fs::copy(entry.path(), to).unwrap()),
        }
    }
}

#[test]
fn a_round_of_changes_that_is_cut_off_costs_no_time_and_is_missed_once_it_was_confirmed() {
    let clock = Manual::new();
    let (mut records, folder) = records_at(Fsync::Always, &clock);
    let claim = |records: &mut Records, work: usize| {
        let request = ClaimRequest {
            fingerprint: Fingerprint::of("work"),
            token: Token::random(),
            lease: MINUTE,
            keep: MINUTE,
            takeover: Takeover::Refuse,
        };
        records.claim(Scope::new("test").name(work.to_string()), request)
    };
    assert_eq!(claim(&mut records, 0), Ok(Claim::Run { attempt: 1 }));
    records.save().unwrap();
    // The date stands still, so only a stamp can tell of these hours.
    clock.advance(300 * MINUTE);
    let mut cuts = Vec::new();
    for work in 1..=3 {
        assert_eq!(claim(&mut records, work), Ok(Claim::Run { attempt: 1 }));
        records.disk.save(false).unwrap();
        cuts.push(folder.with_extension(work.to_string()));
        copy(&folder, &cuts[work - 1]);
    }
    records.save().unwrap();
    let settings = DurableSettings {
        capacity: 1 << 20,
        fsync: Fsync::Always,
        clock: clock_fn(Manual::new()),
        wall: clock_fn(Manual::new()),
    };
    let open = |folder: &Path| Records::open(folder, settings.clone(), Arc::default());
    for (cut, work) in cuts.iter().zip(1..) {
        let mut crashed = open(cut).unwrap();
        assert_eq!(
            claim(&mut crashed, work),
            Ok(Claim::Running { left: MINUTE })
        );
        drop(crashed);
        fs::copy(folder.join("seal"), cut.join("seal")).unwrap();
        assert!(matches!(open(cut), Err(OpenError::Unreadable(_))));
        fs::remove_dir_all(cut).unwrap();
    }
    drop(records);
    let mut whole = open(&folder).unwrap();
    assert_eq!(claim(&mut whole, 3), Ok(Claim::Running { left: MINUTE }));
    drop(whole);
    fs::remove_dir_all(folder).unwrap();
}
