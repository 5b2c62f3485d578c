//! Ends the hold of an event that is not completed.

use super::{open::Store, take::Event};
use crate::event::{State, Step};

impl Store {
    /// Does a step of an event that this process holds, and notes the error that led
    /// to it. Returns the state after it; `None` if the process did not hold the event
    /// any more, in which case nothing has changed.
    pub(crate) async fn leave(
        &self,
        event: &Event,
        step: Step,
        error: Option<&str>,
    ) -> Result<Option<State>, sqlx::Error> {
        let Ok(next) = event.progress.step(step) else {
            return Ok(None);
        };
        let leave = "UPDATE outbox SET state = $3, reason = $4, attempts = $5, due = $6, \
            error = COALESCE($7, error) WHERE id = $1 AND takes = $2 AND state = 'processing'";
        let left = sqlx::query(leave)
            .bind(event.id)
            .bind(i64::from(event.progress.takes))
            .bind(next.state.code())
            .bind(next.state.reason().map(crate::event::Reason::code))
            .bind(i64::from(next.attempts))
            .bind(next.due)
            .bind(error)
            .execute(&self.write)
            .await?;
        Ok((left.rows_affected() == 1).then_some(next.state))
    }
}
