//! moto: an object store that speaks S3.

use std::net::SocketAddr;
use std::path::Path;
use std::process::Command;

use super::{Running, free_port, loopback};

/// A store with one bucket, which takes any key.
#[derive(Debug)]
pub struct ObjectStore {
    _running: Running,
    address: SocketAddr,
    bucket: String,
}

impl ObjectStore {
    /// Starts one; its log goes to `folder`.
    ///
    /// # Panics
    /// When it does not start.
    pub fn start(folder: &Path, bucket: &str) -> Self {
        let address = loopback(free_port());
        let mut command = Command::new(crate::pypi::program("moto_server"));
        command.args(["-H", "127.0.0.1", "-p", &address.port().to_string()]);
        let mut running = Running::start("moto_server", command, folder);
        let url = format!("http://{address}/{bucket}");
        running.wait_until(|_| ureq::put(&url).send_empty().is_ok());
        Self { _running: running, address, bucket: bucket.to_owned() }
    }

    /// Where it is heard.
    pub fn endpoint(&self) -> String {
        format!("http://{}", self.address)
    }

    /// The keys of all objects.
    ///
    /// # Panics
    /// When it does not answer.
    pub fn keys(&self) -> Vec<String> {
        let url = format!("{}/{}?list-type=2", self.endpoint(), self.bucket);
        let mut answer = ureq::get(&url).call().expect("the store answers");
        let listed = answer.body_mut().read_to_string().expect("it is text");
        let keys = listed.split("<Key>").skip(1);
        keys.filter_map(|rest| Some(rest.split_once("</Key>")?.0.to_owned())).collect()
    }
}
