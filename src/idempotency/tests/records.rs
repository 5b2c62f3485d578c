//! What becomes of records, releases and takeovers.

use super::*;

#[test]
fn a_record_is_replayed_until_it_expires_and_never_overwritten() {
    let mut state = completed();
    for now in [5, 64] {
        let again = State::complete(&mut state, at(now), token(1), "other".into(), MINUTE);
        assert_eq!(
            again,
            LeaseStatus::Held,
            "for the first answer may have been lost"
        );
        let other = State::complete(&mut state, at(now), token(2), "other".into(), MINUTE);
        assert_eq!(other, LeaseStatus::Lost);
        assert_eq!(
            State::renew(&mut state, at(now), token(1), MINUTE),
            LeaseStatus::Lost
        );
        assert_eq!(
            State::release(&mut state, at(now), token(1)),
            LeaseStatus::Lost
        );
        for claimant in [1, 2] {
            let replay = State::claim(&mut state, at(now), &request(claimant));
            assert_eq!(replay, Claim::Replay("done".into()));
        }
        assert_eq!(state, completed());
    }
    let anew = State::claim(&mut state, at(65), &request(2));
    assert_eq!(anew, Claim::Run { attempt: 1 });
}

#[test]
fn a_released_claim_leaves_no_record() {
    let mut state = leased();
    assert_eq!(
        State::release(&mut state, at(1), token(2)),
        LeaseStatus::Lost
    );
    assert_eq!(
        State::release(&mut state, at(1), token(1)),
        LeaseStatus::Held
    );
    assert_eq!(state, None);
    assert_eq!(
        State::release(&mut state, at(1), token(1)),
        LeaseStatus::Lost
    );
    let held = State::complete(&mut state, at(1), token(1), "x".into(), MINUTE);
    assert_eq!((held, state), (LeaseStatus::Lost, None));
}

#[test]
fn a_lost_record_is_restored_unless_another_holder_has_begun() {
    let by = |number| (Fingerprint::of("work"), token(number));
    let restore = |state: &mut _, now, number| {
        State::restore(state, at(now), by(number), "done".into(), MINUTE)
    };
    let mut lost = None;
    assert_eq!(restore(&mut lost, 5, 1), LeaseStatus::Held);
    assert_eq!(lost, completed(), "as if it had been there");
    assert_eq!(
        restore(&mut lost, 6, 1),
        LeaseStatus::Held,
        "the first answer was lost"
    );
    assert_eq!(restore(&mut lost, 6, 2), LeaseStatus::Lost);
    assert_eq!(lost, completed());
    let mut held = leased();
    assert_eq!(restore(&mut held, 1, 2), LeaseStatus::Lost);
    assert_eq!(held, leased());
    assert_eq!(restore(&mut held, 5, 1), LeaseStatus::Held);
    assert_eq!(held, completed());
    let mut forgotten = leased();
    assert_eq!(restore(&mut forgotten, 70, 1), LeaseStatus::Held);
}

#[test]
fn times_without_end_do_not_overflow() {
    let endless = ClaimRequest {
        lease: Duration::MAX,
        keep: Duration::MAX,
        ..request(1)
    };
    let mut state = None;
    let run = State::claim(&mut state, at(0), &endless);
    assert_eq!(run, Claim::Run { attempt: 1 });
    assert!(state.as_ref().unwrap().is_running(Tick::MAX - 1));
    let held = State::complete(&mut state, at(1), token(1), "x".into(), Duration::MAX);
    assert_eq!(held, LeaseStatus::Held);
}

#[test]
fn a_release_keeps_the_outcome_of_an_earlier_holder_unknown() {
    let mut state = leased();
    let taken = State::claim(&mut state, at(11), &request(2));
    assert_eq!(taken, Claim::Run { attempt: 2 });
    assert_eq!(
        State::release(&mut state, at(12), token(2)),
        LeaseStatus::Held
    );
    let careful = ClaimRequest {
        takeover: Takeover::Refuse,
        ..request(3)
    };
    assert_eq!(State::claim(&mut state, at(12), &careful), Claim::Unknown);
    let taken = State::claim(&mut state, at(12), &request(3));
    assert_eq!(taken, Claim::Run { attempt: 3 });
}

#[test]
fn each_takeover_is_one_more_attempt() {
    let mut state = None;
    for attempt in 1..=5 {
        let lapsed = at(20 * u64::from(attempt));
        let run = State::claim(&mut state, lapsed, &request(attempt as u8));
        assert_eq!(run, Claim::Run { attempt });
        // The answer may be lost and asked for again.
        let again = State::claim(&mut state, lapsed, &request(attempt as u8));
        assert_eq!(again, Claim::Run { attempt });
    }
}
