//! Names of people and programs: notes, redactions, holds and logs know them by these alone, so no two may be taken for each other.

/// Whether two names are one to the eye: the same in another case, or in letters that look the same.
pub(super) fn is_like(one: &str, other: &str) -> bool {
    shape(one) == shape(other)
}

/// What a name looks like: its skeleton (Unicode TR 39), without regard to case.
fn shape(name: &str) -> String {
    unicode_security::skeleton(&name.to_lowercase()).collect::<String>().to_lowercase()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn names_that_look_the_same_are_one() {
        // Letters of Cyrillic and Greek, a digit for a letter, full width, and both ways to write an accent.
        for other in ["CORA", "\u{441}\u{43e}ra", "c\u{3bf}ra", "c0ra", "\u{ff43}ora"] {
            assert!(is_like("cora", other), "{other}");
        }
        assert!(is_like("zo\u{eb}", "zoe\u{308}") && is_like("Bill", "Bi1l"));
        for other in ["cara", "cora2", "co.ra", "coram"] {
            assert!(!is_like("cora", other), "{other}");
        }
        assert!(!is_like("agent1", "agent2"));
    }
}
