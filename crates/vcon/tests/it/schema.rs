//! The draft's JSON schema, pinned.

use jsonschema::{Draft, Validator};
use sha2::{Digest as _, Sha256};

const TEXT: &str = include_str!("../schema/vcon-0.4.0.json");
const SHA256: &str = "c0501eb64fea587db2af43afc80a76d6b094c77694f5f41a92164d04fb926c5d";

/// The schema; forms such as `date-time` are looked at too.
pub(crate) fn draft() -> Validator {
    let digest: String = Sha256::digest(TEXT).iter().map(|byte| format!("{byte:02x}")).collect();
    assert_eq!(digest, SHA256, "the schema is the one of the draft");
    let schema = serde_json::from_str(TEXT).expect("the schema is JSON");
    // Draft 7 of JSON Schema does not know the form of a UUID, of which the schema speaks.
    let is_uuid = |text: &str| text.parse::<uuid::Uuid>().is_ok();
    let options = jsonschema::options().with_draft(Draft::Draft7).should_validate_formats(true);
    let options = options.with_format("uuid", is_uuid);
    options.build(&schema).expect("the schema is one")
}
