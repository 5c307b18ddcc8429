//! Exports by mail, against a mail server that is not ours (wfo-api section 9 row 21).

use std::os::unix::fs::PermissionsExt as _;
use std::path::{Path, PathBuf};
use std::process::Command;

use serde_json::{Value, json};
use sim::counterpart::{Mailbox, free_port};
use sim::time::wait_for;
use sim::{Program, Setup, debian};

use super::tls::Authority;
use super::{PATIENCE, metric, sealed, setup, text};

/// A recorder that sends to a mailbox, by settings in its file, with so many recordings of a second.
fn recorder(setup: &Setup, smtp: &str, recordings: usize) -> Program {
    let config = setup.write("sidetone.toml", smtp.as_bytes());
    let program = setup.clone().argument("--config").argument(config.to_str().unwrap()).start();
    let calls = recordings.to_string();
    program
        .call(&["--agent-phone", "4678", "--number", "+15550123", "--seconds", "1", "--calls", &calls])
        .wait();
    sealed(&program.http, recordings);
    program
}

fn smtp(port: u16, more: &str) -> String {
    format!(
        "[smtp]\nserver = \"127.0.0.1\"\nport = {port}\nfrom = \"recorder@example.com\"\n\
         allow_recipients = [\"example.com\"]\n{more}\n"
    )
}

fn folder(setup: &Setup, name: &str) -> PathBuf {
    let folder = setup.beside(name);
    std::fs::create_dir(&folder).unwrap();
    folder
}

/// Asks for an export by mail and gives its job when it is over.
fn sent(program: &Program, which: &str, body: &Value) -> Value {
    let accepted = program.http.post(&format!("/api/EmailExport/{which}"), body).ok().json();
    let path = format!("/v1/exports/{}", text(&accepted["ExportIdentifier"]));
    wait_for("the export is over", PATIENCE, || {
        let job = program.http.get(&path).ok().json();
        (job["state"] != "running").then_some(job)
    })
}

/// Unpacks with 7z and gives the files, by name.
fn unpacked(zip: &Path, password: &str) -> Vec<PathBuf> {
    let into = zip.with_extension("unpacked");
    let mut seven = Command::new(debian::program("7z", "p7zip-full"));
    seven.args(["x", "-y"]).arg(format!("-p{password}")).arg(format!("-o{}", into.display())).arg(zip);
    debian::run(&mut seven);
    let mut files: Vec<PathBuf> = std::fs::read_dir(into).unwrap().map(|file| file.unwrap().path()).collect();
    files.sort();
    files
}

#[test]
fn an_export_reaches_a_mailbox_over_starttls_and_opens_with_its_password() {
    let setup = setup();
    let authority = Authority::new(&setup, "authority");
    let pair = authority.give("mail", &["127.0.0.1"]);
    let mailbox = Mailbox::open(
        &folder(&setup, "mailbox"),
        &[
            "certificate",
            pair.certificate.to_str().unwrap(),
            pair.key.to_str().unwrap(),
            "starttls",
            "login",
            "recorder",
            "pass word",
        ],
    );
    let password = setup.write("password", b"pass word\n");
    std::fs::set_permissions(&password, std::fs::Permissions::from_mode(0o600)).unwrap();
    let more = format!(
        "ca = \"{}\"\nusername = \"recorder\"\npassword_file = \"{}\"",
        authority.file.display(),
        password.display()
    );
    let program = recorder(&setup, &smtp(mailbox.port, &more), 3);

    let wanted = json!({
        "emailaddress": "kim@example.com, robin@EXAMPLE.com", "subject": "Gespr\u{e4}che \u{1f600}",
        "body": "Bitte h\u{f6}ren.\r\n.\r\nBcc: nobody@example.com", "mediaformat": "WAV", "idents": "1,2,3",
        "encrypt": true, "password": "three words here",
    });
    let job = sent(&program, "MultiExport", &wanted);
    assert_eq!(
        (&job["state"], &job["way"], &job["percent"]),
        (&json!("done"), &json!("mail"), &json!(100)),
        "{job}"
    );
    let letters = mailbox.letters();
    assert_eq!(letters.len(), 1);
    let (letter, zip) = &letters[0];
    assert_eq!(letter["from"], "recorder@example.com");
    assert_eq!(letter["to"], json!(["kim@example.com", "robin@EXAMPLE.com"]));
    assert_eq!(letter["subject"], "Gespr\u{e4}che \u{1f600}");
    assert_eq!(text(&letter["body"]).trim_end(), "Bitte h\u{f6}ren.\r\n.\r\nBcc: nobody@example.com");
    assert_eq!(letter["attached"], json!(["recordings.zip"]));
    assert_eq!(letter["defects"], json!([]));
    assert!(!letter["headers"].as_array().unwrap().contains(&json!("Bcc")));
    assert_eq!(mailbox.logins(), "PLAIN True\n");
    let sounds = unpacked(zip, "three words here");
    assert_eq!(sounds.len(), 3);
    for sound in &sounds {
        let probed = debian::ffprobe(sound);
        assert_eq!((probed.codec.as_str(), probed.channels), ("pcm_s16le", 2));
        assert!(probed.seconds > 0.5, "{probed:?}");
    }
    let log = program.log();
    assert!(!log.contains("three words") && !log.contains("pass word"), "{log}");

    let one = json!({"emailaddress": "kim@example.com", "uniquefield": "ident", "uniquevalue": "2", "mediaformat": "WAV"});
    assert_eq!(sent(&program, "SingleExport", &one)["state"], "done");
    let (letter, zip) = mailbox.letters().remove(1);
    assert_eq!(
        (&letter["subject"], text(&letter["body"]).trim()),
        (&json!("Recordings"), "The recordings are attached.")
    );
    assert_eq!(unpacked(&zip, "").len(), 1);
    let combined = json!({"emailaddress": "kim@example.com", "idents": "1,2,3", "mediaformat": "WAV"});
    assert_eq!(sent(&program, "CombinedExport", &combined)["state"], "done");
    assert_eq!(unpacked(&mailbox.letters().remove(2).1, "").len(), 1);
}

#[test]
fn what_does_not_reach_the_mailbox_is_no_letter_and_says_why() {
    let setup = setup();
    let mailbox = Mailbox::open(&folder(&setup, "mailbox"), &[]);
    // Two recordings of a second in WAV are more than this; one alone is less.
    let program = recorder(&setup, &smtp(mailbox.port, "tls = \"off\"\nmax_bytes = 70000"), 2);
    let wanted = |to: &str, idents: &str| json!({"emailaddress": to, "mediaformat": "WAV", "idents": idents});
    let job = sent(&program, "MultiExport", &wanted("kim@example.com", "1,2"));
    assert_eq!(job["state"], "failed");
    assert!(
        text(&job["why"]).contains("larger than the 70000 bytes")
            && text(&job["why"]).contains("smtp.max_bytes")
    );
    for (to, subject, said) in [
        ("kim@example.org", "", "No recording may be sent to this emailaddress; smtp.allow_recipients"),
        ("kim@example.com\r\nBcc: x@example.com", "", "Emailaddress must be an address"),
        ("nobody", "", "Emailaddress must be an address"),
        ("", "", "Emailaddress is missing"),
        ("kim@example.com", "a\r\nBcc: x@example.com", "Subject must be one line"),
    ] {
        let mut body = wanted(to, "1");
        body["subject"] = json!(subject);
        let answer = program.http.post("/api/EmailExport/MultiExport", &body);
        assert_eq!(answer.status, 404, "{}", answer.text());
        assert!(text(&answer.json()["Message"]).starts_with(said), "{}", answer.text());
    }
    let job = sent(&program, "CombinedExport", &wanted("kim@example.com", "1"));
    assert_eq!(job["state"], "done", "{job}");
    assert_eq!(mailbox.letters().len(), 1, "only the last one has arrived");
    let letters =
        |result| metric(&program.http, &format!("sidetone_export_letters_total{{result=\"{result}\"}}"));
    assert_eq!((letters("sent"), letters("failed")), (1, 1));
}

#[test]
fn a_mail_server_that_is_not_there_or_not_the_right_one_gets_nothing() {
    let setup = setup();
    let authority = Authority::new(&setup, "authority");
    let stranger = Authority::new(&setup, "stranger");
    let pair = stranger.give("mail", &["127.0.0.1"]);
    let certificate = ["certificate", pair.certificate.to_str().unwrap(), pair.key.to_str().unwrap()];
    let mailbox = Mailbox::open(&folder(&setup, "mailbox"), &[&certificate[..], &["implicit"]].concat());
    let ca = format!("ca = \"{}\"\n", authority.file.display());
    let wanted = json!({"emailaddress": "kim@example.com", "mediaformat": "WAV", "idents": "1"});
    let program = recorder(&setup, &smtp(mailbox.port, &format!("{ca}tls = \"implicit\"")), 1);
    let job = sent(&program, "MultiExport", &wanted);
    assert_eq!(job["state"], "failed");
    assert!(text(&job["why"]).starts_with("the mail server did not take it: "), "{job}");
    assert!(text(&job["why"]).contains("certificate"), "{job}");
    assert_eq!(mailbox.letters(), []);
    let ended = program.stop();
    assert!(ended.log.contains("an export was not sent"), "{}", ended.log);

    // One that speaks no TLS where TLS is asked for, and none at all.
    let clear = Mailbox::open(&folder(&setup, "clear"), &[]);
    for (port, said) in [(clear.port, "STARTTLS"), (free_port(), "refused")] {
        setup.write("sidetone.toml", smtp(port, &ca).as_bytes());
        let config = setup.beside("sidetone.toml");
        let program = setup.clone().argument("--config").argument(config.to_str().unwrap()).start();
        let job = sent(&program, "MultiExport", &wanted);
        assert_eq!(job["state"], "failed");
        assert!(text(&job["why"]).contains(said), "{job}");
        program.stop();
    }
    assert_eq!(clear.letters(), []);
}
