//! Packets to sound, only when somebody listens.
//!
//! Belongs here: decoding, alignment of legs on one timeline, mixing, sound files, tones for tests. Does not: where
//! packets are stored, whether somebody may hear them, sockets, files on disk. It imports none of the other crates and
//! speaks its own words: a [`StoredPacket`] is what any store can give back.
//!
//! Two passes, neither of which holds a recording in memory. The first reads packet heads in arrival order and builds
//! the [`TimeMap`] of a leg; the second renders any window of the timeline from the packets near it.
//!
//! ```
//! use audio::{Formats, Leg, MapBuilder, Rate, StoredPacket, codec::g711, tone};
//!
//! let voice: Vec<u8> = tone::Sine::new(440.0, 8000).take(8000).map(g711::linear_to_pcmu).collect();
//! let packets: Vec<_> = voice.chunks(160).zip(0_u16..).map(|(payload, n)| StoredPacket {
//!     arrival_ns: 1_000_000_000 + i64::from(n) * 20_000_000,
//!     sequence: n, timestamp: u32::from(n) * 160, ssrc: 7, payload_type: 0, marker: n == 0, payload,
//! }).collect();
//!
//! let formats = Formats::new(&[]);
//! let mut builder = MapBuilder::new(0, formats.clone()); // the timeline begins a second before the leg
//! packets.iter().for_each(|packet| builder.push(packet));
//! let leg = Leg { formats, map: builder.map(), dark: vec![] };
//!
//! let mut sound = vec![0; 16_000];
//! leg.render(Rate::Narrow, &mut (), packets, 0, &mut sound)?;
//! assert!(tone::is_silent(&sound[..8000]));
//! assert!(tone::tone_share(&sound[8000..], 440.0) > 0.99);
//! # Ok::<(), std::convert::Infallible>(())
//! ```

pub mod align;
pub mod codec;
pub mod file;
mod gaps;
pub mod mix;
mod packet;
mod peaks;
pub mod rate;
pub mod render;
pub mod tone;

pub use align::{MapBuilder, TimeMap};
pub use codec::{Codec, Elsewhere};
pub use gaps::{Gap, GapFinder, Gaps, MAX_GAPS};
pub use packet::{Format, Formats, StoredPacket};
pub use peaks::Peaks;
pub use rate::Rate;
pub use render::{Leg, Rendered};
