//! What the settings say, and what they say when they cannot be.

use super::*;

fn loaded(toml: &str, flags: &Flags) -> Result<Config, String> {
    Config::of(&File::parse(toml)?, flags).map_err(|error| error.to_string())
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
fn where_the_audit_is_witnessed_can_be_said_by_flags_and_a_bucket_is_what_makes_one() {
    let flags = Flags {
        audit_witness_s3_bucket: Some("heads".to_owned()),
        audit_witness_s3_endpoint: Some("https://s3.example:9000".to_owned()),
        audit_witness_s3_key_file: Some("/none".into()),
        audit_ask_reason: Some(true),
        ..Flags::default()
    };
    let away = loaded("", &flags).unwrap_err();
    assert!(away.contains("/none cannot be read"), "{away}");
    let only_flags = Audit::default().with_flags(&flags);
    let bucket = |audit: &Audit| audit.witness_s3.clone().map(|s3| (s3.bucket, s3.endpoint, s3.region));
    let endpoint = Some("https://s3.example:9000".to_owned());
    assert_eq!(bucket(&only_flags), Some(("heads".to_owned(), endpoint.clone(), None)));
    assert!(only_flags.ask_reason);
    let file = File::parse("[audit]\nwitness_s3 = { bucket = \"other\", region = \"eu\" }\n").unwrap().audit;
    let some = Flags { audit_witness_s3_bucket: None, ..flags.clone() };
    assert_eq!(bucket(&file.with_flags(&some)), Some(("other".to_owned(), endpoint, Some("eu".to_owned()))));
    assert_eq!(bucket(&Audit::default().with_flags(&some)), None);
    let strict = Flags { retention_minimum_days: Some(30), ..Flags::default() };
    assert_eq!(loaded("[retention]\nminimum_days = 7\n", &strict).unwrap().retention.minimum_days, 30);
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

/// The names that the file takes in a table, as it says itself when it is given another.
fn names(table: &str) -> Option<Vec<String>> {
    let wrong = File::parse(&format!("{table}\nno_such_key = 1\n")).unwrap_err();
    let (_, expected) = wrong.split_once("unknown field `no_such_key`, expected ")?;
    Some(expected.split('`').skip(1).step_by(2).map(str::to_owned).collect())
}

/// All keys of the file under one that stands in `list`, and whether each is in such a list of tables, which no flag can say.
fn keys_under(key: &str, list: &str, found: &mut Vec<(String, bool)>) {
    let as_list = format!("{list}[[{key}]]\n");
    let (below, list) = match (names(&format!("{list}[{key}]")), names(&as_list)) {
        (Some(below), _) => (below, list),
        (None, Some(below)) => (below, &*as_list),
        (None, None) => return found.push((key.to_owned(), !list.is_empty())),
    };
    for name in below {
        keys_under(&format!("{key}.{name}"), list, found);
    }
}

fn keys() -> Vec<(String, bool)> {
    let mut found = Vec::new();
    for name in names("").unwrap() {
        keys_under(&name, "", &mut found);
    }
    assert!(found.len() > 100, "{found:?}");
    found
}

#[test]
fn every_key_of_the_file_is_explained_and_is_a_flag_and_a_variable_too() {
    let page = include_str!("../../../../ref/config.md");
    let command = <Flags as clap::Args>::augment_args(clap::Command::new("serve"));
    let variables: Vec<(String, String)> = command
        .get_arguments()
        .filter_map(|flag| Some((flag.get_long()?.to_owned(), flag.get_env()?.to_str()?.to_owned())))
        .collect();
    for (key, in_list) in keys() {
        let row = page.lines().find(|line| line.starts_with(&format!("| `{key}` |")));
        let row = row.unwrap_or_else(|| panic!("ref/config.md does not explain {key}"));
        if in_list {
            continue;
        }
        let cell = |place: usize| row.split('|').nth(place).unwrap().trim().trim_matches('`').to_owned();
        let said = (cell(2).trim_start_matches("--").to_owned(), cell(3));
        assert!(variables.contains(&said), "{key} has no such flag and variable: {said:?}");
    }
}
