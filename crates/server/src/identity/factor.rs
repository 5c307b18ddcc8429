//! The second factor: codes by time (RFC 6238), as the apps of telephones make them. SHA-1, six digits, 30 seconds.

use totp_rs::{Builder, Secret, Totp};

/// Bytes of a secret: as long as the hash (RFC 4226 section 4).
const SECRET_BYTES: usize = 20;

/// What makes an account's codes.
pub(super) fn of(secret: &[u8; 32]) -> Totp {
    let secret: [u8; SECRET_BYTES] = std::array::from_fn(|at| secret[at]);
    let built = Builder::new().with_secret(Secret::from(secret)).with_skew(1).build();
    built.expect("a secret of 20 bytes and the usual settings are right")
}

/// The secret as people type it.
pub(super) fn written(totp: &Totp) -> String {
    totp.secret().to_base32()
}

/// What an app reads out of a QR code.
pub(super) fn address(name: &str, secret: &str) -> String {
    let name: String = form_urlencoded::byte_serialize(name.as_bytes()).collect();
    let name = name.replace('+', "%20");
    format!(
        "otpauth://totp/Sidetone:{name}?secret={secret}&issuer=Sidetone&algorithm=SHA1&digits=6&period=30"
    )
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn codes_are_those_of_rfc_6238() {
        let mut secret = [0; 32];
        secret[..20].copy_from_slice(b"12345678901234567890");
        let totp = of(&secret);
        // Appendix B, the last six of eight digits.
        for (at, code) in [(59, "287082"), (1_111_111_109, "081804"), (2_000_000_000, "279037")] {
            assert_eq!(totp.check(code, at), Some(at / 30), "{at}");
            assert_eq!(totp.check(code, at + 30), Some(at / 30), "half a minute late");
            assert_eq!(totp.check(code, at + 90), None);
        }
        assert_eq!(written(&totp), "GEZDGNBVGY3TQOJQGEZDGNBVGY3TQOJQ");
        assert!(address("Dana S", "AB").starts_with("otpauth://totp/Sidetone:Dana%20S?secret=AB&"));
    }
}
