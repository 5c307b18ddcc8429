//! The parameters of a request, by name: from the elements of a document or the query of a URL.
//!
//! Names match without regard to case, their order does not matter, and each is a text (wfo-api sections 4.1 and 4.5). What a
//! command does not use is left, and named in the answer.
//!
//! Belongs here: names and texts, and what kind of text each must be. Does not: what a command does with them.

use calls::agent::AgentIdentifier;
use calls::field::{Field, Fields};
use calls::tracker::Target;

use super::code::{Code, Fault};
use super::document::safe;

/// The most parameters of one request.
const MAX_PARAMETERS: usize = 128;

/// The most characters of a value that is no field of a call.
pub(super) const MAX_VALUE_CHARS: usize = 512;

/// See the module's head.
#[derive(Debug, Default)]
pub(super) struct Parameters {
    /// Names in upper case, values trimmed.
    values: Vec<(String, String)>,
}

/// Whom a request names.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Named {
    pub(super) target: Target,
    /// Whether an agent is named rather than a device.
    pub(super) is_agent: bool,
}

impl Parameters {
    /// One more.
    pub(super) fn add(&mut self, name: &str, value: String) -> Result<(), Fault> {
        let name = name.trim().to_ascii_uppercase();
        // One has two names in the sources (wfo-api section 8 row 7).
        let name = if name == "COMPUTERNAME" { "STATIONNAME".to_owned() } else { name };
        if self.values.len() == MAX_PARAMETERS {
            return Err(Fault::format(format!("a request has no more than {MAX_PARAMETERS} parameters")));
        }
        if self.values.iter().any(|(known, _)| *known == name) {
            return Err(Fault::format(format!("{} stands in it twice; once is right", safe(&name))));
        }
        let trimmed = value.trim();
        let value = if trimmed.len() == value.len() { value } else { trimmed.to_owned() };
        self.values.push((name, value));
        Ok(())
    }

    /// What stands under a name. It stays there.
    pub(super) fn get(&self, name: &str) -> Option<&str> {
        self.values.iter().find(|(known, _)| known == name).map(|(_, value)| value.as_str())
    }

    /// What stands under a name, if it is not blank. It is used by this, and no longer there.
    pub(super) fn take(&mut self, name: &str) -> Option<String> {
        self.take_blank(name).filter(|value| !value.is_empty())
    }

    /// What stands under a name, blank or not.
    fn take_blank(&mut self, name: &str) -> Option<String> {
        let at = self.values.iter().position(|(known, _)| known == name)?;
        Some(self.values.swap_remove(at).1)
    }

    /// What stands under a name, if it is no longer than a name may be.
    pub(super) fn short(&mut self, name: &str) -> Result<Option<String>, Fault> {
        let Some(value) = self.take(name) else { return Ok(None) };
        let chars = value.chars().count();
        if chars > MAX_VALUE_CHARS {
            let what = format!("{name} has {chars} characters; at most {MAX_VALUE_CHARS} are taken");
            return Err(Fault::format(what));
        }
        Ok(Some(value))
    }

    /// A name that the request cannot do without.
    pub(super) fn required(&mut self, name: &str) -> Result<String, Fault> {
        let missing = || Fault::new(Code::BLANK, format!("{name} is missing or blank"));
        self.short(name)?.ok_or_else(missing)
    }

    /// A whole number within a range.
    pub(super) fn number(
        &mut self,
        name: &str,
        range: std::ops::RangeInclusive<u32>,
    ) -> Result<Option<u32>, Fault> {
        let Some(text) = self.take(name) else { return Ok(None) };
        let number = text.parse().ok().filter(|number| range.contains(number));
        let wrong = || {
            let (first, last) = (range.start(), range.end());
            Fault::format(format!("{name} must be a whole number from {first} to {last}"))
        };
        number.map(Some).ok_or_else(wrong)
    }

    /// Whom the request names: the first of these that is there. The rest are fields, or not used.
    pub(super) fn named(&mut self) -> Result<Named, Fault> {
        self.named_if_any()?.ok_or_else(|| {
            Fault::new(
                Code::BLANK,
                "one of DEVICEID, DEVICEALIAS, STATIONNAME, SYS_USER, CRM_USER and AGENTID must be there and not blank",
            )
        })
    }

    /// The same where it may name nobody.
    pub(super) fn named_if_any(&mut self) -> Result<Option<Named>, Fault> {
        let of_device = |target| Ok(Some(Named { target, is_agent: false }));
        let of_agent = |target| Ok(Some(Named { target, is_agent: true }));
        if let Some(device) = self.short("DEVICEID")? {
            return of_device(Target::Device(device));
        }
        let has_blank_alias =
            self.values.iter().any(|(name, value)| name == "DEVICEALIAS" && value.is_empty());
        if let Some(alias) = self.short("DEVICEALIAS")? {
            return of_device(Target::Alias(alias));
        }
        if let Some(station) = self.short("STATIONNAME")? {
            return of_device(Target::Station(station));
        }
        if let Some(user) = self.short("SYS_USER")? {
            let login = match self.short("SYS_DOMAIN")? {
                Some(domain) => format!("{domain}\\{user}"),
                None => user,
            };
            return of_agent(Target::Login(login));
        }
        for (name, kind) in [("CRM_USER", AgentIdentifier::CrmUsername), ("AGENTID", AgentIdentifier::Id)] {
            if let Some(value) = self.short(name)? {
                return of_agent(Target::Agent { kind, value });
            }
        }
        if has_blank_alias {
            return Err(Fault::new(
                Code::ALIAS_UNSPECIFIED,
                "DEVICEALIAS is blank, and nothing else names a device",
            ));
        }
        Ok(None)
    }

    /// The fields of a call that are to be written. A blank value writes nothing, but where `empties` is: there it empties
    /// user1 to user15.
    pub(super) fn fields(&mut self, empties: bool) -> Result<Fields, Fault> {
        let mut fields = Fields::new();
        for field in Field::all() {
            let Some(value) = self.take_blank(&wire_name(field)) else { continue };
            let is_user = matches!(field, Field::User(_));
            if value.is_empty() && !(empties && is_user) {
                continue;
            }
            let value = field.accept(&value).map_err(|error| Fault::format(error.to_string()))?;
            fields.insert(field, value);
        }
        Ok(fields)
    }

    /// The names of what is left and not blank.
    pub(super) fn left(self) -> Vec<String> {
        let mut left: Vec<String> = self
            .values
            .into_iter()
            .filter(|(_, value)| !value.is_empty())
            .map(|(name, _)| safe(&name))
            .collect();
        left.sort_unstable();
        left
    }
}

/// What a field is called here.
pub(super) fn wire_name(field: Field) -> String {
    match field {
        Field::Station => "STATIONNAME".to_owned(),
        other => other.to_string().to_ascii_uppercase(),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn of(pairs: &[(&str, &str)]) -> Parameters {
        let mut parameters = Parameters::default();
        for (name, value) in pairs {
            parameters.add(name, (*value).to_owned()).unwrap();
        }
        parameters
    }

    fn target(pairs: &[(&str, &str)]) -> Result<Target, usize> {
        of(pairs).named().map(|named| named.target).map_err(|fault| fault.code.number())
    }

    #[test]
    fn the_first_identifier_that_is_not_blank_names_the_target() {
        let all = [
            ("AGENTID", "1"),
            ("crm_user", "c"),
            ("SYS_USER", "s"),
            ("STATIONNAME", "w"),
            ("DEVICEALIAS", "a"),
            ("DeviceID", " 4678 "),
        ];
        assert_eq!(target(&all), Ok(Target::Device("4678".into())));
        assert_eq!(target(&all[..5]), Ok(Target::Alias("a".into())));
        assert_eq!(target(&all[..4]), Ok(Target::Station("w".into())));
        assert_eq!(target(&[("computername", "w"), ("DEVICEID", "  ")]), Ok(Target::Station("w".into())));
        assert_eq!(target(&all[..3]), Ok(Target::Login("s".into())));
        assert_eq!(target(&[("SYS_USER", "s"), ("SYS_DOMAIN", "D")]), Ok(Target::Login("D\\s".into())));
        let crm = Target::Agent { kind: AgentIdentifier::CrmUsername, value: "c".into() };
        assert_eq!(target(&all[..2]), Ok(crm));
        assert_eq!(target(&all[..1]), Ok(Target::Agent { kind: AgentIdentifier::Id, value: "1".into() }));
        assert_eq!(target(&[("USER1", "x"), ("DEVICEID", "")]), Err(26));
        assert_eq!(target(&[("DEVICEALIAS", " ")]), Err(5));
        assert_eq!(target(&[("DEVICEID", &"9".repeat(513))]), Err(16));
    }

    #[test]
    fn fields_are_written_by_kind_and_a_blank_one_empties_only_the_customers_own() {
        let sent = [("user1", ""), ("USER15", "x"), ("KEEPDAYS", ""), ("ani", ""), ("CALLDIRECTION", "i")];
        let of_update = of(&sent).fields(true).unwrap();
        let x = |text: &str| text.to_owned();
        assert_eq!(
            of_update,
            [(Field::User(1), x("")), (Field::User(15), x("x")), (Field::Direction, x("I"))].into()
        );
        let of_start = of(&sent).fields(false).unwrap();
        assert_eq!(of_start, [(Field::User(15), x("x")), (Field::Direction, x("I"))].into());
        for (name, value) in
            [("KEEPDAYS", "99999999999"), ("ARCHIVEACTION", "purge"), ("CALLDIRECTION", "up")]
        {
            let fault = of(&[(name, value)]).fields(true).unwrap_err();
            assert_eq!(fault.code, Code::FORMAT);
            assert!(!fault.what.contains(value), "{}", fault.what);
        }
        let mut numbers = of(&[("CALLCOUNT", "18446744073709551616"), ("A", "-1"), ("B", "7")]);
        assert!(numbers.number("CALLCOUNT", 1..=9).is_err() && numbers.number("A", 0..=9).is_err());
        assert_eq!(numbers.number("B", 1..=9), Ok(Some(7)));
    }

    #[test]
    fn what_nobody_used_is_named_without_its_value() {
        let mut parameters = of(&[("DEVICEID", "1"), ("AGENTID", "2"), ("SH\u{d6}RT", "secret"), ("B", "")]);
        parameters.named().unwrap();
        assert_eq!(parameters.left(), ["AGENTID", "SH?RT"]);
    }
}
