//! Every parser, with the question a fuzzer asks of it (E2-25).
//!
//! One list for two runners: `cargo fuzz run NAME` (long, guided by coverage) and `cargo xtask fuzz` (short, seeded,
//! needs nothing installed). A target panics when something is wrong; whatever else the parser answers is fine.
//!
//! Belongs here: targets and the inputs they start from. Does not: how inputs are changed and judged (the program
//! beside this library), tests of what a parser should understand (the crates' own).

mod media;
mod seeds;
mod sip;
mod store;
mod texts;

/// One parser under attack.
#[derive(Debug, Clone, Copy)]
pub struct Target {
    /// The name, the same in `fuzz/fuzz_targets` and `fuzz/corpus`.
    pub name: &'static str,
    /// Asks the question.
    pub run: fn(&[u8]),
    /// Inputs to start from, beside those in `fuzz/corpus`.
    pub seeds: fn() -> Vec<Vec<u8>>,
}

/// All of them.
pub const TARGETS: &[Target] = &[
    Target { name: "sip_message", run: sip::message, seeds: seeds::all_messages },
    Target { name: "sip_split", run: sip::split, seeds: seeds::all_messages },
    Target { name: "mime", run: sip::mime, seeds: seeds::messages },
    Target { name: "sdp", run: sip::sdp, seeds: seeds::descriptions },
    Target { name: "sip_digest", run: sip::digest, seeds: seeds::logins },
    Target { name: "sip_excerpt", run: sip::excerpted, seeds: seeds::messages },
    Target { name: "sdp_answer", run: sip::answer, seeds: seeds::descriptions },
    Target { name: "header", run: sip::header, seeds: seeds::headers },
    Target { name: "rs_metadata", run: sip::metadata, seeds: seeds::metadata },
    Target { name: "rtp", run: media::rtp, seeds: seeds::rtp },
    Target { name: "rtcp", run: media::rtcp, seeds: seeds::rtcp },
    Target { name: "srtp", run: media::srtp, seeds: seeds::srtp },
    Target { name: "telephone_event", run: media::telephone_event, seeds: seeds::telephone_events },
    Target { name: "settings", run: texts::settings, seeds: seeds::settings },
    Target { name: "wav", run: texts::wav, seeds: seeds::wavs },
    Target { name: "agents_file", run: texts::agents_file, seeds: seeds::agents_files },
    Target { name: "schedule", run: texts::schedule, seeds: seeds::schedules },
    Target { name: "journal", run: store::journal, seeds: store::journal_seeds },
    Target { name: "recording_file", run: store::recording, seeds: store::recording_seeds },
    Target { name: "wfo_json", run: texts::wfo_json, seeds: seeds::commands },
    Target { name: "hash_list", run: texts::hash_list, seeds: seeds::hash_lists },
    Target { name: "wfo_xml", run: texts::wfo_xml, seeds: seeds::xml_commands },
];

/// Runs the target of this name.
///
/// # Panics
/// If there is none, or if the target finds something.
pub fn run(name: &str, input: &[u8]) {
    let target = TARGETS.iter().find(|target| target.name == name).expect("the name stands in TARGETS");
    (target.run)(input);
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_target_takes_its_own_seeds_and_nothing() {
        for target in TARGETS {
            let seeds = (target.seeds)();
            assert!(!seeds.is_empty(), "{} has seeds", target.name);
            (target.run)(&[]);
            for seed in seeds {
                (target.run)(&seed);
            }
        }
    }

    #[test]
    fn what_was_found_once_is_found_no_more() {
        let corpus = std::path::Path::new(env!("CARGO_MANIFEST_DIR")).join("../corpus");
        let mut replayed = 0;
        for folder in std::fs::read_dir(corpus).expect("inputs are kept") {
            let folder = folder.expect("it can be listed").path();
            let name = folder.file_name().and_then(|name| name.to_str()).expect("a name of ours");
            for input in std::fs::read_dir(&folder).expect("a folder for each target") {
                run(name, &std::fs::read(input.expect("it can be listed").path()).expect("it can be read"));
                replayed += 1;
            }
        }
        assert!(replayed > 0);
    }

    #[test]
    fn every_target_has_a_program_for_cargo_fuzz() {
        let manifest = include_str!("../../Cargo.toml");
        for target in TARGETS {
            let entry = format!("name = \"{0}\"\npath = \"fuzz_targets/{0}.rs\"", target.name);
            assert!(manifest.contains(&entry), "fuzz/Cargo.toml lacks {}", target.name);
        }
        assert_eq!(manifest.matches("[[bin]]").count(), TARGETS.len());
    }
}
