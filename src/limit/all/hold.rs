//! What is held until all have agreed.

use std::fmt;

#[cfg(feature = "redis")]
use crate::limit::decision::Decision;
use crate::limit::local::Turn;

/// A decision, and what is held for it.
#[cfg(feature = "redis")]
#[derive(Debug)]
pub struct Held {
    pub(in crate::limit) decision: Decision,
    pub(in crate::limit) hold: Hold,
}

/// Something taken, which is given back when this is dropped, unless it is
/// settled.
pub struct Hold(Kept);

enum Kept {
    Nothing,
    Charge(Box<dyn FnOnce() + Send>),
    Turn(Turn),
}

impl Hold {
    #[cfg(feature = "redis")]
    pub(in crate::limit) fn nothing() -> Self {
        Self(Kept::Nothing)
    }

    pub(in crate::limit) fn charge(undo: impl FnOnce() + Send + 'static) -> Self {
        Self(Kept::Charge(Box::new(undo)))
    }

    pub(in crate::limit) fn turn(turn: Turn) -> Self {
        Self(Kept::Turn(turn))
    }

    /// Waits until the place is due, if it is one; then it is used. Answers whether
    /// it was one.
    pub(super) async fn come_due(&mut self) -> bool {
        let Kept::Turn(turn) = &mut self.0 else {
            return false;
        };
        let Ok(_) = turn.await;
        self.0 = Kept::Nothing;
        true
    }

    /// What was taken is used.
    pub(super) fn settle(&mut self) {
        self.0 = Kept::Nothing;
    }
}

impl fmt::Debug for Hold {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Hold")
    }
}

impl Drop for Hold {
    fn drop(&mut self) {
        if let Kept::Charge(undo) = std::mem::replace(&mut self.0, Kept::Nothing) {
            undo();
        }
    }
}
