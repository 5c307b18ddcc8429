//! Status questions beside a bare handler with the same answer: the server on one core, the client on another.

use std::time::Duration;

use super::{CALLS_PER_S, CALM, Plan};
use crate::child::pin_self;
use crate::figures::{median, to_f64};
use crate::http::{Bare, Client, flood};
use crate::load::Load;

const CONNECTIONS: usize = 64;
const TIME: Duration = Duration::from_secs(4);

/// Calls that are up meanwhile: enough for a real answer, few enough not to be what is measured.
const CALLS: usize = 10;

/// Prints the two rates.
pub(crate) fn status(plan: &Plan) -> Result<(), String> {
    let path = "/api/Agent?AgentIdentifier=Id&Value=1";
    println!("== GET {path}, {CONNECTIONS} connections, server on one core, client on the other ==");
    let load = Load::start(&plan.settings, CALLS, CALLS_PER_S, Some(1))?;
    std::thread::sleep(CALM);
    let body = Client::new(load.recorder.http)?.get(path)?;
    let bare = Bare::start(&body, Some(1))?;
    pin_self(&[0])?;
    let mut ratios = (Vec::new(), Vec::new());
    for round in 1..=plan.rounds {
        let cpu = bare.cpu_s();
        let at_bare = flood(bare.http, "/api/Agent", CONNECTIONS, TIME)?;
        let bare_us = (bare.cpu_s() - cpu) * 1e6 / to_f64(at_bare.answers);
        let cpu = load.recorder.cpu_s();
        let ours = flood(load.recorder.http, path, CONNECTIONS, TIME)?;
        let ours_us = (load.recorder.cpu_s() - cpu) * 1e6 / to_f64(ours.answers);
        println!(
            "round {round}: {:.0}/s, p99 {:.2} ms, {ours_us:.1} us CPU each; bare axum {:.0}/s, p99 {:.2} ms, \
             {bare_us:.1} us; ratio {:.2} of requests, {:.2} of CPU",
            ours.per_s,
            ours.p99_ms,
            at_bare.per_s,
            at_bare.p99_ms,
            ours.per_s / at_bare.per_s,
            bare_us / ours_us
        );
        ratios.0.push(ours.per_s / at_bare.per_s);
        ratios.1.push(bare_us / ours_us);
    }
    let cores: Vec<usize> = (0..std::thread::available_parallelism().map_or(1, usize::from)).collect();
    // What this thread may run on was narrowed; the number of cores has to come from elsewhere.
    pin_self(if cores.len() > 1 { &cores } else { &[0, 1] })?;
    println!(
        "median: {:.2} of the bare handler's requests a second (target >= 0.5), {:.2} by CPU\n",
        median(ratios.0),
        median(ratios.1)
    );
    Ok(())
}
