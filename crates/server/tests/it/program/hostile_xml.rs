//! Metadata that attacks: the audio is recorded all the same, one alarm for each document that cannot be read, nothing is
//! opened, nothing is fetched, and memory stays where it was (F-XML-1, F-XML-2).

use std::fmt::Write as _;
use std::net::{SocketAddr, TcpListener};
use std::time::Duration;

use sim::rtp::{Leg, noise};
use sim::sip::{Offer, Session, Stream, Transport};

use super::{metric, recording, sealed, setup};

/// Stands in a file beside the data folder; no document may bring it in.
const SECRET: &str = "7f31-only-in-that-file-c0de";

/// How much a recorder may have grown after all of them.
const GROWTH_BYTES: u64 = 64 << 20;

/// A document, and whether it can be read.
struct Attack {
    name: &'static str,
    bytes: Vec<u8>,
    is_readable: bool,
}

fn refused(name: &'static str, text: impl Into<Vec<u8>>) -> Attack {
    Attack { name, bytes: text.into(), is_readable: false }
}

fn read(name: &'static str, inside: &str) -> Attack {
    Attack { name, bytes: document(inside).into_bytes(), is_readable: true }
}

/// A document of the right namespace around `inside`.
fn document(inside: &str) -> String {
    format!(
        "<recording xmlns=\"urn:ietf:params:xml:ns:recording:1\"><datamode>complete</datamode>{inside}</recording>"
    )
}

fn with_doctype(doctype: &str, inside: &str) -> String {
    format!("<?xml version=\"1.0\"?>\n<!DOCTYPE recording {doctype}>\n{}", document(inside))
}

fn entities(file: &str, listener: SocketAddr) -> Vec<Attack> {
    let laughs = (1..10).fold(String::from("<!ENTITY l0 \"lol\">"), |mut all, level| {
        let _ = write!(all, "<!ENTITY l{level} \"{}\">", format!("&l{};", level - 1).repeat(10));
        all
    });
    let name = "<participant participant_id=\"cA==\"><nameID aor=\"sip:a@b\"><name>";
    let name = |entity: &str| format!("{name}{entity}</name></nameID></participant>");
    let quadratic = format!("[<!ENTITY a \"{}\">]", "a".repeat(40_000));
    vec![
        refused("billion laughs", with_doctype(&format!("[{laughs}]"), &name("&l9;"))),
        refused("quadratic", with_doctype(&quadratic, &name(&"&a;".repeat(1_000)))),
        refused("a file", with_doctype(&format!("[<!ENTITY x SYSTEM \"file://{file}\">]"), &name("&x;"))),
        refused(
            "an address",
            with_doctype(&format!("[<!ENTITY x SYSTEM \"http://{listener}/\">]"), &name("&x;")),
        ),
        refused("a DTD from elsewhere", with_doctype(&format!("SYSTEM \"http://{listener}/x.dtd\""), "")),
        refused(
            "parameter entities",
            with_doctype(&format!("[<!ENTITY % x SYSTEM \"http://{listener}/\"> %x;]"), ""),
        ),
        refused("an entity nobody defined", document(&name("&undefined;"))),
        refused("a number that is no character", document(&name("&#0;"))),
    ]
}

fn sizes() -> Vec<Attack> {
    let attributes = (0..100).fold(String::new(), |mut all, number| {
        let _ = write!(all, " a{number}=\"1\"");
        all
    });
    vec![
        refused("depth", document(&"<a>".repeat(20_000))),
        refused("depth that closes", document(&format!("{}{}", "<a>".repeat(5_000), "</a>".repeat(5_000)))),
        refused("elements", document(&"<group/>".repeat(6_000))),
        refused("attributes", document(&format!("<session session_id=\"s\"{attributes}/>"))),
        refused("text", document(&format!("<name>{}</name>", "x".repeat(120_000)))),
        refused("one name", document(&format!("<{}/", "n".repeat(120_000)))),
        refused("an open comment", document("<!-- and on")),
        refused("an open CDATA", document("<![CDATA[ and on")),
        read("comments", &format!("<session session_id=\"s\"/>{}", "<!-- x -->".repeat(5_000))),
        read("CDATA", &format!("<x><![CDATA[{}]]></x>", "<a>".repeat(5_000))),
    ]
}

fn encodings() -> Vec<Attack> {
    let plain = document("");
    let wide = |bom: &[u8]| -> Vec<u8> {
        let units = plain.encode_utf16().flat_map(u16::to_le_bytes);
        bom.iter().copied().chain(units).collect()
    };
    let declared = |encoding: &str, body: &[u8]| -> Vec<u8> {
        [format!("<?xml version=\"1.0\" encoding=\"{encoding}\"?>").as_bytes(), body].concat()
    };
    vec![
        refused("UTF-16 with its mark", wide(&[0xff, 0xfe])),
        refused("UTF-16 without", wide(&[])),
        refused("UTF-7", declared("UTF-7", b"+ADw-recording+AD4-+ADw-/recording+AD4-")),
        refused("overlong", [b"\xc0\xbcrecording>".as_slice(), b"</recording>"].concat()),
        refused("surrogates", [document("").as_bytes(), b"<!--\xed\xa0\x80-->"].concat()),
        refused("null", document("<x>\0</x>")),
        refused("nothing but nulls", vec![0; 4_000]),
        refused("two documents", format!("{plain}{plain}")),
    ]
}

fn others(file: &str, listener: SocketAddr) -> Vec<Attack> {
    let include = format!(
        "<xi:include xmlns:xi=\"http://www.w3.org/2001/XInclude\" href=\"file://{file}\" parse=\"text\"/>\
         <xi:include xmlns:xi=\"http://www.w3.org/2001/XInclude\" href=\"http://{listener}/\"/>"
    );
    let schema = format!(
        "<session session_id=\"c2Vzc2lvbg==\" xmlns:xsi=\"http://www.w3.org/2001/XMLSchema-instance\" \
         xsi:schemaLocation=\"urn:ietf:params:xml:ns:recording:1 http://{listener}/x.xsd\"/>"
    );
    let style = format!("<?xml-stylesheet type=\"text/xsl\" href=\"http://{listener}/x.xsl\"?>");
    vec![
        read("XInclude", &include),
        read("a schema from elsewhere", &schema),
        Attack {
            name: "a style sheet from elsewhere",
            bytes: format!("{style}{}", document("<session session_id=\"s\"/>")).into_bytes(),
            is_readable: true,
        },
        read(
            "a namespace of its own",
            "<recording xmlns=\"urn:evil\"><session session_id=\"x\"/></recording>",
        ),
        read("the same prefix twice", "<a:x xmlns:a=\"urn:a\"><a:x xmlns:a=\"urn:b\"/></a:x>"),
    ]
}

#[test]
fn metadata_that_attacks_costs_no_audio_no_memory_and_brings_nothing_in() {
    let program = setup().start();
    let secret = program.setup.write("secret.txt", SECRET.as_bytes());
    let listener = TcpListener::bind("127.0.0.1:0").expect("a port");
    listener.set_nonblocking(true).expect("it can be");
    let address = listener.local_addr().expect("it is bound");
    let file = secret.display().to_string();
    let before = program.memory_bytes();
    let attacks = [entities(&file, address), sizes(), encodings(), others(&file, address)];
    let (mut unreadable, mut count) = (0, 0);
    for Attack { name, bytes, is_readable } in attacks.into_iter().flatten() {
        assert!(bytes.len() <= 128 * 1024, "{name} is refused for its size alone");
        let legs = [Leg::new(1), Leg::new(2)];
        let streams = vec![Stream::g711("1", legs[0].port()), Stream::g711("2", legs[1].port())];
        let session = Session::open(program.sip, Transport::Tcp, Offer::new(streams, bytes))
            .unwrap_or_else(|answer| panic!("{name}: {answer:?}"));
        for number in 0..10 {
            for (leg, to) in legs.iter().zip(session.media()) {
                assert!(leg.send_frame(to, number, &noise(7, number)));
            }
            std::thread::sleep(Duration::from_millis(5));
        }
        assert_eq!(session.bye(), 200, "{name}");
        count += 1;
        let found = sealed(&program.http, count).pop().expect("the newest");
        let whole = recording(&program.http, &found);
        assert_eq!(whole["packets"]["stored"], 20, "{name}: {whole}");
        assert!(!whole.to_string().contains(SECRET), "{name}");
        unreadable += u64::from(!is_readable);
        assert_eq!(metric(&program.http, "sidetone_metadata_unreadable_total"), unreadable, "{name}");
    }
    assert!(listener.accept().is_err(), "somebody has connected");
    assert!(!program.log().contains(SECRET));
    let grown = program.memory_bytes().saturating_sub(before);
    assert!(grown < GROWTH_BYTES, "it has grown by {} MiB", grown >> 20);
    assert!(program.stop().status.success());
}
