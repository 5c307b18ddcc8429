//! The packet index: sequence number and roll-over counter as one number of 48 bits (RFC 3711 §3.3.1, appendix A).

/// The largest index: after it a master key is used up.
pub(super) const MAX_INDEX: u64 = (1 << 48) - 1;

/// The index of a sequence number that lies nearest to `newest`. `None` when that would be before the first.
#[inline]
pub(super) fn nearest(newest: u64, sequence: u16) -> Option<u64> {
    let here = newest & !0xffff | u64::from(sequence);
    let rolled = newest & 0xffff;
    let index = if rolled < 0x8000 {
        if u64::from(sequence).saturating_sub(rolled) > 0x8000 { here.checked_sub(0x1_0000)? } else { here }
    } else if rolled - 0x8000 > u64::from(sequence) {
        here + 0x1_0000
    } else {
        here
    };
    (index <= MAX_INDEX).then_some(index)
}

/// What a sequence number may stand for, likeliest first; which it is, authentication decides.
///
/// `newest`: of the source, by these keys. After it comes the next period, as after a long outage. `hint`: of the
/// source, by the keys before these: some senders go on counting when the keys change, others begin anew. Without
/// either a source may be in its first period, or just have left it.
pub(super) fn candidates(newest: Option<u64>, hint: Option<u64>, sequence: u16) -> impl Iterator<Item = u64> {
    let around = |newest: u64| {
        let first = nearest(newest, sequence);
        let next = first.map_or(newest & !0xffff | u64::from(sequence), |index| index + 0x1_0000);
        [first, Some(next)]
    };
    let sequence = u64::from(sequence);
    let begun = [Some(sequence), Some(0x1_0000 | sequence).filter(|_| sequence < 0x8000)];
    let [known, hinted] = [newest, hint.filter(|_| newest.is_none())].map(|at| at.map(around));
    let unknown = [begun[0], begun[1]];
    let unknown = if newest.is_none() { unknown } else { [None, None] };
    let all = [known.unwrap_or_default(), hinted.unwrap_or_default(), unknown];
    all.into_iter().flatten().flatten().filter(|index| *index <= MAX_INDEX)
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    #[test]
    fn the_nearest_index_is_that_of_appendix_a() {
        let of = |roc: u64, newest: u64, sequence: u16| nearest(roc << 16 | newest, sequence);
        assert_eq!(of(3, 100, 101), Some(3 << 16 | 101));
        assert_eq!(of(3, 65_535, 2), Some(4 << 16 | 2), "it has rolled over");
        assert_eq!(of(3, 2, 65_535), Some(2 << 16 | 65_535), "a late one from before");
        assert_eq!(of(0, 2, 65_535), None, "there is no period before the first");
        assert_eq!(of((1 << 32) - 1, 65_535, 0), None, "and none after the last");
    }

    proptest! {
        #[test]
        fn a_packet_less_than_half_a_period_away_is_placed_right(
            newest in 0x8000..MAX_INDEX - 0x8000, step in -0x7fff..0x7fff_i64,
        ) {
            let index = newest.checked_add_signed(step).unwrap();
            prop_assert_eq!(nearest(newest, (index & 0xffff) as u16), Some(index));
        }

        #[test]
        fn an_outage_of_up_to_a_period_and_a_half_is_bridged(
            newest in 0..MAX_INDEX / 2, step in 1..0x1_7fff_u64,
        ) {
            let index = newest + step;
            let mut candidates = candidates(Some(newest), None, (index & 0xffff) as u16);
            prop_assert!(candidates.any(|candidate| candidate == index));
        }
    }
}
