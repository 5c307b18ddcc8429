//! Inputs to start from: the vendors' messages, and small valid ones of each format.

use siprec::message::{Message, parse};

/// The messages of `tests/vendors`, in order of their names.
pub(crate) fn messages() -> Vec<Vec<u8>> {
    VENDORS.iter().map(|bytes| bytes.to_vec()).collect()
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

/// Both forms of the agents file.
pub(crate) fn agents_files() -> Vec<Vec<u8>> {
    let csv = "id,phone,username,system_username,crm_username,name,business_unit,device_alias,station\n\
               1,4678,rpike,CORP\\rpike,,\"Pike, Rowan\",0,,\n2,5003,\"a\"\"b\",,,,,,\n";
    let json = r#"[{"id": 1, "phone": "4678", "name": "Rowan Pike"}, {"id": 2, "username": "x\u00e9"}]"#;
    vec![csv.into(), json.into()]
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
