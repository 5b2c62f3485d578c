use std::{env, fs, path::PathBuf, time::Duration};

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
    let folder = env::temp_dir().join(format!("sluicegate-records-{}", Token::random()));
    let settings = DurableSettings {
        capacity: 1 << 20,
        fsync,
        clock: clock_fn(Manual::new()),
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
