//! Asking as a person: for what is done before there is a key to ask with.

use std::io::{BufRead as _, IsTerminal as _};

use serde_json::json;

use super::Failure;
use super::client::Server;

/// Logs somebody in, does something as them, and logs them out.
pub(super) fn as_person<T>(
    server: &Server,
    name: &str,
    done: impl FnOnce(&Server) -> Result<T, Failure>,
) -> Result<T, Failure> {
    let password = answer(&format!("Password of {name}: "))?;
    let mut who = json!({"name": name, "password": password});
    let login = match server.logged_in(&who) {
        Err(said) if said.contains("second factor") => {
            let code = answer("Code of the app: ")?;
            if code.is_empty() {
                return Err(format!(
                    "{name} has a second factor, and no code came; type the one that the app shows, or send it as the second \
                     line of standard input"
                ));
            }
            who["code"] = code.into();
            server.logged_in(&who)?
        }
        login => login?,
    };
    let done = done(&login);
    login.log_out()?;
    done
}

/// What somebody types unseen; or the next line of standard input.
fn answer(question: &str) -> Result<String, Failure> {
    if std::io::stdin().is_terminal() {
        return rpassword::prompt_password(question).map_err(|error| error.to_string());
    }
    let mut line = String::new();
    let read = std::io::stdin().lock().read_line(&mut line);
    read.map_err(|error| format!("standard input cannot be read: {error}"))?;
    Ok(line.trim_end_matches(['\r', '\n']).to_owned())
}
