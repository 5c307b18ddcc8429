//! Ids and hashes in the forms the draft asks for.

use base64::Engine as _;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use sha1::{Digest as _, Sha1};
use uuid::{Builder, Uuid};

/// The id of the vCon of a recording: version 8, made as the draft says.
///
/// Its time and its first random bits are those of `drawn`, a `UUIDv7`; the rest is of the host that made it. So the vCon of a recording has one id however often it is made.
/// `changed` tells forms of it apart that hold less, such as the share of one party: any text, empty for the whole.
pub fn vcon_uuid(drawn: [u8; 16], host: &str, changed: &str) -> String {
    let mut bytes = drawn;
    if !changed.is_empty() {
        let digest = Sha1::new().chain_update(drawn).chain_update(changed).finalize();
        bytes[6..8].copy_from_slice(&digest[..2]);
    }
    // custom_c is the high 62 bits of the hash; the two bits of the variant come before them.
    let host = Sha1::digest(host.as_bytes());
    let high = host.iter().take(8).fold(0_u64, |high, byte| high << 8 | u64::from(*byte)) >> 2;
    bytes[8..].copy_from_slice(&high.to_be_bytes());
    Builder::from_custom_bytes(bytes).into_uuid().hyphenated().to_string()
}

/// The id of an agent, the same in each vCon of this host: version 5 (RFC 9562 section 5.5) of the agent's address.
pub fn agent_uuid(host: &str, agent: u32) -> String {
    let address = format!("https://{host}/v1/agents/{agent}");
    let digest = Sha1::new().chain_update(Uuid::NAMESPACE_URL).chain_update(address).finalize();
    let mut bytes = [0; 16];
    bytes.copy_from_slice(&digest[..16]);
    Builder::from_sha1_bytes(bytes).into_uuid().hyphenated().to_string()
}

/// The hash of a file that is referred to, from its SHA-512 (D3-04).
pub fn content_hash(sha512: [u8; 64]) -> String {
    format!("sha512-{}", URL_SAFE_NO_PAD.encode(sha512))
}

#[cfg(test)]
mod tests {
    use super::*;

    const DRAWN: [u8; 16] =
        [0x01, 0xa2, 0x21, 0x59, 0xa3, 0x13, 0x7b, 0x8b, 0x98, 0x3f, 0xbf, 0x78, 0xe9, 0x68, 0xdc, 0x25];

    #[test]
    fn the_id_of_a_vcon_has_the_recordings_time_and_the_hosts_hash() {
        let id = vcon_uuid(DRAWN, "rec1.example.com", "");
        let read: Uuid = id.parse().unwrap();
        assert_eq!((read.get_version_num(), read.get_variant()), (8, uuid::Variant::RFC4122));
        assert_eq!(&id[..18], "01a22159-a313-8b8b");
        assert_eq!(vcon_uuid(DRAWN, "rec1.example.com", ""), id);
        assert_ne!(vcon_uuid(DRAWN, "rec2.example.com", ""), id);
        let part = vcon_uuid(DRAWN, "rec1.example.com", "party 1");
        assert_eq!((&part[..14], &part[19..]), (&id[..14], &id[19..]));
        assert_ne!(part, id);
        // printf rec1.example.com | sha1sum
        let high = 0x71b9_5392_5c70_ceec_u64 >> 2;
        let last = read.as_u128() & ((1 << 62) - 1);
        assert_eq!(last, u128::from(high));
    }

    #[test]
    fn an_agent_is_the_same_in_each_vcon_and_of_each_host_another() {
        assert_eq!(agent_uuid("rec1.example.com", 7), agent_uuid("rec1.example.com", 7));
        assert_ne!(agent_uuid("rec1.example.com", 7), agent_uuid("rec1.example.com", 8));
        assert_ne!(agent_uuid("rec1.example.com", 7), agent_uuid("rec2.example.com", 7));
        // Python: uuid.uuid5(uuid.NAMESPACE_URL, "https://rec1.example.com/v1/agents/7").
        assert_eq!(agent_uuid("rec1.example.com", 7), "752f03f3-ffc3-51a3-b069-53d76de616d5");
    }

    #[test]
    fn a_hash_has_the_form_of_the_draft() {
        let hash = content_hash([0xff; 64]);
        assert_eq!(hash, format!("sha512-{}w", "_".repeat(85)));
    }
}
