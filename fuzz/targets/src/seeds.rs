//! Inputs to start from: the vendors' messages, and small valid ones of each format.

use siprec::message::{Message, parse};

/// The messages of `tests/vendors`, in order of their names.
pub(crate) fn messages() -> Vec<Vec<u8>> {
    VENDORS.iter().map(|bytes| bytes.to_vec()).collect()
}

/// Those, and the messages of RFC 4475.
pub(crate) fn all_messages() -> Vec<Vec<u8>> {
    let folder = std::path::Path::new(env!("CARGO_MANIFEST_DIR")).join("../../tests/rfc4475");
    let entries = std::fs::read_dir(folder).expect("the messages of RFC 4475 are there");
    let mut paths: Vec<_> = entries.filter_map(|entry| Some(entry.ok()?.path())).collect();
    paths.retain(|path| path.extension().is_some_and(|end| end == "sip"));
    paths.sort();
    let tortuous = paths.iter().map(|path| std::fs::read(path).expect("it can be read"));
    messages().into_iter().chain(tortuous).collect()
}

const VENDORS: &[&[u8]] = &[
    include_bytes!("../../../tests/vendors/01-rfc-two-leg-invite.sip"),
    include_bytes!("../../../tests/vendors/02-cisco-cube-siprec-invite.sip"),
    include_bytes!("../../../tests/vendors/03-oracle-sbc-invite.sip"),
    include_bytes!("../../../tests/vendors/04-audiocodes-legacy-invite.sip"),
    include_bytes!("../../../tests/vendors/05-ribbon-sbc-invite.sip"),
    include_bytes!("../../../tests/vendors/06a-avaya-sbce-invite.sip"),
    include_bytes!("../../../tests/vendors/06b-avaya-sbce-update.sip"),
    include_bytes!("../../../tests/vendors/07-metaswitch-mixed-invite.sip"),
    include_bytes!("../../../tests/vendors/08-broadworks-acd-invite.sip"),
    include_bytes!("../../../tests/vendors/09a-cucm-bib-nearend-invite.sip"),
    include_bytes!("../../../tests/vendors/10-opensips-invite.sip"),
    include_bytes!("../../../tests/vendors/11a-rfc-hold-update.sip"),
    include_bytes!("../../../tests/vendors/11c-rfc-bye-with-metadata.sip"),
    include_bytes!("../../../tests/vendors/12-src-pause-inactive-reinvite.sip"),
    include_bytes!("../../../tests/vendors/13-options-keepalive.sip"),
    include_bytes!("../../../tests/vendors/15-srtp-sdes-invite.sip"),
];

/// The bodies of the vendors' messages in parts, as one function wants them.
fn parts(pick: impl Fn(siprec::body::Parts) -> Option<Vec<u8>>) -> Vec<Vec<u8>> {
    let part = |bytes: &Vec<u8>| {
        let Ok(Message::Request(request)) = parse(bytes) else { return None };
        let header = |name| request.headers.get(name);
        let split =
            siprec::body::split(header("Content-Type"), header("Content-Disposition"), &request.body).ok()?;
        pick(split)
    };
    messages().iter().filter_map(part).collect()
}

/// The session descriptions in them.
pub(crate) fn descriptions() -> Vec<Vec<u8>> {
    parts(|parts| parts.sdp)
}

/// The metadata documents in them.
pub(crate) fn metadata() -> Vec<Vec<u8>> {
    parts(|parts| parts.metadata)
}

/// A few packets, each behind its length, in order and not.
pub(crate) fn rtp() -> Vec<Vec<u8>> {
    let packet = |sequence: u8, payload_type: u8| {
        vec![16, 0x80, payload_type, 0, sequence, 0, 0, 0, sequence, 0, 0, 0, 9, 0xff, 0xff, 0xff, 0xff]
    };
    let talk: Vec<u8> = [1, 2, 3, 5, 4, 4, 9].into_iter().flat_map(|sequence| packet(sequence, 0)).collect();
    let mixed: Vec<u8> =
        [(1, 0), (2, 101), (3, 13), (4, 8)].into_iter().flat_map(|(a, b)| packet(a, b)).collect();
    // CSRC list, header extension and padding in one packet.
    let full = vec![
        0xb1, 0, 0, 1, 0, 0, 0, 1, 0, 0, 0, 9, 0, 0, 0, 7, 0xbe, 0xde, 0, 1, 0x10, 0x55, 0, 0, 1, 2, 3, 4, 0,
        0, 0, 4,
    ];
    vec![talk, mixed, full]
}

/// The same packets, and reports, behind the number of a suite.
pub(crate) fn srtp() -> Vec<Vec<u8>> {
    let inputs = [rtp(), rtcp()].concat();
    (0..6).flat_map(|suite| inputs.iter().map(move |input| [&[suite], input.as_slice()].concat())).collect()
}

/// Sender report, source description and goodbye, alone and behind their length.
pub(crate) fn rtcp() -> Vec<Vec<u8>> {
    let report =
        [0x80, 200, 0, 6, 0, 0, 0, 9, 0xe0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 160, 0, 0, 0, 1, 0, 0, 0, 160];
    let description = [0x81, 202, 0, 3, 0, 0, 0, 9, 1, 2, b'a', b'b', 0, 0, 0, 0];
    let goodbye = [0x81, 203, 0, 1, 0, 0, 0, 9];
    let compound = [report.as_slice(), &description, &goodbye].concat();
    let len = u8::try_from(compound.len()).unwrap_or(u8::MAX);
    vec![compound.clone(), [&[len], compound.as_slice()].concat()]
}

/// Lists of leaked passwords, each after what is looked for in it.
pub(crate) fn hash_lists() -> Vec<Vec<u8>> {
    let digits = |number: u32| format!("{number:08X}{}", "0A".repeat(16));
    let list = |end: &str| {
        (1..6_u32).map(|number| format!("{}:{number}{end}", digits(number * 7))).collect::<String>()
    };
    let of = |wanted: u32, end: &str| format!("{}{}", digits(wanted), list(end)).into_bytes();
    vec![of(14, "\n"), of(15, "\n"), of(35, "\r\n"), digits(7).into_bytes()]
}

/// Both forms of the agents file.
pub(crate) fn agents_files() -> Vec<Vec<u8>> {
    let csv = "id,phone,username,system_username,crm_username,name,business_unit,device_alias,station\n\
               1,4678,rpike,CORP\\rpike,,\"Pike, Rowan\",0,,\n2,5003,\"a\"\"b\",,,,,,\n";
    let json = r#"[{"id": 1, "phone": "4678", "name": "Rowan Pike"}, {"id": 2, "username": "x\u00e9"}]"#;
    vec![csv.into(), json.into()]
}

/// Each kind of a schedule, and a rule with every condition.
pub(crate) fn schedules() -> Vec<Vec<u8>> {
    [
        r#"{"type":"set_number","count":5,"per":"week"}"#,
        r#"{"type":"agent_percentage","percent":20}"#,
        r#"{"type":"on_demand"}"#,
        r#"{"agents":[1],"business_units":[-3],"gates":["Billing"],"skill_groups":["7"],"ani":["+1 555*0"],"dnis":["*99*"],"direction":"inbound","trunks":["t"],"devices":["4678"],"hours":[{"days":["monday"],"from":"22:00","to":"06:30"}]}"#,
        r#"{"direction":"O","hours":[{"from":"00:00","to":"24:00"}]}"#,
    ]
    .map(|text| text.as_bytes().to_vec())
    .into()
}

/// Commands as JSON and as a form; the first byte says which.
pub(crate) fn commands() -> Vec<Vec<u8>> {
    [
        r#"0{"AgentIdentifier":"Id","Value":"1"}"#,
        r#"0{"AgentIdentifier":"Phone","Value":4678,"CallMetadata":{"user2":"1234567890","user15":"\u00e9","keepdays":-1}}"#,
        r#"0{"value":null,"CALLMETADATA":"{\"user1\":\"a\"}","x":[{"y":[1.5e300,true]}]}"#,
        "1AgentIdentifier=Id&Value=1&CallMetadata.user1=a&CallMetadata[user2]=b%20c",
        "1agentIdentifier=SystemUsername&value=CORP%5Crpike&callmetadata=%7B%22user3%22%3A3%7D",
    ]
    .map(|text| text.as_bytes().to_vec())
    .into()
}

/// XML messages, one and several; the first byte says how they are parted.
pub(crate) fn xml_commands() -> Vec<Vec<u8>> {
    [
        "0<REQUEST><TYPE>TEST</TYPE><REQUESTID>1</REQUESTID></REQUEST>\r\n",
        "1<?xml version=\"1.0\"?><!-- a --><request a='b'><TYPE>callupdate</TYPE>\r\n<REQUESTID>7</REQUESTID><DEVICEID>4678</DEVICEID>         <USER1><![CDATA[<a>]]> &amp; AT&T &#xe9;</USER1><KEEPDAYS>3650</KEEPDAYS></request>\r\n<REQUEST/>\r\n",
        "2<REQUEST><TYPE>CALLSTART</REQUEST>\r\n<REQUEST><TYPE>CALLSTART</TYPE><REQUESTID>2</REQUESTID><STATIONNAME>WS-17</STATIONNAME></REQUEST>",
        "3<!DOCTYPE a [<!ENTITY b \"c\">]><REQUEST><TYPE>&b;</TYPE></REQUEST>",
        "4type=callupdate&requestid=18213567&deviceid=200&user1=SpecialCall&user2=10121968&keepdays=3650",
    ]
    .map(|text| text.as_bytes().to_vec())
    .into()
}

/// One value of each header that has a reader, behind its number.
pub(crate) fn headers() -> Vec<Vec<u8>> {
    let values: [(u8, &str); 12] = [
        (0, "SIP/2.0/UDP 192.0.2.1:5060;branch=z9hG4bKx;rport;received=192.0.2.2"),
        (0, "SIP / 2.0 / TCP [2001:db8::1]:5060;branch=z9hG4bKy"),
        (1, "\"A. \\\"Caller\\\"\" <sip:+15550100@example.com;user=phone>;tag=1;+sip.src"),
        (1, "sip:a@example.com;tag=2"),
        (2, "4711 INVITE"),
        (3, "1800;refresher=uas"),
        (4, "ab30317f1a784dc48ff824d0d3715d86;remote=47755a9de7794ba387653f2099600ef2"),
        (5, "a=b;c;d=\"e;f\""),
        (6, "90;x=y"),
        (6, "sip:user:word@[2001:db8::1]:5060;transport=tcp?Route=%3Csip:x%3E"),
        (6, "tel:+1-555-0100;phone-context=example.com"),
        (6, "a, \"b, c\", <d, e>, f"),
    ];
    values.iter().map(|(kind, value)| [&[*kind], value.as_bytes()].concat()).collect()
}

/// Presses of a key, each payload behind its length.
pub(crate) fn telephone_events() -> Vec<Vec<u8>> {
    let press = |event: u8, end: u8| vec![4, event, end | 10, 0, 160, 4, event, end | 10, 1, 64];
    let talk = [press(1, 0), press(1, 0x80), press(11, 0), vec![1, 60], press(15, 0x80)].concat();
    vec![talk, vec![4, 255, 0xff, 0xff, 0xff], vec![8, 1, 0x8a, 3, 32, 2, 0x8a, 3, 32]]
}

/// Settings that stand in the guide, and all kinds of values.
pub(crate) fn settings() -> Vec<Vec<u8>> {
    let plain = "data = \"x\"\n[http]\nlisten = \"127.0.0.1:8080\"\n[sip]\nunlisted = \"silent\"\n\
                 [media]\nports = \"20000-29999\"\nthreads = 2\n";
    let trunk = "[[trunk]]\nname = \"SBC\"\nnetworks = [\"192.0.2.0/24\", \"2001:db8::/32\"]\n\
                 profile = \"body-only\"\n";
    [plain, trunk, &[plain, trunk, trunk].concat()].iter().map(|text| text.as_bytes().to_vec()).collect()
}

/// Short WAV files of one and two channels.
pub(crate) fn wavs() -> Vec<Vec<u8>> {
    let file = |channels: u16| {
        let layout = audio::file::wav::Layout::new(8, channels, audio::Rate::Narrow).expect("eight frames");
        let mut file = layout.header().to_vec();
        audio::file::wav::append_samples(&mut file, &vec![7; usize::from(channels) * 8]);
        file
    };
    vec![file(1), file(2)]
}

/// Answers to digest challenges.
pub(crate) fn logins() -> Vec<Vec<u8>> {
    let whole = "Digest username=\"sbc\", realm=\"sidetone\", nonce=\"00\", uri=\"sip:a@b\", algorithm=SHA-256, qop=auth, \
                 nc=00000001, cnonce=\"c0\", response=\"00\"";
    vec![whole.into(), b"Digest a=\"\\\"\", b=c".to_vec()]
}
