//! What calls cost: CPU beside the floor, memory, time to answer, and whether anything was lost.

use std::time::Duration;

use super::{CALLS_PER_S, CALM, Plan};
use crate::child::Settings;
use crate::figures::{count_f64, median};
use crate::floor::Floor;
use crate::load::{Ended, Load};
use crate::pace::Pacer;

/// CPU milliseconds for a minute of one call, given CPU seconds a second of `calls`.
fn call_minute_ms(cpu: f64, calls: usize) -> f64 {
    cpu * 60_000.0 / count_f64(calls)
}

/// Prints what calls cost. Rounds of floor and recorder take turns, so that both see the same neighbours.
pub(crate) fn cost(plan: &Plan) -> Result<(), String> {
    let calls = plan.calls;
    println!("== cost of {calls} calls of two legs, {} packets/s ==", calls * 100);
    let (mut floors, mut recorders, mut ratios) = (Vec::new(), Vec::new(), Vec::new());
    for round in 1..=plan.rounds {
        let floor = floor_cpu(&plan.settings, calls, plan.talk)?;
        let load = Load::start(&plan.settings, calls, CALLS_PER_S, None)?;
        std::thread::sleep(CALM);
        let before = crate::proc::cpu_by_thread(load.recorder.pid());
        let cpu = load.talk(plan.talk);
        floors.push(call_minute_ms(floor, calls));
        recorders.push(call_minute_ms(cpu, calls));
        ratios.push(cpu / floor);
        println!(
            "round {round}: CPU per call-minute {:.2} ms, floor {:.2} ms, ratio {:.2}",
            call_minute_ms(cpu, calls),
            call_minute_ms(floor, calls),
            cpu / floor
        );
        if round == plan.rounds {
            for (thread, after) in crate::proc::cpu_by_thread(load.recorder.pid()) {
                let used = after.saturating_sub(before.get(&thread).copied().unwrap_or_default());
                let share = used.as_secs_f64() / plan.talk.as_secs_f64();
                if share > 0.001 {
                    println!("  thread {thread}: {:.2} ms per call-minute", call_minute_ms(share, calls));
                }
            }
            println!("memory per live call: {:.1} KiB (target < 64)", load.bytes_per_call() / 1024.0);
            println!(
                "INVITE to 200 at {CALLS_PER_S} calls/s: {} (target p99 < 20 ms)",
                load.answered.describe()
            );
        }
        let ended = load.end()?;
        println!("packets lost: {} of {} sent (target 0)", ended.lost(), ended.sent.packets);
        print_trouble(&ended);
    }
    println!(
        "median: CPU per call-minute {:.2} ms, floor {:.2} ms, ratio {:.2} (target <= 2.0)\n",
        median(recorders),
        median(floors),
        median(ratios)
    );
    Ok(())
}

/// Prints CPU per call at few and at many calls.
pub(crate) fn growth(plan: &Plan, sizes: &[usize]) -> Result<(), String> {
    println!("== growth ==");
    let mut medians = Vec::new();
    for &calls in sizes {
        let mut costs = Vec::new();
        for _ in 0..plan.rounds {
            let load = Load::start(&plan.settings, calls, CALLS_PER_S, None)?;
            std::thread::sleep(CALM);
            costs.push(call_minute_ms(load.talk(plan.talk), calls));
            print_trouble(&load.end()?);
        }
        let cost = median(costs);
        println!("{calls} calls: CPU per call-minute {cost:.2} ms");
        medians.push((calls, cost));
    }
    if let [(few, at_few), (many, at_many)] = medians[..] {
        println!("CPU per call at {many} / at {few}: {:.2} (target <= 1.0)\n", at_many / at_few);
    }
    Ok(())
}

/// CPU seconds a second of the floor with the packets of `calls` calls.
fn floor_cpu(settings: &Settings, calls: usize, talk: Duration) -> Result<f64, String> {
    let floor = Floor::start(calls * 2, &settings.folder, None)?;
    let pacer = Pacer::start()?;
    pacer.send_to(floor.ports.clone());
    std::thread::sleep(CALM);
    let (before, started) = (floor.cpu_s(), std::time::Instant::now());
    std::thread::sleep(talk);
    let cpu = (floor.cpu_s() - before) / started.elapsed().as_secs_f64();
    let sent = pacer.stop();
    std::thread::sleep(Duration::from_millis(300));
    let received = floor.end()?;
    if received < sent.packets {
        println!("the floor lost {} of {} packets", sent.packets - received, sent.packets);
    }
    Ok(cpu)
}

/// Prints what was not as it should be.
pub(super) fn print_trouble(ended: &Ended) {
    let sent = ended.sent;
    if ended.lost() > 0 || ended.stored != sent.packets || sent.failed > 0 || sent.late_slots > 0 {
        println!(
            "  {} sent, {} in ledgers, {} stored, LOST {}; {} not sent, {} slots late, worst lag {:.0} ms",
            sent.packets,
            ended.accounted,
            ended.stored,
            ended.lost(),
            sent.failed,
            sent.late_slots,
            sent.worst_lag_ms
        );
    }
    for complaint in ended.complaints.iter().take(5) {
        println!("  the recorder: {complaint}");
    }
}
