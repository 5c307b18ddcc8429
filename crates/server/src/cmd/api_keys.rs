//! `sidetone api-keys`: keys of programs.

use std::fs::OpenOptions;
use std::io::Write as _;
use std::os::unix::fs::OpenOptionsExt as _;
use std::path::{Path, PathBuf};

use clap::Subcommand;
use serde_json::{Value, json};

use super::client::{Server, print_items, text};
use super::files::on;
use super::users::{Grant, list};
use super::{Failure, login};

/// Arguments of `sidetone api-keys`.
#[derive(Debug, clap::Args)]
pub(super) struct ApiKeys {
    #[command(subcommand)]
    what: What,
    #[command(flatten)]
    server: Server,
}

#[derive(Debug, Subcommand)]
enum What {
    /// List the keys.
    List,
    /// Make a key. It is shown this once.
    Add {
        /// What it is called.
        name: String,
        #[command(flatten)]
        grant: Grant,
        /// How many days it lasts.
        #[arg(long, default_value_t = 365)]
        days: u32,
        /// The client certificate that stands for it: a name in it, or sha256: and its fingerprint [default: none].
        #[arg(long, value_name = "NAME")]
        certificate: Option<String>,
        /// Write it to this new file, which its owner alone can read, in place of showing it.
        #[arg(long, value_name = "FILE")]
        key_to: Option<PathBuf>,
        /// Log in as this person to make it, where there is no key to ask with yet. The password is asked for, or is the first line
        /// of standard input; so is the code of a second factor, which is the second line.
        #[arg(long = "as", value_name = "NAME")]
        login: Option<String>,
    },
    /// Say which client certificate stands for a key: a name in it, or sha256: and its fingerprint; without one none does any more.
    Certificate {
        /// The number of the key.
        number: i64,
        /// The name or fingerprint.
        certificate: Option<String>,
    },
    /// Exchange a key for another, which is shown this once. The one before is taken for a while yet.
    Rotate {
        /// Its number.
        number: i64,
        /// How many days the new one lasts [default: as many as it was made for].
        #[arg(long)]
        days: Option<u32>,
        /// For how many seconds the one before is taken yet.
        #[arg(long, default_value_t = 86_400, value_name = "S")]
        old_for: u32,
    },
    /// Take a key back: it is taken no more.
    Revoke {
        /// Its number.
        number: i64,
    },
}

impl ApiKeys {
    #[expect(clippy::print_stdout, reason = "what was done is what was asked for")]
    pub(super) fn run(self) -> Result<(), Failure> {
        let server = &self.server;
        match self.what {
            What::List => {
                let answer = server.get("/v1/api-keys", &[])?;
                let head = [
                    "key",
                    "name",
                    "begins",
                    "certificate",
                    "roles",
                    "units",
                    "agents",
                    "expires",
                    "revoked",
                    "by",
                ];
                print_items(&head, &answer, |key| {
                    vec![
                        text(&key["id"]),
                        text(&key["name"]),
                        text(&key["begins"]),
                        text(&key["certificate"]),
                        list(&key["roles"]),
                        list(&key["business_units"]),
                        list(&key["agents"]),
                        text(&key["expires"]),
                        text(&key["revoked"]),
                        text(&key["created_by"]),
                    ]
                });
            }
            What::Add { name, grant, days, certificate, key_to, login } => {
                let mut body = json!({"name": name, "days": days, "certificate": certificate});
                grant.put(&mut body);
                let make = |server: &Server| {
                    keep(key_to.as_deref(), || server.post("/v1/api-keys", body.to_string().as_bytes()))
                };
                match login {
                    Some(name) => login::as_person(server, &name, make)?,
                    None => make(server)?,
                }
            }
            What::Certificate { number, certificate } => {
                let body = json!({"certificate": certificate});
                let key = server.put(&format!("/v1/api-keys/{number}/certificate"), &body)?;
                match certificate {
                    Some(_) => {
                        println!("{} stands for key {}", text(&key["certificate"]), text(&key["name"]))
                    }
                    None => println!("no certificate stands for key {}", text(&key["name"])),
                }
            }
            What::Rotate { number, days, old_for } => {
                let body = json!({"days": days, "old_for_s": old_for}).to_string();
                show(&server.post(&format!("/v1/api-keys/{number}/rotate"), body.as_bytes())?);
            }
            What::Revoke { number } => {
                server.delete(&format!("/v1/api-keys/{number}"))?;
                println!("key {number} is taken no more");
            }
        }
        Ok(())
    }
}

/// Makes a key and shows it, or has it in a file. That is there before the key is: what cannot be kept is not made.
#[expect(clippy::print_stdout, reason = "what was done is what was asked for")]
fn keep(file: Option<&Path>, make: impl FnOnce() -> Result<Value, Failure>) -> Result<(), Failure> {
    let Some(path) = file else {
        show(&make()?);
        return Ok(());
    };
    let mut kept =
        OpenOptions::new().write(true).create_new(true).mode(0o600).open(path).map_err(on(path))?;
    let made = make().inspect_err(|_| drop(std::fs::remove_file(path)))?;
    let written = writeln!(kept, "{}", made["key"].as_str().unwrap_or_default());
    written.and_then(|()| kept.sync_all()).map_err(on(path))?;
    println!(
        "key {} {}, until {}, is in {}",
        text(&made["id"]),
        text(&made["name"]),
        text(&made["expires"]),
        path.display()
    );
    Ok(())
}

#[expect(clippy::print_stdout, reason = "the key is what was asked for, and is shown this once")]
fn show(key: &Value) {
    println!(
        "key {} {}, until {}; it is shown this once:",
        text(&key["id"]),
        text(&key["name"]),
        text(&key["expires"])
    );
    println!("{}", text(&key["key"]));
}
