//! One channel of one block: which prediction fits best, and what it leaves over.

use super::bits::Bits;

/// The highest order of a fixed prediction.
const MAX_ORDER: usize = 4;
/// A block is split into at most 2^6 parts with a Rice parameter each.
const MAX_PARTITION_ORDER: u32 = 6;
/// 15 would mean another coding.
const MAX_PARAMETER: u32 = 14;
/// Below so many samples nothing is saved.
const MIN_FRAMES: usize = 16;

/// How the left-over of a block is written.
struct Plan {
    partition_order: u32,
    parameters: Vec<u32>,
    bits: u64,
}

/// Writes one channel of a block.
pub(super) fn subframe(samples: &[i16], bits: &mut Bits) {
    let first = samples.first().copied().unwrap_or(0);
    if samples.iter().all(|sample| *sample == first) {
        bits.push(0, 8); // constant
        return bits.sample(first);
    }
    let as_is = 16 * samples.len() as u64;
    let fixed = (samples.len() >= MIN_FRAMES).then(|| {
        let (order, residual) = predicted(samples);
        let plan = plan(&residual, order);
        (order, residual, plan)
    });
    match fixed.filter(|(_, _, plan)| plan.bits < as_is) {
        Some((order, residual, plan)) => {
            bits.push(0b001_0000 | (u32::try_from(order).unwrap_or(0) << 1), 8);
            samples[..order].iter().for_each(|sample| bits.sample(*sample));
            write(&residual[order..], order, &plan, bits);
        }
        None => {
            bits.push(0b10, 8); // verbatim
            samples.iter().for_each(|sample| bits.sample(*sample));
        }
    }
}

/// The order that leaves least over, and what it leaves, folded to be positive; what stands before the order is unused.
fn predicted(samples: &[i16]) -> (usize, Vec<u32>) {
    // Each order is the difference of the one before.
    let mut left: Vec<i32> = samples.iter().map(|sample| i32::from(*sample)).collect();
    let mut best: Option<(u64, usize, Vec<i32>)> = None;
    for order in 0..=MAX_ORDER {
        if order > 0 {
            (order..left.len()).rev().for_each(|at| left[at] -= left[at - 1]);
        }
        let sum: u64 = left[MAX_ORDER..].iter().map(|value| u64::from(value.unsigned_abs())).sum();
        if best.as_ref().is_none_or(|(least, ..)| sum < *least) {
            best = Some((sum, order, left.clone()));
        }
    }
    let (_, order, left) = best.expect("order 0 is always tried");
    (order, left.into_iter().map(folded).collect())
}

/// 0, -1, 1, -2, 2 become 0, 1, 2, 3, 4.
fn folded(value: i32) -> u32 {
    ((value << 1) ^ (value >> 31)).cast_unsigned()
}

/// The cheapest split into parts.
fn plan(residual: &[u32], order: usize) -> Plan {
    let split = |partition_order: u32| {
        let part = residual.len() >> partition_order;
        let fits = residual.len().is_multiple_of(1 << partition_order) && part > order;
        fits.then(|| {
            let mut plan = Plan { partition_order, parameters: Vec::new(), bits: 16 * order as u64 + 6 };
            for (number, part) in residual.chunks(part).enumerate() {
                let (parameter, bits) = parameter(if number == 0 { &part[order..] } else { part });
                plan.parameters.push(parameter);
                plan.bits += bits + 4;
            }
            plan
        })
    };
    let plans = (0..=MAX_PARTITION_ORDER).filter_map(split);
    plans.min_by_key(|plan| plan.bits).expect("a block is longer than an order: it can be one part")
}

/// The best Rice parameter of a part, and the bits it takes.
fn parameter(part: &[u32]) -> (u32, u64) {
    let cost = |parameter: u32| {
        let quotients: u64 = part.iter().map(|value| u64::from(value >> parameter)).sum();
        quotients + part.len() as u64 * u64::from(parameter + 1)
    };
    let sum: u64 = part.iter().map(|value| u64::from(*value)).sum();
    let guess = (sum / part.len().max(1) as u64).checked_ilog2().unwrap_or(0).min(MAX_PARAMETER);
    let near = guess.saturating_sub(1)..=(guess + 1).min(MAX_PARAMETER);
    near.map(|parameter| (parameter, cost(parameter)))
        .min_by_key(|(_, bits)| *bits)
        .unwrap_or((guess, cost(guess)))
}

fn write(residual: &[u32], order: usize, plan: &Plan, bits: &mut Bits) {
    bits.push(0, 2); // parameters of four bits
    bits.push(plan.partition_order, 4);
    let part = (residual.len() + order) >> plan.partition_order;
    let mut rest = residual;
    for (number, parameter) in plan.parameters.iter().enumerate() {
        let (part, later) = rest.split_at(if number == 0 { part - order } else { part });
        rest = later;
        bits.push(*parameter, 4);
        for value in part {
            bits.unary(value >> parameter);
            bits.push(*value, *parameter);
        }
    }
}
