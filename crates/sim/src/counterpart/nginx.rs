//! nginx, which speaks TLS to clients and asks another server in the clear.

use std::fs;
use std::net::{SocketAddr, TcpStream};
use std::path::Path;
use std::process::Command;

use super::{Running, free_port, loopback};
use crate::debian;

/// A proxy that runs until it is dropped.
#[derive(Debug)]
pub struct Nginx {
    /// Where it speaks TLS.
    pub address: SocketAddr,
    _running: Running,
}

impl Nginx {
    /// Starts one in `folder` (made if it is missing), with a certificate and its key, in front of `to`. It says who asked.
    ///
    /// # Panics
    /// When it does not start.
    pub fn start(folder: &Path, pair: (&Path, &Path), to: SocketAddr) -> Self {
        let location = format!(
            "location / {{
               proxy_set_header X-Forwarded-For $remote_addr;
               proxy_set_header X-Forwarded-Proto $scheme;
               proxy_pass http://{to};
             }}"
        );
        Self::with(folder, pair, &location)
    }

    /// Starts one with what it is told of locations.
    ///
    /// # Panics
    /// When it does not start.
    pub fn with(folder: &Path, (certificate, key): (&Path, &Path), locations: &str) -> Self {
        fs::create_dir_all(folder).expect("a folder");
        let address = loopback(free_port());
        let (certificate, key) = (certificate.display(), key.display());
        // One process: whoever ends it has ended all of it.
        let settings = format!(
            "daemon off; master_process off; pid nginx.pid; error_log stderr; events {{ }}
             http {{
               access_log off;
               client_body_temp_path body; proxy_temp_path proxy; fastcgi_temp_path fastcgi;
               uwsgi_temp_path uwsgi; scgi_temp_path scgi;
               server {{
                 listen {address} ssl http2; ssl_certificate {certificate}; ssl_certificate_key {key};
                 {locations}
               }}
             }}"
        );
        fs::write(folder.join("nginx.conf"), settings).expect("there is room");
        let mut command = Command::new(debian::program("nginx", "nginx-light"));
        command.arg("-p").arg(folder).args(["-e", "stderr", "-c", "nginx.conf"]);
        let mut running = Running::start("nginx", command, folder);
        running.wait_until(|_| TcpStream::connect(address).is_ok());
        Self { address, _running: running }
    }
}
