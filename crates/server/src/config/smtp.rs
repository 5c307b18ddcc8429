//! `[smtp]`: the mail server by which exports are sent, and to whom.

use std::path::{Path, PathBuf};

use serde::Deserialize;

use super::{ConfigError, Flags, first_line};
use crate::export::{Password, Smtp as MailServer, SmtpTls};

/// The most bytes of a letter, where nothing is said: what most servers take.
const MAX_BYTES: u64 = 20 << 20;

/// Files of certificates and passwords are no larger than this.
const MAX_FILE_BYTES: u64 = 1 << 20;

/// `[smtp]`, as it is written.
#[derive(Debug, Clone, Default, PartialEq, Eq, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct Smtp {
    /// The server's name or address. Mail is sent only if this is set.
    pub server: Option<String>,
    /// Its port. Default 587, 465 with `tls = "implicit"`, 25 with `tls = "off"`.
    pub port: Option<u16>,
    /// How the line is encrypted. Default `starttls`.
    pub tls: Option<SmtpTls>,
    /// The authorities whose certificates are believed, PEM. Default: those of the system.
    pub ca: Option<PathBuf>,
    /// The user name, where the server asks for one.
    pub username: Option<String>,
    /// A file with the password in its first line.
    pub password_file: Option<PathBuf>,
    /// The address that sends.
    pub from: Option<String>,
    /// The most bytes of a letter. Default 20 MiB.
    pub max_bytes: Option<u64>,
    /// Domains and addresses that may get recordings; `*` for everybody.
    pub allow_recipients: Option<Vec<String>>,
}

impl Smtp {
    /// The same where flags have been given.
    pub(super) fn with_flags(self, flags: &Flags) -> Self {
        let allowed = flags.smtp_allow_recipients.clone();
        Self {
            server: flags.smtp_server.clone().or(self.server),
            port: flags.smtp_port.or(self.port),
            tls: flags.smtp_tls.or(self.tls),
            ca: flags.smtp_ca.clone().or(self.ca),
            username: flags.smtp_username.clone().or(self.username),
            password_file: flags.smtp_password_file.clone().or(self.password_file),
            from: flags.smtp_from.clone().or(self.from),
            max_bytes: flags.smtp_max_bytes.or(self.max_bytes),
            allow_recipients: allowed.or(self.allow_recipients),
        }
    }

    /// The mail server; `None` if none is set.
    ///
    /// # Errors
    /// [`ConfigError`], saying which key is missing or wrong.
    pub(super) fn mail_server(&self) -> Result<Option<MailServer>, ConfigError> {
        let wrong = |key, cause: &str| ConfigError::Value { key, cause: cause.to_owned() };
        let Some(server) = self.server.clone().filter(|server| !server.trim().is_empty()) else {
            if *self == Self::default() {
                return Ok(None);
            }
            return Err(wrong(
                "smtp.server",
                "it is missing; set the name of the mail server, or leave [smtp] out",
            ));
        };
        let an_address = "it must be the address that sends, such as recorder@example.com";
        let from =
            self.from.as_deref().unwrap_or_default().parse().map_err(|_| wrong("smtp.from", an_address))?;
        let allow_recipients: Vec<String> =
            self.allow_recipients.iter().flatten().map(|allowed| allowed.trim().to_owned()).collect();
        if allow_recipients.is_empty() || allow_recipients.iter().any(String::is_empty) {
            let right = "it must name the domains or addresses that may get recordings, such as [\"example.com\"]; [\"*\"] \
                         lets everybody";
            return Err(wrong("smtp.allow_recipients", right));
        }
        let tls = self.tls.unwrap_or_default();
        let login = match (&self.username, &self.password_file) {
            (None, None) => None,
            (Some(user), Some(file)) => Some((user.clone(), password(file)?)),
            _ => {
                return Err(wrong(
                    "smtp.username, smtp.password_file",
                    "one is said without the other; say both or neither",
                ));
            }
        };
        if login.is_some() && tls == SmtpTls::Off && !is_loopback(&server) {
            let right = "the password would be sent in the clear; starttls or implicit is right";
            return Err(wrong("smtp.tls", right));
        }
        let max_bytes = self.max_bytes.unwrap_or(MAX_BYTES);
        if max_bytes < 1 << 16 {
            return Err(wrong(
                "smtp.max_bytes",
                "no recording fits; 65536 and more are right, 20971520 is usual",
            ));
        }
        let port = self.port.unwrap_or(tls.port());
        let ca = self.ca.as_deref().map(|path| read(path, "smtp.ca")).transpose()?;
        Ok(Some(MailServer { server, port, tls, ca, login, from, max_bytes, allow_recipients }))
    }
}

fn is_loopback(server: &str) -> bool {
    server.eq_ignore_ascii_case("localhost")
        || server.parse::<std::net::IpAddr>().is_ok_and(|address| address.is_loopback())
}

fn read(path: &Path, key: &'static str) -> Result<Vec<u8>, ConfigError> {
    let wrong = |cause: String| ConfigError::Value { key, cause: format!("{}: {cause}", path.display()) };
    let about = path.metadata().map_err(|error| wrong(error.to_string()))?;
    if !about.is_file() || about.len() > MAX_FILE_BYTES {
        return Err(wrong("it is no file of at most 1 MiB".to_owned()));
    }
    std::fs::read(path).map_err(|error| wrong(error.to_string()))
}

fn password(path: &Path) -> Result<Password, ConfigError> {
    let key = "smtp.password_file";
    let wrong = |cause: String| ConfigError::Value { key, cause: format!("{}: {cause}", path.display()) };
    let line = first_line(path).map_err(|cause| ConfigError::Value { key, cause })?;
    let text = std::str::from_utf8(&line).map_err(|_| wrong("it is not UTF-8".to_owned()))?;
    Password::new(text).map_err(wrong)
}

#[cfg(test)]
mod tests {
    use std::os::unix::fs::PermissionsExt as _;

    use super::*;

    fn set() -> Smtp {
        Smtp {
            server: Some("mail.example.com".into()),
            from: Some("recorder@example.com".into()),
            allow_recipients: Some(vec!["example.com".into()]),
            ..Smtp::default()
        }
    }

    #[test]
    fn mail_is_off_unless_a_server_is_set() {
        assert!(Smtp::default().mail_server().unwrap().is_none());
        let half = Smtp { port: Some(25), ..Smtp::default() };
        assert!(half.mail_server().unwrap_err().to_string().contains("smtp.server"));
        let server = set().mail_server().unwrap().unwrap();
        assert_eq!((server.port, server.tls, server.max_bytes), (587, SmtpTls::Starttls, 20 << 20));
        let implicit = Smtp { tls: Some(SmtpTls::Implicit), ..set() }.mail_server().unwrap().unwrap();
        assert_eq!(implicit.port, 465);
    }

    #[test]
    fn what_is_missing_or_would_tell_a_secret_is_refused_by_name() {
        let folder = tempfile::tempdir().unwrap();
        let file = folder.path().join("password");
        std::fs::write(&file, "secret\nrest").unwrap();
        let said = |smtp: Smtp| smtp.mail_server().unwrap_err().to_string();
        assert!(said(Smtp { from: None, ..set() }).contains("smtp.from"));
        assert!(said(Smtp { allow_recipients: None, ..set() }).contains("smtp.allow_recipients"));
        assert!(said(Smtp { username: Some("u".into()), ..set() }).contains("without the other"));
        assert!(said(Smtp { max_bytes: Some(10), ..set() }).contains("smtp.max_bytes"));
        assert!(said(Smtp { ca: Some("/nowhere".into()), ..set() }).contains("/nowhere"));
        let login = Smtp { username: Some("u".into()), password_file: Some(file.clone()), ..set() };
        std::fs::set_permissions(&file, std::fs::Permissions::from_mode(0o644)).unwrap();
        assert!(said(login.clone()).contains("chmod 600"));
        std::fs::set_permissions(&file, std::fs::Permissions::from_mode(0o600)).unwrap();
        assert!(said(Smtp { tls: Some(SmtpTls::Off), ..login.clone() }).contains("in the clear"));
        let server = login.mail_server().unwrap().unwrap();
        assert_eq!(server.login, Some(("u".to_owned(), Password::new("secret").unwrap())));
        assert!(!format!("{server:?}").contains("secret"));
    }
}
