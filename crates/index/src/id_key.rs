//! Ids of other systems as they are compared.
//!
//! One UCID is written `00FA08010F5C6D;encoding=hex` in a header, `04fa08010f5c6d` in another, `FA08010F5C6D` in a report
//! (A13-03). Other ids are hexadecimal or words; case does not tell two of them apart.

/// The form in which ids are compared: without parameters, in upper case, a UCID without the application byte that some
/// products leave away. `None` for a blank one.
#[must_use]
pub fn id_key(id: &str) -> Option<String> {
    let id = id.split(';').next().unwrap_or_default().trim().to_ascii_uppercase();
    let tail = id.strip_prefix("00").or_else(|| id.strip_prefix("04")).filter(|tail| tail.starts_with("FA"));
    let key = tail.unwrap_or(&id).to_owned();
    (!key.is_empty()).then_some(key)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_ucid_has_one_key_in_every_spelling_and_other_ids_keep_theirs() {
        for spelling in ["00FA08010F5C6D;encoding=hex", "04fa08010f5c6d", " FA08010F5C6D ", "fa08010f5c6d"] {
            assert_eq!(id_key(spelling).as_deref(), Some("FA08010F5C6D"), "{spelling}");
        }
        assert_eq!(id_key("00FA08010F5C6D7E8A9B03;encoding=hex").as_deref(), Some("FA08010F5C6D7E8A9B03"));
        assert_eq!(id_key("04fa08010f5c6d7e8a9b03"), id_key("FA08010F5C6D7E8A9B03"));
        assert_eq!(id_key("00112233").as_deref(), Some("00112233"), "no UCID: nothing is cut off");
        assert_eq!(id_key("00112233-aB").as_deref(), Some("00112233-AB"));
        assert_eq!((id_key(" ; x"), id_key("")), (None, None));
    }
}
