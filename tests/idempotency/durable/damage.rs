//! Files that differ from what was written.

use std::{fs, io::Write, path::Path};

use sluicegate::{
    clock::Manual,
    idempotency::{Claim, Durable, LeaseStatus, OpenError, Store},
};

use super::{folder::Folder, open};
use crate::durable::room::{KEEP, NEW, name, request};

/// Enough records to move those in memory into tables.
const RECORDS: usize = 80;
const LENGTH: usize = 256 << 10;

fn record(number: usize) -> Vec<u8> {
    vec![number as u8; LENGTH]
}

/// A store with some records, in the journal and in tables.
async fn written() -> Folder {
    let (folder, clock) = (Folder::new(), Manual::new());
    let store = Durable::builder().clock(clock.clone()).wall(clock.clone());
    let store = store.open(folder.path()).await.unwrap();
    for number in 0..RECORDS {
        assert_eq!(store.claim(name(number), request(1)).await, NEW);
        let done = store.complete(name(number), request(1).token, record(number).into(), KEEP);
        assert_eq!(done.await, Ok(LeaseStatus::Held));
    }
    store.close().await;
    // After a crash the journal is cut to its content.
    open(&folder, &clock).await.unwrap().close().await;
    folder
}

/// The kinds of damage to a file.
const DAMAGES: [fn(&Path); 4] = [
    |file| fs::write(file, []).unwrap(),
    |file| {
        let length = fs::metadata(file).unwrap().len();
        let file = fs::File::options().write(true).open(file).unwrap();
        file.set_len(length / 2).unwrap();
    },
    |file| {
        let mut bytes = fs::read(file).unwrap();
        for byte in bytes.iter_mut().step_by(97) {
            *byte ^= 0x55;
        }
        fs::write(file, bytes).unwrap();
    },
    |file| fs::remove_file(file).unwrap(),
];

/// Opens the store and reads all records: each is replayed unchanged, or is an error.
async fn look(folder: &Folder) -> &'static str {
    let store = match open(folder, &Manual::new()).await {
        Err(OpenError::Unreadable(_)) => return "refused",
        Err(error) => panic!("{error:?}"),
        Ok(store) => store,
    };
    let mut end = "whole";
    for number in 0..RECORDS {
        match store.claim(name(number), request(2)).await {
            Ok(Claim::Replay(kept)) => assert_eq!(kept, record(number)),
            Ok(other) => panic!("{other:?}"),
            Err(_) => end = "failed",
        }
    }
    store.close().await;
    end
}

#[tokio::test]
async fn damaged_files_are_an_error_and_neither_a_panic_nor_a_wrong_answer() {
    let whole = written().await;
    assert_eq!(look(&whole.copy()).await, "whole");
    for (nth, file) in whole.files().into_iter().enumerate() {
        for (kind, damage) in DAMAGES.into_iter().enumerate() {
            let copy = whole.copy();
            damage(&copy.files()[nth]);
            let file = file.strip_prefix(whole.path()).unwrap();
            println!("{} {kind}", file.display());
            println!("{}", look(&copy).await);
        }
    }
}

#[tokio::test]
async fn a_journal_that_was_cut_off_lacks_what_came_last() {
    let (folder, clock) = (Folder::new(), Manual::new());
    let store = open(&folder, &clock).await.unwrap();
    for number in [1, 2] {
        assert_eq!(store.claim(name(number), request(1)).await, NEW);
    }
    store.close().await;
    // The journal is cut to its content.
    let store = open(&folder, &clock).await.unwrap();
    assert_eq!(store.claim(name(3), request(1)).await, NEW);
    let torn = folder.copy();
    store.close().await;
    let files = torn.files();
    let journal = files
        .iter()
        .find(|file| file.extension().is_some_and(|it| it == "jnl"));
    let journal = fs::File::options()
        .write(true)
        .open(journal.unwrap())
        .unwrap();
    journal
        .set_len(journal.metadata().unwrap().len() - 3)
        .unwrap();
    let store = open(&torn, &clock).await.unwrap();
    for (number, is_there) in [(1, true), (2, true), (3, false)] {
        let claimed = store.claim(name(number), request(2)).await.unwrap();
        assert_eq!(
            matches!(claimed, Claim::Running { .. }),
            is_there,
            "{number}"
        );
    }
    store.close().await;
}

#[tokio::test]
async fn missing_confirmed_data_is_detected() {
    let folder = Folder::new();
    let store = Durable::open(folder.path()).await.unwrap();
    let before = folder.copy();
    assert_eq!(store.claim(name(1), request(1)).await, NEW);
    store.close().await;
    let seal = "seal";
    fs::copy(folder.path().join(seal), before.path().join(seal)).unwrap();
    let error = Durable::open(before.path()).await.unwrap_err();
    let source = std::error::Error::source(&error).unwrap().to_string();
    assert_eq!(
        source,
        "0 of 2 writes are left: to go on with these, remove the file `seal`"
    );
    fs::remove_file(before.path().join(seal)).unwrap();
    Durable::open(before.path()).await.unwrap().close().await;
}

/// The process died between the creation of the file and its first number.
#[tokio::test]
async fn a_seal_that_was_never_written_does_not_prevent_opening() {
    let folder = Folder::new();
    fs::create_dir_all(folder.path()).unwrap();
    fs::write(folder.path().join("seal"), []).unwrap();
    let store = Durable::open(folder.path()).await.unwrap();
    assert_eq!(store.claim(name(1), request(1)).await, NEW);
    store.close().await;
    // From then on, a missing write is detected.
    fs::write(folder.path().join("seal"), []).unwrap();
    is_unreadable(folder.path()).await;
}

#[tokio::test]
async fn a_foreign_file_is_an_error_and_not_a_panic() {
    let folder = Folder::new();
    Durable::open(folder.path()).await.unwrap().close().await;
    let mut stray = fs::File::create(folder.path().join("what.jnl")).unwrap();
    stray.write_all(b"what").unwrap();
    is_unreadable(folder.path()).await;
    is_unreadable(&folder.path().join("what.jnl")).await;
    fs::remove_file(folder.path().join("what.jnl")).unwrap();
    // This file makes the reader panic.
    fs::create_dir(folder.path().join("7.jnl")).unwrap();
    is_unreadable(folder.path()).await;
    fs::remove_dir(folder.path().join("7.jnl")).unwrap();
    Durable::open(folder.path()).await.unwrap().close().await;
}

async fn is_unreadable(path: &Path) {
    let error = Durable::open(path).await.unwrap_err();
    assert!(matches!(error, OpenError::Unreadable(_)), "{error:?}");
}
