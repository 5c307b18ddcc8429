//! An hour of a two-leg call: building the maps, and rendering to stereo as an export does.
#![expect(
    clippy::print_stdout,
    clippy::disallowed_methods,
    reason = "a benchmark reads the clock and prints"
)]

use audio::file::wav;
use audio::{Formats, Leg, MapBuilder, Rate, StoredPacket, mix};
use std::time::Instant;

const PACKETS: i64 = 3600 * 50;
/// Frames rendered at a time: ten seconds.
const WINDOW: u32 = 80_000;

fn packet(number: i64, payload: &[u8]) -> StoredPacket<'_> {
    StoredPacket {
        // A clock 100 ppm fast, and some jitter.
        arrival_ns: number * 19_998_000 + number * 7919 % 30_000_000,
        sequence: u16::try_from(number & 0xffff).expect("16 bits"),
        timestamp: u32::try_from(number * 160).expect("an hour"),
        ssrc: 7,
        payload_type: 0,
        marker: false,
        payload,
    }
}

fn main() {
    let payload: Vec<u8> = (0..160_u8).map(|n| n.wrapping_mul(37)).collect();
    let packets: Vec<_> = (0..PACKETS).map(|number| packet(number, &payload)).collect();
    let begun = Instant::now();
    let formats = Formats::new(&[]);
    let mut builder = MapBuilder::new(0, formats.clone());
    packets.iter().for_each(|packet| builder.push(packet));
    let leg = Leg { formats, map: builder.map(), dark: vec![] };
    println!("map of one leg of an hour: {} ms", begun.elapsed().as_millis());

    let begun = Instant::now();
    let (mut left, mut right) = (vec![0; WINDOW as usize], vec![0; WINDOW as usize]);
    let (mut bytes, mut written) = (Vec::new(), 0);
    for window in 0..360_u32 {
        let frame = u64::from(window * WINDOW);
        let (from_ns, until_ns) =
            leg.map.arrivals_of(i64::from(window) * 10_000_000_000, i64::from(window + 1) * 10_000_000_000);
        let from = packets.partition_point(|packet| packet.arrival_ns < from_ns);
        let until = packets.partition_point(|packet| packet.arrival_ns <= until_ns);
        for channel in [&mut left, &mut right] {
            let near = packets[from..until].iter().copied();
            let Ok(_) = leg.render(Rate::Narrow, &mut (), near, frame, channel);
        }
        bytes.clear();
        wav::append_samples(&mut bytes, &mix::interleave(&left, &right));
        written += bytes.len();
    }
    let spent = begun.elapsed();
    println!(
        "an hour to stereo, {written} bytes: {} ms, {:.0} times real time",
        spent.as_millis(),
        3600.0 / spent.as_secs_f64()
    );
}
