//! Places of something costly, of which each account and key has its share: whoever reads slowly, by mistake or on purpose, keeps
//! nobody else from it.

use std::collections::HashMap;
use std::sync::Arc;

use access::Principal;
use parking_lot::Mutex;

/// Places. Clones are the same.
#[derive(Debug, Clone)]
pub(crate) struct Places {
    most: usize,
    each: usize,
    taken: Arc<Mutex<Taken>>,
}

#[derive(Debug, Default)]
struct Taken {
    all: usize,
    by: HashMap<String, usize>,
}

/// One of them; given back when it is dropped.
#[derive(Debug)]
pub(crate) struct Place {
    of: Places,
    by: Option<String>,
}

/// Why there is none.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum NoPlace {
    /// All are taken.
    Full,
    /// Who asks has as many as one may have.
    FullOfTheirs(usize),
}

impl Places {
    /// So many, of which each account and key may have a quarter, and one at least.
    pub(crate) fn new(most: usize) -> Self {
        Self::shared(most, (most / 4).max(1))
    }

    /// So many, of which each account and key may have `each`.
    pub(crate) fn shared(most: usize, each: usize) -> Self {
        Self { most, each, taken: Arc::default() }
    }

    /// A place for somebody. Those of whom nobody asks who they are cannot be told apart, and have no shares.
    ///
    /// # Errors
    /// [`NoPlace`].
    pub(crate) fn take(&self, who: &Principal) -> Result<Place, NoPlace> {
        let by = who.is_known().then(|| who.kind_and_name());
        let mut taken = self.taken.lock();
        if let Some(by) = &by
            && taken.by.get(by).is_some_and(|count| *count >= self.each)
        {
            return Err(NoPlace::FullOfTheirs(self.each));
        }
        if taken.all >= self.most {
            return Err(NoPlace::Full);
        }
        taken.all += 1;
        if let Some(by) = &by {
            *taken.by.entry(by.clone()).or_default() += 1;
        }
        Ok(Place { of: self.clone(), by })
    }
}

impl Drop for Place {
    fn drop(&mut self) {
        let mut taken = self.of.taken.lock();
        taken.all -= 1;
        if let Some(by) = &self.by
            && let Some(count) = taken.by.get_mut(by)
        {
            *count -= 1;
            if *count == 0 {
                taken.by.remove(by);
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use access::{Grant, Kind};

    use super::*;

    fn program(name: &str) -> Principal {
        Principal { kind: Kind::Program, ..Principal { name: name.to_owned(), ..person() } }
    }

    fn person() -> Principal {
        let (name, from) = ("crm".to_owned(), "192.0.2.1".to_owned());
        Principal { kind: Kind::Person, name, grant: Grant::nothing(), from }
    }

    #[test]
    fn each_has_a_quarter_and_all_together_have_all() {
        let places = Places::new(8);
        let crm: Vec<_> = (0..2).map(|_| places.take(&program("crm")).unwrap()).collect();
        assert_eq!(places.take(&program("crm")).unwrap_err(), NoPlace::FullOfTheirs(2));
        let other = places.take(&person()).expect("a person of a key's name is somebody else");
        let rest: Vec<_> = (0..5).map(|n| places.take(&program(&format!("k{n}"))).unwrap()).collect();
        assert_eq!(places.take(&program("late")).unwrap_err(), NoPlace::Full);
        drop(crm);
        assert!(places.take(&program("crm")).is_ok());
        drop((other, rest));
        assert_eq!(places.taken.lock().all, 0);
        assert!(places.taken.lock().by.is_empty());
        assert_eq!(Places::new(2).each, 1);
    }

    #[test]
    fn those_who_are_not_known_share_what_there_is() {
        let places = Places::new(4);
        let local = Principal::local("127.0.0.1".to_owned());
        let held: Vec<_> = (0..4).map_while(|_| places.take(&local).ok()).collect();
        assert_eq!(held.len(), 4);
    }
}
