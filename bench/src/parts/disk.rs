//! Bytes written until recordings are sealed, and how long that takes after the call.

use std::time::Duration;

use super::cost::print_trouble;
use super::{CALLS_PER_S, Plan};
use crate::figures::{count_f64, to_f64};
use crate::load::Load;
use crate::pace::PAYLOAD_BYTES;

/// Prints what calls of the given length have written.
pub(crate) fn disk(plan: &Plan, length: Duration) -> Result<(), String> {
    let calls = plan.calls;
    println!("== disk: {calls} calls of {} s ==", length.as_secs());
    let load = Load::start(&plan.settings, calls, CALLS_PER_S, None)?;
    // The first call has been up for as long as it took to place all.
    std::thread::sleep(length);
    println!(
        "memory per live call after {} s: {:.1} KiB (target < 64)",
        length.as_secs(),
        load.bytes_per_call() / 1024.0
    );
    let live = crate::proc::written_bytes(load.recorder.pid());
    let live = to_f64(live) / (to_f64(load.sent().packets) * count_f64(PAYLOAD_BYTES));
    let ended = load.end()?;
    let payload = to_f64(ended.stored) * count_f64(PAYLOAD_BYTES);
    let (folder, sealed) = ended.folder_bytes;
    println!(
        "written per payload byte: {:.2} until sealed (target <= 2.2), of which {live:.2} while the calls were up; \
         size of the sealed files {:.3}, of the data folder {:.3}",
        to_f64(ended.written_bytes) / payload,
        to_f64(sealed) / payload,
        to_f64(folder) / payload
    );
    println!(
        "{calls} calls ended, 500 a second: the last was sealed {:.0} ms after the last BYE was answered; {:.2} ms of CPU a call\n",
        ended.sealed_after.as_secs_f64() * 1e3,
        ended.cpu_s * 1e3 / count_f64(calls)
    );
    print_trouble(&ended);
    Ok(())
}
