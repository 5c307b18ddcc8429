//! [`super::Message`] to bytes.

use super::{Headers, Request, Response};

pub(super) fn request(request: &Request) -> Vec<u8> {
    let start = format!("{} {} SIP/2.0\r\n", request.method, request.uri);
    message(&start, &request.headers, &request.body)
}

pub(super) fn response(response: &Response) -> Vec<u8> {
    let start = format!("SIP/2.0 {} {}\r\n", response.status, response.reason);
    message(&start, &response.headers, &response.body)
}

fn message(start: &str, headers: &Headers, body: &[u8]) -> Vec<u8> {
    let mut bytes = Vec::with_capacity(512 + body.len());
    bytes.extend_from_slice(start.as_bytes());
    for (name, value) in headers.iter().filter(|(name, _)| !name.eq_ignore_ascii_case("Content-Length")) {
        for part in [name, ": ", value, "\r\n"] {
            bytes.extend_from_slice(part.as_bytes());
        }
    }
    bytes.extend_from_slice(format!("Content-Length: {}\r\n\r\n", body.len()).as_bytes());
    bytes.extend_from_slice(body);
    bytes
}
