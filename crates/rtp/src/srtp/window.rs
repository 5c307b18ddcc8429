//! The replay window (RFC 3711 §3.3.2), as a ring of bits (the way of RFC 6479).

const WORDS: u64 = 8;

/// How far behind the newest packet one is still told from a repeat; what is older counts as one.
///
/// More than the 64 of
/// RFC 3711 §3.3.2, so that three seconds of a fast sender find place (A10-07, [`crate::order::REORDER_LIMIT_NS`]).
pub const WINDOW: u64 = 64 * (WORDS - 1);

/// Which packets of one source have come.
#[derive(Debug, Clone)]
pub(super) struct Window {
    newest: u64,
    words: [u64; 8],
}

impl Window {
    /// The window of a source whose first packet is `index`.
    pub(super) fn new(index: u64) -> Self {
        let mut window = Self { newest: index, words: [0; 8] };
        window.note(index);
        window
    }

    /// The window of a source of which only its newest packet is known: all older ones count as come.
    pub(super) fn behind(newest: u64) -> Self {
        let mut window = Self { newest, words: [u64::MAX; 8] };
        window.words[word_of(newest)] = u64::MAX >> (63 - newest % 64);
        window
    }

    pub(super) fn newest(&self) -> u64 {
        self.newest
    }

    /// Whether the packet has not come before.
    #[inline]
    pub(super) fn is_fresh(&self, index: u64) -> bool {
        match self.newest.checked_sub(index) {
            None => true,
            Some(behind) => behind < WINDOW && self.words[word_of(index)] & 1 << (index % 64) == 0,
        }
    }

    /// Takes note of a packet that has come.
    #[inline]
    pub(super) fn note(&mut self, index: u64) {
        if index > self.newest {
            let entered = (index / 64 - self.newest / 64).min(WORDS);
            for step in 0..entered {
                self.words[word_of(index - 64 * step)] = 0;
            }
            self.newest = index;
        }
        self.words[word_of(index)] |= 1 << (index % 64);
    }
}

#[inline]
fn word_of(index: u64) -> usize {
    usize::try_from(index / 64 % WORDS).expect("it is less than eight")
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;
    use std::collections::BTreeSet;

    proptest! {
        #[test]
        fn the_window_equals_a_memory_of_everything(
            start in prop_oneof![0..600_u64, any::<u32>().prop_map(u64::from)],
            steps in prop::collection::vec(prop_oneof![8 => -80..80_i64, 1 => -600..600_i64], 1..400),
        ) {
            let (mut window, mut seen, mut newest) = (Window::new(start), BTreeSet::from([start]), start);
            for step in steps {
                let Some(index) = newest.checked_add_signed(step) else { continue };
                let fresh = !seen.contains(&index) && newest.saturating_sub(index) < WINDOW;
                prop_assert_eq!(window.is_fresh(index), fresh, "{} behind {}", index, newest);
                if fresh {
                    window.note(index);
                    seen.insert(index);
                    newest = newest.max(index);
                }
            }
        }

        #[test]
        fn behind_a_restored_newest_nothing_is_fresh(newest in 0..u64::from(u32::MAX), step in 1..2_000_u64) {
            let mut window = Window::behind(newest);
            prop_assert!(!window.is_fresh(newest) && !window.is_fresh(newest.saturating_sub(step)));
            window.note(newest + step);
            prop_assert!(!window.is_fresh(newest) && window.is_fresh(newest + step + 1));
            prop_assert_eq!(window.is_fresh(newest + step - 1), step > 1);
        }
    }
}
