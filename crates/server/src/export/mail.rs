//! A letter is sent, while the zip in it is made.

use std::panic::{AssertUnwindSafe, catch_unwind, resume_unwind};
use std::time::Duration;

use axum::body::Bytes;
use calls::time::Wall;
use lettre::Address;
use lettre::transport::smtp::authentication::{Credentials, Mechanism};
use lettre::transport::smtp::client::{Certificate, CertificateStore, SmtpConnection, TlsParameters};
use lettre::transport::smtp::commands::{Data, Mail, Rcpt};
use lettre::transport::smtp::extension::ClientId;
use serde::Deserialize;

use super::letter::{Letter, Lines};
use super::{ExportError, Password};

/// How long the mail server may take for one answer, or for a piece of a letter.
const PATIENCE: Duration = Duration::from_secs(60);

/// How the line to the mail server is encrypted.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, Deserialize, clap::ValueEnum)]
#[serde(rename_all = "kebab-case")]
pub enum SmtpTls {
    /// It begins in the clear and must agree to STARTTLS before anything is said.
    #[default]
    Starttls,
    /// From its first byte.
    Implicit,
    /// Not at all.
    Off,
}

impl SmtpTls {
    /// The port of custom.
    pub fn port(self) -> u16 {
        match self {
            Self::Starttls => 587,
            Self::Implicit => 465,
            Self::Off => 25,
        }
    }
}

/// The mail server, and what may be sent by it.
#[derive(Debug, Clone)]
pub struct Smtp {
    /// Its name or address; its certificate must be in this name.
    pub server: String,
    /// Its port.
    pub port: u16,
    /// How the line is encrypted.
    pub tls: SmtpTls,
    /// The authorities that are believed (PEM); those of the system if none is said.
    pub ca: Option<Vec<u8>>,
    /// User name and password.
    pub login: Option<(String, Password)>,
    /// Who sends.
    pub from: Address,
    /// The most bytes of a letter.
    pub max_bytes: u64,
    /// Domains and addresses that may get one.
    pub allow_recipients: Vec<String>,
}

/// What a letter is broken off with, for the library has no other way to leave one unsent.
struct BrokenOff;

impl Smtp {
    /// Sends a letter with these bytes as its file. What is broken off is no letter to the server: the connection ends before
    /// the mark of its end. Takes as long as they take: call it on a thread that nobody waits for.
    ///
    /// # Errors
    /// What the bytes fail with; [`ExportError::TooLarge`]; [`ExportError::Mail`].
    pub fn send(
        &self,
        letter: &Letter,
        (at, id): (Wall, &str),
        file: &str,
        pieces: impl Iterator<Item = Result<Bytes, ExportError>>,
    ) -> Result<(), ExportError> {
        let (envelope, before, behind) =
            letter.around(&self.from, (at, id), file).map_err(ExportError::Mail)?;
        let mut connection = self.connect().map_err(mail)?;
        connection.command(Mail::new(envelope.from().cloned(), Vec::new())).map_err(mail)?;
        for to in envelope.to() {
            connection.command(Rcpt::new(to.clone(), Vec::new())).map_err(mail)?;
        }
        connection.command(Data).map_err(mail)?;
        let mut why = None;
        let text = self.text(before, behind, pieces, &mut why);
        let sent = catch_unwind(AssertUnwindSafe(|| connection.message_iter(text)));
        match (sent, why) {
            (_, Some(why)) => Err(why),
            (Ok(Ok(_)), None) => {
                // It has the letter; how it says farewell does not matter.
                let _ = connection.quit();
                Ok(())
            }
            (Ok(Err(error)), None) => Err(mail(error)),
            (Err(panic), None) => resume_unwind(panic),
        }
    }

    /// The text of the letter, piece by piece; says why, if it breaks off.
    fn text<'a>(
        &self,
        before: Vec<u8>,
        behind: Vec<u8>,
        pieces: impl Iterator<Item = Result<Bytes, ExportError>> + 'a,
        why: &'a mut Option<ExportError>,
    ) -> impl Iterator<Item = Vec<u8>> + 'a {
        let max_bytes = self.max_bytes;
        let mut sent = 0;
        let mut lines = Lines::default();
        let mut pieces = pieces.fuse();
        let mut ends = [Some(before), Some(behind)];
        std::iter::from_fn(move || {
            let text = match ends[0].take() {
                Some(before) => before,
                None => match pieces.next() {
                    Some(Ok(piece)) => lines.push(&piece),
                    Some(Err(error)) => {
                        *why = Some(error);
                        resume_unwind(Box::new(BrokenOff));
                    }
                    None => {
                        let behind = ends[1].take()?;
                        [lines.finish(), behind].concat()
                    }
                },
            };
            sent += text.len() as u64;
            if sent > max_bytes {
                *why = Some(ExportError::TooLarge(max_bytes));
                resume_unwind(Box::new(BrokenOff));
            }
            Some(text)
        })
    }

    fn connect(&self) -> Result<SmtpConnection, lettre::transport::smtp::Error> {
        let name = ClientId::Domain(self.from.domain().to_owned());
        let tls = match self.tls {
            SmtpTls::Off => None,
            SmtpTls::Starttls | SmtpTls::Implicit => Some(self.tls_parameters()?),
        };
        let at_once = tls.as_ref().filter(|_| self.tls == SmtpTls::Implicit);
        let address = (self.server.as_str(), self.port);
        let mut connection = SmtpConnection::connect(address, Some(PATIENCE), &name, at_once, None)?;
        if let Some(tls) = tls.as_ref().filter(|_| self.tls == SmtpTls::Starttls) {
            connection.starttls(tls, &name)?;
        }
        if let Some((user, password)) = &self.login {
            let credentials = Credentials::new(user.clone(), password.as_str().to_owned());
            connection.auth(&[Mechanism::Plain, Mechanism::Login], &credentials)?;
        }
        Ok(connection)
    }

    fn tls_parameters(&self) -> Result<TlsParameters, lettre::transport::smtp::Error> {
        let mut builder = TlsParameters::builder(self.server.clone());
        if let Some(ca) = &self.ca {
            let ca = Certificate::from_pem(ca)?;
            builder = builder.certificate_store(CertificateStore::None).add_root_certificate(ca);
        }
        builder.build_rustls()
    }
}

fn mail(error: lettre::transport::smtp::Error) -> ExportError {
    let mut said = error.to_string();
    let mut next = std::error::Error::source(&error);
    while let Some(source) = next {
        let more = source.to_string();
        if !said.contains(&more) {
            said = format!("{said}: {more}");
        }
        next = source.source();
    }
    ExportError::Mail(said)
}
