//! `sidetone api-keys`: keys of programs.

use clap::Subcommand;
use serde_json::{Value, json};

use super::Failure;
use super::client::{Server, print_items, text};
use super::users::{Grant, list};

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
        /// How many days the new one lasts.
        #[arg(long, default_value_t = 365)]
        days: u32,
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
            What::Add { name, grant, days, certificate } => {
                let mut body = json!({"name": name, "days": days, "certificate": certificate});
                grant.put(&mut body);
                show(&server.post("/v1/api-keys", body.to_string().as_bytes())?);
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
