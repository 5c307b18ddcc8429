//! Who asks.

use crate::{Grant, Permission, Scope};

/// By what somebody is known.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum Kind {
    /// By nothing: no login was shown, or a wrong one.
    Nobody,
    /// By nothing, where nothing is asked for: on loopback without accounts (product decision 7).
    Local,
    /// A person, by an account.
    Person,
    /// A program, by an API key.
    Program,
    /// A program, by its certificate or by the address it may speak from.
    Peer,
}

impl Kind {
    /// Its word in answers and in the audit.
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Nobody => "nobody",
            Self::Local => "local",
            Self::Person => "person",
            Self::Program => "program",
            Self::Peer => "peer",
        }
    }
}

/// Who asks, what they may do, and where they are. Each request has one.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Principal {
    /// By what they are known.
    pub kind: Kind,
    /// The name of the account, key or certificate; `anonymous` where there is none.
    pub name: String,
    /// What they may do, and to whose calls.
    pub grant: Grant,
    /// The network address they ask from.
    pub from: String,
}

impl Principal {
    /// Somebody who was asked for no login, and may do everything.
    pub fn local(from: impl Into<String>) -> Self {
        Self::unnamed(Kind::Local, Grant::everything(), from.into())
    }

    /// Somebody who was asked for a login and has shown none. They may do nothing.
    pub fn nobody(from: impl Into<String>) -> Self {
        Self::unnamed(Kind::Nobody, Grant::nothing(), from.into())
    }

    fn unnamed(kind: Kind, grant: Grant, from: String) -> Self {
        Self { kind, name: "anonymous".to_owned(), grant, from }
    }

    /// Whether they may do it at all; to whose calls, [`Principal::scope`] says.
    pub fn may(&self, permission: Permission) -> bool {
        self.grant.has(permission)
    }

    /// Whose calls they may do it to.
    pub fn scope(&self) -> &Scope {
        self.grant.scope()
    }

    /// Kind and name, by which an account or a key is told from all others; what waits for approval is kept under it.
    pub fn kind_and_name(&self) -> String {
        format!("{} {}", self.kind.as_str(), self.name)
    }

    /// Whether it is known who they are.
    pub fn is_known(&self) -> bool {
        !matches!(self.kind, Kind::Nobody | Kind::Local)
    }

    /// The name under which something is written down that is `said` to be done by somebody. A person is who they are logged
    /// in as; a program may say for whom it asks. `None`: nobody is named.
    pub fn signature(&self, said: Option<&str>) -> Option<String> {
        let said = said.map(str::trim).filter(|said| !said.is_empty());
        match self.kind {
            Kind::Person => Some(self.name.clone()),
            Kind::Program | Kind::Peer => Some(match said {
                Some(said) => format!("{said} (by {})", self.name),
                None => self.name.clone(),
            }),
            Kind::Local | Kind::Nobody => said.map(str::to_owned),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_is_written_down_names_who_is_logged_in_and_never_only_who_they_say_they_are() {
        let of = |kind, name: &str| Principal {
            kind,
            name: name.to_owned(),
            grant: Grant::everything(),
            from: "192.0.2.7".to_owned(),
        };
        let signed = |who: Principal, said| who.signature(said);
        assert_eq!(signed(of(Kind::Person, "dana"), Some("Robin")), Some("dana".into()));
        assert_eq!(signed(of(Kind::Person, "dana"), None), Some("dana".into()));
        assert_eq!(signed(of(Kind::Program, "crm"), Some(" Robin ")), Some("Robin (by crm)".into()));
        assert_eq!(signed(of(Kind::Program, "crm"), None), Some("crm".into()));
        assert_eq!(signed(Principal::local("127.0.0.1"), Some("Robin")), Some("Robin".into()));
        assert_eq!(signed(Principal::local("127.0.0.1"), Some("  ")), None);
    }

    #[test]
    fn nobody_may_nothing_and_open_loopback_all() {
        for permission in Permission::ALL {
            assert!(!Principal::nobody("192.0.2.7").may(permission));
            assert!(Principal::local("127.0.0.1").may(permission));
        }
        assert!(Principal::nobody("192.0.2.7").scope().is_empty());
    }
}
