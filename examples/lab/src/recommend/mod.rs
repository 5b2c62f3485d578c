//! The smallest limit that refuses no more than a given share of recorded traffic.
