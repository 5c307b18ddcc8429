//! The objects of draft-ietf-vcon-vcon-core as they are written, and the parameters of the contact centre extension
//! (draft-ietf-vcon-cc-extension). What is not known is left out.

use serde::{Serialize, Serializer};
use serde_json::Value;

/// All but the dialogs, which are written between, and the attachments, which come behind.
#[derive(Debug, Serialize)]
pub(crate) struct Head {
    pub(crate) vcon: &'static str,
    pub(crate) uuid: String,
    pub(crate) extensions: [&'static str; 1],
    pub(crate) created_at: String,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(crate) updated_at: Option<String>,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(crate) redacted: Option<Redacted>,
    pub(crate) parties: Vec<Party>,
}

#[derive(Debug, Serialize)]
pub(crate) struct Redacted {
    #[serde(rename = "type")]
    pub(crate) kind: &'static str,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(crate) uuid: Option<String>,
}

#[derive(Debug, Default, Serialize)]
pub(crate) struct Party {
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(crate) tel: Option<String>,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(crate) sip: Option<String>,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(crate) mailto: Option<String>,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(crate) name: Option<String>,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(crate) validation: Option<&'static str>,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(crate) uuid: Option<String>,
    #[serde(rename = "type", skip_serializing_if = "Option::is_none")]
    pub(crate) kind: Option<&'static str>,
    /// Extension `CC`.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(crate) role: Option<&'static str>,
}

#[derive(Debug, Serialize)]
pub(crate) struct Dialog {
    #[serde(rename = "type")]
    pub(crate) kind: &'static str,
    pub(crate) start: String,
    pub(crate) duration: f64,
    pub(crate) parties: Vec<Channel>,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(crate) originator: Option<usize>,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(crate) recordings: Option<Vec<usize>>,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(crate) recording_set: Option<usize>,
    /// Extension `CC`.
    pub(crate) interaction_id: String,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(crate) mediatype: Option<&'static str>,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(crate) filename: Option<String>,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(crate) url: Option<String>,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(crate) content_hash: Option<String>,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(crate) encoding: Option<&'static str>,
}

/// Who is heard in a channel: nobody is null, one is their index, several are an array of theirs (D3-03).
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Channel(pub(crate) Vec<usize>);

impl Serialize for Channel {
    fn serialize<S: Serializer>(&self, to: S) -> Result<S::Ok, S::Error> {
        match self.0.as_slice() {
            [] => to.serialize_none(),
            [one] => one.serialize(to),
            several => several.serialize(to),
        }
    }
}

#[derive(Debug, Serialize)]
pub(crate) struct Attachment {
    pub(crate) purpose: &'static str,
    pub(crate) start: String,
    pub(crate) party: usize,
    pub(crate) dialog: usize,
    pub(crate) mediatype: &'static str,
    pub(crate) encoding: &'static str,
    pub(crate) body: Value,
}
