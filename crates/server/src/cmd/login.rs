//! Asking as a person: for what is done before there is a key to ask with.

use std::io::{BufRead as _, IsTerminal as _};

use serde_json::json;
use zeroize::Zeroizing;

use super::Failure;
use super::client::{Server, text};

/// Logs somebody in, does something as them, and logs them out.
pub(super) fn as_person<T>(
    server: &Server,
    name: &str,
    done: impl FnOnce(&Server) -> Result<T, Failure>,
) -> Result<T, Failure> {
    let password = answer(&format!("Password of {name}: "))?;
    let mut who = json!({"name": name, "password": *password});
    let login = match server.logged_in(&who) {
        Err(said) if said.contains("second factor") => {
            let code = answer("Code of the app: ")?;
            if code.is_empty() {
                return Err(format!(
                    "{name} has a second factor, and no code came; type the one that the app shows, or send it as the second \
                     line of standard input"
                ));
            }
            who["code"] = (*code).clone().into();
            server.logged_in(&who)?
        }
        login => login?,
    };
    let done = take_up_factor(&login, &password).and_then(|()| done(&login));
    login.log_out()?;
    done
}

/// Sets up the second factor that is demanded of who is logged in and has none: nothing else may be done before.
#[expect(clippy::print_stdout, reason = "the secret is what an app has to be told, and is shown this once")]
fn take_up_factor(login: &Server, password: &str) -> Result<(), Failure> {
    const PATH: &str = "/v1/session/second-factor";
    if !login.due().iter().any(|due| due == "second_factor") {
        return Ok(());
    }
    let begun = login.post(PATH, json!({"password": password}).to_string().as_bytes())?;
    println!(
        "a second factor is demanded here; have an app for codes take this in, which is shown this once:"
    );
    println!("  secret   {}", text(&begun["secret"]));
    println!("  address  {}", text(&begun["address"]));
    let code = answer("Code of the app: ")?;
    if code.is_empty() {
        return Err("a second factor is demanded here, and no code of the app came; say the same again, at a terminal or with \
                    standard input left open for the code"
            .to_owned());
    }
    login.set(PATH, &json!({"code": *code}))?;
    println!("the second factor is set up; from now on a code is asked for at each login");
    Ok(())
}

/// What somebody types unseen; or the next line of standard input.
fn answer(question: &str) -> Result<Zeroizing<String>, Failure> {
    if std::io::stdin().is_terminal() {
        return rpassword::prompt_password(question).map(Zeroizing::new).map_err(|error| error.to_string());
    }
    let mut line = Zeroizing::new(String::new());
    let read = std::io::stdin().lock().read_line(&mut line);
    read.map_err(|error| format!("standard input cannot be read: {error}"))?;
    Ok(line.trim_end_matches(['\r', '\n']).to_owned().into())
}
