//! Keys of protected media: ours are drawn here, theirs become what the receiver wants (A10-04).

use rtp::srtp::{Agreed, KeyError, Keys, Suite};
use siprec::sdp::{Crypto, MasterKey};

/// A fresh master key and salt of ours.
pub(crate) fn draw(suite: Suite) -> MasterKey {
    let mut key = vec![0; suite.key_bytes() + suite.salt_bytes()];
    fill(&mut key);
    MasterKey::new(key)
}

/// Fills a buffer with what nobody can foresee.
pub(super) fn fill(bytes: &mut [u8]) {
    getrandom::fill(bytes).expect("an operating system gives random bytes once it is up");
}

/// What was agreed for a line: their keys for what they send, ours for our reports.
///
/// # Errors
/// Keys that do not fit the suite, or a suite the receiver does not have.
pub(super) fn agreed(theirs: &Crypto, ours: &MasterKey) -> Result<Agreed, KeyError> {
    let suite = Suite::from_name(&theirs.suite).ok_or(KeyError::Mki)?;
    let named = theirs.keys.iter().map(|named| (named.key.bytes(), named.mki.as_slice()));
    let keys = |keys: Keys| keys.with_plain_rtcp(theirs.plain_rtcp);
    Ok(Agreed { theirs: keys(Keys::with_mki(suite, named)?), ours: keys(Keys::new(suite, ours.bytes())?) })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_suite_that_is_agreed_on_is_one_that_media_can_be_opened_with() {
        let all = siprec::sdp::Suite::all();
        assert_eq!(all.len(), Suite::ALL.len());
        for suite in all {
            let known = Suite::from_name(&suite.name)
                .unwrap_or_else(|| panic!("{} is not known to the receiver", suite.name));
            let ours = draw(known);
            assert_eq!(ours.bytes().len(), suite.key_bytes, "{}", suite.name);
            assert_ne!(draw(known), ours, "each line has a key of its own");
        }
    }
}
