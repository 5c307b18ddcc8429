//! Which people have had a key in their hands: who made it, and who exchanged its text or its certificate. What is asked with it
//! could have been asked by any of them, so that none of them is the other person that four eyes need.

use std::collections::{BTreeMap, BTreeSet};

use access::{Kind, Principal};
use index::PAGE_MAX;
use index::trail::Query;

use crate::control::error::Problem;
use crate::http::App;

/// Something that somebody did to a key.
#[derive(Debug, Clone, PartialEq, Eq)]
struct Deed {
    /// The kind of who did it, as the audit writes it.
    kind: String,
    who: String,
}

/// The people behind somebody: a person themselves, of a program whoever had its key, over however many keys.
///
/// # Errors
/// The audit cannot be asked now.
pub(crate) async fn people_behind(app: &App, kind: &str, name: &str) -> Result<BTreeSet<String>, Problem> {
    if kind == Kind::Person.as_str() || kind == Kind::Local.as_str() {
        return Ok(BTreeSet::from([name.to_owned()]));
    }
    let keys = app.identity.api_keys();
    let numbers: BTreeMap<String, String> =
        keys.iter().map(|key| (format!("api-key {}", key.number), key.name.clone())).collect();
    let mut deeds: BTreeMap<String, Vec<Deed>> = BTreeMap::new();
    let trail = app.index.trail();
    let mut query = Query { action: Some("api-key".to_owned()), limit: PAGE_MAX, ..Query::default() };
    loop {
        let page = trail.find(&query).await?;
        for (entry, _) in page.items.into_iter().filter_map(|kept| kept.said.ok()) {
            if let Some(key) = numbers.get(&entry.about).filter(|_| entry.outcome == "done") {
                deeds.entry(key.clone()).or_default().push(Deed { kind: entry.kind, who: entry.who });
            }
        }
        query.before = page.next;
        if query.before.is_none() {
            break;
        }
    }
    let makers = keys.into_iter().map(|key| (key.name, key.created_by)).collect();
    Ok(behind(name, &makers, &deeds))
}

/// Whether a person is somebody, or has had the key that somebody shows in their hands.
///
/// # Errors
/// The audit cannot be asked now.
pub(crate) async fn is_behind(app: &App, person: &str, who: &Principal) -> Result<bool, Problem> {
    match who.kind {
        Kind::Person => Ok(person == who.name),
        Kind::Program | Kind::Peer => {
            Ok(people_behind(app, who.kind.as_str(), &who.name).await?.contains(person))
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
