//! What the settings say, and what they say when they cannot be.

use super::*;

fn loaded(toml: &str, flags: &Flags) -> Result<Config, String> {
    let file = File::parse(toml)?;
    let mut config = Config::of_fresh_install("d".into());
    config.take_file(&file).map_err(|error| error.to_string())?;
    config.http_tls = file.http.tls.clone().with_flags(flags).files().map_err(|error| error.to_string())?;
    config.sip_tls = file.sip.tls.clone().with_flags(flags).listener().map_err(|error| error.to_string())?;
    config.take_flags(flags).map_err(|error| error.to_string())?;
    let is_open = config.http.ip().is_loopback() || config.http_without_login;
    let login = file.login.clone().with_flags(flags).policy(is_open);
    config.login = login.map_err(|error| error.to_string())?;
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
fn limits_are_read_and_none_may_be_nothing() {
    let flags = Flags { disk_reserve_mib: Some(2), ..Flags::default() };
    let config = loaded("[limits]\nstreams = 40\nmemory_mib = 64\ndisk_reserve_mib = 1\n", &flags).unwrap();
    let limits = config.limits;
    assert_eq!((limits.streams, limits.memory_bytes), (Some(40), Some(64 << 20)));
    assert_eq!((limits.disk_reserve_bytes, limits.recording_sessions), (2 << 20, 5_000));
    let said = loaded("[limits]\nrecording_sessions = 0\n", &Flags::default()).unwrap_err();
    assert!(said.contains("record nothing"), "{said}");
}

#[test]
fn nothing_is_held_back_unless_it_is_said_how_far() {
    assert_eq!(loaded("", &Flags::default()).unwrap().tracker.hold_back, None);
    let toml = "[hold_back]\nwindow_s = 600\nmemory_mib = 64\ncalls = \"all\"\n";
    let config = loaded(toml, &Flags::default()).unwrap();
    let window = Duration::from_secs(600);
    assert_eq!(config.hold_back, media::HoldBack { window, bytes: 64 << 20 });
    assert_eq!(config.tracker.hold_back, Some(tracker::HoldBack { calls: HeldCalls::All, window }));
    let flags = Flags { hold_back_window_s: Some(0), ..Flags::default() };
    assert_eq!(loaded(toml, &flags).unwrap().tracker.hold_back, None, "a flag switches it off");
    for wrong in ["window_s = 14401", "window_s = 60\nmemory_mib = 0"] {
        let said = loaded(&format!("[hold_back]\n{wrong}\n"), &Flags::default()).unwrap_err();
        assert!(said.contains("0 to 14400 seconds"), "{said}");
    }
    let said = loaded("[hold_back]\ncalls = \"some\"\n", &Flags::default()).unwrap_err();
    assert!(said.contains("on-demand"), "{said}");
}

#[test]
fn a_trunk_is_read_with_all_its_terms() {
    let toml = r#"
        [sip.tls]
        listen = "127.0.0.1:5061"
        certificate = "chain.pem"
        key = "key.pem"
        client_ca = "ca.pem"

        [[trunk]]
        name = "SBC 1"
        networks = ["192.0.2.20", "2001:db8::/32"]
        certificate = "sbc1.example.com"
        profile = "bib-pair"
        media_networks = ["192.0.2.32/28"]
        secure_only = true
        codecs = ["pcma", "G722"]
        max_calls = 200
        max_streams = 400
        nat = "latch"
        business_unit = 7
        strict_metadata = true
        one_clock = true

        [trunk.digest]
        user = "sbc"
        password_file = "/etc/sidetone/sbc.password"
    "#;
    let folder = tempfile::tempdir().unwrap();
    let password = folder.path().join("sbc.password");
    let toml = toml.replace("/etc/sidetone/sbc.password", password.to_str().unwrap());
    let missing = loaded(&toml, &Flags::default()).unwrap_err();
    assert!(missing.contains("sbc.password cannot be read"), "{missing}");
    std::fs::write(&password, "secret\n").unwrap();
    std::fs::set_permissions(&password, std::os::unix::fs::PermissionsExt::from_mode(0o600)).unwrap();
    let config = loaded(&toml, &Flags::default()).unwrap();
    let trunk = &config.trunks[0];
    let wanted = siprec::digest::Credentials::of_password("sbc", "sidetone", "secret");
    assert_eq!(trunk.peer_rule().digest, Some(wanted));
    assert_eq!((trunk.profile, trunk.nat, trunk.business_unit), (Profile::BibPair, Nat::Latch, Some(7)));
    let rule = trunk.peer_rule();
    assert!(rule.secure_only && rule.strict_metadata);
    assert_eq!(rule.media.srtp, siprec::sdp::Srtp::Require, "A10-02: secure signalling, secure media");
    let audio = rule.media.codecs.iter().filter(|codec| codec.is_audio());
    assert_eq!(audio.map(|codec| codec.encoding.as_str()).collect::<Vec<_>>(), ["PCMA", "G722"]);
    assert!(
        rule.media.codecs.iter().any(|codec| codec.encoding == "telephone-event"),
        "keys go with any codec"
    );
}

#[test]
fn a_trunk_that_cannot_be_is_refused_with_line_or_name_and_what_would_be_right() {
    let said = |keys: &str| {
        let toml = format!("[[trunk]]\nname = \"a\"\n{keys}\n");
        loaded(&toml, &Flags::default()).unwrap_err()
    };
    let here = "networks = [\"192.0.2.1\"]";
    for (keys, wanted) in [
        ("networks = [\"192.0.2.1\", \"10.1\"]", &["line 3", "10.1.0.0/16"][..]),
        ("", &["trunk \"a\"", "sbc1.example.com"]),
        ("certificate = \"sha256:00\"", &["line 3", "64 hexadecimal digits"]),
        ("certificate = \"*.example.com\"", &["line 3", "sbc1.example.com"]),
        (&format!("{here}\ncodecs = [\"gsm\"]"), &["line 4", "PCMU"]),
        (&format!("{here}\nnat = \"maybe\""), &["line 4", "latch"]),
        (&format!("{here}\nprofile = \"lax\""), &["line 4", "tag-less"]),
        (&format!("{here}\ncertificate = \"sbc1.example.com\""), &["sip.tls.client_ca"]),
        (&format!("{here}\nsecure_only = true"), &["sip.tls.listen"]),
        (&format!("{here}\nsrtp = \"maybe\""), &["line 4", "require"]),
        (&format!("{here}\nsecure_only = true\nsrtp = \"optional\""), &["trunk \"a\"", "leave srtp away"]),
        (&format!("{here}\nmax_calls = 0"), &["trunk \"a\"", "sip.unlisted"]),
        (&format!("{here}\nmax_cals = 1"), &["line 4", "max_cals", "`max_calls`"]),
        (&format!("{here}\n[trunk.digest]\nuser = \"u\""), &["password_file", "ha1_file"]),
        (&format!("{here}\n[[trunk]]\nname = \"a\"\n{here}"), &["two of this name"]),
    ] {
        let said = said(keys);
        assert!(wanted.iter().all(|wanted| said.contains(wanted)), "{keys}: {said}");
    }
}

#[test]
fn trunks_that_hold_the_same_addresses_are_said_so_and_those_told_apart_by_certificate_are_not() {
    let config_trunks = || {
        let toml = "[[trunk]]\nname = \"a\"\nnetworks = [\"10.1.0.0/16\"]\n\
                    [[trunk]]\nname = \"b\"\nnetworks = [\"10.0.0.0/8\"]\n";
        loaded(toml, &Flags::default()).unwrap().trunks
    };
    let doubts = trunk::overlaps(&config_trunks());
    assert!(doubts.len() == 1 && doubts[0].contains("\"a\"") && doubts[0].contains("\"b\""), "{doubts:?}");
    let by_certificate = Trunk {
        certificate: Some(CertificateRule::try_from("sbc1.example.com".to_owned()).unwrap()),
        ..config_trunks()[0].clone()
    };
    let mut trunks = config_trunks();
    trunks[0] = by_certificate;
    assert!(trunk::overlaps(&trunks).is_empty());
}

#[test]
fn a_private_address_told_to_a_public_peer_is_said_so() {
    let doubts = |advertised: &str, network: &str| {
        let toml = format!(
            "[sip]\nlisten = \"0.0.0.0:5060\"\nadvertised = \"{advertised}\"\n\
             [[trunk]]\nname = \"far\"\nnetworks = [\"{network}\"]\n"
        );
        loaded(&toml, &Flags::default()).unwrap().doubts()
    };
    let said = doubts("10.0.0.5", "203.0.113.0/24");
    assert!(said.len() == 1 && said[0].contains("sip.advertised") && said[0].contains("\"far\""), "{said:?}");
    assert!(doubts("fd00::5", "2001:db8::/32").len() == 1);
    assert!(doubts("203.0.113.9", "203.0.113.0/24").is_empty());
    assert!(doubts("10.0.0.5", "10.0.0.0/8").is_empty());
}

#[test]
fn what_is_kept_can_be_said_for_all_and_for_a_trunk() {
    let config = loaded(
        "[metadata]\nkeep = [\"ani\"]\n[[trunk]]\nname = \"a\"\nnetworks = [\"192.0.2.1\"]\nkeep = [\"ucid\"]\n",
        &Flags::default(),
    );
    let config = config.unwrap();
    assert!(config.keep.takes("ani") && !config.keep.takes("ucid"));
    assert!(config.trunks[0].keep.as_ref().unwrap().takes("ucid"));
    let wrong = loaded("[metadata]\nkeep = [\"caller\"]\n", &Flags::default()).unwrap_err();
    assert!(wrong.contains("line 2") && wrong.contains("\"caller\" is nothing that is told"), "{wrong}");
}

#[test]
fn what_is_no_address_is_told_what_is_one() {
    for (toml, right) in [
        ("[sip]\nlisten = \"5060\"\n", "127.0.0.1:5060"),
        ("[http]\nlisten = \"localhost\"\n", "127.0.0.1:5060"),
        ("[sip.tls]\nlisten = \"::1:5061\"\n", "[::1]:5060"),
        ("[sip]\nadvertised = \"sbc.example.com\"\n", "192.0.2.10"),
    ] {
        let said = loaded(toml, &Flags::default()).unwrap_err();
        assert!(said.contains("line 2") && said.contains("is no address") && said.contains(right), "{said}");
    }
}

#[test]
fn the_address_elsewhere_is_a_safe_one_and_nothing_but_an_address() {
    let url = |text: &str| {
        let loaded = loaded(&format!("[http]\npublic_url = \"{text}\"\n"), &Flags::default());
        loaded.map(|config| config.public_url.unwrap())
    };
    for (text, host, written) in [
        ("https://rec1.example.com", "rec1.example.com", "https://rec1.example.com"),
        (
            "HTTPS://Rec1.example.com:8443/recorder/",
            "rec1.example.com",
            "https://rec1.example.com:8443/recorder",
        ),
        ("https://[2001:db8::1]:443", "[2001:db8::1]", "https://[2001:db8::1]:443"),
    ] {
        let url = url(text).unwrap();
        assert_eq!((url.host(), url.to_string().as_str()), (host, written), "{text}");
    }
    for text in [
        "rec1.example.com",
        "http://rec1.example.com",
        "https://",
        "https://user@rec1.example.com",
        "https://rec1.example.com/?a=b",
        "https://rec1 example.com",
    ] {
        let said = url(text).unwrap_err();
        assert!(said.contains("line 2") && said.contains("https://recorder.example.com"), "{text}: {said}");
    }
}

#[test]
fn what_webhooks_may_call_is_read_from_the_file_and_from_flags() {
    let toml = "[webhooks]\nallow = [\"10.1.0.0/16\", \"crm.example.com\"]\n";
    let of_file = loaded(toml, &Flags::default()).unwrap().webhooks_allow;
    let entries = ["10.1.0.0/16".to_owned(), "crm.example.com".to_owned()];
    assert_eq!(of_file, Allow::read(&entries).unwrap());
    let flags = Flags { webhooks_allow: Some(vec!["::1".to_owned()]), ..Flags::default() };
    assert_eq!(loaded(toml, &flags).unwrap().webhooks_allow, Allow::read(&["::1".to_owned()]).unwrap());
    let said = loaded("[webhooks]\nallow = [\"10.1.0.0/99\"]\n", &Flags::default()).unwrap_err();
    assert!(said.starts_with("webhooks.allow") && said.contains("hooks.example.com"), "{said}");
}

#[test]
fn an_open_http_port_needs_the_flag_that_says_what_it_gives_up() {
    let open = "[http]\nlisten = \"0.0.0.0:8080\"\n";
    let flags = |without_tls, without_login| Flags {
        http_without_tls: without_tls,
        http_without_login: without_login,
        ..Flags::default()
    };
    let said = |flags: &Flags| loaded(open, flags).map(|_| ()).unwrap_err();
    let plain = said(&flags(false, true));
    assert!(plain.contains("--http-without-tls") && plain.contains("http.tls.certificate"), "{plain}");
    assert!(loaded(open, &flags(true, false)).is_ok(), "a login is asked for");
    let nobody = format!("{open}[login]\nmode = \"open\"\n");
    let said = |text: &str, flags: &Flags| loaded(text, flags).map(|_| ()).unwrap_err();
    assert!(said(&nobody, &flags(true, false)).contains("--http-without-login"));
    assert!(loaded(&nobody, &flags(true, true)).is_ok());

    let files = "[http.tls]\ncertificate = \"/c.pem\"\nkey = \"/c.key\"\n";
    let secure = format!("{nobody}{files}");
    assert!(said(&secure, &Flags::default()).contains("--http-without-login"));
    assert!(loaded(&secure, &flags(false, true)).is_ok());
    let certified = format!("{secure}client_ca = \"/ca.pem\"\nrequire_client_certificate = true\n");
    assert!(loaded(&certified, &Flags::default()).is_ok());
}

#[test]
fn tls_for_http_takes_both_files_and_an_authority_for_certificates_of_clients() {
    for (file, says) in [
        ("certificate = \"/c.pem\"", "http.tls.key"),
        ("key = \"/c.key\"", "http.tls.certificate"),
        ("client_ca = \"/ca.pem\"", "http.tls.certificate"),
        (
            "certificate = \"/c.pem\"\nkey = \"/c.key\"\nrequire_client_certificate = true",
            "http.tls.client_ca",
        ),
    ] {
        let said = loaded(&format!("[http.tls]\n{file}\n"), &Flags::default()).unwrap_err();
        assert!(said.contains(says), "{file}: {said}");
    }
    let said = loaded("[http]\ntrusted_proxies = [\"10.1\"]\n", &Flags::default()).unwrap_err();
    assert!(said.contains("line 2"), "{said}");
}

#[test]
fn a_blackout_without_end_and_one_that_stays_dark_can_be_asked_for() {
    let config =
        loaded("[blackout]\ntimeout_s = 0\non_timeout = \"stay-dark\"\n", &Flags::default()).unwrap();
    assert_eq!(config.tracker.blackout.timeout, None);
    assert!(config.tracker.blackout.stay_dark);
}

#[test]
fn what_is_usual_of_blackouts_can_be_said_and_need_not_be_limited() {
    let usual = loaded("", &Flags::default()).unwrap().blackout_norm;
    assert_eq!((usual.times, usual.dark), (Some(30), Some(Duration::from_secs(1_800))));
    let flags = Flags { blackout_norm_minutes: Some(5), ..Flags::default() };
    let said = loaded("[blackout]\nnorm_times = 0\nnorm_minutes = 10\n", &flags).unwrap().blackout_norm;
    assert_eq!((said.times, said.dark), (None, Some(Duration::from_secs(300))));
}

#[test]
fn how_long_is_kept_what_no_schedule_decides_can_be_said() {
    let fresh = loaded("", &Flags::default()).unwrap().tracker.keeping;
    assert_eq!((fresh.keep_days, fresh.archive_action.0), (None, 1));
    let file = "[retention]\nkeep_days = 90\narchive_action = 2\n";
    let said = loaded(file, &Flags { keep_days: Some(7), ..Flags::default() }).unwrap().tracker.keeping;
    assert_eq!((said.keep_days, said.archive_action.0), (Some(7), 2));
    let unmatched = |text, flags: Flags| loaded(text, &flags).unwrap().tracker.unmatched;
    assert_eq!(unmatched("", Flags::default()), Unmatched::Keep);
    assert_eq!(unmatched("[recording]\nunmatched = \"drop\"\n", Flags::default()), Unmatched::Drop);
    let keep = Flags { recording_unmatched: Some(UnmatchedChoice::Keep), ..Flags::default() };
    assert_eq!(unmatched("[recording]\nunmatched = \"drop\"\n", keep), Unmatched::Keep);
    let far = loaded("[retention]\nkeep_days = 36501\n", &Flags::default()).unwrap_err().to_string();
    assert!(far.contains("retention.keep_days") && far.contains("36500"), "{far}");
}

#[test]
fn an_archive_needs_a_name_of_its_own_and_one_place() {
    let fresh = loaded("[[archive]]\nname = \"cold\"\nfolder = \"/mnt/cold\"\n", &Flags::default()).unwrap();
    assert_eq!((fresh.archives.len(), fresh.retention), (1, aftercare::retention::Settings::default()));
    for (file, says) in [
        ("[[archive]]\nname = \"cold\"\n", "needs one place"),
        ("[[archive]]\nname = \"\"\nfolder = \"/a\"\n", "a name has 1 to 200 letters"),
        (
            "[[archive]]\nname = \"a\"\nfolder = \"/a\"\n[[archive]]\nname = \"a\"\nfolder = \"/b\"\n",
            "is there twice",
        ),
        ("[[archive]]\nname = \"a\"\nfolder = \"/a\"\ns3 = { bucket = \"b\" }\n", "needs one place"),
        (
            "[[archive]]\nname = \"a\"\ns3 = { bucket = \"b\", key_file = \"/none\" }\n",
            "/none cannot be read",
        ),
        ("[retention]\npurge_every_s = 0\n", "0 s would look without end"),
    ] {
        let wrong = loaded(file, &Flags::default()).unwrap_err().to_string();
        assert!(wrong.contains(says), "{file}: {wrong}");
    }
}

/// The keys of the file.
const KEYS: &[&str] = &[
    "data",
    "agents",
    "sign_on.issuer",
    "sign_on.client_id",
    "sign_on.client_secret_file",
    "sign_on.scopes",
    "sign_on.name",
    "sign_on.name_claim",
    "sign_on.groups_claim",
    "sign_on.agent_claim",
    "sign_on.unknown",
    "sign_on.ca",
    "sign_on.acr_values",
    "sign_on.amr",
    "sign_on.group.name",
    "sign_on.group.roles",
    "sign_on.group.business_units",
    "sign_on.group.agents",
    "http.listen",
    "http.without_login",
    "login.mode",
    "login.idle_minutes",
    "login.hours",
    "login.four_eyes",
    "login.open_metrics",
    "login.leaked_passwords",
    "login.second_factor",
    "login.second_factor_roles",
    "login.first_password_hours",
    "http.without_tls",
    "http.public_url",
    "http.questions_per_minute",
    "http.content_per_minute",
    "http.changes_per_minute",
    "http.trusted_proxies",
    "http.hsts_s",
    "http.tls.certificate",
    "http.tls.key",
    "http.tls.client_ca",
    "http.tls.require_client_certificate",
    "sip.listen",
    "sip.advertised",
    "sip.unlisted",
    "sip.connections_per_address",
    "sip.tls.listen",
    "sip.tls.certificate",
    "sip.tls.key",
    "sip.tls.client_ca",
    "sip.tls.require_client_certificate",
    "media.ports",
    "media.threads",
    "limits.streams",
    "limits.recording_sessions",
    "limits.memory_mib",
    "limits.disk_reserve_mib",
    "blackout.timeout_s",
    "blackout.on_timeout",
    "blackout.norm_times",
    "blackout.norm_minutes",
    "calls.inactive_s",
    "calls.callless_start",
    "recording.unmatched",
    "retention.keep_days",
    "retention.archive_action",
    "retention.grace_s",
    "retention.minimum_days",
    "retention.purge_every_s",
    "retention.purge_limit",
    "retention.archive_every_s",
    "retention.archive_limit",
    "retention.brake_percent",
    "retention.brake_least",
    "archive.name",
    "archive.folder",
    "archive.s3.endpoint",
    "archive.s3.bucket",
    "archive.s3.prefix",
    "archive.s3.region",
    "archive.s3.key_file",
    "metadata.keep",
    "playback.ffmpeg",
    "webhooks.allow",
    "webhooks.ca",
    "smtp.server",
    "smtp.port",
    "smtp.tls",
    "smtp.ca",
    "smtp.username",
    "smtp.password_file",
    "smtp.from",
    "smtp.max_bytes",
    "smtp.allow_recipients",
    "wfo.zone",
    "wfo_xml.listen",
    "wfo_xml.events",
    "wfo_xml.web",
    "wfo_xml.web_tls",
    "wfo_xml.allow",
    "trunk.name",
    "trunk.networks",
    "trunk.profile",
    "trunk.media_networks",
    "trunk.certificate",
    "trunk.secure_only",
    "trunk.srtp",
    "trunk.codecs",
    "trunk.max_calls",
    "trunk.max_streams",
    "trunk.nat",
    "trunk.business_unit",
    "trunk.strict_metadata",
    "trunk.keep",
    "trunk.one_clock",
    "trunk.digest.user",
    "trunk.digest.realm",
    "trunk.digest.password_file",
    "trunk.digest.ha1_file",
];

#[test]
fn every_key_of_the_file_is_explained() {
    let page = include_str!("../../../../ref/config.md");
    for key in KEYS {
        assert!(page.contains(&format!("`{key}`")), "ref/config.md does not explain {key}");
    }
}
