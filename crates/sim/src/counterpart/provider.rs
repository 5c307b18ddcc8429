//! A provider of single sign-on: oidc-provider, which vouches for the people it is told of.

use std::path::Path;
use std::process::Command;

use serde_json::{Value, json};

use super::{Running, free_port};
use crate::http::Http;

/// A provider on loopback, at which the recorder is known as `sidetone`. Dropped, it ends.
#[derive(Debug)]
pub struct Provider {
    /// As it names itself.
    pub issuer: String,
    http: Http,
    _running: Running,
}

impl Provider {
    /// The secret that the recorder shows.
    pub const SECRET: &str = "between the two of us";

    /// Starts one for a recorder at `home`, with people and what it says of each: `{"dana": {"groups": ["leads"]}}`. Its log is in
    /// `folder`, which must be there.
    ///
    /// # Panics
    /// When Node.js or the console's packages are not installed.
    pub fn start(folder: &Path, home: &str, people: &Value) -> Self {
        let root = Path::new(env!("CARGO_MANIFEST_DIR")).join("../..");
        let is_there = root.join("console/node_modules/oidc-provider").is_dir();
        assert!(is_there, "this test runs `oidc-provider`, which is not installed: cargo xtask test does it");
        let port = free_port();
        let told = json!({
            "port": port, "client": "sidetone", "secret": Self::SECRET, "people": people,
            "back": format!("{home}/v1/session/sign-on/callback"), "home": format!("{home}/login"),
        });
        // One that was installed for us is there because the machine's is too old.
        let installed = crate::pypi::found("node");
        let mut command = installed.map_or_else(|| Command::new("node"), Command::new);
        command.arg(root.join("console/tests/provider.mjs")).arg(told.to_string());
        let mut running = Running::start("provider", command, folder);
        let issuer = format!("http://localhost:{port}");
        running.wait_until(|running| running.said().contains(&issuer));
        Self { issuer, http: Http::at(&format!("localhost:{port}")), _running: running }
    }

    /// Says this of somebody from now on.
    ///
    /// # Panics
    /// When it does not take it.
    pub fn says(&self, of: &str, claims: &Value) {
        assert_eq!(self.http.put(&format!("/people/{of}"), claims).status, 200);
    }
}
