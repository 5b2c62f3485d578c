//! What waits for the disk.

/// What is answered only when the disk has it, and not only the operating system.
///
/// It is for the crash of a machine: what the operating system has outlives the
/// process in any case. Leases that are renewed or given back never wait for the
/// disk: those who hold them go down with the machine, and a lease that comes back
/// lapses.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Hash)]
pub enum Fsync {
    /// Claims and completions. After a crash of the machine, whatever had begun is
    /// known to have, and whatever was answered is answered the same.
    #[default]
    Always,
    /// Completions: whatever was answered is answered the same. Work that had begun
    /// in the last seconds before a crash of the machine may be forgotten, and
    /// then runs again even where [`Refuse`](crate::idempotency::Takeover::Refuse)
    /// is set.
    Completions,
    /// Nothing. A crash of the machine may take the last seconds with it.
    Never,
}

impl Fsync {
    pub(super) fn claims(self) -> bool {
        self == Self::Always
    }

    pub(super) fn completions(self) -> bool {
        self != Self::Never
    }
}
