//! Comparing keys in the terminal: `/verify Bo` shows the safety number with Bo, `/verify Bo 12345…`
//! compares it with what Bo sees, and marks Bo's key if it is the same.
//!
//! The session computes the number, and the settings say whose key was compared: this module handles what a person
//! types and reads.

use std::collections::{HashMap, HashSet};

use serde_json::json;

use super::console::Console;
use super::lines::called;
use super::request::Request;
use crate::app::clock::now_ms;
use crate::app::conversation::Room;
use crate::app::policy::doubts;
use crate::app::{Code, Problem, Session, Settings, say};
use crate::crypto::Fingerprint;
use crate::protocol::{Comparison, Name, SafetyNumber, search_key};

/// The most words of a name and the number after it that are examined.
const WORDS_MAX: usize = 32;

/// What is being compared, and whose changed key was already reported.
#[derive(Debug, Default)]
pub(super) struct Comparing {
    /// What to compare a member's safety number with once it is computed; nothing to show it.
    pasted: HashMap<Fingerprint, String>,
    /// Members whose changed key was reported.
    doubted: HashSet<Fingerprint>,
}

impl Comparing {
    /// Compares the safety number with a member to what was pasted, or shows it. The caller has to request it.
    ///
    /// # Errors
    /// A [`Problem`] where there is none.
    pub(super) fn ask(&mut self, member: Fingerprint, pasted: String, room: &Room) -> Result<(), Problem> {
        if room.is_learning() || room.member(&member).is_none() {
            let what = say!("There is no safety number to compare.");
            let hint = say!("It needs a member of this room, and a room that is not a learning room.");
            return Err(Problem::new(Code::Usage, what, hint));
        }
        self.pasted.insert(member, pasted);
        Ok(())
    }

    /// The number arrived: shows or compares it, and marks a key that is the same.
    pub(super) fn number_came(
        &mut self,
        console: &mut Console,
        number: &SafetyNumber,
        room: &Room,
        settings: &Settings,
        session: &Session,
    ) {
        let member = number.other();
        let Some(pasted) = self.pasted.remove(&member) else { return };
        if report(console, number, &pasted, room, settings) {
            let name = room.chosen_name(&member).map(ToString::to_string).unwrap_or_default();
            session.change_settings(move |settings| settings.mark_verified(member, &name, now_ms()));
        }
    }

    /// Somebody announced their name. If a different key was compared under that name, reports it once.
    pub(super) fn named(&mut self, console: &mut Console, member: Fingerprint, room: &Room, settings: &Settings) {
        if doubts::compared_otherwise(room, settings, &member).is_some() && self.doubted.insert(member) {
            warn_of_change(console, &member, room);
        }
    }
}

/// Understands a line as a request to compare; `None` if it is something else.
pub(super) fn request(line: &str, room: &Room) -> Option<Result<Request, Problem>> {
    let (word, rest) = line.split_once(' ')?;
    if !matches!(word, "/verify" | "/unverify") {
        return None;
    }
    Some(match find(rest.trim(), room) {
        Some((member, "")) if word == "/unverify" => Ok(Request::Unverify(member)),
        Some((member, pasted)) if word == "/verify" => Ok(Request::Verify { member, pasted: pasted.to_owned() }),
        _ => Err(nobody()),
    })
}

/// The one member whose name, tag or key the text begins with, and the rest of the text. A name that looks like
/// another's names nobody: the tag has to be there.
fn find<'a>(text: &'a str, room: &Room) -> Option<(Fingerprint, &'a str)> {
    let others = room.members().iter().filter(|member| !member.is_me).map(|member| member.fingerprint);
    let others: Vec<(Fingerprint, [String; 3])> = others
        .map(|key| (key, [room.name_of(&key), key.tag(), key.to_string()].map(|exact| search_key(&exact))))
        .collect();
    // “Bo Li” is meant rather than “Bo”.
    let ends = text.char_indices().filter(|(_, c)| c.is_whitespace()).map(|(index, _)| index);
    let mut ends: Vec<usize> = ends.take(WORDS_MAX).chain([text.len()]).collect();
    ends.reverse();
    for end in ends {
        let (call, rest) = text.split_at_checked(end)?;
        let (name, call) = (Name::kept(call), search_key(call));
        let mut found = others.iter().filter(|(key, exact)| {
            exact.contains(&call) || room.chosen_name(key).is_some_and(|chosen| chosen.looks_like(&name))
        });
        match (found.next(), found.next()) {
            (Some((key, _)), None) => return Some((*key, rest.trim())),
            (None, _) => {}
            (Some(_), Some(_)) => return None,
        }
    }
    None
}

/// Shows the number, or the result of comparing; returns whether to mark the key.
fn report(console: &mut Console, number: &SafetyNumber, pasted: &str, room: &Room, settings: &Settings) -> bool {
    let (member, name) = (number.other(), room.name_of(&number.other()));
    let groups: Vec<&str> = number.groups().collect();
    if pasted.is_empty() {
        let verified = settings.is_verified(&member);
        console.event(
            "safety_number",
            &json!({
                "member": member.to_string(), "name": name, "number": groups.join(" "), "code": number.code(),
                "verified": verified,
            }),
        );
        console.notice(&format!("The safety number with {}:", called(&name)));
        groups.chunks(4).for_each(|row| console.notice(&format!("  {}", row.join(" "))));
        console.notice(&format!("  or as a code: {}", number.code()));
        let state = if verified { "It was compared before." } else { "It was not compared yet." };
        console.notice(state);
        return false;
    }
    let (result, said) = match number.compare(pasted) {
        Comparison::Same => ("same", "The same: nobody stands between you. The key is marked."),
        Comparison::Different => {
            ("different", "NOT the same: somebody may stand between you. Do not trust what is said here.")
        }
        Comparison::Own => ("own", "That is your own code; compare with the one that they see."),
        Comparison::Unclear => ("unclear", "That is neither a number of 60 digits nor a code."),
    };
    console.event("compared", &json!({ "member": member.to_string(), "name": name, "result": result }));
    console.notice(said);
    result == "same"
}

/// Reports that somebody's key differs from the one compared under that name.
fn warn_of_change(console: &mut Console, member: &Fingerprint, room: &Room) {
    let name = room.name_of(member);
    let what = format!("has another key than the one you compared. Compare it with /verify {}.", member.tag());
    console.tell("changed_key", member, &name, Some(&what));
}

fn nobody() -> Problem {
    let what = say!("Nobody with this name is in the room, or more than one person.");
    Problem::new(Code::Usage, what, say!("Use the tag: the first 8 digits of their key. The line was not sent."))
}
