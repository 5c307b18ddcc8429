//! moto: an object store that speaks S3.

use std::net::SocketAddr;
use std::path::Path;
use std::process::Command;

use super::{Running, free_port, loopback};

/// Somebody with a key; moto looks at nothing but that there is one.
const SOMEBODY: &str =
    "AWS4-HMAC-SHA256 Credential=id/20260101/us-east-1/s3/aws4_request, SignedHeaders=host, Signature=0";

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

    /// Starts one whose bucket locks each version of an object for a day, against everybody (object lock, compliance mode).
    ///
    /// # Panics
    /// When it does not start, or knows no locks.
    pub fn start_locking(folder: &Path, bucket: &str) -> Self {
        let store = Self::start(folder, "first");
        let url = format!("{}/{bucket}", store.endpoint());
        let made = ureq::put(&url).header("x-amz-bucket-object-lock-enabled", "true").send_empty();
        made.expect("the bucket is made");
        let rule = "<ObjectLockConfiguration><ObjectLockEnabled>Enabled</ObjectLockEnabled><Rule><DefaultRetention>\
                    <Mode>COMPLIANCE</Mode><Days>1</Days></DefaultRetention></Rule></ObjectLockConfiguration>";
        ureq::put(format!("{url}?object-lock")).send(rule).expect("the bucket takes the rule");
        Self { bucket: bucket.to_owned(), ..store }
    }

    /// What is in an object.
    ///
    /// # Panics
    /// When it is not there, or no text.
    pub fn text(&self, key: &str) -> String {
        let url = format!("{}/{}/{key}", self.endpoint(), self.bucket);
        let mut answer = ureq::get(&url).header("authorization", SOMEBODY).call().expect("it is there");
        answer.body_mut().read_to_string().expect("it is text")
    }

    /// Tries to remove the version of an object for good; the status of the answer.
    ///
    /// # Panics
    /// When it is not there.
    pub fn remove_version(&self, key: &str) -> u16 {
        let url = format!("{}/{}/{key}", self.endpoint(), self.bucket);
        let head = ureq::head(&url).header("authorization", SOMEBODY).call().expect("it is there");
        let version = head.headers().get("x-amz-version-id").expect("it has versions");
        let url = format!("{url}?versionId={}", version.to_str().expect("it is text"));
        let agent =
            ureq::Agent::new_with_config(ureq::Agent::config_builder().http_status_as_error(false).build());
        agent.delete(&url).header("authorization", SOMEBODY).call().expect("it answers").status().as_u16()
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
