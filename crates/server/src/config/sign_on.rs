//! `[sign_on]`: the provider that vouches for people by OpenID Connect, and what its groups may do.

use std::path::PathBuf;

use access::{Grant, Role, Scope};
use serde::Deserialize;
use zeroize::Zeroizing;

use super::{Config, ConfigError, Flags, tls};
use crate::sign_on::{ClaimNames, Group, GroupScope, Place, Secret, Settings};

/// Scopes that are asked for beside `openid`, where nothing is said.
const SCOPES: [&str; 2] = ["profile", "email"];

/// The longest client secret.
const SECRET_MAX: usize = 4_096;

/// `[sign_on]`, as it is written.
#[derive(Debug, Clone, Default, PartialEq, Eq, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct SignOn {
    /// The provider, as it names itself. People sign in there only if this is set.
    pub issuer: Option<String>,
    /// As what the recorder is known there.
    pub client_id: Option<String>,
    /// A file with its secret in the first line. Default: it has none.
    pub client_secret_file: Option<PathBuf>,
    /// What is asked for beside `openid`. Default `profile` and `email`.
    pub scopes: Option<Vec<String>>,
    /// What stands on the button. Default: the provider's host.
    pub name: Option<String>,
    /// The claim that names an account. Default `preferred_username`.
    pub name_claim: Option<String>,
    /// The claim that names groups. Default `groups`.
    pub groups_claim: Option<String>,
    /// The claim that holds an agent's number. Default: none.
    pub agent_claim: Option<String>,
    /// What becomes of somebody without an account. Default `refuse`.
    pub unknown: Option<UnknownChoice>,
    /// Authorities whose certificates are believed beside those of the system, PEM. Default: none.
    pub ca: Option<PathBuf>,
    /// How strongly the provider has to make sure of people: it is asked for one of these (`acr`). Default: as it likes.
    pub acr_values: Option<Vec<String>>,
    /// By what, all of it (`amr`). Default: by what it likes.
    pub amr: Option<Vec<String>>,
    /// `[[sign_on.group]]`, what each group may do. Without one an account may do what an administrator has given it.
    pub group: Vec<SignOnGroup>,
}

/// What becomes of somebody the provider vouches for and who has no account.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Deserialize, clap::ValueEnum)]
#[serde(rename_all = "kebab-case")]
pub enum UnknownChoice {
    /// They are refused.
    Refuse,
    /// They get one.
    Admit,
}

/// `[[sign_on.group]]`
#[derive(Debug, Clone, PartialEq, Eq, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct SignOnGroup {
    /// Its name, as the claim has it.
    pub name: String,
    /// Roles.
    pub roles: Vec<String>,
    /// The business units they are for.
    #[serde(default)]
    pub business_units: Option<Vec<i64>>,
    /// The agents they are for, by number.
    #[serde(default)]
    pub agents: Option<Vec<u32>>,
}

fn wrong(key: &'static str, cause: impl Into<String>) -> ConfigError {
    ConfigError::Value { key, cause: cause.into() }
}

impl SignOn {
    /// The same where flags have been given.
    pub(super) fn with_flags(self, flags: &Flags) -> Self {
        Self {
            issuer: flags.sign_on_issuer.clone().or(self.issuer),
            client_id: flags.sign_on_client_id.clone().or(self.client_id),
            client_secret_file: flags.sign_on_client_secret_file.clone().or(self.client_secret_file),
            scopes: flags.sign_on_scopes.clone().or(self.scopes),
            name: flags.sign_on_name.clone().or(self.name),
            name_claim: flags.sign_on_name_claim.clone().or(self.name_claim),
            groups_claim: flags.sign_on_groups_claim.clone().or(self.groups_claim),
            agent_claim: flags.sign_on_agent_claim.clone().or(self.agent_claim),
            unknown: flags.sign_on_unknown.or(self.unknown),
            ca: flags.sign_on_ca.clone().or(self.ca),
            acr_values: flags.sign_on_acr_values.clone().or(self.acr_values),
            amr: flags.sign_on_amr.clone().or(self.amr),
            group: self.group,
        }
    }

    /// What is to be done; `None` if nobody vouches for people. `home` is the address at which browsers reach the recorder.
    ///
    /// # Errors
    /// [`ConfigError`], saying which key is missing or wrong.
    pub(super) fn settings(&self, home: Option<String>) -> Result<Option<Settings>, ConfigError> {
        let Some(issuer) = self.issuer.as_deref().map(str::trim) else {
            let cause = "it is missing; set the address of the provider, or leave [sign_on] out";
            return if *self == Self::default() { Ok(None) } else { Err(wrong("sign_on.issuer", cause)) };
        };
        let place = Place::read(issuer).map_err(|cause| wrong("sign_on.issuer", cause))?;
        let home = home.ok_or_else(|| {
            let right = "the provider sends browsers back to an address it knows: set it, as in https://recorder.example.com";
            wrong("http.public_url", right)
        })?;
        let client_id = self.client_id.clone().filter(|id| !id.trim().is_empty());
        let client_id = client_id.ok_or_else(|| {
            wrong("sign_on.client_id", "it is missing; the provider has given the recorder one")
        })?;
        let names = ClaimNames {
            name: self.name_claim.clone().unwrap_or_else(|| "preferred_username".to_owned()),
            groups: self.groups_claim.clone().unwrap_or_else(|| "groups".to_owned()),
            agent: self.agent_claim.clone(),
        };
        let groups = self.groups()?;
        let admits = self.unknown == Some(UnknownChoice::Admit);
        if admits && groups.is_empty() {
            let right = "it would not be known what they may do; say so with [[sign_on.group]]";
            return Err(wrong("sign_on.unknown", right));
        }
        Ok(Some(Settings {
            issuer: issuer.to_owned(),
            client_id,
            secret: self.secret()?,
            scopes: self.scopes()?,
            label: self.label(place.host())?,
            names,
            groups,
            admits,
            ca: self.ca.as_deref().map(read_ca).transpose()?,
            acr_values: words("sign_on.acr_values", self.acr_values.as_deref())?,
            amr: words("sign_on.amr", self.amr.as_deref())?,
            home,
        }))
    }

    fn secret(&self) -> Result<Option<Secret>, ConfigError> {
        let Some(path) = &self.client_secret_file else { return Ok(None) };
        let key = "sign_on.client_secret_file";
        let line = super::first_line(path).map_err(|cause| wrong(key, cause))?;
        let text = std::str::from_utf8(&line).map_err(|_| wrong(key, "it is not UTF-8"))?.trim();
        if text.is_empty() || text.len() > SECRET_MAX {
            return Err(wrong(key, "its first line is no secret"));
        }
        Ok(Some(Secret(Zeroizing::new(text.to_owned()))))
    }

    /// `openid` and what else is asked for, as the provider reads it (RFC 6749 section 3.3).
    fn scopes(&self) -> Result<String, ConfigError> {
        let usual = || SCOPES.iter().map(|&scope| scope.to_owned()).collect();
        let more: Vec<String> = self.scopes.clone().unwrap_or_else(usual);
        let is_one = |scope: &str| {
            !scope.is_empty()
                && scope.bytes().all(|byte| byte.is_ascii_graphic() && !matches!(byte, b'"' | b'\\'))
        };
        if let Some(scope) = more.iter().find(|scope| !is_one(scope)) {
            return Err(wrong("sign_on.scopes", format!("\"{scope}\" is none; words such as groups are")));
        }
        let more = more.iter().filter(|scope| *scope != "openid").map(String::as_str);
        Ok(std::iter::once("openid").chain(more).collect::<Vec<_>>().join(" "))
    }

    fn label(&self, host: &str) -> Result<String, ConfigError> {
        let label = self.name.clone().unwrap_or_else(|| host.to_owned());
        let fits = (1..=40).contains(&label.chars().count()) && !label.chars().any(char::is_control);
        if fits { Ok(label) } else { Err(wrong("sign_on.name", "1 to 40 characters fit on the button")) }
    }

    fn groups(&self) -> Result<Vec<Group>, ConfigError> {
        self.group.iter().map(|group| self.read_group(group)).collect()
    }

    fn read_group(&self, group: &SignOnGroup) -> Result<Group, ConfigError> {
        let key = "sign_on.group";
        let of = |cause: String| wrong(key, format!("\"{}\": {cause}", group.name));
        let roles = group.roles.iter().map(|role| role.parse::<Role>()).collect::<Result<Vec<_>, _>>();
        let roles = roles.map_err(|error| of(error.to_string()))?;
        let is_own = roles.contains(&Role::Agent) && group.agents.is_none() && group.business_units.is_none();
        let scope = match (&group.business_units, &group.agents) {
            (None, None) if is_own && self.agent_claim.is_none() => {
                return Err(of("whose own calls the role agent is for is not known: set sign_on.agent_claim to the claim that \
                     holds the agent's number, or agents"
                    .to_owned()));
            }
            (None, None) if is_own => GroupScope::Own,
            (None, None) => GroupScope::Fixed(Scope::All),
            (units, agents) => GroupScope::Fixed(Scope::only(
                units.iter().flatten().copied(),
                agents.iter().flatten().copied(),
            )),
        };
        // One agent stands for any: whether roles and scope go together does not hang on which.
        let tried = scope.of(Some(0)).map(|scope| Grant::new(roles.iter().copied(), scope));
        if let Some(Err(error)) = tried {
            return Err(of(error.to_string()));
        }
        Ok(Group { name: group.name.clone(), roles, scope })
    }
}

/// Words of a claim, as they are: none of them may be empty or have a space in it.
fn words(key: &'static str, said: Option<&[String]>) -> Result<Vec<String>, ConfigError> {
    let is_one = |word: &String| !word.is_empty() && word.bytes().all(|byte| byte.is_ascii_graphic());
    match said {
        None => Ok(Vec::new()),
        Some([]) => Err(wrong(key, "it names none; leave it out, or say some such as mfa")),
        Some(said) => match said.iter().find(|word| !is_one(word)) {
            Some(word) => Err(wrong(key, format!("\"{word}\" is none; words such as mfa are"))),
            None => Ok(said.to_vec()),
        },
    }
}

fn read_ca(path: &std::path::Path) -> Result<Vec<u8>, ConfigError> {
    let text = tls::read(path)?;
    crate::tls::roots_of(&text).map_err(|cause| ConfigError::File { path: path.to_owned(), cause })?;
    Ok(text)
}

impl Config {
    /// The address at which browsers reach the recorder: the one it is known at elsewhere, or its own on this machine.
    pub(super) fn home(&self) -> Option<String> {
        let near = || {
            let scheme = if self.http_tls.is_some() { "https" } else { "http" };
            let is_near = self.http.ip().is_loopback() && self.http.port() != 0;
            is_near.then(|| format!("{scheme}://{}", self.http))
        };
        self.public_url.as_ref().map(ToString::to_string).or_else(near)
    }
}

#[cfg(test)]
mod tests {
    use std::os::unix::fs::PermissionsExt as _;

    use super::*;

    fn set() -> SignOn {
        SignOn {
            issuer: Some("https://id.example.com/realms/acme".into()),
            client_id: Some("sidetone".into()),
            ..SignOn::default()
        }
    }

    fn group(name: &str, roles: &[&str]) -> SignOnGroup {
        SignOnGroup {
            name: name.to_owned(),
            roles: roles.iter().map(|&role| role.to_owned()).collect(),
            business_units: None,
            agents: None,
        }
    }

    fn home() -> Option<String> {
        Some("https://recorder.example.com".to_owned())
    }

    #[test]
    fn single_sign_on_is_off_unless_a_provider_is_set() {
        assert!(SignOn::default().settings(None).unwrap().is_none());
        let half = SignOn { issuer: None, ..set() };
        assert!(half.settings(home()).unwrap_err().to_string().contains("sign_on.issuer"));
        let settings = set().settings(home()).unwrap().unwrap();
        assert_eq!(
            (settings.label.as_str(), settings.scopes.as_str()),
            ("id.example.com", "openid profile email")
        );
        assert!(!settings.admits);
    }

    #[test]
    fn what_is_missing_or_unsafe_is_refused_by_name() {
        let said = |sign_on: SignOn| sign_on.settings(home()).unwrap_err().to_string();
        assert!(set().settings(None).unwrap_err().to_string().contains("http.public_url"));
        assert!(said(SignOn { client_id: None, ..set() }).contains("sign_on.client_id"));
        for plain in
            ["http://id.example.com", "ftp://id.example.com", "id.example.com", "https://a:b@id.example.com"]
        {
            assert!(
                said(SignOn { issuer: Some(plain.into()), ..set() }).contains("sign_on.issuer"),
                "{plain}"
            );
        }
        for near in ["http://127.0.0.1:4000", "http://localhost:4000/", "http://[::1]:4000"] {
            assert!(SignOn { issuer: Some(near.into()), ..set() }.settings(home()).is_ok(), "{near}");
        }
        assert!(said(SignOn { scopes: Some(vec!["a b".into()]), ..set() }).contains("sign_on.scopes"));
        assert!(said(SignOn { name: Some("x".repeat(41)), ..set() }).contains("sign_on.name"));
        for none in [&[][..], &["a b".to_owned()], &[String::new()]] {
            assert!(said(SignOn { acr_values: Some(none.to_vec()), ..set() }).contains("sign_on.acr_values"));
            assert!(said(SignOn { amr: Some(none.to_vec()), ..set() }).contains("sign_on.amr"));
        }
        let admits = SignOn { unknown: Some(UnknownChoice::Admit), ..set() };
        assert!(said(admits.clone()).contains("[[sign_on.group]]"));
        assert!(
            SignOn { group: vec![group("a", &["auditor"])], ..admits }
                .settings(home())
                .unwrap()
                .unwrap()
                .admits
        );
    }

    #[test]
    fn a_group_that_could_do_nothing_or_too_much_is_refused_by_name() {
        let said = |group| SignOn { group: vec![group], ..set() }.settings(home()).unwrap_err().to_string();
        assert!(said(group("a", &["boss"])).contains("\"a\""));
        assert!(said(group("a", &[])).contains("at least one role"));
        assert!(said(group("a", &["supervisor"])).contains("business_units"));
        assert!(said(group("a", &["agent"])).contains("sign_on.agent_claim"));
        let units = SignOnGroup { business_units: Some(vec![3]), ..group("a", &["administrator"]) };
        assert!(said(units).contains("whole recorder"));
        let own = SignOn { group: vec![group("a", &["agent"])], agent_claim: Some("agent".into()), ..set() };
        assert_eq!(own.settings(home()).unwrap().unwrap().groups[0].scope, GroupScope::Own);
    }

    #[test]
    fn the_secret_is_the_first_line_of_a_file_nobody_else_may_read_and_is_never_shown() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("secret");
        std::fs::write(&path, "open sesame\n").unwrap();
        let with = SignOn { client_secret_file: Some(path.clone()), ..set() };
        std::fs::set_permissions(&path, std::fs::Permissions::from_mode(0o644)).unwrap();
        assert!(with.settings(home()).unwrap_err().to_string().contains("chmod 600"));
        std::fs::set_permissions(&path, std::fs::Permissions::from_mode(0o600)).unwrap();
        let settings = with.settings(home()).unwrap().unwrap();
        assert_eq!(settings.secret.as_ref().unwrap().0.as_str(), "open sesame");
        assert!(!format!("{settings:?}").contains("sesame"));
    }
}
