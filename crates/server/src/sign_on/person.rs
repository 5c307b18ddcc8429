//! Who somebody is and what they may do, as what is claimed of them says.

use access::{Grant, Scope};
use serde_json::Value;

use super::token::{Claims, SESSION_MAX_BYTES};
use super::{Group, Settings};

/// Groups of somebody that are looked at.
const GROUPS_MAX: usize = 10_000;

/// Somebody the provider vouches for.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Person {
    pub(super) subject: String,
    /// The provider's name for the session they have there.
    pub(super) session: Option<String>,
    /// How an account of theirs would be called.
    pub(super) name: Option<String>,
    /// The groups of the settings that they are in and that count.
    pub(super) groups: Vec<String>,
    /// What those may do together; `None` if there are none.
    pub(super) grant: Option<Grant>,
}

impl Person {
    pub(super) fn of(claims: &Claims, settings: &Settings) -> Self {
        let subject = claims.get("sub").and_then(Value::as_str).unwrap_or_default().to_owned();
        let name = claim(claims, &settings.names.name).and_then(Value::as_str).map(str::to_owned);
        let agent = settings.names.agent.as_deref().and_then(|name| number(claim(claims, name)?));
        let claimed = texts(claim(claims, &settings.names.groups));
        let session = claims.get("sid").and_then(Value::as_str).filter(|sid| sid.len() <= SESSION_MAX_BYTES);
        let session = session.map(str::to_owned);
        let (groups, grant) = granted(&settings.groups, &claimed, agent);
        Self { subject, session, name, groups, grant }
    }
}

/// A claim by its name, or by where it is in what is claimed (RFC 6901), as in `/realm_access/roles`.
pub(super) fn claim<'c>(claims: &'c Claims, name: &str) -> Option<&'c Value> {
    let Some(path) = name.strip_prefix('/') else { return claims.get(name) };
    let (first, rest) = path.split_once('/').map_or((path, None), |(first, rest)| (first, Some(rest)));
    let value = claims.get(&first.replace("~1", "/").replace("~0", "~"))?;
    rest.map_or(Some(value), |rest| value.pointer(&format!("/{rest}")))
}

/// Texts of a claim: one, or a list.
fn texts(value: Option<&Value>) -> Vec<&str> {
    match value {
        Some(Value::String(one)) => vec![one],
        Some(Value::Array(many)) => many.iter().take(GROUPS_MAX).filter_map(Value::as_str).collect(),
        _ => Vec::new(),
    }
}

/// A whole number, as providers write it.
fn number(value: &Value) -> Option<u32> {
    let text = || value.as_str()?.trim().parse().ok();
    value.as_u64().and_then(|number| u32::try_from(number).ok()).or_else(text)
}

/// What somebody in these groups may do: the first of the settings that they are in, and those that go together with it, so that
/// nobody may do more than one of their groups.
fn granted(known: &[Group], claimed: &[&str], agent: Option<u32>) -> (Vec<String>, Option<Grant>) {
    let (mut counted, mut sum) = (Vec::new(), None::<Grant>);
    for group in known.iter().filter(|group| claimed.contains(&group.name.as_str())) {
        let Some(scope) = group.scope.of(agent) else { continue };
        let Ok(grant) = Grant::new(group.roles.iter().copied(), scope) else { continue };
        let joined = match &sum {
            None => Some(grant),
            Some(sum) => sum.joined(&grant),
        };
        if let Some(joined) = joined {
            counted.push(group.name.clone());
            sum = Some(joined);
        }
    }
    (counted, sum)
}

/// Whose calls the roles of a group are for.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum GroupScope {
    /// These.
    Fixed(Scope),
    /// Those of the agent who somebody is.
    Own,
}

impl GroupScope {
    /// The scope for somebody who is this agent; `None` where it is not known who they are.
    pub(crate) fn of(&self, agent: Option<u32>) -> Option<Scope> {
        match self {
            Self::Fixed(scope) => Some(scope.clone()),
            Self::Own => agent.map(|agent| Scope::only([], [agent])),
        }
    }
}

#[cfg(test)]
mod tests {
    use access::Role;
    use serde_json::json;

    use super::*;

    fn groups() -> Vec<Group> {
        let group = |name: &str, role, scope| Group { name: name.to_owned(), roles: vec![role], scope };
        let units = |unit| GroupScope::Fixed(Scope::only([unit], []));
        vec![
            group("leads-3", Role::Supervisor, units(3)),
            group("leads-5", Role::Supervisor, units(5)),
            group("dpo", Role::PrivacyOfficer, GroupScope::Fixed(Scope::All)),
            group("audit", Role::Auditor, GroupScope::Fixed(Scope::All)),
            group("agents", Role::Agent, GroupScope::Own),
        ]
    }

    #[test]
    fn somebody_may_do_what_their_groups_may_and_no_more() {
        let of = |claimed: &[&str], agent| granted(&groups(), claimed, agent);
        assert_eq!(of(&["strangers"], None), (vec![], None));
        assert_eq!(of(&[], Some(7)), (vec![], None));
        let both = Grant::new([Role::Supervisor], Scope::only([3, 5], [])).ok();
        assert_eq!(of(&["leads-5", "leads-3"], None), (vec!["leads-3".into(), "leads-5".into()], both));
        let (counted, grant) = of(&["audit", "dpo", "strangers"], None);
        assert_eq!(
            (counted.len(), grant),
            (2, Grant::new([Role::PrivacyOfficer, Role::Auditor], Scope::All).ok())
        );
        let first = Grant::new([Role::Supervisor], Scope::only([3], [])).ok();
        assert_eq!(
            of(&["dpo", "leads-3"], None),
            (vec!["leads-3".into()], first),
            "an officer of unit 3 is none"
        );
        let own = Grant::new([Role::Agent], Scope::only([], [7])).ok();
        assert_eq!(of(&["agents"], Some(7)).1, own);
        assert_eq!(of(&["agents"], None).1, None, "whose calls is not known");
    }

    #[test]
    fn claims_are_found_by_name_or_by_place_and_read_as_providers_write_them() {
        let claims = json!({"groups": "one", "https://example.com/g": ["two", 7], "realm_access": {"roles": ["three"]}, "a/b": ["four"]});
        let claims = claims.as_object().unwrap();
        let found = |name: &str| texts(claim(claims, name)).join(",");
        assert_eq!(found("groups"), "one");
        assert_eq!(found("https://example.com/g"), "two");
        assert_eq!(found("/realm_access/roles"), "three");
        assert_eq!(found("/a~1b"), "four");
        for none in ["none", "/realm_access", "/groups/x", "/", ""] {
            assert_eq!(found(none), "", "{none}");
        }
        assert_eq!(
            (number(&json!(7)), number(&json!(" 7 ")), number(&json!(-7)), number(&json!("x"))),
            (Some(7), Some(7), None, None)
        );
    }
}
