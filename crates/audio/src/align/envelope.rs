//! The largest function below given points that bends by at most [`MAX_BEND_PPM`].
//!
//! For points (m, o) it is f(t) = min over all points of (o + bend * |t - m|). Kept at the points only, two passes find
//! it: forward, each value is at most its left neighbour's plus the bend over the distance; backward the same from the
//! right. Between the points it is a straight line, which bends no more than its ends allow.

use super::Point;

/// Largest bend of the map (B7-03).
pub(super) const MAX_BEND_PPM: i64 = 500;

/// Lowers each offset to the envelope. Points must be in order of media time.
pub(super) fn settle(points: &mut [Point]) {
    for index in 1..points.len() {
        let limit = reachable(points[index - 1], points[index].media_ns);
        points[index].offset_ns = points[index].offset_ns.min(limit);
    }
    for index in (1..points.len()).rev() {
        let limit = reachable(points[index], points[index - 1].media_ns);
        points[index - 1].offset_ns = points[index - 1].offset_ns.min(limit);
    }
}

fn reachable(from: Point, media_ns: i64) -> i64 {
    let distance_ns = from.media_ns.saturating_sub(media_ns).saturating_abs();
    from.offset_ns.saturating_add(distance_ns / (1_000_000 / MAX_BEND_PPM))
}

/// The function's value: on the line between the neighbouring points, level outside them.
pub(super) fn value(points: &[Point], media_ns: i64) -> i64 {
    let after = points.partition_point(|point| point.media_ns <= media_ns);
    match (after.checked_sub(1).and_then(|before| points.get(before)), points.get(after)) {
        (Some(left), Some(right)) => {
            let span = i128::from(right.media_ns) - i128::from(left.media_ns);
            let part = i128::from(media_ns) - i128::from(left.media_ns);
            let rise = (i128::from(right.offset_ns) - i128::from(left.offset_ns)) * part / span.max(1);
            left.offset_ns.saturating_add(i64::try_from(rise).unwrap_or(0))
        }
        (Some(point), None) | (None, Some(point)) => point.offset_ns,
        (None, None) => 0,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn late_points_are_lowered_and_the_least_delayed_stay() {
        let at = |second: i64, offset_us: i64| Point {
            media_ns: second * 1_000_000_000,
            offset_ns: offset_us * 1000,
        };
        let mut points = [at(0, 90_000), at(1, 10_000), at(2, 80_000), at(3, 9_000), at(4, 9_200)];
        settle(&mut points);
        let offsets = points.map(|point| point.offset_ns / 1000);
        assert_eq!(offsets, [10_500, 10_000, 9_500, 9_000, 9_200]);
        assert_eq!(value(&points, 2_500_000_000), 9_250_000);
        assert_eq!(value(&points, 99_000_000_000), 9_200_000);
        assert_eq!(value(&points, -5), 10_500_000);
    }
}
