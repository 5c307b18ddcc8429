//! Unguessable words: tags, branches, Session-ID UUIDs, o= session ids. The only randomness of the crate.

use chacha20::{
    ChaCha20Rng,
    rand_core::{Rng, SeedableRng},
};

use crate::message::header::{SessionUuid, via::MAGIC_COOKIE};

/// Makes tokens from a seed. The same seed gives the same tokens, so tests repeat.
#[derive(Debug)]
pub(crate) struct Tokens {
    rng: ChaCha20Rng,
    /// Mixed into tags that must come out the same for the same request.
    secret: [u8; 32],
}

impl Tokens {
    pub(crate) fn new(seed: [u8; 32]) -> Self {
        let mut rng = ChaCha20Rng::from_seed(seed);
        let mut secret = [0; 32];
        rng.fill_bytes(&mut secret);
        Self { rng, secret }
    }

    fn hex(&mut self, bytes: usize) -> String {
        let mut raw = [0; 16];
        self.rng.fill_bytes(&mut raw);
        raw.iter().take(bytes).map(|b| format!("{b:02x}")).collect()
    }

    /// A To tag: 128 random bits, so that a dialog cannot be forged by guessing (F-SIP-3).
    pub(crate) fn tag(&mut self) -> String {
        self.hex(16)
    }

    /// A Via branch.
    pub(crate) fn branch(&mut self) -> String {
        format!("{MAGIC_COOKIE}{}", self.hex(12))
    }

    /// Our end of a Session-ID. Version and variant bits as RFC 7989 §4.1 asks for.
    pub(crate) fn session_uuid(&mut self) -> SessionUuid {
        let mut raw = [0; 16];
        self.rng.fill_bytes(&mut raw);
        raw[6] = raw[6] & 0x0f | 0x40;
        raw[8] = raw[8] & 0x3f | 0x80;
        SessionUuid::from_bytes(raw)
    }

    /// An SDP session id: 62 bits, as some readers take it for signed.
    pub(crate) fn sdp_session_id(&mut self) -> u64 {
        self.rng.next_u64() >> 2
    }

    /// A number from `low` to `high`, both included.
    pub(crate) fn between(&mut self, low: u32, high: u32) -> u32 {
        low + self.rng.next_u32() % (high - low + 1)
    }

    /// 128 bits that depend on a text and our secret only: the tag of a response for which we keep no state.
    pub(crate) fn keyed(&self, text: &str) -> u128 {
        use core::hash::{Hash, Hasher};
        #[expect(deprecated, reason = "a keyed hash with a stable result; nothing rests on its strength")]
        let half = |part: usize| {
            let key = |at: usize| {
                let mut word = [0; 8];
                word.copy_from_slice(&self.secret[at..at + 8]);
                u64::from_be_bytes(word)
            };
            let mut hasher = core::hash::SipHasher::new_with_keys(key(part), key(part + 8));
            text.hash(&mut hasher);
            hasher.finish()
        };
        u128::from(half(0)) << 64 | u128::from(half(16))
    }
}
