use crate::idempotency::state::*;

const SECOND: Duration = Duration::from_secs(1);
const MINUTE: Duration = Duration::from_secs(60);

/// An instant, in seconds.
fn at(seconds: u64) -> Tick {
    1 + seconds * 1_000_000
}

fn request(token: u8) -> ClaimRequest {
    ClaimRequest {
        fingerprint: Fingerprint::of("work"),
        token: Token::from_bytes([token; 16]),
        lease: 10 * SECOND,
        keep: MINUTE,
        takeover: Takeover::Rerun,
    }
}

fn token(token: u8) -> Token {
    request(token).token
}

/// Claimed by token 1 at second 0: it lapses at 10 and is forgotten at 70.
fn leased() -> Option<State> {
    let mut state = None;
    let first = State::claim(&mut state, at(0), &request(1));
    assert_eq!(first, Claim::Run { attempt: 1 });
    state
}

/// Completed by token 1 at second 5: it is forgotten at 65.
fn completed() -> Option<State> {
    let mut state = leased();
    let held = State::complete(&mut state, at(5), token(1), "done".into(), MINUTE);
    assert_eq!(held, LeaseStatus::Held);
    state
}

#[test]
fn another_fingerprint_is_a_mismatch_whatever_the_stage() {
    let other = ClaimRequest {
        fingerprint: Fingerprint::of("other work"),
        ..request(2)
    };
    for (state, now) in [(leased(), 1), (leased(), 11), (completed(), 11)] {
        let mut after = state.clone();
        assert_eq!(State::claim(&mut after, at(now), &other), Claim::Mismatch);
        assert_eq!(after, state);
    }
}

#[test]
fn a_duplicate_is_told_how_long_the_lease_lasts() {
    let mut state = leased();
    let left = 7 * SECOND;
    assert_eq!(
        State::claim(&mut state, at(3), &request(2)),
        Claim::Running { left }
    );
    let left = Duration::from_micros(1);
    let now = at(10) - 1;
    assert_eq!(
        State::claim(&mut state, now, &request(2)),
        Claim::Running { left }
    );
    assert_eq!(state, leased());
}

#[test]
fn a_claim_whose_reply_was_lost_may_be_repeated() {
    for now in [3, 11] {
        let mut state = leased();
        let again = State::claim(&mut state, at(now), &request(1));
        assert_eq!(again, Claim::Run { attempt: 1 });
        assert!(state.unwrap().is_running(at(now + 9)));
    }
    let mut state = leased();
    for _ in 0..2 {
        let taken = State::claim(&mut state, at(11), &request(2));
        assert_eq!(taken, Claim::Run { attempt: 2 });
    }
}

#[test]
fn a_lapsed_lease_goes_to_the_next_claimant_and_is_lost_to_the_first() {
    let mut state = leased();
    let taken = State::claim(&mut state, at(10), &request(2));
    assert_eq!(taken, Claim::Run { attempt: 2 });
    let taken = state.clone();
    assert_eq!(
        State::renew(&mut state, at(11), token(1), MINUTE),
        LeaseStatus::Lost
    );
    let late = State::complete(&mut state, at(11), token(1), "late".into(), MINUTE);
    assert_eq!(late, LeaseStatus::Lost);
    assert_eq!(
        State::release(&mut state, at(11), token(1)),
        LeaseStatus::Lost
    );
    assert_eq!(state, taken);
}

#[test]
fn a_lapsed_lease_that_was_not_taken_over_still_belongs_to_its_holder() {
    for now in [11, 69] {
        let mut state = leased();
        assert_eq!(
            State::renew(&mut state, at(now), token(1), MINUTE),
            LeaseStatus::Held
        );
        let held = State::complete(&mut leased(), at(now), token(1), "x".into(), MINUTE);
        assert_eq!(held, LeaseStatus::Held);
        assert_eq!(
            State::release(&mut leased(), at(now), token(1)),
            LeaseStatus::Held
        );
    }
}

#[test]
fn an_unknown_outcome_is_refused_until_the_state_expires() {
    let careful = ClaimRequest {
        takeover: Takeover::Refuse,
        ..request(2)
    };
    let mut state = leased();
    for now in [10, 11, 69] {
        assert_eq!(State::claim(&mut state, at(now), &careful), Claim::Unknown);
        assert_eq!(state, leased());
    }
    let anew = State::claim(&mut state, at(70), &careful);
    assert_eq!(anew, Claim::Run { attempt: 1 });
    assert_eq!(
        State::complete(&mut leased(), at(70), token(1), "x".into(), MINUTE),
        LeaseStatus::Lost
    );
    assert_eq!(
        State::renew(&mut leased(), at(70), token(1), MINUTE),
        LeaseStatus::Lost
    );
    assert_eq!(
        State::release(&mut leased(), at(70), token(1)),
        LeaseStatus::Lost
    );
}

#[test]
fn a_renewed_lease_lapses_and_expires_later() {
    let mut state = leased();
    assert_eq!(
        State::renew(&mut state, at(9), token(1), 10 * SECOND),
        LeaseStatus::Held
    );
    let state = state.unwrap();
    assert!(state.is_running(at(19) - 1) && !state.is_running(at(19)));
    assert_eq!(state.expires(), at(79));
}

#[path = "records.rs"]
mod records;
