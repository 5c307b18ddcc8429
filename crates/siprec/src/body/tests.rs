use super::*;

const MIXED: &str = "multipart/mixed;boundary=b1";

fn both(sdp_first: bool) -> String {
    let sdp = "--b1\r\nContent-Type: application/sdp\r\n\r\nv=0\r\ns=-\r\n";
    let xml = "--b1\r\nContent-Type: application/rs-metadata\r\nContent-Disposition: recording-session\r\n\r\n<r/>\r\n";
    let (one, two) = if sdp_first { (sdp, xml) } else { (xml, sdp) };
    format!("{one}{two}--b1--\r\n")
}

#[test]
fn the_line_end_before_a_boundary_belongs_to_the_boundary() {
    let parts = split(Some(MIXED), None, both(true).as_bytes()).unwrap();
    assert_eq!(parts.sdp.as_deref(), Some(&b"v=0\r\ns=-"[..]));
    assert_eq!(parts.metadata.as_deref(), Some(&b"<r/>"[..]));
    assert!(parts.unknown.is_empty());
}

#[test]
fn parts_come_in_any_order() {
    assert_eq!(
        split(Some(MIXED), None, both(true).as_bytes()),
        split(Some(MIXED), None, both(false).as_bytes())
    );
}

#[test]
fn four_forms_are_read_and_an_empty_body_is_no_part() {
    let sdp = split(Some("application/sdp"), None, b"v=0\r\n").unwrap();
    assert_eq!(sdp.sdp.as_deref(), Some(&b"v=0\r\n"[..]));
    let xml = split(Some("Application/RS-Metadata+XML; charset=utf-8"), None, b"<r/>").unwrap();
    assert_eq!(xml.metadata.as_deref(), Some(&b"<r/>"[..]));
    let one = split(Some(MIXED), None, b"--b1\nContent-Type:application/sdp\n\nv=0\n--b1--").unwrap();
    assert_eq!(one.sdp.as_deref(), Some(&b"v=0"[..]));
    assert!(split(Some("application/sdp"), None, b"").unwrap().is_empty());
    assert!(split(None, None, b"").unwrap().is_empty());
}

#[test]
fn odd_framing_is_followed() {
    let body = "a preamble\r\n--gc0y;x\r\nCONTENT-TYPE : application/sdp ;\r\n charset=utf-8\r\n\
                Content-Transfer-Encoding: 8BIT\r\n\r\nv=0\r\n--gc0y;x  \r\nContent-Type: text/xml\r\n\
                content-disposition: Recording-Session;handling=required\r\n\r\n<r/>\r\n--gc0y;x-- \r\nan epilogue\r\n";
    let parts =
        split(Some("Multipart/Mixed; charset=x ; Boundary=\"gc0y;x\" "), None, body.as_bytes()).unwrap();
    assert_eq!(parts.sdp.as_deref(), Some(&b"v=0"[..]));
    assert_eq!(parts.metadata.as_deref(), Some(&b"<r/>"[..]));
}

#[test]
fn a_boundary_that_only_begins_alike_is_content() {
    let body = "--b1\r\nContent-Type: application/sdp\r\n\r\nv=0\r\n--b1x\r\n--b1--\r\n";
    let parts = split(Some(MIXED), None, body.as_bytes()).unwrap();
    assert_eq!(parts.sdp.as_deref(), Some(&b"v=0\r\n--b1x"[..]));
}

#[test]
fn an_unknown_part_is_required_unless_it_says_optional() {
    let body = "--b1\r\nContent-Type: application/gtd\r\nContent-Disposition: signal;handling=optional\r\n\r\nIAM\r\n\
                --b1\r\nContent-Type: application/isup\r\n\r\nx\r\n--b1\r\n\r\nplain\r\n--b1--";
    let parts = split(Some(MIXED), None, body.as_bytes()).unwrap();
    let seen: Vec<_> = parts.unknown.iter().map(|p| (p.content_type.as_str(), p.required)).collect();
    assert_eq!(seen, [("application/gtd", false), ("application/isup", true), ("text/plain", true)]);
    assert_eq!(parts.not_understood().unwrap().content_type, "application/isup");
    let bare = split(Some("text/plain"), Some("render;handling=optional"), b"hello").unwrap();
    assert!(bare.not_understood().is_none());
}

#[test]
fn nested_multipart_is_entered_to_a_limit() {
    let inner = "--in\r\nContent-Type: application/sdp\r\n\r\nv=0\r\n--in--\r\n";
    let body = format!("--b1\r\nContent-Type: multipart/alternative;boundary=in\r\n\r\n{inner}--b1--");
    assert!(split(Some(MIXED), None, body.as_bytes()).unwrap().sdp.is_some());
    let mut deep = String::from("x");
    for n in 1..=MAX_NESTING + 1 {
        deep = format!("--n{n}\r\nContent-Type: multipart/mixed;boundary=n{}\r\n\r\n{deep}", n - 1);
    }
    let outer = format!("multipart/mixed;boundary=n{}", MAX_NESTING + 1);
    assert_eq!(split(Some(&outer), None, deep.as_bytes()), Err(BodyError::TooDeep));
}

#[test]
fn faults_say_what_is_wrong() {
    let fault =
        |content_type: Option<&str>, body: &str| split(content_type, None, body.as_bytes()).unwrap_err();
    assert_eq!(fault(None, "x"), BodyError::NoContentType { bytes: 1 });
    assert_eq!(fault(Some("sdp"), "x"), BodyError::BadContentType { value: "sdp".to_owned() });
    assert_eq!(fault(Some("multipart/mixed"), "x"), BodyError::NoBoundary);
    assert_eq!(fault(Some(MIXED), "x"), BodyError::BoundaryNotFound { boundary: "b1".to_owned() });
    assert_eq!(
        fault(Some(MIXED), "--b1\r\nno colon\r\n\r\nx"),
        BodyError::BadPartHeader { part: 1, offset: 6 }
    );
    let base64 =
        "--b1\r\nContent-Type: application/sdp\r\nContent-Transfer-Encoding: base64\r\n\r\ndj0w\r\n--b1--";
    assert_eq!(fault(Some(MIXED), base64).status(), 415);
    let two = "--b1\r\nContent-Type: application/sdp\r\n\r\nv=0\r\n--b1\r\nContent-Type: application/sdp\r\n\r\nv=0\r\n";
    assert_eq!(fault(Some(MIXED), two), BodyError::TwoDescriptions);
    let many = "--b1\r\n\r\nx\r\n".repeat(MAX_PARTS + 1);
    assert_eq!(fault(Some(MIXED), &many), BodyError::TooManyParts);
    let large = "x".repeat(MAX_METADATA_BYTES + 1);
    assert_eq!(fault(Some("application/rs-metadata"), &large).status(), 413);
    assert!(split(Some("application/rs-metadata"), None, &large.as_bytes()[1..]).is_ok());
}

#[test]
fn what_is_joined_comes_apart_again() {
    let (sdp, xml) = (&b"v=0\r\n--sidetone-0\r\n"[..], &b"<r/>"[..]);
    for (sdp, xml) in [(Some(sdp), Some(xml)), (Some(sdp), None), (None, Some(xml)), (None, None)] {
        let body = join(sdp, xml);
        let parts = split(Some(&body.content_type), body.content_disposition, &body.bytes).unwrap();
        assert_eq!((parts.sdp.as_deref(), parts.metadata.as_deref()), (sdp, xml));
    }
}
