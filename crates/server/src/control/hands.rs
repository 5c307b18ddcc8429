//! Which people have had a key in their hands: who made it, and who exchanged its text or its certificate. What is asked with it
//! could have been asked by any of them, so that none of them is the other person that four eyes need.
//!
//! And who has had the account of another in theirs, lately: who made it, set its password, linked it with a person elsewhere, or
//! ended its second factor, can have logged in with it. Whoever makes accounts makes all of them, so that counts for a while only.

use std::collections::{BTreeMap, BTreeSet};
use std::time::Duration;

use access::{Kind, Principal};
use calls::time::Wall;

use crate::control::error::Problem;
use crate::http::App;
use crate::trail::said_of;

/// Something that somebody did to a key.
#[derive(Debug, Clone, PartialEq, Eq)]
struct Deed {
    /// The kind of who did it, as the audit writes it.
    kind: String,
    who: String,
}

/// For how long an account is in the hands of whoever has made it or has had a way in: before something is asked for, and since.
const IN_HANDS: Duration = Duration::from_hours(IN_HANDS_DAYS * 24);

/// That in days.
pub(crate) const IN_HANDS_DAYS: u64 = 7;

/// What gives a way into an account that was there.
const WAYS_IN: [&str; 3] = ["account.set-password", "account.link", "account.end-second-factor"];

/// What brings a key into somebody's hands.
const DEEDS: [&str; 3] = ["api-key.add", "api-key.rotate", "api-key.set-certificate"];

/// Who made keys, and what was done to them, by the key.
struct Keys {
    makers: BTreeMap<String, String>,
    deeds: BTreeMap<String, Vec<Deed>>,
}

impl Keys {
    async fn read(app: &App) -> Result<Self, Problem> {
        let keys = app.identity.api_keys();
        let numbers: BTreeMap<String, String> =
            keys.iter().map(|key| (format!("api-key {}", key.number), key.name.clone())).collect();
        let mut deeds: BTreeMap<String, Vec<Deed>> = BTreeMap::new();
        // Where there are no keys nobody has had one.
        let actions = if keys.is_empty() { &[][..] } else { &DEEDS };
        for entry in done(app, actions, None).await? {
            if let Some(key) = numbers.get(&entry.about) {
                deeds.entry(key.clone()).or_default().push(Deed { kind: entry.kind, who: entry.who });
            }
        }
        Ok(Self { makers: keys.into_iter().map(|key| (key.name, key.created_by)).collect(), deeds })
    }

    /// The people behind somebody: a person themselves, of a program whoever had its key, over however many keys.
    fn people_behind(&self, kind: &str, name: &str) -> BTreeSet<String> {
        if kind == Kind::Person.as_str() || kind == Kind::Local.as_str() {
            return BTreeSet::from([name.to_owned()]);
        }
        behind(name, &self.makers, &self.deeds)
    }
}

/// What the audit says was done of these actions, or begun by somebody who had gone before the answer.
async fn done(app: &App, actions: &[&str], from: Option<Wall>) -> Result<Vec<audit::Entry>, Problem> {
    let mut found = Vec::new();
    for action in actions {
        let said = said_of(&app.index.trail(), action, from).await?.into_iter();
        found.extend(said.filter(|entry| entry.outcome != audit::Outcome::Refused.label()));
    }
    Ok(found)
}

/// Who has had whose account in their hands.
#[derive(Debug, Default)]
struct Accounts {
    /// Who made it, by its name.
    made: BTreeMap<String, BTreeSet<String>>,
    /// Who has had a way into it after that.
    entered: BTreeMap<String, BTreeSet<String>>,
    /// Whether all accounts are so new that somebody has just made them all.
    all_new: bool,
}

impl Accounts {
    async fn read(app: &App, keys: &Keys, since: Wall) -> Result<Self, Problem> {
        let mut hands = Self { all_new: true, ..Self::default() };
        let mut names = BTreeMap::new();
        let known = app.identity.accounts().into_iter();
        let known = known.map(|account| {
            (Some(account.number), account.name, Some(account.created), Some(account.created_by))
        });
        let former = app.index.register().former_accounts().await?.into_iter();
        let former = former.map(|former| (former.number, former.name, former.created, former.created_by));
        let all: Vec<_> = known.chain(former).collect();
        for (number, name, created, by) in &all {
            names.extend(number.map(|number| (format!("account {number}"), name.clone())));
            let is_new = created.is_some_and(|created| created >= since);
            hands.all_new &= is_new;
            if let Some(by) = by.as_ref().filter(|_| is_new) {
                // A name may be that of an account and of a key: then it is taken for both.
                let mut people = keys.people_behind(Kind::Program.as_str(), by);
                people.extend(all.iter().any(|(_, known, ..)| known == by).then(|| by.clone()));
                hands.made.entry(name.clone()).or_default().extend(people);
            }
        }
        for entry in done(app, &WAYS_IN, Some(since)).await? {
            if let Some(name) = names.get(&entry.about) {
                let people = keys.people_behind(&entry.kind, &entry.who);
                hands.entered.entry(name.clone()).or_default().extend(people);
            }
        }
        Ok(hands)
    }

    /// In whose hands an account has been, over however many accounts; `entered_only` leaves out who made it.
    fn on(&self, account: &str, entered_only: bool) -> BTreeSet<String> {
        let (mut people, mut waiting) = (BTreeSet::new(), vec![(account.to_owned(), entered_only)]);
        while let Some((name, entered_only)) = waiting.pop() {
            let made = self.made.get(&name).filter(|_| !entered_only);
            for person in made.into_iter().chain(self.entered.get(&name)).flatten() {
                if person != account && people.insert(person.clone()) {
                    waiting.push((person.clone(), false));
                }
            }
        }
        people
    }

    /// Whose hands make two people one, if any do: those of one on the account of the other, or those of a third on both. While all
    /// accounts are new a third who has made both is nobody: somebody had to.
    fn one_behind(&self, asker: &str, approver: &str) -> Option<String> {
        let (on_asker, on_approver) = (self.on(asker, false), self.on(approver, false));
        if on_approver.contains(asker) {
            return Some(asker.to_owned());
        }
        if on_asker.contains(approver) {
            return Some(approver.to_owned());
        }
        let has_entered = |person: &&String| {
            self.on(asker, true).contains(*person) || self.on(approver, true).contains(*person)
        };
        let mut both = on_asker.intersection(&on_approver);
        both.find(|person| !self.all_new || has_entered(person)).cloned()
    }
}

/// What makes one of who asked for something and who would approve it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) enum One {
    /// Who would approve it has asked, or has had the key by which it was asked.
    Asker,
    /// The hands of this person on the account of one of them, or on both.
    Hands(String),
}

/// What makes one of who asked, at a time, and of who would approve it; nothing if they are two. Whether accounts have been in other
/// hands counts for people who are logged in.
///
/// # Errors
/// The audit cannot be asked now.
pub(crate) async fn one_behind(
    app: &App,
    (kind, name): (&str, &str),
    approver: &Principal,
    asked: Wall,
) -> Result<Option<One>, Problem> {
    let keys = Keys::read(app).await?;
    let askers = keys.people_behind(kind, name);
    if askers.contains(&approver.name) {
        return Ok(Some(One::Asker));
    }
    if approver.kind != Kind::Person {
        return Ok(None);
    }
    let accounts = Accounts::read(app, &keys, asked.before(IN_HANDS)).await?;
    Ok(askers.iter().find_map(|asker| accounts.one_behind(asker, &approver.name)).map(One::Hands))
}

/// Whether a person is somebody, or has had the key that somebody shows in their hands.
///
/// # Errors
/// The audit cannot be asked now.
pub(crate) async fn is_behind(app: &App, person: &str, who: &Principal) -> Result<bool, Problem> {
    match who.kind {
        Kind::Person => Ok(person == who.name),
        Kind::Program | Kind::Peer => {
            Ok(Keys::read(app).await?.people_behind(who.kind.as_str(), &who.name).contains(person))
        }
        Kind::Local | Kind::Nobody => Ok(false),
    }
}

/// Follows makers and deeds from a key to people: a name that is no key's is a person's.
fn behind(
    key: &str,
    makers: &BTreeMap<String, String>,
    deeds: &BTreeMap<String, Vec<Deed>>,
) -> BTreeSet<String> {
    let (mut people, mut seen, mut waiting) = (BTreeSet::new(), BTreeSet::new(), vec![key.to_owned()]);
    while let Some(key) = waiting.pop() {
        if !seen.insert(key.clone()) {
            continue;
        }
        // An account and a key may have one name: the maker is then taken for both.
        if let Some(maker) = makers.get(&key) {
            people.insert(maker.clone());
            if makers.contains_key(maker) {
                waiting.push(maker.clone());
            }
        }
        for deed in deeds.get(&key).into_iter().flatten() {
            if deed.kind == Kind::Person.as_str() {
                people.insert(deed.who.clone());
            } else if makers.contains_key(&deed.who) {
                waiting.push(deed.who.clone());
            }
        }
    }
    people
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn two_are_one_if_one_has_had_the_account_of_the_other_or_a_third_has_had_both() {
        let of = |pairs: &[(&str, &str)]| {
            let mut hands = BTreeMap::<String, BTreeSet<String>>::new();
            for (account, by) in pairs {
                hands.entry((*account).to_owned()).or_default().insert((*by).to_owned());
            }
            hands
        };
        let one = |made: &[(&str, &str)], entered: &[(&str, &str)], all_new| {
            let accounts = Accounts { made: of(made), entered: of(entered), all_new };
            let both = [("pia", "paul"), ("paul", "pia")];
            let [one, other] = both.map(|(asker, approver)| accounts.one_behind(asker, approver));
            assert_eq!(one, other, "it is the same whoever of them asks: {made:?} {entered:?}");
            one.unwrap_or_default()
        };
        assert_eq!(one(&[], &[], false), "");
        assert_eq!(one(&[], &[("paul", "ada")], false), "", "who is locked out is helped");
        assert_eq!(one(&[], &[("paul", "paul"), ("pia", "pia")], false), "");
        assert_eq!(one(&[("paul", "pia")], &[], true), "pia", "also in the first week");
        assert_eq!(one(&[], &[("pia", "paul")], false), "paul");
        assert_eq!(one(&[("eve", "pia")], &[("paul", "eve")], true), "pia", "by another account of theirs");
        assert_eq!(one(&[("paul", "ada"), ("pia", "ada")], &[], true), "", "somebody had to make them");
        assert_eq!(one(&[("paul", "ada"), ("pia", "ada")], &[], false), "ada");
        assert_eq!(one(&[("paul", "ada")], &[("pia", "ada")], true), "ada");
        assert_eq!(one(&[], &[("pia", "ada"), ("paul", "eve")], false), "");
        assert_eq!(one(&[("eve", "ada")], &[("pia", "ada"), ("paul", "eve")], false), "ada");
        assert_eq!(one(&[], &[("eve", "paul"), ("paul", "eve")], false), "", "a round ends");
    }

    #[test]
    fn whoever_made_a_key_or_exchanged_its_text_is_behind_it_and_so_over_other_keys() {
        let deed = |kind: &str, who: &str| Deed { kind: kind.to_owned(), who: who.to_owned() };
        let makers =
            [("crm", "ada"), ("setup", "dana"), ("made", "setup"), ("round", "round"), ("free", "pia")];
        let makers = makers.map(|(key, by)| (key.to_owned(), by.to_owned())).into();
        let deeds = BTreeMap::from([
            ("crm".to_owned(), vec![deed("person", "robin"), deed("program", "made")]),
            ("setup".to_owned(), vec![deed("person", "dana"), deed("local", "anonymous")]),
        ]);
        let found = |key| behind(key, &makers, &deeds).into_iter().collect::<Vec<_>>().join(" ");
        assert_eq!(found("free"), "pia");
        assert_eq!(found("made"), "dana setup");
        assert_eq!(found("crm"), "ada dana robin setup");
        assert_eq!(found("round"), "round");
        assert_eq!(found("none"), "");
    }
}
