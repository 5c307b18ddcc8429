//! The data folder that a command works on, with no recorder asked, and how far it has come.

use std::path::PathBuf;

use indicatif::{ProgressBar, ProgressStyle};

use super::Failure;
use crate::config::{Config, Flags};
use crate::keep::Volumes;

/// Where the data folder is.
#[derive(Debug, clap::Args)]
pub(super) struct Data {
    /// The settings file of the recorder (TOML).
    #[arg(long, env = "SIDETONE_CONFIG", value_name = "FILE")]
    config: Option<PathBuf>,
    /// The data folder, or a backup of one [default: that of the settings, else sidetone-data].
    #[arg(long, env = "SIDETONE_DATA", value_name = "DIR")]
    data: Option<PathBuf>,
    /// The folder on another volume, if the recorder has one [default: that of the settings].
    #[arg(long, env = "SIDETONE_SPILL", value_name = "DIR")]
    spill: Option<PathBuf>,
}

impl Data {
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
