//! The order of lists: a number for each recording that grows with its start.
//!
//! Two recordings may start at one instant, and a list that is split into pages must not lose either: so the order is not the
//! start but this number, which no two share. All that is searched for is kept in this order, so that the newest of a
//! million are found without looking at the others.

use calls::time::Wall;

/// How many recordings of one millisecond keep their place; more go on into the next.
pub(crate) const A_MILLISECOND: i64 = 1_024;

/// The first place of the millisecond in which `at` lies.
pub(crate) fn first(at: Wall) -> i64 {
    at.as_ns().div_euclid(1_000_000) * A_MILLISECOND
}

/// The first place behind the millisecond in which `at` lies.
pub(crate) fn behind(at: Wall) -> i64 {
    first(at) + A_MILLISECOND
}
