//! The division of the budget, servers that end by themselves, and servers that
//! do not.

use std::{future::pending, io, panic::catch_unwind, time::Duration};

use sluicegate::drain::{Drain, Stage};
use tokio::time::{Instant, sleep};

use crate::support::{drain, ms};

fn text(panic: Box<dyn std::any::Any + Send>) -> String {
    *panic.downcast::<String>().unwrap()
}

#[test]
fn a_division_that_does_not_fit_panics_with_its_bounds() {
    let second = Duration::from_secs(1);
    let panic = catch_unwind(|| Drain::builder().budget(8 * second).build());
    let message = text(panic.unwrap_err());
    assert!(
        message.starts_with("invalid drain budget 8s: must be longer than"),
        "{message}"
    );
    let panic = catch_unwind(|| {
        Drain::builder()
            .termination_grace_period(20 * second)
            .build()
    });
    let message = text(panic.unwrap_err());
    assert!(
        message.starts_with("invalid termination grace period 20s: must be"),
        "{message}"
    );
    assert!(
        Drain::builder()
            .budget(2 * 86_400 * second)
            .try_build()
            .is_err()
    );
}

#[test]
fn the_panic_names_the_line_of_the_caller() {
    let hook = std::panic::take_hook();
    let (sender, lines) = std::sync::mpsc::channel();
    std::panic::set_hook(Box::new(move |info| {
        let place = info.location().map(|it| (it.file().to_owned(), it.line()));
        _ = sender.send(place);
    }));
    let line = line!() + 1;
    let panic = catch_unwind(|| Drain::builder().budget(Duration::ZERO).build());
    std::panic::set_hook(hook);
    assert!(panic.is_err());
    let mut own = lines
        .try_iter()
        .flatten()
        .filter(|(file, _)| file.ends_with("budget.rs"));
    assert!(own.any(|(_, at)| at == line));
}

#[tokio::test(start_paused = true)]
async fn a_server_that_never_ends_is_dropped_with_the_budget() {
    let drain = drain();
    drain.begin();
    let begun = Instant::now();
    let report = drain.serve(pending::<io::Result<()>>()).await.unwrap();
    assert_eq!(begun.elapsed(), ms(950));
    assert!(!report.has_server_ended() && !report.is_clean());
    assert!(
        report
            .to_string()
            .ends_with("the server still had connections, and was dropped")
    );
}

#[tokio::test(start_paused = true)]
async fn a_server_that_ends_by_itself_begins_the_drain_without_a_lame_duck() {
    let drain = drain();
    let guard = drain.guard("mails");
    tokio::spawn(async move {
        let _guard = guard;
        sleep(ms(300)).await;
    });
    let begun = Instant::now();
    let server = async {
        sleep(ms(50)).await;
        Err::<(), _>(io::Error::other("no more sockets"))
    };
    let error = drain.serve(server).await.unwrap_err();
    assert_eq!(error.to_string(), "no more sockets");
    assert_eq!((begun.elapsed(), drain.stage()), (ms(300), Stage::Ended));
}

#[tokio::test(start_paused = true)]
async fn the_server_is_told_after_the_lame_duck() {
    let drain = drain();
    let signalled = drain.signalled();
    drain.begin();
    let begun = Instant::now();
    let server = async move {
        signalled.await;
        assert_eq!(begun.elapsed(), ms(100));
        io::Result::Ok(())
    };
    let report = drain.serve(server).await.unwrap();
    assert!(report.is_clean() && report.took() == ms(100));
}
