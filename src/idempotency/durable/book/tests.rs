use std::{env, fs, path::PathBuf};

use super::*;
use crate::{
    clock::Manual,
    idempotency::{Fingerprint, Scope, Takeover, durable::time::hand},
};

const MINUTE: Duration = Duration::from_secs(60);

/// A book, and its folder.
fn book(fsync: Fsync) -> (Book, PathBuf) {
    let folder = env::temp_dir().join(format!("sluicegate-book-{}", Token::random()));
    let settings = Settings {
        capacity: 1 << 20,
        fsync,
        clock: hand(Manual::new()),
        wall: hand(Manual::new()),
    };
    (Book::open(&folder, settings).unwrap(), folder)
}

/// What an operation leaves to be saved.
fn left(book: &mut Book) -> Unsaved {
    let left = book.unsaved;
    book.save().unwrap();
    assert!(book.is_saved());
    left
}

#[test]
fn what_is_to_survive_the_machine_is_urgent_and_a_refusal_is_nothing() {
    use Unsaved::{Nothing, Urgent, Written};
    for (fsync, claim, completion) in [
        (Fsync::Always, Urgent, Urgent),
        (Fsync::Completions, Written, Urgent),
        (Fsync::Never, Written, Written),
    ] {
        let (mut book, folder) = book(fsync);
        let name = Scope::new("test").name("17");
        let request = || ClaimRequest {
            fingerprint: Fingerprint::of("work"),
            token: Token::random(),
            lease: MINUTE,
            keep: MINUTE,
            takeover: Takeover::Rerun,
        };
        let (first, second) = (request(), request());
        assert!(matches!(book.claim(name, first), Ok(Claim::Run { .. })));
        assert_eq!(left(&mut book), claim);
        assert!(matches!(
            book.claim(name, second),
            Ok(Claim::Running { .. })
        ));
        assert_eq!(left(&mut book), Nothing);
        let renewed = book.renew(name, first.token, 2 * MINUTE);
        assert_eq!((renewed, left(&mut book)), (Ok(LeaseStatus::Held), Written));
        let completed = book.complete(name, first.token, "done".into(), MINUTE);
        assert_eq!(
            (completed, left(&mut book)),
            (Ok(LeaseStatus::Held), completion)
        );
        assert!(matches!(book.claim(name, second), Ok(Claim::Replay(_))));
        assert_eq!(left(&mut book), Nothing);
        drop(book);
        fs::remove_dir_all(folder).unwrap();
    }
}
