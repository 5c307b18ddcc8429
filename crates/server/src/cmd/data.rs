//! The data folder that a command works on, with no recorder asked, and how far it has come.

use std::path::PathBuf;

use indicatif::{ProgressBar, ProgressStyle};

use super::Failure;
use crate::config::{Config, Flags, ReadingKeyPlace};
use crate::keep::Volumes;

/// Where the data folder is.
#[derive(Debug, clap::Args)]
pub(super) struct Data {
    /// The settings file of the recorder (TOML).
    #[arg(long, global = true, env = "SIDETONE_CONFIG", value_name = "FILE")]
    config: Option<PathBuf>,
    /// The data folder, or a backup of one [default: that of the settings, else sidetone-data].
    #[arg(long, global = true, env = "SIDETONE_DATA", value_name = "DIR")]
    data: Option<PathBuf>,
    /// The folder on another volume, if the recorder has one [default: that of the settings].
    #[arg(long, global = true, env = "SIDETONE_SPILL", value_name = "DIR")]
    spill: Option<PathBuf>,
}

/// What opens the reading key.
#[derive(Debug, Clone, Default, clap::Args)]
pub(super) struct Opens {
    /// The file with the private half of the reading key [default: that of the settings, else keys/reading.key].
    #[arg(long, global = true, env = "SIDETONE_READING_KEY", value_name = "FILE")]
    reading_key: Option<ReadingKeyPlace>,
    /// A file with the passphrase it is sealed with, or the PIN of its token [default: asked for on the terminal].
    #[arg(long, global = true, env = "SIDETONE_UNLOCK_FILE", value_name = "FILE")]
    unlock_file: Option<PathBuf>,
    /// The PKCS#11 module of the token it is encrypted by [default: that of the settings].
    #[arg(long, global = true, env = "SIDETONE_PKCS11_MODULE", value_name = "FILE")]
    pkcs11_module: Option<PathBuf>,
    /// The label of that token, if there are several.
    #[arg(long, global = true, env = "SIDETONE_PKCS11_TOKEN", value_name = "LABEL")]
    pkcs11_token: Option<String>,
}

impl Data {
    /// The settings, with what opens the reading key.
    pub(super) fn config_that(self, opens: Opens) -> Result<Config, Failure> {
        let Opens { reading_key, unlock_file, pkcs11_module, pkcs11_token } = opens;
        let Self { config, data, spill } = self;
        let keys = Flags { reading_key, unlock_file, pkcs11_module, pkcs11_token, ..Flags::default() };
        Config::load(&Flags { config, data, spill, ..keys }).map_err(|error| error.to_string())
    }

    /// The volumes it lies on: the second only where the settings name both.
    pub(super) fn volumes(self) -> Result<Volumes, Failure> {
        Ok(Volumes::of(&self.config()?))
    }

    /// The settings.
    pub(super) fn config(self) -> Result<Config, Failure> {
        let flags = Flags { config: self.config, data: self.data, spill: self.spill, ..Flags::default() };
        Config::load(&flags).map_err(|error| error.to_string())
    }

    pub(super) fn folder(self) -> Result<PathBuf, Failure> {
        let flags = Flags { config: self.config, data: self.data, ..Flags::default() };
        Ok(Config::load(&flags).map_err(|error| error.to_string())?.data)
    }
}

/// Shows how many of so many things are done.
pub(super) fn bar(length: u64, things: &str) -> ProgressBar {
    let bar = ProgressBar::new(length);
    let style = ProgressStyle::with_template(&format!("{{bar:40}} {{pos}} of {{len}} {things}"));
    bar.set_style(style.unwrap_or_else(|_| ProgressStyle::default_bar()));
    bar
}
