//! Macros for code that several modules would otherwise repeat. `lib.rs`
//! declares this module first, because macros are found in textual order.

/// Writes `get_ref`, `get_mut` and `into_inner` of a service that wraps another
/// one in its field `inner`. Takes the type of that field.
macro_rules! inner_accessors {
    ($inner:ty) => {
        /// Returns a reference to the inner service.
        pub fn get_ref(&self) -> &$inner {
            &self.inner
        }

        /// Returns a mutable reference to the inner service.
        pub fn get_mut(&mut self) -> &mut $inner {
            &mut self.inner
        }

        /// Returns the inner service and drops the rest.
        pub fn into_inner(self) -> $inner {
            self.inner
        }
    };
}
