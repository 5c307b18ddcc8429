//! The vendor messages and their oracles, and the least cutter that separates headers from a body.

use std::path::PathBuf;

use serde_json::Value;

/// One message as sent.
pub(crate) struct Message {
    pub(crate) headers: Vec<(String, String)>,
    pub(crate) body: Vec<u8>,
}

impl Message {
    pub(crate) fn header(&self, name: &str) -> Option<&str> {
        self.headers.iter().find(|(n, _)| n.eq_ignore_ascii_case(name)).map(|(_, value)| value.as_str())
    }

    pub(crate) fn parts(&self) -> siprec::body::Parts {
        siprec::body::split(self.header("Content-Type"), self.header("Content-Disposition"), &self.body)
            .unwrap()
    }
}

fn folder() -> PathBuf {
    PathBuf::from(env!("CARGO_MANIFEST_DIR")).join("../../tests/vendors")
}

/// Names of all fixtures, sorted.
pub(crate) fn names() -> Vec<String> {
    let mut names: Vec<String> = std::fs::read_dir(folder())
        .unwrap()
        .filter_map(|entry| {
            entry.unwrap().file_name().into_string().unwrap().strip_suffix(".sip").map(str::to_owned)
        })
        .collect();
    names.sort();
    assert!(names.len() > 15, "the vendor messages are there");
    names
}

pub(crate) fn bytes(name: &str) -> Vec<u8> {
    std::fs::read(folder().join(format!("{name}.sip"))).unwrap()
}

pub(crate) fn message(name: &str) -> Message {
    let bytes = bytes(name);
    let end = bytes.windows(4).position(|w| w == b"\r\n\r\n").expect("an empty line ends the headers");
    let head = String::from_utf8(bytes[..end].to_vec()).unwrap();
    let headers = head
        .split("\r\n")
        .skip(1)
        .map(|line| line.split_once(':').expect("a header has a colon"))
        .map(|(name, value)| (name.trim().to_owned(), value.trim().to_owned()))
        .collect();
    Message { headers, body: bytes[end + 4..].to_vec() }
}

pub(crate) fn oracle(name: &str) -> Value {
    let text = std::fs::read(folder().join(format!("{name}.expect.json"))).unwrap();
    serde_json::from_slice(&text).unwrap()
}
