//! The examples of the RFCs.

use super::inbound::Inbound;
use super::keyed::Keyed;
use super::keys::{Keys, Purpose};
use super::outbound::Outbound;
use super::session::Session;
use super::suite::Suite;
use super::wire::{apply_keystream, counter_iv};
use aes::cipher::KeyInit;
use aes::{Aes128, Aes256};

fn hex(text: &str) -> Vec<u8> {
    let digits: Vec<u8> = text.bytes().filter(u8::is_ascii_hexdigit).collect();
    let byte = |pair: &[u8]| u8::from_str_radix(std::str::from_utf8(pair).unwrap(), 16).unwrap();
    digits.chunks(2).map(byte).collect()
}

fn derived(suite: Suite, master: &str, purpose: Purpose, bytes: usize) -> Vec<u8> {
    let keys = Keys::new(suite, &hex(master)).unwrap();
    let mut out = vec![0; bytes];
    keys.masters()[0].derive(suite, false, purpose, &mut out);
    out
}

#[test]
fn rfc_3711_b_2_keystream_of_aes_counter_mode() {
    let aes = Aes128::new_from_slice(&hex("2B7E151628AED2A6ABF7158809CF4F3C")).unwrap();
    let salt = hex("F0F1F2F3F4F5F6F7F8F9FAFBFCFD").try_into().unwrap();
    let mut stream = vec![0; 0xff02 * 16];
    apply_keystream(&aes, counter_iv(&salt, 0, 0), &mut stream);
    assert_eq!(
        stream[..48],
        hex(
            "E03EAD0935C95E80E166B16DD92B4EB4 D23513162B02D0F72A43A2FE4A5F97AB 41E95B3BB0A2E8DD477901E4FCA894C0"
        )
    );
    assert_eq!(
        stream[0xfeff * 16..],
        hex(
            "EC8CDF7398607CB0F2D21675EA9EA1E4 362B7C3C6773516318A077D7FC5073AE 6A2CC3787889374FBEB4C81B17BA6C44"
        )
    );
}

#[test]
fn rfc_3711_b_3_session_keys() {
    let suite = Suite::AesCm128HmacSha1_80;
    let master = "E1F97A0D3E018BE0D64FA32C06DE4139 0EC675AD498AFEEBB6960B3AABE6";
    assert_eq!(derived(suite, master, Purpose::Encryption, 16), hex("C61E7A93744F39EE10734AFE3FF7A087"));
    assert_eq!(derived(suite, master, Purpose::Salt, 14), hex("30CBBC08863D8C85D49DB34A9AE1"));
    assert_eq!(
        derived(suite, master, Purpose::Authentication, 94),
        hex("CEBE321F6FF7716B6FD4AB49AF256A15 6D38BAA48F0A0ACF3C34E2359E6CDBCE E049646C43D9327AD175578EF7227098
             6371C10C9A369AC2F94A8C5FBCDDDC25 6D6E919A48B610EF17C2041E47403576 6B68642C59BBFC2F34DB60DBDFB2")
    );
}

#[test]
fn rfc_6188_7_1_keystream_of_aes_256() {
    let key = hex("57f82fe3613fd170a85ec93c40b1f092 2ec4cb0dc025b58272147cc438944a98");
    let aes = Aes256::new_from_slice(&key).unwrap();
    let salt = hex("f0f1f2f3f4f5f6f7f8f9fafbfcfd").try_into().unwrap();
    let mut stream = vec![0; 0xff02 * 16];
    apply_keystream(&aes, counter_iv(&salt, 0, 0), &mut stream);
    assert_eq!(
        stream[..48],
        hex(
            "92bdd28a93c3f52511c677d08b5515a4 9da71b2378a854f67050756ded165bac 63c4868b7096d88421b563b8c94c9a31"
        )
    );
    assert_eq!(
        stream[0xfeff * 16..],
        hex(
            "cea518c90fd91ced9cbb18c078a54711 3dbc4814f4da5f00a08772b63c6a046d 6eb246913062a16891433e97dd01a57f"
        )
    );
}

#[test]
fn rfc_6188_7_2_session_keys_of_256_bits() {
    let suite = Suite::AesCm256HmacSha1_80;
    let master =
        "f0f04914b513f2763a1b1fa130f10e29 98f6f6e43e4309d1e622a0e332b9f1b6 3b04803de51ee7c96423ab5b78d2";
    assert_eq!(
        derived(suite, master, Purpose::Encryption, 32),
        hex("5ba1064e30ec51613cad926c5a28ef73 1ec7fb397f70a960653caf06554cd8c4")
    );
    assert_eq!(derived(suite, master, Purpose::Salt, 14), hex("fa31791685ca444a9e07c6c64e93"));
    assert_eq!(
        derived(suite, master, Purpose::Authentication, 20),
        hex("fd9c32d39ed5fbb5a9dc96b30818454d1313dc05")
    );
}

/// Both ways under the session keys of RFC 7714 §16 and §17.
fn gcm(suite: Suite, plain_rtcp: bool) -> (Outbound, Inbound) {
    let key: Vec<u8> = (0..32).take(suite.key_bytes()).collect();
    let salt = hex("517569642070726f2071756f 0000").try_into().unwrap();
    let session = || Session::new(suite, &key, &[0; 20], salt);
    let keys = Keys::new(suite, &vec![0; suite.key_bytes() + suite.salt_bytes()]).unwrap();
    let keys = keys.with_plain_rtcp(plain_rtcp);
    (
        Outbound::with_sessions(&keys, session(), session(), 0x5d4),
        Inbound::of(Keyed::with_sessions(&keys, session(), session())),
    )
}

#[test]
fn rfc_7714_16_rtp_in_gcm() {
    let plain = hex(
        "8040f17b 8041f8d3 5501a0b2 47616c6c 69612065 7374206f 6d6e6973 20646976 69736120 696e2070 61727465
         73207472 6573",
    );
    let short =
        "8040f17b 8041f8d3 5501a0b2 f24de3a3 fb34de6c acba861c 9d7e4bca be633bd5 0d294e6f 42a5f47a 51c7d19b
                 36de3adf 8833899d 7f27beb1 6a9152cf 765ee439 0cce";
    let long =
        "8040f17b 8041f8d3 5501a0b2 32b1de78 a822fe12 ef9f78fa 332e33aa b1801238 9a58e2f3 b50b2a02 76ffae0f
                1ba63799 b87b7aa3 db36dfff d6b0f9bb 7878d7a7 6c13";
    for (suite, protected) in [(Suite::AeadAes128Gcm, short), (Suite::AeadAes256Gcm, long)] {
        let (mut outbound, mut inbound) = gcm(suite, false);
        let mut packet = plain.clone();
        outbound.protect_rtp(&mut packet).unwrap();
        assert_eq!(packet, hex(protected));
        assert_eq!(inbound.open_rtp(&mut packet).unwrap().packet, plain);
    }
}

#[test]
fn rfc_7714_17_rtcp_in_gcm() {
    let plain = hex(
        "81c8000d 4d617273 4e545031 4e545032 52545020 0000042a 0000e930 4c756e61 deadbeef deadbeef deadbeef
         deadbeef deadbeef",
    );
    let short =
        "81c8000d 4d617273 63e94885 dcdab67c a727d766 2f6b7e99 7ff5c0f7 6c06f32d c676a5f1 730d6fda 4ce09b46
                 86303ded 0bb9275b c84aa458 96cf4d2f c5abf872 45d9eade 800005d4";
    let long =
        "81c8000d 4d617273 d50ae4d1 f5ce5d30 4ba297e4 7d470c28 2c3ece5d bffe0a50 a2eaa5c1 110555be 8415f658
                c61de047 6f1b6fad 1d1eb30c 4446839f 57ff6f6c b26ac3be 800005d4";
    let tagged =
        "81c8000d 4d617273 4e545031 4e545032 52545020 0000042a 0000e930 4c756e61 deadbeef deadbeef deadbeef
                  deadbeef deadbeef 841dd968 3dd78ec9 2ae58790 125f62b3 000005d4";
    let examples = [
        (Suite::AeadAes128Gcm, false, short),
        (Suite::AeadAes256Gcm, false, long),
        (Suite::AeadAes128Gcm, true, tagged),
    ];
    for (suite, plain_rtcp, protected) in examples {
        let (mut outbound, mut inbound) = gcm(suite, plain_rtcp);
        let mut packet = plain.clone();
        outbound.protect_rtcp(&mut packet).unwrap();
        assert_eq!(packet, hex(protected));
        assert_eq!(inbound.open_rtcp(&mut packet).unwrap().packet, plain);
    }
}
