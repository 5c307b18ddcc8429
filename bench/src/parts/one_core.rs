//! How many calls one core carries without losing a packet.

use super::{CALLS_PER_S, CALM, Plan};
use crate::figures::count_f64;
use crate::load::Load;

/// Prints, for each size, whether it went without loss. Stops at the first that did not.
pub(crate) fn one_core(plan: &Plan, sizes: &[usize]) -> Result<(), String> {
    println!("== calls on one core: the recorder on core 1 only ==");
    let mut best = 0;
    for &calls in sizes {
        let load = Load::start(&plan.settings, calls, CALLS_PER_S, Some(1))?;
        std::thread::sleep(CALM);
        let (sent, started) = (load.sent().packets, std::time::Instant::now());
        let cpu = load.talk(plan.talk);
        let rate = count_f64(usize::try_from(load.sent().packets - sent).unwrap_or(0));
        let answered = load.answered.describe();
        let rate = rate / started.elapsed().as_secs_f64();
        let ended = load.end()?;
        println!(
            "{calls} calls: {:.0}% of the core, {rate:.0} packets/s sent of {}, lost {} of {}; generator's worst \
             lag {:.0} ms, {} slots late; INVITE to 200 {answered}; sealed {:.0} ms after the last BYE",
            cpu * 100.0,
            calls * 100,
            ended.lost(),
            ended.sent.packets,
            ended.sent.worst_lag_ms,
            ended.sent.late_slots,
            ended.sealed_after.as_secs_f64() * 1e3
        );
        for complaint in ended.complaints.iter().take(3) {
            println!("  the recorder: {complaint}");
        }
        if ended.lost() > 0 {
            break;
        }
        best = calls;
    }
    println!("highest of these without loss: {best} (target >= 1000)\n");
    Ok(())
}
