//! States in replies that no script of ours can have sent.

use redis::Value;

use super::*;
use crate::{
    clock::Tick,
    limit::{FixedWindow, Quota, SlidingLog, SlidingWindow, TokenBucket, rules::rule::reserve},
};

#[test]
fn a_state_that_no_bucket_can_have_is_not_read() {
    fn is_read<R: Scripted>(rule: &R, numbers: &[i64]) -> bool {
        let reply: Vec<_> = numbers.iter().copied().map(Value::Int).collect();
        let (now, mut reply) = (1 << 50, ReplyReader::of(&reply));
        let Some(mut state) = rule.read_state(now, &mut reply) else {
            return false;
        };
        // Nor does the arithmetic overflow.
        assert!(rule.life(&state, now) > 0);
        reserve(rule, &mut state, now, 1, Tick::MAX);
        true
    }
    let (quota, most) = (Quota::per_second(1), (1 << 53) - 1);
    for (numbers, is_possible) in [([most], true), ([most + 1], false), ([-1], false)] {
        assert_eq!(is_read(&TokenBucket::new(quota), &numbers), is_possible);
    }
    for (index, is_possible) in [
        (most / 1_000_000, true),
        (most / 1_000_000 + 1, false),
        (i64::MAX, false),
    ] {
        let numbers = [index, i64::MAX, i64::MAX];
        assert_eq!(is_read(&FixedWindow::new(quota), &numbers), is_possible);
        assert_eq!(is_read(&SlidingWindow::new(quota), &numbers), is_possible);
    }
    for (used, is_possible) in [(most, true), (most + 1, false)] {
        let numbers = [used, 2, 1 << 50, used - 1, 1 << 50, 1];
        assert_eq!(is_read(&SlidingLog::new(quota), &numbers), is_possible);
    }
}
