//! What the settings say, and what they say when they cannot be.

use super::*;

fn loaded(toml: &str, flags: &Flags) -> Result<Config, String> {
    let file = File::parse(toml)?;
    let mut config = Config::of_fresh_install("d".into());
    config.take_file(&file).map_err(|error| error.to_string())?;
    config.take_flags(flags).map_err(|error| error.to_string())?;
    config.check().map_err(|error| error.to_string())?;
    Ok(config)
}

#[test]
fn a_flag_beats_the_file_beats_the_default() {
    let toml = "[http]\nlisten = \"127.0.0.1:1\"\n[sip]\nlisten = \"127.0.0.1:2\"\n";
    let flags = Flags { http: Some("127.0.0.1:3".parse().unwrap()), ..Flags::default() };
    let config = loaded(toml, &flags).unwrap();
    assert_eq!((config.http.port(), config.sip.port()), (3, 2));
    assert_eq!(config.rtp_ports, "20000-29999".parse().unwrap());
}

#[test]
fn an_unknown_key_is_refused_with_its_line_and_the_keys_there_are() {
    let said = loaded("[http]\nlsten = \"127.0.0.1:1\"\n", &Flags::default()).unwrap_err();
    assert!(said.contains("line 2") && said.contains("lsten") && said.contains("`listen`"), "{said}");
}

#[test]
fn a_value_that_cannot_be_is_refused_with_what_would_be_right() {
    let said = |toml: &str| loaded(toml, &Flags::default()).unwrap_err();
    assert!(said("[media]\nports = \"1-2\"\n").contains("20000-29999"));
    assert!(said("[wfo]\nzone = \"Mars/Base\"\n").contains("Europe/Berlin"));
    assert!(said("[media]\nthreads = 0\n").contains("1 to 64"));
    assert!(said("[blackout]\non_timeout = \"maybe\"\n").contains("stay-dark"));
    assert!(said("[[trunk]]\nname = \"a\"\nnetworks = [\"10.0.0.0/40\"]\n").contains("10.1.0.0/16"));
    assert!(said("[sip]\nlisten = \"0.0.0.0:5060\"\n").contains("--sip-advertised"));
}

#[test]
fn an_open_http_port_needs_the_flag_that_says_what_it_gives_up() {
    let open = "[http]\nlisten = \"0.0.0.0:8080\"\n";
    assert!(loaded(open, &Flags::default()).unwrap_err().contains("--http-without-login"));
    let flags = Flags { http_without_login: true, ..Flags::default() };
    assert!(loaded(open, &flags).is_ok());
}

#[test]
fn a_blackout_without_end_and_one_that_stays_dark_can_be_asked_for() {
    let config =
        loaded("[blackout]\ntimeout_s = 0\non_timeout = \"stay-dark\"\n", &Flags::default()).unwrap();
    assert_eq!(config.tracker.blackout.timeout, None);
    assert!(config.tracker.blackout.stay_dark);
}

#[test]
fn every_key_of_the_file_is_explained() {
    let page = include_str!("../../../../ref/config.md");
    for key in [
        "data",
        "agents",
        "http.listen",
        "http.without_login",
        "sip.listen",
        "sip.advertised",
        "media.ports",
        "media.threads",
        "blackout.timeout_s",
        "blackout.on_timeout",
        "calls.inactive_s",
        "calls.callless_start",
        "wfo.zone",
        "trunk.name",
        "trunk.networks",
        "trunk.profile",
        "trunk.media_networks",
    ] {
        assert!(page.contains(&format!("`{key}`")), "ref/config.md does not explain {key}");
    }
}
