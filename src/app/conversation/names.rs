//! What a room's members are called: by the name each chose, with the tag of the key beside it if it could be mistaken
//! for somebody else's.

use std::collections::{BTreeSet, HashMap};

use crate::crypto::Fingerprint;
use crate::protocol::Name;

/// The names of everybody who ever was in a room, also for the rows of those who left. A roster's length bounds them.
#[derive(Debug, Default)]
pub(in crate::app) struct Names {
    by_key: HashMap<Fingerprint, Called>,
}

/// A name, and whether it needs its tag: decided when a name is announced, not for each row that shows it.
#[derive(Debug)]
struct Called {
    name: Name,
    tagged: bool,
}

/// What an announced name changed.
#[derive(Debug)]
pub(in crate::app) struct Told {
    /// The name before, if there was one.
    pub(in crate::app) before: Option<String>,
    /// Whose displayed name changed.
    pub(in crate::app) called_otherwise: BTreeSet<Fingerprint>,
}

impl Names {
    /// The name that somebody chose, if announced.
    pub(super) fn chosen(&self, key: &Fingerprint) -> Option<&Name> {
        self.by_key.get(key).map(|called| &called.name)
    }

    /// How to call somebody.
    pub(in crate::app) fn call(&self, key: &Fingerprint) -> String {
        match self.by_key.get(key) {
            Some(Called { name, tagged: true }) => format!("{name} ({})", key.tag()),
            Some(Called { name, tagged: false }) => name.to_string(),
            None => key.tag(),
        }
    }

    /// Stores a name. Others who have or had one that looks the same get their tags too.
    pub(in crate::app) fn tell(&mut self, key: Fingerprint, name: &str) -> Told {
        if let Some(known) = self.chosen(&key).filter(|known| known.as_str() == name) {
            return Told { before: Some(known.to_string()), called_otherwise: BTreeSet::new() };
        }
        let name = Name::kept(name);
        let mut alike = self.namesakes(&key, &name);
        let before = self.by_key.insert(key, Called { name, tagged: false }).map(|called| called.name);
        alike.extend(before.iter().flat_map(|before| self.namesakes(&key, before)));
        let mut called_otherwise = BTreeSet::from([key]);
        for member in alike.into_iter().chain([key]) {
            if self.retag(&member) {
                called_otherwise.insert(member);
            }
        }
        Told { before: before.map(|name| name.to_string()), called_otherwise }
    }

    /// Decides again whether a name needs its tag; returns whether that changed.
    fn retag(&mut self, key: &Fingerprint) -> bool {
        let Some(Called { name, .. }) = self.by_key.get(key) else { return false };
        let needs = name.may_mislead() || !self.namesakes(key, name).is_empty();
        self.by_key.get_mut(key).is_some_and(|called| std::mem::replace(&mut called.tagged, needs) != needs)
    }

    /// Others who were ever here under a name that looks like this one.
    fn namesakes(&self, key: &Fingerprint, name: &Name) -> BTreeSet<Fingerprint> {
        let others = self.by_key.iter().filter(|(other, _)| *other != key);
        others.filter(|(_, called)| called.name.looks_like(name)).map(|(other, _)| *other).collect()
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::app::Settings;
    use crate::protocol::check_name;

    fn key(number: u8) -> Fingerprint {
        Fingerprint::from_bytes([number; 32])
    }

    #[test]
    fn two_who_look_alike_have_tags_until_one_is_called_otherwise() {
        let mut names = Names::default();
        assert_eq!(names.call(&key(1)), "01010101");
        assert_eq!(names.tell(key(1), "Bo").before, None);
        assert_eq!(names.call(&key(1)), "Bo");
        assert_eq!(names.tell(key(2), "B\u{43e}").called_otherwise, BTreeSet::from([key(1), key(2)]));
        assert_eq!((names.call(&key(1)), names.call(&key(2))), ("Bo (01010101)".into(), "B\u{43e} (02020202)".into()));
        assert!(names.tell(key(2), "B\u{43e}").called_otherwise.is_empty(), "each chain repeats its sender's name");
        let told = names.tell(key(2), "Carol");
        assert_eq!(
            (told.before.as_deref(), told.called_otherwise),
            (Some("B\u{43e}"), BTreeSet::from([key(1), key(2)]))
        );
        assert_eq!((names.call(&key(1)), names.call(&key(2))), ("Bo".into(), "Carol".into()));
    }

    #[test]
    fn whoever_comes_with_a_look_alike_name_is_tagged_and_told_apart_from_a_compared_key() {
        for (character, target) in crate::protocol::confusable_pairs() {
            let Ok(real) = check_name(&format!("An{target}e")) else { continue };
            // An invalid name is not shown at all.
            let Ok(pose) = check_name(&format!("An{character}e")) else { continue };
            if real == pose {
                continue;
            }
            let mut names = Names::default();
            names.tell(key(1), &real);
            names.tell(key(2), &pose);
            assert!(names.call(&key(1)).ends_with(" (01010101)"), "{real} {pose}");
            assert!(names.call(&key(2)).ends_with(" (02020202)"), "{real} {pose}");
            let mut settings = Settings::default();
            settings.mark_verified(key(1), &real, 7);
            assert_eq!(settings.compared_otherwise(&key(2), &Name::kept(&pose)), Some(7), "{real} {pose}");
        }
    }

    #[test]
    fn a_name_that_may_mislead_always_has_its_tag() {
        let mut names = Names::default();
        for name in ["\u{391}nn", "Bo (03b0d307)", "Bo\u{ff08}03b0d307\u{ff09}", "03b0d307", "O3BOD3O7", "Carol\u{430}"]
        {
            names.tell(key(1), name);
            assert_eq!(names.call(&key(1)), format!("{name} (01010101)"));
        }
    }
}
