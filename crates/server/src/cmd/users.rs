//! `sidetone users`: accounts of people.

use std::io::{IsTerminal as _, Read as _};

use clap::Subcommand;
use serde_json::{Value, json};

use super::Failure;
use super::client::{Server, print_items, text};

/// Arguments of `sidetone users`.
#[derive(Debug, clap::Args)]
pub(super) struct Users {
    #[command(subcommand)]
    what: What,
    #[command(flatten)]
    server: Server,
}

#[derive(Debug, Subcommand)]
enum What {
    /// List the accounts.
    List,
    /// Make an account. The first has to be an administrator, and is made on the recorder's machine. The password is asked for,
    /// or read from standard input.
    Add {
        /// The name to log in with.
        name: String,
        #[command(flatten)]
        grant: Grant,
    },
    /// Change what an account may do, and whether it may log in.
    Change {
        /// Its number.
        number: i64,
        #[command(flatten)]
        grant: Grant,
        /// It may not log in.
        #[arg(long)]
        locked: bool,
    },
    /// Set the password of an account. It is asked for, or read from standard input.
    Password {
        /// Its number.
        number: i64,
    },
    /// Do without the second factor of somebody who has lost it.
    ResetFactor {
        /// The number of the account.
        number: i64,
    },
    /// End all logins of an account.
    EndLogins {
        /// The number of the account.
        number: i64,
    },
    /// Link an account with somebody at the provider of single sign-on, who may then sign on as it.
    Link {
        /// The number of the account.
        number: i64,
        /// The provider's name for the person (`sub`).
        subject: String,
    },
    /// Take the link of an account away.
    Unlink {
        /// The number of the account.
        number: i64,
    },
    /// Remove an account.
    Remove {
        /// Its number.
        number: i64,
    },
}

/// What somebody may do, and to whose calls.
#[derive(Debug, clap::Args)]
pub(super) struct Grant {
    /// A role: agent, supervisor, compliance, `privacy_officer`, administrator, integration, auditor; may be said again.
    #[arg(long = "role", value_name = "ROLE", required = true)]
    roles: Vec<String>,
    /// A business unit it is for; may be said again [default: all].
    #[arg(long = "business-unit", value_name = "N")]
    business_units: Vec<i64>,
    /// An agent it is for, by number; may be said again [default: all].
    #[arg(long = "agent", value_name = "N")]
    agents: Vec<u32>,
}

impl Grant {
    /// Writes it into a body.
    pub(super) fn put(&self, body: &mut Value) {
        body["roles"] = self.roles.clone().into();
        if !self.business_units.is_empty() || !self.agents.is_empty() {
            body["business_units"] = self.business_units.clone().into();
            body["agents"] = self.agents.clone().into();
        }
    }
}

impl Users {
    #[expect(clippy::print_stdout, reason = "what was done is what was asked for")]
    pub(super) fn run(self) -> Result<(), Failure> {
        let server = &self.server;
        match self.what {
            What::List => {
                let answer = server.get("/v1/users", &[])?;
                let head = [
                    "user", "name", "roles", "units", "agents", "active", "factor", "linked", "created", "by",
                ];
                print_items(&head, &answer, |user| {
                    vec![
                        text(&user["id"]),
                        text(&user["name"]),
                        list(&user["roles"]),
                        list(&user["business_units"]),
                        list(&user["agents"]),
                        text(&user["active"]),
                        text(&user["second_factor"]),
                        text(&user["sign_on"]["subject"]),
                        text(&user["created"]),
                        text(&user["created_by"]),
                    ]
                });
            }
            What::Add { name, grant } => add(server, &name, &grant)?,
            What::Change { number, grant, locked } => {
                let mut body = json!({"active": !locked});
                grant.put(&mut body);
                let changed = server.put(&format!("/v1/users/{number}"), &body)?;
                println!("account {number} {} is changed", text(&changed["name"]));
            }
            What::Password { number } => {
                server.set(&format!("/v1/users/{number}/password"), &json!({"password": new_password()?}))?;
                println!(
                    "the password is set, to be changed at the next login; the logins of account {number} are over"
                );
            }
            What::ResetFactor { number } => {
                server.delete(&format!("/v1/users/{number}/second-factor"))?;
                println!("account {number} logs in by password alone");
            }
            What::EndLogins { number } => {
                server.delete(&format!("/v1/users/{number}/logins"))?;
                println!("the logins of account {number} are over");
            }
            What::Link { number, subject } => {
                let linked =
                    server.put(&format!("/v1/users/{number}/sign-on"), &json!({"subject": subject}))?;
                println!("account {number} {} is linked with {subject}", text(&linked["name"]));
            }
            What::Unlink { number } => {
                server.delete(&format!("/v1/users/{number}/sign-on"))?;
                println!("account {number} is linked with nobody");
            }
            What::Remove { number } => {
                server.delete(&format!("/v1/users/{number}"))?;
                println!("account {number} is removed");
            }
        }
        Ok(())
    }
}

/// Makes an account.
#[expect(clippy::print_stdout, reason = "what was done is what was asked for")]
fn add(server: &Server, name: &str, grant: &Grant) -> Result<(), Failure> {
    let mut body = json!({"name": name, "password": new_password()?});
    grant.put(&mut body);
    let session = server.get("/v1/session", &[])?;
    let is_first = session["setup"] == true;
    let path = if is_first { "/v1/users/first" } else { "/v1/users" };
    let made = server.post(path, body.to_string().as_bytes()).map_err(|said| match session["kind"] == "nobody" {
        true => {
            format!("{said}. The very first account is made on the recorder's machine, past any proxy; its log says how")
        }
        false => said,
    })?;
    println!("account {} {} is made", text(&made["id"]), text(&made["name"]));
    if let Some(until) = made["first_password_until"].as_str() {
        println!("the password is changed at the first login, which has to be before {until}");
    }
    if is_first && server.get("/v1/session", &[])?["login_required"] == true {
        println!(
            "from now on who asks has to log in, and programs need keys, this command line too. Make its key, with the same password:"
        );
        println!(
            "  sidetone api-keys add command-line --role administrator --as {name} --key-to sidetone.key{}",
            server.said()
        );
        println!("  export SIDETONE_API_KEY_FILE=\"$PWD/sidetone.key\"");
    }
    Ok(())
}

/// A list in a cell; `all` where there is none.
pub(super) fn list(value: &Value) -> String {
    match value.as_array() {
        None => "all".to_owned(),
        Some(items) => items.iter().map(text).collect::<Vec<_>>().join(","),
    }
}

/// A new password: typed twice, or all of standard input.
fn new_password() -> Result<String, Failure> {
    if !std::io::stdin().is_terminal() {
        let mut password = String::new();
        let read = std::io::stdin().take(4_096).read_to_string(&mut password);
        read.map_err(|error| format!("the password cannot be read from standard input: {error}"))?;
        return Ok(password.trim_end_matches(['\r', '\n']).to_owned());
    }
    let ask = |what| rpassword::prompt_password(what).map_err(|error| error.to_string());
    let password = ask("Password: ")?;
    if ask("Again: ")? == password { Ok(password) } else { Err("the two differ; try again".to_owned()) }
}
