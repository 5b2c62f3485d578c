//! Keeps rare work out of the way of a short path that is inlined. Limiters and
//! their layer use it.

/// Calls a function that is not inlined.
///
/// If both a short path and a call return the same large value, the compiler
/// keeps the value in memory for the sake of the call, and the short path writes
/// it there and reads it back. Through this function only the call does.
#[inline(always)]
pub(crate) fn out_of_line<T>(work: impl FnOnce() -> T) -> T {
    let mut answer = None;
    call(work, &mut answer);
    answer.expect("`call` has set it")
}

#[inline(never)]
fn call<T>(work: impl FnOnce() -> T, answer: &mut Option<T>) {
    *answer = Some(work());
}
