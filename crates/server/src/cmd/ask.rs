//! Asking the person at the terminal for a secret.

use std::io::IsTerminal as _;

use zeroize::Zeroizing;

use crate::keys::Asks;

/// Somebody who can be asked, if somebody sits there.
pub(super) fn person() -> Asks {
    if std::io::stdin().is_terminal() { Asks::Person(secret) } else { Asks::Nobody }
}

/// A line that is not shown.
pub(super) fn secret(what: &str) -> Result<Zeroizing<Vec<u8>>, String> {
    let typed = rpassword::prompt_password(format!("{what}: ")).map_err(|error| error.to_string())?;
    match typed.is_empty() {
        true => Err(format!("{what} was not given")),
        false => Ok(typed.into_bytes().into()),
    }
}
