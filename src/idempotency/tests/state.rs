use crate::idempotency::state::*;

const SECOND: Duration = Duration::from_secs(1);
const MINUTE: Duration = Duration::from_secs(60);

/// An instant, in seconds.
fn at(seconds: u64) -> Tick {
    1 + seconds * 1_000_000
}

fn bid(token: u8) -> Bid {
    Bid {
        fingerprint: Fingerprint::of("work"),
        token: Token::from_bytes([token; 16]),
        lease: 10 * SECOND,
        keep: MINUTE,
        takeover: Takeover::Rerun,
    }
}

fn token(token: u8) -> Token {
    bid(token).token
}

/// Claimed by token 1 at second 0: it lapses at 10 and is forgotten at 70.
fn leased() -> Option<State> {
    let mut state = None;
    let first = claim(&mut state, at(0), &bid(1));
    assert_eq!(first, Claim::Run { attempt: 1 });
    state
}

/// Completed by token 1 at second 5: it is forgotten at 65.
fn completed() -> Option<State> {
    let mut state = leased();
    let held = complete(&mut state, at(5), token(1), "done".into(), MINUTE);
    assert_eq!(held, Held::Kept);
    state
}

#[test]
fn another_fingerprint_is_a_mismatch_whatever_the_stage() {
    let other = Bid {
        fingerprint: Fingerprint::of("other work"),
        ..bid(2)
    };
    for (state, now) in [(leased(), 1), (leased(), 11), (completed(), 11)] {
        let mut after = state.clone();
        assert_eq!(claim(&mut after, at(now), &other), Claim::Mismatch);
        assert_eq!(after, state);
    }
}

#[test]
fn a_duplicate_is_told_how_long_the_lease_lasts() {
    let mut state = leased();
    let left = 7 * SECOND;
    assert_eq!(claim(&mut state, at(3), &bid(2)), Claim::Running { left });
    let left = Duration::from_micros(1);
    let now = at(10) - 1;
    assert_eq!(claim(&mut state, now, &bid(2)), Claim::Running { left });
    assert_eq!(state, leased());
}

#[test]
fn a_claim_whose_answer_was_lost_is_answered_again() {
    for now in [3, 11] {
        let mut state = leased();
        let again = claim(&mut state, at(now), &bid(1));
        assert_eq!(again, Claim::Run { attempt: 1 });
        assert!(state.unwrap().is_running(at(now + 9)));
    }
    let mut state = leased();
    for _ in 0..2 {
        let taken = claim(&mut state, at(11), &bid(2));
        assert_eq!(taken, Claim::Run { attempt: 2 });
    }
}

#[test]
fn a_lapsed_lease_goes_to_the_next_and_the_first_one_has_lost_it() {
    let mut state = leased();
    let taken = claim(&mut state, at(10), &bid(2));
    assert_eq!(taken, Claim::Run { attempt: 2 });
    let taken = state.clone();
    assert_eq!(renew(&mut state, at(11), token(1), MINUTE), Held::Lost);
    let late = complete(&mut state, at(11), token(1), "late".into(), MINUTE);
    assert_eq!(late, Held::Lost);
    assert_eq!(release(&mut state, at(11), token(1)), Held::Lost);
    assert_eq!(state, taken);
}

#[test]
fn a_lapsed_lease_that_nobody_took_is_still_its_holders() {
    for now in [11, 69] {
        let mut state = leased();
        assert_eq!(renew(&mut state, at(now), token(1), MINUTE), Held::Kept);
        let held = complete(&mut leased(), at(now), token(1), "x".into(), MINUTE);
        assert_eq!(held, Held::Kept);
        assert_eq!(release(&mut leased(), at(now), token(1)), Held::Kept);
    }
}

#[test]
fn an_unknown_outcome_is_refused_until_it_is_forgotten() {
    let careful = Bid {
        takeover: Takeover::Refuse,
        ..bid(2)
    };
    let mut state = leased();
    for now in [10, 11, 69] {
        assert_eq!(claim(&mut state, at(now), &careful), Claim::Unknown);
        assert_eq!(state, leased());
    }
    let anew = claim(&mut state, at(70), &careful);
    assert_eq!(anew, Claim::Run { attempt: 1 });
    assert_eq!(
        complete(&mut leased(), at(70), token(1), "x".into(), MINUTE),
        Held::Lost
    );
    assert_eq!(renew(&mut leased(), at(70), token(1), MINUTE), Held::Lost);
    assert_eq!(release(&mut leased(), at(70), token(1)), Held::Lost);
}

#[test]
fn a_renewed_lease_lapses_and_is_forgotten_later() {
    let mut state = leased();
    assert_eq!(renew(&mut state, at(9), token(1), 10 * SECOND), Held::Kept);
    let state = state.unwrap();
    assert!(state.is_running(at(19) - 1) && !state.is_running(at(19)));
    assert_eq!(state.forgotten(), at(79));
}

#[test]
fn a_record_is_replayed_until_it_is_forgotten_and_never_overwritten() {
    let mut state = completed();
    for now in [5, 64] {
        let again = complete(&mut state, at(now), token(1), "other".into(), MINUTE);
        assert_eq!(again, Held::Kept, "for the first answer may have been lost");
        let other = complete(&mut state, at(now), token(2), "other".into(), MINUTE);
        assert_eq!(other, Held::Lost);
        assert_eq!(renew(&mut state, at(now), token(1), MINUTE), Held::Lost);
        assert_eq!(release(&mut state, at(now), token(1)), Held::Lost);
        for bidder in [1, 2] {
            let replay = claim(&mut state, at(now), &bid(bidder));
            assert_eq!(replay, Claim::Replay("done".into()));
        }
        assert_eq!(state, completed());
    }
    let anew = claim(&mut state, at(65), &bid(2));
    assert_eq!(anew, Claim::Run { attempt: 1 });
}

#[test]
fn what_is_released_was_never_there() {
    let mut state = leased();
    assert_eq!(release(&mut state, at(1), token(2)), Held::Lost);
    assert_eq!(release(&mut state, at(1), token(1)), Held::Kept);
    assert_eq!(state, None);
    assert_eq!(release(&mut state, at(1), token(1)), Held::Lost);
    let held = complete(&mut state, at(1), token(1), "x".into(), MINUTE);
    assert_eq!((held, state), (Held::Lost, None));
}

#[test]
fn a_record_that_was_lost_is_restored_unless_another_has_begun() {
    let by = |number| (Fingerprint::of("work"), token(number));
    let restore = |state: &mut _, now, number| {
        crate::idempotency::state::restore(state, at(now), by(number), "done".into(), MINUTE)
    };
    let mut lost = None;
    assert_eq!(restore(&mut lost, 5, 1), Held::Kept);
    assert_eq!(lost, completed(), "as if it had been there");
    assert_eq!(
        restore(&mut lost, 6, 1),
        Held::Kept,
        "the first answer was lost"
    );
    assert_eq!(restore(&mut lost, 6, 2), Held::Lost);
    assert_eq!(lost, completed());
    let mut held = leased();
    assert_eq!(restore(&mut held, 1, 2), Held::Lost);
    assert_eq!(held, leased());
    assert_eq!(restore(&mut held, 5, 1), Held::Kept);
    assert_eq!(held, completed());
    let mut forgotten = leased();
    assert_eq!(restore(&mut forgotten, 70, 1), Held::Kept);
}

#[test]
fn times_without_end_do_not_overflow() {
    let endless = Bid {
        lease: Duration::MAX,
        keep: Duration::MAX,
        ..bid(1)
    };
    let mut state = None;
    let run = claim(&mut state, at(0), &endless);
    assert_eq!(run, Claim::Run { attempt: 1 });
    assert!(state.as_ref().unwrap().is_running(Tick::MAX - 1));
    let held = complete(&mut state, at(1), token(1), "x".into(), Duration::MAX);
    assert_eq!(held, Held::Kept);
}

#[test]
fn a_release_leaves_it_open_how_an_earlier_holder_ended() {
    let mut state = leased();
    let taken = claim(&mut state, at(11), &bid(2));
    assert_eq!(taken, Claim::Run { attempt: 2 });
    assert_eq!(release(&mut state, at(12), token(2)), Held::Kept);
    let careful = Bid {
        takeover: Takeover::Refuse,
        ..bid(3)
    };
    assert_eq!(claim(&mut state, at(12), &careful), Claim::Unknown);
    let taken = claim(&mut state, at(12), &bid(3));
    assert_eq!(taken, Claim::Run { attempt: 3 });
}

#[test]
fn each_takeover_is_one_more_attempt() {
    let mut state = None;
    for attempt in 1..=5 {
        let lapsed = at(20 * u64::from(attempt));
        let run = claim(&mut state, lapsed, &bid(attempt as u8));
        assert_eq!(run, Claim::Run { attempt });
        // The answer may be lost and asked for again.
        let again = claim(&mut state, lapsed, &bid(attempt as u8));
        assert_eq!(again, Claim::Run { attempt });
    }
}
