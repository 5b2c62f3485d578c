//! Random histories of steps, of holders old and new.

use proptest::{collection::vec, prelude::*};

use crate::event::{Progress, Reason, State, Step};

/// The attempts that `Retry` allows here.
const ALLOWED: u32 = 3;

/// Returns any step. Holders and instants come from a small range, so that many
/// steps are stale and many are not.
pub(crate) fn any_step() -> impl Strategy<Value = Step> {
    let hold = 0_u32..6;
    let time = 0_i64..50;
    let reason = prop::sample::select(Reason::ALL.to_vec());
    prop_oneof![
        4 => time.clone().prop_map(|now| Step::Take { now, until: now + 10 }),
        2 => hold.clone().prop_map(|hold| Step::Complete { hold }),
        2 => (hold.clone(), time.clone()).prop_map(|(hold, due)| Step::Retry {
            hold,
            due,
            allowed: ALLOWED,
            last: Reason::Attempts,
        }),
        2 => (hold.clone(), time.clone()).prop_map(|(hold, due)| Step::GiveBack { hold, due }),
        1 => (hold, reason).prop_map(|(hold, reason)| Step::Bury { hold, reason }),
        1 => Just(Step::Cancel),
        1 => time.prop_map(|now| Step::PutBack { now }),
    ]
}

/// Plays the steps, and hands each step that was allowed to the check with the
/// progress before and after it.
fn play(steps: &[Step], mut check: impl FnMut(Progress, Step, Progress)) {
    let mut progress = Progress::accepted(0);
    for step in steps {
        if let Ok(next) = progress.step(*step) {
            check(progress, *step, next);
            progress = next;
        }
    }
}

proptest! {
    #[test]
    fn completed_is_final_and_a_dead_letter_ends_only_by_being_put_back(
        steps in vec(any_step(), 0..80),
    ) {
        play(&steps, |before, step, _| {
            assert_ne!(before.state, State::Completed);
            if matches!(before.state, State::Failed(_)) {
                assert!(matches!(step, Step::PutBack { .. }));
                assert_ne!(before.state, State::Failed(Reason::Cancelled));
            }
        });
    }

    #[test]
    fn only_the_last_holder_changes_a_held_event(steps in vec(any_step(), 0..80)) {
        play(&steps, |before, step, after| match step {
            Step::Take { now, .. } => {
                assert!(before.due <= now);
                assert_eq!(after.takes, before.takes + 1);
            }
            Step::Complete { hold }
            | Step::Retry { hold, .. }
            | Step::GiveBack { hold, .. }
            | Step::Bury { hold, .. } => {
                assert_eq!(before.state, State::Processing);
                assert_eq!((before.takes, after.takes), (hold, hold));
            }
            Step::Cancel | Step::PutBack { .. } => {
                assert_ne!(before.state, State::Processing);
                assert_eq!(before.takes, after.takes);
            }
        });
    }

    #[test]
    fn attempts_count_what_was_begun_since_the_last_round(steps in vec(any_step(), 0..80)) {
        let mut begun = 0;
        play(&steps, |before, step, after| {
            match step {
                Step::Take { .. } => begun += 1,
                Step::GiveBack { .. } => begun -= 1,
                Step::PutBack { .. } => {
                    begun = 0;
                    assert_eq!(after.round, before.round + 1);
                }
                Step::Retry { .. } => {
                    let is_dead = after.state == State::Failed(Reason::Attempts);
                    assert_eq!(is_dead, before.attempts >= ALLOWED);
                }
                _ => {}
            }
            assert_eq!(after.attempts, begun);
        });
    }
}

#[test]
fn the_names_of_states_and_reasons_can_be_read_again() {
    let states = [
        State::Received,
        State::Processing,
        State::Completed,
        State::FailedRetry,
    ];
    let failed = Reason::ALL.map(|reason| (State::Failed(reason), Some(reason.code())));
    let all = states.map(|state| (state, None)).into_iter().chain(failed);
    for (state, reason) in all {
        assert_eq!(State::from_codes(state.code(), reason), Some(state));
    }
    assert_eq!(State::from_codes("failed", None), None);
    assert_eq!(State::from_codes("lost", None), None);
}
