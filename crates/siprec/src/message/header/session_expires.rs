//! `Session-Expires` and `Min-SE` (RFC 4028 §4, §5).

use core::fmt;

use super::params::Params;

/// Who has to refresh the session.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Refresher {
    /// The side that sent the request.
    Uac,
    /// The side that answers it.
    Uas,
}

/// `Session-Expires: 1800;refresher=uac`.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct SessionExpires {
    /// Interval in seconds.
    pub seconds: u32,
    /// Who refreshes, if stated.
    pub refresher: Option<Refresher>,
}

impl SessionExpires {
    /// Reads the value. An unknown refresher is read as none.
    ///
    /// # Errors
    /// Words that say what is wrong.
    pub fn parse(text: &str) -> Result<Self, &'static str> {
        let (seconds, params) = text.split_once(';').unwrap_or((text, ""));
        let refresher = match Params::parse(params).get("refresher") {
            Some(who) if who.eq_ignore_ascii_case("uac") => Some(Refresher::Uac),
            Some(who) if who.eq_ignore_ascii_case("uas") => Some(Refresher::Uas),
            _ => None,
        };
        Ok(Self { seconds: delta_seconds(seconds)?, refresher })
    }
}

impl fmt::Display for SessionExpires {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}", self.seconds)?;
        match self.refresher {
            Some(Refresher::Uac) => f.write_str(";refresher=uac"),
            Some(Refresher::Uas) => f.write_str(";refresher=uas"),
            None => Ok(()),
        }
    }
}

/// `Min-SE: 90`.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct MinSe {
    /// Smallest interval in seconds.
    pub seconds: u32,
}

impl MinSe {
    /// Reads the value; parameters are ignored.
    ///
    /// # Errors
    /// Words that say what is wrong.
    pub fn parse(text: &str) -> Result<Self, &'static str> {
        Ok(Self { seconds: delta_seconds(text.split(';').next().unwrap_or(""))? })
    }
}

fn delta_seconds(text: &str) -> Result<u32, &'static str> {
    let text = text.trim();
    if text.is_empty() || !text.bytes().all(|b| b.is_ascii_digit()) {
        return Err("want seconds");
    }
    text.parse().map_err(|_| "seconds over 32 bits")
}
