//! Whatever was stored: no panic, the length that was asked for, and windows that agree with the whole.

use crate::{Stored, leg, render};
use audio::Rate;
use audio::file::wav;
use proptest::prelude::*;

fn stored() -> impl Strategy<Value = Stored> {
    let arrival = prop_oneof![8 => 0_i64..5_000_000_000, 1 => any::<i64>()];
    let timestamp = prop_oneof![8 => 0_u32..40_000, 1 => any::<u32>()];
    let sequence = prop_oneof![8 => 0_u16..250, 1 => any::<u16>()];
    let payload_type = prop::sample::select(vec![0_u8, 0, 0, 8, 9, 9, 9, 13, 18, 96, 97, 98, 101, 255]);
    (arrival, sequence, timestamp, 0_u32..3, payload_type, prop::collection::vec(any::<u8>(), 0..200))
        .prop_map(|(arrival_ns, sequence, timestamp, ssrc, payload_type, payload)| Stored {
            arrival_ns,
            sequence,
            timestamp,
            ssrc,
            payload_type,
            payload,
        })
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(100))]

    #[test]
    fn any_packets_render_to_the_length_asked_for(
        packets in prop::collection::vec(stored(), 0..300),
        sorted in any::<bool>(),
        from_frame in prop_oneof![0_u64..50_000, any::<u64>()],
        frames in 0_usize..5000,
        dark in prop::collection::vec((any::<i64>(), any::<i64>()), 0..3),
    ) {
        let mut packets = packets;
        if sorted {
            packets.sort_by_key(|packet| packet.arrival_ns);
        }
        let mut leg = leg(&packets);
        leg.dark = dark;
        let mut out = vec![7; frames];
        let rate = Rate::ALL[usize::try_from(from_frame % 3).unwrap()];
        let all = packets.iter().map(Stored::packet);
        let Ok(rendered) = leg.render(rate, &mut (), all, from_frame, &mut out);
        prop_assert_eq!(out.len(), frames);
        prop_assert!(rendered.silent_frames <= frames as u64);
        prop_assert!(leg.map.end_ns() >= 0);
    }

    #[test]
    fn a_window_gives_the_same_samples_as_the_whole(
        packets in prop::collection::vec(stored(), 0..300),
        from in 0_usize..30_000,
        frames in 0_usize..5000,
    ) {
        let mut packets = packets;
        packets.sort_by_key(|packet| packet.arrival_ns);
        let leg = leg(&packets);
        let whole = render(&leg, &packets, 0, 40_000);
        let (from_ns, until_ns) = (from as i64 * 125_000, (from + frames) as i64 * 125_000);
        let (first_ns, last_ns) = leg.map.arrivals_of(from_ns, until_ns);
        let near: Vec<_> = packets
            .iter()
            .filter(|packet| (first_ns..=last_ns).contains(&packet.arrival_ns))
            .cloned()
            .collect();
        let window = render(&leg, &near, from as u64, frames);
        prop_assert_eq!(&window[..], &whole[from..from + frames]);
    }

    #[test]
    fn any_bytes_read_as_a_wav_file_or_say_why_not(
        mut bytes in prop::collection::vec(any::<u8>(), 0..100),
        changes in prop::collection::vec((0..64_usize, any::<u8>()), 0..4),
        real in any::<bool>(),
    ) {
        if real {
            let mut file = wav::Layout::new(20, 2, Rate::Narrow).unwrap().header().to_vec();
            file.extend(&bytes);
            // The first 44 bytes are always there.
            changes.into_iter().for_each(|(at, byte)| file[at % 44] = byte);
            bytes = file;
        }
        match wav::read(&bytes) {
            Ok(sound) => {
                for channel in 0..sound.channels.len() {
                    prop_assert!(sound.channel_at_8k(channel).len() <= 8 * bytes.len());
                }
            }
            Err(error) => prop_assert!(!error.to_string().is_empty()),
        }
    }
}
